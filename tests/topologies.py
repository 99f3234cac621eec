"""Random topologies that are right: a hypothesis strategy that every test may draw from.

`topologies()` gives models built in Python, with nothing for `check_topology` to find.  They are made right, not
filtered: first the wiring is drawn, then each *net* (what bridges and trunks join, or one veth by itself) gets networks
of its own, and whoever is on it an address of its own.  What is small comes first, so failures shrink well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from adornments import adorn
from dice import BRIDGE_NAMES, COMMANDS, NAMESPACE_NAMES, SYSCTLS, Dice
from hypothesis import strategies as st
from wiring import Net, Wiring

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.topology import HOST, End, Namespace, Route, Topology, Veth

_ROLLS = 120  # bytes drawn for each namespace: about what its interfaces use up
_MORE_ROLLS = 40  # the same for what adorns them


def topologies(
    max_namespaces: int = 4, vlans: bool = True, externals: bool = True, routed: bool = False, adorned: bool = True
) -> st.SearchStrategy[Topology]:
    """Valid topologies of up to `max_namespaces` namespaces beside the host.

    `vlans` says whether bridges may filter VLANs, `externals` whether interfaces may be there that nobody makes.
    Routes lead to networks where nobody is.  Where it is `routed`, there are more namespaces and veths, most neighbours
    are used as routers to where they lead, more of them forward and masquerade what is their neighbours', and no option
    of a port leaves open who reaches whom.  `adorned` ones have work for the packet filter, settings of
    interfaces, and commands of programs that only the fake kernel has.
    """
    return _topologies(max_namespaces, vlans, externals, routed, adorned)


@st.composite
def _topologies(
    draw: Callable[[st.SearchStrategy[bytes]], bytes],
    most: int,
    vlans: bool,
    externals: bool,
    routed: bool,
    adorned: bool,
) -> Topology:
    size = _ROLLS * (most + 2)
    dice = Dice(draw(st.binary(min_size=size, max_size=size)))
    topology = _Builder(dice, vlans, externals, routed, adorned).build(dice.number(most // 2 if routed else 0, most))
    if not adorned:
        return topology
    size = _MORE_ROLLS * (most + 2)
    return adorn(topology, Dice(draw(st.binary(min_size=size, max_size=size))))


class _Builder(Wiring):
    """A topology in the making: the wiring, then what hangs on it."""

    def build(self, size: int) -> Topology:
        spaces = [HOST, *NAMESPACE_NAMES[:size]]
        spaces += [f"more{index}" for index in range(len(spaces), size + 1)]
        for name in spaces:
            self.names[name] = set()
            for bridge in BRIDGE_NAMES[: self.dice.number(0, 2)]:
                self.add_bridge(name, bridge)
        self.join_bridges()
        self.address_bridges()
        for _ in range(self.dice.number(len(spaces) if self.routed else 0, 2 * len(spaces) + 1)):
            self.add_veth(spaces)
        for name in spaces:
            if self.dice.chance(3):
                self.add_vxlan(name)
        if self.externals and self.dice.chance(3):
            self.add_external()
        self.add_macvlans(spaces)
        return Topology(
            name=self.dice.one(("lab", "k8s_1", "a.b-c", "x" * 64)),
            host=self.namespace(HOST),
            namespaces=tuple(self.namespace(name) for name in spaces[1:]),
            veths=tuple(self.veth_with_routes(veth) for veth in self.veths),
            description=self.description(),
        )

    def namespace(self, name: str) -> Namespace:
        loopback = (self.loopback(name, 4), self.loopback(name, 6))
        forwarding = self.dice.one((True, True, None, False) if self.routed else (None, True, False))
        inside = self.networks(name) if self.routed else (Cidr(4, 10 << 24, 8), Cidr(6, 0xFD << 120, 8))
        masquerade = self.dice.some(inside) if forwarding else ()
        return Namespace(
            name,
            addresses=self.dice.some(loopback),
            routes=self.dead_ends(name) + self.open_routes(name),
            bridges=tuple(bridge for (namespace, _), bridge in self.bridges.items() if namespace == name),
            interfaces=tuple(self.externals_of_host) if name == HOST else (),
            devices=(*self.macvlans.get(name, ()), *self.vxlans.get(name, ())),
            sysctls=self.dice.some(SYSCTLS) + self.interface_sysctls(name),
            forwarding=forwarding,
            external=self.externals and name != HOST and self.dice.chance(5),
            masquerade=tuple(Masquerade(source) for source in masquerade),
            commands=self.dice.some(COMMANDS) if self.commands and name != HOST else (),
            description=self.description(),
        )

    def interface_sysctls(self, namespace: str) -> tuple[tuple[str, str], ...]:
        names = sorted(self.names[namespace])
        return tuple(
            (f"net.ipv4.conf.{name.replace('.', '/')}.proxy_arp", "1")
            for name in self.dice.some(names)
            if "+" not in name
        )

    def veth_with_routes(self, veth: Veth) -> Veth:
        return replace(veth, inner=self.end_with_routes(veth.inner), outer=self.end_with_routes(veth.outer))

    def end_with_routes(self, end: End) -> End:
        """The end with routes through neighbours, no two of one metric to any destination in a namespace."""
        routes: list[Route] = []
        for address in end.addresses:
            net = next(net for net in self.nets if address in net.members.get(end.namespace, {}).values())
            neighbours = net.others(end.namespace, address.family)
            if self.routed:
                routes += self.ways_through(end, net, address.family)
            if neighbours and self.dice.chance():
                via = self.dice.one(neighbours).address
                routes.append(self.route(end.namespace, address.family, via, end.name, address.address))
            if self.dice.chance(6):
                to = self.destination(end.namespace, address.family)
                routes.append(Route(address.family, to, dev=end.name, metric=self.metric()))
        return replace(end, routes=tuple(routes))

    def ways_through(self, end: End, net: Net, family: int) -> Iterator[Route]:
        """Routes through the neighbours to what is behind them, most of those that can be."""
        for name, own in net.members.items():
            if name != end.namespace and family in own:
                for network in self.networks_of(name, family, beside=end.namespace):
                    if not self.dice.chance(4):
                        self.destinations += 1
                        yield Route(family, network, own[family].address, end.name, metric=self.metric())

    def route(self, namespace: str, family: int, via: str, dev: str | None, src: str) -> Route:
        return Route(
            family,
            self.dice.one((None, self.destination(namespace, family))),
            via=via,
            dev=dev,
            src=src if self.dice.chance(4) else None,
            metric=self.destinations,  # one of its own: several defaults may be in one namespace
            table=self.dice.one((None, 100)),
        )

    def open_routes(self, namespace: str) -> tuple[Route, ...]:
        """A route that leaves the choice of the interface to the kernel."""
        for net in self.nets:
            for family, own in net.members.get(namespace, {}).items():
                neighbours = net.others(namespace, family)
                if neighbours and self.dice.chance():
                    return (self.route(namespace, family, neighbours[0].address, None, own.address),)
        return ()

    def dead_ends(self, namespace: str) -> tuple[Route, ...]:
        kind = self.dice.one(("", "", "blackhole", "unreachable", "prohibit"))
        family = self.dice.one((4, 6)) if self.routed else 4
        return (Route(family, self.destination(namespace, family), kind=kind, metric=self.metric()),) if kind else ()

    def metric(self) -> int | None:
        """One of its own for the latest destination, where it may be another route's destination as well."""
        return self.destinations if self.routed else None

    def destination(self, namespace: str, family: int) -> Cidr:
        """A network that is nobody's, another one each time; or where others are, and the namespace itself is not."""
        self.destinations += 1
        if self.routed and not self.dice.chance(4):
            others = [self.networks_of(name, family, beside=namespace) for name in self.names if name != namespace]
            if others:
                return self.dice.one([network for networks in others for network in networks])
        if family == 4:
            return Cidr(4, (100 << 24) + (64 << 16) + (self.destinations << 8), 24)
        return Cidr(6, (0xFD64 << 112) + (self.destinations << 64), 64)

    def networks_of(self, namespace: str, family: int, beside: str) -> list[Cidr]:
        """The networks that a namespace is on, and another one is not, and what it may have on `lo`."""
        theirs = self.networks(beside)
        mine = [own for own in self.networks(namespace) if own.family == family and own not in theirs]
        return [*mine, self.loopback(namespace, family)]

    def networks(self, namespace: str) -> list[Cidr]:
        """The networks that a namespace is on."""
        return [own.network for net in self.nets for own in net.members.get(namespace, {}).values()]

    def loopback(self, namespace: str, family: int) -> Cidr:
        """The address that a namespace may have on `lo`."""
        number = list(self.names).index(namespace) + 1
        if family == 4:
            return Cidr(4, (10 << 24) + (255 << 16) + number, 32)
        return Cidr(6, (0xFD00 << 112) + (0xFF << 96) + number, 128)
