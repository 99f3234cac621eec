"""Reservations: the store of `host-local` on disk, in the reference's own format and under its lock.

While a directory is open nobody else, be it another one of these or the reference, reads or writes it.  A record appears
under its name in one step and with its content, and only if there is none: whoever is killed leaves nothing half made.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, flock

from k8snet_scripts.cni.store import LAST_RESERVED, LOCK, Owner, Store, parse_store, store_files
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

_DRAFT = ".draft"
_LONGEST = 4096  # bytes of a record that are read
_DIRECTORY_MODE = 0o755
_LOCK_MODE = 0o750
_FILE_MODE = 0o644


class Reservations:
    """The directory of a network, locked while it is open.  All that it does may raise `OSError`."""

    def __init__(self, data_dir: str, network: str) -> None:
        self.path = os.path.join(data_dir, network)

    def __enter__(self) -> Self:
        os.makedirs(self.path, _DIRECTORY_MODE, exist_ok=True)
        self._lock = os.open(self._file(LOCK), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE)
        try:
            flock(self._lock, LOCK_EX)
        except OSError:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def read(self) -> Store:
        """What is recorded.  Something of an address's name that is no record takes the address all the same."""
        return parse_store(self._contents())

    def write(self, before: Store, after: Store) -> None:
        """Record what is new in a store, all of it or nothing but who got an address last, then remove what has gone."""
        new = Store(
            {address: owner for address, owner in after.owners.items() if address not in before.owners},
            {number: last for number, last in after.last_reserved.items() if last != before.last_reserved.get(number)},
        )
        made = []
        try:
            for name, content in store_files(new).items():
                if name.startswith(LAST_RESERVED):
                    self._replace(name, content)
                else:
                    self._make(name, content)
                    made.append(name)
        except BaseException:
            for name in made:
                os.unlink(self._file(name))
            raise
        gone = {owner.content for address, owner in before.owners.items() if address not in after.owners}
        if gone:
            self.remove(gone.__contains__)

    def release(self, owner: Owner) -> None:
        """Remove the records of an owner; those of an old version, which name no interface, only if there are no others."""
        if not self.remove(lambda content: content == owner.content):
            self.remove(lambda content: content == owner.container_id)

    def remove(self, is_stale: Callable[[str], bool]) -> int:
        """Remove the records whose content is stale; how many there were."""
        stale = [name for name, content in self._contents().items() if _is_record(name) and is_stale(content.strip())]
        for name in stale:
            os.unlink(self._file(name))
        return len(stale)

    def _contents(self) -> dict[str, str]:
        names = [name for name in os.listdir(self.path) if _is_record(name) or name.startswith(LAST_RESERVED)]
        return {name: self._content(name) for name in names}

    def _content(self, name: str) -> str:
        """The content of a file; there is none in what is not one."""
        file = os.open(self._file(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(file, _LONGEST).decode(errors="replace")
        except IsADirectoryError:
            return ""
        finally:
            os.close(file)

    def _make(self, name: str, content: str) -> None:
        draft = self._file(_DRAFT)
        try:
            self._replace(_DRAFT, content)
            os.link(draft, self._file(name))
        finally:
            if os.path.lexists(draft):
                os.unlink(draft)

    def _replace(self, name: str, content: str) -> None:
        """Write a file anew, without a moment in which it is empty."""
        file = os.open(self._file(name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            os.ftruncate(file, os.pwrite(file, content.encode(), 0))
        except OSError as error:
            error.filename = self._file(name)  # which a descriptor does not tell
            raise
        finally:
            os.close(file)

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)


def _is_record(name: str) -> bool:
    """Whether a file may have an address for a name."""
    return name[:1].isdecimal() or ":" in name
