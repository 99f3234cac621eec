"""Filters: what the plugins `portmap` and `firewall` make of one pod, and what `macspoofchk` of its port.

Functions from what a plugin says, and what a pod was given, to pieces of the model; then the same for several pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from k8snet_scripts.addresses import WIDTH, Cidr
from k8snet_scripts.cni.configuration import FirewallPlugin, Network, Plugin, PortMapping, PortmapPlugin
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Admission, Condition, Forward, Isolation, Path, Publication, find_forwards

SAME_BRIDGE = "same-bridge"

Published: TypeAlias = Mapping[str, tuple[Publication, ...]]
"""Ports of the host by the pod that they lead to."""

NO_PORTS: Published = MappingProxyType({})


# For one pod


def publish_ports(plugin: PortmapPlugin, publications: Iterable[Publication]) -> tuple[Publication, ...]:
    """Ports that lead to a pod, in the way that `portmap` is told to do it.

    The mark that the reference tells some packets by is not needed: the connection itself is asked for its first port.
    """
    masquerade = "none" if not plugin.snat else "all" if plugin.masq_all else "local"
    conditions = tuple([Condition(*match) for match in plugin.conditions])
    return tuple([replace(item, masquerade=masquerade, conditions=conditions) for item in publications])


def read_mappings(mappings: Iterable[PortMapping]) -> tuple[Publication, ...]:
    """The ports that a runtime asks for."""
    return tuple(
        [
            Publication(
                mapping.host_port,
                mapping.container_port,
                mapping.protocol,
                str(mapping.host_ip) if mapping.host_ip else None,
                path=mapping.path,
            )
            for mapping in mappings
        ]
    )


def forward_ports(publications: Iterable[Publication], leases: Iterable[Lease], dev: str) -> tuple[Forward, ...]:
    """The same ports for a pod whose interface somebody else has made, behind the interface `dev` of the host.

    They lead to its first address of each family.
    """
    return tuple(find_forwards(publications, [lease.address for lease in leases], dev))


def admit_pod(plugin: FirewallPlugin, leases: Iterable[Lease]) -> tuple[Admission, ...]:
    """What `firewall` lets through: what the pod sends from its addresses, and the answers."""
    return tuple([Admission(_host(lease.address), plugin.admin_chain, path=plugin.path) for lease in leases])


def isolate_bridge(plugin: FirewallPlugin, bridge: str, leases: Iterable[Lease]) -> tuple[Isolation, ...]:
    """What `ingressPolicy` keeps apart, in the families of the pod's addresses."""
    if plugin.ingress_policy != SAME_BRIDGE:
        return ()
    return tuple([Isolation(bridge, family) for family in sorted({lease.address.family for lease in leases})])


def _host(address: Cidr) -> Cidr:
    return Cidr(address.family, address.value, WIDTH[address.family])


# For a node


def let_through(
    plugins: Iterable[Plugin], bridge: str | None, pods: Sequence[tuple[Lease, ...]], report: Report
) -> tuple[tuple[Admission, ...], tuple[Isolation, ...]]:
    """What the firewall plugins among some plugins do for pods with these leases."""
    admissions: dict[Admission, None] = {}
    isolations: dict[Isolation, None] = {}
    for plugin in plugins:
        if isinstance(plugin, FirewallPlugin):
            if plugin.ingress_policy == "isolated":
                message, path = "the scripts do not know the policy `isolated`", (*plugin.path, "ingressPolicy")
                report.error("unsupported-option", path, message, help="write `same-bridge` or `open`")
            if plugin.ingress_policy == SAME_BRIDGE:
                _refuse_bridge(bridge, (*plugin.path, "ingressPolicy"), report)
            for leases in pods:
                admissions |= dict.fromkeys(admit_pod(plugin, leases))
                isolations |= dict.fromkeys(isolate_bridge(plugin, bridge or "", leases))
    return tuple(admissions), tuple(isolations)


def _refuse_bridge(bridge: str | None, path: Path, report: Report) -> None:
    if bridge is None:
        help = "write `open`, or let the plugin `bridge` make the interfaces"
        report.error("unsupported-option", path, "there is no bridge to be kept apart from others", help=help)
    elif bridge.endswith("+"):
        message = f"to iptables, `{bridge}` is more than one interface"
        report.error("unsupported-option", path, message, help="give the bridge a name without `+` at its end")


def publish_for_pods(network: Network, pods: Sequence[str], published: Published, report: Report) -> Published:
    """The ports of the host that lead to each pod: those that the network has for all, and those `published` for it."""
    asked = read_mappings(network.runtime.port_mappings)
    plugin = next((plugin for plugin in network.plugins if isinstance(plugin, PortmapPlugin)), None)
    if plugin is not None:
        return {pod: publish_ports(plugin, (*asked, *published.get(pod, ()))) for pod in pods}
    if asked or any(published.values()):
        message = "ports are to be published, and the network has no plugin that does it"
        help = 'add `{ "type": "portmap", "capabilities": { "portMappings": true } }` to `plugins`'
        path = asked[0].path if asked else network.plugins[0].path if network.plugins else ()
        report.error("missing-plugin", path, message, help=help)
    return NO_PORTS
