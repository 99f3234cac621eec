"""Fields: the typed values of one table of a document, and everything that can be wrong with their types.

A `Table` is read key by key.  A value that is missing or wrong comes out as None (or as no items), what is wrong goes
to the report, and reading goes on.  Texts may hold `{}` below a ranged key, so what is made of them is an `Each`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from k8snet_scripts.diagnostics import Report, close_match
from k8snet_scripts.filtering import Path
from k8snet_scripts.frontend.ranges import Each, PerIndex, Range, Ranges, convert, gather, insert_index, remember
from k8snet_scripts.rules.refusal import Refused, kind_of, show

T = TypeVar("T")
At: TypeAlias = Literal["key", "value"]

_ITEMS = {
    "addresses": '"10.10.0.2/24"',
    "admit": '"10.10.0.0/24"',
    "commands": '{ run = ["tc", …], check = ["test", …] }',
    "fdb": '{ lladdr = "02:00:00:00:00:02", dst = "192.0.2.2" }',
    "masquerade": '"10.10.0.0/24"',
    "neighbours": '{ address = "10.10.0.2", lladdr = "02:00:00:00:00:02" }',
    "publish": '"8080:80"',
    "routes": '{ to = "default", via = "10.10.0.1" }',
}
"""What an item of a list looks like."""

_NO_HINTS: Mapping[str, str] = MappingProxyType({})


@dataclass
class Document:
    """What all tables of one document share."""

    report: Report
    ranges: Ranges = field(default_factory=Ranges)
    automatic: dict[Path, int] = field(default_factory=dict)
    """Where "auto" stands in `addresses`, by the path of the interface; all indices of a range share a path."""


class Table:
    """A table of a document, at `path`.  `ranged` says whether a key on the way there has a range."""

    def __init__(self, data: Mapping[object, object], path: Path, document: Document, ranged: bool = False) -> None:
        self.data = {key: value for key, value in data.items() if isinstance(key, str)}
        self.path = path
        self.document = document
        self.ranged = ranged
        self._known: dict[str, None] = {}
        for key in data:
            if not isinstance(key, str):
                self.error("wrong-type", path, f"a key must be a string, not {kind_of(key)}")

    # What is wrong

    def error(
        self, slug: str, path: Path, message: str, help: str = "", *, at: At = "value", see: Path | None = None
    ) -> None:
        """Report something about a path; `see` is the other place that has to do with it."""
        note = "the other one is at" if see else ""
        self.document.report.error(slug, path, message, help=help, at=at, see=see, see_note=note)

    def missing(self, key: str, help: str) -> None:
        """Report a key that has to be there."""
        self.error("missing-key", self.path, f"`{key}` is missing", help, at="key")

    def mistyped(self, path: Path, expected: str, value: object, help: str = "") -> None:
        """Report a value of the wrong type."""
        name = path[-1] if path else "the document"
        what = show(name) if isinstance(name, str) else f"an item of {show(path[-2])}"
        self.error("wrong-type", path, f"{what} must be {expected}, not {kind_of(value)}", help or _example(path))

    def close(self, hints: Mapping[str, str] = _NO_HINTS) -> None:
        """Report every key that nobody has asked for, with the help that `hints` has for it or else a close match."""
        for key in self.data:
            if key not in self._known:
                help = hints.get(key) or close_match(key, self._known)
                self.error("unknown-key", (*self.path, key), f"unknown key {show(key)}", help, at="key")

    def guard(self, path: Path, make: Callable[..., T], at: At = "value") -> Callable[..., T | None]:
        """`make`, except that what it refuses is reported, once however often it is called, and comes out as None."""
        told = False

        def guarded(*values: object, **named: object) -> T | None:
            nonlocal told
            try:
                return make(*values, **named)
            except Refused as refused:
                if not told:
                    where = path if refused.key is None else (*path, refused.key)
                    self.error(refused.slug, where, refused.message, refused.help, at=at)
                told = True
                return None

        return guarded

    # Plain values

    def has(self, key: str) -> bool:
        """Whether the key is there.  From now on it is a known one."""
        self._known[key] = None
        return key in self.data

    def boolean(self, key: str) -> bool | None:
        """`true` or `false`."""
        if not self.has(key):
            return None
        value = self.data[key]
        if isinstance(value, bool):
            return value
        self.mistyped((*self.path, key), "a boolean", value, "write `true` or `false`")
        return None

    def integer(self, key: str, low: int, high: int, slug: str) -> int | None:
        """A whole number from `low` to `high`."""
        if not self.has(key):
            return None
        path, value = (*self.path, key), self.data[key]
        if not isinstance(value, int) or isinstance(value, bool):
            quoted = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20
            self.mistyped(path, "an integer", value, f"write `{key} = {value}`" if quoted else "")
            return None
        if not low <= value <= high:
            self.error(slug, path, f"{show(value)} is out of range", f"`{key}` is a number from {low} to {high}")
            return None
        return value

    def items(self, key: str, expected: str) -> Iterator[tuple[Path, object]]:
        """The items of a list, each with its path."""
        if not self.has(key):
            return
        path, value = (*self.path, key), self.data[key]
        if isinstance(value, list):
            yield from (((*path, index), item) for index, item in enumerate(value))
        else:
            alone = isinstance(value, str) and expected != "tables"
            help = f'write `{key} = ["{show(value)[1:-1]}"]`' if alone else ""
            self.mistyped(path, f"a list of {expected}", value, help)

    # Texts

    def text(self, key: str, read: Callable[[str], T]) -> Each[T | None]:
        """What `read` makes of a string."""
        return self.read((*self.path, key), self.data[key], read) if self.has(key) else None

    def texts(self, key: str, read: Callable[[str], T]) -> Each[tuple[T, ...]]:
        """What `read` makes of each string of a list."""
        return gather([self.read(path, value, read) for path, value in self.items(key, "strings")])

    def read(
        self, path: Path, value: object, read: Callable[[str], T], at: At = "value", expected: str = "a string"
    ) -> Each[T | None]:
        """What `read` makes of a value that must be a string; for each index, if it holds `{}`."""
        if not isinstance(value, str):
            self.mistyped(path, expected, value)
            return None
        guarded = self.guard(path, read, at)
        if "{}" not in value:
            return guarded(value)
        if self.ranged:
            return convert(guarded, insert_index(value))
        help = '`{}` is the index of a range around it, as in `[namespaces."node{1..100}"]`'
        self.error("stray-braces", path, f"{show(value)} holds `{{}}`, but stands below no range", help, at=at)
        return None

    # Tables

    def below(self, path: Path, value: object, ranged: bool) -> Table | None:
        """The table that a value must be."""
        if isinstance(value, dict):
            return Table(value, path, self.document, ranged)
        self.mistyped(path, "a table", value)
        return None

    def table(self, key: str) -> Table | None:
        """The table under a key."""
        return self.below((*self.path, key), self.data[key], self.ranged) if self.has(key) else None

    def tables(self, key: str) -> list[Table]:
        """The tables of a list."""
        found = [self.below(path, value, self.ranged) for path, value in self.items(key, "tables")]
        return [table for table in found if table is not None]

    def entries(
        self,
        key: str,
        check: Callable[[str], str],
        build: Callable[[Table, Each[str | None]], Each[T | None]],
    ) -> Each[tuple[T, ...]]:
        """What `build` makes of each table in the table under a key and of its name; ranges are spelled out.

        An entry whose name is refused is built with None for a name and left out, so that its errors are seen too.
        """
        parts: list[Each[T | None]] = []
        parent = self._named_tables(key)
        for name, value in parent.data.items() if parent else ():
            path = (*self.path, key, name)
            table = self.below(path, value, self.ranged or "{" in name)
            if table is None:
                continue
            span, named = self._named(path, name, check)
            made = build(table, named)
            if span and isinstance(made, PerIndex):
                parts += map(made.at, span.indices())
            elif named is not None:
                parts.append(made)
        return gather(parts)

    def _named_tables(self, key: str) -> Table | None:
        """The table under a key, which has a table for each name, and is no list of them."""
        value = self.data.get(key)
        if not isinstance(value, list):
            return self.table(key)
        self._known[key] = None
        self.mistyped(
            (*self.path, key), "a table", value, f"write `{key}.NAME = {{ … }}` for each, with its name for NAME"
        )
        return None

    def _named(self, path: Path, key: str, check: Callable[[str], str]) -> tuple[Range | None, Each[str | None]]:
        """The range in a key, and the name or names that the key stands for."""
        try:
            span = self.document.ranges.read(key)
        except Refused as refused:
            self.error(refused.slug, path, refused.message, refused.help, at="key")
            return None, None
        if span is None:
            return None, self.read(path, key, check, "key")
        if self.ranged:
            help = "name it with `{}`, the index of the range above, or write the tables out"
            self.error("nested-range", path, f"{show(key)} is a range below a range", help, at="key")
            return None, None
        guarded = self.guard(path, check, "key")
        return span, remember(convert(guarded, PerIndex(span.key)))


def _example(path: Path) -> str:
    """What could stand there, if it is a list or one of its items."""
    if path and path[-1] in _ITEMS:
        return f"write `{path[-1]} = [{_ITEMS[str(path[-1])]}]`, say"
    if len(path) > 1 and path[-2] in _ITEMS:
        return f"write `{_ITEMS[str(path[-2])]}`, say"
    return ""
