"""Any valid model, written as the document that says it."""

from __future__ import annotations

from typing import Any

from k8snet_scripts.filtering import Publication
from k8snet_scripts.rates import Rate
from k8snet_scripts.topology import (
    HOST,
    Bridge,
    Command,
    End,
    Ifb,
    Interface,
    Macvlan,
    Namespace,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)


def document(topology: Topology, short: bool) -> dict[str, object]:
    """A topology as the file would say it; with `short`, what a peer has stands in the table of the veth if it can."""
    host = place(topology.host)
    root: dict[str, Any] = {"name": topology.name, "description": topology.description, "host": host}
    for key in ("bridges", "interfaces", "macvlans", "vxlans", "ifbs"):
        root[key] = host.pop(key)
    root["namespaces"] = {namespace.name: place(namespace) for namespace in topology.namespaces}
    for namespace in topology.namespaces:
        if not namespace.external:
            assert not root["namespaces"][namespace.name].pop("interfaces")
    for veth in topology.veths:
        home = root if veth.inner.namespace == HOST else root["namespaces"][veth.inner.namespace]
        home.setdefault("veths", {})[veth.inner.name] = veth_table(veth, short)
    return root


def veth_table(veth: Veth, short: bool) -> dict[str, object]:
    inner, outer = end(veth.inner, "master"), end(veth.outer, "bridge")
    if short and not veth.inner.port:
        inner |= {key: outer.pop(key) for key in [*port(veth.outer.port, "bridge")]}
    peer = {"name": veth.outer.name, "namespace": veth.outer.namespace, **outer}
    plain = short and veth.outer.namespace == HOST and not outer
    return {**inner, "peer": veth.outer.name if plain else peer}


def end(item: End, key: str) -> dict[str, object]:
    table = interface(item, key)
    settings = {"promisc": item.promisc or None, "allmulticast": item.allmulti, "txqueuelen": item.txqlen}
    table |= {key: value for key, value in settings.items() if value is not None}
    if not item.connected:
        table["noprefixroute"] = True
    if item.publications:
        table["publish"] = [publication(one) for one in item.publications]
    return table


def publication(item: Publication) -> dict[str, object]:
    before = "" if item.address is None else f"[{item.address}]:" if ":" in item.address else f"{item.address}:"
    conditions = [f"{one.field} {'!= ' if one.negated else ''}{one.network}" for one in item.conditions]
    port = f"{before}{item.port}:{item.to_port}/{item.protocol}"
    return {"port": port, "masquerade": item.masquerade, "conditions": conditions}


def command(item: Command) -> dict[str, object]:
    undo = {"undo": list(item.undo)} if item.undo else {}
    return {"run": list(item.run), "check": list(item.check), "description": item.description, **undo}


def place(namespace: Namespace) -> dict[str, Any]:
    table: dict[str, Any] = {
        "addresses": [str(address) for address in namespace.addresses],
        "routes": [route(item, None) for item in namespace.routes],
        **({"commands": list(map(command, namespace.commands))} if namespace.name != HOST else {}),
        "sysctls": dict(namespace.sysctls),
        "masquerade": [
            {"source": str(item.source), "within": [str(network) for network in item.within]}
            for item in namespace.masquerade
        ],
        "admit": [
            {"network": str(item.network), "published": item.published, "admin_chain": item.admin}
            for item in namespace.admissions
        ],
        "description": namespace.description,
        "bridges": {item.name: bridge(item, namespace) for item in namespace.bridges},
        "interfaces": {item.name: {**interface(item, "bridge"), "external": True} for item in namespace.interfaces},
    }
    table["macvlans"] = {item.name: macvlan(item) for item in namespace.macvlans}
    table["vxlans"] = {item.name: vxlan(item) for item in namespace.vxlans}
    table["ifbs"] = {item.name: ifb(item) for item in namespace.ifbs}
    if namespace.forwarding is not None:
        table["forwarding"] = namespace.forwarding
    if namespace.external:
        table["external"] = True
    return table


def interface(item: Interface, key: str) -> dict[str, object]:
    table: dict[str, object] = port(item.port, key)
    if item.addresses:
        table["addresses"] = [str(address) for address in item.addresses]
    if item.routes:
        table["routes"] = [route(one, item.name) for one in item.routes]
    if item.description:
        table["description"] = item.description
    if item.mtu:
        table["mtu"] = item.mtu
    if item.lladdr:
        table["lladdr"] = item.lladdr.upper()
    return table | rate(item.rate)


def rate(item: Rate | None) -> dict[str, object]:
    if item is None:
        return {}
    return {"rate": f"{item.bits / 1000:.3f}kbit", "burst": str(item.burst), "latency": f"{item.latency}us"}


def ifb(item: Ifb) -> dict[str, object]:
    return {"source": item.source, **interface(item, "bridge")}


def port(item: Port | None, key: str) -> dict[str, object]:
    if item is None:
        return {}
    options = {word: int(value) if value.isdecimal() else value == "on" for word, value in item.options}
    guard = {"only_from": item.only_from.upper()} if item.only_from else {}
    return {key: item.bridge, **options, **membership(item.vlans), **guard}


def membership(vlans: Vlans | None) -> dict[str, object]:
    if vlans is None:
        return {}
    return ({"untagged": vlans.untagged} if vlans.untagged else {}) | {
        "tagged": list(vlans.tagged),
        "leaving": list(vlans.leaving),
    }


def bridge(item: Bridge, namespace: Namespace) -> dict[str, object]:
    table = interface(item, "bridge")
    table["isolate"] = [isolation.family for isolation in namespace.isolations if isolation.bridge == item.name]
    for word, value in item.options:
        if word in ("stp_state", "mcast_snooping"):
            table[word.removesuffix("_state")] = value == "1"
        else:
            table[word] = (
                int(value) / 100 if word in ("forward_delay", "hello_time", "max_age", "ageing_time") else int(value)
            )
    if item.external:
        table["external"] = True
    else:
        table |= {"vlan_filtering": item.vlan_filtering, **membership(item.vlans)}
    return table | {"subnet": [str(subnet) for subnet in item.subnets]}


def macvlan(item: Macvlan) -> dict[str, object]:
    parent: object = item.parent
    if item.parent_namespace is not None:
        parent = {"namespace": item.parent_namespace, "name": item.parent}
    return {"parent": parent, "mode": item.mode, **interface(item, "bridge")}


def vxlan(item: Vxlan) -> dict[str, object]:
    table = interface(item, "bridge") | {"id": item.id, "dstport": item.dstport, "nolearning": not item.learning}
    ends = {"local": item.local, "remote": item.remote, "group": item.group, "dev": item.dev}
    table |= {key: value for key, value in ends.items() if value is not None}
    table["fdb"] = [{"dst": one.dst, **({"lladdr": one.lladdr.upper()} if one.lladdr else {})} for one in item.fdb]
    return table | {"neighbours": [{"address": one.address, "lladdr": one.lladdr} for one in item.neighbours]}


def route(item: Route, home: str | None) -> dict[str, object]:
    table: dict[str, object] = {"to": str(item.to) if item.to else "default", "type": item.kind, "onlink": item.onlink}
    table["family"] = item.family
    words = {"via": item.via, "src": item.src, "metric": item.metric, "table": item.table, "scope": item.scope}
    if item.dev != home:
        words["dev"] = item.dev
    return table | {key: value for key, value in words.items() if value is not None}
