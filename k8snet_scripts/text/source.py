"""A source: a topology file as it was read, what it means, and where in it each thing is said."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, cast

from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Path
from k8snet_scripts.text.positions import Node, Position, Scan, Span, scan
from k8snet_scripts.text.syntax import (
    Complaint,
    complain_of_repeat,
    explain_json,
    explain_toml,
    unquote_json,
    unquote_toml,
)

Format = Literal["toml", "json"]

DEPTH = 64
"""How many tables and arrays may stand inside each other, and how many parts a dotted key may have."""

_LONG_KEY = re.compile(
    rf"""^[ \t]*+\[?\[?[ \t]*+ ( (?: (?: [A-Za-z0-9_-]++ | "[^"\n]*+" | '[^'\n]*+' ) [ \t]*+\.[ \t]*+ ){{{DEPTH}}} )""",
    re.VERBOSE | re.MULTILINE,
)
_LONG_INTEGER = re.compile(r"[0-9_]{1000,}")
_TOO_LARGE, _SMALLER = "the integer does not fit into 64 bits", "write a smaller number"
_SURROGATE_HELP = "`\\ud800` to `\\udfff` stand for a character in pairs only"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Source:
    """A file as it was read.

    `name` is what diagnostics call it, `text` its content with `\\n` line ends, `data` what it says (empty if it cannot
    be parsed), `digest` the SHA-256 of its bytes in hexadecimal.
    """

    name: str
    text: str
    data: dict[str, object]
    digest: str
    format: Format = "toml"

    def locate(self, path: Path, at: Literal["key", "value"] = "value", part: str = "") -> Position:
        """Where the key or the value at a path stands, or the first `part` of it if that is found in there.

        What is not in the source is located at the value of the deepest table round it that is.
        """
        node = self._scan.root
        for name in path:
            if name not in node.children:
                return self.position(node.value)
            node = node.children[name]
        start, end = node.key if at == "key" and path and isinstance(path[-1], str) else node.value
        if part and (found := self.text.find(part, start, end)) >= 0:
            start, end = found, found + len(part)
        return self.position((start, end))

    def position(self, span: Span) -> Position:
        """The position of a span of offsets into the text."""
        start, end = span
        line = bisect_right(self._line_starts, start)
        return Position(line, start - self._line_starts[line - 1] + 1, end - start)

    def scan(self) -> Scan:
        """The positions of all keys and values; the text must be valid."""
        return scan(self.text, unquote_json if self.format == "json" else unquote_toml)

    @cached_property
    def _scan(self) -> Scan:
        return self.scan() if self.data else Scan(Node((0, 0), (0, 0)))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]


def read_source(name: str, raw: bytes, format: Format | None = None) -> tuple[Source, Report]:
    """Parse the bytes of a file called `name` (`-` for standard input).

    Without a `format` the suffix decides, `.json` or `.toml`, else the first character: `{` means JSON.  What is wrong
    with the notation is in the report, and then `data` is empty.
    """
    digest = hashlib.sha256(raw).hexdigest()
    report = Report()
    try:
        text = _plain(raw.decode())
    except UnicodeDecodeError as error:
        source = Source(name, _plain(raw.decode(errors="backslashreplace")), {}, digest)
        start, bad = len(_plain(raw[: error.start].decode())), raw[error.start : error.end]
        position = source.position((start, start + len(bad.decode(errors="backslashreplace"))))
        help = "save the file as UTF-8" + (", not UTF-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "")
        report.error("not-utf8", (), f"`0x{bad[0]:02x}` is not UTF-8 text", help=help, position=position)
        return source, report
    source = Source(name, text, {}, digest, format or _format(name, text))
    data = _parse(source, report)
    if data is not None:
        source = replace(source, data=data)
        _check_limits(source, report)
    return (source if report.ok else replace(source, data={})), report


def _plain(text: str) -> str:
    """The text without a byte order mark, its lines ended as on Unix."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _format(name: str, text: str) -> Format:
    if name.endswith((".json", ".toml")):
        return "json" if name.endswith(".json") else "toml"
    return "json" if text.lstrip().startswith("{") else "toml"


def _parse(source: Source, report: Report) -> dict[str, object] | None:
    """What the text says; or None, and a finding."""
    try:
        data = _parse_json(source) if source.format == "json" else _parse_toml(source)
    except RecursionError:
        data = Complaint("tables and arrays are nested too deep", f"nest at most {DEPTH} of them", (0, 0), "limits")
    except json.JSONDecodeError as error:
        data = explain_json(error, source.text)
    except tomllib.TOMLDecodeError as error:
        data = explain_toml(error, source.text)
    except ValueError:  # Python refuses to convert an integer of thousands of digits
        if not (digits := _LONG_INTEGER.search(source.text)):
            raise
        data = Complaint(_TOO_LARGE, _SMALLER, digits.span(), "limits")
    if not isinstance(data, Complaint):
        return data
    report.error(data.slug, (), data.message, help=data.help, position=source.position(data.span))
    return None


def _parse_toml(source: Source) -> dict[str, object] | Complaint:
    # tomllib takes memory by the square of the number of parts.
    if long_key := _LONG_KEY.search(source.text):
        return Complaint("the key has too many parts", f"give it at most {DEPTH}", long_key.span(1), "limits")
    return tomllib.loads(source.text)


def _parse_json(source: Source) -> dict[str, object] | Complaint:
    unique = True

    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal unique
        made = dict(pairs)
        unique = unique and len(made) == len(pairs)
        return made

    data = json.loads(source.text, object_pairs_hook=table)
    if not isinstance(data, dict):
        start = len(source.text) - len(source.text.lstrip())
        return Complaint("the top level is not an object", "put everything inside one `{…}`", (start, start + 1))
    return data if unique else complain_of_repeat(source.text, source.scan())


def _check_limits(source: Source, report: Report) -> None:
    """Refuse what both notations let through and nothing after them can hold."""

    def refuse(path: Path, message: str, help: str = "", at: Literal["key", "value"] = "value") -> None:
        report.error("limits", path, message, help=help, position=source.locate(path, at))

    containers: list[tuple[Path, object]] = [((), source.data)]
    for path, container in containers:  # it grows as we go
        items = container.items() if isinstance(container, dict) else enumerate(cast(list[object], container))
        for key, value in items:
            if isinstance(value, str):
                if not value.isascii() and _SURROGATE.search(value):
                    refuse((*path, key), "the string is not Unicode text", _SURROGATE_HELP)
            elif isinstance(value, dict | list):
                if len(path) + 1 < DEPTH:
                    containers.append(((*path, key), value))
                else:
                    refuse((*path, key), "tables and arrays are nested too deep", f"nest at most {DEPTH} of them")
            elif isinstance(value, int):
                if not -(2**63) <= value < 2**63:
                    refuse((*path, key), _TOO_LARGE, _SMALLER)
            elif isinstance(value, float) and not math.isfinite(value):
                refuse((*path, key), "the number is not finite", _SMALLER)
            if isinstance(key, str) and not key.isascii() and _SURROGATE.search(key):
                refuse((*path, key), "the key is not Unicode text", _SURROGATE_HELP, "key")
