"""TOML: tables as text, of the few types that a topology file is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from k8snet_scripts.filtering import Path

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]

_WIDTH = 100  # columns that a list or a table on one line may take
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in map(chr, [*range(0x20), 0x7F])} | {
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}


def write_table(path: Path, values: Mapping[str, Value]) -> Iterator[str]:
    """The lines of a table with its header, which the table at the top has none of.

    A table inside it stands on one line if it fits there, else it follows with a header of its own.
    """
    below: dict[str, Mapping[str, Value]] = {}
    if path:
        yield ""
        yield f"[{'.'.join(write_key(str(key)) for key in path)}]"
    for key, value in values.items():
        line = f"{write_key(key)} = {write_value(value)}"
        if len(line) <= _WIDTH:
            yield line
        elif isinstance(value, Mapping):
            below[key] = value
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield f"{write_key(key)} = ["
            yield from (f"    {write_value(item)}," for item in value)
            yield "]"
        else:
            yield line
    for key, table in below.items():
        yield from write_table((*path, key), table)


def write_value(value: Value) -> str:
    """A value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{write_key(key)} = {write_value(item)}' for key, item in value.items())} }}"
    return f"[{', '.join(map(write_value, value))}]"


def write_key(key: str) -> str:
    """A key, quoted unless it is plain."""
    return key if _BARE.fullmatch(key) else write_value(key)
