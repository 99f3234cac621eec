"""Records: files by which programs tell each other what is taken, and the directories that they stand in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

_EVERYWHERE = frozenset(("/", "/etc", "/opt", "/run", "/srv", "/tmp", "/usr", "/usr/local", "/var", "/var/lib"))


@dataclass(frozen=True, slots=True)
class Record:
    """A small file of the host by which programs tell each other what is taken: an address, say.

    It is made in one step that fails where it exists, never changed, and removed when all else has gone.
    """

    path: str  # absolute; its directory is made if it is not there
    lines: tuple[str, ...] = ()  # words of A-Z a-z 0-9 . _ : / -; CR and LF stand between two lines, nothing at the end
    mode: int = 0o644
    initial: bool = False  # one that is there already may say something else


def directories_of(path: str) -> Iterator[str]:
    """The directories above a file, the outermost first, but for those that every system has."""
    above = posixpath.dirname(path)
    if above not in _EVERYWHERE:
        yield from directories_of(above)
        yield above
