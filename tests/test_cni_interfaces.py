"""A node: pods on links of their own, in VLANs and on macvlans, with limits and with settings of `tuning`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pods import PODS, SUBNET, Keys, cidrs, outer_ends, refuse, wire

from k8snet_scripts.cni.names import name_ifb
from k8snet_scripts.rates import Rate
from k8snet_scripts.topology import HOST, Vlans


def limited(first: dict[str, Any] | None = None, **limits: Any) -> dict[str, Any]:
    plugins = [first or {"type": "bridge", "mtu": 1400, "ipam": SUBNET}, {"type": "bandwidth", **limits}]
    return {"name": "net", "cniVersion": "1.0.0", "plugins": plugins}


def test_what_pods_send_and_take_in_is_limited_at_the_ends_of_the_host() -> None:
    limits = {"ingressRate": 10_000_001, "ingressBurst": 2_147_483_647, "egressRate": 10**6, "egressBurst": 2**31 - 1}
    point: dict[str, Any] = {"type": "ptp", "mtu": 1400, "ipam": SUBNET}
    for first in (None, point):
        topology = wire(limited(first, **limits), ("nginx", "web"))
        ends = outer_ends(topology)
        assert [veth.outer.rate for veth in topology.veths] == 2 * [Rate(10_000_000, 268_435_455)]
        assert [(ifb.source, ifb.mtu, ifb.rate) for ifb in topology.host.ifbs] == [
            (end, 1400, Rate(10**6, 274 * 125_000)) for end in ends
        ]
        assert all(veth.inner.rate is None for veth in topology.veths)
    assert wire(limited()).host.ifbs == ()
    only = wire(limited(ingressRate=80_000, ingressBurst=80_000))
    assert (only.host.ifbs, only.veths[0].outer.rate) == ((), Rate(80_000, 10_000))


def test_an_ifb_is_called_as_the_reference_calls_it() -> None:
    assert name_ifb("n", "c1") == "bwp9b00b9b7c279"


@pytest.mark.parametrize(
    ("limits", "slug", "key"),
    [
        ({"ingressRate": 7, "ingressBurst": 80_000}, "bad-plugin-option", "ingressRate"),
        ({"egressRate": 80_000, "egressBurst": 7}, "bad-plugin-option", "egressBurst"),
        ({"egressRate": 2**50, "egressBurst": 80_000}, "bad-plugin-option", "egressRate"),
        ({"egressRate": 80_000, "egressBurst": 8 * 1414}, "small-burst", "egressBurst"),
    ],
)
def test_limits_that_cannot_be(limits: dict[str, Any], slug: str, key: str) -> None:
    assert refuse(limited(**limits)) == [(slug, ("plugins", 1, key))]


def test_a_pod_on_a_macvlan_has_no_limits() -> None:
    first = {"type": "macvlan", "master": "lan0", "ipam": SUBNET}
    found = refuse(limited(first, ingressRate=80_000, ingressBurst=80_000))
    assert found == [("unsupported-plugin", ("plugins", 1, "type"))]


# ---- ptp ----


def ptp(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "cniVersion": "1.0.0", "type": "ptp", "ipam": SUBNET, **keys}


def test_a_pod_on_a_link_of_its_own() -> None:
    topology = wire(ptp(mtu=1400, ipMasq=True))
    assert topology.host.bridges == () and topology.host.forwarding
    assert [str(rule.source) for rule in topology.host.masquerade] == ["10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32"]
    inner, outer = topology.veths[0].inner, topology.veths[0].outer
    assert (inner.addresses, inner.connected, inner.mtu) == (cidrs("10.1.0.2/16"), False, 1400)
    assert [(str(route.to), route.via, route.src) for route in inner.routes] == [
        ("10.1.0.1/32", None, "10.1.0.2"),
        ("10.1.0.0/16", "10.1.0.1", "10.1.0.2"),
    ]
    assert (outer.addresses, outer.port, outer.mtu) == (cidrs("10.1.0.1/32"), None, 1400)
    assert [(str(route.to), route.dev, route.scope) for route in outer.routes] == [("10.1.0.2/32", outer.name, "host")]


def test_only_routes_of_ipv4_have_a_scope() -> None:
    veth = wire(ptp(ipam={"type": "host-local", "subnet": "fd00::/64"})).veths[0]
    assert [(str(route.to), route.scope) for route in veth.outer.routes] == [("fd00::2/128", None)]


# ---- VLANs of a bridge ----


def in_vlan(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "cniVersion": "1.0.0", "type": "bridge", "bridge": "br0", "ipam": SUBNET, **keys}


@pytest.mark.parametrize(
    ("keys", "vlans"),
    [
        ({"vlan": 100}, Vlans(100, leaving=(1,))),
        ({"vlan": 100, "preserveDefaultVlan": False}, Vlans(100)),
        ({"vlan": 1}, Vlans(1)),
        ({"vlanTrunk": [{"id": 7}, {"minID": 20, "maxID": 22}]}, Vlans(1, (7, 20, 21, 22))),
        ({"vlanTrunk": [{"id": 1}, {"id": 7}]}, Vlans(None, (1, 7))),
        ({"vlanTrunk": [{"id": 7}], "preserveDefaultVlan": False}, Vlans(None, (7,))),
    ],
)
def test_the_vlans_of_a_pod(keys: dict[str, Any], vlans: Vlans) -> None:
    topology = wire(in_vlan(**keys))
    assert topology.host.bridges[0].vlan_filtering
    assert {veth.outer.port and veth.outer.port.vlans for veth in topology.veths} == {vlans}


def test_the_gateway_of_a_vlan_is_an_interface_of_its_own() -> None:
    topology = wire(in_vlan(vlan=100, isGateway=True, mtu=1400))
    gateway, *pods = topology.veths
    assert (gateway.inner.name, gateway.inner.namespace, gateway.inner.addresses) == (
        "br0.100",
        HOST,
        cidrs("10.1.0.1/16"),
    )
    assert (gateway.inner.mtu, gateway.outer.mtu, topology.host.bridges[0].addresses, len(pods)) == (1400, 1400, (), 3)
    assert (f"net.ipv6.conf.{gateway.outer.name}.accept_ra", "0") in topology.host.sysctls


@pytest.mark.parametrize("chained", ["portmap", "firewall"])
def test_what_the_packet_filter_cannot_do_for_a_vlan(chained: str) -> None:
    plugins = [{"type": "bridge", "vlan": 100, "ipam": SUBNET}, {"type": chained}]
    data = {"name": "net", "cniVersion": "1.0.0", "plugins": plugins}
    assert refuse(data) == [("unsupported-plugin", ("plugins", 1, "type"))]


# ---- macvlan ----


def macvlan(*chained: dict[str, Any], **keys: Any) -> dict[str, Any]:
    plugins = [{"type": "macvlan", "master": "lan0", "ipam": SUBNET, **keys}, *chained]
    return {"name": "net", "cniVersion": "1.0.0", "plugins": plugins}


def test_a_pod_beside_the_host() -> None:
    topology = wire(macvlan({"type": "tuning", "promisc": True}, mode="vepa", mtu=1400), ("web", "db"))
    assert (topology.veths, topology.host.bridges, topology.host.forwarding, topology.host.sysctls) == (
        (),
        (),
        None,
        (),
    )
    assert [(master.name, master.external) for master in topology.host.interfaces] == [("lan0", True)]
    pods = [namespace.macvlans[0] for namespace in topology.namespaces]
    assert [(pod.name, pod.parent, pod.parent_namespace, pod.mode, pod.mtu) for pod in pods] == 2 * [
        ("eth0", "lan0", HOST, "vepa", 1400)
    ]
    assert [pod.addresses for pod in pods] == [cidrs("10.1.0.2/16"), cidrs("10.1.0.3/16")]
    assert all(pod.promisc and pod.broadcast for pod in pods)
    assert dict(topology.namespaces[0].sysctls) == {"net.ipv4.conf.eth0.arp_notify": "1"}


def test_one_pod_with_all_of_a_nic_and_no_address() -> None:
    web = wire(macvlan(mode="passthru", ipam={}), ("web",)).namespaces[0]
    assert (web.macvlans[0].mode, web.macvlans[0].addresses, web.sysctls) == ("passthru", (), ())


@pytest.mark.parametrize(
    ("chained", "keys", "pods", "found"),
    [
        ((), {"mac": "02:00:00:00:00:99"}, 2, [("duplicate-lladdr", ("plugins", 0, "mac"))]),
        ((), {"mode": "passthru"}, 2, [("macvlan-parent", ("plugins", 0, "mode"))]),
        ((), {"mode": "passthru", "mac": "02:00:00:00:00:99"}, 1, [("conflicting-keys", ("plugins", 0, "mac"))]),
        (({"type": "portmap"},), {}, 1, [("unsupported-plugin", ("plugins", 1, "type"))]),
        (({"type": "firewall"},), {}, 1, [("unsupported-plugin", ("plugins", 1, "type"))]),
        (({"type": "tuning", "mtu": 1300},), {}, 1, [("mtu-mismatch", ("plugins", 1, "mtu"))]),
    ],
)
def test_what_macvlan_cannot_do(
    chained: tuple[dict[str, Any], ...], keys: dict[str, Any], pods: int, found: list[tuple[str, Keys]]
) -> None:
    assert refuse(macvlan(*chained, **keys), PODS[:pods]) == found


# ---- tuning ----


def tuned(*pods: str, **keys: Any) -> tuple[dict[str, Any], Sequence[str]]:
    plugins = [{"type": "bridge", "mtu": 1400, "ipam": SUBNET}, {"type": "tuning", **keys}]
    return {"name": "net", "cniVersion": "1.0.0", "plugins": plugins}, pods or PODS


def test_settings_of_the_pod_take_the_place_of_those_it_had() -> None:
    asked = {"net.ipv4.conf.IFNAME.arp_notify": "0", "net.core.somaxconn": "500"}
    topology = wire(*tuned(sysctl=asked))
    assert [dict(namespace.sysctls) for namespace in topology.namespaces] == 3 * [
        {"net.ipv4.conf.eth0.arp_notify": "0", "net.ipv6.conf.eth0.accept_dad": "0", "net.core.somaxconn": "500"}
    ]


def test_attributes_of_the_pods_interface() -> None:
    veth = wire(*tuned("web", mac="02:00:00:00:00:99", mtu=1400, promisc=True, allmulti=False, txQLen=0)).veths[0]
    inner, outer = veth.inner, veth.outer
    assert (inner.lladdr, inner.mtu, inner.promisc, inner.allmulti, inner.txqlen) == (
        "02:00:00:00:00:99",
        1400,
        True,
        False,
        0,
    )
    assert (outer.lladdr, outer.promisc, outer.allmulti, outer.txqlen) == (None, False, None, None)


def test_what_is_not_said_is_left() -> None:
    inner = wire(*tuned()).veths[0].inner
    assert (inner.lladdr, inner.promisc, inner.allmulti, inner.txqlen) == (None, False, None, None)


@pytest.mark.parametrize(
    ("keys", "slug"), [({"mtu": 1300}, "mtu-mismatch"), ({"mac": "02:00:00:00:00:99"}, "duplicate-lladdr")]
)
def test_what_tuning_asks_for_in_vain(keys: dict[str, Any], slug: str) -> None:
    assert refuse(*tuned(**keys)) == [(slug, ("plugins", 1, *keys))]
