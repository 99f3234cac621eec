"""What a pod and the host get: routes and their next hops, the bridge's addresses, and the result in every version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.addresses import parse_address, parse_cidr
from k8snet_scripts.cni.addressing import Dns, HostLocal, IpamRoute, StaticAddress, StaticIpam
from k8snet_scripts.cni.attachment import (
    Grant,
    MissingPrefix,
    PodRoute,
    attach_bridge,
    attach_macvlan,
    attach_ptp,
    describe_bridge,
    describe_grant,
    describe_loopback,
    describe_ptp,
    grant_host_local,
    grant_static,
)
from k8snet_scripts.cni.configuration import BridgePlugin, MacvlanPlugin, PtpPlugin, RequestedIp
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.ranges import Address, Lease
from k8snet_scripts.cni.result import Inexpressible, Interface, Result, render_result
from k8snet_scripts.cni.versions import SPEC_VERSIONS

IPAM = StaticIpam()
BRIDGE, HOST, POD = (
    Interface("br0", "02::1"),
    Interface("veth1", "02::2"),
    Interface("eth0", "02::3", "/run/netns/pod1"),
)


def address(text: str) -> Address:
    return Address(*parse_address(text))


def lease(text: str, gateway: str = "") -> Lease:
    return Lease(parse_cidr(text), address(gateway) if gateway else None)


def route(dst: str, gw: str = "") -> IpamRoute:
    return IpamRoute(parse_cidr(dst), address(gw) if gw else None)


FOUR, SIX = lease("10.1.0.2/16", "10.1.0.1"), lease("fd00::2/64", "fd00::1")
OTHER = lease("10.2.0.2/16", "10.2.0.1")
DEFAULTS = (route("0.0.0.0/0"), route("::/0"))


def hops(routes: tuple[PodRoute, ...]) -> list[str]:
    """Routes as `ip route` would print them."""
    return [f"{item.dst} via {item.via}" if item.via else f"{item.dst} src {item.src}" for item in routes]


# Routes


def test_routes_lead_to_the_first_gateway_of_their_family() -> None:
    told = (*DEFAULTS, route("10.96.0.0/12"), route("192.168.5.0/24", "10.1.0.77"))
    made = attach_bridge(BridgePlugin(), Grant((SIX, FOUR, OTHER), told))
    assert hops(made.routes) == [
        "0.0.0.0/0 via 10.1.0.1",
        "::/0 via fd00::1",
        "10.96.0.0/12 via 10.1.0.1",
        "192.168.5.0/24 via 10.1.0.77",
    ]
    assert made.told_routes == told
    assert made.connected


def test_a_route_of_a_family_without_a_gateway_is_on_the_link() -> None:
    made = attach_bridge(BridgePlugin(), Grant((FOUR,), (route("::/0"),)))
    assert made.routes == (PodRoute(parse_cidr("::/0")),)


def test_metric_and_table_are_kept() -> None:
    told = IpamRoute(parse_cidr("0.0.0.0/0"), None, 5, 7)
    assert attach_bridge(BridgePlugin(), Grant((FOUR,), (told,))).routes == (
        PodRoute(told.dst, address("10.1.0.1"), None, 5, 7),
    )


def test_a_default_gateway_adds_one_route_a_family() -> None:
    plugin = BridgePlugin(is_gateway=True, is_default_gateway=True)
    made = attach_bridge(plugin, Grant((FOUR, OTHER, SIX)))
    assert made.told_routes == (route("0.0.0.0/0", "10.1.0.1"), route("::/0", "fd00::1"))
    named = route("0.0.0.0/0", "10.1.0.9")
    assert attach_bridge(plugin, Grant((FOUR, SIX), (named,))).told_routes == (named, route("::/0", "fd00::1"))


# The host's side


def test_a_bridge_that_is_no_gateway_has_no_address() -> None:
    made = attach_bridge(BridgePlugin(ip_masq=True), Grant((FOUR,)))
    assert (made.gateways, made.forwarding) == ((), ())
    assert made.masquerade == (parse_cidr("10.1.0.2/16"),)


def test_the_gateways_of_a_bridge() -> None:
    made = attach_bridge(BridgePlugin(is_gateway=True), Grant((SIX, FOUR, OTHER, FOUR)))
    assert [str(gateway) for gateway in made.gateways] == ["10.1.0.1/16", "10.2.0.1/16", "fd00::1/64"]
    assert made.forwarding == (4, 6)
    assert made.masquerade == ()


def test_an_address_without_a_gateway_gets_the_first_of_its_subnet() -> None:
    made = attach_bridge(BridgePlugin(is_gateway=True), Grant((lease("10.1.3.7/16"),), DEFAULTS[:1]))
    assert made.leases == (lease("10.1.3.7/16", "10.1.0.1"),)
    assert hops(made.routes) == ["0.0.0.0/0 via 10.1.0.1"]
    assert attach_bridge(BridgePlugin(), Grant((lease("10.1.3.7/16"),))).leases == (lease("10.1.3.7/16"),)


def test_layer_2_only() -> None:
    plugin = BridgePlugin(is_gateway=True, is_default_gateway=True, ip_masq=True, dns=Dns(domain="a"))
    made = attach_bridge(plugin, Grant())
    assert (made.leases, made.routes, made.gateways, made.masquerade, made.dns) == ((), (), (), (), Dns(domain="a"))


def test_a_pod_on_a_link_of_its_own_routes_everything() -> None:
    made = attach_ptp(PtpPlugin(IPAM, ip_masq=True), Grant((FOUR, SIX), DEFAULTS))
    assert not made.connected
    assert hops(made.routes) == [
        "10.1.0.1/32 src 10.1.0.2",
        "10.1.0.0/16 via 10.1.0.1",
        "fd00::1/128 src fd00::2",
        "fd00::/64 via fd00::1",
        "0.0.0.0/0 via 10.1.0.1",
        "::/0 via fd00::1",
    ]
    assert [str(gateway) for gateway in made.gateways] == ["10.1.0.1/32", "fd00::1/128"]
    assert [str(to) for to in made.host_routes] == ["10.1.0.2/32", "fd00::2/128"]
    assert made.forwarding == (4, 6)
    assert made.masquerade == (FOUR.address, SIX.address)


def test_dns_of_the_plugin_counts_before_that_of_ipam() -> None:
    ours, theirs = Dns(domain="ours"), Dns(domain="theirs")
    grant = Grant((FOUR,), dns=theirs)
    for attach, kind in ((attach_bridge, BridgePlugin), (attach_ptp, lambda dns: PtpPlugin(IPAM, dns=dns))):
        call: Any = attach
        make: Any = kind
        assert call(make(dns=ours), grant).dns == ours
        assert call(make(dns=Dns()), grant).dns == theirs
    assert attach_macvlan(MacvlanPlugin(), grant).dns == Dns()


def test_what_ipam_gives() -> None:
    host_local = HostLocal((), DEFAULTS)
    assert grant_host_local(host_local, (FOUR,), Dns(domain="a")) == Grant((FOUR,), DEFAULTS, Dns(domain="a"))
    static = StaticIpam((StaticAddress(*FOUR),), DEFAULTS, Dns(domain="b"))
    assert grant_static(static) == Grant((FOUR,), DEFAULTS, Dns(domain="b"))
    with pytest.raises(MissingPrefix, match=r"10\.9\.0\.9"):
        grant_static(static, [RequestedIp(address("10.9.0.9"))])
    assert grant_static(static, [RequestedIp(address("10.9.0.9"), 24)]).leases == (lease("10.9.0.9/24"),)


# The addresses of a bridge


@pytest.mark.parametrize(
    ("present", "wanted", "forced"),
    [
        ("", "10.1.0.1/16", "10.1.0.1/16"),
        ("10.1.0.1/16", "10.1.0.1/16", "10.1.0.1/16"),
        ("10.9.0.1/16", "10.1.0.1/16", "10.1.0.1/16"),
        ("10.1.0.1/24", "10.1.0.1/16", "10.1.0.1/16"),
        ("", "10.1.0.1/16 10.2.0.1/16", "10.2.0.1/16"),
        ("fd00::1/64", "fd00:1::1/64", "fd00::1/64 fd00:1::1/64"),
        ("fd00::1/48", "fd00::9/64", "fd00::9/64"),
        ("10.1.0.1/16 fd00::1/64", "fd00::1/64", "10.1.0.1/16 fd00::1/64"),
    ],
)
def test_gateways_are_placed_one_by_one(present: str, wanted: str, forced: str) -> None:
    there, added = ([parse_cidr(text) for text in texts.split()] for texts in (present, wanted))
    assert place_gateways(there, added, force=True) == tuple(map(parse_cidr, forced.split()))
    if forced.split() == list(dict.fromkeys(present.split() + wanted.split())):
        assert place_gateways(there, added, force=False) == tuple(map(parse_cidr, forced.split()))
    else:
        with pytest.raises(AddressConflict) as conflict:
            place_gateways(there, added, force=False)
        assert str(conflict.value).endswith(f"different from {wanted.split()[-1]}")


# Results

DUAL = attach_bridge(BridgePlugin(is_gateway=True), Grant((FOUR, SIX), (DEFAULTS[0], route("fd01::/64", "fd00::9"))))


def test_a_result_before_interfaces_were_told() -> None:
    for version in ("0.1.0", "0.2.0"):
        assert render_result(describe_bridge(DUAL, BRIDGE, HOST, POD), version) == {
            "cniVersion": version,
            "ip4": {"ip": "10.1.0.2/16", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
            "ip6": {"ip": "fd00::2/64", "gateway": "fd00::1", "routes": [{"dst": "fd01::/64", "gw": "fd00::9"}]},
            "dns": {},
        }


@pytest.mark.parametrize("version", SPEC_VERSIONS[2:])
def test_a_result_of_today(version: str) -> None:
    family = {"version": "4"} if version in ("0.3.0", "0.3.1", "0.4.0") else {}
    made = render_result(describe_bridge(attach_bridge(BridgePlugin(), Grant((FOUR,))), BRIDGE, HOST, POD), version)
    assert made == {
        "cniVersion": version,
        "interfaces": [
            {"name": "br0", "mac": "02::1"},
            {"name": "veth1", "mac": "02::2"},
            {"name": "eth0", "mac": "02::3", "sandbox": "/run/netns/pod1"},
        ],
        "ips": [{**family, "interface": 2, "address": "10.1.0.2/16", "gateway": "10.1.0.1"}],
        **({} if version == "1.1.0" else {"dns": {}}),
    }


def test_the_newest_version_tells_metric_and_table() -> None:
    result = Result(
        (), (FOUR,), (IpamRoute(parse_cidr("0.0.0.0/0"), None, 5, 7),), Dns(("10.1.0.1",), "a", ("b",), ("c",))
    )
    dns = {"nameservers": ["10.1.0.1"], "domain": "a", "search": ["b"], "options": ["c"]}
    ips = [{"address": "10.1.0.2/16", "gateway": "10.1.0.1"}]
    told = {"dst": "0.0.0.0/0", "priority": 5, "table": 7}
    assert render_result(result, "1.1.0") == {"cniVersion": "1.1.0", "ips": ips, "routes": [told], "dns": dns}
    assert render_result(result, "1.0.0")["routes"] == [{"dst": "0.0.0.0/0"}]


def test_whose_the_addresses_are() -> None:
    made = attach_ptp(PtpPlugin(IPAM), Grant((FOUR,)))
    results = [
        (describe_bridge(DUAL, BRIDGE, HOST, POD, Interface("br0.5")), "eth0", 4),
        (describe_ptp(made, HOST, POD), "eth0", 2),
        (describe_loopback("lo", "/run/netns/pod1"), "lo", 1),
    ]
    for result, name, number in results:
        assert result.holder is not None
        assert result.interfaces[result.holder].name == name
        assert len(result.interfaces) == number
    assert describe_grant(Grant((FOUR,))).holder is None


def test_a_result_without_addresses_has_no_words_in_old_versions() -> None:
    result = describe_bridge(attach_bridge(BridgePlugin(), Grant()), BRIDGE, HOST, POD)
    assert list(render_result(result, "1.0.0")) == ["cniVersion", "interfaces", "dns"]
    with pytest.raises(Inexpressible):
        render_result(result, "0.2.0")


@given(st.lists(st.sampled_from([FOUR, SIX, OTHER]), unique=True), st.sampled_from(SPEC_VERSIONS), st.booleans())
def test_every_version_tells_the_first_address_of_each_family(leases: list[Lease], version: str, default: bool) -> None:
    made = attach_bridge(BridgePlugin(is_gateway=default, is_default_gateway=default), Grant(tuple(leases)))
    try:
        told: Any = render_result(describe_bridge(made, BRIDGE, HOST, POD), version)
    except Inexpressible:
        assert not leases
        assert version < "0.3.0"
        return
    texts = [ip["address"] for ip in told.get("ips", [])] or [told[key]["ip"] for key in ("ip4", "ip6") if key in told]
    for family in (4, 6):
        mine = [str(item.address) for item in leases if item.address.family == family]
        assert [text for text in texts if (":" in text) == (family == 6)][:1] == mine[:1]
