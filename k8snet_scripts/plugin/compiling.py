"""Compiling what the plugin wires: a topology for each bridge and each attachment, and their scripts.

This takes the compiler and the template engine, which take longer to load than all else that a call does: so it is done
where there is no pattern to go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, LinkPlugin
from k8snet_scripts.cni.ptp import make_link
from k8snet_scripts.cni.settings import Settings, host_settings, pod_settings, spell
from k8snet_scripts.cni.wires import make_bridge, make_gateway, make_masquerade, make_veth
from k8snet_scripts.plugin.names import Names, name_table
from k8snet_scripts.plugin.wish import Wish
from k8snet_scripts.render import KINDS, Kind, Origin
from k8snet_scripts.scripts import compile_topology
from k8snet_scripts.topology import HOST, Bridge, Namespace, Topology

Scripts = dict[str, str]
"""Texts by the names of their files."""


def compile_bridge(network: str, plugin: BridgePlugin, wish: Wish) -> Scripts:
    """The scripts of the bridge of a network."""
    bridge = make_bridge(network, plugin, wish.addresses)
    if wish.is_foreign:
        what = f"The bridge {plugin.bridge}, which somebody else has made."
        bridge = Bridge(
            plugin.bridge,
            addresses=() if plugin.vlan else wish.addresses,
            broadcast=True,
            external=True,
            promisc=plugin.promisc_mode,
            description=what,
        )
    topology = Topology(
        wish.name,
        Namespace(HOST, bridges=(bridge,), sysctls=wish.settings),
        veths=(make_gateway(network, plugin, wish.addresses),) if plugin.vlan and wish.addresses else (),
        description=f"The bridge of the CNI network {network}. It stays when its containers go.",
    )
    return compile_scripts(topology, f"for the bridge of the network {network}", KINDS)


def compile_forwarding(network: str, name: str, settings: Settings) -> Scripts:
    """The scripts of what makes the host a router for a network that has no bridge."""
    description = f"The host as a router of the CNI network {network}. It stays one when its containers go."
    topology = Topology(name, Namespace(HOST, sysctls=settings), description=description)
    return compile_scripts(topology, f"for the host of the network {network}", KINDS)


def compile_attachment(
    network: str, plugin: LinkPlugin, container_id: str, ifname: str, attachment: Attachment, names: Names
) -> Scripts:
    """The scripts of an attachment."""
    cause = f"for {ifname} of the container {container_id} on the network {network}"
    return compile_scripts(make_attachment(network, plugin, ifname, attachment, names), cause, ("setup", "teardown"))


def make_attachment(network: str, plugin: LinkPlugin, ifname: str, attachment: Attachment, names: Names) -> Topology:
    """The topology of an attachment."""
    lladdrs = (names.pod_lladdr, names.host_lladdr)
    bridges: tuple[Bridge, ...] = ()
    if isinstance(plugin, BridgePlugin):
        bridges = (Bridge(plugin.bridge, external=True, description="The bridge of the network."),)
        veth = make_veth(plugin, attachment, names.namespace, ifname, names.host_end, lladdrs)
    else:
        veth = make_link(plugin, attachment, names.namespace, ifname, names.host_end, lladdrs)
    kind = "bridge" if isinstance(plugin, BridgePlugin) else "ptp"
    routes = tuple([replace(route, prepend=True) for route in veth.inner.routes])  # it may have other interfaces
    return Topology(
        names.topology,
        Namespace(
            HOST,
            bridges=bridges,
            sysctls=host_settings(plugin, (names.host_end,)),
            masquerade=tuple(make_masquerade(attachment)),
        ),
        (
            Namespace(
                names.namespace,
                sysctls=_pod_settings(plugin, attachment, ifname),
                description="The container.",
                external=True,
            ),
        ),
        (replace(veth, inner=replace(veth.inner, routes=routes)),),
        f"A container on the CNI network {network}, attached as the plugin {kind} does it.",
        table=name_table(network),
    )


def _pod_settings(plugin: LinkPlugin, attachment: Attachment, ifname: str) -> Settings:
    """A runtime may have switched IPv6 off in a container that now gets an address of it."""
    settings = pod_settings(plugin, attachment, ifname) if isinstance(plugin, BridgePlugin) else ()
    if any(lease.address.family == 6 for lease in attachment.leases):
        return (f"net.ipv6.conf.{spell(ifname)}.disable_ipv6", "0"), *settings
    return settings


def compile_scripts(topology: Topology, cause: str, kinds: Sequence[Kind]) -> Scripts:
    """The scripts of a topology; `cause` says what it is for."""
    scripts = compile_topology(topology, Origin((), (cause,)))
    return {f"{kind}.sh": scripts.text(kind) for kind in kinds}
