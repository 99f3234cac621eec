"""Bridges and the veths between them: where a frame that is inside one bridge comes out of another.

Inside a bridge a frame is in a *domain*: one for each VLAN of a bridge that filters, one for each tag on any other, 0
being untagged.  Bridges that are plugged together, whatever passes between them, are one *piece*.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from k8snet_scripts.forest import Forest
from k8snet_scripts.topology import UNTAGGED, Bridge, Port, Topology, Vlans

Domain = tuple[int, int]
"""A bridge by its number (its place in the order of declaration), and a VLAN."""


_DOUBTFUL = {
    ("flood", "off"): (4, 6),  # reached only while the bridge remembers where it is
    ("neigh_suppress", "on"): (4, 6),
    ("bcast_flood", "off"): (4,),  # nobody can ask for its lladdr
    ("proxy_arp", "on"): (4,),
    ("mcast_flood", "off"): (6,),
}
_DOUBTFUL_TOWARDS_BRIDGES = {
    ("guard", "on"): (4, 6),  # it may speak the spanning tree protocol
    ("root_block", "on"): (4, 6),
    ("hairpin", "on"): (4, 6),  # it gets its own broadcasts back and learns from them
}


class Link(NamedTuple):
    """A veth between two domains, seen from one of them."""

    to: Domain
    isolated_here: bool
    isolated_there: bool


class Trunk(NamedTuple):
    """A veth with a bridge, by its number, at both ends."""

    bridges: tuple[int, int]
    ports: tuple[Port, Port]


class Trunks:
    """What the trunks of a topology join."""

    def __init__(self, topology: Topology, bridges: Sequence[Bridge], trunks: Sequence[Trunk]) -> None:
        self._bridges = bridges
        self._pieces, self._domains = Forest(), Forest()
        self._links: dict[Domain, list[Link]] = {}
        self._floods: dict[tuple[Domain, bool], dict[Domain, bool]] = {}
        self._isolating: set[Hashable] = set()  # domains in which a frame may pass through an isolated port on its way
        self._doubtful: set[tuple[Hashable, int]] = set()
        looped = {trunk.bridges[0] for trunk in trunks if not self._pieces.join(*trunk.bridges)}
        self._tangled = self._roots(looped) & self._roots(
            trunk.bridges[0] for trunk in trunks if any(map(is_isolated, trunk.ports)) or self._any_filters(trunk)
        )
        tags = _tags_in_use(topology) if any(map(self._any_filters, trunks)) else ()
        for trunk in trunks:
            self._join(trunk, tags)
        for domain, links in self._links.items():
            if any(link.isolated_here for link in links):
                self._isolating.add(self._domains.root(domain))

    def piece(self, bridge: int) -> Hashable:
        """A key that is equal for bridges which are plugged together."""
        return self._pieces.root(bridge)

    def root(self, domain: Domain) -> Hashable:
        """A key that is equal for domains between which broadcasts pass."""
        return self._domains.root(domain)

    def is_tangled(self, piece: Hashable) -> bool:
        """Whether the spanning tree protocol, which knows no VLANs and no isolation, decides who connects."""
        return piece in self._tangled

    def is_doubtful(self, piece: Hashable, family: int) -> bool:
        """Whether an option of a port between bridges leaves open what passes."""
        return (piece, family) in self._doubtful

    def passes(self, start: Domain, from_isolated: bool, end: Domain, to_isolated: bool) -> bool:
        """Whether a frame that enters `start` through a port leaves `end` through another one."""
        if self.root(start) != self.root(end):
            return False
        if self.root(start) not in self._isolating:
            return not (start == end and from_isolated and to_isolated)
        entered_isolated = self._flood(start, from_isolated).get(end)
        return entered_isolated is not None and not (entered_isolated and to_isolated)

    def _flood(self, start: Domain, isolated: bool) -> dict[Domain, bool]:
        """Every domain that a frame gets into, and whether it enters there through an isolated port.

        Where ports are isolated there are no loops, so a frame enters a domain once at most.
        """
        flood = self._floods.get((start, isolated))
        if flood is None:
            flood = self._floods[start, isolated] = {start: isolated}
            waiting = [start]
            while waiting:
                domain = waiting.pop()
                for link in self._links.get(domain, ()):
                    if link.to not in flood and not (flood[domain] and link.isolated_here):
                        flood[link.to] = link.isolated_there
                        waiting.append(link.to)
        return flood

    def _join(self, trunk: Trunk, tags: Iterable[int]) -> None:
        (here, there), (near, far) = trunk.bridges, trunk.ports
        isolated = is_isolated(near), is_isolated(far)
        for tag in (0, *tags):
            one = vlan_of(self._bridges[here], near.vlans, tag)
            other = vlan_of(self._bridges[there], far.vlans, tag)
            if one is not None and other is not None:
                self._domains.join((here, one), (there, other))
                self._links.setdefault((here, one), []).append(Link((there, other), *isolated))
                self._links.setdefault((there, other), []).append(Link((here, one), *reversed(isolated)))
        for port in trunk.ports:
            self._doubtful |= {(self.piece(here), family) for family in doubtful_families(port, towards_bridge=True)}

    def _roots(self, bridges: Iterable[int]) -> set[Hashable]:
        return {self._pieces.root(bridge) for bridge in bridges}

    def _any_filters(self, trunk: Trunk) -> bool:
        return any(filters(self._bridges[number]) for number in trunk.bridges)


def filters(bridge: Bridge) -> bool:
    """Whether VLANs are kept apart; an external bridge is taken to do so, which changes nothing where none are used."""
    return bridge.vlan_filtering or bridge.external


def vlan_of(bridge: Bridge, vlans: Vlans | None, tag: int) -> int | None:
    """The VLAN of a frame with this tag (0: none) at a port with these memberships; None when it is not let in."""
    if not filters(bridge):
        return tag
    members = vlans or UNTAGGED
    if tag == 0:
        return members.untagged
    return tag if tag in members.tagged else None


def is_isolated(port: Port) -> bool:
    """Whether frames pass only between this port and those that are not isolated."""
    return ("isolated", "on") in port.options


def doubtful_families(port: Port, *, towards_bridge: bool) -> tuple[int, ...]:
    """The families of the traffic through a port of which its options leave open whether it passes."""
    families = [family for option in port.options for family in _DOUBTFUL.get(option, ())]
    if towards_bridge:
        families += [family for option in port.options for family in _DOUBTFUL_TOWARDS_BRIDGES.get(option, ())]
    return tuple(families)


def _tags_in_use(topology: Topology) -> list[int]:
    """The VLANs that some port or bridge has untagged: only in those is anyone who sends or hears."""
    members = [bridge.vlans for namespace in topology.everywhere() for bridge in namespace.bridges]
    members += [end.port.vlans for end in topology.ends() if end.port]
    tags = {UNTAGGED.untagged: None} | {vlans.untagged: None for vlans in members if vlans}
    return [tag for tag in tags if tag]
