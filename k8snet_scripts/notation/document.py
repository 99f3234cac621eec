"""The document of a model: the tables of the topology file that says it, with neither ranges nor anything automatic.

What is read from this document is the model that it was made of, but for the order of veths where that is not the
order of the file: those of the host first, then those of each namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from k8snet_scripts.filtering import Path
from k8snet_scripts.notation.filters import (
    describe_admission,
    describe_isolations,
    describe_masquerade,
    describe_publication,
    write_port,
)
from k8snet_scripts.notation.rates import describe_rate
from k8snet_scripts.notation.toml import Value, write_table
from k8snet_scripts.rules.options import BRIDGE_NUMBERS, BRIDGE_SECONDS, BRIDGE_SWITCHES, GUARD_KEY, PORT_NUMBERS
from k8snet_scripts.topology import (
    HOST,
    MACVLAN_MODES,
    VXLAN_PORT,
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

Table = dict[str, Value]

_SWITCHES = {word: key for key, word in BRIDGE_SWITCHES.items()}


def write_topology(topology: Topology) -> Iterator[str]:
    """The lines of the topology file that says what a topology is, which has passed `check_topology`.

    What only CNI plugins have is named in a comment: the records of addresses, an nft table that others have as well,
    and ports behind an interface, which lead to what others have attached there.  A topology file publishes the ports
    of ends that it describes.
    """
    for record in topology.records:
        yield f"# What a topology file cannot say is left out: the file {record.path}."
    if topology.table:
        yield f"# What a topology file cannot say is left out: the nft table {topology.table} is not its own."
    for namespace in topology.everywhere():
        for port, dev in ((write_port(forward.publication), forward.dev) for forward in namespace.forwards):
            yield f"# What a topology file cannot say is left out: the port {port} behind {dev} of {namespace.name}."
    for path, table in describe_topology(topology):
        yield from write_table(path, table)


def describe_topology(topology: Topology) -> Iterator[tuple[Path, Table]]:
    """Every table of the document at its path, as it stands in the file; one that goes without saying is left out."""
    veths: dict[str, list[Veth]] = {}
    for veth in topology.veths:
        veths.setdefault(veth.inner.namespace, []).append(veth)
    top: Table = {"name": topology.name}
    if topology.description:
        top["description"] = topology.description
    yield (), top
    host = _describe_namespace(topology.host)
    if host:
        yield (HOST,), host
    yield from _describe_links((), topology.host, veths.get(HOST, ()))
    for namespace in topology.namespaces:
        path, table = ("namespaces", namespace.name), _describe_namespace(namespace)
        links = _describe_links(path, namespace, veths.get(namespace.name, ()))
        first = next(links, None)
        if table or first is None:
            yield path, table
        yield from chain([first] if first else [], links)


def _describe_links(path: Path, namespace: Namespace, veths: Iterable[Veth]) -> Iterator[tuple[Path, Table]]:
    for bridge in namespace.bridges:
        yield (*path, "bridges", bridge.name), _describe_bridge(bridge, namespace)
    for interface in namespace.interfaces:
        table = _given(external=True, configured=interface.configured or None)
        table |= _describe_port(interface.port, "bridge") | _describe_interface(interface)
        yield (*path, "interfaces", interface.name), table
    for device in namespace.devices:
        if isinstance(device, Vxlan):
            yield (*path, "vxlans", device.name), _describe_vxlan(device)
        elif isinstance(device, Ifb):
            yield (*path, "ifbs", device.name), {"source": device.source} | _describe_interface(device)
        else:
            yield (*path, "macvlans", device.name), _describe_macvlan(device)
    for veth in veths:
        yield (*path, "veths", veth.inner.name), _describe_veth(veth)


def _describe_namespace(namespace: Namespace) -> Table:
    return _given(
        external=namespace.external or None,
        description=namespace.description or None,
        role=namespace.role or None,
        addresses=[str(address) for address in namespace.addresses] or None,
        forwarding=namespace.forwarding,
        masquerade=[describe_masquerade(rule) for rule in namespace.masquerade] or None,
        admit=[describe_admission(rule) for rule in namespace.admissions] or None,
        routes=[_describe_route(route, None) for route in namespace.routes] or None,
        sysctls=dict(namespace.sysctls) or None,
        commands=[_describe_command(command) for command in namespace.commands] or None,
    )


def _describe_command(command: Command) -> Value:
    return _given(
        run=list(command.run),
        check=list(command.check),
        undo=list(command.undo) or None,
        description=command.description or None,
    )


# Interfaces


def _describe_bridge(bridge: Bridge, namespace: Namespace) -> Table:
    table: Table = {"external": True} if bridge.external else {}
    table |= _describe_interface(bridge)
    if bridge.subnets:
        table["subnet"] = [str(subnet) for subnet in bridge.subnets]
    table |= describe_isolations(namespace.isolations, bridge.name)
    for word, value in bridge.options:
        table[_SWITCHES.get(word, word)] = _describe_bridge_option(word, value)
    if bridge.vlan_filtering:
        table["vlan_filtering"] = True
    return table | _describe_vlans(bridge.vlans)


def _describe_bridge_option(word: str, value: str) -> Value:
    if word in _SWITCHES:
        return value == "1"
    if word in BRIDGE_SECONDS:
        seconds = int(value) / 100
        return int(seconds) if seconds.is_integer() else seconds
    assert word in BRIDGE_NUMBERS
    return int(value)


def _describe_veth(veth: Veth) -> Table:
    """A veth.  Where the peer is no more than a name, its port stands in the table of the veth."""
    inner, outer = veth.inner, veth.outer
    peer: Table = {"name": outer.name}
    if outer.namespace != HOST:
        peer["namespace"] = outer.namespace
    same = outer.mtu == inner.mtu
    peer |= _describe_port(outer.port, "bridge") if len(peer) > 1 or inner.port else {}
    peer |= _describe_end(outer, with_mtu=not same)
    table: Table = {"peer": outer.name if len(peer) == 1 else peer}
    table |= _describe_port(inner.port, "master")
    if outer.port and "bridge" not in peer:
        table |= _describe_port(outer.port, "bridge")
    return table | _describe_end(inner)


def _describe_macvlan(macvlan: Macvlan) -> Table:
    parent: str | Table = macvlan.parent
    if macvlan.parent_namespace is not None:
        parent = {"namespace": macvlan.parent_namespace, "name": macvlan.parent}
    mode: Table = {} if macvlan.mode == MACVLAN_MODES[0] else {"mode": macvlan.mode}
    return {"parent": parent} | mode | _describe_interface(macvlan)


def _describe_vxlan(vxlan: Vxlan) -> Table:
    table = _given(
        id=vxlan.id,
        local=vxlan.local,
        remote=vxlan.remote,
        group=vxlan.group,
        dev=vxlan.dev,
        dstport=vxlan.dstport if vxlan.dstport != VXLAN_PORT else None,
        nolearning=not vxlan.learning or None,
    )
    table |= _describe_port(vxlan.port, "bridge") | _describe_interface(vxlan)
    return table | _given(
        fdb=[_given(dst=entry.dst, lladdr=entry.lladdr) for entry in vxlan.fdb] or None,
        neighbours=[_given(address=entry.address, lladdr=entry.lladdr) for entry in vxlan.neighbours] or None,
    )


def _given(**values: Value | None) -> Table:
    """A table of what is said: where it is None, that goes without saying."""
    return {key: value for key, value in values.items() if value is not None}


def _describe_end(end: End, *, with_mtu: bool = True) -> Table:
    table = _describe_interface(end)
    if not with_mtu:
        table.pop("mtu", None)
    return table | _given(
        noprefixroute=not end.connected or None,
        publish=[describe_publication(publication) for publication in end.publications] or None,
    )


def _describe_interface(interface: Interface) -> Table:
    """What every kind of interface has."""
    table = _given(
        description=interface.description or None,
        addresses=[str(address) for address in interface.addresses] or None,
        broadcast=interface.broadcast or None,
        mtu=interface.mtu,
        lladdr=interface.lladdr,
        promisc=interface.promisc or None,
        allmulticast=interface.allmulti,
        txqueuelen=interface.txqlen,
    )
    table |= describe_rate(interface.rate)
    return table | _given(routes=[_describe_route(route, interface.name) for route in interface.routes] or None)


def _describe_port(port: Port | None, key: str) -> Table:
    if port is None:
        return {}
    options = {word: int(value) if word in PORT_NUMBERS else value == "on" for word, value in port.options}
    return {key: port.bridge, **options, **_describe_vlans(port.vlans), **_given(**{GUARD_KEY: port.only_from})}


def _describe_vlans(vlans: Vlans | None) -> Table:
    if vlans is None:
        return {}
    is_none = not vlans.tagged and not vlans.leaving and vlans.untagged is None
    return _given(
        untagged=vlans.untagged,
        tagged=list(vlans.tagged) if vlans.tagged or is_none else None,
        leaving=list(vlans.leaving) or None,
    )


# Routes


def _describe_route(route: Route, interface: str | None) -> Table:
    """A route; `interface` is the one in whose table it stands."""
    needs_family = not route.to and route.family == 6 and route.via is None and route.src is None
    return _given(
        to=str(route.to) if route.to else "default",
        type=route.kind if route.kind != "unicast" else None,
        via=route.via,
        dev=route.dev if route.dev != interface else None,
        src=route.src,
        family=6 if needs_family else None,
        metric=route.metric,
        table=route.table,
        onlink=route.onlink or None,
        scope=route.scope,
        prepend=route.prepend or None,
    )
