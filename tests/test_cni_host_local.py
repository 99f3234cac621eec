"""host-local: the order of its addresses, against a model that knows nothing of how it searches."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from k8snet_scripts.addresses import parse_address, parse_cidr
from k8snet_scripts.cni.host_local import (
    AllocationError,
    AlreadyAllocated,
    Exhausted,
    RequestedElsewhere,
    RequestedGateway,
    RequestedTaken,
    allocate,
    allocate_all,
    release,
)
from k8snet_scripts.cni.ranges import Address, AddressRange, RangeSet, make_range
from k8snet_scripts.cni.store import Owner, Store, parse_store, store_files


def address(text: str) -> Address:
    return Address(*parse_address(text))


def span(subnet: str, first: str = "", last: str = "", gateway: str = "") -> AddressRange:
    ends = [address(text) if text else None for text in (first, last, gateway)]
    return make_range(parse_cidr(subnet), ends[0], ends[1], ends[2])


SEED = ((span("10.1.0.0/16", gateway="10.1.0.1"),),)
POD = [Owner(f"pod{number}", "eth0") for number in range(9)]


def take(range_sets: Sequence[RangeSet], store: Store, owner: Owner, *requested: str) -> tuple[list[str], Store]:
    leases, store = allocate(range_sets, store, owner, map(address, requested))
    return [str(lease.address) for lease in leases], store


def test_the_first_address_is_the_one_after_the_gateway() -> None:
    leases, store = allocate(SEED, Store(), POD[0])
    assert [(str(lease.address), str(lease.gateway)) for lease in leases] == [("10.1.0.2/16", "10.1.0.1")]
    assert store_files(store) == {"10.1.0.2": "pod0\r\neth0", "last_reserved_ip.0": "10.1.0.2"}


def test_a_store_is_a_value() -> None:
    _, one = take(SEED, Store(), POD[0])
    _, two = take(SEED, one, POD[1])
    assert store_files(one) == {"10.1.0.2": "pod0\r\neth0", "last_reserved_ip.0": "10.1.0.2"}
    assert release(two, POD[1]) != one
    assert release(two, POD[1]).owners == one.owners
    assert take(SEED, one, POD[1]) == (["10.1.0.3/16"], two)


def test_what_is_given_back_is_not_taken_at_once() -> None:
    leases, store = allocate_all(SEED, Store(), POD[:3])
    assert [str(address) for ((address, _),) in leases] == ["10.1.0.2/16", "10.1.0.3/16", "10.1.0.4/16"]
    assert take(SEED, release(store, POD[1]), POD[3])[0] == ["10.1.0.5/16"]


def test_the_gateway_is_handed_out_if_it_is_elsewhere() -> None:
    assert take([(span("10.1.0.0/16", gateway="10.1.0.9"),)], Store(), POD[0])[0] == ["10.1.0.1/16"]


def test_the_search_goes_through_all_ranges_of_a_set_and_round() -> None:
    ranges = (span("10.1.0.0/24", last="10.1.0.3"), span("10.2.0.0/16", "10.2.0.7", "10.2.0.7"), span("10.3.0.0/30"))
    leases, store = allocate_all([ranges], Store(), POD[:4])
    assert [str(lease.address) for (lease,) in leases] == ["10.1.0.2/24", "10.1.0.3/24", "10.2.0.7/16", "10.3.0.2/30"]
    assert str(leases[3][0].gateway) == "10.3.0.1"
    assert take([ranges], release(release(store, POD[2]), POD[0]), POD[5])[0] == ["10.1.0.2/24"]
    with pytest.raises(Exhausted, match="range set: 10.1.0.1-10.1.0.3,10.2.0.7-10.2.0.7,10.3.0.1-10.3.0.2"):
        allocate([ranges], store, POD[5])


@pytest.mark.parametrize("last", ["10.1.0.1", "10.2.0.1", "10.1.1.0", "fd00::1"])
def test_a_last_address_that_is_in_no_range_does_not_count(last: str) -> None:
    ranges = (span("10.1.0.0/24", "10.1.0.5"),)
    store = parse_store({"last_reserved_ip.0": last})
    assert take([ranges], store, POD[0])[0] == ["10.1.0.5/24"]


def test_a_range_that_is_the_gateway_is_exhausted() -> None:
    ranges = (span("10.1.0.0/24", "10.1.0.1", "10.1.0.1"),)
    for last in ({}, {"last_reserved_ip.0": "10.1.0.1"}):
        with pytest.raises(Exhausted):
            allocate([ranges], parse_store(last), POD[0])


def test_ipv6_has_no_broadcast_address() -> None:
    ranges = (span("fd00::/126"),)
    leases, _ = allocate_all([ranges], Store(), POD[:2])
    assert [str(lease.address) for (lease,) in leases] == ["fd00::2/126", "fd00::3/126"]


def test_one_address_comes_from_each_set() -> None:
    sets = [(span("10.1.0.0/24"),), (span("fd00::/64"),)]
    taken, store = take(sets, Store(), POD[0])
    assert taken == ["10.1.0.2/24", "fd00::2/64"]
    assert list(store_files(store)) == ["10.1.0.2", "fd00::2", "last_reserved_ip.0", "last_reserved_ip.1"]
    assert release(store, POD[0]).owners == {}


def test_if_a_later_set_has_no_address_the_earlier_ones_are_given_back() -> None:
    sets = [(span("10.1.0.0/24"),), (span("10.2.0.0/30"),)]
    _, store = allocate_all(sets, Store(), POD[:1])
    with pytest.raises(Exhausted, match="^failed to allocate for range 1: no IP addresses available") as error:
        allocate(sets, store, POD[1])
    assert error.value.store.owners == store.owners
    assert store_files(error.value.store)["last_reserved_ip.0"] == "10.1.0.3"


def test_an_owner_has_one_address_of_a_set() -> None:
    _, store = take(SEED, Store(), POD[0])
    with pytest.raises(AlreadyAllocated, match="10.1.0.2 has been allocated to pod0, duplicate allocation is not"):
        allocate(SEED, store, POD[0])
    assert take(SEED, store, replace_ifname(POD[0], "net1"))[0] == ["10.1.0.3/16"]
    assert take([(span("10.2.0.0/16"),)], store, POD[0])[0] == ["10.2.0.2/16"]


def replace_ifname(owner: Owner, ifname: str) -> Owner:
    return owner._replace(ifname=ifname)


def test_requested_addresses_come_from_the_set_that_has_them() -> None:
    sets = [(span("10.1.0.0/24"),), (span("fd00::/64"),), (span("10.2.0.0/24"),)]
    taken, store = take(sets, Store(), POD[0], "10.2.0.9", "fd00::7")
    assert taken == ["10.1.0.2/24", "fd00::7/64", "10.2.0.9/24"]
    assert take(sets, store, POD[1])[0] == ["10.1.0.3/24", "fd00::8/64", "10.2.0.10/24"]


@pytest.mark.parametrize(
    ("requested", "error"),
    [
        (["10.1.0.1"], RequestedGateway),
        (["10.1.0.2"], RequestedTaken),
        (["10.9.0.1"], RequestedElsewhere),
        (["10.1.0.3", "10.1.0.4"], RequestedElsewhere),
        (["10.1.0.0"], RequestedElsewhere),
    ],
)
def test_requests_that_cannot_be_met(requested: list[str], error: type[AllocationError]) -> None:
    _, store = take(SEED, Store(), POD[0])
    with pytest.raises(error) as raised:
        take(SEED, store, POD[1], *requested)
    assert raised.value.store.owners == store.owners


def test_a_requested_address_is_not_a_second_one_too_many() -> None:
    """As for the reference, which looks for what an owner has only if nothing is asked for."""
    _, store = take(SEED, Store(), POD[0])
    assert take(SEED, store, POD[0], "10.1.0.9")[0] == ["10.1.0.9/16"]


def test_records_of_an_old_version_belong_to_the_container() -> None:
    store = parse_store({"10.1.0.2": "pod0", "10.1.0.3": " pod0\r\neth0\n", "10.1.0.4": "pod1\r\neth0"})
    assert [str(one) for one in store.addresses_of(POD[0])] == ["10.1.0.2", "10.1.0.3"]
    with pytest.raises(AlreadyAllocated):
        allocate(SEED, release(store, POD[0]), POD[0])
    assert list(store_files(release(release(store, POD[0]), POD[0]))) == ["10.1.0.4"]
    assert release(store, POD[5]) == store


def test_files_that_are_none_of_the_store_do_not_count() -> None:
    names = ("lock", "last_reserved_ip.", "last_reserved_ip.x", "last_reserved_ip.01", "10.1.0.2.tmp", "010.1.0.2", "")
    assert parse_store({name: "10.1.0.2" for name in names}) == Store()
    assert parse_store({"last_reserved_ip.0": "10.1.0.2\n"}) == Store()


@given(
    st.dictionaries(st.text(max_size=20) | st.sampled_from(["10.0.0.1", "last_reserved_ip.0"]), st.text(max_size=20))
)
def test_any_directory_can_be_read(files: dict[str, str]) -> None:
    store = parse_store(files)
    assert parse_store(store_files(store)) == store


def test_many_pods_are_served_in_a_moment() -> None:
    owners = [Owner(f"pod{number}", "eth0") for number in range(20_000)]
    started = time.monotonic()
    leases, store = allocate_all(SEED, Store(), owners)
    assert time.monotonic() - started < 5
    assert str(leases[-1][0].address) == "10.1.78.33/16"
    assert len(store.owners) == 20_000


# Any ranges, any sequence of calls


@st.composite
def range_sets(draw: st.DrawFn) -> list[RangeSet]:
    """Small sets of small ranges, IPv4 and IPv6, each in a subnet of its own."""
    sets = []
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        family = draw(st.sampled_from([4, 6]))
        ranges = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            base, prefix = (f"10.{number}.0.0", 29) if family == 4 else (f"fd00:{number}::", 125)
            subnet = parse_cidr(f"{base}/{prefix}")
            first, last = sorted(draw(st.tuples(st.integers(0, 7), st.integers(0, 7))))
            gateway = draw(st.integers(0, 9))
            ends = [Address(family, subnet.value + offset) for offset in (first, last, gateway)]
            item = make_range(subnet, ends[0], ends[1], ends[2])
            ranges.append(draw(st.sampled_from([item, make_range(subnet)])))
        sets.append(tuple(ranges))
    return sets


class Book:
    """The model: lists of all addresses in order, and who has which."""

    def __init__(self, sets: list[RangeSet]) -> None:
        self.rings = [
            [
                (Address(item.family, value), item)
                for item in ranges
                for value in range(item.first.value, item.last.value + 1)
            ]
            for ranges in sets
        ]
        self.owners: dict[Address, Owner] = {}
        self.last: dict[int, Address] = {}

    def allocate(self, owner: Owner) -> list[Address] | None:
        taken: list[Address] = []
        for number, ring in enumerate(self.rings):
            places = [place for place, (one, _) in enumerate(ring) if one == self.last.get(number)]
            turned = ring[places[0] + 1 :] + ring[: places[0] + 1] if places else ring
            free = [one for one, item in turned if one not in self.owners and one != item.gateway]
            if not free or any(self.owners.get(one) == owner for one, _ in ring):
                for one in taken:
                    del self.owners[one]
                return None
            self.owners[free[0]] = owner
            self.last[number] = free[0]
            taken.append(free[0])
        return taken


class Calls(RuleBasedStateMachine):
    """Any sequence of allocations and releases, here and in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.sets: list[RangeSet] = []

    @rule(sets=range_sets())
    def begin(self, sets: list[RangeSet]) -> None:
        if not self.sets:
            self.sets, self.book, self.store = sets, Book(sets), Store()

    @rule(owner=st.sampled_from(POD))
    def add(self, owner: Owner) -> None:
        if not self.sets:
            return
        expected = self.book.allocate(owner)
        try:
            leases, self.store = allocate(self.sets, self.store, owner)
        except (Exhausted, AlreadyAllocated) as error:
            assert expected is None
            self.store = error.store
        else:
            assert [Address(lease.address.family, lease.address.value) for lease in leases] == expected

    @rule(owner=st.sampled_from(POD))
    def delete(self, owner: Owner) -> None:
        if self.sets:
            self.book.owners = {one: holder for one, holder in self.book.owners.items() if holder != owner}
            self.store = release(self.store, owner)

    @invariant()
    def same_records(self) -> None:
        if self.sets:
            assert dict(self.store.owners) == self.book.owners
            assert dict(self.store.last_reserved) == self.book.last
            assert parse_store(store_files(self.store)) == self.store


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


@settings(max_examples=50)
@given(range_sets(), st.lists(st.sampled_from(POD), unique=True))
def test_many_at_once_get_what_they_get_one_by_one(sets: list[RangeSet], owners: list[Owner]) -> None:
    store = Store()
    one_by_one = []
    try:
        for owner in owners:
            leases, store = allocate(sets, store, owner)
            one_by_one.append(leases)
    except Exhausted as error:
        with pytest.raises(Exhausted, match=str(error).replace("[", r"\[")) as at_once:
            allocate_all(sets, Store(), owners)
        assert at_once.value.store == error.store
    else:
        assert allocate_all(sets, Store(), owners) == (one_by_one, store)


def test_where_a_range_was_written_does_not_matter() -> None:
    ranges = (SEED[0][0].with_(path=("ipam",)),)
    assert allocate([ranges], Store(), POD[0]) == allocate(SEED, Store(), POD[0])
