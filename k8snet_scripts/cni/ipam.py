"""IPAM: from the object `ipam` of a plugin to who hands out its addresses."""

from __future__ import annotations

from k8snet_scripts.cni.addressing import (
    DEFAULT_DATA_DIR,
    DelegatedIpam,
    Dns,
    HostLocal,
    Ipam,
    StaticAddress,
    StaticIpam,
)
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.literals import (
    read_address,
    read_cidr,
    read_dns_word,
    read_nameserver,
    read_path,
    read_subnet,
)
from k8snet_scripts.cni.ranges import AddressRange, RangeSet, make_range
from k8snet_scripts.cni.routes import read_routes
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.diagnostics import close_match
from k8snet_scripts.rules.refusal import Refused, show

_REFERENCE = ("dhcp",)
_KNOWN = ("host-local", "static")
_RANGE_KEYS = ("subnet", "rangeStart", "rangeEnd", "gateway")


def read_ipam(plugin: Object, version: str) -> Ipam | None:
    """Who hands out the addresses of a plugin; None where there is no `ipam`, or one without a type: layer 2 only.

    A lenient plugin may leave that to any other executable.
    """
    ipam = plugin.object("ipam")
    if ipam is None:
        return None
    type = ipam.text("type", str, blank=True)
    if type is None:
        if not ipam.lenient and not ipam.has("type") and ipam.keys:
            ipam.missing("type", 'write `"type": "host-local"`')
        return None
    if type == "host-local":
        made: Ipam = _read_host_local(ipam, plugin, version)
    elif type == "static":
        made = _read_static(ipam, version)
    elif ipam.lenient:
        return DelegatedIpam(type, ipam.path)
    else:
        ipam.refuse(_refuse_type(type), ipam.where("type"))
        return None
    ipam.close()
    return made


def _refuse_type(type: str) -> Refused:
    help = "write `host-local` or `static`"
    if type in _REFERENCE:
        return Refused("unsupported-plugin", f"the IPAM plugin `{type}` is not supported", help)
    return Refused("unknown-plugin", f"unknown IPAM plugin {show(type)}", close_match(type, _KNOWN) or help)


def read_dns(parent: Object) -> Dns:
    """The object `dns` of a plugin or of static IPAM."""
    dns = parent.object("dns")
    if dns is None:
        return Dns()
    made = Dns(
        dns.texts("nameservers", read_nameserver),
        dns.text("domain", read_dns_word, blank=True) or "",
        dns.texts("search", read_dns_word),
        dns.texts("options", read_dns_word),
    )
    dns.close()
    return made


# host-local


def _read_host_local(ipam: Object, plugin: Object, version: str) -> HostLocal:
    """The ranges that the runtime asks for, then the one in `ipam` itself, then those of `ranges`."""
    range_sets = _read_runtime_ranges(plugin)
    if ipam.has("subnet"):
        single = _read_range(ipam)
        range_sets += [(single,)] if single else []
    elif used := [key for key in _RANGE_KEYS if ipam.has(key)]:
        ipam.missing("subnet", f'`{used[0]}` is about a subnet: write `"subnet": "10.1.0.0/16"`, say')
    range_sets += _read_range_sets(ipam, "ranges")
    data_dir = ipam.text("dataDir", read_path, blank=True)
    resolv_conf = ipam.text("resolvConf", read_path, blank=True)
    if not range_sets and not ipam.has("subnet") and ipam.value("ranges") in (None, []):
        ipam.missing("subnet", 'write `"subnet": "10.1.0.0/16"`, say')
    _check_overlaps(ipam, range_sets)
    _check_count(ipam, version, [ranges[0].family for ranges in range_sets])
    return HostLocal(tuple(range_sets), read_routes(ipam), data_dir or DEFAULT_DATA_DIR, resolv_conf or "", ipam.path)


def _read_runtime_ranges(plugin: Object) -> list[RangeSet]:
    """`runtimeConfig.ipRanges`; a runtime configuration of the wrong type is reported by whoever reads the rest."""
    runtime = plugin.value("runtimeConfig")
    if not isinstance(runtime, dict):
        return []
    return _read_range_sets(Object(runtime, plugin.where("runtimeConfig"), plugin.report, plugin.lenient), "ipRanges")


def _read_range_sets(parent: Object, key: str) -> list[RangeSet]:
    sets = []
    for path, value in parent.items(key, "arrays of objects"):
        if not isinstance(value, list):
            parent.mistyped(
                path, "an array of objects", value, f'write `"{key}": [[{{ "subnet": "10.1.0.0/16" }}]]`, say'
            )
            continue
        if not value:
            help = 'write `[{ "subnet": "10.1.0.0/16" }]`, say'
            parent.report.error("bad-ip-range", path, "a range set without a range", help=help)
        found = []
        for index, item in enumerate(value):
            given = parent.below((*path, index), item)
            if given is not None:
                if not given.has("subnet"):
                    given.missing("subnet", 'write `"subnet": "10.1.0.0/16"`, say')
                found.append(_read_range(given))
                given.close()
        ranges = tuple([item for item in found if item is not None])
        if ranges:
            sets.append(ranges)
    return sets


def _read_range(given: Object) -> AddressRange | None:
    subnet = given.text("subnet", read_subnet)
    first = given.text("rangeStart", read_address, blank=True)
    last = given.text("rangeEnd", read_address, blank=True)
    gateway = given.text("gateway", read_address, blank=True)
    if subnet is None:
        return None
    try:
        return make_range(subnet, first, last, gateway, given.path)
    except Refused as refused:
        given.refuse(refused, given.path)
        return None


def _check_overlaps(ipam: Object, range_sets: list[RangeSet]) -> None:
    """Refuse two ranges that share an address, and two families in one set."""
    declared = [item for ranges in range_sets for item in ranges]
    places = {item: place for place, item in enumerate(declared)}
    highest: AddressRange | None = None
    for item in sorted(declared, key=lambda item: item.first):
        if highest and item.overlaps(highest):
            one, other = sorted((item, highest), key=lambda item: places[item])
            _report_range(ipam, other, f"the ranges `{one}` and `{other}` overlap", "let no two ranges overlap", one)
        if not highest or item.last > highest.last:
            highest = item
    for first, *others in range_sets:
        for item in others:
            if item.family != first.family:
                message = f"`{item.subnet}` is not of the family of the first range of its set"
                help = "a pod gets one address from each set: write IPv4 and IPv6 ranges as two sets"
                _report_range(ipam, item, message, help, first)


def _report_range(ipam: Object, item: AddressRange, message: str, help: str, other: AddressRange) -> None:
    path, see = (*item.path, "subnet"), (*other.path, "subnet")
    ipam.report.error("bad-ip-range", path, message, help=help, see=see, see_note="the other one is at")


# static


def _read_static(ipam: Object, version: str) -> StaticIpam:
    addresses = []
    for given in ipam.objects("addresses"):
        if not given.has("address"):
            given.missing("address", 'write `"address": "10.1.0.5/16"`, say')
        address = given.text("address", read_cidr)
        gateway = given.text("gateway", read_address, blank=True)
        given.close()
        if address and gateway and gateway.family != address.family:
            path = given.where("gateway")
            message = f"the gateway `{gateway}` is not of the family of `{address}`"
            ipam.report.error("bad-address", path, message, help=f"write an IPv{address.family} address")
        elif address:
            addresses.append(StaticAddress(address, gateway, given.path))
    if ipam.value("addresses") in (None, []) and not ipam.lenient:
        ipam.missing("addresses", 'write `"addresses": [{ "address": "10.1.0.5/16" }]`, say')
    _check_count(ipam, version, [item.address.family for item in addresses])
    return StaticIpam(tuple(addresses), read_routes(ipam), read_dns(ipam), ipam.path)


def _check_count(ipam: Object, version: str, families: list[int]) -> None:
    """Refuse what a result of an old version has no room for."""
    if version in SPEC_VERSIONS[:2] and len(families) != len(set(families)):
        message = f"a result of version `{version}` has one address of each family, this would have more"
        help = 'write `"cniVersion": "1.0.0"`, say'
        ipam.report.error("bad-cni-version", ipam.path, message, help=help, at="key")
