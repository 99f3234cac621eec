"""`bandwidth`: limits of what a container sends and takes in, at the host's end of its veth.

What it sends goes through an ifb, which is told as one more interface.
"""

from __future__ import annotations

import json
import socket

from k8snet_scripts.cni.configuration import BandwidthPlugin, Network
from k8snet_scripts.cni.names import name_ifb
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.chained import Chained, Change, find_settings
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, OTHER, CniError
from k8snet_scripts.plugin.netns import check_netns, run_inside
from k8snet_scripts.plugin.patterns import Particulars, Scripts
from k8snet_scripts.plugin.results import Told
from k8snet_scripts.rules.refusal import Refused


class Bandwidth(Chained):
    """What the runtime asks for takes the place of all that the configuration says."""

    kind = "bandwidth"
    programs = ("tc",)

    def find_change(self, call: Call, network: Network, told: Told) -> Change | None:
        from k8snet_scripts.cni.bandwidth import limit_egress, limit_ingress

        plugin = find_settings(network, BandwidthPlugin)
        limits = network.runtime.bandwidth or plugin.bandwidth
        if limits is None:
            return None
        name = name_ifb(network.name, call.container_id)
        try:
            limit_ingress(limits)
            through = limit_egress(limits, name, "")
        except Refused as refused:
            raise CniError(BAD_CONFIGURATION, refused.message, refused.help) from refused
        end, mtu = _find_host_end(call, told)

        def compile(own: Particulars) -> Scripts:
            from k8snet_scripts.plugin.changing import compile_limits

            return compile_limits(network.name, limits, mtu, own.words, own.container_id, own.names)

        return Change((limits, mtu), compile, words=(end, name), through=name if through else "")


def _find_host_end(call: Call, told: Told) -> tuple[str, int]:
    """The host's end of the container's veth, which `prevResult` has to name, and its MTU.  Raises `CniError`."""
    check_netns(call.netns, call.environment)
    done = run_inside(call.netns, call.environment, "ip", "-json", "link", "show", "dev", call.ifname)
    found = json.loads(done.output or b"[]")
    if done.status != 0 or not found:
        said = done.errors.decode(errors="replace").strip()
        raise CniError(OTHER, f"the container has no interface {call.ifname}", said)
    try:
        name = socket.if_indextoname(found[0]["link_index"])
    except (KeyError, OSError):
        name = ""
    if all((item.name, item.sandbox) != (name, "") for item in told.interfaces):
        message = f"no interface of the host in `prevResult` is the other end of {call.ifname}"
        raise CniError(OTHER, message, "only what has a veth to the host can be limited")
    return name, found[0]["mtu"]
