"""Moulds: frozen dataclasses made by the thousand.

A frozen dataclass gets each of its fields past its own ban on setting any, which takes ten times as long as setting it.
A mould makes an object of a class with the same fields and no such ban, and then turns it into what is wanted:
to read a range of thousands takes half the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields, make_dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Mould(Generic[T]):
    """What makes objects of `kind`, a frozen dataclass with slots and at least two fields."""

    def __init__(self, kind: type[Any]) -> None:
        known = fields(kind)
        self.defaults = {field.name: field.default for field in known if field.default is not MISSING}
        self.places = {field.name: place for place, field in enumerate(known)}
        self._values = attrgetter(*self.places)
        self._kind = kind
        body = {
            "__slots__": vars(kind)["__slots__"],
            "__init__": vars(make_dataclass(kind.__name__, self.places))["__init__"],
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,  # with its own ban on deleting, setting would be as slow
        }
        self._soft: Any = type(kind.__name__, kind.__bases__, body)

    def cast(self, values: Iterable[object]) -> T:
        """The object with these values, one for each field, in order."""
        made = self._soft(*values)
        made.__class__ = self._kind
        return made  # type: ignore[no-any-return] # it is one now

    def alter(self, made: T, **changes: object) -> T:
        """The same as `dataclasses.replace`."""
        values = list(self._values(made))
        for name, value in changes.items():
            values[self.places[name]] = value
        return self.cast(values)


_MOULDS: dict[type[Any], Mould[Any]] = {}


def find_mould(kind: type[Any]) -> Mould[Any]:
    """The mould of a class, made once."""
    if kind not in _MOULDS:
        _MOULDS[kind] = Mould(kind)
    return _MOULDS[kind]


def alter(made: T, **changes: object) -> T:
    """The same as `dataclasses.replace`, and faster where there are many of one kind."""
    mould: Mould[T] = find_mould(type(made))
    return mould.alter(made, **changes)


def complete(made: object, field: str, value: object) -> None:
    """Set a field of an object that has just been made, and that nobody takes for complete yet."""
    object.__setattr__(made, field, value)
