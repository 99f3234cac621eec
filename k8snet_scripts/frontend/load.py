"""The topology file: from a parsed document, whether it was TOML or JSON, to the model.

What a file may say is written down in docs/topology.md.  Tables are read once, ranges included: see `ranges`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cluster.settle import settle_cluster
from k8snet_scripts.cluster.wiring import wire_cluster
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Admission, Masquerade, Path
from k8snet_scripts.frontend.allocate import allocate_addresses
from k8snet_scripts.frontend.cluster import TABLE, read_cluster
from k8snet_scripts.frontend.devices import read_macvlan, read_vxlan
from k8snet_scripts.frontend.fields import Document, Table
from k8snet_scripts.frontend.interfaces import (
    Gateway,
    read_addresses,
    read_bridge,
    read_description,
    read_external,
    read_veth,
)
from k8snet_scripts.frontend.ranges import Each, PerIndex, combine, convert, gather
from k8snet_scripts.frontend.routes import read_routes
from k8snet_scripts.rules.literals import check_sysctl, read_loopback_address, read_network, read_setting
from k8snet_scripts.rules.names import check_interface_name, check_namespace_name, check_topology_name
from k8snet_scripts.rules.refusal import Refused, kind_of, show
from k8snet_scripts.topology import HOST, ROLES, Bridge, Device, Interface, Macvlan, Namespace, Topology, Veth, Vxlan

_FORWARDING = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")
_LARGEST_SETTING = 2**64

_HOST_HINTS = {
    "bridges": "the host's bridges stand at the top: `[bridges.NAME]`",
    "veths": "the host's veths stand at the top: `[veths.NAME]`",
    "macvlans": "the host's macvlans stand at the top: `[macvlans.NAME]`",
    "vxlans": "the host's VXLAN devices stand at the top: `[vxlans.NAME]`",
    "interfaces": "the host's interfaces stand at the top: `[interfaces.NAME]`",
}
_NAMESPACE_HINTS = {
    "interfaces": "a new namespace has no interfaces but those of `veths` and `bridges`; one that exists already says "
    "`external = true`"
}

T = TypeVar("T")


class _Place(NamedTuple):
    """A namespace, and the veths declared in it."""

    namespace: Namespace
    veths: tuple[Veth, ...]


def load_topology(data: object, report: Report) -> Topology:
    """The topology that a document (nested dicts, lists and plain values) describes.

    Everything that is wrong with the document by itself goes to the report, and what comes back then lacks it.  Names
    that lead nowhere, and whatever else takes the whole model to see, are left to `check_topology`.
    """
    if not isinstance(data, dict):
        report.error("wrong-type", (), f"a topology must be a table, not {kind_of(data)}")
        return Topology("")
    document = Document(report)
    root = Table(data, (), document)
    if not root.has("name"):
        root.missing("name", 'write `name = "lab"`, say: the scripts know by it what is theirs')
    name = _settled(root.text("name", check_topology_name))
    description = _settled(read_description(root))
    if root.has(TABLE):
        request = read_cluster(root, name or "", description or "")
        return wire_cluster(settle_cluster(request, report)) if report.ok else Topology("")
    host, veths = _read_host(root.table(HOST) or Table({}, (HOST,), document), root)
    places = _settled(root.entries("namespaces", check_namespace_name, _read_namespace))
    root.close()
    topology = Topology(
        name or "",
        host,
        tuple([namespace for namespace, _ in places]),
        veths + tuple([veth for _, veths in places for veth in veths]),
        description or "",
    )
    return allocate_addresses(topology, document.automatic, report)


def _settled(value: Each[T]) -> T:
    """A value with no range around it, which is plain therefore."""
    assert not isinstance(value, PerIndex)
    return value


def _read_namespace(table: Table, name: Each[str | None]) -> Each[_Place | None]:
    external = table.boolean("external") or False
    interfaces: Each[tuple[Interface, ...]] = ()
    if external:
        interfaces = table.entries("interfaces", check_interface_name, read_external)
    place = _read_place(table, table, name, interfaces, external)
    table.close(_NAMESPACE_HINTS)
    return place


def _read_host(table: Table, root: Table) -> _Place:
    """The host: `root` holds its bridges, veths and interfaces."""
    interfaces = root.entries("interfaces", check_interface_name, read_external)
    place = _settled(_read_place(table, root, HOST, interfaces))
    table.close(_HOST_HINTS)
    return place


def _read_place(
    table: Table,
    home: Table,
    name: Each[str | None],
    interfaces: Each[tuple[Interface, ...]],
    external: Each[bool] = False,
) -> Each[_Place]:
    """A namespace; `home` is the table that holds what is in it."""
    macvlans = home.entries("macvlans", check_interface_name, read_macvlan)
    vxlans = home.entries("vxlans", check_interface_name, read_vxlan)
    gateways = home.entries("bridges", check_interface_name, read_bridge)
    veths = home.entries("veths", check_interface_name, lambda veth, end: read_veth(veth, end, name))
    sources = [_read_masquerade(table, path, value) for path, value in table.items("masquerade", "networks")]
    namespace = combine(
        Namespace,
        name=name,
        addresses=read_addresses(table, read_loopback_address, automatic=False),
        routes=read_routes(table),
        bridges=convert(_list_bridges, gateways),
        interfaces=interfaces,
        devices=combine(_join_devices, macvlans=macvlans, vxlans=vxlans),
        sysctls=_read_sysctls(table),
        forwarding=table.boolean("forwarding"),
        masquerade=combine(_join_masquerade, sources=gather(sources), gateways=gateways),
        admissions=convert(_join_admissions, gateways),
        role=_read_role(table),
        description=read_description(table),
        path=table.path,
        external=external,
    )
    return combine(_Place, namespace=namespace, veths=veths)


def _join_devices(macvlans: tuple[Macvlan, ...], vxlans: tuple[Vxlan, ...]) -> tuple[Device, ...]:
    return (*macvlans, *vxlans)


def _read_role(table: Table) -> Each[str | None]:
    role = table.text("role", _check_role)
    return "" if role is None else role


def _check_role(text: str) -> str:
    if text not in ROLES:
        help = " or ".join(f'`role = "{role}"`' for role in ROLES)
        raise Refused("bad-role", f"there is no role {show(text)}", f"write {help}")
    return text


def _list_bridges(gateways: tuple[Gateway, ...]) -> tuple[Bridge, ...]:
    return tuple([gateway.bridge for gateway in gateways])


def _join_masquerade(sources: tuple[Masquerade, ...], gateways: tuple[Gateway, ...]) -> tuple[Masquerade, ...]:
    return sources + tuple([source for gateway in gateways for source in gateway.masquerade])


def _join_admissions(gateways: tuple[Gateway, ...]) -> tuple[Admission, ...]:
    return tuple([admission for gateway in gateways for admission in gateway.admissions])


def _read_masquerade(table: Table, path: Path, value: object) -> Each[Masquerade | None]:
    """A network, or a table that also says within which networks its addresses are kept."""
    if not isinstance(value, dict):
        source = table.read(path, value, read_network, expected="a network or a table")
        return None if source is None else combine(Masquerade, source=source, path=path)
    rule = Table(value, path, table.document, table.ranged)
    if not rule.has("source"):
        rule.missing("source", 'write `source = "10.10.0.0/24"`, say')
    source = rule.text("source", read_network)
    within = rule.texts("within", read_network)
    rule.close()
    return (
        None if source is None else combine(rule.guard(path, _make_masquerade), source=source, within=within, path=path)
    )


def _make_masquerade(source: Cidr, within: tuple[Cidr, ...], path: Path) -> Masquerade:
    for network in within:
        if network.family != source.family:
            message = f"`{network}` and `{source}` are not of one family"
            raise Refused("bad-address", message, "write a rule for each family", key="within")
    return Masquerade(source, within, path)


def _read_sysctls(table: Table) -> Each[tuple[tuple[str, str], ...]]:
    settings = table.table("sysctls")
    pairs: list[Each[tuple[str, str] | None]] = []
    for key, value in settings.data.items() if settings else ():
        path = (*table.path, "sysctls", key)
        if isinstance(value, dict):
            help = 'put the whole key into quotes: `"net.ipv4.ip_forward" = 1`'
            table.error("wrong-type", path, f"{show(key)} must be a value, not a table", help)
            continue
        if key in _FORWARDING and table.has("forwarding"):
            help = "`forwarding` sets it for IPv4 and IPv6: keep one of the two"
            message = f"`{key}` and `forwarding` are the same"
            table.error("conflicting-keys", path, message, help, at="key", see=(*table.path, "forwarding"))
        word = table.read(path, key, check_sysctl, "key")
        text = str(int(value)) if isinstance(value, int) and abs(value) < _LARGEST_SETTING else value
        setting = table.read(path, text, read_setting, expected="a string, an integer or a boolean")
        if word is not None and setting is not None:
            pairs.append(combine(_make_pair, key=word, value=setting))
    return gather(pairs)


def _make_pair(key: str, value: str) -> tuple[str, str]:
    return key, value
