"""A node: what each pod and the host get of a CNI network, and what is refused because no script could do it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cni.addressing import DelegatedIpam, HostLocal
from k8snet_scripts.cni.configuration import BridgePlugin, Network
from k8snet_scripts.cni.host_local import AllocationError, allocate_all
from k8snet_scripts.cni.load import load_network
from k8snet_scripts.cni.names import name_ifb
from k8snet_scripts.cni.node import INTERFACE, wire_node
from k8snet_scripts.cni.store import Owner, Store, store_files
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.rates import Rate
from k8snet_scripts.records import Record
from k8snet_scripts.rules.names import check_interface_name, check_topology_name
from k8snet_scripts.topology import HOST, End, Route, Topology, Vlans

Keys = tuple[str | int, ...]

SUBNET = {"type": "host-local", "subnet": "10.1.0.0/16"}
TWO_OF_IPV4 = {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}]]}
PODS = ("nginx", "web", "db")


def bridge(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "cniVersion": "1.0.0", "type": "bridge", "ipam": SUBNET, **keys}


def network(data: object) -> Network:
    """The network of a configuration that can be read."""
    report = Report()
    found = load_network(data, report)
    assert not report.findings
    return found


def wire(data: object, pods: Sequence[str] = PODS) -> Topology:
    """The node of a configuration and pods with which nothing is wrong."""
    report = Report()
    topology = wire_node(network(data), pods, report)
    check_topology(topology, report)
    assert not report.findings
    return topology


def refuse(data: object, pods: Sequence[str] = PODS) -> list[tuple[str, Keys]]:
    """The slug and the path of each finding."""
    report = Report()
    wire_node(network(data), pods, report)
    return [(finding.slug, finding.path) for finding in report.findings]


def inner_ends(topology: Topology) -> list[End]:
    return [veth.inner for veth in topology.veths]


def outer_ends(topology: Topology) -> list[str]:
    return [veth.outer.name for veth in topology.veths]


def cidrs(*texts: str) -> tuple[Cidr, ...]:
    return tuple(map(parse_cidr, texts))


# What there is


def test_the_example_of_kubernetes() -> None:
    ipam = {**SUBNET, "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]}
    topology = wire(
        {
            "name": "rkt.kubernetes.io",
            "type": "bridge",
            "bridge": "mybridge",
            "mtu": 1460,
            "addIf": "true",
            "isGateway": True,
            "ipMasq": True,
            "ipam": ipam,
        }
    )
    (made,) = topology.host.bridges
    assert (topology.name, made.name, made.mtu) == ("rkt.kubernetes.io", "mybridge", 1460)
    assert (made.addresses, made.broadcast, made.promisc) == (cidrs("10.1.0.1/16"), True, False)
    assert topology.host.forwarding is True
    within = cidrs("10.1.0.0/16")
    assert topology.host.masquerade == tuple(
        Masquerade(source, within) for source in cidrs("10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32")
    )
    assert [namespace.name for namespace in topology.namespaces] == list(PODS)
    for end, address in zip(inner_ends(topology), cidrs("10.1.0.2/16", "10.1.0.3/16", "10.1.0.4/16"), strict=True):
        assert (end.name, end.addresses, end.mtu, end.broadcast) == (INTERFACE, (address,), 1460, True)
        assert end.routes == (Route(4, None, "10.1.0.1", INTERFACE),)
    for veth in topology.veths:
        assert veth.outer.port is not None
        assert (veth.outer.port.bridge, veth.outer.port.options, veth.outer.mtu) == ("mybridge", (), 1460)
    directory = "/var/lib/cni/networks/rkt.kubernetes.io"
    assert topology.records == (
        Record(f"{directory}/lock", mode=0o750, initial=True),
        Record(f"{directory}/10.1.0.2", ("nginx", "eth0")),
        Record(f"{directory}/10.1.0.3", ("web", "eth0")),
        Record(f"{directory}/10.1.0.4", ("db", "eth0")),
        Record(f"{directory}/last_reserved_ip.0", ("10.1.0.4",), initial=True),
    )


def test_a_network_without_ipam_is_one_of_layer_2() -> None:
    topology = wire({"name": "net", "type": "bridge"})
    assert [end.addresses for end in inner_ends(topology)] == [(), (), ()]
    assert (topology.records, topology.host.bridges[0].name) == ((), "cni0")


def test_static_addresses_are_on_no_record() -> None:
    ipam = {"type": "static", "addresses": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}
    topology = wire(bridge(ipam=ipam, isDefaultGateway=True), ["nginx"])
    assert (inner_ends(topology)[0].addresses, topology.records) == (cidrs("10.1.0.5/24"), ())
    assert inner_ends(topology)[0].routes == (Route(4, None, "10.1.0.1", INTERFACE),)


def test_loopback_in_a_list_adds_nothing() -> None:
    plugins = [{"type": "bridge", "ipam": SUBNET}, {"type": "loopback"}]
    assert inner_ends(wire({"name": "net", "plugins": plugins})) == [
        End(
            INTERFACE,
            (parse_cidr(f"10.1.0.{number}/16"),),
            broadcast=True,
            namespace=pod,
            path=("plugins", 0, "ipam"),
        )
        for number, pod in enumerate(PODS, 2)
    ]


def test_modes_of_the_ports_and_of_the_bridge() -> None:
    topology = wire(bridge(hairpinMode=True, portIsolation=True))
    ports = [veth.outer.port for veth in topology.veths]
    assert [port and port.options for port in ports] == [(("hairpin", "on"), ("isolated", "on"))] * 3
    assert wire(bridge(promiscMode=True)).host.bridges[0].promisc


def test_a_bridge_that_is_no_gateway_has_no_address_and_the_host_is_left_as_it_is() -> None:
    host = wire(bridge()).host
    assert (host.bridges[0].addresses, host.forwarding, host.masquerade) == ((), None, ())


def test_a_dot_in_the_name_of_a_bridge_is_no_dot_of_a_sysctl() -> None:
    assert ("net.ipv6.conf.br/7.accept_ra", "0") in wire(bridge(bridge="br.7")).host.sysctls


def test_a_directory_of_records_has_one_spelling() -> None:
    paths = {record.path for record in wire(bridge(ipam={**SUBNET, "dataDir": "/var/./lib/x/"})).records}
    assert "/var/lib/x/net/10.1.0.2" in paths


def test_by_force_the_last_gateway_stays() -> None:
    topology = wire(bridge(ipam=TWO_OF_IPV4, isGateway=True, forceAddress=True))
    assert len(topology.host.bridges[0].addresses) == 1


def test_the_host_s_ends_and_the_bridge_s_address_come_from_names() -> None:
    here, elsewhere = wire(bridge()), wire(bridge(name="other"))
    assert here == wire(bridge())
    assert not set(outer_ends(here)) & set(outer_ends(elsewhere))
    assert here.host.bridges[0].lladdr != elsewhere.host.bridges[0].lladdr
    assert outer_ends(wire(bridge(), [*PODS, "more"]))[:3] == outer_ends(here)
    assert len(set(outer_ends(wire(bridge(), [f"pod{number}" for number in range(1000)])))) == 1000


# Whatever the ranges

FAMILIES = {4: "10.{}.0.0/{}", 6: "fd00:{}::/{}"}


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A bridge with some range sets of one or two small ranges, at most one set a family, and some of its flags."""
    families = draw(st.lists(st.sampled_from((4, 6)), unique=True, min_size=1))
    numbers = itertools.count(1)
    range_sets = []
    for family in families:
        prefixes = st.sampled_from((29, 28, 16) if family == 4 else (125, 124, 64))
        count = draw(st.integers(1, 2))
        range_sets.append([{"subnet": FAMILIES[family].format(next(numbers), draw(prefixes))} for _ in range(count)])
    flags = draw(st.fixed_dictionaries({}, optional={key: st.booleans() for key in ("ipMasq", "portIsolation")}))
    if all(len(ranges) == 1 for ranges in range_sets):
        flags |= draw(st.fixed_dictionaries({}, optional={"isGateway": st.booleans()}))
    return bridge(ipam={"type": "host-local", "ranges": range_sets}, **flags)


pod_names = st.lists(
    st.from_regex(r"[a-z][a-z0-9.-]{0,12}", fullmatch=True).filter(lambda name: name != "host"), unique=True, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(configurations(), pod_names)
def test_pods_have_what_host_local_gives_one_after_another(data: dict[str, Any], pods: list[str]) -> None:
    plugin = network(data).plugins[0]
    assert isinstance(plugin, BridgePlugin) and isinstance(plugin.ipam, HostLocal)
    owners = [Owner(pod, INTERFACE) for pod in pods]
    try:
        leases, store = allocate_all(plugin.ipam.range_sets, Store(), owners)
    except AllocationError:
        assert refuse(data, pods) == [("subnet-exhausted", ("ipam",))]
        return
    topology = wire(data, pods)
    assert topology == wire(data, pods)
    assert [end.addresses for end in inner_ends(topology)] == [tuple(lease.address for lease in own) for own in leases]
    directory = "/var/lib/cni/networks/net/"
    lock, *records = topology.records
    assert (lock.path, lock.lines) == (f"{directory}lock", ())
    assert {record.path.removeprefix(directory): "\r\n".join(record.lines) for record in records} == store_files(store)
    assert [record.path for record in records if record.initial] == [
        f"{directory}{name}" for name in store_files(store) if name.startswith("last_reserved_ip.")
    ]
    gateways = {lease.gateway.within(lease.address.prefix) for own in leases for lease in own if lease.gateway}
    assert set(topology.host.bridges[0].addresses) == (gateways if plugin.is_gateway else set())
    assert len(set(outer_ends(topology))) == len(pods)
    assert [check_interface_name(name) for name in outer_ends(topology)] == outer_ends(topology)


def test_a_network_with_a_long_name_makes_a_topology_with_a_shorter_one() -> None:
    made = [wire(bridge(name="n" * length)) for length in (64, 65, 255)]
    assert [topology.name[:56] for topology in made] == ["n" * 56, "n" * 55 + "-", "n" * 55 + "-"]
    assert [check_topology_name(topology.name) for topology in made] == [topology.name for topology in made]
    assert len({topology.name for topology in made}) == 3
    assert made[2].records[-1].path.startswith(f"/var/lib/cni/networks/{'n' * 255}/")


# What is refused


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"runtimeConfig": {"ips": ["10.1.0.9/16"]}}, ("unsupported-option", ("runtimeConfig", "ips"))),
        ({"args": {"cni": {"mac": "02:00:00:00:00:01"}}}, ("unsupported-option", ("args", "cni", "mac"))),
        ({"isGateway": True, "ipam": TWO_OF_IPV4}, ("address-conflict", ("ipam",))),
        ({"ipam": {"type": "host-local", "subnet": "10.1.0.0/30"}}, ("subnet-exhausted", ("ipam",))),
        ({"ipam": {**SUBNET, "routes": [{"dst": "::/0"}]}}, ("next-hop-unreachable", ("ipam", "routes", 0))),
    ],
    ids=["runtime", "args", "gateways", "exhausted", "route"],
)
def test_what_a_bridge_asks_for_in_vain(keys: dict[str, Any], found: tuple[str, Keys]) -> None:
    assert refuse(bridge(**keys)) == [found]


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


def test_a_plugin_that_makes_another_interface() -> None:
    assert refuse({"name": "net", "type": "loopback"}) == [("unsupported-plugin", ("type",))]


def test_an_executable_that_nobody_knows() -> None:
    report = Report()
    wire_node(Network("net", plugins=(BridgePlugin(ipam=DelegatedIpam("mine", ("ipam",))),)), PODS, report)
    assert [(finding.slug, finding.path) for finding in report.findings] == [("unsupported-plugin", ("ipam", "type"))]


def test_what_the_check_finds_is_located_in_the_plugin() -> None:
    ipam = {"type": "static", "addresses": [{"address": "10.1.0.5/24"}]}
    report = Report()
    check_topology(wire_node(network(bridge(ipam=ipam)), ["nginx", "web"], report), report)
    assert [(finding.slug, finding.path[0]) for finding in report.findings] == [("duplicate-address", "ipam")]


def test_everything_that_is_wrong_is_found_at_once() -> None:
    ipam = {"type": "host-local", "subnet": "10.1.0.0/30"}
    first = {"type": "bridge", "args": {"cni": {"mac": "02:00:00:00:00:01"}}, "ipam": ipam}
    data = {
        "name": "net",
        "cniVersion": "1.0.0",
        "plugins": [first, {"type": "bandwidth", "egressRate": 8, "egressBurst": 7}],
    }
    assert sorted(slug for slug, _ in refuse(data)) == ["bad-plugin-option", "subnet-exhausted", "unsupported-option"]


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
