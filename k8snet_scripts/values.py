"""Values: frozen records with typed fields, like dataclasses, for modules that have to be imported in a moment.

A dataclass generates the code of its methods when its module is imported, half a millisecond for each.  Here all classes
share the methods.  That makes a record slower to make, so this is for those of which there are few.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform


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
