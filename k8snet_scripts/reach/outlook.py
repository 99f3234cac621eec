"""The outlook of a node: probes from it, and from its pods, to a few of the other nodes of its cluster and their pods.

What must be reached follows from the cluster as a whole, of which as much is looked at as the probes are about.  What
must not be reached is not tried: beyond its interface a machine is on networks that the cluster does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from k8snet_scripts.cluster.cluster import Cluster, Node
from k8snet_scripts.cluster.wiring import wire_cluster
from k8snet_scripts.reach.fabric import Verdict, predict
from k8snet_scripts.reach.probes import Probe
from k8snet_scripts.topology import HOST, Topology

_FEW = 4
"""How many of the other nodes are tried."""


class Outlook(NamedTuple):
    """The probes, what those who are tried are to Kubernetes, and a clause that says what the probes cover."""

    probes: tuple[Probe, ...]
    roles: dict[str, str]
    coverage: str


NO_OUTLOOK = Outlook((), {}, "")


def look_out(cluster: Cluster, node: Node) -> Outlook:
    """The outlook of a node, with probes from the host that it is."""
    others = [replace(other, pods=min(other.pods, 1)) for other in _choose(cluster, node)]
    own = replace(node, pods=min(node.pods, _FEW))
    probes = tuple(_make_probes(wire_cluster(replace(cluster, nodes=(own, *others))), own, others))
    roles = {name: role for other in others for name, role in ((other.name, "node"), (f"{other.name}-pod1", "pod"))}
    words = f"from here to {len(others)} of the {len(cluster.nodes) - 1} other nodes and a pod of each"
    return Outlook(probes, roles, words) if probes else NO_OUTLOOK


def _make_probes(topology: Topology, own: Node, others: list[Node]) -> Iterator[Probe]:
    """Those that must get through.  By which address the other side sees the sender is to be seen there only."""
    fabric = predict(topology)
    addresses = {end.namespace: end.addresses for end in topology.ends() if end.addresses}
    for source, target in _pairs(own, others):
        for address in addresses.get(target, ()):
            answer = fabric.follow(source, address.family, address.value)
            if answer.verdict is Verdict.REACHES and answer.landing == target:
                home = HOST if source == own.name else source
                altered = answer.seen != answer.own
                yield Probe(home, target, address.address, address.family, True, answer.why, is_altered=altered)


def _choose(cluster: Cluster, node: Node) -> list[Node]:
    """The nodes after and before this one, and some far away; all if they are few."""
    count = len(cluster.nodes)
    here = cluster.nodes.index(node)
    ways = range(1, count) if count <= _FEW + 1 else (1, count // 3, count // 2, count - 1)
    return [cluster.nodes[(here + way) % count] for way in ways]


def _pairs(own: Node, others: list[Node]) -> Iterator[tuple[str, str]]:
    """Who tries whom: the node every pod, and a pod of its own every node and every pod."""
    for number, other in enumerate(others):
        sources = [own.name, *([f"{own.name}-pod{number % own.pods + 1}"] if own.pods else [])]
        for source in sources:
            if source != own.name:
                yield source, other.name
            if other.pods:
                yield source, f"{other.name}-pod1"
