"""Programs: other executables, run to their end with what they read and what they say kept in memory.

The module `subprocess` would do the same, and takes longer to import than most of these programs run.
"""

from __future__ import annotations

import os
from _signal import SIG_DFL, SIGCHLD, signal  # type: ignore[import-not-found]  # `signal` itself takes longer to import

from k8snet_scripts.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Finished(NamedTuple):
    """How a program ended: its exit status, 128 + N for signal N, and what it wrote."""

    status: int
    output: bytes
    errors: bytes


def find_program(name: str, directories: Sequence[str]) -> str | None:
    """The path of the first executable of a name in some directories."""
    if not name or "/" in name or "\0" in name:
        return None
    for directory in directories:
        path = os.path.join(directory, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class Running(NamedTuple):
    """A program that was started, and the files of what it reads and says."""

    process: int
    files: tuple[int, ...]

    def finish(self) -> Finished:
        """Wait for its end."""
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
            output, errors = [_content(file) for file in self.files[1:]]
        finally:
            _close(self.files)
        return Finished(status if status >= 0 else 128 - status, output, errors)


_begun: dict[tuple[str, ...], Running] = {}


def begin_program(argv: list[str], environment: Mapping[str, str]) -> None:
    """Start what `run_program` is going to be asked for: it has less to wait for then.

    That is for programs that look and change nothing, as nobody may come to ask.  Raises `OSError`.
    """
    _begun[tuple(argv)] = _start(argv, environment, b"")


def run_program(argv: list[str], environment: Mapping[str, str], given: bytes = b"") -> Finished:
    """Run an executable, the first of `argv`, a path, with `given` on standard input.  Raises `OSError`."""
    begun = _begun.pop(tuple(argv), None)
    return (begun or _start(argv, environment, given)).finish()


def _start(argv: list[str], environment: Mapping[str, str], given: bytes) -> Running:
    signal(SIGCHLD, SIG_DFL)  # where it is ignored there is no exit status
    files = tuple([os.memfd_create(name) for name in ("input", "output", "errors")])
    try:
        os.write(files[0], given)
        os.lseek(files[0], 0, os.SEEK_SET)
        places = [(os.POSIX_SPAWN_DUP2, file, place) for place, file in enumerate(files)]
        return Running(os.posix_spawn(argv[0], argv, environment, file_actions=places), files)
    except BaseException:
        _close(files)
        raise


def _close(files: tuple[int, ...]) -> None:
    for file in files:
        os.close(file)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)
