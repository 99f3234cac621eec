"""Where in a TOML or JSON text each key and each value stands.

The standard library's parsers say what a file means but not where; `scan` says where.  It reads text that such a
parser has accepted, so it checks nothing: it walks over the tokens and keeps a tree of the spans of keys and values.
One scanner serves both notations, for JSON looks like a TOML array or inline table with `:` in place of `=`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

Span = tuple[int, int]
"""The offsets of the first character and of the one after the last."""


class Position(NamedTuple):
    """A span of a text as a person reads it: line and column count from 1, columns and `length` are in characters."""

    line: int
    column: int
    length: int


@dataclass(slots=True)
class Node:
    """A key and its value.

    The value of a `[table]` is its header.  A table that is only implied, as `a` is by `[a.b]` or `a.b = 1`, has its
    name in there for both spans, until it is given a header.  The key of an array's item has no span of its own.
    """

    key: Span
    value: Span
    given: bool = False
    children: dict[str | int, Node] = field(default_factory=dict)

    def child(self, name: str | int, span: Span) -> Node:
        """The child of that name; a new one, implied at `span`, if there is none yet."""
        return self.children.get(name) or self.children.setdefault(name, Node(span, span))

    def latest(self) -> Node:
        """The item that a header goes on with if this is an array of tables, else the node itself."""
        last = next(reversed(self.children), None)
        return self.children[last] if isinstance(last, int) else self


@dataclass(slots=True)
class Scan:
    """The tree of a text, and what explains the refusal of a key that was there before.

    `repeats` holds the nodes that were given again, with the span of the key that did so; a text that its parser
    accepts has none.  `last_key` is the span of the key that was read last, all its parts.
    """

    root: Node
    repeats: list[tuple[Node, Span]] = field(default_factory=list)
    last_key: Span = (0, 0)


def scan(text: str, unquote: Callable[[str], str]) -> Scan:
    """The tree of keys and values of a text: of valid TOML or JSON, or valid TOML cut off after a key or a value.

    Line ends are `\\n`.  `unquote` gives the name that a key with an escape in it stands for.
    """
    return _Scanner(text, unquote).document()


_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BARE = r"[A-Za-z0-9_-]++"
_STRING = r""" "(?:[^"\\]++|\\.)*+" | '[^']*+' """
_NAME = re.compile(rf"{_BARE} | {_STRING}", re.VERBOSE)
_SCALAR = re.compile(
    rf"""
      \"""(?:[^"\\]++|\\.|"(?!""))*+"{{3,5}}  # a closing quote may follow up to two that belong to the string
    | \'''(?:[^']++|'(?!''))*+'{{3,5}}
    | {_STRING}
    | [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ ][0-9][^\s,\]}}#]*+  # a date, one space and a time
    | [^\s,\]}}#]++
    """,
    re.VERBOSE | re.DOTALL,
)


class _Scanner:
    def __init__(self, text: str, unquote: Callable[[str], str]) -> None:
        self.text = text
        self.unquote = unquote
        self.scan = Scan(Node((0, 0), (0, 0), given=True))

    def document(self) -> Scan:
        """A JSON object, or TOML statements up to the end."""
        table = self.scan.root
        at = self.end(_BLANK, 0)
        if self.text.startswith("{", at):
            self.value(table, at)
            return self.scan
        while at < len(self.text):
            if self.text[at] == "[":
                table, at = self.header(at)
            else:
                at = self.value(*self.pair(table, at))
            at = self.end(_BLANK, at)
        return self.scan

    def header(self, at: int) -> tuple[Node, int]:
        """The table that `[table]` or `[[array of tables]]` opens, and the end of its header."""
        brackets = 2 if self.text.startswith("[[", at) else 1
        node, key, end = self.key(self.scan.root, self.end(_BLANK, at + brackets))
        if brackets == 2:
            node = node.child(len(node.children), key)
        node = self.give(node, key)
        node.value = at, end + brackets
        return node, end + brackets

    def pair(self, table: Node, at: int) -> tuple[Node, int]:
        """The node for a pair's value, and the offset where the value starts."""
        node, key, end = self.key(table, at)
        return self.give(node, key), self.end(_BLANK, end + 1)

    def key(self, table: Node, at: int) -> tuple[Node, Span, int]:
        """The node that a key names, the span of the last of its parts, and the offset of what follows it."""
        node, start = table, at
        while True:
            end = self.end(_NAME, at)
            name = self.text[at:end]
            if name[0] in "\"'":
                name = self.unquote(name) if name[0] == '"' and "\\" in name else name[1:-1]
            node = node.latest().child(name, (at, end))
            after = self.end(_BLANK, end)
            if not self.text.startswith(".", after):
                self.scan.last_key = (start, end)
                return node, (at, end), after
            at = self.end(_BLANK, after + 1)

    def give(self, node: Node, key: Span) -> Node:
        """The node to fill when a key is written out: if it was given before, one that is not in the tree."""
        if node.given:
            self.scan.repeats.append((node, key))
            return Node(key, key)
        node.key, node.given = key, True
        return node

    def value(self, node: Node, at: int) -> int:
        """Fill a node from the value at an offset, and return where that ends.

        A loop and not a recursion: what a parser accepts, however deep, must not fail here.
        """
        opened: list[tuple[Node, int]] = []  # the arrays and tables round `at`, and where they start
        while True:
            if self.text[at] in "[{":
                opened.append((node, at))
                end = at + 1
            else:
                end = self.end(_SCALAR, at)
                node.value = at, end
            while opened:
                end = self.end(_BLANK, end)
                if self.text.startswith(",", end):
                    end = self.end(_BLANK, end + 1)
                if not self.text.startswith(("]", "}"), end):
                    break
                node, start = opened.pop()
                end += 1
                node.value = start, end
            else:
                return end
            if end == len(self.text):
                return end
            container, start = opened[-1]
            if self.text[start] == "{":
                node, at = self.pair(container, end)
            else:
                node, at = container.child(len(container.children), (end, end)), end

    def end(self, pattern: re.Pattern[str], at: int) -> int:
        """Where the token at an offset ends."""
        match = pattern.match(self.text, at)
        assert match, f"no token at offset {at}"
        return match.end()
