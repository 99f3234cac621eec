"""Who reaches whom: one example for each rule of Linux that decides it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cables import bridge, cable, cidrs, network, plug, route
from hypothesis import given
from hypothesis import strategies as st
from topologies import topologies
from verdicts import BLOCKED, REACHES, UNKNOWN, ask

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import Masquerade, Publication
from k8snet_scripts.reach.fabric import Cause, Verdict, predict
from k8snet_scripts.topology import HOST, Interface, Namespace, Port, Route, Topology, Veth


def add_routes(veth: Veth, *routes: Route) -> Veth:
    """The veth with routes on its inner end."""
    return replace(veth, inner=replace(veth.inner, routes=routes))


def test_neighbours_on_one_bridge_reach_each_other() -> None:
    lab = network(
        plug("a", "10.0.0.2/24 fd00::2/64", "br0"), plug("b", "10.0.0.3/24 fd00::3/64", "br0"), bridges=[bridge("br0")]
    )
    assert ask(lab, "a", "10.0.0.3") == (REACHES, "same segment br0")
    assert ask(lab, "b", "fd00::2") == (REACHES, "same segment br0")


def test_separate_bridges_are_apart_even_in_one_network() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0"), plug("b", "10.0.0.3/24", "br1"), bridges=[bridge("br0"), bridge("br1")]
    )
    assert ask(lab, "a", "10.0.0.3") == (BLOCKED, "nobody on segment br0 answers for 10.0.0.3")


def test_without_a_route_a_namespace_reaches_nothing_outside_its_networks() -> None:
    lab = network(plug("a", "10.0.0.2/24", "br0"), plug("b", "10.2.0.2/24", "br0"), bridges=[bridge("br0")], alone={})
    assert ask(lab, "a", "10.2.0.2") == (BLOCKED, "no route to 10.2.0.2 in a")
    assert ask(lab, "alone", "10.0.0.2") == (BLOCKED, "no route to 10.0.0.2 in alone")


def test_an_answer_needs_a_route_as_well() -> None:
    there = add_routes(cable("a", "10.0.0.1/24", "b", "10.9.0.1/24"), route("10.9.0.0/24", dev="to-b"))
    assert ask(network(there), "a", "10.9.0.1") == (BLOCKED, "no answer comes back: no route to 10.0.0.1 in b")


def routed(**router: object) -> Topology:
    """a - r - b, with routes at both ends."""
    return network(
        add_routes(
            cable("a", "10.1.0.2/24 fd01::2/64", "r", "10.1.0.1/24 fd01::1/64"),
            route(via="10.1.0.1"),
            route(via="fd01::1"),
        ),
        add_routes(
            cable("b", "10.2.0.2/24 fd02::2/64", "r", "10.2.0.1/24 fd02::1/64"),
            route(via="10.2.0.1"),
            route(via="fd02::1"),
        ),
        r=router,
    )


@pytest.mark.parametrize("address", ["10.2.0.2", "fd02::2"])
def test_a_router_passes_packets_on_only_if_it_forwards(address: str) -> None:
    assert ask(routed(forwarding=True), "a", address) == (REACHES, "through router r")
    assert ask(routed(forwarding=False), "a", address) == (BLOCKED, "r does not forward")
    assert ask(routed(), "a", address) == (BLOCKED, "r does not forward")


@pytest.mark.parametrize("address", ["10.2.0.1", "fd02::1"])
def test_a_namespace_answers_on_one_interface_for_the_address_of_another(address: str) -> None:
    assert ask(routed(forwarding=False), "a", address)[0] is REACHES


def test_forwarding_may_be_set_by_sysctl_for_one_family() -> None:
    lab = routed(sysctls=(("net.ipv4.ip_forward", "1"),))
    assert ask(lab, "a", "10.2.0.2")[0] is REACHES
    assert ask(lab, "a", "fd02::2")[0] is BLOCKED


def test_only_ipv4_answers_on_the_segment_for_an_address_of_lo() -> None:
    lab = network(
        cable("a", "10.0.0.1/24 fd00::1/64", "b", "10.0.0.2/24 fd00::2/64"),
        b={"addresses": cidrs("10.0.0.9/32 fd00::9/128")},
    )
    assert ask(lab, "a", "10.0.0.9")[0] is REACHES
    assert ask(lab, "a", "fd00::9") == (BLOCKED, "nobody on veth to-b answers for fd00::9")


def test_a_network_on_lo_is_local_as_a_whole_in_ipv4() -> None:
    there = add_routes(
        cable("a", "10.0.0.1/24 fd00::1/64", "b", "10.0.0.2/24 fd00::2/64"),
        route("10.9.0.0/24", "10.0.0.2"),
        route("fd09::/64", "fd00::2"),
    )
    lab = network(there, b={"addresses": cidrs("10.9.0.1/24 fd09::1/64"), "forwarding": True})
    assert ask(lab, "a", "10.9.0.200")[0] is REACHES
    assert ask(lab, "a", "fd09::1")[0] is REACHES
    assert ask(lab, "a", "fd09::200")[0] is BLOCKED


def test_isolated_ports_reach_others_but_not_one_another() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0", isolated=True),
        plug("b", "10.0.0.3/24", "br0", isolated=True),
        plug("c", "10.0.0.4/24", "br0"),
        bridges=[bridge("br0", "10.0.0.1/24")],
    )
    assert ask(lab, "a", "10.0.0.3") == (BLOCKED, "on segment br0 no frames pass to 10.0.0.3")
    assert ask(lab, "a", "10.0.0.4")[0] is REACHES
    assert ask(lab, "a", "10.0.0.1")[0] is REACHES


def test_the_longest_prefix_wins_then_the_lowest_metric() -> None:
    lab = routed(forwarding=True)
    veth = lab.veths[0]

    def with_routes(*more: Route) -> Topology:
        return replace(lab, veths=(add_routes(veth, *veth.inner.routes, *more), *lab.veths[1:]))

    assert ask(with_routes(route("10.2.0.0/24", kind="blackhole")), "a", "10.2.0.2") == (
        BLOCKED,
        "a has a route of type blackhole to 10.2.0.2",
    )
    assert ask(with_routes(route("0.0.0.0/0", kind="unreachable", metric=7)), "a", "10.2.0.2")[0] is REACHES
    assert ask(with_routes(route("10.2.0.0/24", kind="prohibit", table=100)), "a", "10.2.0.2")[0] is REACHES


def test_a_routing_loop_reaches_nobody() -> None:
    lab = network(
        add_routes(cable("a", "10.0.0.1/24", "r", "10.0.0.2/24"), route(via="10.0.0.2")),
        add_routes(cable("r", "10.1.0.1/24", "s", "10.1.0.2/24"), route(via="10.1.0.2")),
        r={"forwarding": True},
        s={"forwarding": True, "routes": (route(via="10.1.0.1"),)},
    )
    assert ask(lab, "a", "10.9.0.1") == (BLOCKED, "the routes to 10.9.0.1 go in circles")


def test_masquerade_makes_the_answer_find_its_way() -> None:
    def lab(*masquerade: Masquerade) -> Topology:
        return network(
            add_routes(cable("a", "10.1.0.2/24", "r", "10.1.0.1/24"), route(via="10.1.0.1")),
            cable("r", "10.2.0.1/24", "b", "10.2.0.2/24"),
            r={"forwarding": True, "masquerade": masquerade},
        )

    inside, elsewhere = map(Masquerade, cidrs("10.1.0.0/24 10.7.0.0/24"))
    assert ask(lab(), "a", "10.2.0.2")[0] is BLOCKED
    assert ask(lab(elsewhere), "a", "10.2.0.2")[0] is BLOCKED
    assert ask(lab(inside), "a", "10.2.0.2") == (REACHES, "through router r, masqueraded")
    assert ask(lab(inside), "b", "10.1.0.2")[0] is BLOCKED


def test_a_source_address_that_the_receiver_has_too_is_refused() -> None:
    lab = network(
        add_routes(cable("a", "10.0.0.1/24", "b", "10.0.0.2/24")),
        cable("b", "10.5.0.1/24", "c", "10.5.0.2/24"),
        b={"addresses": cidrs("10.0.0.1/32")},
    )
    assert ask(lab, "a", "10.0.0.2") == (BLOCKED, "b takes 10.0.0.1 for an address of its own")


def test_a_broadcast_address_is_nobodys() -> None:
    lab = network(cable("a", "10.0.0.1/25", "b", "10.0.0.127/24"))
    assert ask(lab, "a", "10.0.0.127") == (BLOCKED, "10.0.0.127 is a broadcast address in a")


def test_two_who_have_the_address_leave_it_open_who_answers() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0"),
        plug("b", "10.0.0.3/24", "br0"),
        plug("c", "10.0.0.4/24", "br0"),
        bridges=[bridge("br0")],
        c={"addresses": cidrs("10.0.0.3/32")},
    )
    assert ask(lab, "a", "10.0.0.3")[0] is UNKNOWN


def through_host(forwarding: bool | None) -> Topology:
    return network(
        add_routes(plug("a", "10.0.0.2/24", "br0"), route(via="10.0.0.1")),
        add_routes(plug("b", "10.1.0.2/24", "br1"), route(via="10.1.0.1")),
        bridges=[bridge("br0", "10.0.0.1/24"), bridge("br1", "10.1.0.1/24")],
        host={"forwarding": forwarding},
    )


def test_what_the_host_passes_on_is_known_only_if_it_is_said() -> None:
    assert ask(through_host(None), "a", "10.1.0.2") == (UNKNOWN, "whether host forwards is not said")
    assert ask(through_host(True), "a", "10.1.0.2") == (REACHES, "through router host")
    assert ask(through_host(False), "a", "10.1.0.2") == (BLOCKED, "host does not forward")
    assert ask(through_host(None), "a", "10.1.0.1")[0] is REACHES
    assert ask(through_host(None), HOST, "10.0.0.2")[0] is REACHES


def test_where_the_host_has_no_route_its_own_ones_decide() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0"),
        cable("b", "10.7.0.1/24", "c", "10.7.0.2/24"),
        bridges=[bridge("br0", "10.0.0.1/24")],
    )
    assert ask(lab, HOST, "10.7.0.1")[0] is UNKNOWN
    assert ask(lab, HOST, "10.0.0.77")[0] is BLOCKED


def test_beyond_external_interfaces_everything_is_open() -> None:
    lab = network(
        plug("a", "10.0.0.2/24", "br0"),
        plug("b", "10.0.0.3/24", "br1"),
        plug("c", "10.0.0.4/24", "br0"),
        bridges=[bridge("br0"), bridge("br1", external=True)],
        host={"interfaces": (Interface("eth1", cidrs("10.8.0.1/24")), Interface("eth2", port=Port("br0")))},
    )
    assert ask(lab, "a", "10.0.0.4")[0] is REACHES
    assert ask(lab, "a", "10.0.0.3")[0] is UNKNOWN
    assert ask(lab, "b", "10.0.0.2")[0] is UNKNOWN
    assert ask(lab, HOST, "10.8.0.2")[0] is UNKNOWN


@pytest.mark.parametrize(
    ("sysctl", "verdicts"),
    [
        (("net.ipv4.conf.all.arp_ignore", "1"), (UNKNOWN, REACHES)),
        (("net.ipv4.conf.all.arp_ignore", "0"), (REACHES, REACHES)),
        (("net.ipv6.conf.to-a.disable_ipv6", "1"), (REACHES, UNKNOWN)),
        (("net.ipv4.conf.all.rp_filter", "1"), (REACHES, REACHES)),
        (("net.ipv4.ip_default_ttl", "1"), (UNKNOWN, REACHES)),
    ],
)
def test_sysctls_that_change_the_rules_make_a_family_unknown(
    sysctl: tuple[str, str], verdicts: tuple[Verdict, Verdict]
) -> None:
    lab = routed(forwarding=True)
    lab = replace(lab, namespaces=tuple(replace(each, sysctls=(sysctl,)) for each in lab.namespaces))
    assert (ask(lab, "a", "10.2.0.2")[0], ask(lab, "a", "fd02::2")[0]) == verdicts


def test_a_strict_reverse_path_filter_leaves_asymmetry_open() -> None:
    def lab(*sysctls: tuple[str, str]) -> Topology:
        return network(
            add_routes(cable("a", "10.1.0.2/24", "b", "10.1.0.1/24"), route("10.3.0.1/32", "10.1.0.1")),
            plug("a", "10.2.0.2/24", "br0"),
            plug("b", "10.2.0.1/24", "br0"),
            bridges=[bridge("br0")],
            b={"addresses": cidrs("10.3.0.1/32"), "sysctls": sysctls, "routes": (route("10.1.0.2/32", "10.2.0.2"),)},
        )

    assert ask(lab(), "a", "10.3.0.1")[0] is REACHES
    assert ask(lab(("net.ipv4.conf.all.rp_filter", "1")), "a", "10.3.0.1")[0] is UNKNOWN


def test_a_masquerading_bystander_whose_bridge_carries_the_frames_leaves_it_open() -> None:
    lab = network(
        add_routes(plug("a", "10.0.0.2/24", "br0"), route("10.1.0.0/24", dev="to-br0")),
        add_routes(plug("b", "10.1.0.2/24", "br0"), route("10.0.0.0/24", dev="to-br0")),
        bridges=[bridge("br0")],
        host={"masquerade": (*map(Masquerade, cidrs("10.0.0.0/24")),)},
    )
    assert ask(lab, "a", "10.1.0.2")[0] is UNKNOWN


@pytest.mark.parametrize(
    ("publication", "verdict"),
    [
        (Publication(80, 9), REACHES),
        (Publication(9, 80), UNKNOWN),
        (Publication(9, 80, "udp"), REACHES),
    ],
)
def test_whom_a_probe_reaches_is_open_where_its_port_is_published(publication: Publication, verdict: Verdict) -> None:
    lab = network(plug("a", "10.0.0.2/24", "br0"), bridges=[bridge("br0", "10.0.0.1/24")], host={"forwarding": True})
    end = replace(lab.veths[0].inner, publications=(publication,))
    lab = replace(lab, veths=(replace(lab.veths[0], inner=end),))
    assert (ask(lab, "a", "10.0.0.1")[0], ask(lab, HOST, "10.0.0.2")[0]) == (verdict, REACHES)


def all_pairs(topology: Topology) -> list[tuple[str, str, Cidr]]:
    names = [namespace.name for namespace in topology.everywhere()]
    return [(name, end.namespace, own) for name in names for end in topology.ends() for own in end.addresses]


@given(topologies())
def test_every_question_has_an_answer_and_asking_twice_gives_it_twice(topology: Topology) -> None:
    fabric, again = predict(topology), predict(topology)
    for source, target, (family, value, _) in all_pairs(topology):
        answer = fabric.follow(source, family, value)
        assert answer == again.follow(source, family, value) == fabric.follow(source, family, value)
        if answer.verdict is REACHES:
            assert answer.landing is not None
            assert fabric.routings[answer.landing].is_local(family, value)
        assert (answer.verdict is BLOCKED) <= (answer.cause is not Cause.DELIVERED)
        assert source != target or answer.verdict is REACHES


@given(topologies())
def test_same_segment_is_a_matter_of_both(topology: Topology) -> None:
    """Where nothing but connected networks counts, a reaches b as b reaches a."""
    bare = replace(
        topology,
        host=replace(topology.host, routes=()),
        namespaces=tuple(replace(each, routes=()) for each in topology.namespaces),
        veths=tuple(
            Veth(replace(veth.inner, routes=()), replace(veth.outer, routes=()), veth.path) for veth in topology.veths
        ),
    )
    fabric = predict(bare)
    owners = {(end.namespace, own) for end in bare.ends() for own in end.addresses}
    for one, own in owners:
        for other, others in owners:
            if own.network == others.network and one != other:
                there = fabric.follow(one, *others[:2])
                if there.verdict is REACHES and not there.routers:
                    assert fabric.follow(other, *own[:2]).verdict is REACHES


@given(topologies(externals=False), st.integers(0, 10_000))
def test_a_route_to_elsewhere_changes_nothing(topology: Topology, number: int) -> None:
    """A route to a network where nobody is does not decide who reaches anybody."""
    spare = Route(4, Cidr(4, (203 << 24) + (113 << 8), 24), kind="blackhole", metric=number)
    more = replace(topology, namespaces=tuple(with_route(each, spare) for each in topology.namespaces))
    before, after = predict(topology), predict(more)
    for source, _, (family, value, _) in all_pairs(topology):
        assert before.verdict(source, family, value) == after.verdict(source, family, value)


def with_route(namespace: Namespace, more: Route) -> Namespace:
    return replace(namespace, routes=(*namespace.routes, more))


@given(topologies())
def test_who_forwards_nowhere_routes_for_nobody(topology: Topology) -> None:
    quiet = replace(
        topology,
        host=replace(topology.host, forwarding=False),
        namespaces=tuple(replace(each, forwarding=False) for each in topology.namespaces),
    )
    fabric = predict(quiet)
    for source, _, (family, value, _) in all_pairs(quiet):
        assert fabric.follow(source, family, value).routers == ()
