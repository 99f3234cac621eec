"""Who reaches whom over tunnels and macvlans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cables import bridge, cable, cidrs, network, plug
from verdicts import BLOCKED, REACHES, UNKNOWN, ask

from k8snet_scripts.topology import HOST, FdbEntry, Interface, Macvlan, Neighbour, Port, Topology, Veth, Vlans, Vxlan


def tunnelled(left: Vxlan, right: Vxlan, underlay: Veth | None = None) -> Topology:
    """a = b by a cable, and a VXLAN device on top at each side."""
    lab = network(underlay or cable("a", "10.0.0.1/24", "b", "10.0.0.2/24"))
    devices = {"a": left, "b": right}
    spaces = [replace(space, devices=(devices[space.name],)) for space in lab.namespaces]
    return replace(lab, namespaces=tuple(spaces))


def vxlan(number: int, **options: Any) -> Vxlan:
    """A device on the side of that number, with 10.7.0.NUMBER and a link-layer address that ends alike."""
    own: dict[str, Any] = {"id": 7, "local": f"10.0.0.{number}", "lladdr": f"02:00:00:00:00:0{number}"} | options
    return Vxlan("vx0", addresses=cidrs(f"10.7.0.{number}/24"), **own)


def known(number: int, lladdr: str = "") -> dict[str, Any]:
    """Entries by which a device knows the other one."""
    lladdr = lladdr or f"02:00:00:00:00:0{number}"
    return {
        "fdb": (FdbEntry(f"10.0.0.{number}", lladdr),),
        "neighbours": (Neighbour(f"10.7.0.{number}", lladdr),),
        "learning": False,
    }


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (vxlan(1, **known(2)), vxlan(2, **known(1))),
        (vxlan(1, remote="10.0.0.2"), vxlan(2, remote="10.0.0.1")),
        (vxlan(1, local=None, fdb=(FdbEntry("10.0.0.2"),)), vxlan(2, remote="10.0.0.1")),
    ],
    ids=("entries", "remote ends", "default entries"),
)
def test_a_tunnel_leads_where_its_entries_say(left: Vxlan, right: Vxlan) -> None:
    lab = tunnelled(left, right)
    assert ask(lab, "a", "10.7.0.2") == ask(lab, "b", "10.7.0.1") == (REACHES, "same vxlan 7")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (vxlan(1, **known(2)), vxlan(2, id=8, **known(1))),
        (vxlan(1, **known(2)), vxlan(2, dstport=8472, **known(1))),
        (vxlan(1, **known(2, "02:00:00:00:00:09")), vxlan(2, **known(1))),
        (vxlan(1, **known(2)), vxlan(2, **(known(1) | {"fdb": (FdbEntry("10.0.0.9", "02:00:00:00:00:01"),)}))),
        (vxlan(1, remote="10.0.0.2"), vxlan(2)),
        (vxlan(1, remote="10.0.0.9"), vxlan(2, remote="10.0.0.1")),
        (vxlan(1, group="239.1.1.1"), vxlan(2, group="239.1.1.1")),
        (vxlan(1), vxlan(2)),
    ],
    ids=("id", "port", "lladdr", "way back", "no remote end", "astray", "group", "nothing"),
)
def test_of_a_tunnel_that_may_lead_nowhere_nothing_is_said(left: Vxlan, right: Vxlan) -> None:
    assert ask(tunnelled(left, right), "a", "10.7.0.2")[0] is UNKNOWN


def test_a_tunnel_over_a_wire_that_does_not_connect_is_not_decided() -> None:
    lab = tunnelled(vxlan(1, **known(2)), vxlan(2, **known(1)), cable("a", "10.0.0.1/24", "b", "10.1.0.2/24"))
    assert ask(lab, "a", "10.7.0.2")[0] is UNKNOWN


def sharing(mode: str, hairpin: bool = False) -> Topology:
    """a = b by a cable, and on the side of a the macvlans of c, d (in the mode `bridge`) and e, whose mode is given."""
    lab = network(cable("a", "10.0.0.1/24", "b", "10.0.0.2/24"), c={}, d={}, e={})
    if hairpin:
        options = Port("br0", (("hairpin", "on"),))
        veth = replace(lab.veths[0], outer=replace(lab.veths[0].outer, addresses=(), port=options))
        spaces = [replace(space, bridges=(bridge("br0"),)) if space.name == "b" else space for space in lab.namespaces]
        lab = replace(lab, veths=(veth,), namespaces=tuple(spaces))
    modes = {"c": "bridge", "d": "bridge", "e": mode}
    devices = {
        name: Macvlan(
            "m0", cidrs(f"10.0.0.{number}/24"), parent=lab.veths[0].inner.name, parent_namespace="a", mode=own
        )
        for number, (name, own) in enumerate(modes.items(), start=3)
    }
    spaces = [
        replace(space, devices=(devices[space.name],)) if space.name in devices else space for space in lab.namespaces
    ]
    return replace(lab, namespaces=tuple(spaces))


@pytest.mark.parametrize("mode", ["private", "vepa"])
def test_macvlans_reach_each_other_and_the_wire_but_not_their_parent(mode: str) -> None:
    lab = sharing(mode)
    reached = {(one, other) for one in "cde" for other in "bcde" if one != other}
    apart = {(one, other) for one, other in reached if "e" in (one, other) and "b" != other}
    numbers = {name: f"10.0.0.{number}" for number, name in enumerate("abcde", start=1)}
    assert {ask(lab, one, numbers[other])[0] for one, other in reached - apart} == {REACHES}
    assert {ask(lab, one, numbers[other])[0] for one, other in apart} == {BLOCKED}
    assert {ask(lab, name, numbers["a"])[0] for name in "cde"} == {BLOCKED}
    assert {ask(lab, "b", numbers[name])[0] for name in "acde"} == {REACHES}


def test_what_a_switch_may_send_back_is_not_decided() -> None:
    lab = sharing("private", hairpin=True)
    assert ask(lab, "c", "10.0.0.4")[0] is REACHES
    assert {ask(lab, "c", "10.0.0.1")[0], ask(lab, "a", "10.0.0.3")[0], ask(lab, "e", "10.0.0.3")[0]} == {UNKNOWN}


def test_of_macvlans_on_an_interface_of_others_nothing_is_said() -> None:
    lab = network(c={}, d={})
    spaces = [
        replace(
            space,
            devices=(Macvlan("m0", cidrs(f"10.0.0.{number}/24"), parent="eth1", parent_namespace=HOST),),
        )
        for number, space in enumerate(lab.namespaces, start=3)
    ]
    lab = replace(lab, namespaces=tuple(spaces), host=replace(lab.host, interfaces=(Interface("eth1", external=True),)))
    assert ask(lab, "c", "10.0.0.4")[0] is ask(lab, "c", "10.0.0.9")[0] is UNKNOWN


def test_an_interface_that_is_passed_through_may_hear_nothing() -> None:
    lab = network(cable("a", "10.0.0.1/24", "b", "10.0.0.2/24"))
    spaces = [
        replace(space, devices=(Macvlan("m0", parent=lab.veths[0].inner.name, mode="passthru"),))
        if space.name == "a"
        else space
        for space in lab.namespaces
    ]
    lab = replace(lab, namespaces=tuple(spaces))
    assert ask(lab, "a", "10.0.0.2")[0] is ask(lab, "b", "10.0.0.9")[0] is UNKNOWN


def test_what_leaves_untagged_and_may_not_come_back_is_not_decided() -> None:
    ports = {"a": Vlans(10), "b": Vlans(10, leaving=(1,)), "c": Vlans(1), "d": Vlans(1)}
    veths = [
        plug(name, f"10.0.0.{number}/24", "br0", vlans=vlans) for number, (name, vlans) in enumerate(ports.items(), 1)
    ]
    lab = network(*veths, bridges=[bridge("br0", vlan_filtering=True)])
    assert ask(lab, "a", "10.0.0.2")[0] is ask(lab, "c", "10.0.0.4")[0] is REACHES
    assert ask(lab, "c", "10.0.0.2")[0] is ask(lab, "b", "10.0.0.3")[0] is UNKNOWN


def test_whoever_is_behind_a_tunnel_may_be_on_the_segment_of_its_bridge() -> None:
    lab = network(plug("a", "10.0.0.2/24", "br0"), bridges=[bridge("br0")], b={"addresses": cidrs("10.0.0.9/32")})
    assert ask(lab, "a", "10.0.0.9")[0] is BLOCKED
    lab = replace(lab, host=replace(lab.host, devices=(Vxlan("vx0", id=7, port=Port("br0")),)))
    assert ask(lab, "a", "10.0.0.9")[0] is UNKNOWN
