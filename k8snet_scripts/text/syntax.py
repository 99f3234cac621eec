"""What is wrong with a text that is not TOML or not JSON, in words that tell how to mend it.

The standard library's parsers name the token they stumbled over.  From it, and from what stands there, this module
finds the mistake that a person most likely made.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import NamedTuple

from k8snet_scripts.text.positions import Scan, Span, scan


class Complaint(NamedTuple):
    """What is wrong, what to write instead (may be empty), the offsets of the offending text, and the rule's slug."""

    message: str
    help: str
    span: Span
    slug: str = "syntax"


def unquote_toml(key: str) -> str:
    """The name that a quoted TOML key stands for."""
    return next(iter(tomllib.loads(f"{key} = 0")))


def unquote_json(key: str) -> str:
    """The name that a quoted JSON key stands for."""
    return str(json.loads(key))


def complain_of_repeat(text: str, scan: Scan) -> Complaint:
    """About the first key of a scanned text that was given before.  There must be one."""
    node, span = scan.repeats[0]
    line = text.count("\n", 0, node.key[0]) + 1
    return Complaint(f"{_quoted(text, span)} is given twice", f"it is on line {line} already: keep one of them", span)


# TOML: what tomllib says (the beginning of it), what we say, and what helps in most cases.
_TOML = {
    "Invalid statement": ("a key or a `[table]` is expected", ""),
    "Expected newline or end of document": ("the end of the line is expected", "write one `key = value` a line"),
    "Found invalid character": ("a control character in a comment", "take it out"),
    "Expected ']' at the end of a table": ("`]` is expected at the end of the table's name", ""),
    "Expected ']]' at the end of an array": ("`]]` is expected at the end of the table's name", ""),
    "Expected '=' after a key": ("`=` is expected after the key", "write `key = value`"),
    "Invalid initial character for a key": ("a key is expected", "write a key with odd characters in quotes"),
    "Unclosed array": ("`,` or `]` is expected", "separate the items of an array by commas, and end it with `]`"),
    "Unclosed inline table": (
        "`,` or `}` is expected",
        "separate the pairs of an inline table by commas, and end it with `}` on the same line",
    ),
    "Unescaped '\\' in a string": (
        "an escape that TOML does not have",
        "write `\\\\` for a backslash, or put the string in single quotes",
    ),
    "Invalid hex value": (
        "an escape without its hexadecimal digits",
        "write `\\u` and four digits, or `\\U` and eight",
    ),
    "Escaped character is not a Unicode scalar": ("an escape for a character that Unicode does not have", ""),
    "Unterminated string": ("the string is not closed", "end it with the quotes that it begins with"),
    "Illegal character '\\n'": ("the string is not closed on its line", "end it with the quote that it begins with"),
    "Illegal character": ("a control character in a string", "write it as an escape, `\\n` or `\\u001b`"),
    "Invalid date or datetime": ("a date or time that does not exist", ""),
    "Invalid value": (
        "a value is expected",
        "write a string in quotes, a number, `true`, `false`, an array or a table",
    ),
    "Expected": ("the rest of a value is missing", ""),
}
_AFTER_ODD_KEY = ("Expected ']", "Expected '='", "Invalid initial", "Invalid statement")
_AFTER_WORD = ("Invalid value", "Expected newline", "Unclosed")
_REFUSED_KEY = ("Cannot ", "Duplicate inline table key")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_BARE = r"A-Za-z0-9_-"
_BARE_CHARACTER = re.compile(rf"[{_BARE}]")
_BRACES = r"\{[^\s{}]*+\}"
_ODD_KEY = re.compile(
    rf"""[{_BARE}]*+(?:{_BRACES}|[^\s\x00-\x1f.,=\"'#\[\]{{}}])(?:{_BRACES}|[^\s.,=\"'#\[\]{{}}])*+"""
)
_WORD = re.compile(r"[^\s\x00-\x1f,=\"'#\[\]{}]+")
_BOOLEAN = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def explain_toml(error: tomllib.TOMLDecodeError, text: str) -> Complaint:
    """The complaint that tomllib's error about a text comes to."""
    said, at = _toml_place(str(error), text)
    span = _one(text, at)
    if said.startswith(_REFUSED_KEY):
        return _refused_key(text[:at])
    message, help = next((ours for theirs, ours in _TOML.items() if said.startswith(theirs)), (_reworded(said), ""))
    if said.startswith("Expected \"'"):  # none is left, so the last one there is begins the string
        message, help, span = *_TOML["Unterminated string"], _one(text, text.rindex("'"))
    elif said.startswith("Found invalid") and text.startswith("\n", at):
        message, help = _TOML["Illegal character '\\n'"]
    elif said.startswith("Invalid statement") and text.lstrip().startswith("{"):
        help = "this looks like JSON: call the file `.json`"
    elif said.startswith("Invalid initial") and text.startswith(("}", "\n"), at):
        help = "an inline table stands on one line, without a comma at its end"
    elif said.startswith(_AFTER_ODD_KEY) and (odd := _odd_key(text, at)):
        name = text[slice(*odd)]
        if name.endswith(":"):
            help = "write `=` between a key and its value"
        else:
            message, help, span = "a key with odd characters is not in quotes", f'write `"{name}"`', odd
    elif said.startswith(_AFTER_WORD) and (word := _bare_word(text, at)):
        message, help, span = f"{_quoted(text, word)} is not a value", _value_help(text[slice(*word)]), word
    return Complaint(message, help, span)


def _toml_place(message: str, text: str) -> tuple[str, int]:
    """What tomllib said, and the offset that it said it about."""
    match = _PLACE.search(message)
    if match is None or match[1] is None:
        return _PLACE.sub("", message), len(text.rstrip())
    line_start = 0
    for _ in range(int(match[1]) - 1):
        line_start = text.index("\n", line_start) + 1
    return message[: match.start()], line_start + int(match[2]) - 1


def _refused_key(accepted: str) -> Complaint:
    """About the last key of what was accepted up to there: it is there already, or inside something that is closed."""
    found = scan(accepted, unquote_toml)
    if found.repeats:
        return complain_of_repeat(accepted, found)
    message = f"{_quoted(accepted, found.last_key)} does not fit what was said about it before"
    return Complaint(
        message, "say all of a table in one place, and give no key a value and keys below it", found.last_key
    )


def _odd_key(text: str, at: int) -> Span | None:
    """The unquoted key round an offset, if it has a character in it that has to be quoted, as `node{1..3}` has."""
    match = _ODD_KEY.match(text, _start(_BARE_CHARACTER, text, at))
    return match.span() if match else None


def _bare_word(text: str, at: int) -> Span | None:
    """The word round an offset that was meant as a value: all of `10.0.0.1/24`, not just the 10.0 that is a number."""
    start = _start(_WORD, text, at)
    meant = text[:start].rstrip(" \t\n").endswith(("=", "[", ","))
    match = _WORD.match(text, start) if meant and _WORD.match(text, at) else None
    return match.span() if match else None


def _start(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where the run of characters of a kind begins that ends before an offset."""
    while at and pattern.match(text[at - 1]):
        at -= 1
    return at


def _value_help(word: str) -> str:
    if word.lower() in ("true", "false", *_BOOLEAN):
        return f"write `{_BOOLEAN.get(word.lower(), word.lower())}`"
    if word.lower() in ("null", "none", "nil"):
        return "leave the key out"
    if re.fullmatch(r"0+[0-9]+", word):
        return f"write `{word.lstrip('0') or '0'}`, without zeros in front"
    return f'write a string in quotes, `"{word}"`'


# JSON: the same for the standard library's json.
_JSON = {
    "Expecting property name": ("a key in double quotes is expected", 'write keys as `"key"`'),
    "Expecting ':'": ("`:` is expected after the key", ""),
    "Expecting ','": ("`,` or the closing bracket is expected", "separate what is in an object or array by commas"),
    "Expecting value": (
        "a value is expected",
        "write a string in double quotes, a number, `true`, `false`, an array or an object",
    ),
    "Extra data": ("nothing is expected after the end of the object", "put everything inside one `{…}`"),
    "Unterminated string": ("the string is not closed", "end it with a double quote"),
    "Invalid control character": ("a control character in a string", "write it as an escape, `\\n` or `\\u001b`"),
    "Invalid \\escape": ("an escape that JSON does not have", "write `\\\\` for a backslash"),
    "Invalid \\uXXXX": ("an escape without its hexadecimal digits", "write `\\u` and four digits"),
    "Illegal trailing comma": ("a comma without anything after it", "take it out"),
}
_LIKE_TOML = re.compile(r"(?:\s|#[^\n]*\n)*+(?:\[{1,2}[A-Za-z]|[A-Za-z0-9_-]+[ \t]*=)")


def explain_json(error: json.JSONDecodeError, text: str) -> Complaint:
    """The complaint that json's error about a text comes to."""
    at = min(error.pos, len(text.rstrip()))
    said = error.msg
    message, help = next((ours for theirs, ours in _JSON.items() if said.startswith(theirs)), (_reworded(said), ""))
    if said.startswith("Expecting value") and _LIKE_TOML.match(text):
        message, help = "an object in braces is expected", "this looks like TOML: call a topology file `.toml`"
    elif said.startswith("Expecting") and text.startswith(("#", "//", "/*"), at):
        message, help = "JSON has no comments", "take it out, or write the file in TOML"
    elif said.startswith("Expecting") and text.startswith(("}", "]"), at) and text[:at].rstrip().endswith(","):
        at = text.rindex(",", 0, at)
        message, help = _JSON["Illegal trailing comma"]
    elif said.startswith("Invalid control") and text.startswith("\n", at):
        message, help = "the string is not closed on its line", _JSON["Unterminated string"][1]
    elif said.startswith("Expecting value") and (word := _WORD.match(text, at)):
        known = word[0].lower() in ("true", "false", "null", *_BOOLEAN)
        help = _value_help(word[0]) if known else f'write a string in double quotes, `"{word[0]}"`'
        return Complaint(f"`{word[0]}` is not a value", help, word.span())
    return Complaint(message, help, _one(text, at))


def _one(text: str, at: int) -> Span:
    return at, min(at + 1, len(text))


def _quoted(text: str, span: Span) -> str:
    return f"`{text[slice(*span)]}`"


def _reworded(said: str) -> str:
    """A parser's message that this module does not know, in our style."""
    return said[:1].lower() + said[1:].replace("'", "`").rstrip(".")
