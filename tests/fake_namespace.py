"""A network namespace of the fake kernel: its interfaces, addresses, routes and settings, and what they take along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr, parse_address

LO = "lo"
MAIN = "254"
LEAST_IPV6_MTU = 1280
PORT_DEFAULTS = {
    **dict.fromkeys(
        ("hairpin", "guard", "root_block", "fastleave", "isolated", "neigh_suppress", "proxy_arp"), "false"
    ),
    **dict.fromkeys(("learning", "flood", "mcast_flood", "bcast_flood"), "true"),
    "cost": "2",
    "priority": "32",
}
BRIDGE_DEFAULTS = {
    "stp_state": "0",
    "mcast_snooping": "1",
    "forward_delay": "1500",
    "hello_time": "200",
    "max_age": "2000",
    "ageing_time": "30000",
    "priority": "32768",
    "group_fwd_mask": "0",
    "vlan_filtering": "0",
    "vlan_default_pvid": "1",
}
DEVICE_SYSCTLS = {
    "ipv4": dict.fromkeys(
        ("forwarding", "proxy_arp", "arp_filter", "arp_notify", "arp_announce", "route_localnet"), "0"
    )
    | {"rp_filter": "2"},
    "ipv6": {"forwarding": "0", "accept_ra": "1", "accept_dad": "1", "disable_ipv6": "0"},
}
SYSCTLS = {
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.core.somaxconn": "4096",
    **{
        f"net.{family}.conf.{name}.{leaf}": value
        for family, leaves in DEVICE_SYSCTLS.items()
        for name in ("all", "default")
        for leaf, value in leaves.items()
    },
}
IP_FORWARD = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding")


class Refusal(Exception):
    """What the kernel, or the tool, says of a command that it does not carry out."""


class UnknownCommand(Exception):
    """A command, or a word of one, that this model knows nothing of."""


class FakeRoute(NamedTuple):
    """An entry of a routing table that somebody put there."""

    family: int
    kind: str
    to: Cidr
    via: str | None
    dev: str | None
    src: str | None
    metric: int
    table: str
    onlink: bool
    scope: str = ""

    @property
    def slot(self) -> tuple[Cidr, int, str]:
        """Of two routes with the same of these, only one can be there."""
        return self.to, self.metric, self.table

    def __str__(self) -> str:
        to = self.to.address if self.to.is_host else str(self.to) if self.to.prefix else "default"
        kind = "" if self.kind == "unicast" else f"{self.kind} "
        words = [f"inet{'6' if self.family == 6 else ''} route {kind}{to}"]
        words += [f"{key} {value}" for key, value in (("via", self.via), ("dev", self.dev), ("src", self.src)) if value]
        words += [f"metric {self.metric}"] if self.metric else []
        words += [f"table {self.table}"] if self.table != MAIN else []
        words += ["onlink"] if self.onlink else []
        words += [f"scope {self.scope}"] if self.scope else []
        return " ".join(words)


@dataclass
class Link:
    """An interface.  `kind` is `loopback`, `veth`, `bridge`, `vxlan`, `macvlan`, `ifb`, or `device` of the machine."""

    name: str
    kind: str
    lladdr: str
    group: str = "0"
    up: bool = False
    mtu: int | None = None  # None: a bridge whose MTU follows that of its ports
    peer: tuple[str, str] | None = None  # its namespace and its name
    parent: tuple[str, str] | None = None  # of a macvlan: its namespace and its name
    options: dict[str, str] = field(default_factory=dict)  # of a bridge, a macvlan, or a VXLAN device
    master: str | None = None
    port: dict[str, str] = field(default_factory=dict)  # the options of a port
    vlans: dict[int, tuple[str, ...]] = field(
        default_factory=dict
    )  # with their flags, as a port or of the bridge itself
    addresses: list[Cidr] = field(default_factory=list)
    alone: set[Cidr] = field(default_factory=set)  # of the addresses, those without a route to their network
    listening: dict[str, str] = field(default_factory=lambda: {"promisc": "off", "allmulti": "off", "txqlen": "1000"})
    fdb: list[tuple[str, str]] = field(default_factory=list)  # link-layer addresses, and the endpoints they are behind
    neighbours: dict[str, str] = field(default_factory=dict)  # addresses with their link-layer addresses
    rate: str = ""  # the words of its root queueing discipline
    filtered: bool = False  # whether it can have filters for what comes in
    redirect: str = ""  # where the first of them leads; nothing where it leads to what is gone
    filters: int = 0

    def tell(self, space: Space) -> Iterator[tuple[str, str]]:
        """The facts about it: the owner, without its namespace, and the words."""
        told = ["exists", f"group {self.group}", f"mtu {space.mtu(self)}", f"address {self.lladdr}"]
        told += ["up"] if self.up else []
        told += [f"master {self.master}"] if self.master else []
        told += [f"veth, peer {' '.join(self.peer)}"] if self.peer else []
        if self.parent:
            passed = " passthru" if self.options["mode"] == "passthru" else ""
            told.append(f"macvlan{passed}, parent {' '.join(self.parent)}")
        told += [self.kind] if self.kind in ("bridge", "ifb") else []
        told += [self.rate] if self.rate else []
        told += ["ingress"] if self.filtered else []
        told += [f"redirect {self.redirect}" if self.redirect else "filter 1"] if self.filters else []
        for address in self.addresses:
            alone = " noprefixroute" if address in self.alone else ""
            told.append(f"inet{'6' if address.family == 6 else ''} {address}{alone}")
        told += [f"{key} {value}" for key, value in self.listening.items()]
        if self.kind == "vxlan":
            told.append(f"vxlan id {self.options['id']} dstport {self.options['dstport']}")
        told += [f"fdb {lladdr} dst {dst}" for lladdr, dst in self.fdb]
        told += [f"neigh {address} lladdr {lladdr}" for address, lladdr in self.neighbours.items()]
        for key, value in self.options.items():
            told.append(f"{key} {hex(int(value)) if key == 'group_fwd_mask' and value != '0' else value}")
        yield from ((self.name, words) for words in told)
        owner = f"{self.name} port of {self.master}" if self.master else self.name
        yield from ((owner, f"{key} {value}") for key, value in self.port.items())
        yield from ((owner, " ".join(("vlan", str(vid), *flags))) for vid, flags in self.vlans.items())

    def join_vlan(self, vid: int, flags: tuple[str, ...]) -> None:
        """The membership, as it is from now on; there is one PVID at most."""
        if "pvid" in flags:
            self.vlans = {other: tuple(flag for flag in own if flag != "pvid") for other, own in self.vlans.items()}
        self.vlans[vid] = flags


@dataclass
class Space:
    """A network namespace.  Its `serial` is its identity: another one of the same name has another."""

    serial: int
    links: dict[str, Link] = field(default_factory=dict)
    routes: list[FakeRoute] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=lambda: dict(SYSCTLS))
    done: dict[str, None] = field(default_factory=dict)  # the commands of people that were carried out
    tables: dict[str, str] = field(default_factory=dict)  # of nft, family inet: its text by its name

    def link(self, name: str) -> Link:
        if name not in self.links:
            raise Refusal(f'Cannot find device "{name}"')
        return self.links[name]

    def ports(self, bridge: str) -> list[Link]:
        return [link for link in self.links.values() if link.master == bridge]

    def mtu(self, link: Link) -> int:
        if link.mtu is None:
            return min((self.mtu(port) for port in self.ports(link.name)), default=1500)
        return link.mtu

    # Links

    def add_link(self, link: Link) -> None:
        if link.name in self.links:
            raise Refusal("RTNETLINK answers: File exists")
        self.links[link.name] = link
        for family, leaves in DEVICE_SYSCTLS.items():
            for leaf in leaves:
                default = self.sysctls[f"net.{family}.conf.default.{leaf}"]
                self.sysctls[f"net.{family}.conf.{spelt(link.name)}.{leaf}"] = default

    def drop_link(self, name: str) -> None:
        link = self.links.pop(name)
        for port in self.ports(name):
            self.leave(port)
        link.addresses.clear()
        for upper in [upper.name for upper in self.links.values() if upper.options.get("dev") == name]:
            self.drop_link(upper)
        for other in self.links.values():
            other.redirect = "" if other.redirect == name else other.redirect
        self.routes = [route for route in self.routes if route.dev != name]
        self.sysctls = {key: value for key, value in self.sysctls.items() if f".conf.{spelt(name)}." not in key}
        self.settle()

    def enslave(self, link: Link, bridge: str) -> None:
        if self.link(bridge).kind != "bridge" or link.kind == "bridge":
            raise Refusal("RTNETLINK answers: Operation not supported")
        if link.master != bridge:
            self.leave(link)
            link.master, link.port = bridge, dict(PORT_DEFAULTS)
            pvid = int(self.link(bridge).options["vlan_default_pvid"])
            if pvid:
                link.join_vlan(pvid, ("pvid", "untagged"))
        self.settle()

    def leave(self, link: Link) -> None:
        link.master = None
        link.port.clear()
        link.vlans.clear()
        self.settle()

    def set_down(self, link: Link) -> None:
        """The kernel keeps the IPv4 addresses of a link that is down, but not its routes nor anything of IPv6."""
        if link.up:
            link.up = False
            link.neighbours.clear()
            link.addresses = [address for address in link.addresses if address.family == 4]
            self.routes = [route for route in self.routes if route.dev != link.name]
            if link.name == LO:  # where routes of IPv6 that lead nowhere are kept
                self.routes = [route for route in self.routes if route.dev or route.family == 4]

    def set_default_pvid(self, bridge: Link, new: int) -> None:
        """Ports, and the bridge itself, leave the old one where that is still their PVID, and join the new one."""
        old = int(bridge.options["vlan_default_pvid"])
        for link in (bridge, *self.ports(bridge.name)):
            if new in link.vlans:
                continue
            if old and link.vlans.get(old) == ("pvid", "untagged"):
                del link.vlans[old]
            elif old and new:
                continue
            if new:
                link.join_vlan(new, ("pvid", "untagged"))

    def settle(self) -> None:
        """IPv6 needs room, and leave to be there."""
        for link in self.links.values():
            if not self.has_ipv6(link):
                link.addresses = [address for address in link.addresses if address.family == 4]
                self.routes = [route for route in self.routes if route.dev != link.name or route.family == 4]

    def has_ipv6(self, link: Link) -> bool:
        disabled = self.sysctls[f"net.ipv6.conf.{spelt(link.name)}.disable_ipv6"]
        return disabled == "0" and self.mtu(link) >= LEAST_IPV6_MTU

    # Addresses and routes

    def add_address(self, link: Link, address: Cidr, alone: bool = False) -> None:
        if address.family == 6 and not self.has_ipv6(link):
            raise Refusal("RTNETLINK answers: Permission denied")
        if any((own.family, own.value) == (address.family, address.value) for own in link.addresses):
            raise Refusal("RTNETLINK answers: File exists")
        link.addresses.append(address)
        link.alone = {*link.alone, address} if alone else link.alone - {address}

    def drop_address(self, link: Link, address: Cidr) -> None:
        """With the first IPv4 address of a network go the others of it, with the last one all routes of the link."""
        if address not in link.addresses:
            raise Refusal("RTNETLINK answers: Cannot assign requested address")
        first = next(own for own in link.addresses if own.prefix == address.prefix and own.overlaps(address))
        gone = [address]
        if address.family == 4 and first == address:
            gone = [own for own in link.addresses if own.prefix == address.prefix and own.overlaps(address)]
        link.addresses = [own for own in link.addresses if own not in gone]
        if address.family == 4:
            sources = [own.address for own in gone]
            last = not any(own.family == 4 for own in link.addresses)
            self.routes = [
                route
                for route in self.routes
                if route.family == 6 or not (route.src in sources or last and route.dev == link.name)
            ]
        else:
            self.routes = [route._replace(src=None) if route.src == address.address else route for route in self.routes]

    def add_route(self, route: FakeRoute) -> None:
        if route.src and route.src not in {own.address for link in self.links.values() for own in link.addresses}:
            raise Refusal("Error: Invalid prefsrc address")
        if route.kind == "unicast":
            dev = self.device_towards(route)
            if not self.link(dev).up:
                raise Refusal("Error: Device for nexthop is not up")
            if route.family == 6 and not self.has_ipv6(self.link(dev)):
                raise Refusal("RTNETLINK answers: No such device")
            route = route._replace(dev=dev)
        taken = {other.slot for other in (*self.routes, *self.connected())}
        if route.slot in taken:
            raise Refusal("RTNETLINK answers: File exists")
        self.routes.append(route)

    def device_towards(self, route: FakeRoute) -> str:
        """The link that a route leaves by: the one that it names, if its next hop is there, or the next hop's."""
        if not route.via:
            return route.dev or ""
        if route.dev:
            self.link(route.dev)
            if route.onlink:
                return route.dev
        family, value = parse_address(route.via)
        ways = [
            way
            for way in (*self.connected(), *self.routes)
            if way.table in (MAIN, route.table) and way.to.contains(family, value) and route.dev in (None, way.dev)
        ]
        own = any(address[:2] == (family, value) for link in self.links.values() for address in link.addresses)
        best = max(ways, key=lambda way: (way.to.prefix, -way.metric), default=None)
        if own or best is None or best.via or not best.dev:
            raise Refusal("Error: Nexthop has invalid gateway.")
        return best.dev

    def connected(self) -> Iterator[FakeRoute]:
        """The routes that the kernel makes by itself for the networks of links that are up."""
        for link in self.links.values():
            for address in link.addresses if link.up and link.name != LO else ():
                if not address.is_host and address not in link.alone:
                    metric = 256 if address.family == 6 else 0
                    yield FakeRoute(
                        address.family, "unicast", address.network, None, link.name, None, metric, MAIN, False
                    )

    def drop_route(self, route: FakeRoute, metric: bool) -> None:
        """The first route that has all that is given of one; a metric that is not given is any."""
        for other in self.routes:
            wanted = route._replace(
                dev=route.dev or other.dev, via=route.via or other.via, src=route.src or other.src
            )._replace(onlink=other.onlink, scope=other.scope)
            if other == (wanted if metric else wanted._replace(metric=other.metric)):
                self.routes.remove(other)
                return
        raise Refusal("RTNETLINK answers: No such process")

    # Sysctls

    def write_sysctl(self, path: str, value: str) -> None:
        key = ".".join(spelt(part) for part in path.split("/"))
        key = IP_FORWARD[1] if key == IP_FORWARD[0] else key
        if key not in self.sysctls:
            raise Refusal(f"bash: line 1: /proc/sys/{path}: No such file or directory")
        self.sysctls[key] = value
        start, _, leaf = key.partition(".conf.all.")
        if leaf in ("forwarding", "disable_ipv6"):  # what is set for all is set on each
            for name in ("default", *map(spelt, self.links)):
                self.sysctls[f"{start}.conf.{name}.{leaf}"] = value
        self.settle()

    def tell(self) -> Iterator[tuple[str, str]]:
        """The facts about it: the owner inside it, which is empty for the namespace as a whole, and the words."""
        yield "", "namespace"
        for link in self.links.values():
            yield from link.tell(self)
        yield from (("", str(route)) for route in self.routes)
        yield from (("", f"{key} {value}") for key, value in self.sysctls.items())
        yield "", f"{IP_FORWARD[0]} {self.sysctls[IP_FORWARD[1]]}"
        yield from (("", f"command {words}") for words in self.done)
        yield from (("", f"nft table {table}") for table in self.tables)


def spelt(name: str) -> str:
    """The name of an interface as a part of a sysctl's key."""
    return name.replace(".", "/")
