"""Wiring a cluster: the ordinary topology that it stands for.

    host      the bridge `underlay`, or one veth to the router
    router    only where the fabric has one: a veth to each node, and a route to the pods of each
    NODE      eth0 on the underlay; the bridge cni0, the gateway of its pods; the routes or the tunnels of the fabric
    NODE-podN eth0 on the bridge of its node, and a default route by it

Routes are those of nodes, never of pods: their number does not depend on how many pods there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cluster.cluster import INTERFACE, POD_BRIDGE, ROUTER, UNDERLAY, Cluster, Node, of_family
from k8snet_scripts.cluster.division import pick
from k8snet_scripts.cluster.vxlan import LOOSE, tunnel_devices
from k8snet_scripts.filtering import Masquerade, Path
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Route, Topology, Veth

_UPLINK = "uplink"


def wire_cluster(cluster: Cluster) -> Topology:
    """The topology of a cluster."""
    namespaces: list[Namespace] = []
    veths: list[Veth] = []
    if cluster.fabric == "router":
        namespaces.append(_router(cluster))
        if cluster.masquerade:
            veths.append(_way_out(cluster))
    for node in cluster.nodes:
        namespaces.append(make_node(cluster, node))
        veths.append(_underlay_veth(cluster, node))
        for pod, veth in make_pods(cluster, node, node.name):
            namespaces.append(pod)
            veths.append(veth)
    return Topology(cluster.name, _host(cluster), tuple(namespaces), tuple(veths), cluster.description)


# The host


def _host(cluster: Cluster) -> Namespace:
    bridges = () if cluster.fabric == "router" else (_underlay(cluster),)
    if not cluster.masquerade:
        return Namespace(HOST, bridges=bridges, path=cluster.path)
    inside = (*cluster.underlay, *cluster.pod_cidrs)
    masquerade = [Masquerade(own, _same_family(own, inside), cluster.path) for own in cluster.underlay]
    return Namespace(HOST, bridges=bridges, forwarding=True, masquerade=tuple(masquerade), path=cluster.path)


def _underlay(cluster: Cluster) -> Bridge:
    """The segment of the nodes; with a way out the host is on it, and knows where the pods are unless nobody does."""
    what = "The segment that the nodes are on"
    if not cluster.masquerade:
        return Bridge(UNDERLAY, mtu=cluster.mtu, description=f"{what}.", path=cluster.path)
    known = cluster.nodes if cluster.fabric != "none" else ()
    return Bridge(
        UNDERLAY,
        addresses=cluster.exits,
        routes=tuple([route for node in known for route in _to_pods(node, UNDERLAY)]),
        mtu=cluster.mtu,
        description=f"{what}, and their way out of the cluster.",
        path=cluster.path,
    )


# The router


def _router(cluster: Cluster) -> Namespace:
    return Namespace(
        ROUTER,
        forwarding=True,
        routes=_nowhere(cluster) if cluster.masquerade else (),
        description="The router between the segments of the nodes; it knows on which node the pods are.",
        path=cluster.path,
    )


def _way_out(cluster: Cluster) -> Veth:
    """The veth from the router to the host."""
    path, inside = cluster.path, (*cluster.underlay, *cluster.pod_cidrs)
    own = tuple([pick(exit.network, 1) for exit in cluster.exits])
    out = tuple([_route(None, exit, _UPLINK, path) for exit in cluster.exits])
    into = tuple([_route(to, via, ROUTER, path) for via in own for to in _same_family(via, inside)])
    inner = End(_UPLINK, namespace=ROUTER, addresses=own, routes=out, mtu=cluster.mtu, path=path)
    outer = End(ROUTER, addresses=cluster.exits, routes=into, mtu=cluster.mtu, path=path)
    return Veth(inner, outer, cluster.path)


# Nodes


def make_node(cluster: Cluster, node: Node) -> Namespace:
    """What a node is, but for its interface on the underlay."""
    alone = cluster.fabric == "none"
    inside = (*cluster.pod_cidrs, *cluster.underlay)
    masquerade = [
        Masquerade(own, () if alone else _same_family(own, inside), node.path)
        for own in node.pod_cidrs
        if cluster.masquerade
    ]
    return Namespace(
        node.name,
        forwarding=True,
        bridges=(_pod_bridge(cluster, node),),
        devices=tuple(tunnel_devices(cluster, node)) if cluster.fabric == "vxlan" else (),
        sysctls=(LOOSE,) if cluster.fabric == "vxlan" and any(own.family == 4 for own in node.pod_cidrs) else (),
        routes=_nowhere(cluster, node) if cluster.masquerade and cluster.fabric != "router" else (),
        masquerade=tuple(masquerade),
        role="node",
        description=f"A node; its pods have addresses of {' and '.join(map(str, node.pod_cidrs))}.",
        path=node.path,
    )


def _pod_bridge(cluster: Cluster, node: Node) -> Bridge:
    addresses = tuple([pick(own, 0) for own in node.pod_cidrs])
    what = "The bridge of the node's pods, and their gateway."
    return Bridge(POD_BRIDGE, addresses=addresses, mtu=cluster.pod_mtu, description=what, path=node.path)


def _underlay_veth(cluster: Cluster, node: Node) -> Veth:
    inner = End(
        node.interface,
        namespace=node.name,
        addresses=node.addresses,
        routes=(*routes_to_pods(cluster, node), *_way_to_all(cluster, node)),
        mtu=cluster.mtu,
        path=node.path,
    )
    if cluster.fabric != "router":
        return Veth(inner, End(node.name, mtu=cluster.mtu, port=Port(UNDERLAY), path=node.path), node.path)
    routes = tuple(_to_pods(node, node.name))
    outer = End(node.name, namespace=ROUTER, addresses=node.gateways, routes=routes, mtu=cluster.mtu, path=node.path)
    return Veth(inner, outer, node.path)


def routes_to_pods(cluster: Cluster, node: Node) -> Iterator[Route]:
    """The ways to the pods of the other nodes, as far as they lead over the underlay and a node knows them."""
    if cluster.fabric == "host-gw":
        for other in cluster.nodes:
            if other is not node:
                yield from _to_pods(other, node.interface, node.path)


def _way_to_all(cluster: Cluster, node: Node) -> Iterator[Route]:
    """The way to everything that a node knows no other way to."""
    if cluster.masquerade or cluster.fabric == "router":
        yield from (_route(None, via, node.interface, node.path) for via in node.gateways)


def _to_pods(node: Node, dev: str, path: Path | None = None) -> Iterator[Route]:
    """Routes to the pods of a node by way of the node."""
    for own in node.pod_cidrs:
        yield _route(own, of_family(own.family, node.addresses), dev, path or node.path)


def _nowhere(cluster: Cluster, node: Node | None = None) -> tuple[Route, ...]:
    """What pods send to addresses that no node has leads nowhere, instead of out of the cluster."""
    own = node.pod_cidrs if node else ()
    path = node.path if node else cluster.path
    kept = [whole for whole in cluster.pod_cidrs if whole not in own]
    return tuple([Route(whole.family, whole, kind="unreachable", path=path) for whole in kept])


# Pods


def make_pods(cluster: Cluster, node: Node, home: str) -> Iterator[tuple[Namespace, Veth]]:
    """The pods of a node, each with the veth to the pod bridge, which is in the namespace `home`."""
    for number in range(1, node.pods + 1):
        name = f"{node.name}-pod{number}"
        pod = Namespace(name, role="pod", description=f"A pod on {node.name}.", path=node.path)
        yield pod, _pod_veth(cluster, node, home, name, number)


def _pod_veth(cluster: Cluster, node: Node, home: str, name: str, number: int) -> Veth:
    inner = End(
        INTERFACE,
        namespace=name,
        addresses=tuple([pick(own, number) for own in node.pod_cidrs]),
        routes=tuple([_route(None, pick(own, 0), INTERFACE, node.path) for own in node.pod_cidrs]),
        mtu=cluster.pod_mtu,
        path=node.path,
    )
    outer = End(f"pod{number}", namespace=home, mtu=cluster.pod_mtu, port=Port(POD_BRIDGE), path=node.path)
    return Veth(inner, outer, node.path)


# What all have in common


def _route(to: Cidr | None, via: Cidr, dev: str, path: Path) -> Route:
    return Route(via.family, to, via=via.address, dev=dev, path=path)


def _same_family(own: Cidr, others: Iterable[Cidr]) -> tuple[Cidr, ...]:
    return tuple([other for other in others if other.family == own.family])
