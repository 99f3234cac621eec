"""Segments: what the interfaces of one broadcast domain must agree on, and what only one of them may have."""

from __future__ import annotations

from collections.abc import Mapping

from k8snet_scripts.addresses import DEFAULT_MTU, format_address
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.segments import Segment, find_loops, find_segments
from k8snet_scripts.check.sites import Placed, Site
from k8snet_scripts.topology import Bridge, End, Interface, Topology, Veth, Vxlan
from k8snet_scripts.underlay import find_underlay, room


def check_segments(topology: Topology, sites: Mapping[str, Site], report: FirstFindings) -> None:
    """Check the veths by themselves, then every segment."""
    unequal = [
        veth for veth in topology.veths if veth.inner.mtu != veth.outer.mtu and _mtu(veth.inner) != _mtu(veth.outer)
    ]
    for veth in unequal:
        _report_mtu(Placed(veth.outer.namespace, veth.outer), Placed(veth.inner.namespace, veth.inner), report)
    for veth in find_loops(topology, sites):
        _report_loop(veth, report)
    known = {id(end) for veth in unequal for end in (veth.inner, veth.outer)}
    for segment in find_segments(topology, sites):
        addressed = [placed for placed in segment if placed.interface.addresses]
        _check_addresses(addressed, report)
        _check_lladdrs([placed for placed in segment if placed.interface.lladdr], report)
        _check_mtus([placed for placed in addressed if id(placed.interface) not in known], report)
        for placed in segment:
            if isinstance(placed.interface, Vxlan):
                _check_tunnel(placed.interface, sites[placed.namespace], addressed, report)


def _mtu(interface: Interface) -> int | None:
    """The MTU that an interface will have; None when its ports decide, or others."""
    return interface.mtu or (DEFAULT_MTU if isinstance(interface, End) else None)


def _check_addresses(segment: Segment, report: FirstFindings) -> None:
    seen: dict[tuple[int, int], tuple[Placed, int]] = {}
    for placed in segment:
        for index, (family, value, _) in enumerate(placed.interface.addresses):
            first, first_index = seen.setdefault((family, value), (placed, index))
            if first.namespace != placed.namespace:
                report.error(
                    "duplicate-address",
                    (*placed.interface.path, "addresses", index),
                    f"`{format_address(family, value)}` is there twice on one segment: {first} and {placed}",
                    help="change one of the two",
                    see=(*first.interface.path, "addresses", first_index),
                    see_note="the other one is at",
                )


def _check_lladdrs(segment: Segment, report: FirstFindings) -> None:
    seen: dict[str, Placed] = {}
    for placed in segment:
        lladdr = placed.interface.lladdr or ""
        first = seen.setdefault(lladdr.lower(), placed)
        if first is not placed and not _is_port_of(first, placed) and not _is_port_of(placed, first):
            report.error(
                "duplicate-lladdr",
                (*placed.interface.path, "lladdr"),
                f"`{lladdr}` is there twice on one segment: {first} and {placed}",
                help="change or remove one of the two",
                see=(*first.interface.path, "lladdr"),
                see_note="the other one is at",
            )


def _is_port_of(placed: Placed, other: Placed) -> bool:
    """Whether `other` is the bridge of `placed`: a bridge may well have the link-layer address of one of its ports."""
    port = placed.interface.port
    return (
        port is not None
        and isinstance(other.interface, Bridge)
        and (port.bridge, placed.namespace) == (other.interface.name, other.namespace)
    )


def _check_mtus(segment: Segment, report: FirstFindings) -> None:
    """Check that whoever has an address has the same MTU: a bridge drops a packet that is too big, and tells nobody."""
    first = None
    for placed in segment:
        mtu = _mtu(placed.interface)
        if mtu is not None:
            first = first or placed
            if mtu != _mtu(first.interface):
                _report_mtu(placed, first, report)


def _check_tunnel(vxlan: Vxlan, site: Site, addressed: Segment, report: FirstFindings) -> None:
    """Check that what is sent on a segment gets through a VXLAN device that is a port there."""
    most = vxlan.mtu or room(vxlan, find_underlay(vxlan, site.interfaces.values()))
    for placed in addressed:
        mtu = _mtu(placed.interface)
        if most and mtu and mtu > most:
            report.error(
                "mtu-mismatch",
                (*placed.interface.path, "mtu"),
                f"{placed} has an MTU of {mtu}, but {Placed(site.name, vxlan)} lets {most} through",
                help=f"write `mtu = {most}` or less",
                see=vxlan.path,
                see_note="that is at",
            )


def _report_mtu(placed: Placed, other: Placed, report: FirstFindings) -> None:
    mtu = _mtu(other.interface)
    report.error(
        "mtu-mismatch",
        (*placed.interface.path, "mtu"),
        f"{placed} has an MTU of {_mtu(placed.interface)}, {other} has {mtu}",
        help=f"write `mtu = {mtu}`, or change the other one",
        see=(*other.interface.path, "mtu"),
        see_note="that is at",
    )


def _report_loop(veth: Veth, report: FirstFindings) -> None:
    names = list(dict.fromkeys(end.port.bridge for end in (veth.inner, veth.outer) if end.port))
    bridges = " and ".join(f"`{name}`" for name in names)
    report.error(
        "bridge-loop",
        veth.outer.port.path if veth.outer.port else veth.path,
        f"the veth `{veth.inner.name}` closes a loop through {bridges}: broadcasts would never end",
        help=f"remove it, or add `stp = true` to {' or '.join(f'`{name}`' for name in names)}",
    )
