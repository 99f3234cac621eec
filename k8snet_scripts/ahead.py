"""Ahead: the scripts of one topology, which a process of its own makes while this one makes those of another.

They come as one text: the name of the topology, then its scripts, each with a NUL behind it, which none of them can
have inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from k8snet_scripts.aside import Aside
from k8snet_scripts.drafts import Drafts
from k8snet_scripts.render import KINDS
from k8snet_scripts.scripts import Scripts

_END = "\0"


class Ahead:
    """Scripts that are being made elsewhere, to be waited for and drafted once."""

    name: str

    def __init__(self, compile: Callable[[], Scripts]) -> None:
        self._pieces = iter(Aside(_write(compile)))
        self._rest = ""

    def wait(self) -> Self:
        """These scripts, when they are made; raises what `compile` raises."""
        self.name = "".join(self._read())
        return self

    def draft(self, directory: Path, drafts: Drafts) -> None:
        """Draft all three for a directory."""
        for kind in KINDS:
            drafts.write(directory / f"{kind}.sh", self._read())

    def _read(self) -> Iterator[str]:
        """What comes up to the next NUL, in pieces."""
        ended = ""
        while not ended:
            piece, ended, self._rest = (self._rest or next(self._pieces)).partition(_END)
            yield piece


def _write(compile: Callable[[], Scripts]) -> Iterator[str]:
    scripts = compile()
    yield f"{scripts.name}{_END}"
    for kind in KINDS:
        yield from scripts.render(kind)
        yield _END
