"""Devices that stand on other interfaces: from the tables of macvlans, VXLAN devices and ifbs to the model."""

from __future__ import annotations

from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.interfaces import check_place, read_common, read_description, read_link
from k8snet_scripts.frontend.options import read_ports
from k8snet_scripts.frontend.ranges import Each, combine, gather
from k8snet_scripts.frontend.rates import read_rate
from k8snet_scripts.rules.literals import read_endpoint, read_group, read_lladdr
from k8snet_scripts.rules.names import check_interface_name
from k8snet_scripts.rules.options import HIGHEST_MTU, LOWEST_MTU, VXLAN_NUMBERS
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.topology import MACVLAN_MODES, VXLAN_PORT, FdbEntry, Ifb, Macvlan, Neighbour, Vxlan

_HINTS = {
    "learning": "to learn nothing from what arrives, write `nolearning = true`",
    "link": "write `dev`",
    "master": "write `bridge`",
    "port": "write `dstport`",
}
_MACVLAN_HINTS = {
    "bridge": "a macvlan shares the wire of its `parent`; to be on a bridge, an interface is a veth",
    "master": "write `parent`",
    "link": "write `parent`",
    "dev": "write `parent`",
}
_IFB_HINTS = {
    **dict.fromkeys(("addresses", "routes"), "give them to the interface that the ifb is for"),
    **dict.fromkeys(("bridge", "master"), "an ifb is on no bridge: what comes in goes to where it would have gone"),
    **dict.fromkeys(("dev", "link", "parent"), "write `source`"),
}


def read_macvlan(table: Table, name: Each[str | None]) -> Each[Macvlan | None]:
    """A macvlan, whose parent is in the same namespace unless it says where."""
    parent: Each[str | None] = None
    namespace: Each[str | None] = None
    path = (*table.path, "parent")
    if not table.has("parent"):
        table.missing(
            "parent", 'write `parent = "eth0"`, say, or `{ namespace = "host", name = "eth0" }` if it is elsewhere'
        )
    elif isinstance(value := table.data["parent"], dict):
        place = Table(value, path, table.document, table.ranged)
        if not place.has("name"):
            place.missing("name", 'write `name = "eth0"`, say')
        parent, namespace = place.text("name", check_interface_name), place.text("namespace", check_place)
        if namespace is None and place.has("namespace"):
            parent = None
        place.close()
    else:
        parent = table.read(path, value, check_interface_name, expected="a name or a table")
    mode = table.text("mode", _check_mode)
    macvlan = combine(
        Macvlan,
        name=name,
        **read_common(table, name, automatic=False),
        **read_link(table),
        parent=parent,
        parent_namespace=namespace,
        mode="bridge" if mode is None else mode,
    )
    table.close(_MACVLAN_HINTS)
    return None if parent is None else macvlan


def _check_mode(text: str) -> str:
    if text not in MACVLAN_MODES:
        help = f"write {', '.join(f'`{mode}`' for mode in MACVLAN_MODES[:-1])} or `{MACVLAN_MODES[-1]}`"
        raise Refused("bad-option", f"there is no mode {show(text)}", help)
    return text


def read_vxlan(table: Table, name: Each[str | None]) -> Each[Vxlan | None]:
    """A VXLAN device."""
    numbers = {key: table.integer(key, low, high, "bad-option") for key, (low, high) in VXLAN_NUMBERS.items()}
    if not table.has("id"):
        table.missing("id", "write `id = 1`, say: the number of the network, the same at all its endpoints")
    if table.has("remote") and table.has("group"):
        help = "`group` is a multicast address to find the others by, `remote` the address of the only other one"
        table.error(
            "conflicting-keys",
            (*table.path, "group"),
            "`remote` and `group` say the same thing",
            help,
            at="key",
            see=(*table.path, "remote"),
        )
    if table.has("group") and not table.has("dev"):
        table.missing("dev", 'write `dev = "eth0"`, say: the interface by which the group\'s members are reached')
    vxlan = combine(
        Vxlan,
        name=name,
        **read_common(table, name, automatic=False),
        **read_link(table),
        port=read_ports(table, "bridge").get("bridge"),
        id=numbers["id"] or 0,
        dstport=numbers["dstport"] or VXLAN_PORT,
        local=table.text("local", read_endpoint),
        remote=table.text("remote", read_endpoint),
        group=table.text("group", read_group),
        dev=table.text("dev", check_interface_name),
        learning=not table.boolean("nolearning"),
        fdb=gather([_read_fdb_entry(entry) for entry in table.tables("fdb")]),
        neighbours=gather([_read_neighbour(entry) for entry in table.tables("neighbours")]),
    )
    table.close(_HINTS)
    return vxlan


def read_ifb(table: Table, name: Each[str | None]) -> Each[Ifb | None]:
    """An ifb, for what comes in at another interface of the same namespace."""
    for key, example in (("source", "vethB"), ("rate", "10mbit")):
        if not table.has(key):
            table.missing(key, f'write `{key} = "{example}"`, say')
    source = table.text("source", check_interface_name)
    ifb = combine(
        Ifb,
        name=name,
        source=source,
        rate=read_rate(table),
        mtu=table.integer("mtu", LOWEST_MTU, HIGHEST_MTU, "bad-mtu"),
        lladdr=table.text("lladdr", read_lladdr),
        description=read_description(table),
        path=table.path,
    )
    table.close(_IFB_HINTS)
    return None if source is None else ifb


def _read_fdb_entry(table: Table) -> Each[FdbEntry | None]:
    if not table.has("dst"):
        table.missing("dst", 'write `dst = "192.0.2.1"`, say: the endpoint that the frames are sent to')
        return None
    dst = table.text("dst", read_endpoint)
    lladdr = table.text("lladdr", read_lladdr)
    table.close()
    if dst is None or (lladdr is None and table.has("lladdr")):
        return None
    return combine(FdbEntry, dst=dst, lladdr=lladdr, path=table.path)


def _read_neighbour(table: Table) -> Each[Neighbour | None]:
    for key, example in (("address", "10.0.0.1"), ("lladdr", "02:00:00:00:00:01")):
        if not table.has(key):
            table.missing(key, f'write `{key} = "{example}"`, say')
    address, lladdr = table.text("address", read_endpoint), table.text("lladdr", read_lladdr)
    table.close()
    if address is None or lladdr is None:
        return None
    return combine(Neighbour, address=address, lladdr=lladdr, path=table.path)
