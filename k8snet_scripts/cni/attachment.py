"""Attachment: what one pod gets from a network, and what the host gets for it.

It follows from the plugin that makes the interface and from what IPAM has given; no name of an interface on the host,
no MAC address and no namespace has a part in it.  Those are added where the result is told.
"""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.cni.addressing import NO_DNS, Dns, HostLocal, IpamRoute, StaticIpam
from k8snet_scripts.cni.configuration import BridgePlugin, MacvlanPlugin, PtpPlugin, RequestedIp
from k8snet_scripts.cni.ranges import Address, Lease
from k8snet_scripts.cni.result import Interface, Result
from k8snet_scripts.values import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LOOPBACK = (Lease(parse_cidr("127.0.0.1/8"), None), Lease(parse_cidr("::1/128"), None))
_NO_MAC = "00:00:00:00:00:00"


class Grant(Value):
    """What IPAM gives one pod.  Without any lease the network is one of layer 2 only."""

    leases: tuple[Lease, ...] = ()
    routes: tuple[IpamRoute, ...] = ()
    dns: Dns = NO_DNS


class PodRoute(Value):
    """A route of the pod's interface; without `via` the destination is on the link."""

    dst: Cidr
    via: Address | None = None
    src: Address | None = None
    priority: int | None = None
    table: int | None = None


class Attachment(Value):
    """What a pod's interface and the host get.

    `leases`, `told_routes` and `dns` are those of the result; `routes` are the pod's, with their next hops, in the
    order in which they are added.  `connected` says whether the pod keeps the kernel's own routes to its subnets.
    `gateways` are for the bridge, or for the host's end of a veth where there is no bridge; `host_routes` lead to that
    end.  `forwarding` are the families that the host has to forward, `masquerade` the pod's addresses with the subnet
    within which they keep their source.
    """

    leases: tuple[Lease, ...] = ()
    told_routes: tuple[IpamRoute, ...] = ()
    dns: Dns = NO_DNS
    routes: tuple[PodRoute, ...] = ()
    connected: bool = True
    gateways: tuple[Cidr, ...] = ()
    host_routes: tuple[Cidr, ...] = ()
    forwarding: tuple[int, ...] = ()
    masquerade: tuple[Cidr, ...] = ()


class MissingPrefix(ValueError):
    """A runtime asks `static` for an address without saying how large its network is."""


# What IPAM gives


def grant_host_local(ipam: HostLocal, leases: tuple[Lease, ...], dns: Dns = NO_DNS) -> Grant:
    """What `host-local` gives besides the leases; `dns` is what its `resolvConf` says."""
    return Grant(leases, ipam.routes, dns)


def grant_static(ipam: StaticIpam, requested: Sequence[RequestedIp] = ()) -> Grant:
    """What `static` gives: the addresses that the runtime asks for, if it does, else those of the configuration.

    Raises `MissingPrefix`.
    """
    leases = [Lease(item.address, item.gateway) for item in ipam.addresses]
    asked = []
    for address, prefix in requested:
        if prefix is None:
            raise MissingPrefix(f"requested IP address {address} has no prefix length")
        asked.append(Lease(address.within(prefix), None))
    return Grant(tuple(asked or leases), ipam.routes, ipam.dns)


# What the plugins make of it


def attach_bridge(plugin: BridgePlugin, grant: Grant) -> Attachment:
    """A pod on a bridge.  Where the bridge is a gateway, an address without one gets the first of its subnet."""
    if not grant.leases:
        return Attachment(dns=plugin.dns)
    leases = grant.leases
    if plugin.is_gateway:
        leases = tuple([lease if lease.gateway else Lease(lease.address, _first(lease)) for lease in leases])
    told = grant.routes
    if plugin.is_default_gateway:
        told += tuple(_missing_defaults(leases, told))
    gateways = tuple(_bridge_gateways(leases)) if plugin.is_gateway else ()
    return Attachment(
        leases,
        told,
        plugin.dns if plugin.dns.given else grant.dns,
        _resolve(told, leases),
        gateways=gateways,
        forwarding=_families(gateways),
        masquerade=tuple([lease.address for lease in leases]) if plugin.ip_masq else (),
    )


def attach_ptp(plugin: PtpPlugin, grant: Grant) -> Attachment:
    """A pod on a link of its own: also its subnet is reached through the gateway, which is the other end.

    A lease without a gateway gets the first address of its subnet for one.
    """
    leases = tuple([lease if lease.gateway else Lease(lease.address, _first(lease)) for lease in grant.leases])
    own: list[PodRoute] = []
    gateways: list[Cidr] = []
    for address, gateway in leases:
        assert gateway is not None
        source = Address(address.family, address.value)
        own += [PodRoute(gateway.host, src=source), PodRoute(address.network, gateway, source)]
        gateways.append(gateway.host)
    addresses = tuple([lease.address for lease in leases])
    return Attachment(
        leases,
        grant.routes,
        plugin.dns if plugin.dns.given else grant.dns,
        (*own, *_resolve(grant.routes, leases)),
        connected=False,
        gateways=tuple(dict.fromkeys(gateways)),
        host_routes=tuple([Address(address.family, address.value).host for address in addresses]),
        forwarding=_families(addresses),
        masquerade=addresses if plugin.ip_masq else (),
    )


def attach_macvlan(plugin: MacvlanPlugin, grant: Grant) -> Attachment:
    """A pod on a network of the host's; what IPAM says about DNS is not told."""
    return Attachment(grant.leases, grant.routes, plugin.dns, _resolve(grant.routes, grant.leases))


def _first(lease: Lease) -> Address:
    network = lease.address.network
    return Address(network.family, network.value + 1)


def _missing_defaults(leases: Iterable[Lease], routes: Sequence[IpamRoute]) -> list[IpamRoute]:
    """For each family a default route to its first gateway, unless there is one that names its next hop."""
    there = {route.dst.family for route in routes if route.gw and not route.dst.prefix}
    added: dict[int, IpamRoute] = {}
    for address, gateway in leases:
        if address.family not in there:
            added.setdefault(address.family, IpamRoute(Cidr(address.family, 0, 0), gateway))
    return list(added.values())


def _bridge_gateways(leases: Iterable[Lease]) -> list[Cidr]:
    """The gateways with the prefix length of their subnet, IPv4 first, each once."""
    gateways = [lease.gateway.within(lease.address.prefix) for lease in leases if lease.gateway]
    return list(dict.fromkeys(sorted(gateways, key=lambda gateway: gateway.family)))


def _resolve(routes: Iterable[IpamRoute], leases: Sequence[Lease]) -> tuple[PodRoute, ...]:
    """The routes with their next hops: where none is named it is the first gateway of the family, if there is any."""
    gateways: dict[int, Address] = {}
    for lease in leases:
        if lease.gateway:
            gateways.setdefault(lease.gateway.family, lease.gateway)
    return tuple(
        [
            PodRoute(route.dst, route.gw or gateways.get(route.dst.family), priority=route.priority, table=route.table)
            for route in routes
        ]
    )


def _families(addresses: Iterable[Cidr]) -> tuple[int, ...]:
    return tuple(sorted({address.family for address in addresses}))


# What is told


def describe_bridge(
    attachment: Attachment, bridge: Interface, host: Interface, pod: Interface, *more: Interface
) -> Result:
    """The result of the bridge plugin; `more` is the VLAN interface that has the gateway's address, if there is one."""
    return _describe(attachment, (bridge, host, pod, *more), 2)


def describe_ptp(attachment: Attachment, host: Interface, pod: Interface) -> Result:
    """The result of the ptp plugin."""
    return _describe(attachment, (host, pod), 1)


def describe_loopback(ifname: str, sandbox: str) -> Result:
    """The result of the loopback plugin."""
    return Result((Interface(ifname, _NO_MAC, sandbox),), _LOOPBACK, holder=0)


def describe_grant(grant: Grant) -> Result:
    """The result of an IPAM plugin."""
    return Result((), grant.leases, grant.routes, grant.dns)


def _describe(attachment: Attachment, interfaces: tuple[Interface, ...], holder: int) -> Result:
    return Result(interfaces, attachment.leases, attachment.told_routes, attachment.dns, holder)
