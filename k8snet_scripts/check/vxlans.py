"""VXLAN devices: that the interfaces that they stand on are there, leave them room, and lead where they say."""

from __future__ import annotations

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.check.addresses import Owned
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.ports import check_ipv6_mtu
from k8snet_scripts.check.routes import report_device
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.filtering import Path
from k8snet_scripts.topology import Vxlan
from k8snet_scripts.underlay import find_underlay, room


def check_vxlans(site: Site, owned: Owned, report: FirstFindings) -> None:
    """Check the VXLAN devices of one namespace, given its addresses."""
    seen: dict[tuple[int, int, int], Vxlan] = {}
    for vxlan in site.namespace.vxlans:
        first = seen.setdefault((vxlan.id, vxlan.dstport, vxlan.family), vxlan)
        if first is not vxlan:
            _report_twin(vxlan, first, site, report)
        if vxlan.dev is not None and (vxlan.dev not in site.interfaces or vxlan.dev == vxlan.name):
            report_device(vxlan.dev, (*vxlan.path, "dev"), site, report)
        _check_endpoints(vxlan, site, owned, report)
        _check_entries(vxlan, report)
        _check_room(vxlan, site, report)


def _report_twin(vxlan: Vxlan, first: Vxlan, site: Site, report: FirstFindings) -> None:
    report.error(
        "duplicate-vxlan",
        (*vxlan.path, "id"),
        f"there are two VXLAN devices with the id {vxlan.id} and the port {vxlan.dstport} {whereabouts(site.name)}",
        help="give one of them another `id`",
        see=(*first.path, "id"),
        see_note=f"that of `{first.name}` is at",
    )


def _check_endpoints(vxlan: Vxlan, site: Site, owned: Owned, report: FirstFindings) -> None:
    places = {"local": vxlan.local, "remote": vxlan.remote, "group": vxlan.group}
    told = [((*vxlan.path, key), text) for key, text in places.items() if text]
    told += [((*entry.path, "dst"), entry.dst) for entry in vxlan.fdb]
    for path, text in told[1:]:
        if (":" in text) != (":" in told[0][1]):
            report.error(
                "vxlan-endpoint",
                path,
                f"`{text}` and `{told[0][1]}` are not of one family",
                help="the packets of a VXLAN device are IPv4 or IPv6, not both",
                see=told[0][0],
                see_note="that is at",
            )
    if vxlan.local and parse_address(vxlan.local) not in owned and not site.is_open:
        report.error(
            "vxlan-endpoint",
            (*vxlan.path, "local"),
            f"nobody {whereabouts(site.name)} has the address `{vxlan.local}`",
            help="`local` is an address of the namespace, the one by which others reach it",
        )


def _check_entries(vxlan: Vxlan, report: FirstFindings) -> None:
    """Check that the kernel can have all entries side by side."""
    told = [(f"all other frames to `{vxlan.remote}`", (*vxlan.path, "remote"))] if vxlan.remote else []
    for entry in vxlan.fdb:
        told.append((f"`{entry.lladdr}`" if entry.lladdr else f"all other frames to `{entry.dst}`", entry.path))
    told += [(f"`{neighbour.address}`", neighbour.path) for neighbour in vxlan.neighbours]
    seen: dict[str, Path] = {}
    for what, path in told:
        if what in seen:
            report.error(
                "duplicate-entry",
                path,
                f"`{vxlan.name}` has two entries for {what}",
                help="keep one of the two",
                see=seen[what],
                see_note="the other one is at",
            )
        seen.setdefault(what, path)


def _check_room(vxlan: Vxlan, site: Site, report: FirstFindings) -> None:
    underlay = find_underlay(vxlan, site.interfaces.values())
    most = room(vxlan, underlay)
    if underlay is None or most is None:
        return
    if vxlan.mtu is None:
        check_ipv6_mtu(vxlan, most, f"what VXLAN leaves of the MTU of `{underlay.name}`", report)
    elif vxlan.mtu > most:
        report.error(
            "device-mtu",
            (*vxlan.path, "mtu"),
            f"`{vxlan.name}` has an MTU of {vxlan.mtu}, but VXLAN leaves {most} of that of `{underlay.name}`",
            help=f"write `mtu = {most}` or less, or leave it out",
            see=underlay.path,
            see_note=f"`{underlay.name}` is defined at",
        )
