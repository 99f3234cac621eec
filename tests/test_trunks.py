"""Trunks: which domains of which bridges a veth between two bridges joins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.reach.trunks import Trunk, Trunks, doubtful_families, vlan_of
from k8snet_scripts.topology import Bridge, Namespace, Port, Topology, Vlans

PLAIN, FILTERING = Bridge("plain"), Bridge("filtering", vlan_filtering=True)


def join(bridges: list[Bridge], *trunks: Trunk) -> Trunks:
    return Trunks(Topology("lab", Namespace("host", bridges=tuple(bridges))), bridges, trunks)


def trunk(one: int, other: int, near: Port | None = None, far: Port | None = None) -> Trunk:
    return Trunk((one, other), (near or Port(""), far or Port("")))


@pytest.mark.parametrize(
    ("bridge", "vlans", "tag", "vlan"),
    [
        (PLAIN, None, 0, 0),
        (PLAIN, Vlans(10), 7, 7),
        (FILTERING, None, 0, 1),
        (FILTERING, Vlans(10), 0, 10),
        (FILTERING, Vlans(10, (20,)), 20, 20),
        (FILTERING, Vlans(10, (20,)), 30, None),
        (FILTERING, Vlans(tagged=(20,)), 0, None),
    ],
)
def test_the_vlan_of_a_frame_at_a_port(bridge: Bridge, vlans: Vlans | None, tag: int, vlan: int | None) -> None:
    assert vlan_of(bridge, vlans, tag) == vlan


def test_access_ports_facing_each_other_join_their_vlans() -> None:
    ten, twenty = Port("", vlans=Vlans(10)), Port("", vlans=Vlans(20))
    joined = join([FILTERING, FILTERING], trunk(0, 1, ten, twenty))
    assert joined.passes((0, 10), False, (1, 20), False)
    assert not joined.passes((0, 10), False, (1, 10), False)


def test_what_passes_one_way_only_does_not_join() -> None:
    ten, tagged = Port("", vlans=Vlans(10)), Port("", vlans=Vlans(tagged=(10,)))
    assert not join([FILTERING, FILTERING], trunk(0, 1, ten, tagged)).passes((0, 10), False, (1, 10), False)


def test_only_a_loop_with_vlans_or_isolation_is_tangled() -> None:
    isolated = Port("", (("isolated", "on"),))
    cases = [
        (join([PLAIN, PLAIN], trunk(0, 1), trunk(0, 1)), False),
        (join([PLAIN, PLAIN], trunk(0, 1, isolated)), False),
        (join([PLAIN, PLAIN], trunk(0, 1, isolated), trunk(0, 1)), True),
        (join([PLAIN, FILTERING], trunk(0, 1)), False),
        (join([PLAIN, FILTERING], trunk(0, 1), trunk(0, 1)), True),
        (join([PLAIN], trunk(0, 0)), False),
    ]
    for trunks, tangled in cases:
        assert trunks.is_tangled(trunks.piece(0)) == tangled


def test_an_option_between_bridges_is_in_doubt_for_all_that_is_plugged_together() -> None:
    hairpin = Port("", (("hairpin", "on"),))
    joined = join([PLAIN, PLAIN, PLAIN, PLAIN], trunk(0, 1, hairpin), trunk(1, 2))
    assert [joined.is_doubtful(joined.piece(number), 4) for number in range(4)] == [True, True, True, False]


def test_hairpin_is_harmless_towards_a_namespace() -> None:
    hairpin = Port("", (("hairpin", "on"),))
    assert doubtful_families(hairpin, towards_bridge=False) == ()
    assert doubtful_families(hairpin, towards_bridge=True) == (4, 6)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 100)), max_size=8), st.data())
def test_a_frame_passes_a_tree_if_no_bridge_on_its_way_has_it_in_and_out_by_isolated_ports(
    links: list[tuple[bool, bool, int]], data: st.DataObject
) -> None:
    """Compared with walking the only path there is, bridge by bridge."""
    options = {True: Port("", (("isolated", "on"),)), False: Port("")}
    parents = {child: parent % child for child, (_, _, parent) in enumerate(links, start=1)}
    ports = {child: (up, down) for child, (up, down, _) in enumerate(links, start=1)}
    trunks = [trunk(child, parents[child], *(options[each] for each in ports[child])) for child in parents]
    joined = join([PLAIN] * (len(links) + 1), *trunks)
    start, end = (data.draw(st.integers(0, len(links))) for _ in range(2))
    entered, leaves = data.draw(st.booleans()), data.draw(st.booleans())

    def upwards(bridge: int) -> list[int]:
        return [bridge, *upwards(parents[bridge])] if bridge else [0]

    up, down = upwards(start), upwards(end)
    shared = next(bridge for bridge in up if bridge in down)
    sides: list[bool] = [entered]
    for bridge in up[: up.index(shared)]:
        sides += ports[bridge]
    for bridge in reversed(down[: down.index(shared)]):
        sides += reversed(ports[bridge])
    sides.append(leaves)
    expected = not any(way_in and way_out for way_in, way_out in zip(sides[::2], sides[1::2], strict=True))
    assert joined.passes((start, 0), entered, (end, 0), leaves) == expected
