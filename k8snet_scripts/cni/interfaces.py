"""Interfaces: from the object of a plugin that makes a pod's interface to what it says."""

from __future__ import annotations

from k8snet_scripts.cni.addressing import HostLocal, Ipam, StaticIpam
from k8snet_scripts.cni.configuration import (
    BACKENDS,
    DEFAULT_BRIDGE,
    BridgePlugin,
    LoopbackPlugin,
    MacvlanPlugin,
    PtpPlugin,
)
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.ipam import read_dns, read_ipam
from k8snet_scripts.cni.routes import check_routes
from k8snet_scripts.rules.literals import read_lladdr
from k8snet_scripts.rules.names import check_interface_name
from k8snet_scripts.rules.options import HIGHEST_MTU, LOWEST_MTU

_OPTION = "bad-plugin-option"
_HIGHEST_VLAN = 4094
_MODES = ("bridge", "private", "vepa", "passthru")


def read_bridge(given: Object, version: str) -> BridgePlugin:
    """A veth to a bridge of the host."""
    hairpin, promisc = given.flag("hairpinMode"), given.flag("promiscMode")
    if hairpin and promisc:
        _conflict(given, "promiscMode", "hairpinMode")
    vlan = given.number("vlan", 1, _HIGHEST_VLAN, "bad-vlan", zero=True)
    trunk = _read_trunk(given)
    if vlan and trunk:
        _conflict(given, "vlanTrunk", "vlan")
    default = given.flag("isDefaultGateway")
    ipam = _read_ipam(given, version)
    if default and isinstance(ipam, HostLocal | StaticIpam):
        _check_default_route(given, ipam)
    given.refuse_options("disableContainerInterface")
    return BridgePlugin(
        type=str(given.value("type")),
        bridge=given.text("bridge", check_interface_name) or DEFAULT_BRIDGE,
        is_gateway=given.flag("isGateway") or default,
        is_default_gateway=default,
        force_address=given.flag("forceAddress"),
        ip_masq=given.flag("ipMasq"),
        ip_masq_backend=given.word("ipMasqBackend", BACKENDS, _OPTION),
        mtu=read_mtu(given),
        hairpin_mode=hairpin,
        promisc_mode=promisc,
        vlan=vlan,
        vlan_trunk=trunk,
        preserve_default_vlan=given.flag("preserveDefaultVlan", default=True),
        mac_spoof_check=given.flag("macspoofchk"),
        enable_dad=given.flag("enabledad"),
        port_isolation=given.flag("portIsolation"),
        ipam=ipam,
        dns=read_dns(given),
        path=given.path,
    )


def _read_ipam(given: Object, version: str) -> Ipam | None:
    """Who hands out the addresses, and whether the kernel can take the routes that come with them."""
    ipam = read_ipam(given, version)
    if isinstance(ipam, HostLocal | StaticIpam):
        check_routes(ipam, given.report)
    return ipam


def _conflict(given: Object, key: str, other: str) -> None:
    message, help = f"`{key}` and `{other}` exclude each other", "keep one of the two"
    note = "the other one is at"
    given.report.error(
        "conflicting-keys", given.where(key), message, help=help, at="key", see=given.where(other), see_note=note
    )


def _check_default_route(given: Object, ipam: HostLocal | StaticIpam) -> None:
    """Refuse a default route beside the same one that `isDefaultGateway` adds: the kernel takes no second one."""
    for route in ipam.routes:
        plain = route.gw is None and route.priority is None and route.table is None
        if plain and not route.dst.prefix and route.dst.family in ipam.families:
            given.report.error(
                "duplicate-route",
                (*route.path, "dst"),
                f"`isDefaultGateway` adds the route to `{route.dst}` by itself",
                help="take the route out",
                see=given.where("isDefaultGateway"),
                see_note="it is asked for at",
            )


def _read_trunk(given: Object) -> tuple[int, ...]:
    """The VLANs of `vlanTrunk`, in order."""
    vlans: list[int] = []
    for item in given.objects("vlanTrunk"):
        low, high, single = [item.number(key, 1, _HIGHEST_VLAN, "bad-vlan") for key in ("minID", "maxID", "id")]
        for key, other in (("minID", "maxID"), ("maxID", "minID")):
            if item.has(other) and not item.has(key):
                item.missing(key, f"`{other}` is one end of a range of VLANs, write the other one")
        if low and high and high < low:
            item.report.error("bad-vlan", item.where("maxID"), "the range ends before it begins", help="swap the two")
        elif low and high:
            vlans += range(low, high + 1)
        if single:
            vlans.append(single)
        item.close()
    return tuple(sorted(set(vlans)))


def read_ptp(given: Object, version: str) -> PtpPlugin | None:
    """A veth whose far end is the gateway; None if it has no addresses, which are what it is about."""
    ipam = _read_ipam(given, version)
    if given.value("ipam") in (None, {}):
        given.missing(
            "ipam", 'a pod on a link of its own needs an address: write `"ipam": { "type": "host-local", … }`'
        )
    masquerade, backend = given.flag("ipMasq"), given.word("ipMasqBackend", BACKENDS, _OPTION)
    mtu, dns = read_mtu(given), read_dns(given)
    return PtpPlugin(ipam, masquerade, backend, mtu, dns, given.path) if ipam else None


def read_macvlan(given: Object, version: str) -> MacvlanPlugin:
    """A macvlan on an interface of the host."""
    given.refuse_options("linkInContainer")
    master = given.text("master", check_interface_name, blank=True)
    if given.value("master") in (None, "") and not given.lenient:
        given.missing(
            "master", 'which interface has the default route is not known here: write `"master": "eth0"`, say'
        )
    return MacvlanPlugin(
        master,
        given.word("mode", _MODES, _OPTION, "bridge"),
        read_mtu(given),
        given.text("mac", read_lladdr, blank=True),
        _read_ipam(given, version),
        read_dns(given),
        given.path,
    )


def read_mtu(given: Object) -> int | None:
    """The MTU of an interface; 0 leaves it to the kernel."""
    return given.number("mtu", LOWEST_MTU, HIGHEST_MTU, "bad-mtu", zero=True)


def read_loopback(given: Object, version: str) -> LoopbackPlugin:
    """The pod's own `lo`."""
    return LoopbackPlugin(given.path)
