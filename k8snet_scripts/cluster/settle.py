"""Settling a cluster: what each node has not been given by hand is taken in order from the networks of the cluster.

Pod CIDRs are cut from the cluster's as kube-controller-manager cuts them: the first node has the first part.  On an
underlay that is one segment the first address is the way out's, and the nodes have the next ones.  Behind a router
each node has a segment of its own with room for two; the first such segment is the way out's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from k8snet_scripts.addresses import LEAST_IPV6_MTU, WIDTH, Cidr
from k8snet_scripts.cluster.cluster import Cluster, Node, Request, Said
from k8snet_scripts.cluster.division import divide, last, ordinary, pick, widen
from k8snet_scripts.cluster.vxlan import pod_mtu
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Path
from k8snet_scripts.rules.options import LOWEST_MTU

MOST_BITS = 16
"""How many bits longer the pod CIDR of a node may be than the cluster's: kube-controller-manager allows no more."""

_UNUSED = 3
"""How many addresses of a network are nobody's: its own, the gateway's and the broadcast address."""

_PAIR = {4: 30, 6: 126}
"""The prefix length of a segment with room for a router and a node."""

_Own = dict[str, Cidr]
"""By the names of nodes."""


def settle_cluster(request: Request, report: Report) -> Cluster:
    """The cluster that a request asks for; what cannot be goes to the report, and the cluster is of no use then."""
    pods: list[_Own] = []
    segments: list[_Own] = []
    exits = []
    for underlay in request.underlay:
        _settle_apart(underlay, request, report)
        settle = _settle_segments if request.fabric == "router" else _settle_addresses
        segments.append(settle(request, underlay, report))
        exits.append(_exit(request, underlay.cidr))
    for pod_cidr in request.pod_cidrs:
        pods.append(_settle_pod_cidrs(request, pod_cidr, report))
    nodes = [
        Node(
            node.name,
            node.pods,
            addresses=tuple([own[node.name] for own in segments]),
            gateways=tuple(
                [_gateway(request, own[node.name], exit) for own, exit in zip(segments, exits, strict=True)]
            ),
            pod_cidrs=tuple([own[node.name] for own in pods]),
            interface=node.interface,
            path=node.path,
        )
        for node in request.nodes
        if report.ok
    ]
    return Cluster(
        request.name,
        tuple(nodes),
        tuple([said.cidr for said in request.pod_cidrs]),
        tuple([said.cidr for said in request.underlay]),
        tuple(exits),
        request.fabric,
        request.mtu,
        _pod_mtu(request, report),
        request.masquerade,
        request.description,
        request.path,
    )


def _settle_apart(underlay: Said, request: Request, report: Report) -> None:
    for pod_cidr in request.pod_cidrs:
        if pod_cidr.cidr.overlaps(underlay.cidr):
            message = f"the underlay `{underlay.cidr}` and the network of the pods `{pod_cidr.cidr}` overlap"
            report.error("overlapping-subnets", underlay.path, message, help="take them from different networks")


def _exit(request: Request, underlay: Cidr) -> Cidr:
    """The address of the host, which is the way out of the cluster."""
    return pick(_first_segment(underlay) if request.fabric == "router" else underlay, 0)


def _first_segment(underlay: Cidr) -> Cidr:
    return Cidr(underlay.family, underlay.value, max(underlay.prefix, _PAIR[underlay.family]))


def _gateway(request: Request, own: Cidr, exit: Cidr) -> Cidr:
    """Whom a node sends to what it knows no other way to: its neighbour behind a router, else the way out."""
    if request.fabric != "router":
        return exit
    first, second = pick(own.network, 0), pick(own.network, 1)
    return second if own == first else first


def _pod_mtu(request: Request, report: Report) -> int | None:
    if request.fabric != "vxlan":
        return request.mtu
    families = [said.cidr.family for said in request.pod_cidrs]
    mtu, least = pod_mtu(request.mtu, families), LEAST_IPV6_MTU if 6 in families else LOWEST_MTU
    if mtu < least:
        slug = "ipv6-mtu" if 6 in families else "bad-mtu"
        message = f"VXLAN leaves {mtu} of `{request.mtu}`, and the pods need {least}"
        help = f"write `mtu = {(request.mtu or 0) + least - mtu}` or more"
        report.error(slug, (*request.path, "mtu"), message, help=help)
    return mtu


# Addresses


def _settle_addresses(request: Request, underlay: Said, report: Report) -> _Own:
    """The addresses of the nodes on one segment."""
    network = underlay.cidr
    width, (family, value, prefix) = WIDTH[network.family], network
    reserved = {value: "the network itself", value + 1: "where the way out of the cluster is"}
    if family == 4 and prefix <= width - 2:
        reserved[last(network)] = "its broadcast address"
    taken: dict[Cidr, Said] = {}
    wishes = _wishes(family, ((node.name, node.addresses) for node in request.nodes))
    for said in wishes.values():
        if not network.contains(family, said.cidr.value):
            _refuse(report, said.path, f"`{said.cidr.address}` is not in the underlay `{network}`", underlay.path)
        elif said.cidr.value in reserved:
            what = reserved[said.cidr.value]
            _refuse(report, said.path, f"`{said.cidr.address}` in the underlay `{network}` is {what}", underlay.path)
        elif said.cidr in taken:
            message = f"`{said.cidr.address}` is the address of another node already"
            see = taken[said.cidr].path
            report.error("duplicate-address", said.path, message, see=see, see_note="it is also at")
        taken.setdefault(said.cidr, said)
    free = divide(network, width, [*taken, *(Cidr(family, own, width) for own in reserved)])
    given = _give(request, wishes, underlay, width, free, report, "an address for each of the {} nodes")
    return {name: Cidr(family, own.value, prefix) for name, own in given}


def _settle_segments(request: Request, underlay: Said, report: Report) -> _Own:
    """The addresses of the nodes on segments of their own: the first one on each is the router's."""
    network = underlay.cidr
    family = network.family
    if network.prefix > _PAIR[family]:
        message = f"`{network}` has no room for the segments of a router"
        wanted = widen(network, _PAIR[family], len(request.nodes) + 1)
        report.error("network-exhausted", underlay.path, message, help=f"write `{wanted}`, say")
        return {}
    taken = {_first_segment(network): underlay}
    wishes = _wishes(family, ((node.name, node.addresses) for node in request.nodes))
    for said in wishes.values():
        segment = said.cidr.network
        if segment.prefix < network.prefix or not network.contains(family, segment.value):
            _refuse(
                report, said.path, f"the segment of `{said.cidr}` is not in the underlay `{network}`", underlay.path
            )
        elif segment.prefix > WIDTH[family] - 1:
            _refuse(report, said.path, f"the segment of `{said.cidr}` has no room for a router")
        else:
            _refuse_overlap(report, said, segment, taken)
        taken.setdefault(segment, said)
    free = (pick(segment, 1) for segment in divide(network, _PAIR[family], taken))
    return dict(_give(request, wishes, underlay, _PAIR[family], free, report, "a segment for each of the {} nodes"))


# Pod CIDRs


def _settle_pod_cidrs(request: Request, whole: Said, report: Report) -> _Own:
    """The pod CIDRs of the nodes in one family."""
    network = whole.cidr
    family, prefix = network.family, request.node_prefixes[network.family]
    taken: dict[Cidr, Said] = {}
    wishes = _wishes(family, ((node.name, node.pod_cidrs) for node in request.nodes))
    for said in wishes.values():
        if said.cidr.prefix < network.prefix or not network.contains(family, said.cidr.value):
            _refuse(report, said.path, f"`{said.cidr}` is not in the network of the pods `{network}`", whole.path)
        else:
            _refuse_overlap(report, said, said.cidr, taken)
        taken.setdefault(said.cidr, said)
    if not network.prefix <= prefix <= network.prefix + MOST_BITS and len(taken) < len(request.nodes):
        message = f"the CIDR of a node, /{prefix}, is not a part of `{network}` at most {MOST_BITS} bits longer"
        wanted = min(max(prefix, network.prefix), network.prefix + MOST_BITS)
        help = f"write `node_cidr_mask_size_ipv{family} = {wanted}`, or another network"
        report.error("bad-node-cidr", whole.path, message, help=help)
        return {}
    free = divide(network, prefix, taken)
    given = dict(_give(request, wishes, whole, prefix, free, report, f"a part of /{prefix} for each of the {{}} nodes"))
    for node in request.nodes:
        cidr = given.get(node.name)
        if cidr and len(ordinary(cidr)[: node.pods + 1]) <= node.pods:
            enough = widen(cidr, WIDTH[family], node.pods + _UNUSED)
            wish = wishes.get(node.name)
            path, key = (wish.path, "pod_cidr") if wish else (whole.path, f"node_cidr_mask_size_ipv{family}")
            value = f'"{enough}"' if wish else enough.prefix
            message = f"`{cidr}` has no room for a gateway and the {node.pods} pods of `{node.name}`"
            report.error("network-exhausted", path, message, help=f"write `{key} = {value}`, or fewer pods")
            break
    return given


# What both have in common


def _wishes(family: int, said: Iterable[tuple[str, Sequence[Said]]]) -> dict[str, Said]:
    """What was said of nodes, by their names, in one family."""
    return {name: one for name, several in said for one in several if one.cidr.family == family}


def _give(
    request: Request,
    wishes: dict[str, Said],
    whole: Said,
    prefix: int,
    free: Iterator[Cidr],
    report: Report,
    what: str,
) -> Iterator[tuple[str, Cidr]]:
    """Each node with what was said of it, or else the next that is free of the parts with a prefix length."""
    for node in request.nodes:
        wish = wishes.get(node.name)
        own = wish.cidr if wish else next(free, None)
        if own is None:
            message = f"`{whole.cidr}` does not have {what.format(len(request.nodes))}"
            wanted = widen(whole.cidr, prefix, len(request.nodes) + _UNUSED)
            report.error("network-exhausted", whole.path, message, help=f"write `{wanted}`, say, or fewer nodes")
            return
        yield node.name, own


def _refuse_overlap(report: Report, said: Said, own: Cidr, taken: dict[Cidr, Said]) -> None:
    """That two networks share addresses."""
    other = next((known for known in taken if known.overlaps(own)), None)
    if other is not None:
        message = f"`{own}` overlaps `{other}`, which is taken"
        see = taken[other].path
        report.error("overlapping-subnets", said.path, message, help="write another one", see=see, see_note="see")


def _refuse(report: Report, path: Path, message: str, see: Path | None = None) -> None:
    note = "the network is at" if see else ""
    report.error("bad-address", path, message, help="write another one", see=see, see_note=note)
