"""The chained plugin `tuning`: attributes of a pod's interface.  Its sysctls are in `settings`."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from k8snet_scripts.cni.configuration import TuningPlugin
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.topology import Interface

AnyInterface = TypeVar("AnyInterface", bound=Interface)


def tune_interface(plugin: TuningPlugin, interface: AnyInterface) -> AnyInterface:
    """The interface of a pod with the attributes asked for, which take the place of those that it had."""
    return replace(
        interface,
        lladdr=plugin.mac or interface.lladdr,
        promisc=plugin.promisc or interface.promisc,
        allmulti=interface.allmulti if plugin.allmulti is None else plugin.allmulti,
        txqlen=interface.txqlen if plugin.tx_queue_length is None else plugin.tx_queue_length,
    )


def refuse_tuning(plugin: TuningPlugin, mtu: int | None, pods: int, report: Report) -> None:
    """Report what cannot be: an MTU other than the interface was made with, and one MAC address for several pods."""
    if plugin.mtu is not None and plugin.mtu != mtu:
        made = f"one of {mtu}" if mtu else "that of the kernel"
        message = f"the interface of a pod would get an MTU of {plugin.mtu}, after it was made with {made}"
        help = "write the `mtu` into the plugin that makes the interface: the other end of a veth has to have it, too"
        report.error("mtu-mismatch", (*plugin.path, "mtu"), message, help=help)
    if plugin.mac is not None and pods > 1:
        message = f"{pods} pods cannot have the address `{plugin.mac}` together"
        report.error("duplicate-lladdr", (*plugin.path, "mac"), message, help="name one pod, or take `mac` out")
