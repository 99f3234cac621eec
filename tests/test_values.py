"""Values behave as frozen dataclasses do."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.values import Value


class Point(Value):
    """Two fields, one with a default."""

    x: int
    y: int = 0


class Other(Value):
    """The same fields."""

    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """What a value is to be like."""

    x: int
    y: int = 0


NUMBERS = st.integers(0, 3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_they_are_like_dataclasses(x: int, y: int, z: int) -> None:
    assert (Point(x, y) == Point(z, y=y)) == (Model(x, y) == Model(z, y=y))
    assert (Point(x) == Point(y, z)) == (Model(x) == Model(y, z))
    assert repr(Point(x, y)) == repr(Model(x, y)).replace("Model", "Point")
    assert Point(x, y).with_(x=z) == Point(z, y)
    assert len({Point(x, y), Point(x, y), Point(x, y=y)}) == 1
    assert Point(x, y) != Other(x, y)


def test_they_do_not_change() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="does not change"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="does not change"):
        del point.y
    assert point == Point(1, 0)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_fields_are_given_once_and_all(values: tuple[int, ...], named: dict[str, int]) -> None:
    for kind in (Point, Model):
        with pytest.raises(TypeError):
            kind(*values, **named)
