"""The topology file: from a parsed document, whether it was TOML or JSON, to the model.

What a file may say is written down in docs/topology.md.  Tables are read once, ranges included: see `ranges`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from k8snet_scripts.cluster.cluster import Cluster
from k8snet_scripts.cluster.settle import settle_cluster
from k8snet_scripts.cluster.wiring import wire_cluster
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Admission, Isolation, Masquerade
from k8snet_scripts.frontend.allocate import allocate_addresses
from k8snet_scripts.frontend.cluster import TABLE, read_cluster
from k8snet_scripts.frontend.commands import read_commands
from k8snet_scripts.frontend.devices import read_ifb, read_macvlan, read_vxlan
from k8snet_scripts.frontend.fields import Document, Table
from k8snet_scripts.frontend.filters import read_admissions, read_masquerade
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
from k8snet_scripts.rules.literals import check_sysctl, read_loopback_address, read_setting
from k8snet_scripts.rules.names import check_interface_name, check_namespace_name, check_topology_name
from k8snet_scripts.rules.refusal import Refused, kind_of, show
from k8snet_scripts.topology import (
    HOST,
    ROLES,
    Bridge,
    Device,
    Ifb,
    Interface,
    Macvlan,
    Namespace,
    Topology,
    Veth,
    Vxlan,
)

_FORWARDING = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")
_LARGEST_SETTING = 2**64

_HOST_HINTS = {
    "commands": "commands are run in namespaces only: run those of the host before or after the script",
    "bridges": "the host's bridges stand at the top: `[bridges.NAME]`",
    "veths": "the host's veths stand at the top: `[veths.NAME]`",
    "macvlans": "the host's macvlans stand at the top: `[macvlans.NAME]`",
    "vxlans": "the host's VXLAN devices stand at the top: `[vxlans.NAME]`",
    "ifbs": "the host's ifbs stand at the top: `[ifbs.NAME]`",
    "interfaces": "the host's interfaces stand at the top: `[interfaces.NAME]`",
}
_TABLES = ("namespaces", "bridges", "veths", HOST, TABLE)
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
    if (key := _find_plugins(data)) is not None:
        help = "compile it by `k8snet compile --cni FILE --pod NAME`, or write a topology whose table `cni` names it"
        report.error("unknown-key", (key,), "this is a CNI configuration, not a topology", help=help, at="key")
        return Topology("")
    if TABLE in data:
        cluster = load_cluster(data, report)
        return wire_cluster(cluster) if cluster and report.ok else Topology("")
    document = Document(report)
    root = Table(data, (), document)
    name, description = _read_title(root)
    host, veths = _read_host(root.table(HOST) or Table({}, (HOST,), document), root)
    places = _settled(root.entries("namespaces", check_namespace_name, _read_namespace))
    root.close()
    topology = Topology(
        name,
        host,
        tuple([namespace for namespace, _ in places]),
        veths + tuple([veth for _, veths in places for veth in veths]),
        description,
    )
    return allocate_addresses(topology, document.automatic, report)


def _find_plugins(data: dict[Any, Any]) -> str | None:
    """The key by which a document turns out to be a CNI configuration rather than a topology with a slip of the pen."""
    return next(
        (key for key in ("type", "plugins") if key in data and not any(table in data for table in _TABLES)), None
    )


def load_cluster(data: dict[Any, Any], report: Report) -> Cluster | None:
    """The cluster that a document with a table `cluster` describes, with all addresses settled.

    What is wrong goes to the report, and what comes back then is of no use.
    """
    root = Table(data, (), Document(report))
    name, description = _read_title(root)
    request = read_cluster(root, name, description)
    return settle_cluster(request, report) if report.ok else None


def _read_title(root: Table) -> tuple[str, str]:
    """The name of a topology, which it has to have, and its description; what was refused is empty."""
    if not root.has("name"):
        root.missing("name", 'write `name = "lab"`, say: the scripts know by it what is theirs')
    return _settled(root.text("name", check_topology_name)) or "", _settled(read_description(root)) or ""


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
    ifbs = home.entries("ifbs", check_interface_name, read_ifb)
    gateways = home.entries("bridges", check_interface_name, read_bridge)
    veths = home.entries("veths", check_interface_name, lambda veth, end: read_veth(veth, end, name))
    namespace = combine(
        Namespace,
        name=name,
        addresses=read_addresses(table, read_loopback_address, automatic=False),
        routes=read_routes(table),
        bridges=convert(_list_bridges, gateways),
        interfaces=interfaces,
        devices=combine(_join_devices, macvlans=macvlans, vxlans=vxlans, ifbs=ifbs),
        sysctls=_read_sysctls(table),
        forwarding=table.boolean("forwarding"),
        masquerade=combine(_join_masquerade, sources=read_masquerade(table), gateways=gateways),
        admissions=combine(_join_admissions, admissions=read_admissions(table), gateways=gateways),
        isolations=convert(_list_isolations, gateways),
        commands=() if name == HOST else read_commands(table),
        role=_read_role(table),
        description=read_description(table),
        path=table.path,
        external=external,
    )
    return combine(_Place, namespace=namespace, veths=veths)


def _join_devices(
    macvlans: tuple[Macvlan, ...], vxlans: tuple[Vxlan, ...], ifbs: tuple[Ifb, ...]
) -> tuple[Device, ...]:
    return (*macvlans, *vxlans, *ifbs)


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


def _join_admissions(admissions: tuple[Admission, ...], gateways: tuple[Gateway, ...]) -> tuple[Admission, ...]:
    return admissions + tuple([admission for gateway in gateways for admission in gateway.admissions])


def _list_isolations(gateways: tuple[Gateway, ...]) -> tuple[Isolation, ...]:
    return tuple([isolation for gateway in gateways for isolation in gateway.isolations])


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
