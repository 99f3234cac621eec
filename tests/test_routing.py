"""Layer 3 inside one namespace: the route that is taken, and the address that is sent from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cables import bridge, cidrs, end, network, route

from k8snet_scripts.addresses import format_address, parse_address
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.reach.routing import Choice, Routing
from k8snet_scripts.reach.switching import Switching
from k8snet_scripts.topology import HOST, Namespace, Route, Veth


def routing(*interfaces: str, routes: Sequence[Route] = (), name: str = "n", **settings: Any) -> Routing:
    """The routing of a namespace with interfaces e0, e1, ..., given by their addresses; `routes` are the namespace's."""
    veths = (Veth(end(name, f"e{number}", own), end("far", f"f{number}")) for number, own in enumerate(interfaces))
    lab = network(*veths)
    namespace = Namespace(name, routes=tuple(routes), **settings)
    lab = replace(lab, namespaces=tuple(each for each in lab.namespaces if each.name != name))
    lab = replace(lab, host=namespace) if name == HOST else replace(lab, namespaces=(*lab.namespaces, namespace))
    return Routing(namespace, Switching(lab).stations(name))


def choose(table: Routing, address: str) -> Choice | None:
    return table.choose(*parse_address(address))


def leaves_by(table: Routing, address: str) -> str | None:
    choice = choose(table, address)
    return choice.hop.station.interface.name if choice and choice.hop.station else None


def sources(table: Routing, address: str) -> list[str]:
    family, value = parse_address(address)
    choice = table.choose(family, value)
    assert choice
    return [format_address(family, own) for own in table.sources(family, choice.hop, value)]


def test_connected_networks_need_no_route() -> None:
    table = routing("10.0.0.1/24 fd00::1/64", "10.1.0.1/24 10.0.0.193/26")
    assert leaves_by(table, "10.0.0.7") == "e0"
    assert leaves_by(table, "fd00::7") == "e0"
    assert leaves_by(table, "10.0.0.200") == "e1"
    assert choose(table, "10.2.0.1") is None


def test_a_host_address_connects_to_nothing() -> None:
    table = routing("10.0.0.1/32 fd00::1/128")
    assert table.is_local(*parse_address("10.0.0.1"))
    assert choose(table, "10.0.0.2") is None
    assert choose(table, "fd00::2") is None


def test_two_interfaces_in_one_network_are_tied() -> None:
    choice = choose(routing("10.0.0.1/24", "10.0.0.2/24"), "10.0.0.7")
    assert choice and choice.tied


def test_two_addresses_of_one_interface_in_one_network_are_not() -> None:
    choice = choose(routing("10.0.0.1/24 10.0.0.2/24"), "10.0.0.7")
    assert choice and not choice.tied


def test_a_metric_decides_between_equal_prefixes_and_connected_networks_have_one() -> None:
    blackholes = [route("10.0.0.0/24", kind="blackhole", metric=1), route("fd00::/64", kind="blackhole", metric=255)]
    table = routing("10.0.0.1/24 fd00::1/64", routes=blackholes)
    four, six = choose(table, "10.0.0.7"), choose(table, "fd00::7")
    assert four and four.hop.kind == "unicast" and four.fallback
    assert six and six.hop.kind == "blackhole" and six.fallback


def test_a_shorter_prefix_is_a_fallback() -> None:
    table = routing("10.0.0.1/24", routes=[route(via="10.0.0.9"), route("10.5.0.0/16", "10.0.0.8")])
    specific, default = choose(table, "10.5.0.1"), choose(table, "10.6.0.1")
    assert specific and specific.fallback and specific.hop.via == parse_address("10.0.0.8")[1]
    assert default and not default.fallback and default.hop.via == parse_address("10.0.0.9")[1]


@pytest.mark.parametrize(("table", "found"), [(None, True), (254, True), (100, False)])
def test_only_the_main_table_is_looked_at(table: int | None, found: bool) -> None:
    assert (
        choose(routing("10.0.0.1/24", routes=[route(via="10.0.0.9", table=table)]), "10.6.0.1") is not None
    ) == found


def test_a_next_hop_names_its_interface() -> None:
    table = routing("10.0.0.1/16", "10.0.7.1/24", routes=[route(via="10.0.7.9")])
    assert leaves_by(table, "10.99.0.1") == "e1"
    tied = routing("10.0.0.1/24", "10.0.0.2/24", routes=[route(via="10.0.0.9")])
    assert leaves_by(tied, "10.99.0.1") is None


def test_a_network_on_lo_is_local_unless_a_part_of_it_is_elsewhere() -> None:
    table = routing("10.9.0.129/25", addresses=cidrs("10.9.0.1/24 fd09::1/64"))
    local = ["10.9.0.1", "10.9.0.77", "fd09::1"]
    assert [table.is_local(*parse_address(own)) for own in local] == [True] * 3
    assert not table.is_local(*parse_address("10.9.0.200"))
    assert not table.is_local(*parse_address("fd09::2"))
    assert leaves_by(table, "10.9.0.200") == "e0"


def test_broadcast_addresses_are_those_of_networks_with_room_for_one() -> None:
    table = routing("10.0.0.1/24 10.1.0.0/31")
    assert table.is_broadcast(*parse_address("10.0.0.255"))
    assert not table.is_broadcast(*parse_address("10.1.0.1"))


def test_the_source_is_the_primary_address_of_the_network_of_the_next_hop() -> None:
    table = routing(
        "10.0.0.1/24 10.0.0.2/24 10.1.0.1/24", routes=[route(via="10.1.0.9"), route("10.7.0.0/16", dev="e0")]
    )
    assert sources(table, "10.0.0.9") == ["10.0.0.1"]
    assert sources(table, "10.1.0.9") == ["10.1.0.1"]
    assert sources(table, "10.99.0.1") == ["10.1.0.1"]
    assert sources(table, "10.7.0.1") == ["10.0.0.1"]


def test_a_route_may_name_the_source() -> None:
    assert sources(routing("10.0.0.1/24 10.0.0.2/24", routes=[route(via="10.0.0.9", src="10.0.0.2")]), "10.8.0.1") == [
        "10.0.0.2"
    ]


def test_an_interface_without_an_address_borrows_one_of_lo_or_else_any() -> None:
    routes = [route("10.8.0.0/16", dev="e0")]
    assert sources(routing("", "10.0.0.1/24", routes=routes, addresses=cidrs("10.5.0.1/32")), "10.8.0.1") == [
        "10.5.0.1"
    ]
    assert sources(routing("", "10.0.0.1/24", "10.1.0.1/24", routes=routes), "10.8.0.1") == ["10.0.0.1", "10.1.0.1"]
    assert sources(routing("", "10.0.0.1/24", routes=routes, name=HOST), "10.8.0.1") == []


def test_ipv6_prefers_the_label_then_the_longest_common_prefix() -> None:
    table = routing(
        "fd00::1/64 2001:db8::1/64 2001:db8:0:1::1/64",
        "fd77::1/64",
        routes=[route(via="fd00::9"), route(via="2001:db8::9", to="2001:db8::/32")],
    )
    assert sources(table, "fd99::1") == ["fd00::1"]
    assert sources(table, "2001:db8:0:1:8000::1") == ["2001:db8:0:1::1"]
    assert sources(table, "2001:db8:ffff::1") == ["2001:db8::1", "2001:db8:0:1::1"]


def test_a_masqueraded_source_is_that_of_the_interface_whatever_the_route_says() -> None:
    table = routing("10.0.0.1/24 10.0.0.2/24", routes=[route(via="10.0.0.9", src="10.0.0.2")])
    choice = choose(table, "10.8.0.1")
    assert choice and list(table.masquerade_sources(4, choice.hop, parse_address("10.8.0.1")[1])) == [
        parse_address("10.0.0.1")[1]
    ]


def test_masquerade_is_for_what_comes_from_inside_and_goes_outside() -> None:
    table = routing("10.0.0.1/24", masquerade=(*map(Masquerade, cidrs("10.5.0.0/24")),))
    inside, other, outside = (parse_address(text)[1] for text in ("10.5.0.1", "10.5.0.2", "10.6.0.1"))
    assert table.masquerades(4, inside, outside)
    assert not table.masquerades(4, inside, other)
    assert not table.masquerades(4, outside, inside)


@pytest.mark.parametrize(
    ("name", "settings", "forwards"),
    [
        ("n", {}, False),
        (HOST, {}, None),
        (HOST, {"forwarding": False}, False),
        ("n", {"forwarding": True}, True),
        (HOST, {"sysctls": (("net.ipv4.ip_forward", "1"),)}, True),
        ("n", {"sysctls": (("net.ipv4.conf.all.forwarding", "1"),)}, True),
        (HOST, {"sysctls": (("net.ipv4.ip_forward", "0"),)}, False),
        ("n", {"sysctls": (("net.ipv6.conf.all.forwarding", "1"),)}, False),
    ],
)
def test_who_forwards_ipv4(name: str, settings: dict[str, Any], forwards: bool | None) -> None:
    assert routing(name=name, **settings).forwards(4) is forwards


@pytest.mark.parametrize(
    ("key", "value", "unsettled"),
    [
        ("net.ipv4.conf.all.arp_ignore", "1", True),
        ("net.ipv4.conf.e/1.arp_ignore", "2", True),
        ("net.ipv4.conf.all.arp_ignore", "0", False),
        ("net.ipv4.conf.e0.forwarding", "1", True),
        ("net.ipv4.ip_forward", "1", False),
        ("net.ipv4.ip_default_ttl", "3", True),
        ("net.ipv4.ip_default_ttl", "255", False),
        ("net.ipv4.tcp_syncookies", "1", False),
        ("net.ipv6.conf.all.disable_ipv6", "1", False),
    ],
)
def test_which_sysctls_unsettle_ipv4(key: str, value: str, unsettled: bool) -> None:
    assert routing(sysctls=((key, value),)).is_unsettled(4) is unsettled


def test_a_bridge_has_addresses_like_any_interface() -> None:
    lab = network(bridges=[bridge("br0", "10.0.0.1/24")])
    table = Routing(lab.host, Switching(lab).stations(HOST))
    assert leaves_by(table, "10.0.0.2") == "br0"
