from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_kernel import FakeKernel
from fake_namespace import Refusal
from goldens import GOLDEN, find_cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mutations import Mutation, mutations
from reference import Foreign, Record, fact, holds, place, set_up, tear_down
from topologies import topologies

from k8snet_scripts import records
from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.marks import link_group
from k8snet_scripts.plan import Plan, Wave, plan_topology
from k8snet_scripts.scripts import load_source
from k8snet_scripts.steps import Argv, Sign, Step
from k8snet_scripts.topology import (
    FLOODED,
    HOST,
    Bridge,
    End,
    Interface,
    Namespace,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)

few = settings(max_examples=25, deadline=None)

CASES = [case / "topology.toml" for case in find_cases(GOLDEN, leave_out=["errors", "exports", "commands"])]
"""Golden cases, but for one with commands: the fake kernel has no `tc`."""


def fresh(topology: Topology) -> FakeKernel:
    """A system that has nothing but the namespaces and interfaces which the topology says are there already."""
    kernel = FakeKernel()
    for namespace in topology.namespaces:
        if namespace.external:
            kernel.run(("ip", "netns", "add", namespace.name))
            kernel.run(("ip", "-n", namespace.name, "link", "set", "dev", "lo", "up"))
    for namespace in topology.everywhere():
        for interface in namespace.interfaces:
            kernel.add_device(interface.name, namespace=namespace.name)
        for bridge in namespace.bridges:
            if bridge.external:
                kernel.add_device(bridge.name, "bridge", namespace.name)
    return kernel


def made(topology: Topology) -> tuple[Plan, FakeKernel, Record]:
    plan, kernel, record = plan_topology(topology), fresh(topology), Record()
    set_up(plan, kernel, record)
    return plan, kernel, record


def parse(*addresses: str) -> tuple[Cidr, ...]:
    return tuple(map(parse_cidr, addresses))


def untrue(plan: Plan, kernel: FakeKernel) -> list[str]:
    facts = kernel.facts()
    return [fact(step) for step in plan.steps() if not holds(step, facts, kernel)]


def network(plan: Plan, kernel: FakeKernel) -> set[str]:
    """All facts but the settings that the plan says nothing of: an interface that is made anew has them as they are."""
    settings = {fact(step) for step in plan.steps()}
    return {text for text in kernel.facts() if ": net." not in text or text in settings}


def steps_of(wave: Wave) -> Iterator[Step]:
    for group in wave.groups:
        yield from group.steps


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
    plan, kernel = plan_topology(topology), fresh(topology)
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
    plan, kernel, record = plan_topology(topology), fresh(topology), Record()
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
    plan, kernel, expected = plan_topology(topology), fresh(topology), fresh(topology)
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
            set_up(plan_topology(topology), kernel, Record())


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
        set_up(plan_topology(topology), FakeKernel(), Record())


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
    wave, *_ = plan_topology(Topology("lab", namespaces=(Namespace("n1"),), records=TAKEN)).waves
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
    for step in plan_topology(Topology("other", records=(TAKEN[0], TAKEN[3]))).steps():
        kernel.run(step.argv)
    found = kernel.copy()
    executed = set_up(plan_topology(topology), kernel, Record())
    assert [argv[0] for argv in executed] == ["bash", "bash"]
    found.run(("bash", "-c", f'printf "other\\r\\neth0" >{TAKEN[1].path}'))
    with pytest.raises(Foreign):
        set_up(plan_topology(topology), found, Record())


def test_a_veth_below_a_device_gets_the_mtu_of_new_ones_back() -> None:
    """Another one, which an earlier version asked for, may leave the device no room."""

    def lab(mtu: int | None) -> Topology:
        veth = Veth(End("eth0", parse("10.0.0.2/24"), namespace="n1", mtu=mtu), End("v0", mtu=mtu))
        device = Vxlan("vx0", id=1, local="10.0.0.2", dev="eth0", mtu=1400)
        return Topology("lab", namespaces=(Namespace("n1", devices=(device,) if mtu is None else ()),), veths=(veth,))

    _, kernel, record = made(lab(1280))
    plan = plan_topology(lab(None))
    set_up(plan, kernel, record)
    assert {"n1 eth0: mtu 1500", "host v0: mtu 1500", "n1 vx0: mtu 1400"} <= kernel.facts()
    assert untrue(plan, kernel) == []


def test_what_stands_on_a_veth_goes_with_it_wherever_that_is_removed() -> None:
    """The veth is removed on the host, and takes its peer and the device on that along."""
    veth = Veth(End("eth0", parse("10.0.0.2/24"), namespace="n1"), End("v0"))
    device = Vxlan("vx0", id=1, dev="eth0")
    topology = Topology("lab", namespaces=(Namespace("n1", devices=(device,)),), veths=(veth,))
    _, kernel, record = made(topology)
    plan = plan_topology(Topology("lab", namespaces=(Namespace("n1", devices=(replace(device, id=2, dev=None),)),)))
    set_up(plan, kernel, record)
    assert untrue(plan, kernel) == []
    assert set_up(plan, kernel, record) == []


def test_broadcast_addresses_and_a_bridge_that_listens_to_all() -> None:
    address = (parse_cidr("10.0.0.1/24"),)
    bridge = Bridge("br0", address, broadcast=True, promisc=True)
    end = End("e0", (parse_cidr("10.0.0.2/24"),), namespace="n1", broadcast=True)
    veth = Veth(end, End("h0", port=Port("br0")))
    topology = Topology("lab", Namespace(HOST, bridges=(bridge,)), (Namespace("n1"),), (veth,))
    commands = [" ".join(step.argv) for step in plan_topology(topology).steps()]
    assert "ip -n n1 address add 10.0.0.2/24 brd + dev e0" in commands
    last = ["ip address add 10.0.0.1/24 brd + dev br0", "ip link set dev br0 promisc on", "ip link set dev br0 up"]
    assert commands[-3:] == last


# ---- what is in it ----


@few
@given(topologies())
def test_nothing_of_the_model_is_forgotten(topology: Topology) -> None:
    told = {fact(step) for step in plan_topology(topology).steps()}
    assert [text for text in wanted_facts(topology) if text not in told] == []
    routes = [route for holder in holders(topology) for route in holder.routes]
    assert len([text for text in told if " route " in text]) == len(routes)
    pairs = [text for text in told if ": veth, peer " in text]
    assert {frozenset(text.split(": veth, peer ")) for text in pairs} == {
        frozenset(f"{end.namespace} {end.name}" for end in (veth.inner, veth.outer)) for veth in topology.veths
    }


def holders(topology: Topology) -> list[Interface | Namespace]:
    found: list[Interface | Namespace] = list(topology.ends())
    for namespace in topology.everywhere():
        found += [namespace, *namespace.holders]
    return found


def wanted_facts(topology: Topology) -> Iterator[str]:
    """The facts that can be read off the model one by one."""
    for namespace in topology.everywhere():
        if namespace.name != HOST:
            yield f"{namespace.name}: namespace"
        if namespace.is_made:
            yield f"{namespace.name} lo: up"
        yield from (f"{namespace.name} lo: {inet(address)}" for address in namespace.addresses)
        yield from (f"{namespace.name}: {key} {value}" for key, value in namespace.sysctls)
        if namespace.masquerade:
            yield f"{namespace.name}: nft table inet k8snet-{topology.name}"
        for admission in namespace.admissions:
            tool = "iptables" if admission.network.family == 4 else "ip6tables"
            yield f"{namespace.name}: {tool} -N {admission.admin}"
            yield f"{namespace.name}: {tool} -A CNI-FORWARD -s {admission.network} -j ACCEPT"
        for isolation in namespace.isolations:
            tool, comment = "iptables" if isolation.family == 4 else "ip6tables", "(ingressPolicy: same-bridge)"
            rule = f"-A CNI-ISOLATION-STAGE-2 -o {isolation.bridge} -m comment --comment"
            yield f'{namespace.name}: {tool} {rule} "CNI firewall plugin rules {comment}" -j DROP'
        for bridge in namespace.bridges:
            yield from interface_facts(namespace.name, bridge)
            yield f"{namespace.name} {bridge.name}: bridge"
            yield from (
                f"{namespace.name} {bridge.name}: {key} {as_shown(key, value)}" for key, value in bridge.options
            )
        for interface in (*namespace.interfaces, *namespace.devices):
            yield from interface_facts(namespace.name, interface)
        for macvlan in namespace.macvlans:
            passed = macvlan.mode == "passthru"
            parent = f"{macvlan.parent_namespace or namespace.name} {macvlan.parent}"
            yield f"{namespace.name} {macvlan.name}: macvlan{' passthru' if passed else ''}, parent {parent}"
            if not passed:
                yield f"{namespace.name} {macvlan.name}: mode {macvlan.mode}"
        for ifb in namespace.ifbs:
            yield f"{namespace.name} {ifb.name}: ifb"
            yield f"{namespace.name} {ifb.source}: ingress"
            yield f"{namespace.name} {ifb.source}: redirect {ifb.name}"
        for device in namespace.vxlans:
            yield f"{namespace.name} {device.name}: vxlan id {device.id} dstport {device.dstport}"
            yield from (f"{namespace.name} {device.name}: {words}" for words in tunnel_facts(device))
    for veth in topology.veths:
        for end, peer in ((veth.inner, veth.outer), (veth.outer, veth.inner)):
            yield from interface_facts(end.namespace, end)
            if end.publications:
                yield f"{peer.namespace}: nft table inet k8snet-{topology.name}"
            if end.port and end.port.only_from:
                yield f"{end.namespace}: nft table bridge k8snet-{topology.name}"


def tunnel_facts(device: Vxlan) -> Iterator[str]:
    ends = {"local": device.local, "remote": device.remote, "group": device.group, "dev": device.dev}
    yield from (f"{key} {value}" for key, value in ends.items() if value)
    yield f"learning {str(device.learning).lower()}"
    yield from (f"fdb {FLOODED} dst {dst}" for dst in device.defaults)
    yield from (f"fdb {entry.lladdr} dst {entry.dst}" for entry in device.fdb if entry.lladdr)
    yield from (f"neigh {one.address} lladdr {one.lladdr}" for one in device.neighbours)


def interface_facts(namespace: str, interface: Interface) -> Iterator[str]:
    owner, port = f"{namespace} {interface.name}", interface.port
    alone = "" if interface.connected else " noprefixroute"
    yield from (f"{owner}: {inet(address)}{'' if address.is_host else alone}" for address in interface.addresses)
    if interface.promisc:
        yield f"{owner}: promisc on"
    if interface.allmulti is not None:
        yield f"{owner}: allmulti {'on' if interface.allmulti else 'off'}"
    if interface.txqlen is not None:
        yield f"{owner}: txqlen {interface.txqlen}"
    if interface.rate:
        yield f"{owner}: {' '.join(interface.rate.words)}"
    if not interface.external:
        yield f"{owner}: up"
    if interface.mtu:
        yield f"{owner}: mtu {interface.mtu}"
    if interface.lladdr:
        yield f"{owner}: address {interface.lladdr}"
    if port:
        yield f"{owner}: master {port.bridge}"
        yield from (f"{owner} port of {port.bridge}: {key} {as_shown(key, value)}" for key, value in port.options)
    for vlans, member in (
        (port and port.vlans, f"{owner} port of {port and port.bridge}"),
        (own_vlans(interface), owner),
    ):
        if vlans and vlans.untagged:
            yield f"{member}: vlan {vlans.untagged} pvid untagged"
        yield from (f"{member}: vlan {vid}" for vid in (vlans.tagged if vlans else ()))


def own_vlans(interface: Interface) -> Vlans | None:
    return interface.vlans if isinstance(interface, Bridge) else None


def inet(address: Cidr) -> str:
    return f"{'inet' if address.family == 4 else 'inet6'} {address}"


def as_shown(key: str, value: str) -> str:
    """As the kernel shows an option that is written in another way."""
    return f"0x{int(value):x}" if key == "group_fwd_mask" else {"on": "true", "off": "false"}.get(value, value)


# ---- what the plan promises of its order ----


@few
@given(topologies())
def test_equal_topologies_have_equal_plans(topology: Topology) -> None:
    plan, other = plan_topology(topology), plan_topology(copy.deepcopy(topology))
    assert list(plan.steps()) == list(plan.steps()) == list(other.steps())


@few
@given(topologies())
def test_no_fact_and_no_command_is_there_twice(topology: Topology) -> None:
    steps = list(plan_topology(topology).steps())
    assert len({fact(step) for step in steps}) == len(steps)
    assert len({step.argv for step in steps}) == len(steps)


@few
@given(topologies())
def test_first_things_are_made_then_they_are_set_up(topology: Topology) -> None:
    """The docstring of the plan, wave by wave."""
    plan = plan_topology(topology)
    waves = {wave.title: list(steps_of(wave)) for wave in plan.waves}
    assert list(waves) == [title for title in TITLES if title in waves]
    assert all(waves.values())
    early, preset, on_host, inside, shared, upper, plain, bridged, last = (waves.get(title, []) for title in TITLES)
    assert bool(early) <= bool(preset)
    assert all(".default." in step.words for step in preset)
    assert {step.sign for step in (*early, *on_host, *inside, *shared, *upper)} <= {Sign.MAKE, Sign.MEND, Sign.NEED}
    assert {step.sign for step in (*preset, *plain, *bridged)} <= {Sign.WANT}
    assert {place(step.argv) for step in on_host if step.sign is Sign.MAKE} <= {HOST}
    assert HOST not in {step.owner.split()[0] for step in inside}
    with_bridge = {namespace.name for namespace in topology.namespaces if namespace.bridges}
    assert not {step.owner.split()[0] for step in plain} & {HOST, *with_bridge}
    assert {step.owner.split()[0] for step in bridged} <= {HOST, *with_bridge}
    assert [step for step in plan.steps() if step.words.startswith("command ")] == last


TITLES = (
    "Namespaces",
    "What new interfaces have",
    "Namespaces, bridges and veth pairs",
    "Bridges and veth pairs inside namespaces",
    "Macvlans: interfaces that share the wire of another one",
    "Devices that stand on other interfaces",
    "Inside the namespaces, several at a time",
    "Where the bridges are: they come up last",
    "Commands, when all else is there: `#:` tells whether one was carried out, `#<` takes it back",
)

KINDS = {
    "packet filter": ("nft ", "iptables ", "ip6tables "),
    "at most": ("tbf ", "ingress", "redirect "),
}
"""The beginnings of facts that have a group of their own, by words that tell why it is there."""


@few
@given(topologies())
def test_a_namespace_is_set_up_in_one_group_and_its_packet_filter_and_its_rates_in_others(topology: Topology) -> None:
    for wave in plan_topology(topology).waves:
        if wave.title in TITLES[6:8]:
            for kind in ("", *KINDS):
                groups = [group for group in wave.groups if kind == next((k for k in KINDS if k in group.why), "")]
                places = [{step.owner.split()[0] for step in group.steps} for group in groups]
                assert all(len(names) == 1 for names in places)
                assert len(set().union(*places)) == len(places)
                for words in (step.words for group in groups for step in group.steps):
                    assert kind == next((k for k in KINDS if words.startswith(KINDS[k])), "")


@few
@given(topologies())
def test_a_bridge_comes_up_when_its_ports_are_in_and_up(topology: Topology) -> None:
    kernel = fresh(topology)
    external = {bridge.name for bridge in topology.host.bridges if bridge.external}
    for step in plan_topology(topology).steps():
        if step.sign is not Sign.MEND:
            kernel.run(step.argv)
        namespace, _, name = step.owner.partition(" ")
        if step.words == "up" and kernel.spaces[namespace].links[name].kind == "bridge":
            wanted = {
                end.name
                for end in (*topology.ends(), *topology.host.interfaces)
                if end.port and end.port.bridge == name and getattr(end, "namespace", HOST) == namespace
            }
            devices = next(place.devices for place in topology.everywhere() if place.name == namespace)
            wanted |= {device.name for device in devices if device.port and device.port.bridge == name}
            there = {port.name: port.up for port in kernel.spaces[namespace].ports(name)}
            assert wanted == set(there)
            assert all(there.values())
            assert namespace != HOST or name not in external  # those of others are left as they are


# ---- cases that deserve a name ----


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
