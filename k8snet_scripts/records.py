"""Records: the directories that the files by which programs tell each other what is taken stand in."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

_EVERYWHERE = frozenset(("/", "/etc", "/opt", "/run", "/srv", "/tmp", "/usr", "/usr/local", "/var", "/var/lib"))


def directories_of(path: str) -> Iterator[str]:
    """The directories above a file, the outermost first, but for those that every system has."""
    above = posixpath.dirname(path)
    if above not in _EVERYWHERE:
        yield from directories_of(above)
        yield above
