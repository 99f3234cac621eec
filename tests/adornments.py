"""What random topologies get on top of their wiring: work for the packet filter, and settings of interfaces.

`adorn` takes a topology that is right and gives it back with more, and as right as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import TypeVar

from dice import Dice

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.filtering import (
    DEFAULT_ADMIN_CHAIN,
    MASQUERADED,
    Admission,
    Condition,
    Isolation,
    Masquerade,
    Publication,
)
from k8snet_scripts.rates import Rate
from k8snet_scripts.topology import End, Ifb, Namespace, Route, Topology

T = TypeVar("T")

CONDITIONS = (
    Condition("saddr", parse_cidr("192.0.2.0/24")),
    Condition("daddr", parse_cidr("192.0.2.1/32"), negated=True),
    Condition("saddr", parse_cidr("2001:db8::/32"), negated=True),
)
OPEN_ON = {4: (None, "0.0.0.0", "127.0.0.1", "192.0.2.77"), 6: (None, "::", "2001:db8::77")}


RATES = (None, None, None, Rate(10**7, 70000), Rate(1_000_008, 65535 + 300, 7001), Rate(3 * 10**9, 10**6, 400_000))


def adorn(topology: Topology, dice: Dice) -> Topology:
    """Published ports, what is let through and kept apart, guarded ports, and settings of the ends of veths."""
    known = {namespace.name: list(_networks(topology, namespace)) for namespace in topology.everywhere()}
    homes = {namespace.name: namespace for namespace in topology.everywhere()}
    ports = count(8000)
    veths = []
    for veth in topology.veths:
        inner, outer = (_adorn_end(end, homes[end.namespace], dice) for end in (veth.inner, veth.outer))
        inner, outer = _guard(inner, outer, dice), _guard(outer, inner, dice)
        published = [
            replace(end, publications=tuple(_publish(end, homes[peer.namespace], known[peer.namespace], ports, dice)))
            for end, peer in ((inner, outer), (outer, inner))
        ]
        veths.append(replace(veth, inner=published[0], outer=published[1]))
    ends: dict[str, list[str]] = {}
    for end in topology.ends():
        ends.setdefault(end.namespace, []).append(end.name)
    host, *namespaces = (
        _adorn_namespace(place, known[place.name], ends.get(place.name, []), dice) for place in topology.everywhere()
    )
    return replace(topology, host=host, namespaces=tuple(namespaces), veths=tuple(veths))


def _networks(topology: Topology, namespace: Namespace) -> Iterator[Cidr]:
    """The networks that a namespace is on."""
    for holder in (*namespace.holders, *(end for end in topology.ends() if end.namespace == namespace.name)):
        yield from (address.network for address in holder.addresses)


def _adorn_end(end: End, home: Namespace, dice: Dice) -> End:
    end = replace(
        end,
        promisc=dice.chance(8),
        allmulti=dice.one((None, None, None, True, False)),
        txqlen=dice.one((None, None, None, 7, 0)),
        rate=dice.one(RATES),
    )
    if end.txqlen == 0:
        end = replace(end, rate=None)
    if end.addresses and not end.routes and not any(route.via for route in home.routes) and dice.chance(6):
        return replace(end, connected=False)
    return replace(end, routes=tuple(_narrow(route, dice) for route in end.routes))


def _narrow(route: Route, dice: Dice) -> Route:
    is_direct = route.family == 4 and route.via is None
    return replace(route, scope="host") if is_direct and dice.chance(4) else route


def _guard(end: End, peer: End, dice: Dice) -> End:
    """An end that takes in what comes from the other one only, if it is a port and knows the address of that."""
    if end.port is None or peer.port or peer.lladdr is None or not dice.chance():
        return end
    return replace(end, port=replace(end.port, only_from=peer.lladdr))


def _publish(end: End, place: Namespace, known: list[Cidr], ports: Iterable[int], dice: Dice) -> Iterator[Publication]:
    """Ports of a namespace that lead to an end, if it forwards and knows the networks of that."""
    targets = [address for address in end.addresses if any(network.contains(*address[:2]) for network in known)]
    is_router = place.forwarding or place.forwarding is None and not place.is_made
    if end.namespace == place.name or not is_router or not targets or targets != list(end.addresses):
        return
    for port in ports:
        if not dice.chance(3):
            return
        family = dice.one(targets).family
        yield Publication(
            port,
            dice.one((80, 53)),
            dice.one(("tcp", "udp", "sctp")),
            dice.one(OPEN_ON[family]),
            dice.one(MASQUERADED),
            dice.some(CONDITIONS),
        )


def _adorn_namespace(namespace: Namespace, known: list[Cidr], ends: list[str], dice: Dice) -> Namespace:
    admissions = [
        Admission(network, dice.one((DEFAULT_ADMIN_CHAIN, "MINE")), dice.chance())
        for network in dice.some(list(dict.fromkeys(known)))
    ]
    ifbs = [Ifb("ifb-0", source=ends[0], rate=RATES[-1])] if ends and dice.chance(4) else []
    apart = [Isolation(bridge.name, family) for bridge in namespace.bridges for family in dice.some((4, 6))]
    return replace(
        namespace,
        admissions=tuple(admissions),
        isolations=tuple(apart),
        devices=(*namespace.devices, *ifbs),
        masquerade=tuple(_widen(rule, dice) for rule in namespace.masquerade),
    )


def _widen(rule: Masquerade, dice: Dice) -> Masquerade:
    """Also the network that is twice as large is left alone."""
    source = rule.source
    half = source._replace(prefix=source.prefix - 1).network
    return replace(rule, within=(source, half)) if dice.chance(4) else rule
