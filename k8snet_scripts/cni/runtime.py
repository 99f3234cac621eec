"""Runtime: what a container runtime adds to the configuration of a plugin, for one pod."""

from __future__ import annotations

from k8snet_scripts.cni.configuration import Bandwidth, PortMapping, RequestedIp, Runtime
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.literals import read_address, read_requested_ip
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.rules.literals import read_lladdr
from k8snet_scripts.rules.options import PROTOCOLS
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from k8snet_scripts.filtering import Path

_OF_ITSELF = {"0.0.0.0": Address(4, 0), "::": Address(6, 0), "::1": Address(6, 1)}
_LARGEST_BURST = 8 * (2**32 - 1) - 1


def read_runtime(plugin: Object) -> Runtime:
    """What `runtimeConfig` and `args.cni` ask for; of a MAC address in both that of `runtimeConfig` counts.

    `runtimeConfig.ipRanges` is part of the IPAM's ranges.  Other keys of `args` are for other tools.
    """
    ips: tuple[RequestedIp, ...] = ()
    mac = None
    args = plugin.object("args")
    conventional = args.object("cni") if args else None
    if conventional:
        ips += conventional.texts("ips", read_requested_ip)
        mac = conventional.text("mac", read_lladdr, blank=True)
    config = plugin.object("runtimeConfig")
    places = _find_wishes(conventional, config)
    if config is None:
        return Runtime(ips, mac, places=places)
    ips += config.texts("ips", read_requested_ip)
    mac = config.text("mac", read_lladdr, blank=True) or mac
    mappings = [_read_mapping(given) for given in config.objects("portMappings")]
    limits = config.object("bandwidth")
    bandwidth = read_bandwidth(limits) if limits else None
    config.has("ipRanges")
    config.close()
    if limits:
        limits.close()
    return Runtime(ips, mac, tuple([item for item in mappings if item is not None]), bandwidth, places)


def join_runtimes(runtimes: list[Runtime]) -> Runtime:
    """What the plugins of a list are asked for, taken together; of MAC addresses and limits the last one counts."""
    return Runtime(
        tuple(dict.fromkeys(ip for item in runtimes for ip in item.ips)),
        next((item.mac for item in reversed(runtimes) if item.mac), None),
        tuple(dict.fromkeys(mapping for item in runtimes for mapping in item.port_mappings)),
        next((item.bandwidth for item in reversed(runtimes) if item.bandwidth), None),
        tuple(place for item in runtimes for place in item.places),
    )


def _find_wishes(conventional: Object | None, config: Object | None) -> tuple[Path, ...]:
    """Where in `args.cni` and in `runtimeConfig` something is asked for, but for ports and ranges."""
    asked = ((conventional, ("ips", "mac")), (config, ("ips", "mac", "bandwidth")))
    return tuple(given.where(key) for given, keys in asked if given for key in keys if given.value(key))


def _read_mapping(given: Object) -> PortMapping | None:
    ports = []
    for key in ("hostPort", "containerPort"):
        if not given.has(key):
            given.missing(key, f'write `"{key}": 8080`, say')
        ports.append(given.number(key, 1, 65535, "bad-plugin-option"))
    protocol = given.text("protocol", _read_protocol, blank=True) or PROTOCOLS[0]
    host_ip = given.text("hostIP", _read_host_ip, blank=True)
    given.close()
    host, container = ports
    if host is None or container is None:
        return None
    return PortMapping(host, container, protocol, host_ip, given.path)


def _read_host_ip(text: str) -> Address:
    """The address that a port is open on: the unspecified one stands for all of its family."""
    return _OF_ITSELF[text] if text in _OF_ITSELF else read_address(text)


def _read_protocol(text: str) -> str:
    if text.lower() not in PROTOCOLS:
        raise Refused("bad-plugin-option", f"{show(text)} is not a protocol", "write `tcp`, `udp` or `sctp`")
    return text.lower()


def read_bandwidth(given: Object) -> Bandwidth | None:
    """The limits of an object; None where it has none.  A rate needs a burst, and a burst a rate."""
    limits = []
    for direction in ("ingress", "egress"):
        keys = (f"{direction}Rate", f"{direction}Burst")
        rate = given.number(keys[0], 1, 2**63 - 1, "bad-plugin-option", zero=True)
        burst = given.number(keys[1], 1, _LARGEST_BURST, "bad-plugin-option", zero=True)
        if rate and not given.value(keys[1]):
            given.missing(keys[1], f"`{keys[0]}` needs it: write the bits that may pass at once")
        if burst and not given.value(keys[0]):
            given.missing(keys[0], f"`{keys[1]}` needs it: write the bits a second")
        limits += [rate or 0, burst or 0]
    given.refuse_options("shapedSubnets", "unshapedSubnets")
    return Bandwidth(*limits) if any(limits) else None
