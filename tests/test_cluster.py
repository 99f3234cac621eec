"""A cluster as a topology: who has which address, and who reaches whom on each fabric."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import load, refuse, unplaced

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cluster.cluster import FABRICS
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.notation.document import write_topology
from k8snet_scripts.reach.fabric import Verdict, predict
from k8snet_scripts.topology import HOST, Topology, Vxlan

POD_CIDRS = {4: "10.244.0.0/16", 6: "fd00:10:244::/56"}


def made(**cluster: object) -> Topology:
    """The topology of a cluster, which is good."""
    report = Report()
    topology = load_topology({"name": "lab", "cluster": cluster}, report)
    check_topology(topology, report)
    assert not report.findings
    return topology


def places(topology: Topology) -> dict[str, dict[str, list[str]]]:
    """Addresses by namespace and interface, of bridges and devices as well."""
    found: dict[str, dict[str, list[str]]] = {place.name: {} for place in topology.everywhere()}
    for end in topology.ends():
        found[end.namespace][end.name] = [str(own) for own in end.addresses]
    for place in topology.everywhere():
        found[place.name] |= {holder.name: [str(own) for own in holder.addresses] for holder in place.holders}
    return found


def test_everything_has_a_default() -> None:
    found = places(made())
    assert list(found)[1:] == [name for n in "123" for name in (f"node{n}", f"node{n}-pod1", f"node{n}-pod2")]
    assert found[HOST] == {"node1": [], "node2": [], "node3": [], "underlay": []}
    assert found["node2"] == {"eth0": ["172.18.0.3/16"], "pod1": [], "pod2": [], "cni0": ["10.244.1.1/24"]}
    assert found["node2-pod2"] == {"eth0": ["10.244.1.3/24"]}


def test_what_is_written_by_hand_is_left_out_of_what_is_given_out() -> None:
    nodes = {"a": {}, "b": {"address": "172.18.0.2", "pod_cidr": "10.244.0.0/23", "pods": 0}, "c": {"pods": 1}}
    found = places(made(nodes=nodes))
    assert [found[name]["eth0"] for name in nodes] == [["172.18.0.3/16"], ["172.18.0.2/16"], ["172.18.0.4/16"]]
    assert [found[name]["cni0"] for name in nodes] == [["10.244.2.1/24"], ["10.244.0.1/23"], ["10.244.3.1/24"]]
    assert list(found) == [HOST, "a", "a-pod1", "a-pod2", "b", "c", "c-pod1"]


def test_nodes_may_be_a_range() -> None:
    topology = made(nodes={"w{08..10}": {"address": "172.18.0.1{}", "pods": 1}})
    assert [place.name for place in topology.namespaces] == ["w08", "w08-pod1", "w09", "w09-pod1", "w10", "w10-pod1"]
    assert places(topology)["w09"]["eth0"] == ["172.18.0.109/16"]


def test_a_router_joins_segments_of_two() -> None:
    found = places(made(fabric="router", nodes={"a": {}, "b": {"address": "172.18.9.1/24"}, "c": {}}, masquerade=True))
    assert found["router"] == {
        "uplink": ["172.18.0.2/30"],
        "a": ["172.18.0.5/30"],
        "b": ["172.18.9.2/24"],
        "c": ["172.18.0.9/30"],
    }
    assert [found[name]["eth0"] for name in "abc"] == [["172.18.0.6/30"], ["172.18.9.1/24"], ["172.18.0.10/30"]]
    assert found[HOST] == {"router": ["172.18.0.1/30"]}


def test_vxlan_is_as_flannel_has_it() -> None:
    topology = made(fabric="vxlan", pod_cidr=list(POD_CIDRS.values()), mtu=9000)
    node = next(place for place in topology.namespaces if place.name == "node1")
    first, second = node.devices
    assert isinstance(first, Vxlan) and isinstance(second, Vxlan)
    assert (first.name, first.id, first.dstport, first.mtu, first.learning) == ("flannel.1", 1, 8472, 8950, False)
    assert (second.name, second.id, second.dstport, second.mtu) == ("flannel-v6.1", 1, 8472, 8930)
    assert [str(own) for own in (*first.addresses, *second.addresses)] == ["10.244.0.0/32", "fd00:10:244::/128"]
    assert [(str(route.to), route.via, route.onlink) for route in first.routes] == [
        ("10.244.1.0/24", "10.244.1.0", True),
        ("10.244.2.0/24", "10.244.2.0", True),
    ]
    assert [entry.dst for entry in first.fdb] == ["172.18.0.3", "172.18.0.4"]
    assert [entry.address for entry in second.neighbours] == ["fd00:10:244:1::", "fd00:10:244:2::"]
    assert [entry.lladdr for entry in first.fdb] == [entry.lladdr for entry in first.neighbours]
    assert {end.mtu for end in topology.ends() if end.name.startswith("pod") or "-pod" in end.namespace} == {8930}
    assert {end.mtu for end in topology.ends() if end.namespace == HOST} == {9000}


@pytest.mark.parametrize("fabric", FABRICS)
def test_the_routes_of_a_node_do_not_depend_on_the_number_of_pods(fabric: str) -> None:
    few, many = (made(fabric=fabric, pods_per_node=pods, masquerade=True) for pods in (1, 50))
    assert [veth for veth in few.veths if "-pod" not in veth.inner.namespace] == [
        veth for veth in many.veths if "-pod" not in veth.inner.namespace
    ]
    assert few.host == many.host
    assert few.namespaces[0] == many.namespaces[0]


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of small clusters that are right."""
    families = draw(st.sampled_from(((4,), (6,), (4, 6), (6, 4))))
    table: dict[str, Any] = {
        "fabric": draw(st.sampled_from(FABRICS)),
        "pod_cidr": [POD_CIDRS[family] for family in families],
        "masquerade": draw(st.booleans()),
        "pods_per_node": draw(st.integers(0, 2)),
        "mtu": draw(st.sampled_from((1400, 1500, 9000))),
        "node_cidr_mask_size_ipv4": draw(st.sampled_from((20, 24, 29))),
        "nodes": draw(st.integers(1, 3)),
    }
    if draw(st.booleans()):
        table["nodes"] = {
            name: {"pods": draw(st.integers(0, 2)), "pod_cidr": draw(st.sampled_from(([], ["10.244.16.0/20"])))}
            if name == "b" and 4 in families
            else {}
            for name in "abc"[: draw(st.integers(1, 3))]
        }
    return table


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_who_reaches_whom(table: dict[str, Any]) -> None:
    topology = made(**table)
    roles = {place.name: place.role for place in topology.namespaces}
    fabric = predict(topology)
    for source, role in roles.items():
        for end in topology.ends():
            target = end.namespace
            if target == source or not {"pod"} <= {role, roles.get(target, "")} <= {"node", "pod"}:
                continue
            joined = table["fabric"] != "none" or source.split("-")[0] == target.split("-")[0]
            for own in end.addresses:
                answer = fabric.follow(source, own.family, own.value)
                if joined:
                    assert (answer.verdict, answer.landing, answer.seen) == (Verdict.REACHES, target, answer.own)
                    assert answer.seen is not None
                else:
                    plain = answer.verdict is Verdict.REACHES and answer.seen == answer.own
                    assert not plain and answer.verdict is not Verdict.UNKNOWN


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_a_cluster_spelled_out_is_the_same_topology(table: dict[str, Any]) -> None:
    topology = made(**table)
    assert unplaced(load("\n".join(write_topology(topology)))) == unplaced(topology)


@settings(deadline=None, max_examples=60)
@given(clusters())
def test_a_way_out_changes_the_source_of_what_leaves_and_of_nothing_else(table: dict[str, Any]) -> None:
    topology = made(**{**table, "masquerade": True})
    fabric = predict(topology)
    outside = [own for end in topology.ends() if end.namespace == HOST for own in end.addresses]
    outside += [own for bridge in topology.host.bridges for own in bridge.addresses]
    assert outside
    for place in topology.namespaces:
        for own in outside:
            answer = fabric.follow(place.name, own.family, own.value)
            assert (answer.verdict, answer.landing) == (Verdict.REACHES, HOST)
            assert (answer.seen == answer.own) is (place.role != "pod" or table["fabric"] != "none")


@pytest.mark.parametrize(
    ("table", "slug", "path"),
    [
        ('nodes = "3"', "wrong-type", ("nodes",)),
        ("nodes = {}", "bad-count", ("nodes",)),
        ("nodes = 1024", "too-many-ports", ("nodes",)),
        ("fabric = 7", "wrong-type", ("fabric",)),
        ('pod_cidr = "fe80::/56"', "bad-address", ("pod_cidr",)),
        ("pod_cidr = 7", "wrong-type", ("pod_cidr",)),
        ('mtu = 1300\nfabric = "vxlan"\npod_cidr = "fd00:10::/56"', "ipv6-mtu", ("mtu",)),
        ('mtu = 100\nfabric = "vxlan"', "bad-mtu", ("mtu",)),
        ('mtu = 1000\npod_cidr = "fd00:10::/56"', "ipv6-mtu", ("mtu",)),
        ('underlay = "172.18.0.0/31"', "network-exhausted", ("underlay",)),
        ('underlay = "172.18.0.0/31"\nfabric = "router"', "network-exhausted", ("underlay",)),
        ('underlay = "172.18.0.0/29"\nfabric = "router"', "network-exhausted", ("underlay",)),
        ('fabric = "router"\nnodes.a.address = "10.9.0.1/24"', "bad-address", ("nodes", "a", "address")),
        ('fabric = "router"\nnodes.a.address = "172.18.0.9/32"', "bad-address", ("nodes", "a", "address")),
        ('fabric = "router"\nnodes.a.address = "172.18.0.2/24"', "overlapping-subnets", ("nodes", "a", "address")),
        ('fabric = "router"\nnodes.router = {}', "reserved-name", ("nodes", "router")),
        ('nodes.a.address = ["172.18.0.9", "172.18.0.8"]', "conflicting-keys", ("nodes", "a", "address", 1)),
        ('fabric = "router"\nnodes = 65536\npods_per_node = 100', "bad-count", ()),
    ],
)
def test_what_cannot_be(table: str, slug: str, path: tuple[str | int, ...]) -> None:
    assert refuse(f'name = "lab"\n[cluster]\n{table}') == [(slug, ("cluster", *path))]


@given(st.dictionaries(st.sampled_from(["nodes", "pods_per_node", "pod_cidr", "underlay", "fabric", "mtu"]), st.one_of(
    st.integers(-5, 70000), st.text(max_size=20), st.booleans(), st.none(),
    st.lists(st.sampled_from(["10.0.0.0/8", "fd00::/8", "x", 7]), max_size=3),
    st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.integers()), max_size=3),
)))  # fmt: skip
def test_nothing_that_is_written_there_is_too_much(table: dict[str, Any]) -> None:
    if isinstance(table.get("nodes"), int) and table["nodes"] > 50:
        table["nodes"] = 50
    report = Report()
    check_topology(load_topology({"name": "lab", "cluster": table}, report), report)
