"""The chained plugin `bandwidth`: limits at the host's end of a pod's veth.

What the pod takes in is what that end sends.  What the pod sends comes in there, and is led through an ifb.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts.cni.configuration import Bandwidth, BandwidthPlugin
from k8snet_scripts.cni.names import name_ifb
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Path
from k8snet_scripts.rates import Rate, largest_burst, smallest_burst
from k8snet_scripts.rules.rates import check_rate
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.topology import Ifb


def limit_ingress(bandwidth: Bandwidth) -> Rate | None:
    """What the host's end sends at most.  Refuses what the kernel has no numbers for."""
    return _make_rate(bandwidth.ingress_rate, bandwidth.ingress_burst)


def limit_egress(
    bandwidth: Bandwidth, name: str, source: str, mtu: int | None = None, lladdr: str | None = None, path: Path = ()
) -> Ifb | None:
    """The ifb for what comes in at the host's end, `source`.  Refuses what the kernel has no numbers for."""
    rate = _make_rate(bandwidth.egress_rate, bandwidth.egress_burst)
    what = "What the pod sends goes through it, so that there is a limit to that."
    return Ifb(name, source=source, rate=rate, mtu=mtu, lladdr=lladdr, description=what, path=path) if rate else None


def make_ifbs(network: str, plugin: BandwidthPlugin, mtu: int | None, ends: Iterable[tuple[str, str]]) -> Iterator[Ifb]:
    """The ifbs of all pods of a node, given each pod with its end on the host."""
    for pod, end in ends:
        ifb = limit_egress(plugin.bandwidth or Bandwidth(), name_ifb(network, pod), end, mtu, path=plugin.path)
        if ifb:
            yield ifb


def _make_rate(rate: int, burst: int) -> Rate | None:
    """A rate from bits a second and bits.

    Kubernetes asks for a burst of 2147483647 bits, which at a low rate is more than the kernel can count: it gets as
    much as that can.
    """
    bits = rate - rate % 8
    return check_rate(Rate(bits, min(burst // 8, largest_burst(bits)))) if rate else None


def find_bandwidth(plugins: tuple[object, ...]) -> BandwidthPlugin | None:
    """The plugin, if it is in a list and limits anything."""
    return next((plugin for plugin in plugins if isinstance(plugin, BandwidthPlugin) and plugin.bandwidth), None)


def refuse_bandwidth(plugin: BandwidthPlugin, mtu: int | None, report: Report) -> bool:
    """Report limits that the kernel cannot have, or that no packet is within; False if all is well."""
    assert plugin.bandwidth
    limits = plugin.bandwidth
    refused = False
    for way, rate, burst in (
        ("ingress", limits.ingress_rate, limits.ingress_burst),
        ("egress", limits.egress_rate, limits.egress_burst),
    ):
        try:
            made = _make_rate(rate, burst)
        except Refused as error:
            key = f"{way}Burst" if error.key == "burst" else f"{way}Rate"
            report.error("bad-plugin-option", (*plugin.path, key), error.message, help=error.help)
            refused = True
            continue
        least = smallest_burst(made.bits, mtu) if made else 0
        if made and made.burst < least:
            message = f"no packet fits into a burst of {burst} bits"
            report.error("small-burst", (*plugin.path, f"{way}Burst"), message, help=f"write {8 * least} or more")
            refused = True
    return refused
