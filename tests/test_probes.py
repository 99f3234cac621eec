"""The choice of probes: all pairs while they are few, otherwise a sample that covers what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from cables import bridge, cable, network, plug, route
from hypothesis import given
from hypothesis import strategies as st
from loading import NAMED, load
from topologies import topologies

from k8snet_scripts.addresses import Cidr, parse_address
from k8snet_scripts.reach.fabric import Verdict, predict
from k8snet_scripts.reach.probes import Probe, choose_probes
from k8snet_scripts.topology import HOST, Topology, Veth

PROBES = st.integers(0, 30)


def test_a_small_topology_is_probed_in_full() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0"),
        plug("b", "10.0.0.3/24 fe80::3/64", "br0"),
        plug("c", "10.0.0.4/24", "br1"),
        bridges=[bridge("br0"), bridge("br1")],
    )
    probes, words = choose_probes(lab)
    apart = "nobody on segment {} answers for {}".format
    assert probes == (
        Probe("a", "b", "10.0.0.3", 4, True, "same segment br0", "10.0.0.2"),
        Probe("a", "c", "10.0.0.4", 4, False, apart("br0", "10.0.0.4")),
        Probe("b", "a", "10.0.0.2", 4, True, "same segment br0", "10.0.0.3"),
        Probe("b", "c", "10.0.0.4", 4, False, apart("br0", "10.0.0.4")),
        Probe("c", "a", "10.0.0.2", 4, False, apart("br1", "10.0.0.2")),
        Probe("c", "b", "10.0.0.3", 4, False, apart("br1", "10.0.0.3")),
    )
    assert words == (
        "every namespace to every address of every other one: 6 of 12 pairs, the others being decided outside the topology"
    )


def test_when_all_is_decided_the_words_say_just_that() -> None:
    probes, words = choose_probes(network(plug("a", "", "br0"), bridges=[bridge("br0", "10.0.0.1/24")]))
    assert [(probe.source, probe.target) for probe in probes] == [("a", HOST)]
    assert words == "every namespace to every address of every other one: 1 of 1 pairs"


@pytest.mark.parametrize("lab", [network(), network(a={}, b={})])
def test_where_there_are_no_addresses_there_is_nothing_to_try(lab: Topology) -> None:
    assert choose_probes(lab) == ((), "no namespace has an address that another one could try")


def test_an_address_that_two_have_is_not_tried_for_the_wrong_one() -> None:
    lab = network(cable("a", "10.0.0.1/24", "b", "10.0.0.2/24"), cable("c", "10.0.0.1/24", "d", "10.0.0.2/24"))
    reached = {(probe.source, probe.target) for probe in choose_probes(lab)[0] if probe.expected}
    assert reached == {("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")}


def many(count: int) -> Topology:
    """Namespaces in three bridges, of which a router joins two; some ports are isolated."""
    veths: list[Veth] = []
    for number in range(count):
        home = number % 3
        veth = plug(
            f"n{number}", f"10.{home}.{number >> 8}.{number & 255 or 1}/16", f"br{home}", isolated=number % 12 >= 9
        )
        gateway = route(via=f"10.{home}.255.1")
        veths.append(replace(veth, inner=replace(veth.inner, routes=(gateway,) if home < 2 else ())))
    veths += [plug("r", f"10.{home}.255.1/16", f"br{home}") for home in range(2)]
    return network(*veths, bridges=[bridge(f"br{home}") for home in range(3)], r={"forwarding": True})


def test_a_large_topology_is_sampled_over_everything_that_is_there() -> None:
    probes, words = choose_probes(many(150))
    reasons = {probe.why.replace(probe.address, "X") for probe in probes}
    assert len(probes) == 240
    assert {probe.source for probe in probes} >= {f"n{number}" for number in range(150)} | {"r"}
    assert {probe.target for probe in probes} >= {f"n{number}" for number in range(150)} | {"r"}
    assert reasons >= {f"same segment br{home}" for home in range(3)} | {"through router r"}
    assert "on segment br0 no frames pass to X" in reasons
    assert any(why.startswith("no route to X in n") for why in reasons)
    assert words.startswith("a sample of 240 of 22952 pairs: 151 of 152 namespaces as source, 151 of 151 as target")


def test_the_sample_of_a_cluster_has_the_ways_between_its_nodes() -> None:
    probes, _ = choose_probes(load(f"{NAMED}[cluster]\nnodes = 10\npods_per_node = 50\nfabric = 'host-gw'\n"))
    pods = [probe for probe in probes if "-pod" in probe.source and "-pod" in probe.target]
    ways = {(probe.source.partition("-")[0], probe.target.partition("-")[0]) for probe in pods}
    assert len(probes) == 240
    assert len(ways) > 95  # of 100, those from a node to itself included


def test_where_not_all_namespaces_fit_as_many_as_possible_take_part() -> None:
    probes, _ = choose_probes(many(600), limit=60)
    assert len(probes) == 60
    assert len({probe.source for probe in probes} | {probe.target for probe in probes}) > 80


def test_the_sample_grows_with_its_limit() -> None:
    lab = many(60)
    assert [len(choose_probes(lab, limit, few=0)[0]) for limit in (0, 1, 7, 100)] == [0, 1, 7, 100]


@given(topologies(), PROBES)
def test_probes_say_what_the_model_says(topology: Topology, limit: int) -> None:
    probes, words = choose_probes(topology, limit, few=0)
    fabric = predict(topology)
    own = owned(topology)
    names = [namespace.name for namespace in topology.everywhere()]
    assert words and len(probes) <= limit
    assert len({(probe.source, probe.target, probe.address) for probe in probes}) == len(probes)
    assert list(probes) == sorted(probes, key=lambda probe: (names.index(probe.source), names.index(probe.target)))
    for probe in probes:
        assert probe.source != probe.target
        family, value = parse_address(probe.address)
        assert (family, value) in own[probe.target] and family == probe.family
        verdict, why = fabric.verdict(probe.source, family, value)
        assert verdict is (Verdict.REACHES if probe.expected else Verdict.BLOCKED)
        assert why == probe.why


@given(topologies(), PROBES)
def test_probes_are_the_same_each_time(topology: Topology, limit: int) -> None:
    assert choose_probes(topology, limit) == choose_probes(topology, limit)


@given(topologies(max_namespaces=3))
def test_with_room_for_all_every_decided_pair_is_tried(topology: Topology) -> None:
    fabric = predict(topology)
    tried = {(probe.source, probe.target, parse_address(probe.address)) for probe in choose_probes(topology, 10_000)[0]}
    for target, addresses in owned(topology).items():
        for source in (namespace.name for namespace in topology.everywhere()):
            for family, value in addresses if source != target else ():
                answer = fabric.follow(source, family, value)
                decided = answer.verdict is Verdict.BLOCKED or answer.landing == target
                assert ((source, target, (family, value)) in tried) == (
                    decided and answer.verdict is not Verdict.UNKNOWN
                )


def owned(topology: Topology) -> dict[str, list[tuple[int, int]]]:
    """Every address by the name of its namespace."""
    own: dict[str, list[tuple[int, int]]] = {}

    def add(namespace: str, addresses: Sequence[Cidr]) -> None:
        own.setdefault(namespace, []).extend((family, value) for family, value, _ in addresses)

    for namespace in topology.everywhere():
        add(namespace.name, namespace.addresses)
        for interface in namespace.holders:
            add(namespace.name, interface.addresses)
    for end in topology.ends():
        add(end.namespace, end.addresses)
    return own
