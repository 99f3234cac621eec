"""`host-local`: which address a pod gets, as functions of what is recorded.

`allocate` and `release` make the store that comes after, without touching any file.  The order is that of the
reference: on from the address handed out last, through the ranges of the set one after another and round again, so that
an address which was given back is not used before all others were.
"""

from __future__ import annotations

from types import MappingProxyType

from k8snet_scripts.cni.ranges import Address, AddressRange, Lease, RangeSet, show_range_set
from k8snet_scripts.cni.store import Owner, Store
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class AllocationError(Exception):
    """No addresses for a pod, in the reference's words.  `store` is what is recorded after the attempt."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.store = Store()


class Exhausted(AllocationError):
    """All addresses of a range set are in use."""


class AlreadyAllocated(AllocationError):
    """The owner has an address of the range set."""


class RequestedTaken(AllocationError):
    """An address that was asked for is in use."""


class RequestedGateway(AllocationError):
    """An address that was asked for is the gateway."""


class RequestedElsewhere(AllocationError):
    """An address that was asked for is in no range."""


def allocate(
    range_sets: Sequence[RangeSet], store: Store, owner: Owner, requested: Iterable[Address] = ()
) -> tuple[tuple[Lease, ...], Store]:
    """One address from each range set, and the store with them; those `requested` are taken where they fit.

    Raises an `AllocationError`, whose store may differ from the one before: addresses are given back, but not the
    place where the search goes on.
    """
    work = _Work(store)
    try:
        leases = work.allocate(range_sets, owner, requested)
    except AllocationError as error:
        error.store = work.store()
        raise
    return leases, work.store()


def allocate_all(
    range_sets: Sequence[RangeSet], store: Store, owners: Iterable[Owner]
) -> tuple[list[tuple[Lease, ...]], Store]:
    """The same for many owners one after another, in a time that grows with their number and not its square."""
    work = _Work(store)
    try:
        leases = [work.allocate(range_sets, owner, ()) for owner in owners]
    except AllocationError as error:
        error.store = work.store()
        raise
    return leases, work.store()


def release(store: Store, owner: Owner) -> Store:
    """The store without the addresses of an owner; without those recorded by an old version if there are no others."""
    work = _Work(store)
    work.release(owner)
    return work.store()


class _Work:
    """A store that is changed in place."""

    def __init__(self, store: Store) -> None:
        self.owners = dict(store.owners)
        self.last_reserved = dict(store.last_reserved)
        self.held: dict[Owner, list[Address]] = {}
        for address, owner in store.owners.items():
            self.held.setdefault(owner, []).append(address)

    def store(self) -> Store:
        return Store(MappingProxyType(self.owners), MappingProxyType(self.last_reserved))

    def allocate(self, range_sets: Sequence[RangeSet], owner: Owner, requested: Iterable[Address]) -> tuple[Lease, ...]:
        wanted = dict.fromkeys(requested)
        leases: list[Lease] = []
        for number, ranges in enumerate(range_sets):
            fitting = next((address for address in wanted if _range_for(ranges, address)), None)
            try:
                if fitting is None:
                    leases.append(self.take_next(number, ranges, owner))
                else:
                    del wanted[fitting]
                    leases.append(self.take(number, ranges, owner, fitting))
            except AllocationError as error:
                if leases:
                    self.release(owner)
                error.args = (f"failed to allocate for range {number}: {error}",)
                raise
        if wanted:
            if leases:
                self.release(owner)
            raise RequestedElsewhere(f"failed to allocate all requested IPs: {' '.join(map(str, wanted))}")
        return tuple(leases)

    def take(self, number: int, ranges: RangeSet, owner: Owner, address: Address) -> Lease:
        """The address that was asked for, which is in one of the ranges."""
        item = _range_for(ranges, address)
        assert item is not None
        if address == item.gateway:
            raise RequestedGateway(f"requested ip {address} is subnet's gateway")
        if address in self.owners:
            message = f"requested IP address {address} is not available in range set {show_range_set(ranges)}"
            raise RequestedTaken(message)
        return self.reserve(number, item, owner, address)

    def take_next(self, number: int, ranges: RangeSet, owner: Owner) -> Lease:
        """The next free address of a set."""
        held = self.held.get(owner, []) + self.held.get(Owner(owner.container_id, None), [])
        for address in sorted(held, key=str):
            if _range_for(ranges, address):
                message = f"{address} has been allocated to {owner.container_id}, duplicate allocation is not allowed"
                raise AlreadyAllocated(message)
        for item, address in _candidates(ranges, self.last_reserved.get(number)):
            if address not in self.owners:
                return self.reserve(number, item, owner, address)
        raise Exhausted(f"no IP addresses available in range set: {show_range_set(ranges)}")

    def reserve(self, number: int, item: AddressRange, owner: Owner, address: Address) -> Lease:
        self.owners[address] = owner
        self.held.setdefault(owner, []).append(address)
        self.last_reserved[number] = address
        return Lease(address.within(item.subnet.prefix), item.gateway)

    def release(self, owner: Owner) -> None:
        for name in (owner, Owner(owner.container_id, None)):
            if name in self.held:
                for address in self.held.pop(name):
                    del self.owners[address]
                return


def _range_for(ranges: RangeSet, address: Address) -> AddressRange | None:
    return next((item for item in ranges if item.contains(address)), None)


def _candidates(ranges: RangeSet, last: Address | None) -> Iterator[tuple[AddressRange, Address]]:
    """Every address of a set but the gateways, each with its range, from the one after `last` round to `last`.

    Without a last one, or with one that is not in the set, they begin at the beginning.
    """
    start = _range_for(ranges, last) if last else None
    if last is None or start is None:
        for item in ranges:
            yield from _between(item, item.first.value, item.last.value)
        return
    place = ranges.index(start)
    yield from _between(start, last.value + 1, start.last.value)
    for item in ranges[place + 1 :] + ranges[:place]:
        yield from _between(item, item.first.value, item.last.value)
    yield from _between(start, start.first.value, last.value)


def _between(item: AddressRange, first: int, last: int) -> Iterator[tuple[AddressRange, Address]]:
    value = first
    while value <= last:
        if value != item.gateway.value:
            yield item, Address(item.family, value)
        value += 1
