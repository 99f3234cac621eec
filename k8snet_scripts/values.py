"""Values: frozen records with typed fields, like dataclasses and named tuples, for modules to be imported in a moment.

A dataclass generates the code of its methods when its module is imported, half a millisecond for each, and so does a
named tuple.  Here all classes share the methods.  That makes a record slower to make, so `Value` is for those of which
there are few.  `typing` is not imported either: that takes as long as ten of our modules.
"""

from __future__ import annotations

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "Value"]

TYPE_CHECKING = False
"""That of `typing`: true where types are checked, and nowhere else."""

if TYPE_CHECKING:
    from typing import Any, ClassVar, NamedTuple, Protocol, Self, dataclass_transform
else:
    from _collections import _tuplegetter  # what the fields of a named tuple are

    Protocol = object

    def dataclass_transform(**_):
        """Say nothing to those who do not check types."""
        return lambda decorated: decorated

    class _NamedTuples(type):
        """The class of all classes that have the fields which their bodies annotate, some with defaults."""

        def __new__(meta, name, bases, body):
            if "__annotations__" not in body and tuple not in bases:
                return super().__new__(meta, name, bases, {"__slots__": (), **body})  # with the fields of its base
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            getters = {field: _tuplegetter(place, field) for place, field in enumerate(fields)}
            own = {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
            return super().__new__(meta, name, bases, {**body, **getters, **own})

    class NamedTuple(tuple, metaclass=_NamedTuples):
        """What `typing.NamedTuple` makes, as far as we use it."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._complete(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            """The values of all fields, by place, name or default."""
            given = dict(zip(cls._fields, values, strict=False))
            if len(values) > len(cls._fields) or given.keys() & named.keys() or named.keys() - set(cls._fields):
                raise TypeError(f"{cls.__name__} does not take these arguments")
            given = {**cls._field_defaults, **given, **named}
            missing = [name for name in cls._fields if name not in given]
            if missing:
                raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
            return [given[name] for name in cls._fields]

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"


@dataclass_transform(frozen_default=True)
class Value:
    """The base of records: fields are declared as in a dataclass, and compared, hashed and shown as there."""

    _defaults: ClassVar[dict[str, Any]] = {}
    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._names = tuple(cls.__annotations__)
        cls._defaults = {name: vars(cls)[name] for name in cls._names if name in vars(cls)}

    def __init__(self, *values: Any, **named: Any) -> None:
        names = self._names
        given = dict(zip(names, values, strict=False))
        if len(values) > len(names) or given.keys() & named.keys() or not named.keys() <= set(names):
            raise TypeError(f"{type(self).__name__} does not take these arguments")
        given |= named
        missing = [name for name in names if name not in given and name not in self._defaults]
        if missing:
            raise TypeError(f"{type(self).__name__} lacks {', '.join(missing)}")
        self.__dict__.update({name: given[name] if name in given else self._defaults[name] for name in names})

    def with_(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"
