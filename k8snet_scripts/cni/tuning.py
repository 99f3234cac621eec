"""The chained plugin `tuning`: attributes of a pod's interface.  Its sysctls are in `settings`."""

from __future__ import annotations

from dataclasses import replace

from k8snet_scripts.cni.configuration import TuningPlugin
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.topology import End


def tune_end(plugin: TuningPlugin, end: End) -> End:
    """The interface of a pod with the attributes asked for, which take the place of those that it had."""
    return replace(
        end,
        lladdr=plugin.mac or end.lladdr,
        promisc=plugin.promisc or end.promisc,
        allmulti=end.allmulti if plugin.allmulti is None else plugin.allmulti,
        txqlen=end.txqlen if plugin.tx_queue_length is None else plugin.tx_queue_length,
    )


def refuse_tuning(plugin: TuningPlugin, mtu: int | None, pods: int, report: Report) -> None:
    """Report what cannot be: an MTU other than that of the other end, and one MAC address for several pods."""
    if plugin.mtu is not None and plugin.mtu != mtu:
        message = f"one end of the veth would have an MTU of {plugin.mtu}, the other one of {mtu or 1500}"
        help = "write the `mtu` into the plugin that makes the interface: it is for both ends"
        report.error("mtu-mismatch", (*plugin.path, "mtu"), message, help=help)
    if plugin.mac is not None and pods > 1:
        message = f"{pods} pods cannot have the address `{plugin.mac}` together"
        report.error("duplicate-lladdr", (*plugin.path, "mac"), message, help="name one pod, or take `mac` out")
