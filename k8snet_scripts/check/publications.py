"""What is asked of one end of a veth at the other one: that ports lead to it, and that frames come from it only."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr, parse_address
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.settings import is_forwarding
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.filtering import UNSPECIFIED, Publication
from k8snet_scripts.topology import End, Interface, Namespace, Port, Topology

Taken = dict[tuple[str, str, int], list[tuple[Publication, End]]]
"""The published ports so far, by the namespace whose they are, protocol and number, with the end that each leads to."""


def check_publications(topology: Topology, sites: dict[str, Site], report: FirstFindings) -> None:
    """Check the published ports of a topology, and the ports of bridges that take in frames of one sender only."""
    taken: Taken = {}
    for veth in topology.veths:
        for end, peer in ((veth.inner, veth.outer), (veth.outer, veth.inner)):
            if peer.port and peer.port.only_from:
                _check_sender(end, peer, peer.port, report)
            site = sites.get(peer.namespace)
            if site is not None:
                for publication in end.publications:
                    _check_way(publication, end, site, report)
                    _check_place(publication, end, site, taken, report)


def _check_sender(end: End, peer: End, port: Port, report: FirstFindings) -> None:
    """Check that the only link-layer address that a port takes in frames from is that of the interface behind it."""
    if end.lladdr != port.only_from or end.port:
        message = f"`{peer.name}` drops what does not come from `{port.only_from}`, which is not the address behind it"
        help = f"give `{end.name}` that link-layer address, and no bridge"
        report.error("conflicting-keys", port.path, message, help=help)


def _check_way(publication: Publication, end: End, site: Site, report: FirstFindings) -> None:
    """Check that the end can be reached from where the port is."""
    family = parse_address(publication.address)[0] if publication.address else None
    targets = [address for address in end.addresses if family in (None, address.family)]
    port = f"port {publication.port}"
    if not targets:
        ip = f"IPv{family} address" if family else "address"
        message, help = f"{port} leads to `{end.name}`, which has no {ip}", "give it one, or leave the port out"
        report.error("port-without-target", publication.path, message, help=help)
    for target in targets:
        if not site.is_open and not any(known.contains(*target[:2]) for known in _known_networks(site)):
            message = f"{port} leads to `{target.address}`, and {whereabouts(site.name)} nothing leads there"
            help = f"give the bridge or the peer {whereabouts(site.name)} an address in `{target.network}`"
            report.error("port-without-target", publication.path, message, help=help)
        elif is_forwarding(site, target.family) is False:
            message = f"{port} {whereabouts(site.name)} leads to others, and nothing is forwarded there"
            help = f"add `forwarding = true` to `{site.name}`"
            report.error("port-without-forwarding", publication.path, message, help=help)


def _known_networks(site: Site) -> list[Cidr]:
    """The networks of a namespace, and what its routes lead to."""
    holders: tuple[Namespace | Interface, ...] = (site.namespace, *site.interfaces.values())
    found = [address.network for holder in holders for address in holder.addresses]
    return found + [route.to or Cidr(route.family, 0, 0) for holder in holders for route in holder.routes]


def _check_place(publication: Publication, end: End, site: Site, taken: Taken, report: FirstFindings) -> None:
    """Check that no port that comes first covers this one; where conditions are in play, both may be of use."""
    others = taken.setdefault((site.name, publication.protocol, publication.port), [])
    for other, there in others:
        if not other.conditions and _covers(other, there, publication, end):
            whose = f"`{there.name}` {whereabouts(there.namespace)}"
            report.error(
                "duplicate-port",
                publication.path,
                f"port {publication.port}/{publication.protocol} {whereabouts(site.name)} leads to {whose} already",
                help="take another port, or open each on an address of its own",
                see=other.path if other.path != publication.path else None,
                see_note="the other one is at",
            )
            return
    others.append((publication, end))


def _covers(one: Publication, there: End, other: Publication, end: End) -> bool:
    """Whether all that is sent to the second port is taken by the first one."""
    wanted = _families(other, end)
    if one.address is None or one.address in UNSPECIFIED:
        return bool(wanted) and wanted <= _families(one, there)
    return one.address == other.address


def _families(publication: Publication, end: End) -> set[int]:
    has = {address.family for address in end.addresses}
    return has if publication.address is None else has & {parse_address(publication.address)[0]}
