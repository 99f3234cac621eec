"""Layer 2: who shares a segment, by example and for random topologies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from cables import bridge, cable, end, network, plug
from hypothesis import given
from topologies import topologies

from k8snet_scripts.reach.switching import Station, Switching
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Port, Topology, Veth, Vlans

ACCESS_10, ACCESS_20, TRUNK = Vlans(10), Vlans(20), Vlans(tagged=(10, 20))


def first_station(switching: Switching, namespace: str) -> Station:
    return next(iter(switching.stations(namespace)))


def connects(topology: Topology, one: str, other: str, family: int = 4) -> bool | None:
    """Whether the only stations of two namespaces connect; the other way round as well."""
    switching = Switching(topology)
    here, there = first_station(switching, one), first_station(switching, other)
    assert switching.connects(here, there, family) == switching.connects(there, here, family)
    return switching.connects(here, there, family)


def trunk(
    one: str,
    other: str,
    *ports: tuple[tuple[tuple[str, str], ...], Vlans | None],
    homes: tuple[str, str] = (HOST, HOST),
) -> Veth:
    """A veth between two bridges; `ports` are the options and VLANs of its ends."""
    (near, near_vlans), (far, far_vlans) = ports or (((), None), ((), None))
    return Veth(
        end(homes[0], f"{one}-{other}", "", one, near, near_vlans),
        end(homes[1], f"{other}-{one}", "", other, far, far_vlans),
    )


def plain(*names: str) -> Iterable[Bridge]:
    return [bridge(name) for name in names]


def filtering(*names: str, vlans: Vlans | None = None) -> Iterable[Bridge]:
    return [bridge(name, vlan_filtering=True, vlans=vlans) for name in names]


def test_a_veth_joins_its_two_ends() -> None:
    lab = network(cable("a", "", "b", ""), cable("c", "", "d", ""))
    assert connects(lab, "a", "b") is True
    assert connects(lab, "a", "c") is False


def test_a_bridge_is_a_station_on_its_own_segment() -> None:
    lab = network(plug("a", "", "br0"), bridges=plain("br0"))
    assert connects(lab, "a", HOST) is True


def test_bridges_joined_by_veths_are_one_segment() -> None:
    ends = [plug("a", "", "br0"), plug("b", "", "br2"), plug("c", "", "br3")]
    lab = network(*ends, trunk("br0", "br1"), trunk("br1", "br2"), bridges=plain("br0", "br1", "br2", "br3"))
    assert connects(lab, "a", "b") is True
    assert connects(lab, "a", "c") is False


def test_an_isolated_trunk_keeps_isolated_ports_apart_but_not_what_is_behind_it() -> None:
    isolated = ((("isolated", "on"),), None)
    lab = network(
        plug("a", "", "br0", isolated=True),
        plug("b", "", "br0"),
        plug("c", "", "br1", isolated=True),
        plug("d", "", "br1", isolated=True),
        trunk("br0", "br1", isolated, ((), None)),
        bridges=plain("br0", "br1"),
    )
    assert connects(lab, "a", "c") is False
    assert connects(lab, "b", "c") is True
    assert connects(lab, "c", "d") is False


def vlan_lab(*, middle: bool = False) -> Topology:
    """a and b in VLAN 10, c in 20, on two bridges with a trunk between them, or with a bridge that does not filter."""
    tagged = ((), TRUNK)
    trunks = [trunk("br0", "sw", tagged, ((), None)), trunk("sw", "br1", ((), None), tagged)]
    return network(
        plug("a", "", "br0", vlans=ACCESS_10),
        plug("b", "", "br1", vlans=ACCESS_10),
        plug("c", "", "br1", vlans=ACCESS_20),
        plug("d", "", "br0"),
        *(trunks if middle else [trunk("br0", "br1", tagged, tagged)]),
        bridges=[*filtering("br0", "br1"), *plain("sw")],
    )


@pytest.mark.parametrize("middle", [False, True])
def test_vlans_are_kept_apart_and_carried_over_trunks(middle: bool) -> None:
    lab = vlan_lab(middle=middle)
    assert connects(lab, "a", "b") is True
    assert connects(lab, "a", "c") is False
    assert connects(lab, "b", "c") is False
    assert connects(lab, "a", "d") is False


def test_vlan_1_is_what_nobody_says() -> None:
    lab = network(
        plug("a", "", "br0"),
        plug("b", "", "br0", vlans=Vlans(1)),
        plug("c", "", "br0", vlans=TRUNK),
        bridges=filtering("br0"),
    )
    assert connects(lab, "a", "b") is True
    assert connects(lab, "a", HOST) is True
    assert connects(lab, "a", "c") is False
    assert connects(lab, "c", HOST) is False


def test_a_bridge_is_in_the_vlan_that_it_is_given() -> None:
    lab = network(
        plug("a", "", "br0", vlans=ACCESS_10), plug("b", "", "br0"), bridges=filtering("br0", vlans=ACCESS_10)
    )
    assert connects(lab, "a", HOST) is True
    assert connects(lab, "b", HOST) is False
    nowhere = network(plug("a", "", "br0", vlans=ACCESS_10), bridges=filtering("br0", vlans=TRUNK))
    assert connects(nowhere, "a", HOST) is False


def test_without_filtering_memberships_mean_nothing() -> None:
    lab = network(plug("a", "", "br0", vlans=ACCESS_10), plug("b", "", "br0", vlans=ACCESS_20), bridges=plain("br0"))
    assert connects(lab, "a", "b") is True


@pytest.mark.parametrize(
    ("option", "families"),
    [
        (("hairpin", "on"), (True, True)),
        (("learning", "off"), (True, True)),
        (("cost", "4"), (True, True)),
        (("flood", "off"), (None, None)),
        (("bcast_flood", "off"), (None, True)),
        (("mcast_flood", "off"), (True, None)),
        (("guard", "on"), (True, True)),
    ],
)
def test_port_options_may_leave_a_family_open(option: tuple[str, str], families: tuple[bool | None, ...]) -> None:
    odd = Veth(end("b", "eth0"), end(HOST, "b0", "", "br0", (option,)))
    lab = network(plug("a", "", "br0"), odd, bridges=plain("br0"))
    assert (connects(lab, "a", "b", 4), connects(lab, "a", "b", 6)) == families


@pytest.mark.parametrize("option", ["hairpin", "guard", "root_block"])
def test_some_options_are_open_only_towards_another_bridge(option: str) -> None:
    lab = network(
        plug("a", "", "br0"),
        plug("b", "", "br1"),
        trunk("br0", "br1", (((option, "on"),), None), ((), None)),
        bridges=plain("br0", "br1"),
    )
    assert connects(lab, "a", "b") is None


def test_in_a_loop_the_spanning_tree_knows_no_isolation_and_no_vlans() -> None:
    ends = [plug("a", "", "br0"), plug("b", "", "br1")]
    twice = [trunk("br0", "br1"), Veth(end(HOST, "x", "", "br0"), end(HOST, "y", "", "br1"))]
    assert connects(network(*ends, *twice, bridges=plain("br0", "br1")), "a", "b") is True
    assert connects(network(*ends, *twice, bridges=filtering("br0", "br1")), "a", "b") is None


def test_an_external_port_opens_a_segment_and_its_neighbours() -> None:
    lab = network(
        plug("a", "", "br0"),
        plug("b", "", "br1"),
        plug("c", "", "br2"),
        trunk("br0", "br1"),
        bridges=plain("br0", "br1", "br2"),
        host={"interfaces": (Interface("eth1", port=Port("br0"), external=True),)},
    )
    switching = Switching(lab)
    assert [switching.is_open(first_station(switching, name)) for name in "abc"] == [True, True, False]


def test_segments_are_described_by_bridge_vlan_or_veth() -> None:
    lab = network(
        plug("a", "", "br0", vlans=ACCESS_10),
        plug("b", "", "sw", home="r"),
        cable("c", "", "d", ""),
        bridges=filtering("br0"),
        r={"bridges": (bridge("sw"),)},
    )
    switching = Switching(lab)
    words = [switching.describe(first_station(switching, name)) for name in "abc"]
    assert words == ["segment br0, vlan 10", "segment sw of r", "veth to-d"]


@given(topologies())
def test_connecting_is_mutual_and_stays_on_one_segment(topology: Topology) -> None:
    switching = Switching(topology)
    stations = [station for namespace in topology.everywhere() for station in switching.stations(namespace.name)]
    for one in stations:
        for other in stations:
            passes = switching.connects(one, other, 4)
            assert passes == switching.connects(other, one, 4)
            if passes:
                assert other in switching.stations_near(one, other.namespace)
                assert switching.describe(one) and not (one.attachment is None or other.attachment is None)


@given(topologies())
def test_isolating_every_port_leaves_only_what_needs_no_two_of_them(topology: Topology) -> None:
    """With isolation everywhere a station behind a port reaches the bridge itself and who shares its wire, no more."""
    switching = Switching(isolate(topology))
    ends = [station for namespace in topology.everywhere() for station in switching.stations(namespace.name)]
    behind_ports = [each for each in ends if each.attachment and each.attachment.isolated]
    for one in behind_ports:
        for other in behind_ports:
            assert switching.connects(one, other, 4) is not True or one.wire is other.wire


def isolate(topology: Topology) -> Topology:
    def isolated(end: End) -> End:
        port = end.port
        return replace(end, port=replace(port, options=(*port.options, ("isolated", "on")))) if port else end

    return replace(
        topology, veths=tuple(Veth(isolated(veth.inner), isolated(veth.outer), veth.path) for veth in topology.veths)
    )
