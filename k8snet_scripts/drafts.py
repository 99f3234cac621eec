"""Drafts: scripts that are written whole, and only then put where they belong, all of them or none.

A draft lies on the disk, so that many large scripts take no more memory than one, and in the directory that it is for
(or the nearest there is already), so that nobody ever finds half a script: it gets there by being renamed.
"""

from __future__ import annotations

import errno
import filecmp
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from k8snet_scripts.heads import Head, read_head


@dataclass(frozen=True, slots=True)
class Draft:
    """A file, an executable script if nothing else is said, that is written in `file` and belongs at `path`."""

    path: Path
    file: Path
    is_script: bool = True

    @property
    def is_news(self) -> bool:
        """Whether there is anything else at its place, or nothing."""
        return not (self.path.is_file() and filecmp.cmp(self.path, self.file, shallow=False))

    @property
    def is_in_place_of_another(self) -> bool:
        """Whether somebody else has written what is at its place: it does not tell of k8snet, as the draft does."""
        return self.path.is_file() and self.path.stat().st_size > 0 and _is_ours(self.file) and not _is_ours(self.path)

    def find_other(self) -> tuple[Head, Head] | None:
        """The heads of what is at its place and of itself, where they are for different networks."""
        if self.path.is_file() and (there := read_head(self.path)) and (here := read_head(self.file)):
            return None if there.is_for_the_same(here) else (there, here)
        return None

    def place(self) -> bool:
        """Put it where it belongs, unless it is there already and can be run; whether it was not."""
        if not self.is_news and (os.access(self.path, os.X_OK) or not self.is_script):
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file.replace(self.path)
        return True


def _is_ours(path: Path) -> bool:
    """Whether a file has the name of k8snet in it, as all that is made by the built-in templates."""
    with path.open("rb") as file:
        return any(b"k8snet" in line for line in file)


class Drafts:
    """The drafts of one command, in order; those that are not placed by its end are removed.

    With `home`, which must be a directory, they lie there.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._home = home
        self._drafts: list[Draft] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for draft in self._drafts:
            draft.file.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._drafts)

    def write(self, path: Path, text: Iterable[str], *, is_script: bool = True) -> None:
        """Write the draft of a file that belongs at `path`; its text may come in pieces.

        Raises `OSError` where it could not be put there later on, as far as that can be seen.
        """
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        home = self._home or next(filter(Path.is_dir, path.parents), path.parent)
        file = home / f".{path.name}.{os.getpid()}.{len(self._drafts)}"
        self._drafts.append(Draft(path, file, is_script))
        try:
            file.unlink(missing_ok=True)  # of one who was killed
            opened = file.open("x", encoding="utf-8")  # which follows no link that somebody else has put there
        except OSError as error:
            self._drafts.pop()  # a file system that cannot be written to would not even let it be removed
            error.filename = os.fspath(path)  # which says more than the name of a draft
            raise
        with opened:
            opened.writelines(text)
            if is_script:
                mode = os.fstat(opened.fileno()).st_mode
                os.fchmod(opened.fileno(), mode | (mode & 0o444) >> 2)  # whoever may read it may run it
