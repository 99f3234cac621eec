"""Layer 2 of reachability: which stations can exchange frames, over bridges, VLANs, isolated ports and veths.

A *station* is an interface with an IP stack behind it: a bridge, a veth end that is no port, or a macvlan on one.  It
is attached to a domain of a bridge, or to nothing but the other end of its veth.  Two stations connect when frames pass
both ways.
The topology is indexed once; a namespace's stations are found when they are asked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from k8snet_scripts.reach.trunks import Domain, Trunk, Trunks, doubtful_families, is_isolated, vlan_of
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Macvlan, Topology, Vxlan

_NOWHERE = -1
"""The VLAN of a filtering bridge which is a member of none itself."""


class Attachment(NamedTuple):
    """Where the untagged frames of a station enter.  A bridge below 0 stands for a veth that leads to no bridge."""

    bridge: int
    vlan: int = 0
    isolated: bool = False
    doubtful: tuple[int, ...] = ()  # the families for which an option of the port leaves the outcome open
    reflects: bool = False  # what is sent there may come back

    @property
    def domain(self) -> Domain:
        """The domain that the frames enter."""
        return self.bridge, self.vlan


@dataclass(frozen=True, slots=True)
class Station:
    """An interface as IP sees it; `attachment` is None where the topology does not say what the wire leads to."""

    namespace: str
    interface: Interface
    attachment: Attachment | None
    parent: Interface | None = None  # whose wire a macvlan shares

    @property
    def wire(self) -> Interface:
        """The interface that its frames leave by."""
        return self.parent or self.interface

    @property
    def place(self) -> tuple[str, str]:
        """Its namespace and its name there."""
        return self.namespace, self.interface.name


class Switching:
    """The wires of a topology and the stations on them."""

    def __init__(self, topology: Topology) -> None:
        self._namespaces = {namespace.name: namespace for namespace in topology.everywhere()}
        self._bridges = [(home.name, bridge) for home in topology.everywhere() for bridge in home.bridges]
        self._numbers = {(home, bridge.name): number for number, (home, bridge) in enumerate(self._bridges)}
        self._veths = topology.veths
        self._ends: dict[str, list[int]] = {}  # by namespace: by number the veths, ~number meaning the outer end
        self._stations: dict[str, dict[Hashable, list[Station]]] = {}
        trunks = []
        for number, veth in enumerate(topology.veths):
            inner, outer = veth.inner, veth.outer
            if inner.port is None or inner.addresses or inner.routes:
                self._ends.setdefault(inner.namespace, []).append(number)
            if outer.port is None or outer.addresses or outer.routes:
                self._ends.setdefault(outer.namespace, []).append(~number)
            if inner.port is not None and outer.port is not None:
                trunks.append(Trunk((self._bridge_of(inner), self._bridge_of(outer)), (inner.port, outer.port)))
        self._parents = dict(_find_parents(topology))  # by place, with their mode
        self._ends_above: dict[tuple[str, str], int] = {}  # of the parents that are ends of veths, as in _ends
        for number, veth in enumerate(topology.veths if self._parents else ()):
            for end, known in ((veth.inner, number), (veth.outer, ~number)):
                if (end.namespace, end.name) in self._parents:
                    self._ends_above[end.namespace, end.name] = known
        self._trunks = Trunks(topology, [bridge for _, bridge in self._bridges], trunks)
        self._leaking = {self._trunks.piece(number) for number in self._find_leaking()}
        self._open = {self._trunks.piece(number) for number in self._unknown_bridges()}
        for place, number in self._ends_above.items():
            if self._parents[place] == "passthru":
                self._open.add(self._trunks.piece(self._attach(number).bridge))
        self._masquerading: dict[Hashable, list[int]] = {}  # bridges by their piece
        for number, (home, _) in enumerate(self._bridges):
            if self._namespaces[home].masquerade:
                self._masquerading.setdefault(self._trunks.piece(number), []).append(number)

    def stations(self, namespace: str) -> Iterator[Station]:
        """Every station of a namespace."""
        for stations in self._by_piece(namespace).values():
            yield from stations

    def stations_near(self, station: Station, namespace: str) -> Iterable[Station]:
        """The stations of a namespace that are plugged into the same wires, whether or not frames pass."""
        return self._by_piece(namespace).get(self._piece(station), ())

    def connects(self, one: Station, other: Station, family: int) -> bool | None:
        """Whether frames of a family pass between two stations, both ways; None when that cannot be foretold."""
        here, there, piece = one.attachment, other.attachment, self._piece(one)
        if here is None or there is None:
            return None
        if (one.parent or other.parent) and one.wire is other.wire and one.place != other.place:
            return self._connects_above(one, other)
        if piece != self._piece(other):
            return False
        if self._trunks.is_tangled(piece):
            return None
        if not self._trunks.passes(here.domain, here.isolated, there.domain, there.isolated):
            return None if piece in self._leaking else False
        if family in here.doubtful or family in there.doubtful or self._trunks.is_doubtful(piece, family):
            return None
        return True

    def _connects_above(self, one: Station, other: Station) -> bool | None:
        """Whether frames pass between a macvlan and its parent, or another one of it.

        Those in the mode `bridge` pass them on to each other.  All others, and the parent, meet on the wire or nowhere.
        """
        modes = [station.interface.mode for station in (one, other) if isinstance(station.interface, Macvlan)]
        if modes == ["bridge", "bridge"]:
            return True
        may_return = one.attachment is None or one.attachment.reflects
        return None if may_return or self.is_open(one) or self._trunks.is_tangled(self._piece(one)) else False

    def is_open(self, station: Station) -> bool:
        """Whether somebody whom the topology does not know may be on the station's wires."""
        return station.attachment is None or self._piece(station) in self._open

    def bystanders(self, one: Station, other: Station) -> Iterator[str]:
        """The namespaces with rules of masquerade one of whose bridges may pass on a frame between two stations.

        A kernel with br_netfilter shows such a frame to the rules as if it were routed.
        """
        for number in self._masquerading.get(self._piece(one), ()):
            home, bridge = self._bridges[number]
            if bridge is not one.interface and bridge is not other.interface:
                yield home

    def segment(self, station: Station) -> Hashable:
        """A key that is equal for the stations of one broadcast domain."""
        return self._trunks.root(station.attachment.domain) if station.attachment else None

    def describe(self, station: Station) -> str:
        """The station's segment in words: `segment br0`, `segment br0 of r1, vlan 10`, `veth eth0`."""
        attachment = station.attachment
        if isinstance(station.interface, Vxlan):
            return f"vxlan {station.interface.id}"
        if isinstance(station.interface, Macvlan) and (attachment is None or attachment.bridge < 0):
            return f"wire of {station.interface.parent}"
        if attachment is None or attachment.bridge < 0:
            return f"veth {station.interface.name}"
        home, bridge = self._bridges[attachment.bridge]
        vlan = f", vlan {attachment.vlan}" if attachment.vlan > 0 else ""
        return f"segment {bridge.name}{'' if home == HOST else f' of {home}'}{vlan}"

    def _by_piece(self, name: str) -> dict[Hashable, list[Station]]:
        """The stations of a namespace by what they are plugged into."""
        found = self._stations.get(name)
        if found is None:
            found = self._stations[name] = {}
            for station in self._find_stations(name):
                found.setdefault(self._piece(station), []).append(station)
        return found

    def _find_stations(self, name: str) -> Iterator[Station]:
        """The stations of a namespace, and the ports that have an address or a route in spite of being ports."""
        namespace = self._namespaces[name]
        for number in self._ends.get(name, ()):
            veth = self._veths[max(number, ~number)]
            end = veth.inner if number >= 0 else veth.outer
            if end.port is None and self._parents.get((name, end.name)) != "passthru":
                yield Station(name, end, self._attach(number))
            else:
                yield Station(name, end, None)
        for interface in (*namespace.interfaces, *namespace.vxlans):
            yield Station(name, interface, None)
        for macvlan in namespace.macvlans:
            yield self._find_macvlan(name, macvlan)
        for bridge in namespace.bridges:
            yield Station(name, bridge, self._attach_bridge(name, bridge))

    def _find_macvlan(self, name: str, macvlan: Macvlan) -> Station:
        """A macvlan, which is attached to what its parent is."""
        number = self._ends_above.get((macvlan.parent_namespace or name, macvlan.parent))
        if number is None:
            return Station(name, macvlan, None)
        veth = self._veths[max(number, ~number)]
        return Station(name, macvlan, self._attach(number), veth.inner if number >= 0 else veth.outer)

    def _attach_bridge(self, home: str, bridge: Bridge) -> Attachment:
        vlan = vlan_of(bridge, bridge.vlans, 0)
        return Attachment(self._numbers[home, bridge.name], _NOWHERE if vlan is None else vlan)

    def _attach(self, end: int) -> Attachment:
        """What an end of a veth is attached to, given by number as in _ends."""
        number = max(end, ~end)
        peer = self._veths[number].outer if end >= 0 else self._veths[number].inner
        port = peer.port
        if port is None:
            return Attachment(-1 - number)
        bridge = self._bridge_of(peer)
        vlan = vlan_of(self._bridges[bridge][1], port.vlans, 0)
        if vlan is None:
            return Attachment(-1 - number)
        doubtful = doubtful_families(port, towards_bridge=False)
        return Attachment(bridge, vlan, is_isolated(port), doubtful, ("hairpin", "on") in port.options)

    def _bridge_of(self, end: End) -> int:
        assert end.port is not None
        return self._numbers[end.namespace, end.port.bridge]

    def _piece(self, station: Station) -> Hashable:
        return self._trunks.piece(station.attachment.bridge) if station.attachment else None

    def _find_leaking(self) -> Iterator[int]:
        """The bridges of which frames leave untagged that do not belong to the VLAN of what comes back untagged."""
        for number, (_, bridge) in enumerate(self._bridges):
            if bridge.vlans and bridge.vlans.leaving:
                yield number
        for veth in self._veths:
            for end in (veth.inner, veth.outer):
                if end.port and end.port.vlans and end.port.vlans.leaving:
                    yield self._bridge_of(end)

    def _unknown_bridges(self) -> Iterator[int]:
        """The bridges with a port that leads, or may lead, to somebody the topology does not know."""
        for number, (_, bridge) in enumerate(self._bridges):
            if bridge.external:
                yield number
        for home in self._namespaces.values():
            for interface in (*home.interfaces, *home.devices):
                if interface.port:
                    yield self._numbers[home.name, interface.port.bridge]


def _find_parents(topology: Topology) -> Iterator[tuple[tuple[str, str], str]]:
    """The parents of macvlans, by namespace and name, each with the mode of one of them."""
    for namespace in topology.everywhere():
        for macvlan in namespace.macvlans:
            yield (macvlan.parent_namespace or namespace.name, macvlan.parent), macvlan.mode
