"""What Kubernetes asks of a network: which probes show it, and what the model knows of the outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest
from loading import load

from k8snet_scripts.reach.probes import choose_probes
from k8snet_scripts.reach.requirements import sort_probes
from k8snet_scripts.topology import Topology


def cluster(fabric: str, *more: str) -> Topology:
    return load("\n".join(['name = "lab"', "[cluster]", f'fabric = "{fabric}"', *more]))


def test_a_network_without_pods_is_asked_for_nothing() -> None:
    lab = cluster("host-gw", "pods_per_node = 0")
    probes, _ = choose_probes(lab)
    assert sort_probes(lab, probes) == (probes, ())


@pytest.mark.parametrize(
    ("fabric", "masquerade", "met"),
    [
        ("host-gw", "true", [True, True, True]),
        ("vxlan", "false", [True, True, True]),
        ("router", "true", [True, True, True]),
        ("none", "false", [False, False, True]),
        ("none", "true", [False, False, False]),
    ],
)
def test_what_a_fabric_gives(fabric: str, masquerade: str, met: list[bool]) -> None:
    lab = cluster(fabric, f"masquerade = {masquerade}")
    _, requirements = sort_probes(lab, choose_probes(lab)[0])
    assert [requirement.is_met for requirement in requirements] == met


def test_each_probe_stands_in_one_place() -> None:
    lab = cluster("host-gw", "masquerade = true")
    roles = {place.name: place.role for place in lab.everywhere()}
    probes, _ = choose_probes(lab)
    rest, (pods, nodes, selves) = sort_probes(lab, probes)
    assert {*rest, *pods.probes, *nodes.probes} == {*probes} and not selves.probes
    assert len(rest) + len(pods.probes) + len(nodes.probes) == len(probes)
    assert {(roles[probe.source], roles[probe.target]) for probe in pods.probes} == {("pod", "pod")}
    assert {(roles[probe.source], roles[probe.target]) for probe in nodes.probes} == {("pod", "node"), ("node", "pod")}
    assert len(pods.probes) == 6 * 5 and len(nodes.probes) == 3 * 6 + 6 * 3 * 2


def test_one_pod_that_is_masqueraded_is_enough() -> None:
    lab = cluster("host-gw")
    pods, nodes = (requirement.probes for requirement in sort_probes(lab, choose_probes(lab)[0])[1][:2])
    spoilt = replace(pods[0], is_altered=True)
    assert [item.is_met for item in sort_probes(lab, [spoilt, *pods[1:], *nodes])[1]] == [False, True, False]
    blocked = replace(nodes[0], expected=False, seen=None)
    assert [item.is_met for item in sort_probes(lab, [*pods, blocked, *nodes[1:]])[1]] == [True, False, True]
