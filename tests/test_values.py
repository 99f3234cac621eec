"""Values behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.values import NamedTuple, Value


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


class Place(NamedTuple):
    """A named tuple of ours."""

    x: int
    y: int = 0

    @property
    def sum(self) -> int:
        """What a method of it can do."""
        return self.x + self.y


class Known(typing.NamedTuple):
    """What it is to be like."""

    x: int
    y: int = 0


@given(NUMBERS, NUMBERS, NUMBERS)
def test_named_tuples_are_like_those_of_typing(x: int, y: int, z: int) -> None:
    for ours, known in ((Place(x), Known(x)), (Place(x, y), Known(x, y)), (Place(y=y, x=x), Known(y=y, x=x))):
        assert ours == tuple(ours) == tuple(known)
        assert hash(ours) == hash(known)
        assert (ours.x, ours.y, ours.sum) == (known.x, known.y, sum(known))
        assert repr(ours) == repr(known).replace("Known", "Place")
        assert ours._replace(y=z) == tuple(known._replace(y=z))
        assert ours._asdict() == known._asdict()
        assert Place._make(ours) == pickle.loads(pickle.dumps(ours)) == copy.copy(ours) == ours
        assert type(copy.copy(ours)) is type(pickle.loads(pickle.dumps(ours))) is Place
    assert Place._fields == Known._fields
    match Place(x, y):
        case Place(first, y=second):
            assert (first, second) == (x, y)


@pytest.mark.parametrize("values, named", [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_a_named_tuple_takes_its_fields_only(values: tuple[int, ...], named: dict[str, int]) -> None:
    for kind in (Place, Known):
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_a_named_tuple_does_not_change() -> None:
    for kind in (Place, Known):
        with pytest.raises(AttributeError):
            setattr(kind(1), "x", 2)  # noqa: B010
        with pytest.raises(AttributeError):
            setattr(kind(1), "z", 2)  # noqa: B010
