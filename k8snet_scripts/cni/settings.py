"""Settings: the sysctls that plugins change, for a pod and for the host, as keys and values."""

from __future__ import annotations

from k8snet_scripts.addresses import LEAST_IPV6_MTU
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, MacvlanPlugin, PtpPlugin, TuningPlugin
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
"""What makes the host a router, by address family."""

Settings = tuple[tuple[str, str], ...]

_ANY_INTERFACE = "IFNAME"


def pod_settings(plugin: BridgePlugin | MacvlanPlugin, attachment: Attachment, ifname: str) -> Settings:
    """Those of a pod's interface: it announces its address, and on a bridge does not wait to see if anybody has it."""
    if not attachment.leases:
        return ()
    announce = (f"net.ipv4.conf.{spell(ifname)}.arp_notify", "1")
    if isinstance(plugin, MacvlanPlugin) or plugin.enable_dad or not has_ipv6(plugin):
        return (announce,)
    return announce, (f"net.ipv6.conf.{spell(ifname)}.accept_dad", "0")


def host_settings(plugin: BridgePlugin | PtpPlugin | MacvlanPlugin, interfaces: Iterable[str]) -> Settings:
    """Those of interfaces of the host: they do not listen to IPv6 routers."""
    if not has_ipv6(plugin):
        return ()
    return tuple([(f"net.ipv6.conf.{spell(name)}.accept_ra", "0") for name in interfaces])


def tune_sysctls(plugin: TuningPlugin, sysctls: Settings, ifname: str) -> Settings:
    """The settings of a pod's namespace with those asked for, which take the place of those that it had."""
    asked = {key.replace(_ANY_INTERFACE, spell(ifname)): value for key, value in plugin.sysctls}
    return tuple({**dict(sysctls), **asked}.items())


def has_ipv6(plugin: BridgePlugin | PtpPlugin | MacvlanPlugin) -> bool:
    """Whether interfaces of this MTU can speak IPv6 at all: else the kernel gives them no settings for it."""
    return plugin.mtu is None or plugin.mtu >= LEAST_IPV6_MTU


def spell(name: str) -> str:
    """The name of an interface as a part of a key, where a dot is written `/`."""
    return name.replace(".", "/")
