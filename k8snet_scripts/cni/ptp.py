"""The plugin `ptp`: a pod on a veth of its own, whose far end on the host has the gateway's address."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import PtpPlugin
from k8snet_scripts.cni.wires import make_inner
from k8snet_scripts.topology import End, Route, Veth


def make_link(
    plugin: PtpPlugin,
    attachment: Attachment,
    namespace: str,
    ifname: str,
    host_end: str,
    lladdrs: tuple[str | None, str | None] = (None, None),
) -> Veth:
    """The interface of a pod and its peer, with routes to the gateway in the pod, and to the pod on the host.

    `lladdrs` are theirs, where they are not the kernel's.
    """
    path = plugin.ipam.path
    inner = make_inner(plugin, attachment, namespace, ifname, lladdrs[0])
    outer = End(
        host_end,
        addresses=attachment.gateways,
        routes=tuple([_make_way_back(to, host_end) for to in attachment.host_routes]),
        mtu=plugin.mtu,
        lladdr=lladdrs[1],
        path=path,
    )
    return Veth(inner, outer, path)


def _make_way_back(to: Cidr, host_end: str) -> Route:
    return Route(to.family, to, dev=host_end, scope="host" if to.family == 4 else None)
