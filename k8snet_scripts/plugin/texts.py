"""Texts: JSON as a call reads and writes it, without the module `json`, whose import takes a tenth of a call.

The work is done by the part of `json` that is written in C.  What is out of the ordinary, mistakes above all, is left to
the module itself.
"""

from __future__ import annotations

from _json import encode_basestring_ascii, make_scanner

from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_SPACE = " \t\n\r"
_MARGIN = "    "


class _Reading:
    """How the scanner is to read."""

    strict = True
    object_hook: Any = None
    object_pairs_hook: Any = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(text: str) -> None:
        raise ValueError(f"there is no {text} in JSON")


_READING: Any = _Reading()
_scan = make_scanner(_READING)


def read_json(text: str) -> Any:
    """The value that a text stands for.  Raises `ValueError` with what is wrong with it, and `RecursionError`."""
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except (StopIteration, SystemError):  # the second where it has no class for the error, as `json` is not imported
        end = start
    if start < end and not text[end:].strip(_SPACE):
        return value
    import json

    return json.loads(text)


def write_json(value: object, margin: str = "") -> str:
    """The text of a value, on lines of their own what is in an object or an array; `margin` is that of the first line."""
    match value:
        case str():
            return encode_basestring_ascii(value)
        case bool() | None:
            return {None: "null", False: "false", True: "true"}[value]
        case int():
            return str(value)
        case {} | [] if not value:
            return "{}" if isinstance(value, dict) else "[]"
        case dict():
            return _enclose("{}", (f"{write_json(key)}: {_inside(value[key], margin)}" for key in value), margin)
        case list() | tuple():
            return _enclose("[]", (_inside(item, margin) for item in value), margin)
    import json

    return json.dumps(value)


def _inside(value: object, margin: str) -> str:
    return write_json(value, margin + _MARGIN)


def _enclose(brackets: str, items: Iterable[str], margin: str) -> str:
    """Items on lines of their own."""
    inner = f"\n{margin}{_MARGIN}"
    return f"{brackets[0]}{inner}{f',{inner}'.join(items)}\n{margin}{brackets[1]}"
