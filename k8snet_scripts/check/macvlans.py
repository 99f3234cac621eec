"""Macvlans: that their parents are there, can carry them, and leave them room."""

from __future__ import annotations

from collections.abc import Mapping

from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.ports import check_ipv6_mtu
from k8snet_scripts.check.routes import report_device
from k8snet_scripts.check.sites import Placed, Site, report_unknown
from k8snet_scripts.topology import HOST, Bridge, Ifb, Interface, Macvlan, Vxlan


def check_macvlans(sites: Mapping[str, Site], report: FirstFindings) -> None:
    """Check every macvlan, then which of them have a parent in common."""
    children: dict[tuple[str, str], list[Placed]] = {}
    for site in sites.values():
        for macvlan in site.namespace.macvlans:
            if macvlan.mode == "passthru" and macvlan.lladdr is not None:
                help = "leave out `lladdr`: it has that of its parent, which would change as well"
                message = f"`{macvlan.name}` cannot have a link-layer address of its own in the mode `passthru`"
                report.error("conflicting-keys", (*macvlan.path, "lladdr"), message, help=help)
            if macvlan.port is not None:
                message, help = f"`{macvlan.name}` is a macvlan, which is no port of a bridge", "use a veth"
                report.error("conflicting-keys", (*macvlan.path, "bridge"), message, help=help)
            home = sites.get(macvlan.parent_namespace or site.name)
            if home is None:
                report_unknown(macvlan.parent_namespace or "", (*macvlan.path, "parent", "namespace"), sites, report)
                continue
            parent = home.interfaces.get(macvlan.parent)
            if parent is None or parent is macvlan:
                report_device(macvlan.parent, (*macvlan.path, "parent"), home, report)
                continue
            _check_parent(macvlan, Placed(site.name, macvlan), Placed(home.name, parent), report)
            _check_mtu(macvlan, parent, report)
            children.setdefault((home.name, parent.name), []).append(Placed(site.name, macvlan))
    for several in children.values():
        _check_alone(several, report)


def _check_parent(macvlan: Macvlan, placed: Placed, parent: Placed, report: FirstFindings) -> None:
    """Check that the kernel can put a macvlan on an interface, and will find it there at that moment."""
    interface = parent.interface
    if placed.namespace == HOST != parent.namespace:
        flaw = "is not on the host, and nothing can be sent there by name"
        help = "make the macvlan where its parent is, or give the host a veth"
    elif interface.port:
        flaw = f"is a port of `{interface.port.bridge}`, and hands all that arrives to it"
        help = "give the namespace a veth to that bridge instead"
    elif isinstance(interface, Bridge) and not interface.external:
        flaw, help = "is a bridge", "give the namespace a veth to it instead"
    elif isinstance(interface, Macvlan):
        flaw, help = "is a macvlan itself", f"name its parent, `{interface.parent}`"
    elif isinstance(interface, Ifb):
        flaw, help = "is an ifb", f"name the interface that it is for, `{interface.source}`"
    elif isinstance(interface, Vxlan):
        flaw, help = "is a VXLAN device", "give the namespace a veth to a bridge that has it for a port"
    else:
        return
    report.error(
        "macvlan-parent",
        (*macvlan.path, "parent"),
        f"{parent} cannot be the parent of `{macvlan.name}`: it {flaw}",
        help=help,
        see=interface.path,
        see_note="it is defined at",
    )


def _check_mtu(macvlan: Macvlan, parent: Interface, report: FirstFindings) -> None:
    if parent.external:
        return
    if macvlan.mtu is None:
        if parent.mtu is not None:
            check_ipv6_mtu(macvlan, parent.mtu, f"the MTU of `{parent.name}`", report)
    elif parent.mtu is None or macvlan.mtu > parent.mtu:
        has = f"that has {parent.mtu}" if parent.mtu else "whose MTU is not said"
        report.error(
            "device-mtu",
            (*macvlan.path, "mtu"),
            f"`{macvlan.name}` has an MTU of {macvlan.mtu}, but is on `{parent.name}`, {has}",
            help=f"write `mtu = {macvlan.mtu}` there as well, or leave it out here",
            see=parent.path,
            see_note=f"`{parent.name}` is defined at",
        )


def _check_alone(placed: list[Placed], report: FirstFindings) -> None:
    """Check that a macvlan which gets all that its parent has is the only one there."""
    modes = [item.interface.mode for item in placed if isinstance(item.interface, Macvlan)]
    if len(placed) > 1 and "passthru" in modes:
        passed = placed[modes.index("passthru")]
        other = next(item for item in placed if item is not passed)
        report.error(
            "macvlan-parent",
            (*passed.interface.path, "mode"),
            f"{passed} takes all of its parent in the mode `passthru`, and {other} is there as well",
            help="write another mode, or remove one of the two",
            see=other.interface.path,
            see_note="the other one is at",
        )
