"""Plugins: from the object of one plugin to what it does, by its type."""

from __future__ import annotations

from k8snet_scripts.cni.chained import read_bandwidth_plugin, read_firewall, read_portmap, read_tuning
from k8snet_scripts.cni.configuration import Plugin
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.interfaces import read_bridge, read_loopback, read_macvlan, read_ptp
from k8snet_scripts.diagnostics import close_match
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES: dict[str, Callable[[Object, str], Plugin | None]] = {
    "bridge": read_bridge,
    "k8snet": read_bridge,
    "ptp": read_ptp,
    "macvlan": read_macvlan,
    "loopback": read_loopback,
    "portmap": read_portmap,
    "tuning": read_tuning,
    "bandwidth": read_bandwidth_plugin,
    "firewall": read_firewall,
}
"""How each type of plugin is read."""

_UNSUPPORTED = frozenset(
    ("dhcp", "dummy", "flannel", "host-device", "host-local", "ipvlan", "sbr", "static", "tap", "vlan", "vrf")
    + ("win-bridge", "win-overlay")
)  # what the reference has beside them, or had


def read_plugin(given: Object, version: str) -> Plugin | None:
    """What the object of a plugin says, or None where its type is not one of `TYPES`.  It is closed by the caller."""
    if not given.has("type"):
        given.missing("type", 'write `"type": "bridge"`, say')
    type = given.text("type", _check_type)
    return TYPES[type](given, version) if type else None


def _check_type(text: str) -> str:
    if text in TYPES:
        return text
    if text in _UNSUPPORTED:
        raise Refused("unsupported-plugin", f"the plugin `{text}` is not supported", _one_of_types())
    raise Refused("unknown-plugin", f"unknown plugin {show(text)}", close_match(text, TYPES) or _one_of_types())


def _one_of_types() -> str:
    return "supported are " + ", ".join(f"`{type}`" for type in TYPES)
