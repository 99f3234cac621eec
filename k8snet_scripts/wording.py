"""Wording: what a text may be made of, tested without the module `re`, whose import takes as long as thirty of ours.

What every call of the plugin asks is asked by functions; for all else there are patterns that wait until they are
needed.
"""

from __future__ import annotations

from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    import re

DIGITS = "0123456789"
PLAIN = f"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz{DIGITS}"
"""The letters and digits of ASCII."""


def is_made_of(text: str, first: str, others: str) -> bool:
    """Whether a text begins with one of some characters and has, behind that, only those and `others`."""
    return text[:1] in first and text != "" and not text.strip(first + others)


def is_number(text: str, digits: int) -> bool:
    """Whether a text is a number of at most so many digits, and spelt as numbers are printed."""
    return 0 < len(text) <= digits and not text.strip(DIGITS) and (text == "0" or text[0] != "0")


class Pattern:
    """A regular expression that is compiled when it is asked for the first time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._compiled: re.Pattern[str] | None = None

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text."""
        if self._compiled is None:
            import re

            self._compiled = re.compile(self._text)
        return self._compiled.fullmatch(text)
