"""Fields: the typed values of one object of a CNI configuration, and what can be wrong with their types.

An `Object` is read key by key.  A value that is missing or wrong comes out as the default, what is wrong goes to the
report, and reading goes on.  As for the reference plugins, a key with the value `null` is not there.

Keys that nobody has asked for are refused by `close`, where the reference ignores them: what it ignores is most often
a slip of the pen.  A `lenient` object ignores them too, and takes keys in any case of letters.
"""

from __future__ import annotations

from k8snet_scripts.diagnostics import Report, close_match
from k8snet_scripts.rules.refusal import Refused, kind_of, show
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal, TypeAlias, TypeVar

    from k8snet_scripts.filtering import Path

    T = TypeVar("T")
    At: TypeAlias = Literal["key", "value"]

PUBLISHED = frozenset(("addIf", "keyA", "nerdctlID", "nerdctlLabels"))
"""Keys without a meaning for any plugin, which stand in configurations that people copy: the one for kubenet in the
documentation of Kubernetes, the one in the CNI specification, and those that nerdctl writes."""

_NO_HINTS: Mapping[str, str] = {}
_UNQUOTE = "write it without the quotes"
JSON_WORDS: Mapping[str, str] = {"a table": "an object", "a list": "an array"}
TOML_WORDS: Mapping[str, str] = {}
"""What the types of values are called, where that is not what the rest of the program calls them."""


class Object:
    """An object of a configuration, at `path`."""

    def __init__(
        self,
        data: Mapping[str, object],
        path: Path,
        report: Report,
        lenient: bool = False,
        words: Mapping[str, str] = JSON_WORDS,
    ) -> None:
        self.path = path
        self.report = report
        self.lenient = lenient
        self.words = words
        self._keys = {key.lower() if lenient else key: key for key, value in data.items() if value is not None}
        self._data = data
        self._known: dict[str, None] = {}

    # What is wrong

    def refuse(self, refused: Refused, path: Path, at: At = "value") -> None:
        """Report why a value cannot stand."""
        where = path if refused.key is None else (*path, refused.key)
        self.report.error(refused.slug, where, refused.message, help=refused.help, at=at)

    def missing(self, key: str, help: str) -> None:
        """Report a key that has to be there."""
        self.report.error("missing-key", self.path, f"`{key}` is missing", help=help, at="key")

    def mistyped(self, path: Path, expected: str, value: object, help: str = "") -> None:
        """Report a value of the wrong type."""
        name = path[-1] if path else "the configuration"
        what = show(name) if isinstance(name, str) else "the item"
        self.report.error("wrong-type", path, f"{what} must be {expected}, not {self.call(kind_of(value))}", help=help)

    def call(self, kind: str) -> str:
        """What a type is called in the notation of the file."""
        return self.words.get(kind, kind)

    def refuse_options(self, *keys: str) -> None:
        """Report each of some options that the reference has and we do not support, if it asks for anything."""
        for key in keys:
            if self.value(key):
                message, help = f"`{key}` is not supported", "take it out"
                self.report.error("unsupported-option", self.where(key), message, help=help, at="key")

    def close(self, hints: Mapping[str, str] = _NO_HINTS) -> None:
        """Report every key that nobody has asked for, with the help that `hints` has for it or else a close match."""
        if self.lenient:
            return
        for key in self.keys:
            if key not in self._known and key not in PUBLISHED:
                help = hints.get(key) or close_match(key, self._known)
                self.report.error("unknown-key", (*self.path, key), f"unknown key {show(key)}", help=help, at="key")

    # Values

    def has(self, key: str) -> bool:
        """Whether the key is there.  From now on it is a known one."""
        self._known[key] = None
        return (key.lower() if self.lenient else key) in self._keys

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that are there."""
        return tuple(self._keys.values())

    def where(self, key: str) -> Path:
        """The path of the value of a key."""
        return (*self.path, self._keys.get(key.lower() if self.lenient else key, key))

    def value(self, key: str) -> object:
        """The value of a key as it was parsed, or None."""
        return self._data[self._keys[key.lower() if self.lenient else key]] if self.has(key) else None

    def flag(self, key: str, default: bool = False) -> bool:
        """`true` or `false`."""
        value = self.value(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            quoted = value in ("true", "false")
            self.mistyped(self.where(key), "a boolean", value, _UNQUOTE if quoted else "write `true` or `false`")
        return default

    def number(self, key: str, low: int, high: int, slug: str, *, zero: bool = False) -> int | None:
        """A whole number from `low` to `high`; with `zero` a 0 is as good as no number."""
        value = self.value(key)
        if value is None or (zero and value == 0 and isinstance(value, int) and not isinstance(value, bool)):
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            quoted = isinstance(value, str) and value.isascii() and value.isdecimal()
            self.mistyped(self.where(key), "an integer", value, _UNQUOTE if quoted else "")
        elif not low <= value <= high:
            help = f"`{key}` is a number from {low} to {high}"
            self.report.error(slug, self.where(key), f"{show(value)} is out of range", help=help)
        else:
            return value
        return None

    def text(self, key: str, read: Callable[[str], T], *, blank: bool = False) -> T | None:
        """What `read` makes of a string; with `blank` an empty one is as good as none."""
        value = self.value(key)
        return None if value is None or (blank and value == "") else self.read(self.where(key), value, read)

    def texts(self, key: str, read: Callable[[str], T]) -> tuple[T, ...]:
        """What `read` makes of each string of an array, without those that were refused."""
        made = [self.read(path, value, read) for path, value in self.items(key, "strings")]
        return tuple([item for item in made if item is not None])

    def word(self, key: str, choices: Iterable[str], slug: str, default: str = "") -> str:
        """One of a few words; an empty string is the default."""

        def choose(text: str) -> str:
            if text not in choices:
                help = close_match(text, choices) or "write " + " or ".join(f"`{choice}`" for choice in choices)
                raise Refused(slug, f"{show(text)} is not a value of `{key}`", help)
            return text

        return self.text(key, choose, blank=True) or default

    def read_key(self, key: str, read: Callable[[str], T]) -> T | None:
        """What `read` makes of a key itself."""
        return self.read(self.where(key), key, read, "key")

    def read(self, path: Path, value: object, read: Callable[[str], T], at: At = "value") -> T | None:
        """What `read` makes of a value that must be a string."""
        if not isinstance(value, str):
            self.mistyped(path, "a string", value)
            return None
        try:
            return read(value)
        except Refused as refused:
            self.refuse(refused, path, at)
            return None

    # Objects and arrays

    def items(self, key: str, of: str) -> list[tuple[Path, object]]:
        """The items of an array, each with its path."""
        value = self.value(key)
        if isinstance(value, list):
            return [((*self.where(key), index), item) for index, item in enumerate(value)]
        if value is not None:
            help = "put brackets around it: `[{ … }]`" if isinstance(value, dict) and of == "objects" else ""
            self.mistyped(self.where(key), f"{self.call('a list')} of {of}", value, help)
        return []

    def below(self, path: Path, value: object) -> Object | None:
        """The object that a value must be."""
        if isinstance(value, dict):
            return Object(value, path, self.report, self.lenient, self.words)
        self.mistyped(path, self.call("a table"), value)
        return None

    def object(self, key: str) -> Object | None:
        """The object under a key."""
        value = self.value(key)
        return None if value is None else self.below(self.where(key), value)

    def objects(self, key: str) -> list[Object]:
        """The objects of an array."""
        found = [self.below(path, value) for path, value in self.items(key, "objects")]
        return [item for item in found if item is not None]
