"""Automatic addresses: as host-local gives them out, and never one twice."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.diagnostics import Finding, Report
from k8snet_scripts.filtering import Path
from k8snet_scripts.frontend.allocate import allocate_addresses
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Topology, Veth


def bridge(name: str = "br0", subnets: str = "10.1.0.0/24", addresses: str = "", auto: bool = False) -> Bridge:
    path: Path = ("bridges", name, "auto" if auto else "plain")
    return Bridge(name, parsed(addresses), path=path, subnets=parsed(subnets))


def parsed(texts: str) -> tuple[Cidr, ...]:
    return tuple(map(parse_cidr, texts.split()))


def veth(name: str, addresses: str = "", at: int | None = 0, to: str = "br0", in_bridge: str = "") -> Veth:
    """A veth from a namespace to a bridge of the host; `at` is where its inner end wants automatic addresses."""
    inner = End("eth0", parsed(addresses), path=("veths", name, at if at is not None else "plain"), namespace=name)
    if in_bridge:
        inner = replace(inner, port=Port(in_bridge))
    return Veth(inner, End(name, port=Port(to) if to else None, path=("veths", name, "peer")), ("veths", name))


def wanted(topology: Topology) -> dict[Path, int]:
    """What the paths above say."""
    wishes: dict[Path, int] = {}
    for end in topology.ends():
        if isinstance(end.path[-1], int):
            wishes[end.path] = end.path[-1]
    for item in [item for place in topology.everywhere() for item in (*place.bridges, *place.interfaces)]:
        if item.path[-1] == "auto":
            wishes[item.path] = 0
    return wishes


def allocate(topology: Topology) -> tuple[Topology, list[Finding]]:
    report = Report()
    return allocate_addresses(deepcopy(topology), wanted(topology), report), report.findings


def lan(*veths: Veth, bridges: tuple[Bridge, ...] = (bridge(),), interfaces: tuple[Interface, ...] = ()) -> Topology:
    return Topology("t", Namespace(HOST, bridges=bridges, interfaces=interfaces), veths=veths)


def inner(topology: Topology) -> list[list[str]]:
    return [[str(address) for address in veth.inner.addresses] for veth in topology.veths]


def test_the_first_is_the_gateways_and_the_rest_in_order() -> None:
    topology, findings = allocate(lan(veth("a"), veth("b"), veth("c"), bridges=(bridge(auto=True),)))
    assert not findings
    assert [str(address) for address in topology.host.bridges[0].addresses] == ["10.1.0.1/24"]
    assert inner(topology) == [["10.1.0.2/24"], ["10.1.0.3/24"], ["10.1.0.4/24"]]


def test_the_gateways_address_is_kept_free_while_no_one_has_it() -> None:
    assert inner(allocate(lan(veth("a")))[0]) == [["10.1.0.2/24"]]


def test_a_bridge_with_another_address_frees_the_first_one() -> None:
    topology, _ = allocate(lan(veth("a"), veth("b"), bridges=(bridge(addresses="10.1.0.2/24"),)))
    assert inner(topology) == [["10.1.0.1/24"], ["10.1.0.3/24"]]


def test_what_is_written_anywhere_on_the_segment_is_passed_over() -> None:
    eth1 = Interface("eth1", parsed("10.1.0.5/24"), port=Port("br0"), external=True, path=("interfaces", "eth1"))
    outer = veth("d", at=None)
    outer = replace(outer, outer=replace(outer.outer, addresses=parsed("10.1.0.3/24")))
    topology, _ = allocate(
        lan(veth("a"), veth("b"), veth("c", "10.1.0.2/24", at=None), outer, veth("e"), interfaces=(eth1,))
    )
    assert inner(topology) == [["10.1.0.4/24"], ["10.1.0.6/24"], ["10.1.0.2/24"], [], ["10.1.0.7/24"]]


def test_one_for_each_subnet_where_it_was_asked_for() -> None:
    bridges = (bridge(subnets="10.1.0.0/24 fd00::/64", auto=True),)
    topology, _ = allocate(lan(veth("a", "192.0.2.1/32 192.0.2.2/32", at=1), bridges=bridges))
    assert inner(topology) == [["192.0.2.1/32", "10.1.0.2/24", "fd00::2/64", "192.0.2.2/32"]]
    assert [str(address) for address in topology.host.bridges[0].addresses] == ["10.1.0.1/24", "fd00::1/64"]


def test_an_external_port_takes_from_its_own_bridge() -> None:
    eth1 = Interface("eth1", port=Port("br0"), external=True, path=("interfaces", "eth1", "auto"))
    topology, _ = allocate(lan(interfaces=(eth1,)))
    assert [str(address) for address in topology.host.interfaces[0].addresses] == ["10.1.0.2/24"]


def test_equal_subnets_of_separate_bridges_do_not_know_each_other() -> None:
    topology, _ = allocate(lan(veth("a"), veth("b", to="br1"), bridges=(bridge(), bridge("br1"))))
    assert inner(topology) == [["10.1.0.2/24"], ["10.1.0.2/24"]]


def test_joined_bridges_share_their_addresses() -> None:
    sw = Namespace("sw", bridges=(bridge("br9"),))
    trunk = veth("sw", at=None, in_bridge="br9")
    far = veth("b")
    far = replace(far, outer=replace(far.outer, namespace="sw", port=Port("br9")))
    topology, _ = allocate(replace(lan(veth("a"), trunk, far), namespaces=(sw,)))
    assert inner(topology) == [["10.1.0.2/24"], [], ["10.1.0.3/24"]]


@pytest.mark.parametrize(
    ("subnet", "room"),
    [
        ("10.1.0.0/29", 5), ("10.1.0.0/30", 1), ("10.1.0.0/31", 0), ("10.1.0.0/32", 0), ("255.255.255.248/29", 5),
        ("fd00::/125", 6), ("fd00::/126", 2), ("fd00::/127", 0), ("fd00::/128", 0),
    ],
)  # fmt: skip
def test_a_subnet_is_used_up_to_its_end(subnet: str, room: int) -> None:
    many = [veth(f"n{number}") for number in range(room)]
    topology, findings = allocate(lan(*many, bridges=(bridge(subnets=subnet),)))
    assert not findings
    assert all(len(addresses) == 1 for addresses in inner(topology))
    topology, findings = allocate(lan(*many, veth("last"), bridges=(bridge(subnets=subnet),)))
    assert [(finding.slug, finding.path) for finding in findings] == [
        ("subnet-exhausted", ("veths", "last", 0, "addresses", 0))
    ]
    assert inner(topology)[-1] == []


def test_a_place_in_the_document_is_named_once_however_many_stand_for_it() -> None:
    one = veth("n1")
    many = [replace(one, inner=replace(one.inner, namespace=f"n{number}")) for number in range(50)]
    _, findings = allocate(lan(*many, bridges=(bridge(subnets="10.1.0.0/30"),)))
    assert [finding.slug for finding in findings] == ["subnet-exhausted"]


def test_a_gateway_without_room() -> None:
    topology, findings = allocate(lan(bridges=(bridge(subnets="10.1.0.0/32", auto=True),)))
    assert [finding.slug for finding in findings] == ["subnet-exhausted"]
    assert topology.host.bridges[0].addresses == ()


@pytest.mark.parametrize(
    ("topology", "slug"),
    [
        (lan(veth("a", to="")), "auto-without-subnet"),
        (lan(veth("a"), bridges=(bridge(subnets=""),)), "auto-without-subnet"),
        (lan(bridges=(bridge(subnets="", auto=True),)), "auto-without-subnet"),
        (lan(veth("a", to="unknown")), None),
    ],
)
def test_nothing_to_take_from(topology: Topology, slug: str | None) -> None:
    result, findings = allocate(topology)
    assert [finding.slug for finding in findings] == ([slug] if slug else [])
    assert result == topology


def test_without_wishes_nothing_changes() -> None:
    topology = lan(veth("a", at=None))
    assert allocate_addresses(topology, {}, Report()) is topology


@given(
    st.lists(st.one_of(st.none(), st.integers(1, 20)), max_size=12),
    st.sampled_from(("10.1.0.0/28", "fd00::/120", "10.1.0.0/28 fd00::/120")),
)
def test_nobody_has_the_address_of_another(hosts: list[int | None], subnets: str) -> None:
    """None asks for an address, a number is one written by hand (some lie outside the smaller subnet)."""
    veths = [
        veth(f"n{at}") if host is None else veth(f"n{at}", f"10.1.0.{host}/28 fd00::{host:x}/120", at=None)
        for at, host in enumerate(hosts)
    ]
    topology, findings = allocate(lan(*veths, bridges=(bridge(subnets=subnets),)))
    assert not findings
    written = {address for end in lan(*veths).ends() for address in end.addresses}
    given_out = [
        address
        for veth, host in zip(topology.veths, hosts, strict=True)
        if host is None
        for address in veth.inner.addresses
    ]
    assert len(set(given_out)) == len(given_out) == hosts.count(None) * len(subnets.split())
    assert not written & set(given_out)
    for subnet in parsed(subnets):
        mine = [address.value for address in given_out if address.family == subnet.family]
        assert mine == sorted(mine)
        taken = {address.value for address in (*written, *given_out) if address.family == subnet.family}
        assert set(range(subnet.value + 2, max(mine, default=0))) <= taken  # no gap: the lowest free one every time
        assert subnet.value + 1 not in mine
