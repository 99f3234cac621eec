"""The inventory of a topology: what is in which namespace, and what its addresses and routes have in common.

It is made once, with one look at everything, for the plan to look things up in.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.filtering import Forward, find_forwards
from k8snet_scripts.marks import link_group, nft_table
from k8snet_scripts.topology import HOST, End, Interface, Macvlan, Namespace, Topology, Veth, Vxlan
from k8snet_scripts.underlay import find_underlay, room, state_mtus

_MANY = 32
"""Veths that can be made in a tenth of a second: where there are more, it counts how long each takes."""


class Guard(NamedTuple):
    """A bridge port, and the link-layer address that all it takes in has to come from."""

    name: str
    lladdr: str


class Inventory:
    """A topology, looked up by namespace."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.mark = str(link_group(topology.name))
        self.table = nft_table(topology.table or topology.name)
        self.made: dict[str, list[Veth]] = {}  # the pairs, by the namespace that they are made from
        self.ends: dict[str, list[End]] = {}
        self.presets = [place for place in topology.everywhere() if place.sysctls and any(find_presets(place))]
        self.equipped = [place for place in topology.everywhere() if place.devices]
        self.families: tuple[int, ...]  # that the topology uses, IPv4 first
        self.next_hops: frozenset[tuple[int, int]]  # family and value of every address that some route goes through
        self.sources: dict[str, set[str]] = {}  # the addresses that IPv6 routes name with `src`, by namespace
        self.forwards: dict[str, list[Forward]] = {}  # by the namespace whose ports they are
        self.guards: dict[str, list[Guard]] = {}
        self._makers: set[int] = set()  # ends, by identity
        for namespace in topology.everywhere():
            if namespace.forwards:
                self.forwards[namespace.name] = list(namespace.forwards)
        for veth in state_mtus(topology):
            maker, _ = made_from(veth)
            self._makers.add(id(maker))
            self.made.setdefault(maker.namespace, []).append(veth)
            for end, peer in ((veth.inner, veth.outer), (veth.outer, veth.inner)):
                self.ends.setdefault(end.namespace, []).append(end)
                if end.publications:
                    self.forwards.setdefault(peer.namespace, []).extend(
                        find_forwards(end.publications, end.addresses, peer.port.bridge if peer.port else peer.name)
                    )
                if end.port and end.port.only_from:
                    self.guards.setdefault(end.namespace, []).append(Guard(end.name, end.port.only_from))
        self._survey()

    @property
    def has_many_veths(self) -> bool:
        """Whether there are so many that each is made in the way that takes the kernel least."""
        return len(self.topology.veths) > _MANY

    def with_ends(self, name: str, ends: list[End], makers: list[bool]) -> Inventory:
        """The same for the ends of one namespace only; `makers` says from which of them their pairs are made."""
        other = copy(self)
        other.ends = {name: ends}
        other.forwards, other.guards, other.sources = {}, {}, {}
        other._makers = {id(end) for end, is_maker in zip(ends, makers, strict=True) if is_maker}
        return other

    def is_maker(self, end: End) -> bool:
        """Whether its pair is made from an end."""
        return id(end) in self._makers

    def interfaces(self, namespace: Namespace) -> Iterator[Interface]:
        """Every interface in a namespace: the ends of veths first."""
        yield from self.ends.get(namespace.name, ())
        yield from namespace.holders

    def room(self, namespace: Namespace, vxlan: Vxlan) -> int | None:
        """The largest MTU that a VXLAN device can have, where that is known."""
        return room(vxlan, find_underlay(vxlan, (*self.ends.get(namespace.name, ()), *namespace.holders)))

    def parent_mtu(self, namespace: Namespace, macvlan: Macvlan) -> int | None:
        """The MTU that a macvlan takes over from its parent, if that was given one."""
        ends = self.ends.get(macvlan.parent_namespace or namespace.name, ())
        return next((end.mtu for end in ends if end.name == macvlan.parent), None)

    def shares(self, namespace: Namespace) -> bool:
        """Whether the scripts make a namespace, and in it a macvlan whose parent is not theirs."""
        return namespace.is_made and not all(
            any(end.name == macvlan.parent for end in self.ends.get(macvlan.parent_namespace or namespace.name, ()))
            for macvlan in namespace.macvlans
        )

    def _survey(self) -> None:
        families: set[int] = set()
        vias: set[str | None] = set()
        for name, holder in _holders(self.topology):
            for address in holder.addresses:
                families.add(address.family)
            for route in holder.routes:
                vias.add(route.via)
                if route.src and route.family == 6:
                    self.sources.setdefault(name, set()).add(route.src)
        self.families = tuple(sorted(families)) or (4,)
        self.next_hops = frozenset(parse_address(via) for via in vias if via)


def find_presets(namespace: Namespace) -> Iterator[tuple[str, str]]:
    """What new interfaces are to have, which is asked for before there are any.

    Not among it is what the kernel changes along with a setting for all interfaces: that has to be set after it.
    """
    keys = {key for key, _ in namespace.sysctls}
    for key, value in namespace.sysctls:
        start, default, leaf = key.rpartition(".default.")
        follows = leaf == "forwarding" or f"{start}.all.{leaf}" in keys
        if default and start.count(".") == 2 and not follows:
            yield key, value


def made_from(veth: Veth) -> tuple[End, End]:
    """The end whose namespace makes the pair, and its peer: the host where it has an end, else the peer's namespace."""
    if veth.inner.namespace == HOST and veth.outer.namespace != HOST:
        return veth.inner, veth.outer
    return veth.outer, veth.inner


def _holders(topology: Topology) -> Iterator[tuple[str, Interface | Namespace]]:
    """Everything that has addresses and routes, with the name of its namespace."""
    for end in topology.ends():
        yield end.namespace, end
    for namespace in topology.everywhere():
        yield namespace.name, namespace
        for interface in namespace.holders:
            yield namespace.name, interface
