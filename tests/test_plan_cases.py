"""What a plan has for single features of a topology."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import TITLES
from reference import fact

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.marks import link_group
from k8snet_scripts.plan import Plan, plan_topology
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Route, Topology, Veth


def lone(*ends: End, **of_namespace: Any) -> Plan:
    """The plan of one namespace with some ends, whose peers are on the host."""
    veths = tuple(Veth(end, End(f"h{index}")) for index, end in enumerate(ends))
    return plan_topology(Topology("lab", namespaces=(Namespace("n1", **of_namespace),), veths=veths))


def words(plan: Plan, start: str) -> list[str]:
    return [step.words for step in plan.steps() if step.words.startswith(start)]


def test_a_route_by_way_of_another_one_comes_after_it() -> None:
    beyond = parse_cidr("10.9.0.0/24")
    end = End("e0", (parse_cidr("10.0.0.1/24"),), (Route(4, None, "10.9.0.1"), Route(4, beyond)), namespace="n1")
    plan = lone(end, routes=(Route(4, parse_cidr("10.8.0.0/24"), "10.9.0.2"),))
    assert words(plan, "inet route") == [
        "inet route 10.9.0.0/24 dev e0",
        "inet route default via 10.9.0.1 dev e0",
        "inet route 10.8.0.0/24 via 10.9.0.2 dev e0",
    ]


def test_the_kernel_s_choice_of_an_interface_is_foretold_by_the_longest_prefix() -> None:
    wide = End("wide", (parse_cidr("10.0.0.1/8"),), namespace="n1")
    narrow = End("narrow", (parse_cidr("10.1.0.1/16"),), namespace="n1")
    for ends in ((wide, narrow), (narrow, wide)):
        plan = lone(*ends, routes=(Route(4, None, "10.1.0.2"),))
        assert words(plan, "inet route") == ["inet route default via 10.1.0.2 dev narrow"]


@pytest.mark.parametrize("key", ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"])
def test_a_forwarding_that_is_asked_for_by_its_sysctl_is_not_taken_back(key: str) -> None:
    ends = [End(f"e{index}", (parse_cidr(f"10.0.{index}.1/24"),), namespace="n1") for index in range(2)]
    assert words(lone(*ends, sysctls=((key, "1"),)), "net.ipv4") == [f"{key} 1"]
    assert words(lone(*ends), "net.ipv4") == ["net.ipv4.ip_forward 0"]


def test_who_cannot_route_is_not_told_whether_to() -> None:
    assert words(lone(End("e0", (parse_cidr("10.0.0.1/24"),), namespace="n1")), "net.") == []


def test_whoever_is_a_next_hop_could_route() -> None:
    end = End("e0", (parse_cidr("10.0.0.1/24"),), namespace="n1")
    other = End("e0", (parse_cidr("10.0.0.2/24"),), (Route(4, None, "10.0.0.1"),), namespace="n2")
    topology = Topology("lab", namespaces=(Namespace("n1"), Namespace("n2")), veths=(Veth(end, other),))
    assert [fact(step) for step in plan_topology(topology).steps() if step.words.startswith("net.")] == [
        "n1: net.ipv4.ip_forward 0"
    ]


def test_the_host_is_left_as_it_is_unless_something_is_said_of_it() -> None:
    ends = [Veth(End(f"a{index}", (parse_cidr(f"10.0.{index}.1/24"),)), End(f"b{index}")) for index in range(2)]
    silent = Topology("lab", veths=tuple(ends))
    assert words(plan_topology(silent), "net.") == []
    told = replace(silent, host=Namespace(HOST, forwarding=True))
    assert words(plan_topology(told), "net.") == ["net.ipv4.ip_forward 1"]


def test_forwarding_is_said_of_each_family_in_use() -> None:
    addresses = (parse_cidr("10.0.0.1/24"), parse_cidr("fd00::1/64"))
    plan = lone(End("e0", addresses, namespace="n1"), forwarding=True)
    assert words(plan, "net.") == ["net.ipv4.ip_forward 1", "net.ipv6.conf.all.forwarding 1"]


def test_what_new_interfaces_have_is_set_before_there_are_any() -> None:
    asked = (
        ("net.ipv4.conf.default.rp_filter", "2"),
        ("net.ipv6.conf.default.disable_ipv6", "1"),
        ("net.ipv6.conf.all.disable_ipv6", "1"),
        ("net.ipv4.conf.default.forwarding", "0"),
        ("net.ipv4.neigh.default.gc_stale_time", "9"),
    )
    plan = lone(End("e0", (parse_cidr("10.0.0.1/24"),), namespace="n1"), sysctls=asked)
    waves = {wave.title: [step.words for group in wave.groups for step in group.steps] for wave in plan.waves}
    assert list(waves) == [*TITLES[:3], TITLES[6]]
    assert waves["Namespaces"] == ["namespace"]
    assert waves["What new interfaces have"] == [" ".join(asked[0]), " ".join(asked[4])]
    late = [words for words in waves[TITLES[6]] if words.startswith("net.")]
    assert late == [" ".join(asked[index]) for index in (1, 2, 3)]  # setting those for all changes the default, too


def test_a_pair_is_made_from_the_host_if_it_has_an_end_there() -> None:
    here, there = End("here"), End("there", namespace="n1")
    for veth in (Veth(here, there), Veth(there, here)):
        plan = plan_topology(Topology("lab", namespaces=(Namespace("n1"),), veths=(veth,)))
        assert words(plan, "veth") == ["veth, peer n1 there"]


def test_every_port_of_a_filtering_bridge_has_its_vlans_listed() -> None:
    bridge = Bridge("br0", vlan_filtering=True)
    veth = Veth(End("a", namespace="n1"), End("b", port=Port("br0")))
    plan = plan_topology(Topology("lab", Namespace(HOST, bridges=(bridge,)), (Namespace("n1"),), (veth,)))
    assert [fact(step) for step in plan.steps() if step.words.startswith("vlan ")] == [
        "host br0: vlan 1 pvid untagged",
        "host b port of br0: vlan 1 pvid untagged",
    ]


def test_an_empty_topology_has_an_empty_plan() -> None:
    assert plan_topology(Topology("lab")).waves == ()


@given(st.text(min_size=1))
def test_link_groups_are_above_those_that_people_use_and_fit_the_kernel(name: str) -> None:
    assert 2**16 <= link_group(name) < 2**31


def test_a_link_group_is_the_same_for_ever() -> None:
    """It is all that says whose a link is: another one would orphan every network that is up."""
    assert link_group("docker") == 541138318


def test_a_plan_names_what_teardown_needs() -> None:
    topology = Topology("lab", namespaces=(Namespace("n1"), Namespace("n2")))
    plan = plan_topology(topology)
    assert (plan.name, plan.table, plan.namespaces) == ("lab", "k8snet-lab", ("n1", "n2"))
    assert plan_topology(replace(topology, namespaces=(Namespace("web", external=True),))).externals == ("web",)
