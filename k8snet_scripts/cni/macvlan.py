"""The plugin `macvlan`: a pod on a network of the host's, beside it, by an interface that shares the wire of a NIC."""

from __future__ import annotations

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import FirewallPlugin, MacvlanPlugin, Network, PortmapPlugin
from k8snet_scripts.cni.wires import make_route
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.topology import HOST, Interface, Macvlan


def make_macvlan(plugin: MacvlanPlugin, attachment: Attachment, ifname: str) -> Macvlan:
    """The interface of a pod."""
    return Macvlan(
        ifname,
        addresses=tuple([lease.address for lease in attachment.leases]),
        routes=tuple([make_route(route, ifname) for route in attachment.routes]),
        mtu=plugin.mtu,
        lladdr=plugin.mac,
        broadcast=True,
        path=plugin.ipam.path if plugin.ipam else plugin.path,
        parent=plugin.master or "",
        parent_namespace=HOST,
        mode=plugin.mode,
    )


def make_master(plugin: MacvlanPlugin) -> Interface:
    """The interface of the host, which is there already and stays as it is."""
    what = "The interface of the host whose wire the pods share: to others there, each looks like one more machine."
    return Interface(plugin.master or "", description=what, external=True, path=(*plugin.path, "master"))


def refuse_macvlan(network: Network, plugin: MacvlanPlugin, pods: int, report: Report) -> None:
    """Report what cannot be: what only one pod may have, and ways from the host to a pod, for there are none."""
    if plugin.mac is not None and pods > 1:
        message = f"{pods} pods cannot have the address `{plugin.mac}` together"
        report.error("duplicate-lladdr", (*plugin.path, "mac"), message, help="name one pod, or take `mac` out")
    if plugin.mode == "passthru" and pods > 1:
        message = f"{pods} pods cannot have all of `{plugin.master}` at once, as the mode `passthru` gives it to one"
        report.error("macvlan-parent", (*plugin.path, "mode"), message, help="name one pod, or write another `mode`")
    if plugin.mode == "passthru" and plugin.mac is not None:
        message = f"with `mac`, the mode `passthru` would change the address of `{plugin.master}` itself"
        report.error("conflicting-keys", (*plugin.path, "mac"), message, help="take it out", at="key")
    for other in network.plugins:
        if isinstance(other, PortmapPlugin | FirewallPlugin):
            report.error(
                "unsupported-plugin",
                (*other.path, "type"),
                "the host and a pod on a macvlan of it do not reach each other, so there is nothing to let through",
                help="take the plugin out",
            )
