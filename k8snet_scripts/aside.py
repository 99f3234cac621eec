"""Aside: text that a process of its own makes, while this one goes on with something else.

Python does one thing at a time, and the rows of a large table take as long as all else that its scripts need.
"""

from __future__ import annotations

import os
import signal
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress

_PIECE = 1 << 18  # characters that are read at once


def count_processors() -> int:
    """How many processes can be at work at the same time."""
    return len(os.sched_getaffinity(0))


class Aside:
    """Pieces of text, of which a child process makes a file; they can be gone through again and again.

    If the child fails, whoever goes through the pieces makes them, and meets what the child has met.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = pieces
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 -- it stays open
        self._child = os.fork()
        if self._child == 0:
            self._write()
        self._give_up = weakref.finalize(self, _kill, self._child)
        weakref.finalize(self, self._file.close)

    def _write(self) -> None:
        status = 1
        try:
            self._file.writelines(self._pieces)
            self._file.close()
            status = 0
        finally:
            os._exit(status)

    def __iter__(self) -> Iterator[str]:
        if self._give_up.detach():
            _, self._failed = os.waitpid(self._child, 0)
        if self._failed:
            yield from self._pieces
            return
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece


def _kill(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
