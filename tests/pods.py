"""A node with three pods: what a CNI configuration makes of it, or why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cni.configuration import Network
from k8snet_scripts.cni.load import load_network
from k8snet_scripts.cni.node import wire_node
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.topology import End, Topology

Keys = tuple[str | int, ...]

SUBNET = {"type": "host-local", "subnet": "10.1.0.0/16"}
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
