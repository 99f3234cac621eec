"""`firewall`: what a container sends, and the answers, let through where iptables would drop them."""

from __future__ import annotations

from k8snet_scripts.cni.configuration import FirewallPlugin, Network
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.chained import Chained, Change, find_settings
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, UNSUPPORTED_FIELD, CniError
from k8snet_scripts.plugin.patterns import Particulars, Scripts
from k8snet_scripts.plugin.results import Told

_SAME_BRIDGE = "same-bridge"
_ISOLATED = "isolated"


class Firewall(Chained):
    """With `same-bridge` the first interface of `prevResult` is the bridge."""

    kind = "firewall"
    programs = ("iptables", "ip6tables")

    def find_change(self, call: Call, network: Network, told: Told) -> Change | None:
        plugin = find_settings(network, FirewallPlugin)
        bridge = _find_bridge(plugin, told)
        leases = told.of_interface(call.ifname, call.netns).leases
        if not leases:
            return None

        def compile(own: Particulars) -> Scripts:
            from k8snet_scripts.plugin.changing import compile_admission

            return compile_admission(network.name, plugin, bridge, leases, own.container_id, own.names)

        return Change((plugin, bridge), compile, leases)


def _find_bridge(plugin: FirewallPlugin, told: Told) -> str:
    """The bridge that is to be kept apart from others, or nothing.  Raises `CniError`."""
    if plugin.ingress_policy == _ISOLATED:
        message = f"`ingressPolicy` `{_ISOLATED}` is not supported"
        raise CniError(UNSUPPORTED_FIELD, message, f"write `{_SAME_BRIDGE}` or `open`")
    if plugin.ingress_policy != _SAME_BRIDGE:
        return ""
    bridge = told.interfaces[0] if told.interfaces else None
    if bridge is None or bridge.sandbox or bridge.name.endswith("+"):
        message = f"`ingressPolicy` `{_SAME_BRIDGE}` needs a bridge, and `prevResult` does not begin with one"
        raise CniError(BAD_CONFIGURATION, message, "let the plugin `bridge` make the interface, or write `open`")
    return bridge.name
