"""The wiring of random topologies: nets, and the bridges, veths, tunnels and macvlans that join them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from dice import BRIDGE_OPTIONS, DESCRIPTIONS, END_NAMES, PORT_OPTIONS, SETTLED_OPTIONS, Dice

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.topology import (
    HOST,
    MACVLAN_MODES,
    Bridge,
    End,
    FdbEntry,
    Interface,
    Macvlan,
    Neighbour,
    Port,
    Veth,
    Vlans,
    Vxlan,
)


@dataclass
class Net:
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


class Wiring:
    """What of a topology is wired already: who is on which net, and by which interfaces."""

    def __init__(self, dice: Dice, vlans: bool, externals: bool, routed: bool, commands: bool) -> None:
        self.dice = dice
        self.commands = commands
        self.vlans = vlans
        self.externals = externals
        self.routed = routed
        self.nets: list[Net] = []
        self.bridges: dict[tuple[str, str], Bridge] = {}
        self.net_of: dict[tuple[str, str], Net] = {}
        self.externals_of_host: list[Interface] = []
        self.veths: list[Veth] = []
        self.vxlans: dict[str, list[Vxlan]] = {}
        self.macvlans: dict[str, list[Macvlan]] = {}
        self.net_of_end: dict[tuple[str, str], Net] = {}
        self.names: dict[str, set[str]] = {}
        self.lladdrs = 0
        self.destinations = 0

    def add_net(self) -> Net:
        net = Net(len(self.nets) + 1)
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

    def end(self, namespace: str, net: Net, port: Port | None = None) -> End:
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

    def lladdr(self) -> str | None:
        if self.dice.chance(4):
            self.lladdrs += 1
            return f"02:00:00:00:00:{self.lladdrs:02x}"
        return None

    def description(self) -> str:
        return self.dice.one(DESCRIPTIONS) if self.dice.chance(6) else ""
