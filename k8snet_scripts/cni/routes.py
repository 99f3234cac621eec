"""Routes: from the objects of a list `routes` to the routes that each pod gets."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.addressing import HostLocal, IpamRoute, StaticIpam
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.literals import read_address
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.rules.literals import read_network
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from k8snet_scripts.filtering import Path

_MOST = 2**32 - 1
_HINTS = {
    "to": "the destination is called `dst`",
    "via": "the next hop is called `gw`",
    "gateway": "the next hop is called `gw`",
}


def read_routes(ipam: Object) -> tuple[IpamRoute, ...]:
    """The routes that IPAM hands out, without those that were refused."""
    routes = [_read_route(given) for given in ipam.objects("routes")]
    return tuple([route for route in routes if route is not None])


def _read_route(given: Object) -> IpamRoute | None:
    if not given.has("dst"):
        given.missing("dst", 'write `"dst": "0.0.0.0/0"`, say')
    dst = given.text("dst", read_network)
    gw = given.text("gw", read_address, blank=True)
    priority = given.number("priority", 0, _MOST, "bad-route", zero=True)
    table = given.number("table", 0, _MOST, "bad-route", zero=True)
    given.refuse_options("mtu", "advmss", "scope")
    given.close(_HINTS)
    if dst is None:
        return None
    if gw and gw.family != dst.family:
        message = f"`gw` is not of the family of the route, IPv{dst.family}"
        given.report.error("bad-route", given.where("gw"), message, help="IPv4 and IPv6 do not mix")
        return None
    return IpamRoute(dst, gw, priority, table, given.path)


def check_routes(ipam: HostLocal | StaticIpam, report: Report) -> None:
    """Refuse the routes that the kernel would refuse, on an interface with the addresses that IPAM hands out.

    Each destination is there once in each table and with each metric, and each next hop is in a network of the
    interface.
    """
    seen: dict[tuple[Cidr, int | None, int | None], IpamRoute] = {}
    for route in ipam.routes:
        first = seen.setdefault((route.dst, route.priority, route.table), route)
        if first is not route:
            _report_repeat(route, first, report)
    subnets, gateways = _surroundings(ipam)
    for route in ipam.routes:
        if route.gw is None:
            for gateway, path in gateways.get(route.dst.family, ()):
                if not any(subnet.contains(*gateway) for subnet in subnets):
                    message = f"the route to `{route.dst}` leads to the gateway `{gateway}`, which is in no subnet"
                    report.error("next-hop-unreachable", path, message, help=f"write an address of `{subnets[0]}`, say")
        elif not any(subnet.contains(*route.gw) for subnet in subnets):
            message = f"the next hop `{route.gw}` is in no subnet of the pod"
            help = "write an address of the network that the pod is in, or leave `gw` out"
            report.error("next-hop-unreachable", (*route.path, "gw"), message, help=help)


def _report_repeat(route: IpamRoute, first: IpamRoute, report: Report) -> None:
    path, see = (*route.path, "dst"), (*first.path, "dst")
    message, help = f"there are two routes to `{route.dst}`", "take one of them out"
    report.error("duplicate-route", path, message, help=help, see=see, see_note="the other one is at")


def _surroundings(ipam: HostLocal | StaticIpam) -> tuple[list[Cidr], dict[int, list[tuple[Address, Path]]]]:
    """The networks that a pod may be in, and by family the gateways that its routes may lead to, with their places."""
    gateways: dict[int, list[tuple[Address, Path]]] = {}
    if isinstance(ipam, StaticIpam):
        for item in ipam.addresses:
            if item.gateway:
                gateways.setdefault(item.gateway.family, [(item.gateway, (*item.path, "gateway"))])
        return [item.address.network for item in ipam.addresses], gateways
    for ranges in ipam.range_sets:
        gateways.setdefault(ranges[0].family, [(item.gateway, (*item.path, "gateway")) for item in ranges])
    return [item.subnet for ranges in ipam.range_sets for item in ranges], gateways
