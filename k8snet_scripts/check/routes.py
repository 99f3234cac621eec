"""Routes of one namespace: that their interfaces and next hops are there, and that no two of them are the same."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import Literal

from k8snet_scripts.addresses import Cidr, is_link_local, mask, parse_address
from k8snet_scripts.check.addresses import LOOPBACK, Holding, Owned, is_plain
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.diagnostics import close_match
from k8snet_scripts.filtering import Path
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.topology import DEFAULT_METRIC, HOST, Route

MAIN_TABLE = 254

CONNECTED_METRIC = {4: 0, 6: 256}
"""By family, the metric of the route that the kernel makes to a network of an interface."""

Leaving = tuple[Route, str | None]
"""A route, and the name of the interface that it says it leaves by."""

_Slot = tuple[int, Cidr | None, int, int]
"""What the kernel tells routes apart by: family, destination (None: the default), table, metric."""

_SHOWN = 4  # networks or names that a help line repeats

_parse = lru_cache(maxsize=1024)(parse_address)


class Links:
    """Which addresses need no next hop, by way of which interfaces.

    `networks` maps a family and a prefix length to the networks of that size, and each to its interfaces.
    """

    def __init__(self, site: Site, owned: Owned, routes: list[Leaving]) -> None:
        self.networks: dict[tuple[int, int], dict[int, list[str]]] = {}
        for holding in owned.values():
            if holding.device != LOOPBACK and site.interfaces[holding.device].connected:
                self._add(holding.address, holding.device)
        for route, device in routes:
            if route.via is None and device is not None:
                self._add(route.to or Cidr(route.family, 0, 0), device)

    def _add(self, network: Cidr, device: str) -> None:
        family, value, prefix = network
        table = self.networks.setdefault((family, prefix), {})
        table.setdefault(value & mask(family, prefix), []).append(device)

    def find(self, family: int, value: int, device: str | None) -> Cidr | None:
        """A network that holds an address, of `device` if that is named.  A link-local one is in none in particular."""
        if device is None and is_link_local(family, value):
            return None
        for (own, prefix), table in self.networks.items():
            start = value & mask(family, prefix) if own == family else -1
            if start in table and (device is None or device in table[start]):
                return Cidr(family, start, prefix)
        return None

    def shown(self, family: int, device: str | None) -> str:
        """A few of the networks, in words."""
        some = (
            f"`{Cidr(family, value, prefix)}`"
            for (own, prefix), table in self.networks.items()
            for value, devices in table.items()
            if own == family and (device is None or device in devices)
        )
        return ", ".join(islice(some, _SHOWN))


def check_routes(site: Site, owned: Owned, report: FirstFindings) -> None:
    """Check every route of one namespace, given its addresses."""
    routes = _leaving(site)
    if len(routes) > 1 or routes and routes[0][0].to:
        _check_slots(routes, site, owned, report)
    links: Links | None = None
    for route, device in routes:
        if device is not None and device not in site.interfaces and device != LOOPBACK:
            report_device(device, (*route.path, "dev"), site, report)
        elif route.via is not None and not route.onlink:
            family, value = _parse(route.via)
            if (family, value) in owned:
                _report_own(route, site, owned, report)
            elif not _is_near(family, value, device, site):
                links = links or Links(site, owned, routes)
                _check_next_hop(route, device, site, links, report)
        if route.src is not None and _parse(route.src) not in owned and not site.is_open:
            _report_source(route, site, owned, report)


def report_device(
    device: str, path: Path, site: Site, report: FirstFindings, at: Literal["key", "value"] = "value"
) -> None:
    """Report the name of an interface that is not there."""
    if report.told("unknown-device", path):
        return
    help = close_match(device, site.interfaces)
    if not help and not site.namespace.is_made:
        table = "interfaces" if site.name == HOST else f"namespaces.{site.name}.interfaces"
        help = f"if it is there already, add `[{table}.{device}]` with `external = true`"
    elif not help:
        help = "there are " + ", ".join(f"`{name}`" for name in islice((LOOPBACK, *site.interfaces), _SHOWN))
    report.error(
        "unknown-device",
        path,
        f"there is no interface {show(device)} {whereabouts(site.name)}",
        help=help,
        at=at,
        part=device,
    )


def _leaving(site: Site) -> list[Leaving]:
    routes: list[Leaving] = []
    for name, interface in site.interfaces.items():
        for route in interface.routes:
            routes.append((route, name))
    for route in site.namespace.routes:
        routes.append((route, route.dev))
    return routes


def _check_slots(routes: list[Leaving], site: Site, owned: Owned, report: FirstFindings) -> None:
    """Check that no route is for what another one is for, nor for a network that the kernel makes a route for."""
    connected: dict[_Slot, Holding] = {
        (holding.address.family, holding.address.network, MAIN_TABLE, CONNECTED_METRIC[holding.address.family]): holding
        for holding in owned.values()
        if not holding.address.is_host and holding.device != LOOPBACK and site.interfaces[holding.device].connected
    }
    slots: dict[_Slot, Route] = {}
    for route, _ in routes:
        slot = (route.family, route.to, route.table or MAIN_TABLE, route.metric or DEFAULT_METRIC[route.family])
        first, by_itself = slots.get(slot), connected.get(slot)
        if first is None and by_itself is None:
            slots[slot] = route
        else:
            report.error(
                "duplicate-route",
                route.path,
                f"a route to {_destination(route)} is there already {whereabouts(site.name)}",
                help="leave it out: the kernel makes this route"
                if by_itself
                else "leave it out, or give it a `metric` of its own",
                see=by_itself.path if by_itself else first and first.path,
                see_note="the address that it does so for is at" if by_itself else "the other one is at",
            )


def _is_near(family: int, value: int, device: str | None, site: Site) -> bool:
    """Whether a next hop is a neighbour on the interface that the route leaves by: the common case, without `Links`."""
    interface = site.interfaces.get(device) if device else None
    if interface is None:
        return False
    for address in interface.addresses if interface.connected else ():
        if address.contains(family, value):
            return is_plain(family, value, address.prefix)
    return is_link_local(family, value)


def _is_unknown(device: str | None, site: Site) -> bool:
    """Whether the networks of an interface are more than the topology knows."""
    interface = site.interfaces.get(device) if device else None
    return interface.external if interface else device is not None and site.is_open


def _report_own(route: Route, site: Site, owned: Owned, report: FirstFindings) -> None:
    holding = owned[_parse(route.via or "")]
    report.error(
        "next-hop-is-own-address",
        (*route.path, "via"),
        f"the next hop `{route.via}` is an address of `{holding.device}` {whereabouts(site.name)} itself",
        help="write the address of the router that is to forward the packets",
        see=holding.path,
        see_note=f"`{holding.device}` has it at",
    )


def _check_next_hop(route: Route, device: str | None, site: Site, links: Links, report: FirstFindings) -> None:
    family, value = _parse(route.via or "")
    network = links.find(family, value, device)
    networks = links.shown(family, device)
    message = f"is in no network of {f'`{device}`' if device else 'any interface'} {whereabouts(site.name)}"
    if network is not None:
        if family == 6 or is_plain(family, value, network.prefix):
            return
        message = f"is no host in its network, `{network}`"
        help = "write the address of a neighbour"
    elif _is_unknown(device, site):
        return
    elif is_link_local(family, value):
        help = "name the interface with `dev`: every one has a link-local network"
    elif device is None and site.is_open:
        help = "name the interface that leads there with `dev`: its network is not in the topology"
    elif device and site.interfaces[device].addresses and not site.interfaces[device].connected:
        help = f"`noprefixroute` leaves `{device}` without one: add a route to `{route.via}` there, or `onlink = true`"
    elif networks:
        help = f"write an address in {networks}" + (", or add `onlink = true`" if device else "")
    elif site.name == HOST and device is None:
        help = "name the interface that leads there with `dev`, and add it to `[interfaces]` with `external = true`"
    else:
        help = f"give {f'`{device}`' if device else 'an interface there'} an address in the network of the next hop"
    report.error(
        "next-hop-unreachable",
        (*route.path, "via"),
        f"the next hop `{route.via}` {message}",
        help=help,
    )


def _report_source(route: Route, site: Site, owned: Owned, report: FirstFindings) -> None:
    own = (f"`{address.address}`" for address, *_ in owned.values() if address.family == route.family)
    names = ", ".join(islice(own, _SHOWN))
    report.error(
        "route-source",
        (*route.path, "src"),
        f"`{route.src}` is no address {whereabouts(site.name)}",
        help=f"write {names}" if names else "give it to an interface there",
    )


def _destination(route: Route) -> str:
    return f"`{route.to}`" if route.to else f"`default` (IPv{route.family})"
