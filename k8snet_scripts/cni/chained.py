"""Chained plugins: from the object of a plugin that changes a pod's interface, or the way to it, to what it says."""

from __future__ import annotations

from k8snet_scripts.cni.configuration import (
    BACKENDS,
    DEFAULT_ADMIN_CHAIN,
    DEFAULT_MARK_BIT,
    BandwidthPlugin,
    FirewallPlugin,
    PortmapPlugin,
    TuningPlugin,
)
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.interfaces import read_mtu
from k8snet_scripts.cni.literals import read_chain, read_path
from k8snet_scripts.cni.runtime import read_bandwidth
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.rules.literals import check_sysctl, read_lladdr, read_setting

_OPTION = "bad-plugin-option"
_DAEMON = "firewalld"
_POLICIES = ("open", "same-bridge", "isolated")


def read_portmap(given: Object, version: str) -> PortmapPlugin:
    """How ports of the host are forwarded."""
    given.refuse_options("conditionsV4", "conditionsV6", "externalSetMarkChain")
    mark = given.number("markMasqBit", 0, 31, _OPTION)
    return PortmapPlugin(
        given.flag("snat", default=True),
        given.flag("masqAll"),
        DEFAULT_MARK_BIT if mark is None else mark,
        given.word("backend", BACKENDS, _OPTION),
        given.path,
    )


def read_tuning(given: Object, version: str) -> TuningPlugin:
    """Settings of the interface and of its namespace."""
    return TuningPlugin(
        _read_sysctls(given),
        given.text("mac", read_lladdr, blank=True),
        read_mtu(given),
        given.flag("promisc"),
        given.flag("allmulti") if given.has("allmulti") else None,
        given.number("txQLen", 0, 2**32 - 1, _OPTION),
        given.text("dataDir", read_path, blank=True) or "",
        given.path,
    )


def _read_sysctls(given: Object) -> tuple[tuple[str, str], ...]:
    settings = given.object("sysctl")
    if settings is None:
        return ()
    pairs = []
    for key in settings.keys:
        name, value = settings.read_key(key, check_sysctl), settings.text(key, read_setting)
        if name and value:
            pairs.append((name, value))
    return tuple(pairs)


def read_bandwidth_plugin(given: Object, version: str) -> BandwidthPlugin:
    """Limits of what the pod sends and receives."""
    _check_version(given, version, "0.3.0")
    return BandwidthPlugin(read_bandwidth(given), given.path)


def read_firewall(given: Object, version: str) -> FirewallPlugin:
    """What is let through to the pod."""
    _check_version(given, version, "0.4.0")
    given.refuse_options("firewalldZone")
    backend = given.word("backend", (*BACKENDS, _DAEMON), _OPTION)
    if backend == _DAEMON:
        message, help = f"the backend `{_DAEMON}` is not supported", f"write `{BACKENDS[0]}` or `{BACKENDS[1]}`"
        given.report.error("unsupported-option", given.where("backend"), message, help=help)
    return FirewallPlugin(
        backend,
        given.text("iptablesAdminChainName", read_chain, blank=True) or DEFAULT_ADMIN_CHAIN,
        given.word("ingressPolicy", _POLICIES, _OPTION, "open"),
        given.path,
    )


def _check_version(given: Object, version: str, oldest: str) -> None:
    if SPEC_VERSIONS.index(version) < SPEC_VERSIONS.index(oldest):
        message = f"the plugin speaks version `{oldest}` and later, not `{version}`"
        help = 'write `"cniVersion": "1.0.0"`, say, at the top'
        given.report.error("bad-cni-version", given.where("type"), message, help=help)
