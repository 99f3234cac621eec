"""Moulds make what the classes themselves make."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.moulds import alter, find_mould
from k8snet_scripts.topology import Bridge, End, Interface, Namespace, Route, Veth


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """Two fields, one with a default."""

    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Named(Point):
    """A third field."""

    name: str = ""


NUMBERS = st.integers(0, 3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_is_cast_is_as_if_it_was_made(x: int, y: int, z: int) -> None:
    cast = find_mould(Named).cast((x, y, "a"))
    assert cast == Named(x, y, "a")
    assert hash(cast) == hash(Named(x, y, "a"))
    assert repr(cast) == repr(Named(x, y, "a"))
    assert type(cast) is Named
    assert alter(cast, y=z) == dataclasses.replace(cast, y=z)
    assert cast == Named(x, y, "a")


@pytest.mark.parametrize("kind", [Bridge, End, Interface, Namespace, Route, Veth], ids=lambda kind: kind.__name__)
def test_parts_of_the_model_can_be_cast(kind: type) -> None:
    values = range(len(dataclasses.fields(kind)))
    cast = find_mould(kind).cast(values)
    assert type(cast) is kind
    assert cast == kind(*values)


def test_what_is_cast_does_not_change() -> None:
    point = find_mould(Point).cast((1, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.y
    assert point == Point(1, 2)


@pytest.mark.parametrize("values", [(1,), (1, 2, 3)])
def test_all_values_are_given(values: tuple[int, ...]) -> None:
    with pytest.raises(TypeError):
        find_mould(Point).cast(values)


def test_a_field_that_is_changed_is_there() -> None:
    with pytest.raises(KeyError, match="z"):
        alter(Point(1), z=2)
