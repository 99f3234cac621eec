"""A script that arrives cut off, at whatever byte, does nothing: neither on an empty machine nor to a network that stands.

Inside a function or the table a cut is a syntax error, so what matters are the lines between: there bash executes what
has arrived of a line, and half a word may be a command.
"""

from __future__ import annotations

import itertools
import re

import pytest

from k8snet_scripts.render import KINDS, Kind
from live.features import Kernel
from live.kernel import diff, snapshot
from live.moments import sample
from live.network import Network, golden
from live.sandbox import Sandbox

TRY_ALL = """
cd "$1"
for part in *; do bash -s <"$part" &>"../said/$part"; done
cd ../said
grep --files-with-matches '^\\[#\\]' *
"""


def top_level(text: str) -> list[tuple[int, str]]:
    """The lines outside functions and the last braces, each with the offset of its first byte."""
    lines, inside = [], False
    for offset, line in zip(
        itertools.accumulate((len(line.encode()) + 1 for line in text.split("\n")), initial=0), text.split("\n")
    ):
        if not inside and line and not line.startswith("#"):
            lines.append((offset, line))
        if re.fullmatch(r"(\w+\(\) )?\{", line):
            inside = True
        elif line == "}":
            inside = False
    return lines


def first_word(line: str) -> str:
    word = re.match(r"\w*", line)
    assert word is not None
    return word[0]


def cuts(data: bytes) -> list[int]:
    """Numbers of bytes that arrive: of every line between functions some, and of every function and comment one half."""
    found = {0, 1, len(data) - 2, *range(7, len(data) - 2, 997)}
    lines = top_level(data.decode())
    for (offset, line), (after, _) in zip(lines, [*lines[1:], (len(data), "")]):
        word, whole = len(first_word(line)), len(line.encode())
        found |= {offset + length for length in (word // 2, word, word + 1, whole // 2, whole - 1, whole)}
        found.add((offset + whole + after) // 2)
    return sorted(cut for cut in found if cut < len(data) - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_half_word_is_a_command_of_the_script(kind: Kind) -> None:
    """What is defined so far must not be what is left of a longer word."""
    defined: set[str] = set()
    halves = []
    for _, line in top_level(golden("docker").text(kind)):
        word = first_word(line)
        halves += [f"{word[:length]} of {word}" for length in range(1, len(word)) if word[:length] in defined]
        if "()" in line:
            defined.add(word)
    assert halves == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_is_cut_off_does_nothing(sandbox: Sandbox, kernel: Kernel, kind: Kind) -> None:
    network = Network(sandbox, golden("docker"))
    data = network.text(kind).encode()
    parts = sandbox.directory / "parts"  # which bash reads no differently in files than from a pipe, but faster
    parts.mkdir()
    (sandbox.directory / "said").mkdir()
    for cut in kernel.sample(sample(cuts(data), 480, kind), 12):
        (parts / str(cut)).write_bytes(data[:cut])
    network.set_up()
    network.do("ip address add 10.10.0.9/24 dev br0", "ip -n node1 link delete dev vethA")
    before = network.state(identity=True)
    done = sandbox.bash(TRY_ALL, str(parts), timeout=900)
    assert done.stdout == ""
    assert diff(before, snapshot(sandbox, identity=True)) == []
