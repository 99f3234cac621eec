"""What `portmap`, `firewall` and `macspoofchk` make of a pod, and of a node with several pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pods import PODS, SUBNET, network

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cni.configuration import AddressMatch, FirewallPlugin, PortmapPlugin
from k8snet_scripts.cni.filters import admit_pod, forward_ports, isolate_bridge, publish_ports
from k8snet_scripts.cni.node import wire_node
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Admission, Condition, Forward, Isolation, Publication
from k8snet_scripts.topology import Topology

LEASES = (Lease(parse_cidr("10.1.0.2/16"), None), Lease(parse_cidr("fd00::2/64"), None))
WEB = Publication(8080, 80)


def wire(*plugins: dict[str, Any], pods: Sequence[str] = PODS, **keys: Any) -> Topology:
    """The node of a network that has these plugins after its bridge, which must be good."""
    bridge = {"type": "bridge", "isGateway": True, "ipam": SUBNET, **keys}
    report = Report()
    topology = wire_node(network({"name": "net", "cniVersion": "1.0.0", "plugins": [bridge, *plugins]}), pods, report)
    check_topology(topology, report)
    assert report.findings == []
    return topology


@pytest.mark.parametrize(
    ("plugin", "masquerade"),
    [
        (PortmapPlugin(), "local"),
        (PortmapPlugin(masq_all=True), "all"),
        (PortmapPlugin(snat=False), "none"),
        (PortmapPlugin(snat=False, masq_all=True), "none"),
        (PortmapPlugin(mark_masq_bit=5, set_mark_chain="KUBE-MARK-MASQ", backend="nftables"), "local"),
    ],
)
def test_whose_source_a_plugin_replaces(plugin: PortmapPlugin, masquerade: str) -> None:
    assert publish_ports(plugin, [WEB]) == (Publication(8080, 80, masquerade=masquerade),)


def test_conditions_are_for_every_port() -> None:
    match = AddressMatch("daddr", parse_cidr("192.0.2.0/24"), negated=True)
    (made,) = publish_ports(PortmapPlugin(conditions=(match,)), [WEB])
    assert made.conditions == (Condition("daddr", parse_cidr("192.0.2.0/24"), negated=True),)


def test_ports_of_a_pod_that_somebody_else_has_attached() -> None:
    ports = (WEB, Publication(53, 53, "udp", "::"))
    assert forward_ports(ports, LEASES, "cni0") == (
        Forward(WEB, LEASES[0].address, "cni0"),
        Forward(WEB, LEASES[1].address, "cni0"),
        Forward(ports[1], LEASES[1].address, "cni0"),
    )


def test_a_firewall_is_for_each_address_of_a_pod() -> None:
    made = admit_pod(FirewallPlugin(admin_chain="OURS", path=("plugins", 1)), LEASES)
    hosts = (parse_cidr("10.1.0.2/32"), parse_cidr("fd00::2/128"))
    assert made == tuple(Admission(host, "OURS", path=("plugins", 1)) for host in hosts)


def test_bridges_are_isolated_if_that_is_the_policy() -> None:
    assert isolate_bridge(FirewallPlugin(), "br0", LEASES) == ()
    apart = FirewallPlugin(ingress_policy="same-bridge")
    assert isolate_bridge(apart, "br0", LEASES) == (Isolation("br0", 4), Isolation("br0", 6))
    assert isolate_bridge(apart, "br0", LEASES[:1] * 2) == (Isolation("br0", 4),)


def test_a_node_with_a_firewall() -> None:
    host = wire({"type": "firewall", "ingressPolicy": "same-bridge"}).host
    assert [str(item.network) for item in host.admissions] == ["10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32"]
    assert host.isolations == (Isolation("cni0", 4),)
    assert not any(item.published for item in host.admissions)


def test_ports_of_the_file_are_for_every_pod_which_is_of_use_with_one() -> None:
    mappings = [{"hostPort": 8080, "containerPort": 80, "hostIP": "0.0.0.0"}]
    portmap = {"type": "portmap", "runtimeConfig": {"portMappings": mappings}}
    (veth,) = wire(portmap, pods=PODS[:1]).veths
    assert [(item.port, item.to_port, item.address) for item in veth.inner.publications] == [(8080, 80, "0.0.0.0")]


def test_ports_of_single_pods() -> None:
    plugins = [{"type": "bridge", "isGateway": True, "ipam": SUBNET}, {"type": "portmap", "snat": False}]
    node = network({"name": "net", "cniVersion": "1.0.0", "plugins": plugins})
    topology = wire_node(node, PODS, Report(), {PODS[1]: (WEB,)})
    ports = {veth.inner.namespace: veth.inner.publications for veth in topology.veths}
    assert ports == {PODS[0]: (), PODS[1]: (Publication(8080, 80, masquerade="none"),), PODS[2]: ()}


def test_a_pod_that_may_not_forge_addresses_has_one_that_follows_from_its_name() -> None:
    veths = wire(macspoofchk=True).veths
    own = [veth.inner.lladdr for veth in veths]
    assert [veth.outer.port and veth.outer.port.only_from for veth in veths] == own
    assert len(set(own)) == len(PODS) and None not in own
    assert {veth.inner.lladdr for veth in wire().veths} == {None}


def test_to_iptables_a_name_with_a_plus_is_a_pattern() -> None:
    plugins = [{"type": "bridge", "bridge": "br+"}, {"type": "firewall", "ingressPolicy": "same-bridge"}]
    report = Report()
    wire_node(network({"name": "net", "cniVersion": "1.0.0", "plugins": plugins}), PODS, report)
    assert [(item.slug, item.path) for item in report.findings] == [
        ("unsupported-option", ("plugins", 1, "ingressPolicy"))
    ]
