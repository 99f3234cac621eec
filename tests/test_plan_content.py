"""What is in a plan: every fact of the model, once, and in an order that works."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from hypothesis import given
from planned import TITLES, few, fresh, steps_of
from reference import fact, place
from topologies import topologies

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.steps import Sign
from k8snet_scripts.topology import FLOODED, HOST, Bridge, Interface, Namespace, Topology, Vlans, Vxlan


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
    with_new_bridge = {
        place.name for place in topology.everywhere() if not all(bridge.external for bridge in place.bridges)
    }
    assert not {step.owner.split()[0] for step in plain} & with_new_bridge
    assert {step.owner.split()[0] for step in bridged} <= with_new_bridge
    assert [step for step in plan.steps() if step.words.startswith("command ")] == last


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
