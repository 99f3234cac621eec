"""Addresses of one namespace: each can be an interface's, is there once, and no two networks contend for a packet."""

from __future__ import annotations

from typing import NamedTuple

from k8snet_scripts.addresses import Cidr, is_link_local
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.ports import check_ipv6_mtu
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.filtering import Path
from k8snet_scripts.rules.literals import read_interface_address, read_loopback_address
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.topology import Interface, Namespace

Owned = dict[tuple[int, int], "Holding"]
"""The addresses of a namespace by family and value."""

LOOPBACK = "lo"

_UNUSABLE = (0, *range(240, 256))  # first bytes


class Holding(NamedTuple):
    """An address, the name of the interface that has it, and where it is written: item `number` at `owner`."""

    address: Cidr
    device: str
    owner: Interface | Namespace
    item: int

    @property
    def path(self) -> Path:
        return (*self.owner.path, "addresses", self.item)


def check_addresses(site: Site, report: FirstFindings) -> Owned:
    """Check the addresses of one namespace, and give them back for the check of its routes."""
    owned: Owned = {}
    if site.namespace.addresses:
        _take(site.namespace, LOOPBACK, owned, site, report)
    for name, interface in site.interfaces.items():
        if interface.addresses:
            _take(interface, name, owned, site, report)
        if interface.mtu is not None:
            check_ipv6_mtu(interface, interface.mtu, "its `mtu`", report)
    if len(owned) > 1:
        _check_overlaps(owned, report)
    return owned


def _take(owner: Interface | Namespace, device: str, owned: Owned, site: Site, report: FirstFindings) -> None:
    """Check the addresses of one interface, and put them to those of the others in its namespace."""
    for index, address in enumerate(owner.addresses):
        holding = Holding(address, device, owner, index)
        family, value, prefix = address
        if not is_plain(family, value, prefix) and (flaw := _find_flaw(address, device)):
            report.error(flaw.slug, holding.path, flaw.message, help=flaw.help)
        first = owned.setdefault((family, value), holding)
        if first is not holding and not _may_share(first, holding):
            report.error(
                "duplicate-address",
                holding.path,
                f"`{address.address}` is there twice {whereabouts(site.name)}",
                help="leave one out" if first.device == device else "give each interface an address of its own",
                see=first.path,
                see_note=f"`{first.device}` has it at",
            )


def _find_flaw(address: Cidr, device: str) -> Refused | None:
    """Why no interface of that name can have an address, or None."""
    try:
        (read_loopback_address if device == LOOPBACK else read_interface_address)(str(address))
    except Refused as refused:
        return refused
    first = address.value >> 24
    if address.family == 4 and first in _UNUSABLE:
        block = "0.0.0.0/8, which means this network" if first == 0 else "240.0.0.0/4, which is reserved"
        help = "private networks are 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16"
        return Refused("unusable-address", f"`{address}` is in {block}", help)
    return None


def is_plain(family: int, value: int, prefix: int) -> bool:
    """Whether an address is one that a neighbour in its network can have, with nothing special about it."""
    if family == 6:
        return value >> 120 != 0xFF and value > 1 and (prefix > 126 or value & ((1 << (128 - prefix)) - 1) != 0)
    first, hosts = value >> 24, (1 << (32 - prefix)) - 1
    return 0 < first < 224 and first != 127 and (hosts < 2 or 0 < value & hosts < hosts)


def _may_share(first: Holding, second: Holding) -> bool:
    """Whether two interfaces can have one address: link-local, or on unnumbered links, with no network to it."""
    if first.device == second.device:
        return False
    link_local = is_link_local(*first.address[:2])
    return link_local or (first.address.is_host and second.address.is_host)


def _check_overlaps(owned: Owned, report: FirstFindings) -> None:
    """Check that networks on different interfaces are disjoint.

    Sorted, a network comes after those it lies in, so the last one that has not ended is the one to look at.
    """
    networks = [
        (holding.address.network, order, holding)
        for order, holding in enumerate(owned.values())
        if holding.device != LOOPBACK and not holding.address.is_host and not is_link_local(*holding.address[:2])
    ]
    if len(networks) < 2:
        return
    around: list[tuple[Cidr, int, Holding]] = []
    for entry in sorted(networks):
        while around and not around[-1][0].overlaps(entry[0]):
            around.pop()
        if not around:
            around.append(entry)
        elif around[-1][2].device != entry[2].device:
            first, second = sorted((around[-1], entry), key=lambda item: item[1])
            _report_overlap(first[2], second[2], report)
            around.append(entry)


def _report_overlap(first: Holding, second: Holding, report: FirstFindings) -> None:
    one, other = first.address.network, second.address.network
    relation = "is also" if one == other else "overlaps"
    report.error(
        "overlapping-subnets",
        second.path,
        f"`{other}` on `{second.device}` {relation} {'' if one == other else f'`{one}` '}on `{first.device}`",
        help="give each interface a network of its own",
        see=first.path,
        see_note=f"the address of `{first.device}` is at",
    )
