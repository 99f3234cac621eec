"""What the commands of a plan do, carried out by a model of the kernel: setup, what it mends and refuses, and teardown."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import FakeKernel
from fake_namespace import Refusal
from hypothesis import assume, given
from hypothesis import strategies as st
from mutations import Mutation, mutations
from planned import CASES, KeptPlan, few, fresh, made, network, parse, steps_of, untrue
from reference import Foreign, Record, fact, holds, set_up, tear_down
from topologies import topologies

from k8snet_scripts import records
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.plan import Plan
from k8snet_scripts.scripts import load_source
from k8snet_scripts.steps import Argv, Sign
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Topology, Veth, Vxlan


def interleaved(seed: random.Random, wave: dict[str, list[Argv]]) -> Iterator[Argv]:
    """The commands of a wave with the namespaces mixed, each in its own order."""
    queues = [list(reversed(commands)) for commands in wave.values()]
    while queues:
        queue = seed.choice(queues)
        yield queue.pop()
        queues = [queue for queue in queues if queue]


def mutate(kernel: FakeKernel, chosen: Iterable[Mutation]) -> bool:
    """Whether the kernel has let something happen.  What is gone already cannot go once more."""
    happened = False
    for mutation in chosen:
        for argv in mutation:
            try:
                kernel.run(argv)
            except Refusal:
                break
            happened = True
    return happened


def suffices(commands: list[Argv], plan: Plan, altered: FakeKernel, right: set[str]) -> bool:
    kernel = altered.copy()
    try:
        for argv in commands:
            kernel.run(argv)
    except Refusal:
        return False
    return network(plan, kernel) == right and untrue(plan, kernel) == []


# ---- what a run does ----


@few
@given(topologies())
def test_each_fact_is_made_true_by_its_own_command_in_the_order_of_the_plan(topology: Topology) -> None:
    plan, kernel = KeptPlan(topology), fresh(topology)
    facts = kernel.facts()
    for step in plan.steps():
        if step.sign in (Sign.MEND, Sign.NEED):
            assert holds(step, facts, kernel), step
            continue
        if not step.words.startswith(("net.", "mtu ", "allmulti off")):  # what there is by itself may be right
            assert not holds(step, facts, kernel), step
        kernel.run(step.argv)
        facts = kernel.facts()
        assert holds(step, facts, kernel), step
    assert untrue(plan, kernel) == []


@few
@given(topologies())
def test_a_first_run_mends_nothing_and_a_second_one_does_nothing(topology: Topology) -> None:
    plan, kernel, record = KeptPlan(topology), fresh(topology), Record()
    before = kernel.facts()
    executed = set_up(plan, kernel, record)
    wanted = [step for step in plan.steps() if step.sign in (Sign.MAKE, Sign.WANT) and fact(step) not in before]
    assert sorted(executed) == sorted(step.argv for step in wanted)
    assert untrue(plan, kernel) == []
    facts = kernel.facts()
    assert set_up(plan, kernel, record) == []
    assert kernel.facts() == facts


@few
@given(topologies(), st.randoms(use_true_random=False))
def test_within_a_wave_the_order_of_the_namespaces_is_all_the_same(topology: Topology, seed: random.Random) -> None:
    plan, kernel, expected = KeptPlan(topology), fresh(topology), fresh(topology)
    set_up(plan, expected, Record())
    set_up(plan, kernel, Record(), order=lambda wave: interleaved(seed, wave))
    assert kernel.facts() == expected.facts()


@few
@given(topologies())
def test_setup_and_teardown_leave_what_was_there_before(topology: Topology) -> None:
    plan, kernel, record = made(topology)
    tear_down(plan, kernel, record)
    assert kernel.facts() == fresh(topology).facts()
    assert tear_down(plan, kernel, record) == []


@few
@given(topologies(), st.data())
def test_setup_mends_whatever_happened_with_no_command_too_many(topology: Topology, data: st.DataObject) -> None:
    plan, kernel, record = made(topology)
    right = network(plan, kernel)
    possible = list(mutations(plan))
    chosen = data.draw(st.lists(st.sampled_from(range(len(possible))), max_size=1)) if possible else []
    if not mutate(kernel, (possible[index] for index in chosen)):
        return
    altered = kernel.copy()
    executed = set_up(plan, kernel, record)
    assert network(plan, kernel) == right
    assert set_up(plan, kernel, record) == []
    for left_out in data.draw(st.sets(st.sampled_from(range(len(executed))), max_size=3)) if executed else ():
        if {"bash", "mtu"} & set(executed[left_out]):
            continue  # what is made anew may have the value by itself, which nobody could know beforehand
        assert not suffices(executed[:left_out] + executed[left_out + 1 :], plan, altered, right), executed[left_out]


@few
@given(topologies(), st.data())
def test_setup_mends_several_things_at_once(topology: Topology, data: st.DataObject) -> None:
    plan, kernel, record = made(topology)
    right = network(plan, kernel)
    possible = list(mutations(plan))
    chosen = data.draw(st.lists(st.sampled_from(range(len(possible))), max_size=4)) if possible else []
    mutate(kernel, (possible[index] for index in chosen))
    set_up(plan, kernel, record)
    assert network(plan, kernel) == right


@few
@given(topologies(externals=False), topologies(externals=False))
def test_setup_turns_one_version_of_a_network_into_another(before: Topology, after: Topology) -> None:
    bridges = [bridge for namespace in before.everywhere() for bridge in namespace.bridges]
    assume(all(interface.mtu != 576 for interface in (*before.ends(), *bridges)))  # what IPv6 needs is never given back
    _, kernel, record = made(replace(before, name="lab"))
    plan, fresh_kernel, _ = made(replace(after, name="lab"))
    set_up(plan, kernel, record)
    assert untrue(plan, kernel) == []
    assert set_up(plan, kernel, record) == []
    assert things(kernel) == things(fresh_kernel)
    tear_down(plan, kernel, record)
    assert things(kernel) == things(FakeKernel())


def things(kernel: FakeKernel) -> set[str]:
    """Namespaces, interfaces, addresses and routes: what is removed when a network no longer has it."""
    kinds = ("namespace", "exists", "veth,", "inet")
    return {text for text in kernel.facts() if text.partition(": ")[2].startswith(kinds)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_setup_mends_each_thing_that_can_happen_to_a_golden_case(case: Path) -> None:
    """Each of up to 150 things, of 40 in a cluster, which repeats what it has."""
    plan, kernel, record = made(load_source(str(case)).topology)
    right = network(plan, kernel)
    every = list(mutations(plan))
    for mutation in every[:: len(every) // (40 if "cluster" in case.parent.name else 150) + 1]:
        altered, known = kernel.copy(), copy.deepcopy(record)
        mutate(altered, [mutation])
        set_up(plan, altered, known)
        assert network(plan, altered) == right, mutation


# ---- what is refused ----


def test_nothing_foreign_is_taken_for_ours() -> None:
    topology = Topology("lab", namespaces=(Namespace("n1"),), veths=(Veth(End("a", namespace="n1"), End("b")),))
    for argv in (("ip", "netns", "add", "n1"), ("ip", "link", "add", "name", "b", "type", "bridge")):
        kernel = FakeKernel()
        kernel.run(argv)
        with pytest.raises(Foreign):
            set_up(KeptPlan(topology), kernel, Record())


@pytest.mark.parametrize(
    "topology",
    [
        Topology("lab", host=Namespace(HOST, interfaces=(Interface("ext0", external=True),))),
        Topology("lab", namespaces=(Namespace("web", external=True),)),
    ],
    ids=["interface", "namespace"],
)
def test_what_others_have_to_make_has_to_be_there(topology: Topology) -> None:
    with pytest.raises(Foreign):
        set_up(KeptPlan(topology), FakeKernel(), Record())


def test_what_was_borrowed_in_a_namespace_is_not_given_back_to_another_one() -> None:
    web = Namespace("web", external=True, sysctls=(("net.ipv4.ip_forward", "1"),))
    topology = Topology("lab", namespaces=(web,), veths=(Veth(End("eth1", namespace="web"), End("v1")),))
    plan, kernel, record = made(topology)
    for command in ("ip netns delete web", "ip netns add web"):
        kernel.run(command.split())
    kernel.run(("ip", "netns", "exec", "web", "bash", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
    before = kernel.facts()
    assert tear_down(plan, kernel, record) == []
    assert kernel.facts() == before


# ---- what is on record ----


TAKEN = (
    records.Record("/var/lib/cni/networks/a/lock", mode=0o750, initial=True),
    records.Record("/var/lib/cni/networks/a/10.1.0.2", ("n1", "eth0")),
    records.Record("/var/lib/cni/networks/b/10.2.0.2", ("n1", "eth0")),
    records.Record("/var/lib/cni/networks/b/last_reserved_ip.0", ("10.2.0.2",), initial=True),
)


def test_what_is_taken_is_on_record_before_anything_else() -> None:
    wave, *_ = KeptPlan(Topology("lab", namespaces=(Namespace("n1"),), records=TAKEN)).waves
    assert [step.words.split()[:2] for step in steps_of(wave)] == [
        ["directory", "/var/lib/cni"],
        ["directory", "/var/lib/cni/networks"],
        ["directory", "/var/lib/cni/networks/a"],
        ["directory", "/var/lib/cni/networks/b"],
        *(["file", record.path] for record in TAKEN),
    ]
    assert {step.owner for step in steps_of(wave)} == {HOST}


def test_records_are_made_mended_and_removed_with_their_directories() -> None:
    plan, kernel, record = made(Topology("lab", records=TAKEN))
    facts = kernel.facts()
    kernel.run(("rm", "-f", TAKEN[1].path))
    kernel.run(("rm", "-f", TAKEN[3].path))
    assert len(set_up(plan, kernel, record)) == 2
    assert kernel.facts() == facts
    tear_down(plan, kernel, record)
    assert kernel.facts() == FakeKernel().facts()


def test_a_record_of_somebody_else_is_refused_and_a_shared_one_is_not() -> None:
    kernel, topology = FakeKernel(), Topology("lab", records=TAKEN)
    for step in KeptPlan(Topology("other", records=(TAKEN[0], TAKEN[3]))).steps():
        kernel.run(step.argv)
    found = kernel.copy()
    executed = set_up(KeptPlan(topology), kernel, Record())
    assert [argv[0] for argv in executed] == ["bash", "bash"]
    found.run(("bash", "-c", f'printf "other\\r\\neth0" >{TAKEN[1].path}'))
    with pytest.raises(Foreign):
        set_up(KeptPlan(topology), found, Record())


def test_a_veth_below_a_device_gets_the_mtu_of_new_ones_back() -> None:
    """Another one, which an earlier version asked for, may leave the device no room."""

    def lab(mtu: int | None) -> Topology:
        veth = Veth(End("eth0", parse("10.0.0.2/24"), namespace="n1", mtu=mtu), End("v0", mtu=mtu))
        device = Vxlan("vx0", id=1, local="10.0.0.2", dev="eth0", mtu=1400)
        return Topology("lab", namespaces=(Namespace("n1", devices=(device,) if mtu is None else ()),), veths=(veth,))

    _, kernel, record = made(lab(1280))
    plan = KeptPlan(lab(None))
    set_up(plan, kernel, record)
    assert {"n1 eth0: mtu 1500", "host v0: mtu 1500", "n1 vx0: mtu 1400"} <= kernel.facts()
    assert untrue(plan, kernel) == []


def test_what_stands_on_a_veth_goes_with_it_wherever_that_is_removed() -> None:
    """The veth is removed on the host, and takes its peer and the device on that along."""
    veth = Veth(End("eth0", parse("10.0.0.2/24"), namespace="n1"), End("v0"))
    device = Vxlan("vx0", id=1, dev="eth0")
    topology = Topology("lab", namespaces=(Namespace("n1", devices=(device,)),), veths=(veth,))
    _, kernel, record = made(topology)
    plan = KeptPlan(Topology("lab", namespaces=(Namespace("n1", devices=(replace(device, id=2, dev=None),)),)))
    set_up(plan, kernel, record)
    assert untrue(plan, kernel) == []
    assert set_up(plan, kernel, record) == []


def test_broadcast_addresses_and_a_bridge_that_listens_to_all() -> None:
    address = (parse_cidr("10.0.0.1/24"),)
    bridge = Bridge("br0", address, broadcast=True, promisc=True)
    end = End("e0", (parse_cidr("10.0.0.2/24"),), namespace="n1", broadcast=True)
    veth = Veth(end, End("h0", port=Port("br0")))
    topology = Topology("lab", Namespace(HOST, bridges=(bridge,)), (Namespace("n1"),), (veth,))
    commands = [" ".join(step.argv) for step in KeptPlan(topology).steps()]
    assert "ip -n n1 address add 10.0.0.2/24 brd + dev e0" in commands
    last = ["ip address add 10.0.0.1/24 brd + dev br0", "ip link set dev br0 promisc on", "ip link set dev br0 up"]
    assert commands[-3:] == last
