"""A program on a terminal of its own, for tests that have to press keys.

Also to be run: `python terminal.py` reads `{"argv": […], "dialogue": [[text to wait for, keys to type], …]}` from standard
input, in JSON, and prints `{"status": exit status, "seen": all that the terminal showed}`.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Self

PATIENCE = 60  # seconds


class Terminal:
    """A program that runs on a terminal, the leader of its session; killed at the end unless it has ended by itself."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self.seen = ""
        self._awaited = 0  # how much of it earlier expectations have used up
        self._status: int | None = None
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.execvpe(argv[0], list(argv), environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._file)

    def type(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def expect(self, text: str) -> None:
        """Wait until the terminal shows a text after what was expected before."""
        end = time.monotonic() + PATIENCE
        while (found := self.seen.find(text, self._awaited)) < 0:
            assert self._read(end), f"{text!r} did not come: {self.seen}"
        self._awaited = found + len(text)

    def wait(self) -> int:
        """The exit status, 128 + N for signal N, of the program; what it still shows is read first."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._status = status if status >= 0 else 128 - status
        return self._status

    def _read(self, end: float) -> bool:
        if not select.select([self._file], [], [], max(0.0, end - time.monotonic()))[0]:
            raise AssertionError(f"nothing more came: {self.seen}")
        try:
            self.seen += os.read(self._file, 65536).decode(errors="replace")
        except OSError:  # nobody has the terminal open any more
            return False
        return True


def main() -> None:
    plan = json.load(sys.stdin)
    with Terminal(plan["argv"], os.environ) as terminal:
        for text, keys in plan["dialogue"]:
            terminal.expect(text)
            terminal.type(keys)
        status = terminal.wait()
    json.dump({"status": status, "seen": terminal.seen}, sys.stdout)


if __name__ == "__main__":
    main()
