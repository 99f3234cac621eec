"""Layer-2 segments: which interfaces hear each other's broadcasts, and which veths let a broadcast go in circles.

Inside a bridge a frame is in a *domain*.  A bridge that filters VLANs has one domain for each VLAN; any other bridge
has one for untagged frames and passes tagged ones on unread, so that each tag is a domain as well.  A veth between two
ports joins a domain of the one bridge to a domain of the other for each tag that both sides let through.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

from k8snet_scripts.check.sites import Placed, Site
from k8snet_scripts.forest import Forest
from k8snet_scripts.topology import UNTAGGED, Bridge, Topology, Veth, Vlans

Segment = list[Placed]
"""The interfaces of one broadcast domain in order of declaration, ports and bridges included."""

_Macvlans = dict[tuple[str, str], Segment]


class _Side(NamedTuple):
    """One end of a trunk: the bridge it is a port of, and its VLAN memberships there."""

    place: tuple[str, str]  # the namespace and the name of the bridge
    bridge: Bridge
    untagged: int | None
    tagged: frozenset[int]


class _Trunk(NamedTuple):
    """A veth with a bridge at both ends."""

    veth: Veth
    sides: tuple[_Side, _Side]


def find_segments(topology: Topology, sites: Mapping[str, Site]) -> list[Segment]:
    """Every segment that has more than one interface.

    What an external interface is attached to is not known: on its segment are only the macvlans that share its wire.
    """
    bridged = _Bridged(topology, sites)
    macvlans = _find_macvlans(topology)
    for site in sites.values():
        bridged.add_site(site)
    unbridged = []
    for veth in topology.veths:
        if veth.inner.port or veth.outer.port:
            bridged.add_veth(veth, macvlans)
        else:
            unbridged.append(_find_pair(veth, macvlans))
    return [*bridged.found(), *unbridged, *_find_shared_wires(sites, macvlans)]


class _Bridged:
    """The segments that bridges are on, in order of what is added first to each."""

    def __init__(self, topology: Topology, sites: Mapping[str, Site]) -> None:
        trunks = _find_trunks(topology, sites)
        self._sites = sites
        self._forest = _weave(trunks, _tags_in_use(sites))[0] if trunks else Forest()
        self._segments: dict[Hashable, Segment] = {}
        self._reached: dict[tuple[str, str, Vlans | None], Segment] = {}

    def add_site(self, site: Site) -> None:
        """Add its bridges, and its external interfaces and devices that are ports."""
        for bridge in site.bridges.values():
            self._at(site.name, bridge.name, bridge.vlans).append(Placed(site.name, bridge))
        for interface in (*site.namespace.interfaces, *site.namespace.devices):
            if port := interface.port:
                self._at(site.name, port.bridge, port.vlans).append(Placed(site.name, interface))

    def add_veth(self, veth: Veth, macvlans: _Macvlans) -> None:
        """Add its ports, each with the other end and that end's macvlans if that is no port."""
        inner, outer = veth.inner, veth.outer
        for end, other in ((inner, outer), (outer, inner)):
            if port := end.port:
                segment = self._at(end.namespace, port.bridge, port.vlans)
                segment.append(Placed(end.namespace, end))
                if other.port is None:
                    segment += [Placed(other.namespace, other), *macvlans.get((other.namespace, other.name), ())]

    def found(self) -> list[Segment]:
        """Those with more than one interface."""
        return [segment for segment in self._segments.values() if len(segment) > 1]

    def _at(self, namespace: str, bridge: str, vlans: Vlans | None) -> Segment:
        """The segment of an untagged frame at a port with these memberships; an empty one when there is none."""
        key = (namespace, bridge, vlans)
        segment = self._reached.get(key)
        if segment is None:
            side = _find_side(self._sites, namespace, bridge, vlans)
            domain = _domain(side, None, self._forest) if side else None
            segment = [] if domain is None else self._segments.setdefault(self._forest.root(domain), [])
            self._reached[key] = segment
        return segment


def _find_pair(veth: Veth, macvlans: _Macvlans) -> Segment:
    """The segment of a veth without a port: its ends, and the macvlans of both."""
    ends = (veth.inner, veth.outer)
    more = [macvlan for end in ends for macvlan in macvlans.get((end.namespace, end.name), ())]
    return [*[Placed(end.namespace, end) for end in ends], *more]


def _find_shared_wires(sites: Mapping[str, Site], macvlans: _Macvlans) -> Iterator[Segment]:
    """The segments of external interfaces that have macvlans."""
    for (namespace, name), several in macvlans.items():
        if namespace in sites and (parent := sites[namespace].interfaces.get(name)) and parent.external:
            yield [Placed(namespace, parent), *several]


def _find_macvlans(topology: Topology) -> _Macvlans:
    """The macvlans by the namespace and the name of their parent, on whose segment they are."""
    found: _Macvlans = {}
    for namespace in topology.everywhere():
        for macvlan in namespace.macvlans:
            place = (macvlan.parent_namespace or namespace.name, macvlan.parent)
            found.setdefault(place, []).append(Placed(namespace.name, macvlan))
    return found


def find_loops(topology: Topology, sites: Mapping[str, Site]) -> list[Veth]:
    """The veths that close a loop of bridges none of which runs the spanning tree protocol, in order of declaration.

    A bridge without it passes the protocol's frames on, so one bridge that speaks it is enough to cut a loop.  An
    external bridge may speak it.
    """
    trunks = [
        trunk
        for trunk in _find_trunks(topology, sites)
        if not any(side.bridge.external or ("stp_state", "1") in side.bridge.options for side in trunk.sides)
    ]
    return _weave(trunks, _tags_in_use(sites))[1] if trunks else []


def _find_trunks(topology: Topology, sites: Mapping[str, Site]) -> list[_Trunk]:
    trunks = []
    for veth in topology.veths:
        one, other = veth.inner.port, veth.outer.port
        if one and other:
            near = _find_side(sites, veth.inner.namespace, one.bridge, one.vlans)
            far = _find_side(sites, veth.outer.namespace, other.bridge, other.vlans)
            if near and far:
                trunks.append(_Trunk(veth, (near, far)))
    return trunks


def _find_side(sites: Mapping[str, Site], namespace: str, name: str, vlans: Vlans | None) -> _Side | None:
    """A port of the bridge of that name, when there is one."""
    site = sites.get(namespace)
    bridge = site.bridges.get(name) if site else None
    if bridge is None:
        return None
    vlans = vlans or UNTAGGED
    return _Side((namespace, name), bridge, vlans.untagged, frozenset(vlans.tagged))


def _filters(bridge: Bridge) -> bool:
    """Whether VLANs are kept apart; an external bridge is taken to do so, which changes nothing where none are used."""
    return bridge.vlan_filtering or bridge.external


def _tags_in_use(sites: Mapping[str, Site]) -> list[int]:
    """The VLANs that some port or bridge has untagged: only in those is anyone who sends or hears."""
    tags = {1: None}
    for site in sites.values():
        for bridge in site.bridges.values():
            if bridge.vlans and bridge.vlans.untagged:
                tags[bridge.vlans.untagged] = None
        for interface in site.interfaces.values():
            if interface.port and interface.port.vlans and interface.port.vlans.untagged:
                tags[interface.port.vlans.untagged] = None
    return list(tags)


def _weave(trunks: Iterable[_Trunk], tags: list[int]) -> tuple[Forest, list[Veth]]:
    """Join what the trunks join; also the veths whose two sides were joined before, in order of declaration.

    Trunks between bridges that do not filter come first, since those bridges then act as one for every tag.
    """
    forest = Forest()
    closing: dict[int, Veth] = {}
    plain = [trunk for trunk in trunks if not any(_filters(side.bridge) for side in trunk.sides)]
    aware = [trunk for trunk in trunks if any(_filters(side.bridge) for side in trunk.sides)]
    for trunk in plain:
        if not forest.join(trunk.sides[0].place, trunk.sides[1].place):
            closing[id(trunk.veth)] = trunk.veth
    for trunk in aware:
        for tag in (None, *tags):
            one, other = (_domain(side, tag, forest) for side in trunk.sides)
            if one is not None and other is not None and not forest.join(one, other):
                closing[id(trunk.veth)] = trunk.veth
    return forest, [trunk.veth for trunk in trunks if id(trunk.veth) in closing]


def _domain(side: _Side, tag: int | None, forest: Forest) -> Hashable | None:
    """The domain of its bridge in which a frame with this tag on the wire is; None when it is not let in."""
    if not _filters(side.bridge):
        return (forest.root(side.place), tag)
    vlan = side.untagged if tag is None else tag if tag in side.tagged else None
    return None if vlan is None else (side.place, vlan)
