"""The table `cluster` of a topology file: what it asks for, with a default for all that it does not say.

name = "cluster"

[cluster]
nodes = 3
pods_per_node = 2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from k8snet_scripts.addresses import LEAST_IPV6_MTU, WIDTH, Cidr, is_link_local
from k8snet_scripts.cluster.cluster import FABRICS, INTERFACE, ROUTER, UNDERLAY, Fabric, NodeRequest, Request, Said
from k8snet_scripts.diagnostics import close_match
from k8snet_scripts.filtering import Path
from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.ranges import MOST_ITEMS, Each, PerIndex, combine, gather
from k8snet_scripts.rules.literals import read_host_address, read_interface_address, read_network
from k8snet_scripts.rules.names import check_interface_name, check_namespace_name
from k8snet_scripts.rules.options import HIGHEST_MTU, LOWEST_MTU, MOST_PORTS
from k8snet_scripts.rules.refusal import Refused, show

TABLE = "cluster"

NODES, PODS = 3, 2
"""How many nodes there are, and how many pods on each, unless something else is said."""

_POD_CIDR = Cidr(4, (10 << 24) + (244 << 16), 16)  # kubeadm's and flannel's
_UNDERLAY = {4: Cidr(4, (172 << 24) + (18 << 16), 16), 6: Cidr(6, (0xFD00 << 112) + (0x172 << 96) + (0x18 << 80), 64)}
_NODE_PREFIXES = {4: 24, 6: 64}  # kube-controller-manager's
_MOST_NODES = 65536

_HINTS = {
    key: "a cluster has nothing else: take it out, or write out the cluster by `k8snet expand` and edit that"
    for key in ("namespaces", "bridges", "veths", "interfaces", "host", "cni")
}


def read_cluster(root: Table, name: str, description: str) -> Request:
    """What the document of a cluster asks for; what is wrong with a value by itself goes to the report."""
    table = root.table(TABLE) or Table({}, (TABLE,), root.document)
    fabric = table.text("fabric", _check_fabric)
    assert not isinstance(fabric, PerIndex)  # there is no range above
    fabric = fabric or FABRICS[0]
    nodes = _read_nodes(table, fabric)
    pod_cidrs = _read_networks(table, "pod_cidr") or (Said(_POD_CIDR, table.path),)
    families = [said.cidr.family for said in pod_cidrs]
    underlay = _read_networks(table, "underlay")
    if not underlay:
        underlay = tuple([Said(_UNDERLAY[family], table.path) for family in families])
    _check_families(table, underlay, families)
    request = Request(
        name,
        nodes,
        pod_cidrs,
        underlay,
        {family: _read_prefix(table, family) for family in _NODE_PREFIXES},
        fabric,
        _read_mtu(table, 6 in [said.cidr.family for said in underlay]),
        table.boolean("masquerade") or False,
        description,
        table.path,
    )
    table.close()
    root.close(_HINTS)
    _check_size(table, request)
    return request


def _check_fabric(text: str) -> Fabric:
    for fabric in FABRICS:
        if text == fabric:
            return fabric
    names = ", ".join(f"`{fabric}`" for fabric in FABRICS)
    raise Refused("bad-fabric", f"there is no fabric {show(text)}", close_match(text, FABRICS) or f"there are {names}")


def _check_families(table: Table, underlay: Sequence[Said], families: Sequence[int]) -> None:
    for family in families:
        if all(said.cidr.family != family for said in underlay):
            message = f"the pods have IPv{family}, and the underlay does not"
            help = f'add a network, `"{_UNDERLAY[family]}"`, say'
            table.error("missing-family", (*table.path, "underlay"), message, help)


def _check_size(table: Table, request: Request) -> None:
    """Refuse what nothing after this can hold, before it is spelled out."""
    count = sum([1 + node.pods for node in request.nodes])
    if count > MOST_ITEMS:
        message = f"there are {count:,} nodes and pods together"
        table.error("bad-count", table.path, message, f"have at most {MOST_ITEMS:,}", at="key")
    if len(request.nodes) > MOST_PORTS and request.fabric != "router":
        message = f"one segment does not join {len(request.nodes)} nodes: a bridge has at most {MOST_PORTS} ports"
        help = 'write `fabric = "router"`, where each node has a segment of its own, or fewer nodes'
        table.error("too-many-ports", (*table.path, "nodes"), message, help)


def _read_prefix(table: Table, family: int) -> int:
    key = f"node_cidr_mask_size_ipv{family}"
    prefix = table.integer(key, 1, WIDTH[family], "bad-node-cidr")
    return _NODE_PREFIXES[family] if prefix is None else prefix


def _read_mtu(table: Table, with_ipv6: bool) -> int | None:
    mtu = table.integer("mtu", LOWEST_MTU, HIGHEST_MTU, "bad-mtu")
    if mtu is not None and with_ipv6 and mtu < LEAST_IPV6_MTU:
        help = f"write `mtu = {LEAST_IPV6_MTU}` or more"
        table.error("ipv6-mtu", (*table.path, "mtu"), f"`{mtu}` is too small for IPv6", help)
    return mtu


# Nodes


def _read_nodes(table: Table, fabric: Fabric) -> tuple[NodeRequest, ...]:
    """The nodes: a number of them, or tables by name."""
    pods = table.integer("pods_per_node", 0, MOST_PORTS, "bad-count")
    pods = PODS if pods is None else pods
    interface = table.text("interface", check_interface_name)
    assert not isinstance(interface, PerIndex)  # there is no range above
    interface = interface or INTERFACE
    if table.has("nodes") and isinstance(table.data["nodes"], dict):
        nodes = table.entries(
            "nodes", partial(_check_node_name, fabric=fabric), partial(_read_node, fabric, pods, interface)
        )
        assert isinstance(nodes, tuple)
        if not table.data["nodes"]:
            table.error("bad-count", (*table.path, "nodes"), "a cluster without nodes", "write `nodes = 3`, say")
        return nodes
    count = table.integer("nodes", 1, _MOST_NODES, "bad-count")
    path = (*table.path, "nodes") if count else table.path
    names = (f"node{number}" for number in range(1, (count or NODES) + 1))
    return tuple([NodeRequest(name, pods, interface=interface, path=path) for name in names])


def _check_node_name(name: str, fabric: Fabric) -> str:
    """The name of a node is that of a namespace, and of the interface at the other end of its cable."""
    check_namespace_name(check_interface_name(name))
    if name == (ROUTER if fabric == "router" else UNDERLAY):
        what = "the namespace between the nodes" if name == ROUTER else "the bridge that joins the nodes"
        raise Refused("reserved-name", f"`{name}` is {what}", "call the node something else")
    return name


def _read_node(
    fabric: Fabric, pods: int, interface: str, table: Table, name: Each[str | None]
) -> Each[NodeRequest | None]:
    own = table.integer("pods", 0, MOST_PORTS, "bad-count")
    read = _read_segment_address if fabric == "router" else _read_bare_address
    node = combine(
        NodeRequest,
        name=name,
        pods=pods if own is None else own,
        addresses=_read_each(table, "address", read),
        pod_cidrs=_read_each(table, "pod_cidr", read_network),
        interface=table.text("interface", check_interface_name) if table.has("interface") else interface,
        path=table.path,
    )
    table.close({"addresses": "write `address`", "pods_per_node": "write `pods`"})
    return node


def _read_bare_address(text: str) -> Cidr:
    """An address on the one segment of the nodes, whose prefix length is known."""
    try:
        family, value = read_host_address(text)
    except Refused as refused:
        raise Refused("bad-address", refused.message, refused.help) from refused
    return Cidr(family, value, WIDTH[family])


def _read_segment_address(text: str) -> Cidr:
    """An address behind a router, with the prefix length of its segment."""
    return read_interface_address(text)


# Networks and addresses, at most one of each family


def _read_networks(table: Table, key: str) -> tuple[Said, ...]:
    found = _read_each(table, key, _read_roomy_network)
    assert not isinstance(found, PerIndex)
    return found or ()


def _read_roomy_network(text: str) -> Cidr:
    network = read_network(text)
    if is_link_local(network.family, network.value):
        raise Refused("bad-address", f"`{text}` is link-local: no router passes it on", "write `fd00:10:244::/56`, say")
    return network


def _read_each(table: Table, key: str, read: Callable[[str], Cidr]) -> Each[tuple[Said, ...] | None]:
    """One text, or a list of them."""
    path = (*table.path, key)
    if table.has(key) and isinstance(table.data[key], list):
        parts = [table.read(place, value, partial(_say, read, place)) for place, value in table.items(key, "strings")]
    elif table.has(key):
        parts = [table.read(path, table.data[key], partial(_say, read, path), expected="a string or a list")]
    else:
        return ()
    return combine(table.guard(path, _check_once), several=gather(parts))


def _say(read: Callable[[str], Cidr], path: Path, text: str) -> Said:
    return Said(read(text), path)


def _check_once(several: tuple[Said, ...]) -> tuple[Said, ...]:
    """At most one of each family."""
    for number, said in enumerate(several):
        family = said.cidr.family
        if any(other.cidr.family == family for other in several[:number]):
            message = f"there are two of IPv{family}"
            raise Refused("conflicting-keys", message, "write one of each family at most", key=number)
    return several
