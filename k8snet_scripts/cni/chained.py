"""Chained plugins: from the object of a plugin that changes a pod's interface, or the way to it, to what it says."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.configuration import (
    BACKENDS,
    DEFAULT_ADMIN_CHAIN,
    DEFAULT_MARK_BIT,
    AddressMatch,
    BandwidthPlugin,
    FirewallPlugin,
    PortmapPlugin,
    TuningPlugin,
)
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.interfaces import read_mtu
from k8snet_scripts.cni.literals import read_address, read_path
from k8snet_scripts.cni.runtime import read_bandwidth
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.rules.literals import check_sysctl, read_lladdr, read_network, read_setting
from k8snet_scripts.rules.names import check_chain_name
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTION = "bad-plugin-option"
_DAEMON = "firewalld"
_POLICIES = ("open", "same-bridge", "isolated")
_FIELDS = {"saddr": ("-s", "--src", "--source"), "daddr": ("-d", "--dst", "--destination")}


def read_portmap(given: Object, version: str) -> PortmapPlugin:
    """How ports of the host are forwarded."""
    mark = given.number("markMasqBit", 0, 31, _OPTION)
    return PortmapPlugin(
        given.flag("snat", default=True),
        given.flag("masqAll"),
        DEFAULT_MARK_BIT if mark is None else mark,
        given.text("externalSetMarkChain", check_chain_name, blank=True) or "",
        given.word("backend", BACKENDS, _OPTION),
        (*_read_conditions(given, "conditionsV4", 4), *_read_conditions(given, "conditionsV6", 6)),
        given.path,
    )


def _read_conditions(given: Object, key: str, family: int) -> Iterator[AddressMatch]:
    """The words of iptables that a packet of a family has to match, as far as they are about addresses."""
    words = given.items(key, "strings")
    place = 0
    while place < len(words):
        first = place
        negated = words[place][1] == "!"
        place += negated
        path, word = words[min(place, len(words) - 1)]
        field = next((field for field, options in _FIELDS.items() if word in options), None)
        if field is None:
            message = f"{show(word)} is not supported in a condition" if isinstance(word, str) else "this is no word"
            help = 'write conditions of addresses only: `["!", "-d", "192.0.2.0/24"]`, say'
            given.report.error("unsupported-option", path, message, help=help)
            return
        if place + 1 == len(words):
            given.report.error("bad-plugin-option", words[first][0], "a network is missing", help="write it after this")
            return
        network = given.read(*words[place + 1], _read_network)
        if network is not None and network.family != family:
            message, other = f"`{network}` is not of IPv{family}", f"conditionsV{network.family}"
            help = f"move it to `{other}`"
            given.report.error("bad-plugin-option", words[place + 1][0], message, help=help)
        elif network is not None:
            yield AddressMatch(field, network, negated)
        place += 2


def _read_network(text: str) -> Cidr:
    """A network, or a single address."""
    return read_network(text) if "/" in text else read_address(text).host


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
        given.text("iptablesAdminChainName", check_chain_name, blank=True) or DEFAULT_ADMIN_CHAIN,
        given.word("ingressPolicy", _POLICIES, _OPTION, "open"),
        given.path,
    )


def _check_version(given: Object, version: str, oldest: str) -> None:
    if SPEC_VERSIONS.index(version) < SPEC_VERSIONS.index(oldest):
        message = f"the plugin speaks version `{oldest}` and later, not `{version}`"
        help = 'write `"cniVersion": "1.0.0"`, say, at the top'
        given.report.error("bad-cni-version", given.where("type"), message, help=help)
