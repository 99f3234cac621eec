"""Bridge ports: that their bridge is there and can take them, and that they have nothing that belongs to the bridge."""

from __future__ import annotations

from collections.abc import Mapping

from k8snet_scripts.addresses import LEAST_IPV6_MTU
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.sites import Site, find_close, whereabouts
from k8snet_scripts.filtering import Path
from k8snet_scripts.rules.options import MOST_PORTS
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.topology import HOST, Bridge, Interface, Port, Vlans


def check_ports(site: Site, sites: Mapping[str, Site], report: FirstFindings) -> None:
    """Check every port of one namespace, and what its bridges get from their ports."""
    counts: dict[str, int] = {}
    lowest: dict[str, int] = {}
    for interface in site.interfaces.values():
        port = interface.port
        if port is None:
            continue
        bridge = site.bridges.get(port.bridge)
        if bridge is None:
            _report_unknown(interface, port, site, sites, report)
            continue
        counts[port.bridge] = count = counts.get(port.bridge, 0) + 1
        if count == MOST_PORTS + 1:
            _report_full(interface, port, bridge, report)
        if interface.mtu is not None:
            lowest[port.bridge] = min(interface.mtu, lowest.get(port.bridge, interface.mtu))
        if port.vlans and not (bridge.vlan_filtering or bridge.external):
            _report_vlans(interface, port.path[:-1], port.vlans, bridge, report)
        if isinstance(interface, Bridge):
            _report_nested(interface, port, report)
        if interface.addresses or interface.routes:
            _report_addressed(interface, bridge, report)
    for bridge in site.bridges.values():
        if bridge.vlans and not (bridge.vlan_filtering or bridge.external):
            _report_vlans(bridge, bridge.path, bridge.vlans, bridge, report)
        if bridge.mtu is None and bridge.name in lowest:
            check_ipv6_mtu(bridge, lowest[bridge.name], "the smallest MTU of its ports", report)


def check_ipv6_mtu(interface: Interface, mtu: int, whose: str, report: FirstFindings) -> None:
    """Check that an interface with IPv6 has room for its packets; `whose` says where the MTU comes from."""
    if mtu < LEAST_IPV6_MTU and 6 in [
        item.family for items in (interface.addresses, interface.routes) for item in items
    ]:
        report.error(
            "ipv6-mtu",
            (*interface.path, "mtu"),
            f"`{interface.name}` has IPv6, but {whose} is {mtu}",
            help=f"IPv6 needs an `mtu` of {LEAST_IPV6_MTU} or more",
        )


def _report_unknown(
    interface: Interface, port: Port, site: Site, sites: Mapping[str, Site], report: FirstFindings
) -> None:
    if report.told("unknown-bridge", port.path):
        return
    where = "" if site.name == HOST else f" {whereabouts(site.name)}"
    close = find_close(port.bridge, site.bridges)
    elsewhere = next((other for other in sites.values() if port.bridge in other.bridges), None)
    table = "bridges" if site.name == HOST else f"namespaces.{site.name}.bridges"
    help, see, note = f"add `[{table}.{port.bridge}]`", None, ""
    if elsewhere:
        help = f"a port and its bridge are in one namespace: {help}"
        see, note = elsewhere.bridges[port.bridge].path, f"the one {whereabouts(elsewhere.name)} is defined at"
    elif close:
        help, see, note = f"did you mean `{close}`?", site.bridges[close].path, "it is defined at"
    report.error(
        "unknown-bridge", port.path, f"unknown bridge {show(port.bridge)}{where}", help=help, see=see, see_note=note
    )


def _report_full(interface: Interface, port: Port, bridge: Bridge, report: FirstFindings) -> None:
    report.error(
        "too-many-ports",
        port.path,
        f"`{interface.name}` would be port {MOST_PORTS + 1} of `{bridge.name}`",
        help=f"spread the ports over several bridges: one takes at most {MOST_PORTS}",
        see=bridge.path,
        see_note=f"`{bridge.name}` is defined at",
    )


def _report_vlans(interface: Interface, table: Path, vlans: Vlans, bridge: Bridge, report: FirstFindings) -> None:
    report.error(
        "vlan-without-filtering",
        (*table, "untagged" if vlans.untagged is not None else "leaving" if vlans.leaving else "tagged"),
        f"`{interface.name}` has VLANs, but `{bridge.name}` does not filter them",
        help=f"add `vlan_filtering = true` to `{bridge.name}`",
        at="key",
        see=bridge.path,
        see_note="it is defined at",
    )


def _report_nested(interface: Bridge, port: Port, report: FirstFindings) -> None:
    report.error(
        "bridge-loop",
        port.path,
        f"the bridge `{interface.name}` cannot be a port of the bridge `{port.bridge}`",
        help="join two bridges by a veth with an end on each",
    )


def _report_addressed(interface: Interface, bridge: Bridge, report: FirstFindings) -> None:
    what = "addresses" if interface.addresses else "routes"
    report.error(
        "address-on-port",
        (*interface.path, what),
        f"`{interface.name}` has {what}, but it is a port of `{bridge.name}`",
        help=f"give them to `{bridge.name}`, or to the other end of the veth",
        at="key",
        see=bridge.path,
        see_note=f"`{bridge.name}` is defined at",
    )
