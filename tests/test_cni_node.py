"""A node: what each pod and the host get of a CNI network by a bridge, and what no script could do and is refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pods import PODS, SUBNET, Keys, bridge, cidrs, inner_ends, network, outer_ends, refuse, wire

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cni.addressing import DelegatedIpam, HostLocal
from k8snet_scripts.cni.configuration import BridgePlugin, Network
from k8snet_scripts.cni.host_local import AllocationError, allocate_all
from k8snet_scripts.cni.node import INTERFACE, wire_node
from k8snet_scripts.cni.store import Owner, Store, store_files
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.records import Record
from k8snet_scripts.rules.names import check_interface_name, check_topology_name
from k8snet_scripts.topology import End, Route

TWO_OF_IPV4 = {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}]]}


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
