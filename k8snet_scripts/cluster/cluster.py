"""Cluster: nodes with pods and a fabric between them, first as it is asked for and then with every address settled.

    request ──▶ settle ──▶ cluster ──▶ wire ──▶ topology

A request leaves open what need not be said; in a cluster each node has its underlay addresses and its pod CIDRs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import Path

Fabric = Literal["host-gw", "vxlan", "router", "none"]
FABRICS: tuple[Fabric, ...] = ("host-gw", "vxlan", "router", "none")

UNDERLAY = "underlay"
"""The bridge of the host that joins the nodes, unless the fabric has a router."""

ROUTER = "router"
"""The namespace between the nodes where the fabric has a router."""

POD_BRIDGE = "cni0"
INTERFACE = "eth0"
"""What the interface of a pod is called, and that of a node towards the underlay unless something else is said."""


class Said(NamedTuple):
    """An address or a network that somebody wrote, and where."""

    cidr: Cidr
    path: Path


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """A node with what is said of it: of each family at most one address and one pod CIDR.

    An address has the prefix length of its segment where there is a router, else as many bits as there are.
    """

    name: str
    pods: int
    addresses: tuple[Said, ...] = ()
    pod_cidrs: tuple[Said, ...] = ()
    interface: str = INTERFACE
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A cluster with what is said of it.

    `pod_cidrs` and `underlay` have one network a family, and all families of the former are among those of the latter.
    `node_prefixes` are the prefix lengths of the pod CIDRs of nodes, by family; an `mtu` of None is the kernel's.
    """

    name: str
    nodes: tuple[NodeRequest, ...]
    pod_cidrs: tuple[Said, ...]
    underlay: tuple[Said, ...]
    node_prefixes: dict[int, int]
    fabric: Fabric = "host-gw"
    mtu: int | None = None
    masquerade: bool = False
    description: str = ""
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    `addresses` are those of its `interface` on its segment, `gateways` those that the rest of the world is behind, one
    a family.
    """

    name: str
    pods: int
    addresses: tuple[Cidr, ...]
    gateways: tuple[Cidr, ...]
    pod_cidrs: tuple[Cidr, ...]
    interface: str = INTERFACE
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster with all addresses settled.

    `exits` are the host's, on the way out of it, one a family.  `pod_mtu` is that of pods and of their bridges; None is
    the kernel's, as for `mtu`, that of the underlay.
    """

    name: str
    nodes: tuple[Node, ...]
    pod_cidrs: tuple[Cidr, ...]
    underlay: tuple[Cidr, ...]
    exits: tuple[Cidr, ...]
    fabric: Fabric
    mtu: int | None
    pod_mtu: int | None
    masquerade: bool
    description: str = ""
    path: Path = ()


def of_family(family: int, cidrs: Iterable[Cidr]) -> Cidr:
    """The one of a family, which must be there."""
    return next(cidr for cidr in cidrs if cidr.family == family)
