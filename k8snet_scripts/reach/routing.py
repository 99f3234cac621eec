"""Layer 3 of reachability, inside one namespace: what is local, which route Linux takes, which source it chooses.

Addresses are integers.  Routes in tables other than main are left out: without rules nobody looks there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from k8snet_scripts.addresses import WIDTH, Cidr, mask, parse_address
from k8snet_scripts.reach.sources import best_sources6, global_addresses
from k8snet_scripts.reach.switching import Station, Switching
from k8snet_scripts.topology import DEFAULT_METRIC, Namespace, Route, Topology

CONNECTED_METRIC = {4: 0, 6: 256}
MAIN = 254
LOCAL = "local"

_FORWARDING = {
    4: ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"),
    6: ("net.ipv6.conf.all.forwarding",),
}
_UNSETTLING = {
    4: {
        "accept_local",
        "arp_accept",
        "arp_announce",
        "arp_filter",
        "arp_ignore",
        "forwarding",
        "ignore_routes_with_linkdown",
        "medium_id",
    },
    6: {"addr_gen_mode", "disable_ipv6", "forwarding", "ignore_routes_with_linkdown", "use_oif_addrs_only"},
}
"""The last words of the sysctls that, unless they are 0, change the rules that this module follows."""


class Hop(NamedTuple):
    """A route as it is used: leave by `station`, towards `via` or, if there is none, the target itself.

    `station` is None for an interface that the topology does not know.  `kind` is "unicast" if packets go anywhere.
    """

    kind: str
    station: Station | None
    via: int | None = None
    source: int | None = None
    metric: int = 0


class Choice(NamedTuple):
    """The hop that Linux takes; whether another one is as good, and whether there is a second best to fall back to."""

    hop: Hop
    tied: bool
    fallback: bool


_NETWORK_OF_LO = {4: Hop(LOCAL, None, metric=-1), 6: Hop("unreachable", None, metric=CONNECTED_METRIC[6])}
"""The route that comes with an address on `lo`: IPv4 takes the whole network for its own, IPv6 finds nobody there."""


class Routing:
    """The routes, the addresses and the relevant settings of one namespace."""

    def __init__(self, namespace: Namespace, stations: Iterable[Station]) -> None:
        self.namespace = namespace
        self.is_open = (
            not namespace.is_made
        )  # it may have addresses, routes and settings that the topology does not know
        self._stations = {station.interface.name: station for station in stations}
        self._own = _by_family(namespace.addresses)
        self._local: set[tuple[int, int]] = {(own.family, own.value) for own in namespace.addresses}
        self._broadcasts: set[int] = set()
        self._lowest: set[tuple[int, int]] = set()
        self._firsts: set[int] = set()
        self._hops: dict[int, dict[int, dict[int, list[Hop]]]] = {4: {}, 6: {}}  # family, prefix length, network
        self._has_networks_of_lo = any(not own.is_host for own in namespace.addresses)
        self._settings = dict(namespace.sysctls)
        self._chosen: dict[tuple[int, int], Choice | None] = {}
        for own in namespace.addresses:
            if not own.is_host:
                self._at(own.network).append(_NETWORK_OF_LO[own.family])
        for station in self._stations.values():
            self._connect(station)
        late = []
        for station in self._stations.values():
            for route in station.interface.routes:
                self._add(route, station)
        for route in namespace.routes:
            if route.kind == "unicast" and route.dev is None:
                late.append((route, self._towards(route)))
            else:
                self._add(route, self._stations.get(route.dev or ""))
        for route, towards in late:
            self._add(route, towards)
        self._lengths = {family: sorted(table, reverse=True) for family, table in self._hops.items()}

    def is_local(self, family: int, value: int) -> bool:
        """Whether the namespace takes packets for this address itself.

        A whole IPv4 network is local when it is that of an address on `lo` and no route to a part of it says otherwise.
        """
        if (family, value) in self._local:
            return True
        choice = self.choose(family, value) if self._has_networks_of_lo else None
        return choice is not None and choice.hop.kind == LOCAL

    def has(self, family: int, value: int) -> bool:
        """Whether the very address is one of the namespace's."""
        return (family, value) in self._local

    def is_broadcast(self, family: int, value: int) -> bool:
        """Whether an address is the broadcast address of an IPv4 network that the namespace is connected to."""
        return family == 4 and value in self._broadcasts

    def is_first(self, family: int, value: int) -> bool:
        """Whether an address is the first of a network that the namespace is connected to: a broadcast address once."""
        return family == 4 and value in self._firsts

    def is_lowest(self, family: int, value: int) -> bool:
        """Whether an address is the lowest of a network that the namespace is connected to.

        In IPv6 it is the anycast address of the routers there, and in IPv4, before Linux 5.14, a broadcast address.
        """
        return (family, value) in self._lowest

    def choose(self, family: int, value: int) -> Choice | None:
        """The route towards an address that is not local; None when there is none."""
        key = (family, value)
        if key not in self._chosen:
            self._chosen[key] = self._look_up(family, value)
        return self._chosen[key]

    def _look_up(self, family: int, value: int) -> Choice | None:
        best: list[Hop] = []
        fallback = False
        for length in self._lengths[family]:
            hops = self._hops[family][length].get(value & mask(family, length))
            if hops and best:
                fallback = True
                break
            if hops:
                metric = min([hop.metric for hop in hops])
                best = [hop for hop in hops if hop.metric == metric]
                fallback = len(best) < len(hops)
        if not best:
            return None
        tied = len(best) > 1 and any(hop[:3] != best[0][:3] for hop in best)
        return Choice(best[0], tied, fallback)

    def sources(self, family: int, hop: Hop, target: int) -> Sequence[int]:
        """The addresses of which Linux takes one as the source of a packet that leaves by `hop`.

        They are more than one where its choice hangs on the order of events, and none where it cannot be foretold.
        """
        if hop.source is not None:
            return (hop.source,)
        station = hop.station
        if station is None:
            return ()
        return self._select(family, station, hop.via, target)

    def masquerade_sources(self, family: int, hop: Hop, target: int) -> Sequence[int]:
        """The same for a packet that is masqueraded: what its route prefers does not count."""
        return self._select(family, hop.station, target if hop.via is None else hop.via, target) if hop.station else ()

    def _select(self, family: int, station: Station, via: int | None, target: int) -> Sequence[int]:
        nearby = global_addresses(station.interface.addresses, family)
        if not nearby and self.is_open:
            return ()  # it may have any other address
        if family == 4:
            return self._sources4(nearby, via)
        return best_sources6(nearby or self._everywhere(6), target)

    def forwards(self, family: int) -> bool | None:
        """Whether packets for others are passed on; None where there may be settings of others."""
        if self.namespace.forwarding is not None:
            return self.namespace.forwarding
        for key in _FORWARDING[family]:
            if key in self._settings:
                return self._settings[key] != "0"
        return None if self.is_open else False

    def is_unsettled(self, family: int) -> bool:
        """Whether a sysctl of the topology changes the rules in a way that is not followed here."""
        words = _UNSETTLING[family]
        for key, value in self._settings.items():
            if key.startswith(f"net.ipv{family}.") and key not in _FORWARDING[family]:
                word = key.replace("/", ".").rpartition(".")[2]
                if word in words and value != "0":
                    return True
                if word in ("hop_limit", "ip_default_ttl") and not (value.isdecimal() and int(value) >= 64):
                    return True
        return False

    @property
    def is_strict(self) -> bool:
        """Whether packets must arrive by the interface that the way back leaves by (RFC 3704, strict)."""
        return any(key.endswith("rp_filter") and value == "1" for key, value in self._settings.items())

    def masquerades(self, family: int, source: int, target: int) -> bool:
        """Whether a packet that leaves the namespace is masqueraded."""
        return any(
            rule.source.contains(family, source) and not any(kept.contains(family, target) for kept in rule.inside)
            for rule in self.namespace.masquerade
        )

    def _connect(self, station: Station) -> None:
        """The routes, and the source addresses, that come with the addresses of an interface."""
        for own in station.interface.addresses:
            self._local.add((own.family, own.value))
            if own.is_host or not station.interface.connected:
                continue
            network = own.network
            hops = self._at(network)
            if not any(hop.station is station for hop in hops):
                source = own.value if own.family == 4 else None
                hops.append(Hop("unicast", station, None, source, CONNECTED_METRIC[own.family]))
            if own.prefix < WIDTH[own.family] - 1:
                self._lowest.add((own.family, network.value))
            if own.family == 4 and own.prefix < 31:
                self._broadcasts.add(network.value | ~mask(4, own.prefix) & 0xFFFFFFFF)
                self._firsts.add(network.value)

    def _add(self, route: Route, station: Station | None) -> None:
        if route.table not in (None, MAIN):
            return
        family = route.family
        metric = route.metric or DEFAULT_METRIC[family]
        via = parse_address(route.via)[1] if route.via else None
        source = parse_address(route.src)[1] if route.src else None
        self._at(route.to or Cidr(family, 0, 0)).append(Hop(route.kind, station, via, source, metric))

    def _at(self, network: Cidr) -> list[Hop]:
        return self._hops[network.family].setdefault(network.prefix, {}).setdefault(network.value, [])

    def _towards(self, route: Route) -> Station | None:
        """The interface by which a next hop is reached without another one; None unless there is just one."""
        if route.via is None:
            return None
        family, value = parse_address(route.via)
        for length in sorted(self._hops[family], reverse=True):
            hops = self._hops[family][length].get(value & mask(family, length), ())
            direct = {id(hop.station): hop.station for hop in hops if hop.via is None}
            if direct:
                return direct.popitem()[1] if len(direct) == 1 else None
        return None

    def _sources4(self, nearby: list[Cidr], via: int | None) -> Sequence[int]:
        """On the interface the address in the next hop's network or else the first, else one of another interface."""
        for own in nearby:
            if via is not None and own.contains(4, via):
                return (own.value,)
        if nearby or self._own[4]:
            return ((nearby or self._own[4])[0].value,)
        return [own.value for own in self._everywhere(4)]

    def _everywhere(self, family: int) -> list[Cidr]:
        found = list(global_addresses(self._own[family], family))
        for station in self._stations.values():
            found += global_addresses(station.interface.addresses, family)
        return found


class Routings(dict[str, Routing]):
    """The routing of each namespace of a topology by its name, made when it is first asked for."""

    def __init__(self, topology: Topology, switching: Switching) -> None:
        super().__init__()
        self._namespaces = {namespace.name: namespace for namespace in topology.everywhere()}
        self._switching = switching

    def __missing__(self, name: str) -> Routing:
        routing = self[name] = Routing(self._namespaces[name], self._switching.stations(name))
        return routing


def _by_family(addresses: Iterable[Cidr]) -> dict[int, list[Cidr]]:
    found: dict[int, list[Cidr]] = {4: [], 6: []}
    for own in addresses:
        found[own.family].append(own)
    return found
