"""Interfaces: from the tables of bridges, of external interfaces and of veths to the model.

A name that was refused is None here: its table is read for its errors only, and what comes of it is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import Admission, Isolation, Masquerade, Path
from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.filters import read_publications
from k8snet_scripts.frontend.options import read_bridge_options, read_membership, read_ports
from k8snet_scripts.frontend.ranges import Each, combine, convert, gather
from k8snet_scripts.frontend.rates import read_rate
from k8snet_scripts.frontend.routes import read_interface_routes
from k8snet_scripts.rules.literals import (
    LINK_LOCAL,
    check_description,
    read_interface_address,
    read_lladdr,
    read_network,
)
from k8snet_scripts.rules.names import check_interface_name, check_namespace_name
from k8snet_scripts.rules.options import BRIDGE_KEYS, HIGHEST_MTU, HIGHEST_TXQUEUELEN, LOWEST_MTU
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Port, Veth

_BRIDGE_HINTS = {
    "bridge": "a bridge cannot be a port of another one: join the two by a veth",
    "master": "a bridge cannot be a port of another one: join the two by a veth",
}
_END_HINTS = {"gateway": 'write `routes = [{ to = "default", via = "10.10.0.1" }]`, say'}
_PORT_HINTS = {"master": "write `bridge`"} | _END_HINTS
_LINK_KEYS = ("mtu", "lladdr", "broadcast", "rate", "burst", "latency")
_LISTENING_KEYS = ("promisc", "allmulticast", "txqueuelen")


class Gateway(NamedTuple):
    """A bridge, and what its namespace masquerades, lets through and keeps apart because of it."""

    bridge: Bridge
    masquerade: tuple[Masquerade, ...]
    admissions: tuple[Admission, ...]
    isolations: tuple[Isolation, ...]


def read_addresses(table: Table, read: Callable[[str], Cidr], automatic: bool = True) -> Each[tuple[Cidr, ...]]:
    """Addresses.  Where one is "auto" is noted in the document, if the table is that of an interface that may."""
    addresses: list[Each[Cidr | None]] = []
    notes = table.document.automatic
    for path, value in table.items("addresses", "strings"):
        if value != "auto":
            addresses.append(table.read(path, value, read))
        elif not automatic:
            help = "write the address, or give it to an interface on a bridge"
            table.error("auto-without-subnet", path, "`auto` needs an interface on a bridge that has a `subnet`", help)
        elif table.path in notes:
            table.error("bad-address", path, "`auto` is there twice", "write it once: it takes one address a subnet")
        else:
            notes[table.path] = len(addresses)
    return gather(addresses)


def read_description(table: Table) -> Each[str | None]:
    """The description, which is empty unless there is one."""
    description = table.text("description", check_description)
    return "" if description is None else description


def read_bridge(table: Table, name: Each[str | None]) -> Each[Gateway | None]:
    """A bridge, made by the scripts or external."""
    external = table.boolean("external") or False
    if external:
        _refuse_settings(table, "bridge", (*_LINK_KEYS, *_LISTENING_KEYS, *BRIDGE_KEYS))
        settings: dict[str, Each[Any]] = {}
    else:
        settings = read_link(table) | _read_listening(table)
        settings["options"] = read_bridge_options(table)
        settings["vlan_filtering"] = table.boolean("vlan_filtering") or False
        settings["vlans"] = read_membership(table)
    bridge = combine(
        Bridge,
        name=name,
        **read_common(table, name),
        subnets=_read_subnets(table),
        external=external,
        **settings,
    )
    masquerade: Each[tuple[Masquerade, ...] | None] = ()
    if table.boolean("masquerade"):
        masquerade = convert(partial(_masquerade, table), bridge)
    admissions: Each[tuple[Admission, ...] | None] = ()
    if table.boolean("admit"):
        admissions = convert(partial(_admit, table), bridge)
    isolations = combine(_isolate, bridge=bridge, families=_read_families(table, "isolate"))
    table.close(_BRIDGE_HINTS)
    return combine(Gateway, bridge=bridge, masquerade=masquerade, admissions=admissions, isolations=isolations)


def read_external(table: Table, name: Each[str | None]) -> Each[Interface | None]:
    """An interface that is there already, on the host or in a namespace of others."""
    if not table.boolean("external"):
        help = "write `external = true`: interfaces here are used, never made; those of veths stand in `[veths.NAME]`"
        table.missing("external = true", help)
    _refuse_settings(table, "interface", (*_LINK_KEYS, *_LISTENING_KEYS))
    port = read_ports(table, "bridge").get("bridge")
    configured = table.boolean("configured") or False
    common = read_common(table, name, automatic=not configured)
    interface = combine(Interface, name=name, **common, external=True, configured=configured, port=port)
    table.close(_PORT_HINTS)
    return interface


def read_veth(table: Table, name: Each[str | None], namespace: Each[str | None]) -> Each[Veth | None]:
    """A veth declared in a namespace: the end of that name there, and its peer."""
    ports = read_ports(table, "master", "bridge", guarded=True)
    link = read_link(table)
    common = read_common(table, name) | _read_end(table)
    inner = combine(End, name=name, namespace=namespace, port=ports.get("master"), **link, **common)
    outer = _read_peer(table, link["mtu"], ports.get("bridge"))
    table.close(_END_HINTS)
    return None if outer is None else combine(Veth, inner=inner, outer=outer, path=table.path)


def _read_peer(table: Table, mtu: Each[int | None], port: Each[Port | None]) -> Each[End | None]:
    """The other end of a veth, which has the MTU and the port that the table of the veth says, or its own."""
    if not table.has("peer"):
        table.missing(
            "peer", 'write `peer = "NAME"` for a peer on the host, or `{ namespace = "NAME", name = "NAME" }`'
        )
        return None
    path, value = (*table.path, "peer"), table.data["peer"]
    if not isinstance(value, dict):
        name = table.read(path, value, check_interface_name, expected="a name or a table")
        return None if name is None else combine(End, name=name, namespace=HOST, mtu=mtu, port=port, path=path)
    peer = Table(value, path, table.document, table.ranged)
    if not peer.has("name"):
        peer.missing("name", 'write `name = "eth0"`, say')
    name = peer.text("name", check_interface_name)
    namespace = peer.text("namespace", check_place) if peer.has("namespace") else HOST
    ports = read_ports(peer, "bridge", guarded=True)
    if "bridge" in ports and table.has("bridge"):
        message = "the peer is made a port of a bridge twice"
        peer.error("conflicting-keys", (*path, "bridge"), message, "keep one of the two", see=(*table.path, "bridge"))
    link = read_link(peer)
    if not peer.has("mtu"):
        link["mtu"] = mtu
    common = read_common(peer, name) | _read_end(peer)
    peer.close(_PORT_HINTS)
    if name is None or namespace is None:
        return None
    return combine(End, name=name, namespace=namespace, port=ports.get("bridge", port), **link, **common)


def read_common(table: Table, name: Each[str | None], automatic: bool = True) -> dict[str, Each[Any]]:
    """What every interface has."""
    return {
        "addresses": read_addresses(table, read_interface_address, automatic),
        "routes": read_interface_routes(table, name),
        "description": read_description(table),
        "path": table.path,
    }


def read_link(table: Table) -> dict[str, Each[Any]]:
    """What is set on an interface only by those who make it."""
    return {
        "mtu": table.integer("mtu", LOWEST_MTU, HIGHEST_MTU, "bad-mtu"),
        "lladdr": table.text("lladdr", read_lladdr),
        "broadcast": table.boolean("broadcast") or False,
        "rate": read_rate(table),
    }


def _read_end(table: Table) -> dict[str, Each[Any]]:
    """What only the ends of veths have."""
    alone = table.boolean("noprefixroute") or False
    return {"publications": read_publications(table), "connected": not alone, **_read_listening(table)}


def _read_listening(table: Table) -> dict[str, Each[Any]]:
    """What an interface takes in beside what is addressed to it, and how much it lets wait."""
    return {
        "promisc": table.boolean("promisc") or False,
        "allmulti": table.boolean("allmulticast"),
        "txqlen": table.integer("txqueuelen", 0, HIGHEST_TXQUEUELEN, "bad-option"),
    }


def _read_families(table: Table, key: str) -> tuple[int, ...]:
    """Address families, 4 and 6."""
    families: list[int] = []
    for path, value in table.items(key, "families"):
        if not isinstance(value, int) or isinstance(value, bool):
            table.mistyped(path, "a family", value, "write `4` or `6`")
        elif value not in (4, 6):
            table.error("bad-option", path, f"{show(value)} is not a family", "write `4` or `6`")
        elif value in families:
            table.error("bad-option", path, f"IPv{value} is there twice", "write it once")
        else:
            families.append(value)
    return tuple(families)


def _read_subnets(table: Table) -> Each[tuple[Cidr, ...]]:
    """One network as a string, or a list of them."""
    if table.has("subnet") and isinstance(table.data["subnet"], str):
        return gather([table.text("subnet", read_network)])
    return table.texts("subnet", read_network)


def _refuse_settings(table: Table, kind: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if table.has(key):
            help = f"leave it out: an external {kind} stays as it is, apart from its addresses and routes"
            table.error("not-ours", (*table.path, key), f"`{key}` of an external {kind} is not ours to set", help)


def check_place(text: str) -> str:
    """The name of a namespace, or of the host."""
    return text if text == HOST else check_namespace_name(text)


def _masquerade(table: Table, bridge: Bridge) -> tuple[Masquerade, ...]:
    path = (*table.path, "masquerade")
    networks = _networks(table, bridge, path, "masquerade")
    return tuple([Masquerade(network, path=path) for network in networks])


def _admit(table: Table, bridge: Bridge) -> tuple[Admission, ...]:
    path = (*table.path, "admit")
    networks = _networks(table, bridge, path, "let through")
    return tuple([Admission(network, published=True, path=path) for network in networks])


def _isolate(bridge: Bridge, families: tuple[int, ...]) -> tuple[Isolation, ...]:
    return tuple([Isolation(bridge.name, family) for family in families])


def _networks(table: Table, bridge: Bridge, path: Path, purpose: str) -> list[Cidr]:
    """The networks of a bridge: those of its addresses, or its subnets if it has none."""
    automatic = bridge.path in table.document.automatic
    networks = [cidr.network for cidr in bridge.addresses if not LINK_LOCAL.contains(cidr.family, cidr.value)]
    if automatic or not networks:
        networks += bridge.subnets
    if not networks and not automatic:
        help = "give the bridge an address or a `subnet`"
        table.error("missing-key", path, f"there is no network to {purpose}", help)
    return list(dict.fromkeys(networks))
