"""Wires: what the bridge plugin makes for one pod, and for all of them, as parts of a topology.

A node that is compiled has all its pods in one topology; the plugin has one for its bridge and one for each attachment.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.attachment import Attachment, PodRoute
from k8snet_scripts.cni.configuration import BridgePlugin, PtpPlugin
from k8snet_scripts.cni.names import make_lladdr, name_gateway
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.filtering import Masquerade, Path
from k8snet_scripts.topology import Bridge, End, Port, Route, Veth, Vlans


def make_bridge(network: str, plugin: BridgePlugin, gateways: tuple[Cidr, ...]) -> Bridge:
    """The bridge of a network.  Its MAC address is set: one that follows its ports is lost with the last of them.

    On a bridge whose pods are in a VLAN, the gateways' addresses are not its own: see `make_gateway`.
    """
    if plugin.vlan:
        gateways = ()
    role = ", which is their gateway (isGateway)" if gateways else ""
    what = f"The bridge that joins the pods of the node{role}. Its MAC address is set, and stays when pods come and go."
    return Bridge(
        plugin.bridge,
        addresses=gateways,
        mtu=plugin.mtu,
        lladdr=make_lladdr(f"{network} {plugin.bridge}"),
        broadcast=True,
        promisc=plugin.promisc_mode,
        vlan_filtering=bool(plugin.vlan or plugin.vlan_trunk),
        description=what,
        path=plugin.path,
    )


def make_gateway(network: str, plugin: BridgePlugin, gateways: tuple[Cidr, ...]) -> Veth:
    """The interface of the host that is the gateway of a VLAN, BRIDGE.VLAN, with its peer on the bridge."""
    name, port_name = name_gateway(network, plugin.bridge, plugin.vlan or 0)
    what = f"The gateway of the pods: the host's own place in VLAN {plugin.vlan} of the bridge."
    inner = End(name, addresses=gateways, mtu=plugin.mtu, broadcast=True, description=what, path=plugin.path)
    port = Port(plugin.bridge, vlans=choose_vlans(plugin))
    return Veth(inner, End(port_name, mtu=plugin.mtu, port=port, path=plugin.path), plugin.path)


def choose_vlans(plugin: BridgePlugin) -> Vlans | None:
    """The VLANs of a pod's port: its own untagged, or those of a trunk tagged; and VLAN 1 unless that is taken away."""
    kept = 1 if plugin.preserve_default_vlan else None
    if plugin.vlan:
        return Vlans(plugin.vlan, leaving=(1,) if kept and plugin.vlan != 1 else ())
    if plugin.vlan_trunk:
        return Vlans(None if 1 in plugin.vlan_trunk else kept, plugin.vlan_trunk)
    return None


def make_veth(
    plugin: BridgePlugin,
    attachment: Attachment,
    namespace: str,
    ifname: str,
    host_end: str,
    lladdrs: tuple[str | None, str | None] = (None, None),
) -> Veth:
    """The interface of a pod and its peer, a port of the bridge; `lladdrs` are theirs, where they are not the kernel's.

    With `macspoofchk` that of the pod has to be given: the port takes in nothing that comes from another one.
    """
    wishes = (("hairpin", plugin.hairpin_mode), ("isolated", plugin.port_isolation))
    options = tuple((option, "on") for option, wish in wishes if wish)
    path = _path(plugin)
    inner = make_inner(plugin, attachment, namespace, ifname, lladdrs[0])
    port = Port(plugin.bridge, options, choose_vlans(plugin), lladdrs[0] if plugin.mac_spoof_check else None)
    outer = End(host_end, mtu=plugin.mtu, lladdr=lladdrs[1], port=port, path=path)
    return Veth(inner, outer, path)


def make_inner(
    plugin: BridgePlugin | PtpPlugin, attachment: Attachment, namespace: str, ifname: str, lladdr: str | None
) -> End:
    """The interface of a pod."""
    return End(
        ifname,
        namespace=namespace,
        addresses=tuple([lease.address for lease in attachment.leases]),
        routes=tuple([make_route(route, ifname) for route in attachment.routes]),
        mtu=plugin.mtu,
        lladdr=lladdr,
        broadcast=True,
        connected=attachment.connected,
        path=_path(plugin),
    )


def _path(plugin: BridgePlugin | PtpPlugin) -> Path:
    """Where it was said which addresses there are to be, or that there is this plugin."""
    return plugin.ipam.path if plugin.ipam else plugin.path


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


def make_masquerade(attachment: Attachment) -> Iterator[Masquerade]:
    """A pod's own addresses, kept within all networks of their family that the pod is on."""
    addresses = attachment.masquerade
    for address in addresses:
        within = dict.fromkeys(other.network for other in addresses if other.family == address.family)
        yield Masquerade(Address(address.family, address.value).host, tuple(within))
