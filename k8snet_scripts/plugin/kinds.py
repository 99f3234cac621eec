"""Kinds: which plugin answers a call, by the name that it was started by and by the type in the configuration."""

from __future__ import annotations

from k8snet_scripts.plugin.call import Call, value_of
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, CniError
from k8snet_scripts.values import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from k8snet_scripts.cni.result import Json

ITSELF = "k8snet"
"""The name under which the type in the configuration counts.  Any name that is not one of `KINDS` is as good."""

KINDS = ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp", "static", "tuning")
"""The plugins that we stand in for."""

ASIDE = ".before-k8snet"
"""What follows the name of an original while one of ours stands in for it."""


class Plugin(Protocol):
    """What every plugin does.  Each method may raise `CniError`, or an `OSError` of the system."""

    def add(self, call: Call) -> Json:
        """Do what an ADD asks for, or nothing at all; the JSON of the result."""

    def delete(self, call: Call) -> None:
        """Undo it, or as much of it as there is."""

    def check(self, call: Call) -> None:
        """Find that it is not as it was left."""

    def collect(self, call: Call) -> None:
        """Undo what was done for containers that are gone."""

    def status(self, call: Call) -> None:
        """Find that an ADD would fail."""


def find_plugin(call: Call) -> Plugin:
    """The plugin that a call is for.  Raises `CniError`."""
    kind = choose_kind(call)
    match kind:
        case "bridge" | "ptp":
            if call.command == "ADD":
                from k8snet_scripts.plugin.netns import begin_looks

                begin_looks(call, value_of(call.configuration, "bridge"))
            from k8snet_scripts.plugin.attaching import Attaching

            return Attaching(kind)
        case "loopback":
            from k8snet_scripts.plugin.loopback import Loopback

            return Loopback()
        case "bandwidth":
            from k8snet_scripts.plugin.bandwidth import Bandwidth

            return Bandwidth()
        case "portmap":
            from k8snet_scripts.plugin.portmap import Portmap

            return Portmap()
        case "tuning":
            from k8snet_scripts.plugin.tuning import Tuning

            return Tuning()
        case "firewall":
            from k8snet_scripts.plugin.firewall import Firewall

            return Firewall()
    from k8snet_scripts.plugin.addresses import Addresses

    return Addresses(kind)


def choose_kind(call: Call) -> str:
    """One of `KINDS`.  Raises `CniError`.

    Under our own name it is the one that the configuration names, and if that names somebody else's plugin, the one for
    its addresses.
    """
    if call.program in KINDS:
        return call.program
    type, ipam = value_of(call.configuration, "type"), value_of(call.configuration, "ipam")
    if type == ITSELF:
        return "bridge"
    if isinstance(type, str) and type in KINDS:
        return type
    if isinstance(ipam, dict) and value_of(ipam, "type") == ITSELF:
        return "host-local"
    raise CniError(BAD_CONFIGURATION, f"`type` must be one of {', '.join((ITSELF, *KINDS))}", f"it is {type!r}")
