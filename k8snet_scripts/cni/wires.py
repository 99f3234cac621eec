"""Wires: what the bridge plugin makes for one pod, and for all of them, as parts of a topology.

A node that is compiled has all its pods in one topology; the plugin has one for its bridge and one for each attachment.
What the reference leaves to chance is settled by the names of network, container and interface.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.attachment import Attachment, PodRoute
from k8snet_scripts.cni.configuration import BridgePlugin, PtpPlugin
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.topology import LEAST_IPV6_MTU, Bridge, End, Masquerade, Path, Port, Route, Veth


def make_bridge(network: str, plugin: BridgePlugin, gateways: tuple[Cidr, ...]) -> Bridge:
    """The bridge of a network.  Its MAC address is set: one that follows its ports is lost with the last of them."""
    role = ", which is their gateway (isGateway)" if gateways else ""
    what = f"The bridge that joins the pods of the node{role}. Its MAC address is set, and stays when pods come and go."
    return Bridge(
        plugin.bridge,
        addresses=gateways,
        mtu=plugin.mtu,
        lladdr=make_lladdr(f"{network} {plugin.bridge}"),
        broadcast=True,
        promisc=plugin.promisc_mode,
        description=what,
        path=plugin.path,
    )


def make_veth(
    plugin: BridgePlugin,
    attachment: Attachment,
    namespace: str,
    ifname: str,
    host_end: str,
    lladdrs: tuple[str | None, str | None] = (None, None),
) -> Veth:
    """The interface of a pod and its peer, a port of the bridge; `lladdrs` are theirs, where they are not the kernel's."""
    wishes = (("hairpin", plugin.hairpin_mode), ("isolated", plugin.port_isolation))
    options = tuple((option, "on") for option, wish in wishes if wish)
    path: Path = plugin.ipam.path if plugin.ipam else plugin.path
    inner = End(
        ifname,
        namespace=namespace,
        addresses=tuple([lease.address for lease in attachment.leases]),
        routes=tuple([make_route(route, ifname) for route in attachment.routes]),
        mtu=plugin.mtu,
        lladdr=lladdrs[0],
        broadcast=True,
        path=path,
    )
    outer = End(host_end, mtu=plugin.mtu, lladdr=lladdrs[1], port=Port(plugin.bridge, options), path=path)
    return Veth(inner, outer, path)


def make_route(route: PodRoute, ifname: str) -> Route:
    """A route of a pod's interface."""
    return Route(
        family=route.dst.family,
        to=route.dst if route.dst.prefix else None,
        via=str(route.via) if route.via else None,
        dev=ifname,
        src=str(route.src) if route.src else None,
        metric=route.priority,
        table=route.table,
    )


def pod_sysctls(plugin: BridgePlugin, attachment: Attachment, ifname: str) -> tuple[tuple[str, str], ...]:
    """The settings of a pod's interface: it announces its address, and does not wait to see whether anybody has it."""
    if not attachment.leases:
        return ()
    announce = (f"net.ipv4.conf.{spell(ifname)}.arp_notify", "1")
    if plugin.enable_dad or not has_ipv6(plugin):
        return (announce,)
    return announce, (f"net.ipv6.conf.{spell(ifname)}.accept_dad", "0")


def host_sysctls(plugin: BridgePlugin | PtpPlugin, interfaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The settings of interfaces of the host: they do not listen to IPv6 routers."""
    if has_ipv6(plugin):
        yield from ((f"net.ipv6.conf.{spell(name)}.accept_ra", "0") for name in interfaces)


def make_masquerade(attachment: Attachment) -> Iterator[Masquerade]:
    """A pod's own addresses, kept within all networks of their family that the pod is on."""
    addresses = attachment.masquerade
    for address in addresses:
        within = dict.fromkeys(other.network for other in addresses if other.family == address.family)
        yield Masquerade(Address(address.family, address.value).host, tuple(within))


def has_ipv6(plugin: BridgePlugin | PtpPlugin) -> bool:
    """Whether interfaces of this MTU can speak IPv6 at all: else the kernel gives them no settings for it."""
    return plugin.mtu is None or plugin.mtu >= LEAST_IPV6_MTU


def spell(name: str) -> str:
    """The name of an interface as a part of a sysctl's key, where a dot is written `/`."""
    return name.replace(".", "/")


def name_host_end(network: str, container: str, ifname: str) -> str:
    """The name of the host's end of a veth: `veth` and eight hexadecimal digits, as the reference draws them."""
    return f"veth{digest(f'{network} {container} {ifname}')[:8]}"


def make_lladdr(text: str) -> str:
    """A unicast address, marked as locally administered."""
    digits = digest(text)
    return ":".join(("0a", *(digits[at : at + 2] for at in range(0, 10, 2))))


def digest(text: str) -> str:
    """Hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()
