"""A node as a machine: the topology of one node of a cluster, on the host that this node is.

    host      its own interface on the underlay, which is there already with its address and stays as it is;
              the bridge cni0, the gateway of its pods; the routes or the tunnels of the fabric
    NODE-podN eth0 on that bridge, and a default route by it

It is the node of `wiring` without its walls.  How large it is depends on its own pods and on the number of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from k8snet_scripts.cluster.cluster import Cluster, Node
from k8snet_scripts.cluster.wiring import make_node, make_pods, routes_to_pods
from k8snet_scripts.topology import HOST, Interface, Route, Topology


def wire_machine(cluster: Cluster, node: Node) -> Topology:
    """The topology of the machine that a node of a cluster is."""
    underlay = Interface(
        node.interface,
        addresses=node.addresses,
        routes=(*routes_to_pods(cluster, node), *_routes_by_router(cluster, node)),
        description=f"{node.interface} leads to the other nodes; it is there already, with its addresses.",
        external=True,
        configured=True,
        path=node.path,
    )
    pods = list(make_pods(cluster, node, HOST))
    host = replace(make_node(cluster, node), name=HOST, interfaces=(underlay,))
    words = f"The node {node.name} of the cluster {cluster.name}, which is the machine itself."
    return Topology(
        cluster.name,
        host,
        tuple([pod for pod, _ in pods]),
        tuple([veth for _, veth in pods]),
        " ".join(filter(None, (cluster.description, words))),
    )


def _routes_by_router(cluster: Cluster, node: Node) -> Iterator[Route]:
    """The ways into the cluster by the router; the default route of a machine is not ours to have."""
    if cluster.fabric == "router":
        for via in node.gateways:
            for to in (*cluster.pod_cidrs, *cluster.underlay):
                if to.family == via.family:
                    yield Route(to.family, to, via=via.address, dev=node.interface, path=node.path)
