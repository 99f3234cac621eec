"""Quoting: words that people gave, as bash reads them, on one line of the table of a script.

In that table two spaces end the command and `#` begins the fact, and by how a command begins a script knows what it may
carry out together with others.  A word that is not plain is therefore written as `$'...'`, which can spell every
character in another way and is used for nothing else: what people gave is never taken for a command of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits

_PLAIN = frozenset(f"{ascii_letters}{digits}_./:,+=@-")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "#": "\\043", "\n": "\\n", "\t": "\\t"}


def quote_words(words: Sequence[str]) -> str:
    """A command as bash reads it, on one line without `#` and without two spaces side by side."""
    return " ".join(map(quote_word, words))


def quote_word(word: str) -> str:
    """One word of such a line; it may hold everything but NUL, as no word of a command can hold that."""
    if word and _PLAIN.issuperset(word):
        return word
    spelt = "".join(map(_spell, word)).replace("  ", " \\040").replace("  ", "\\040 ")
    return f"$'{spelt}'"


def _spell(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())
