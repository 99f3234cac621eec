"""The store: what `host-local` records for one network, as a value and as files.

Each network has a directory with one file for each address that is in use, named after it and holding the container ID
and the interface, and for each range set one that holds the address handed out last.
"""

from __future__ import annotations

from types import MappingProxyType

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple, Value
from k8snet_scripts.wording import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK = "lock"
"""The file that is locked (`flock`) while the directory is read or written."""

LAST_RESERVED = "last_reserved_ip."
"""The file with the address handed out last; the number of the range set follows, from 0."""

_LONGEST_NUMBER = 9  # digits
_LINE_BREAK = "\r\n"


class Owner(NamedTuple):
    """Who has an address.  A file without an interface is one of an old version: the container has it."""

    container_id: str
    ifname: str | None

    @property
    def content(self) -> str:
        """The content of the file."""
        return self.container_id if self.ifname is None else f"{self.container_id}{_LINE_BREAK}{self.ifname}"


class Store(Value):
    """What is recorded for one network: the owner of each address in use, and by range set the one handed out last."""

    owners: Mapping[Address, Owner] = MappingProxyType({})
    last_reserved: Mapping[int, Address] = MappingProxyType({})

    def addresses_of(self, owner: Owner) -> list[Address]:
        """The addresses of an owner, those recorded by an old version included, in order."""
        names = (owner, Owner(owner.container_id, None))
        return sorted(address for address, holder in self.owners.items() if holder in names)


def parse_store(files: Mapping[str, str]) -> Store:
    """The store in the files of a directory, by name.  Other files, and a last address that is none, do not count."""
    owners, last_reserved = {}, {}
    for name, content in files.items():
        number = name.removeprefix(LAST_RESERVED)
        if number != name:
            last = _parse(content)
            if last and is_number(number, _LONGEST_NUMBER):
                last_reserved[int(number)] = last
        elif address := _parse(name):
            owners[address] = parse_owner(content)
    return Store(MappingProxyType(owners), MappingProxyType(last_reserved))


def parse_owner(content: str) -> Owner:
    """The owner that the file of an address names; that of an empty one has no container ID."""
    container_id, line_break, ifname = content.strip().partition(_LINE_BREAK)
    return Owner(container_id, ifname if line_break else None)


def store_files(store: Store) -> dict[str, str]:
    """The files of a store, by name: addresses in order, then the ones handed out last.  The lock is not among them."""
    files = {str(address): store.owners[address].content for address in sorted(store.owners)}
    for number in sorted(store.last_reserved):
        files[f"{LAST_RESERVED}{number}"] = str(store.last_reserved[number])
    return files


def _parse(text: str) -> Address | None:
    try:
        return Address(*parse_address(text))
    except ValueError:
        return None
