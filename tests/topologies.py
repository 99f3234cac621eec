"""Random topologies that are right: a hypothesis strategy that every test may draw from.

`topologies()` gives models built in Python, with nothing for `check_topology` to find.  They are made right, not
filtered: first the wiring is drawn, then each *net* (what bridges and trunks join, or one veth by itself) gets networks
of its own, and whoever is on it an address of its own.  What is small comes first, so failures shrink well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, TypeVar

from adornments import adorn
from hypothesis import strategies as st

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.topology import (
    HOST,
    MACVLAN_MODES,
    Bridge,
    Command,
    End,
    FdbEntry,
    Interface,
    Macvlan,
    Namespace,
    Neighbour,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)

T = TypeVar("T")

NAMESPACE_NAMES = ("n1", "node2", "a.b", "x-y_z+", "_", "Router", "n7", "n" * 64)
END_NAMES = ("eth0", "vethA", "e.1", "_x", "lan+", "w-0", "abcdefghijklmno", "9p")
BRIDGE_NAMES = ("br0", "cni0", "br.2", "sw-3")

PORT_OPTIONS = (
    ("hairpin", "on"),
    ("isolated", "on"),
    ("learning", "off"),
    ("mcast_flood", "off"),
    ("neigh_suppress", "on"),
    ("cost", "4"),
    ("priority", "63"),
)
SETTLED_OPTIONS = (
    (),
    (("isolated", "on"),),
    (("learning", "off"),),
    (("hairpin", "on"), ("isolated", "on")),
)
"""Options of a port that leave no doubt about who reaches whom."""

BRIDGE_OPTIONS = (
    ("stp_state", "1"),
    ("mcast_snooping", "0"),
    ("forward_delay", "200"),
    ("ageing_time", "30000"),
    ("priority", "4096"),
    ("group_fwd_mask", "8"),
)
SYSCTLS = (
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.ip_local_port_range", "1024 2048"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.core.somaxconn", "128"),
)
COMMANDS = tuple(
    Command(("do", *words), ("is", "done", *words), ("undo", *words))
    for words in (("it",), ("a  b", "#", "$(reboot)"), ("bash", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
)
"""What people have run: here they are programs of the fake kernel."""

DESCRIPTIONS = (
    "the uplink",
    "$(reboot) `id` \"'\\",
    "{{ 7 * 7 }} {% x %} {# y #}",
    "Büro → 東京",
    "# $HOME; rm -rf / |&",
    "%s %d",
)
"""What people write, and some that a shell or a template could take amiss."""

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
    dice = _Dice(draw(st.binary(min_size=size, max_size=size)))
    topology = _Builder(dice, vlans, externals, routed, adorned).build(dice.number(most // 2 if routed else 0, most))
    if not adorned:
        return topology
    size = _MORE_ROLLS * (most + 2)
    return adorn(topology, _Dice(draw(st.binary(min_size=size, max_size=size))))


class _Dice:
    """Decisions made by bytes drawn beforehand, which is much faster than drawing each.  Zero is the simple case."""

    def __init__(self, rolls: bytes) -> None:
        self.rolls = iter(rolls)

    def number(self, low: int, high: int) -> int:
        return low + next(self.rolls, 0) % (high - low + 1)

    def one(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def chance(self, one_in: int = 2) -> bool:
        return self.number(1, one_in) == one_in

    def some(self, items: Sequence[T]) -> tuple[T, ...]:
        """Some of the items, in their order; often none."""
        chosen = self.number(0, 255) if self.chance() else 0
        return tuple(item for index, item in enumerate(items) if chosen >> index & 1)


@dataclass
class _Net:
    """What the interfaces of one net share: its families, its MTU, and a count of those who have an address."""

    number: int
    families: tuple[int, ...] = ()
    mtu: int | None = None
    members: dict[str, dict[int, Cidr]] = field(default_factory=dict)  # by namespace

    def network(self, family: int) -> Cidr:
        """The network of one family."""
        if family == 4:
            return Cidr(4, (10 << 24) + (self.number << 8), 24)
        return Cidr(6, (0xFD00 << 112) + (self.number << 64), 64)

    def join(self, namespace: str) -> tuple[Cidr, ...]:
        """The addresses of a new member, one for each family; none for a namespace that is a member already."""
        if namespace in self.members:
            return ()
        host = len(self.members) + 2
        networks = {family: self.network(family) for family in self.families}
        own = {family: network._replace(value=network.value + host) for family, network in networks.items()}
        self.members[namespace] = own
        return tuple(own.values())

    def others(self, namespace: str, family: int) -> list[Cidr]:
        """The addresses of everybody else."""
        return [own[family] for name, own in self.members.items() if name != namespace and family in own]


class _Builder:
    """A topology in the making."""

    def __init__(self, dice: _Dice, vlans: bool, externals: bool, routed: bool, commands: bool) -> None:
        self.dice = dice
        self.commands = commands
        self.vlans = vlans
        self.externals = externals
        self.routed = routed
        self.nets: list[_Net] = []
        self.bridges: dict[tuple[str, str], Bridge] = {}
        self.net_of: dict[tuple[str, str], _Net] = {}
        self.externals_of_host: list[Interface] = []
        self.veths: list[Veth] = []
        self.vxlans: dict[str, list[Vxlan]] = {}
        self.macvlans: dict[str, list[Macvlan]] = {}
        self.net_of_end: dict[tuple[str, str], _Net] = {}
        self.names: dict[str, set[str]] = {}
        self.lladdrs = 0
        self.destinations = 0

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

    # The wiring

    def add_net(self) -> _Net:
        net = _Net(len(self.nets) + 1)
        net.families = self.dice.one(((4,), (6,), (4, 6), (4, 6) if self.routed else ()))
        net.mtu = self.dice.one((None, 1400, 9000, 1280 if 6 in net.families else 576))
        self.nets.append(net)
        return net

    def add_bridge(self, namespace: str, name: str) -> None:
        self.names[namespace].add(name)
        filtering = self.vlans and self.dice.chance(3)
        external = self.externals and namespace == HOST and self.dice.chance(6)
        bridge = Bridge(name, path=(), description=self.description(), external=external)
        if not external:
            bridge = replace(
                bridge,
                options=self.dice.some(BRIDGE_OPTIONS),
                vlan_filtering=filtering,
                vlans=self.membership() if filtering else None,
                lladdr=self.lladdr(),
            )
        self.bridges[namespace, name] = bridge
        self.net_of[namespace, name] = self.add_net()

    def join_bridges(self) -> None:
        """Trunks from a bridge to an earlier one, at most one each, so that there is no loop."""
        places = list(self.bridges)
        for index, place in enumerate(places[1:], start=1):
            if self.dice.chance(3):
                other = places[self.dice.number(0, index - 1)]
                self.net_of[place] = net = self.net_of[other]
                near, far = (
                    self.end(namespace, net, self.port(namespace, name, trunk=True))
                    for namespace, name in (place, other)
                )
                self.veths.append(Veth(near, far))

    def address_bridges(self) -> None:
        for (namespace, name), bridge in self.bridges.items():
            net = self.net_of[namespace, name]
            addresses = net.join(namespace) if self.dice.chance() else ()
            mtu = net.mtu if addresses and not bridge.external else None
            networks = tuple(address.network for address in addresses) if self.dice.chance() else ()
            self.bridges[namespace, name] = replace(bridge, addresses=addresses, mtu=mtu, subnets=networks)

    def add_veth(self, spaces: Sequence[str]) -> None:
        """A veth to a bridge, or between two namespaces, which may be one and the same."""
        namespace = self.dice.one(spaces)
        if self.bridges and self.dice.chance():
            place, name = self.dice.one(list(self.bridges))
            net = self.net_of[place, name]
            near, far = self.end(namespace, net), self.end(place, net, self.port(place, name))
        else:
            net = self.add_net()
            near, far = self.end(namespace, net), self.end(self.dice.one(spaces), net)
        self.veths.append(Veth(far, near) if self.dice.chance(4) else Veth(near, far))

    def end(self, namespace: str, net: _Net, port: Port | None = None) -> End:
        taken = self.names[namespace]
        name = next(name for name in chain(END_NAMES, map("e{}".format, count())) if name not in taken)
        taken.add(name)
        self.net_of_end[namespace, name] = net
        addresses = () if port or self.dice.chance(16 if self.routed else 4) else net.join(namespace)
        return End(
            name,
            addresses=addresses,
            mtu=net.mtu,
            lladdr=self.lladdr(),
            port=port,
            description=self.description(),
            namespace=namespace,
        )

    def port(self, namespace: str, name: str, trunk: bool = False) -> Port:
        filtering = self.bridges[namespace, name].vlan_filtering
        vlans = Vlans(tagged=(10, 20, 30)) if trunk else self.membership()
        options = self.dice.one(SETTLED_OPTIONS) if self.routed else self.dice.some(PORT_OPTIONS)
        return Port(name, options, vlans if filtering and self.dice.chance() else None)

    def membership(self) -> Vlans:
        return self.dice.one((Vlans(1), Vlans(10), Vlans(20, (30, 40)), Vlans(10, (20,), (1,)), Vlans(tagged=(10,))))

    def add_external(self) -> None:
        """An interface of the machine, perhaps a port, perhaps with an address of ours."""
        bridges = [name for namespace, name in self.bridges if namespace == HOST]
        if bridges and self.dice.chance():
            external = Interface("ext0", port=self.port(HOST, self.dice.one(bridges)), external=True)
        else:
            external = Interface("ext0", addresses=self.add_net().join(HOST), external=True)
        self.externals_of_host.append(external)

    def add_vxlan(self, namespace: str) -> None:
        """A VXLAN device over an end that has an address, or a port of a bridge with nobody known behind it."""
        name = self.dice.one(("flannel.1", "vx0"))
        self.names[namespace].add(name)
        bridges = [name for home, name in self.bridges if home == namespace]
        below = [end for veth in self.veths for end in (veth.inner, veth.outer) if end.namespace == namespace]
        below = [end for end in below if end.addresses and (end.mtu or 1500) >= 1400]
        common: dict[str, Any] = {
            "name": name,
            "id": self.dice.number(1, 2),
            "lladdr": self.lladdr(),
            "learning": self.dice.chance(),
        }
        ends = ("192.0.2.1", "192.0.2.2")
        if not below:
            port = self.port(namespace, self.dice.one(bridges)) if bridges else None
            entries = (FdbEntry(ends[0]), FdbEntry(ends[1]), FdbEntry(ends[1], "02:00:00:00:01:01"))
            self.vxlans[namespace] = [Vxlan(port=port, fdb=self.dice.some(entries), **common)]
            return
        under = self.dice.one(below)
        own = under.addresses[0]
        net = next(net for net in self.nets if own in net.members.get(namespace, {}).values())
        others = [other.address for other in net.others(namespace, own.family)] or [
            own._replace(value=own.value + 100).address
        ]
        known = (FdbEntry(others[-1], "02:00:00:00:01:01"), FdbEntry(others[0], "02:00:00:00:01:02"))
        neighbours = (Neighbour("10.254.0.9", "02:00:00:00:01:01"), Neighbour("fdfe::9", "02:00:00:00:01:02"))
        told = self.dice.one(("remote", "fdb", "group"))
        group = "ff05::77" if own.family == 6 else "239.7.7.7"
        self.vxlans[namespace] = [
            Vxlan(
                addresses=(Cidr(4, (10 << 24) + (254 << 16) + self.dice.number(1, 4), 24),),
                mtu=self.dice.one((None, 1300)),
                local=own.address if told != "group" or self.dice.chance() else None,
                remote=others[0] if told == "remote" else None,
                group=group if told == "group" else None,
                dev=under.name if told == "group" or self.dice.chance() else None,
                dstport=self.dice.one((4789, 8472)),
                fdb=self.dice.some(known) + (tuple(map(FdbEntry, others)) if told == "fdb" else ()),
                neighbours=self.dice.some(neighbours),
                **common,
            )
        ]

    def add_macvlans(self, spaces: Sequence[str]) -> None:
        """One or two on an end that is no port, or on the interface of the machine; one alone if it is passed through."""
        below: list[tuple[str, Interface]] = [
            (end.namespace, end) for veth in self.veths for end in (veth.inner, veth.outer) if not end.port
        ]
        below += [(HOST, interface) for interface in self.externals_of_host if not interface.port]
        if not below or not self.dice.chance(3):
            return
        home, parent = self.dice.one(below)
        mode = self.dice.one(MACVLAN_MODES)
        for name in ("mv0",) if mode == "passthru" else ("mv0", "mv1")[: self.dice.number(1, 2)]:
            namespace = self.dice.one(spaces if home == HOST else spaces[1:])
            net = self.net_of_end.get((home, parent.name)) or self.add_net()
            macvlan = Macvlan(
                name,
                addresses=net.join(namespace) if parent.external is False else (),
                mtu=self.dice.one((None, parent.mtu)),
                lladdr=self.lladdr() if mode != "passthru" else None,
                description=self.description(),
                parent=parent.name,
                parent_namespace=None if namespace == home else home,
                mode=mode,
            )
            self.macvlans.setdefault(namespace, []).append(macvlan)
            mode = self.dice.one(MACVLAN_MODES[:-1])

    # What hangs on it

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

    def ways_through(self, end: End, net: _Net, family: int) -> Iterator[Route]:
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

    def lladdr(self) -> str | None:
        if self.dice.chance(4):
            self.lladdrs += 1
            return f"02:00:00:00:00:{self.lladdrs:02x}"
        return None

    def description(self) -> str:
        return self.dice.one(DESCRIPTIONS) if self.dice.chance(6) else ""
