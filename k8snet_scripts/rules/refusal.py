"""Refusals: why one value cannot stand, said by code that does not know where it was written.

What reads a name, an address or an option raises `Refused`; whoever knows the place turns that into a finding.
"""

from __future__ import annotations

from k8snet_scripts.diagnostics import visible

_LONGEST = 60  # characters of a value that a message repeats


class Refused(ValueError):
    """A value breaks the rule `slug`.  `key` is the key below the place in question, when the place is a table."""

    def __init__(self, slug: str, message: str, help: str = "", *, key: str | int | None = None) -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.help = help
        self.key = key


def show(value: object) -> str:
    """What the user wrote, for a message: in backticks if it is short enough to repeat, else in words.

    Long texts are cut, and nothing in the result is obeyed by a terminal.
    """
    if isinstance(value, str):
        return f"`{visible(value if len(value) <= _LONGEST else value[:_LONGEST] + '…')}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value}`" if abs(value) < 10**20 else "a huge integer"
    if isinstance(value, float):
        return f"`{value}`"
    return kind_of(value)


def kind_of(value: object) -> str:
    """What type a value of a document has, in words."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a decimal number"
    return "nothing" if value is None else "a date or time"
