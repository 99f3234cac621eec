"""Ranges: a key `node{1..100}` stands for a hundred keys, and `{}` below it for the index.

However many indices there are, a table below such a key is read once.  What holds no `{}` becomes a plain value that
all indices share; what holds one becomes a `PerIndex`, which gives the value for an index when asked.  `combine` and
`gather` make larger values out of both kinds and stay plain as long as all their parts are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar

from k8snet_scripts.moulds import Mould, find_mould
from k8snet_scripts.rules.refusal import Refused, show

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MOST_ITEMS = 1_000_000
"""How many keys all the ranges of a document may stand for together."""

_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")
_DIGITS = 9
_HELP = "write one range of whole numbers, as in `node{1..100}` or `node{001..100}`"


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a key: what stands before and after it, its first and last index, and how many digits to pad to."""

    before: str
    after: str
    first: int
    last: int
    width: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def indices(self) -> Iterator[str]:
        """Every index as text, with its leading zeros."""
        return (f"{index:0{self.width}}" for index in range(self.first, self.last + 1))

    def key(self, index: str) -> str:
        """The key that an index stands for."""
        return f"{self.before}{index}{self.after}"


class Ranges:
    """The ranges of one document, counted so that a short text cannot ask for endless work."""

    def __init__(self) -> None:
        self._items = 0

    def read(self, key: str) -> Range | None:
        """The range in a key, or None when it holds none (`{}` is none).

        As in a shell, `{01..10}` pads every index with zeros to as many digits as the longer of its limits has.

        Raises `Refused`: limits that are no whole numbers or the wrong way round, more than one range in a key, more
        than `MOST_ITEMS` keys in the document.
        """
        if not any(brace in key.replace("{}", "") for brace in "{}"):
            return None
        found = _RANGE.search(key)
        if not found:
            raise Refused("bad-range", f"the braces in {show(key)} hold no range", _HELP)
        before, after = key[: found.start()], key[found.end() :]
        if any(brace in before + after for brace in "{}"):
            raise Refused("bad-range", f"{show(key)} has more braces than those of one range", _HELP)
        first, last = found.groups()
        if len(first) > _DIGITS or len(last) > _DIGITS:
            raise Refused("bad-range", f"an index in {show(key)} has more than {_DIGITS} digits", "use smaller numbers")
        if int(last) < int(first):
            raise Refused(
                "bad-range", f"the range in {show(key)} ends before it begins", f"write `{{{last}..{first}}}`"
            )
        padded = any(len(limit) > 1 and limit.startswith("0") for limit in (first, last))
        result = Range(before, after, int(first), int(last), max(len(first), len(last)) if padded else 1)
        self._items += len(result)
        if self._items > MOST_ITEMS:
            self._items -= len(result)
            raise Refused(
                "bad-range",
                f"with {show(key)} the ranges of this document stand for more than {MOST_ITEMS:,} keys",
                "make the range smaller",
            )
        return result


@dataclass(frozen=True, slots=True)
class PerIndex(Generic[T_co]):
    """A value that is another for each index of the range around it: `at("07")` is the one for index 07.

    It is None for an index that it was refused for.
    """

    at: Callable[[str], T_co | None]


Each: TypeAlias = T | PerIndex[T]
"""A value that all indices share, or one for each."""


def insert_index(text: str) -> PerIndex[str]:
    """The text with each index in place of its `{}`."""
    return PerIndex(lambda index: text.replace("{}", index))


def convert(make: Callable[[S], T | None], value: Each[S]) -> Each[T | None]:
    """`make(value)`: made now, or for each index."""
    if not isinstance(value, PerIndex):
        return make(value)
    at = value.at

    def convert_at(index: str) -> T | None:
        part = at(index)
        return None if part is None else make(part)

    return PerIndex(convert_at)


def remember(value: Each[T | None]) -> Each[T | None]:
    """The same value, for one that several others are made of: what it is for the latest index is kept."""
    return PerIndex(lru_cache(maxsize=1)(value.at)) if isinstance(value, PerIndex) else value


def combine(make: Callable[..., T], **parts: object) -> Each[T]:
    """`make(**parts)`: made now if all parts are plain, else for each index that no part was refused for."""
    varying = {name: part.at for name, part in parts.items() if isinstance(part, PerIndex)}
    if not varying:
        return make(**parts)
    if is_dataclass(make):
        return _combine_fields(find_mould(make), parts, varying)
    shared = {name: part for name, part in parts.items() if name not in varying}

    def combine_at(index: str) -> T | None:
        values = shared.copy()
        for name, at in varying.items():
            part = at(index)
            if part is None:
                return None
            values[name] = part
        return make(**values)

    return PerIndex(combine_at)


def _combine_fields(
    mould: Mould[T], parts: Mapping[str, object], varying: Mapping[str, Callable[[str], object]]
) -> PerIndex[T]:
    """The same for the fields of a dataclass, which are looked up once."""
    pattern = [parts[name] if name in parts else mould.defaults[name] for name in mould.places]
    changing = [(mould.places[name], at) for name, at in varying.items()]

    def combine_at(index: str) -> T | None:
        values = pattern.copy()
        for place, at in changing:
            part = values[place] = at(index)
            if part is None:
                return None
        return mould.cast(values)

    return PerIndex(combine_at)


def gather(parts: Iterable[Each[T | None]]) -> Each[tuple[T, ...]]:
    """All parts in a tuple, without those that were refused."""
    known = [part for part in parts if part is not None]
    plain = [part for part in known if not isinstance(part, PerIndex)]
    if len(plain) == len(known):
        return tuple(plain)

    def gather_at(index: str) -> tuple[T, ...]:
        values = [part.at(index) if isinstance(part, PerIndex) else part for part in known]
        return tuple([value for value in values if value is not None])

    return PerIndex(gather_at)
