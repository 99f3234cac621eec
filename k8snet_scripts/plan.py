"""The plan: every step that makes a topology, in an order that works and is fast.

Steps stand in *groups*, each with the sentence that says why it is there; groups stand in *waves*.  A wave may start
as soon as the wave before has ended, and within one the namespaces are done side by side.  Four are enough:

1. on the host: the namespaces, the bridges, and the veth pairs that have an end there;
2. inside namespaces: their bridges, and the veth pairs between namespaces;
3. addresses, routes and settings in namespaces that have no bridge;
4. the same on the host and in namespaces that have one.  A bridge comes up last, when its ports are in and alive:
   coming up first costs time that grows with the square of their number.

All of it is pure: equal topologies give equal plans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from k8snet_scripts import steps
from k8snet_scripts.addresses import Cidr, parse_address
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import HOST, UNTAGGED, End, Interface, Namespace, Route, Topology, Veth

FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
"""The sysctl that makes a namespace a router, by address family."""

_SAME_AS_IP_FORWARD = "net.ipv4.conf.all.forwarding"


class Group(NamedTuple):
    """Steps that belong together, and why they are there."""

    why: str
    steps: tuple[Step, ...]


class Wave(NamedTuple):
    """Groups that may be carried out side by side, one namespace beside the other."""

    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the templates see: the steps in order, and the marks of what they make."""

    name: str
    mark: int  # the link group of every interface made
    table: str  # the nft table, family inet, of every namespace that masquerades
    waves: tuple[Wave, ...]
    namespaces: tuple[str, ...]
    masquerading: tuple[str, ...]

    def steps(self) -> Iterator[Step]:
        """Every step, in order."""
        for wave in self.waves:
            for group in wave.groups:
                yield from group.steps


_Leaving = tuple[Route, str | None]
"""A route, and the interface that it leaves by if it is known."""


def link_group(name: str) -> int:
    """The link group that marks what the topology `name` owns: 31 bits of the name's SHA-256, above all common ones."""
    digest = hashlib.sha256(name.encode()).digest()
    return 2**16 + int.from_bytes(digest[:8], "big") % (2**31 - 2**16)


def plan_topology(topology: Topology) -> Plan:
    """The plan of a topology that `check_topology` found nothing wrong with."""
    everywhere = tuple(topology.everywhere())
    return Plan(
        name=topology.name,
        mark=link_group(topology.name),
        table=f"k8snet-{topology.name}",
        waves=tuple(wave for wave in _waves(_Index(topology)) if wave.groups),
        namespaces=tuple(namespace.name for namespace in topology.namespaces),
        masquerading=tuple(namespace.name for namespace in everywhere if namespace.masquerade),
    )


class _Index:
    """A topology, looked up by namespace."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.mark = str(link_group(topology.name))
        self.table = f"k8snet-{topology.name}"
        self.families = _families(topology)
        self.next_hops = _next_hops(topology)
        self.made: dict[str, list[Veth]] = {}  # the pairs, by the namespace that they are made from
        self.makers: set[int] = set()  # the ends (by identity) that their pair is made from
        self.ends: dict[str, list[End]] = {}
        for veth in topology.veths:
            maker, _ = _made_from(veth)
            self.makers.add(id(maker))
            self.made.setdefault(maker.namespace, []).append(veth)
            for end in (veth.inner, veth.outer):
                self.ends.setdefault(end.namespace, []).append(end)


def _made_from(veth: Veth) -> tuple[End, End]:
    """The end whose namespace makes the pair, and its peer: the host where it has an end, else the peer's namespace."""
    if veth.inner.namespace == HOST and veth.outer.namespace != HOST:
        return veth.inner, veth.outer
    return veth.outer, veth.inner


def _waves(index: _Index) -> Iterator[Wave]:
    topology = index.topology
    plain = [namespace for namespace in topology.namespaces if not namespace.bridges]
    bridged = [namespace for namespace in topology.namespaces if namespace.bridges]
    yield Wave("Namespaces, bridges and veth pairs", tuple(_make_on_host(index)))
    yield Wave("Bridges and veth pairs inside namespaces", tuple(_make_inside(index)))
    yield Wave("Inside the namespaces, several at a time", tuple(_configure(index, plain)))
    yield Wave("Where the bridges are: they come up last", tuple(_configure(index, [topology.host, *bridged])))


def _make_on_host(index: _Index) -> Iterator[Group]:
    names = [namespace.name for namespace in index.topology.namespaces]
    if names:
        yield Group("The namespaces.", tuple(map(steps.make_namespace, names)))
    yield from _make_links(index, index.topology.host)


def _make_inside(index: _Index) -> Iterator[Group]:
    for namespace in index.topology.namespaces:
        if namespace.bridges or namespace.name in index.made:
            yield from _make_links(index, namespace)


def _make_links(index: _Index, namespace: Namespace) -> Iterator[Group]:
    for interface in namespace.interfaces:
        yield Group(
            _why(interface, f"{interface.name}, which is there already."), (steps.need_interface(HOST, interface),)
        )
    for bridge in namespace.bridges:
        what = f"The bridge {bridge.name}{_in(namespace.name)}{', which is there already' if bridge.external else ''}."
        yield Group(_why(bridge, what), tuple(steps.make_bridge(namespace.name, bridge, index.mark)))
    for veth in index.made.get(namespace.name, ()):
        maker, peer = _made_from(veth)
        yield Group(_why_veth(veth, maker, peer), tuple(steps.make_veth(maker, peer, index.mark)))


def _configure(index: _Index, namespaces: Iterable[Namespace]) -> Iterator[Group]:
    for namespace in namespaces:
        rows = tuple(_configuration(index, namespace))
        if rows:
            yield Group(_why_namespace(namespace), rows)


def _configuration(index: _Index, namespace: Namespace) -> Iterator[Step]:
    """Everything that is done in one namespace once its links are made."""
    name, ends = namespace.name, index.ends.get(namespace.name, [])
    sources = steps.ipv6_sources((namespace, *ends, *namespace.interfaces, *namespace.bridges))
    yield from (steps.set_sysctl(name, key, value) for key, value in _sysctls(index, namespace))
    if name != HOST:
        yield steps.bring_up(name, "lo")
    yield from steps.add_addresses(name, "lo", namespace.addresses, sources)
    for end in ends:
        yield from _end(index, end, sources)
    for interface in namespace.interfaces:
        yield from _existing(interface, sources)
    for bridge in namespace.bridges:
        yield from steps.bridge_mtu(name, bridge)
        yield from steps.add_addresses(name, bridge.name, bridge.addresses, sources)
        if not bridge.external:
            yield steps.bring_up(name, bridge.name)
    yield from _routes(index, namespace)
    yield from _vlans(index, namespace)
    if namespace.masquerade:
        yield steps.masquerade(name, index.table, namespace.masquerade)


def _end(index: _Index, end: End, sources: frozenset[str]) -> Iterator[Step]:
    """What an end still lacks: what made the pair has brought up its own end, and made that a port."""
    made_here = id(end) in index.makers
    if end.port:
        if not made_here:
            yield steps.join_bridge(end.namespace, end, end.port)
        yield from steps.port_options(end.namespace, end.name, end.port)
    yield from steps.add_addresses(end.namespace, end.name, end.addresses, sources)
    if not made_here:
        yield steps.bring_up(end.namespace, end.name)


def _existing(interface: Interface, sources: frozenset[str]) -> Iterator[Step]:
    """What an interface gets that others made: it is not ours to bring up."""
    if interface.port:
        yield steps.join_bridge(HOST, interface, interface.port)
        yield from steps.port_options(HOST, interface.name, interface.port)
    yield from steps.add_addresses(HOST, interface.name, interface.addresses, sources)


def _routes(index: _Index, namespace: Namespace) -> Iterator[Step]:
    """The routes of every interface, then those of the namespace as a whole; before all, those without a next hop.

    The next hop of one route may be on the network that another one leads to.
    """
    holders: list[Interface] = [*index.ends.get(namespace.name, ()), *namespace.interfaces, *namespace.bridges]
    routes: list[_Leaving] = [(route, route.dev or holder.name) for holder in holders for route in holder.routes]
    if namespace.routes:
        networks = [(address, holder.name) for holder in holders for address in holder.addresses]
        direct = [*routes, *((route, route.dev) for route in namespace.routes)]
        networks += [(route.to or Cidr(route.family, 0, 0), dev) for route, dev in direct if dev and not route.via]
        routes += [(route, route.dev or _device_towards(route, networks)) for route in namespace.routes]
    for route, dev in sorted(routes, key=lambda leaving: leaving[0].via is not None):
        yield steps.add_route(namespace.name, route, None if route.kind != "unicast" else dev)


def _device_towards(route: Route, networks: Iterable[tuple[Cidr, str]]) -> str | None:
    """The interface whose network holds the next hop, the longest prefix first; the kernel's choice, foretold."""
    family, value = parse_address(route.via) if route.via else (0, 0)
    found = ((network.prefix, dev) for network, dev in networks if network.contains(family, value))
    return max(found, default=(0, None), key=lambda way: way[0])[1]


def _vlans(index: _Index, namespace: Namespace) -> Iterator[Step]:
    """The VLANs of filtering bridges and their ports, all of them: a bridge made here hands out none by itself."""
    filtering = {bridge.name for bridge in namespace.bridges if bridge.vlan_filtering}
    for bridge in namespace.bridges:
        if bridge.vlan_filtering:
            owner = f"{namespace.name} {bridge.name}"
            yield from steps.vlan_memberships(namespace.name, bridge.name, owner, bridge.vlans or UNTAGGED, own=True)
    for interface in (*index.ends.get(namespace.name, ()), *namespace.interfaces):
        port = interface.port
        if port and (port.vlans or port.bridge in filtering):
            owner = f"{namespace.name} {interface.name} port of {port.bridge}"
            yield from steps.vlan_memberships(namespace.name, interface.name, owner, port.vlans or UNTAGGED)


def _sysctls(index: _Index, namespace: Namespace) -> Iterator[tuple[str, str]]:
    """Forwarding first, then what was asked for.

    A new namespace inherits IPv4 forwarding from the machine, so one that could route without being asked to is told
    not to.  The host stays as it is unless the topology says otherwise.
    """
    forwarding = namespace.forwarding
    if forwarding is None and namespace.name != HOST and _could_route(index, namespace):
        forwarding = False
    if forwarding is not None:
        value = "1" if forwarding else "0"
        told = {"net.ipv4.ip_forward" if key == _SAME_AS_IP_FORWARD else key for key, _ in namespace.sysctls}
        yield from ((key, value) for key in (FORWARDING[family] for family in index.families) if key not in told)
    yield from namespace.sysctls


def _could_route(index: _Index, namespace: Namespace) -> bool:
    holders = [*index.ends.get(namespace.name, ()), *namespace.bridges]
    addresses = [holder.addresses for holder in holders if holder.addresses]
    if len(addresses) != 1:
        return len(addresses) > 1
    return any((address.family, address.value) in index.next_hops for address in addresses[0])


def _families(topology: Topology) -> tuple[int, ...]:
    """The address families that the topology uses, IPv4 first."""
    interfaces: list[Interface] = [*topology.ends()]
    for namespace in topology.everywhere():
        interfaces += [*namespace.bridges, *namespace.interfaces]
    used = {address.family for interface in interfaces for address in interface.addresses}
    used |= {address.family for namespace in topology.everywhere() for address in namespace.addresses}
    return tuple(sorted(used)) or (4,)


def _next_hops(topology: Topology) -> frozenset[tuple[int, int]]:
    """Every address, as family and value, that some route goes through."""
    holders: list[Interface | Namespace] = [*topology.ends(), *topology.everywhere()]
    for namespace in topology.everywhere():
        holders += [*namespace.bridges, *namespace.interfaces]
    vias = {route.via for holder in holders for route in holder.routes}
    return frozenset(parse_address(via) for via in vias if via)


def _why(interface: Interface, otherwise: str) -> str:
    return interface.description or otherwise


def _why_veth(veth: Veth, maker: End, peer: End) -> str:
    """Which cable it is and where its ends are; first what its author says of it."""
    said = " ".join(text for text in (veth.inner.description, veth.outer.description) if text)
    joined = f", a port of {maker.port.bridge}" if maker.port else ""
    what = f"{peer.name}{_in(peer.namespace)}; its peer {maker.name}{_in(maker.namespace)}{joined}."
    return f"{said} {what}" if said else what


def _why_namespace(namespace: Namespace) -> str:
    what = "The host." if namespace.name == HOST else f"{namespace.name}."
    return f"{what} {namespace.description}" if namespace.description else what


def _in(namespace: str) -> str:
    return " on the host" if namespace == HOST else f" in {namespace}"
