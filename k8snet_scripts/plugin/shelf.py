"""The shelf: scripts that the plugin has made, where whoever wants to see exactly what was done finds them.

Below `STATE`, which is root's alone and gone after a reboot as namespaces are, there are

- `networks/NAME/`: the scripts of a network's bridge;
- `attachments/NAME/`: those of each attachment that is there, with the record `attachment.json`;
- `ended/`: the last hundred that are there no more, or never came to be, in their order;
- `patterns/`: scripts from which others are copied;
- `turns/`: nothing but directories to be locked.
"""

from __future__ import annotations

import os
import stat
import time
from errno import EPERM
from fcntl import LOCK_EX, flock

from k8snet_scripts.plugin.texts import read_json, write_json
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, str]

STATE = "/run/k8snet-cni"
MOST = 100
"""How many attachments that have ended are kept, and how many patterns."""

_RECORD = "attachment.json"


def place(*names: str) -> str:
    """A path on the shelf."""
    return os.path.join(STATE, *names)


def keep(directory: str, files: Mapping[str, str]) -> None:
    """Put files into a directory of the shelf; each is there as a whole or not at all."""
    _make(directory)
    for name, text in files.items():
        draft = os.path.join(directory, f".{name}.{os.getpid()}")
        with open(draft, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, os.path.join(directory, name))


def _make(directory: str) -> None:
    os.makedirs(STATE, 0o700, exist_ok=True)
    _check_owner()
    os.makedirs(directory, 0o700, exist_ok=True)


def _check_owner() -> None:
    """Find that the shelf is somebody else's, whose scripts we would run.  Raises `OSError`."""
    try:
        status = os.lstat(STATE)
    except FileNotFoundError:
        return
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(EPERM, "what is in this directory may be made up: it is somebody else's", STATE)


def find(path: str) -> str | None:
    """The text of a file on the shelf, if it is there."""
    _check_owner()
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_record(record: Record) -> dict[str, str]:
    """The record of an attachment, as one of the files to keep."""
    return {_RECORD: write_json(record) + "\n"}


def read_record(name: str) -> Record | None:
    """What is on record of an attachment."""
    text = find(place("attachments", name, _RECORD))
    return read_json(text) if text else None


def records() -> Iterator[Record]:
    """All attachments on record, by name."""
    try:
        names = sorted(os.listdir(place("attachments")))
    except FileNotFoundError:
        return
    for name in names:
        record = read_record(name)
        if record:
            yield record


def end(name: str) -> str:
    """Move an attachment to those that have ended; where it is then.  The oldest of too many go."""
    ended = place("ended")
    os.makedirs(ended, 0o700, exist_ok=True)
    where = os.path.join(ended, f"{time.time_ns()}-{name}")
    os.rename(place("attachments", name), where)
    for old in sorted(os.listdir(ended))[:-MOST]:
        _remove(os.path.join(ended, old))
    return where


def _remove(directory: str) -> None:
    """Remove a directory of files; another process may be at it, too."""
    try:
        for name in os.listdir(directory):
            _unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except FileNotFoundError:
        return


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def keep_pattern(path: str, text: str) -> None:
    """Put a pattern on the shelf; the oldest of too many go."""
    directory, name = os.path.split(path)
    keep(directory, {name: text})
    try:
        patterns = sorted(os.scandir(directory), key=lambda entry: entry.stat().st_mtime_ns)
    except FileNotFoundError:
        return
    for old in patterns[:-MOST]:
        _unlink(old.path)


class TakingTurns:
    """One process at a time has a directory of the shelf."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def __enter__(self) -> None:
        _make(self._directory)
        self._file = os.open(self._directory, os.O_RDONLY)
        try:
            flock(self._file, LOCK_EX)
        except BaseException:
            os.close(self._file)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
