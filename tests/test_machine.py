"""A node as a machine: what it is made of, what it is like its namespace in the whole cluster, and what it looks out on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from loading import load, refuse, unplaced
from test_cluster import clusters

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cluster.cluster import FABRICS, Cluster, Node
from k8snet_scripts.cluster.machine import wire_machine
from k8snet_scripts.cluster.wiring import wire_cluster
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_cluster
from k8snet_scripts.machines import NoNode, load_machines
from k8snet_scripts.notation.document import write_topology
from k8snet_scripts.reach.outlook import look_out
from k8snet_scripts.scripts import Refused
from k8snet_scripts.topology import HOST, Topology


def settled(**table: object) -> Cluster:
    report = Report()
    cluster = load_cluster({"name": "lab", "cluster": table}, report)
    assert cluster and not report.findings
    return cluster


def machine(cluster: Cluster, node: Node) -> Topology:
    """The topology of a node, which is good."""
    topology, report = wire_machine(cluster, node), Report()
    check_topology(topology, report)
    assert not report.findings
    return topology


def test_the_host_is_the_node() -> None:
    cluster = settled(interface="ens3", nodes={"a": {}, "b": {"interface": "bond0.7", "pods": 1}})
    topology = machine(cluster, cluster.nodes[1])
    (underlay,) = topology.host.interfaces
    assert (underlay.name, underlay.external, underlay.configured) == ("bond0.7", True, True)
    assert [str(own) for own in underlay.addresses] == ["172.18.0.3/16"]
    assert [(str(route.to), route.via, route.dev) for route in underlay.routes] == [
        ("10.244.0.0/24", "172.18.0.2", "bond0.7")
    ]
    assert (topology.host.forwarding, topology.host.role) == (True, "node")
    assert [(veth.inner.namespace, veth.outer.namespace, veth.outer.name) for veth in topology.veths] == [
        ("b-pod1", HOST, "pod1")
    ]
    assert machine(cluster, cluster.nodes[0]).host.interfaces[0].name == "ens3"


def test_behind_a_router_the_way_into_the_cluster_is_by_it_and_the_default_route_is_left_alone() -> None:
    cluster = settled(fabric="router", nodes=2, masquerade=True)
    routes = machine(cluster, cluster.nodes[0]).host.interfaces[0].routes
    assert [(str(route.to), route.via) for route in routes] == [
        ("10.244.0.0/16", "172.18.0.5"),
        ("172.18.0.0/16", "172.18.0.5"),
    ]


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_a_machine_is_its_node_without_walls(table: dict[str, Any]) -> None:
    """The same bridges, devices, settings, pods and routes to pods as the namespace has, whatever the cluster."""
    cluster = settled(**table)
    whole = {place.name: place for place in wire_cluster(cluster).namespaces}
    for node in cluster.nodes:
        topology = machine(cluster, node)
        assert replace(topology.host, name=node.name, interfaces=()) == whole[node.name]
        assert [place for place in topology.namespaces if whole[place.name] != place] == []
        assert not any(route.to is None for interface in topology.host.interfaces for route in interface.routes)


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_a_machine_spelled_out_is_the_same_topology(table: dict[str, Any]) -> None:
    cluster = settled(**table)
    topology = machine(cluster, cluster.nodes[-1])
    assert unplaced(load("\n".join(write_topology(topology)))) == unplaced(topology)


@pytest.mark.parametrize("fabric", FABRICS)
def test_a_node_does_not_depend_on_the_pods_of_others(fabric: str) -> None:
    few, many = (settled(fabric=fabric, nodes={"a": {"pods": 1}, "b": {"pods": pods}}) for pods in (1, 200))
    assert wire_machine(few, few.nodes[0]) == wire_machine(many, many.nodes[0])
    assert look_out(few, few.nodes[0]) == look_out(many, many.nodes[0])


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_every_other_node_and_a_pod_of_it_are_looked_out_on(table: dict[str, Any]) -> None:
    cluster = settled(**table)
    for node in cluster.nodes:
        outlook = look_out(cluster, node)
        own = {HOST, *(f"{node.name}-pod{number}" for number in range(1, node.pods + 1))}
        assert {probe.source for probe in outlook.probes} <= own
        if table["fabric"] == "none":
            continue
        pods = {f"{other.name}-pod1" for other in cluster.nodes if other is not node and other.pods}
        assert {probe.target for probe in outlook.probes if probe.source == HOST} == pods
        targets = {probe.target for probe in outlook.probes if probe.source != HOST}
        assert targets == (
            {*pods, *(other.name for other in cluster.nodes if other is not node)} if node.pods else set()
        )
        assert not any(probe.is_altered for probe in outlook.probes)
        assert {probe.family for probe in outlook.probes} <= {own.family for own in node.pod_cidrs + node.addresses}


def test_of_many_nodes_a_few_are_looked_out_on() -> None:
    cluster = settled(nodes=1000, pods_per_node=30, pod_cidr="10.0.0.0/8")
    outlook = look_out(cluster, cluster.nodes[0])
    assert [target for target in dict.fromkeys(probe.target for probe in outlook.probes) if "-" not in target] == [
        "node2",
        "node334",
        "node501",
        "node1000",
    ]
    assert outlook.coverage == "from here to 4 of the 999 other nodes and a pod of each"


def test_a_file_of_a_cluster_has_machines(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text('name = "lab"\n[cluster]\nnodes = 3\n')
    machines = load_machines(str(file))
    assert [node.name for node in machines.choose([])] == ["node1", "node2", "node3"]
    assert [node.name for node in machines.choose(["node3", "node1"])] == ["node3", "node1"]
    with pytest.raises(NoNode, match="there is no node `nod3` in the cluster") as caught:
        machines.choose(["nod3"])
    assert caught.value.help == "did you mean `node3`?"
    scripts = machines.compile(machines.choose(["node2"])[0])
    assert scripts.body.origin.command == "k8snet compile --node node2 lab.toml"
    assert [requirement.is_met for requirement in scripts.body.requirements] == [True, True, True]


def test_what_has_no_nodes_or_is_wrong_has_no_machines(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text('name = "lab"\n')
    with pytest.raises(NoNode, match="the topology has no nodes"):
        load_machines(str(file))
    file.write_text('name = "lab"\n[cluster]\nnodes = 0\n')
    with pytest.raises(Refused, match="bad-count"):
        load_machines(str(file))
    file.write_text('name = "lab"\n[cluster]\nnodes = 1\ninterface = "cni0"\n')
    machines = load_machines(str(file))
    with pytest.raises(Refused, match="there are two interfaces `cni0` on the host"):
        machines.load(machines.cluster.nodes[0])


@pytest.mark.parametrize(
    ("table", "slug", "path"),
    [
        ("interface = 7", "wrong-type", ("interface",)),
        ('interface = "a b"', "bad-name", ("interface",)),
        ('nodes.a.interface = "averyverylongname"', "name-too-long", ("nodes", "a", "interface")),
    ],
)
def test_what_an_interface_cannot_be(table: str, slug: str, path: tuple[str, ...]) -> None:
    assert refuse(f'name = "lab"\n[cluster]\n{table}') == [(slug, ("cluster", *path))]
