"""Automatic addresses: the next free one of each subnet of the bridge, as the CNI plugin host-local would give it out.

A bridge itself gets the gateway's address, the first of each subnet.  Everyone else gets, in order of declaration, the
lowest address that nobody on the segment was given by hand; the gateway's is passed over even while no one has it.
The last address of an IPv4 subnet is its broadcast address and is never given out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from k8snet_scripts.addresses import WIDTH, Cidr
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Path
from k8snet_scripts.moulds import alter, complete
from k8snet_scripts.topology import Bridge, Interface, Namespace, Topology, Veth

AnyInterface = TypeVar("AnyInterface", bound=Interface)
_Place = tuple[str, str]  # the names of a namespace and of a bridge in it


def allocate_addresses(topology: Topology, automatic: Mapping[Path, int], report: Report) -> Topology:
    """The topology with automatic addresses filled in; what was given is not to be used any more.

    `automatic` has, by its `path`, each interface that wants them, and how many of its own addresses stand before
    them.  An interface on a bridge that does not exist gets none, and that is not reported here.
    """
    if not automatic:
        return topology
    allocation = _Allocation(automatic, report)
    host, *others = [allocation.address_bridges(namespace) for namespace in topology.everywhere()]
    topology = replace(topology, host=host, namespaces=tuple(others))
    allocation.survey(topology)
    host, *others = [allocation.address_externals(namespace) for namespace in topology.everywhere()]
    veths = tuple([allocation.address_veth(veth) for veth in topology.veths])
    return replace(topology, host=host, namespaces=tuple(others), veths=veths)


def _place_of(namespace: str, interface: Interface) -> _Place | None:
    """The bridge that an interface is a port of."""
    return (namespace, interface.port.bridge) if interface.port else None


@dataclass
class _Segment:
    """Bridges that are joined, the addresses taken there, and those of each subnet that can still be given out."""

    places: list[_Place]
    taken: set[tuple[int, int]] = field(default_factory=set)  # family and value
    free: dict[Cidr, Iterator[Cidr]] = field(default_factory=dict)

    def occupy(self, interface: Interface) -> None:
        """The addresses of an interface are taken."""
        for family, value, _ in interface.addresses:
            self.taken.add((family, value))

    def take(self, subnet: Cidr) -> Cidr | None:
        """The next free address of a subnet, taken from now on."""
        free = self.free.get(subnet)
        if free is None:
            free = self.free[subnet] = self._find_free(subnet)
        return next(free, None)

    def _find_free(self, subnet: Cidr) -> Iterator[Cidr]:
        """The addresses of a subnet that nobody has, each taken when it is given out."""
        family, _, prefix = subnet
        for value in range(_first(subnet), _last(subnet) + 1):
            if (family, value) not in self.taken:
                self.taken.add((family, value))
                yield Cidr(family, value, prefix)


def _first(subnet: Cidr) -> int:
    return subnet.value + 1


def _last(subnet: Cidr) -> int:
    """The last address to give out; one below the first if there is none."""
    size = 1 << WIDTH[subnet.family] - subnet.prefix
    return subnet.value + size - (2 if subnet.family == 4 else 1)


class _Allocation:
    """One run: the bridges and segments there are, and the paths that it has complained about."""

    def __init__(self, automatic: Mapping[Path, int], report: Report) -> None:
        self._automatic = automatic
        self._report = report
        self._told: set[Path] = set()
        self._bridges: dict[_Place, Bridge] = {}
        self._segments: dict[_Place, _Segment] = {}

    def address_bridges(self, namespace: Namespace) -> Namespace:
        """The namespace with a gateway's address on each bridge that wants one."""
        if not namespace.bridges or not any(bridge.path in self._automatic for bridge in namespace.bridges):
            return namespace
        return replace(namespace, bridges=tuple([self._address_bridge(bridge) for bridge in namespace.bridges]))

    def _address_bridge(self, bridge: Bridge) -> Bridge:
        if bridge.path not in self._automatic:
            return bridge
        if not bridge.subnets:
            self._refuse_without_subnet(bridge, bridge)
        roomy = [subnet for subnet in bridge.subnets if _first(subnet) <= _last(subnet)]
        for subnet in bridge.subnets:
            if subnet not in roomy:
                self._refuse_exhausted(bridge, bridge, subnet)
        first = [Cidr(subnet.family, _first(subnet), subnet.prefix) for subnet in roomy]
        return alter(bridge, addresses=self._insert(bridge, first))

    def address_externals(self, namespace: Namespace) -> Namespace:
        """The namespace with the automatic addresses that external ports in it want."""
        if not namespace.interfaces:
            return namespace
        found = [
            self.address(interface, _place_of(namespace.name, interface))
            if interface.path in self._automatic
            else interface
            for interface in namespace.interfaces
        ]
        return replace(namespace, interfaces=tuple(found))

    def survey(self, topology: Topology) -> None:
        """Learn which bridges there are, which of them are joined, and which addresses are taken."""
        for namespace in topology.everywhere():
            for bridge in namespace.bridges:
                self._add_bridge((namespace.name, bridge.name), bridge)
            for interface in namespace.interfaces:
                self._occupy(_place_of(namespace.name, interface), interface)
        for veth in topology.veths:
            inner, outer = veth.inner, veth.outer
            near, far = _place_of(inner.namespace, inner), _place_of(outer.namespace, outer)
            if near and far:
                self._join(near, far)
            if inner.addresses or outer.addresses:
                self._occupy(near or far, inner)
                self._occupy(near or far, outer)

    def _add_bridge(self, place: _Place, bridge: Bridge) -> None:
        if place in self._bridges:
            return
        self._bridges[place] = bridge
        segment = self._segments[place] = _Segment([place])
        segment.occupy(bridge)
        for subnet in bridge.subnets:
            if not any(subnet.contains(cidr.family, cidr.value) for cidr in bridge.addresses):
                segment.taken.add((subnet.family, _first(subnet)))

    def _occupy(self, place: _Place | None, interface: Interface) -> None:
        if place in self._segments:
            self._segments[place].occupy(interface)

    def _join(self, one: _Place, other: _Place) -> None:
        if one not in self._segments or other not in self._segments:
            return
        small, large = sorted((self._segments[one], self._segments[other]), key=lambda segment: len(segment.places))
        if small is not large:
            large.places += small.places
            large.taken |= small.taken
            for place in small.places:
                self._segments[place] = large

    def address_veth(self, veth: Veth) -> Veth:
        """The veth with the automatic addresses that its ends want: from the peer's bridge, or else from their own.

        The inner end, of which there are many, is no other veth's, and gets them where it is.
        """
        inner, outer = veth.inner, veth.outer
        near, far = _place_of(inner.namespace, inner), _place_of(outer.namespace, outer)
        if inner.path in self._automatic:
            complete(inner, "addresses", self._find_addresses(inner, far or near))
        if outer.path in self._automatic:
            veth = alter(veth, outer=self.address(outer, near or far))
        return veth

    def address(self, interface: AnyInterface, place: _Place | None) -> AnyInterface:
        """An interface that wants automatic addresses with those that there are for it, from the bridge at `place`."""
        return alter(interface, addresses=self._find_addresses(interface, place))

    def _find_addresses(self, interface: Interface, place: _Place | None) -> tuple[Cidr, ...]:
        """All addresses of an interface that wants automatic ones, with those that there are."""
        if place is None:
            self._refuse_without_subnet(interface, None)
            return interface.addresses
        bridge = self._bridges.get(place)
        if bridge is None:
            return interface.addresses
        if not bridge.subnets:
            self._refuse_without_subnet(interface, bridge)
        found = []
        segment = self._segments[place]
        for subnet in bridge.subnets:
            cidr = segment.take(subnet)
            if cidr:
                found.append(cidr)
            else:
                self._refuse_exhausted(interface, bridge, subnet)
        return self._insert(interface, found)

    def _insert(self, interface: Interface, found: list[Cidr]) -> tuple[Cidr, ...]:
        at = self._automatic[interface.path]
        return (*interface.addresses[:at], *found, *interface.addresses[at:])

    def _refuse_without_subnet(self, interface: Interface, bridge: Bridge | None) -> None:
        if bridge:
            message = f"there is no subnet to take an address from: bridge `{bridge.name}` has none"
            help = f'write `subnet = "10.10.0.0/24"`, say, at `{bridge.name}`'
        else:
            message = "there is no subnet to take an address from: neither end is a port of a bridge"
            help = "name the bridge by `bridge`, or write the address"
        self._refuse("auto-without-subnet", interface, message, help, bridge)

    def _refuse_exhausted(self, interface: Interface, bridge: Bridge, subnet: Cidr) -> None:
        message = f"the subnet `{subnet}` of bridge `{bridge.name}` has no address left for `{interface.name}`"
        self._refuse("subnet-exhausted", interface, message, "make the subnet larger", bridge)

    def _refuse(self, slug: str, interface: Interface, message: str, help: str, bridge: Bridge | None) -> None:
        """Report an "auto", the first time only of all the interfaces that stand in one place of the document."""
        path = (*interface.path, "addresses", self._automatic[interface.path])
        if path not in self._told:
            self._told.add(path)
            see = bridge.path if bridge else None
            self._report.error(slug, path, message, help=help, see=see, see_note="the bridge is at" if see else "")
