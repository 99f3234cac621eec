"""What Kubernetes asks of a network, where the topology says which namespaces are nodes and which are pods.

Each requirement has the probes that show it; the last one has none of its own, it is about those of all.  Whether a
topology meets a requirement is known beforehand: verify.sh tells what fails as expected from what fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from k8snet_scripts.reach.probes import Probe
from k8snet_scripts.topology import Topology

_PODS = "Kubernetes 1: all pods reach all pods without NAT"
_NODES = "Kubernetes 2: all nodes reach all pods, and all pods reach all nodes, without NAT"
_SELVES = "Kubernetes 3: the address that each has itself is the one that others see"

NOBODY: Mapping[str, str] = {}


class Requirement(NamedTuple):
    """A requirement, whether the topology meets it, and the probes that show it."""

    title: str
    is_met: bool
    probes: tuple[Probe, ...]


def sort_probes(
    topology: Topology, probes: Sequence[Probe], elsewhere: Mapping[str, str] = NOBODY
) -> tuple[tuple[Probe, ...], tuple[Requirement, ...]]:
    """The probes that no requirement is about, and the requirements; there are none without a pod.

    `elsewhere` has the roles of those who are tried and are not in the topology.
    """
    roles = {namespace.name: namespace.role for namespace in topology.everywhere()} | dict(elsewhere)
    if "pod" not in roles.values():
        return tuple(probes), ()
    sorts: dict[tuple[str, ...], list[Probe]] = {("pod", "pod"): [], ("node", "pod"): [], (): []}
    for probe in probes:
        sort = tuple(sorted((roles[probe.source], roles[probe.target])))
        sorts[sort if sort in sorts else ()].append(probe)
    pods, nodes, rest = map(tuple, sorts.values())
    requirements = (
        Requirement(_PODS, all(map(_is_plain, pods)), pods),
        Requirement(_NODES, all(map(_is_plain, nodes)), nodes),
        Requirement(_SELVES, not any(probe.is_altered for probe in (*pods, *nodes)), ()),
    )
    return rest, requirements


def _is_plain(probe: Probe) -> bool:
    return probe.expected and not probe.is_altered
