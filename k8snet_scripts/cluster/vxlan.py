"""The VXLAN fabric, as flannel makes it: a device on each node, and static entries for every other node.

The packet of a pod goes by the route to the other node's pods to the device there, whose link-layer address stands in
the neighbour table and whose underlay address stands in the FDB.  Nothing is asked for and nothing is learnt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from k8snet_scripts.addresses import DEFAULT_MTU, VXLAN_OVERHEAD, WIDTH, Cidr
from k8snet_scripts.cluster.cluster import Cluster, Node, of_family
from k8snet_scripts.topology import FdbEntry, Neighbour, Route, Vxlan

_ID, _PORT = 1, 8472
_NAMES = {4: "flannel.1", 6: "flannel-v6.1"}

LOOSE = ("net.ipv4.conf.all.rp_filter", "2")
"""What pods send to nodes comes by the underlay, and what nodes answer goes by the tunnel."""


def pod_mtu(mtu: int | None, families: list[int]) -> int:
    """What VXLAN leaves of the MTU of the underlay, in bytes."""
    return (mtu or DEFAULT_MTU) - max(VXLAN_OVERHEAD[family] for family in families)


def tunnel_devices(cluster: Cluster, node: Node) -> Iterator[Vxlan]:
    """The devices of a node, one for each family of its pods."""
    for own in node.pod_cidrs:
        name = _NAMES[own.family]
        others = [other for other in cluster.nodes if other is not node]
        yield Vxlan(
            name,
            addresses=(_endpoint(own),),
            routes=tuple([_route(of_family(own.family, other.pod_cidrs), name, node) for other in others]),
            mtu=(cluster.mtu or DEFAULT_MTU) - VXLAN_OVERHEAD[own.family],
            lladdr=_lladdr(cluster, node, name),
            description="The tunnel to the other nodes.",
            path=node.path,
            id=_ID,
            local=_underlay_address(node, own.family),
            dev=node.interface,
            dstport=_PORT,
            learning=False,
            fdb=tuple(
                [
                    FdbEntry(_underlay_address(other, own.family), _lladdr(cluster, other, name), node.path)
                    for other in others
                ]
            ),
            neighbours=tuple(
                [
                    Neighbour(
                        _endpoint(of_family(own.family, other.pod_cidrs)).address,
                        _lladdr(cluster, other, name),
                        node.path,
                    )
                    for other in others
                ]
            ),
        )


def _endpoint(pod_cidr: Cidr) -> Cidr:
    """The address of a device: the lowest of the node's pod CIDR, which no pod has."""
    return Cidr(pod_cidr.family, pod_cidr.value, WIDTH[pod_cidr.family])


def _underlay_address(node: Node, family: int) -> str:
    return of_family(family, node.addresses).address


def _route(to: Cidr, dev: str, node: Node) -> Route:
    return Route(to.family, to, via=to.address, dev=dev, onlink=True, path=node.path)


def _lladdr(cluster: Cluster, node: Node, device: str) -> str:
    """A unicast address, marked as locally administered; where flannel takes a random one, the names settle it."""
    digits = hashlib.sha256(f"{cluster.name} {node.name} {device}".encode()).hexdigest()
    return ":".join(("0a", *(digits[at : at + 2] for at in range(0, 10, 2))))
