"""Heads: what a file says of itself in the comment that it begins with.

All that the built-in templates make says there which network it is for and what it was made from.  So scripts that lie
somewhere can be told from those of another network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from k8snet_scripts.wording import Pattern

STANDARD_INPUT = "standard input"

_NETWORK = Pattern(r"# .*?\b[Tt]he (?:network|cluster) ([A-Za-z0-9_.-]+)(?:[, ].*)?")
_SOURCE = Pattern(r"# (?:.*; m|M)ade by k8snet from (.+?)(?:\.(?: .*)?)?")
_NODE = Pattern(r"# To change it, .* and run: k8snet compile --node (\S+) .*")


class Head(NamedTuple):
    """What a file is for, a network or, where `node` is not empty, one node of a cluster; and what it was made from.

    `source` is the base name of the file that was named first, or `STANDARD_INPUT`.
    """

    network: str
    source: str
    node: str = ""

    @property
    def purpose(self) -> str:
        """What it is for, in words."""
        node = f"the node `{self.node}` of " if self.node else ""
        return f"{node}the network `{self.network}` from `{self.source}`"

    def is_for_the_same(self, other: Head) -> bool:
        """Whether the one is an earlier or a later version of the other."""
        return (self.network, self.node) == (other.network, other.node)

    def has_become(self, other: Head) -> bool:
        """Whether the two were made from a file of one name: in one directory that is one file, the network renamed."""
        return self.source != STANDARD_INPUT and (self.source, self.node) == (other.source, other.node)


def read_head(path: Path) -> Head | None:
    """The head of a file; none where it has not the words of the built-in templates."""
    network = source = node = ""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            if not line.startswith("#"):
                break
            text = line.rstrip("\n")
            if not network and (found := _NETWORK.fullmatch(text)):  # before any words of its author's
                network = found[1]
            if found := _SOURCE.fullmatch(text):
                source, node = found[1], ""  # the last one counts: a description comes before
            elif found := _NODE.fullmatch(text):
                node = found[1]
    return Head(network, source, node) if network and source else None
