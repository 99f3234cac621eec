"""Values: whether each name, number and text of a model is one by itself.

A topology that was read from a file has passed this already; one that was built in Python has not, and its values end
up on command lines all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from k8snet_scripts.addresses import WIDTH, Cidr
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.flaws import find_flaw
from k8snet_scripts.filtering import Path, Publication
from k8snet_scripts.rules.literals import (
    check_argument,
    check_description,
    check_program,
    check_sysctl,
    read_endpoint,
    read_group,
    read_lladdr,
    read_network,
    read_setting,
    read_vlan,
)
from k8snet_scripts.rules.names import (
    check_chain_name,
    check_interface_name,
    check_namespace_name,
    check_topology_name,
)
from k8snet_scripts.rules.options import (
    BRIDGE_NUMBERS,
    BRIDGE_SECONDS,
    BRIDGE_SWITCHES,
    HIGHEST_MTU,
    LOWEST_MTU,
    PORT_NUMBERS,
    PORT_SWITCHES,
    VXLAN_NUMBERS,
)
from k8snet_scripts.rules.ports import check_masquerade, read_condition, read_port_address, read_publication
from k8snet_scripts.rules.rates import check_rate
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.topology import (
    HOST,
    MACVLAN_MODES,
    Bridge,
    Command,
    Interface,
    Macvlan,
    Namespace,
    Port,
    Route,
    Topology,
    Vlans,
    Vxlan,
)

_NUMBERS = range(2**32)

T = TypeVar("T")

_BRIDGE_OPTIONS: Mapping[str, range] = {
    **{word: range(2) for word in BRIDGE_SWITCHES.values()},
    **{word: range(low * 100, high * 100 + 1) for word, (low, high) in BRIDGE_SECONDS.items()},
    **{word: range(low, high + 1) for word, (low, high) in BRIDGE_NUMBERS.items()},
}
_PORT_OPTIONS = {word: range(low, high + 1) for word, (low, high) in PORT_NUMBERS.items()}


class _Values:
    """Tries values out, and reports those that are refused."""

    def __init__(self, report: FirstFindings) -> None:
        self.report = report
        self.names: set[str] = set()  # of interfaces, seen already

    def refuse(self, path: Path, slug: str, message: str, help: str = "") -> None:
        self.report.error(slug, path, message, help=help)

    def attempt(self, path: Path, check: Callable[[T], object], value: T) -> None:
        try:
            check(value)
        except Refused as refused:
            self.refuse(path, refused.slug, refused.message, refused.help)

    def interface_name(self, path: Path, name: str) -> None:
        if name not in self.names:
            self.attempt(path, check_interface_name, name)
            self.names.add(name)

    def topology(self, topology: Topology) -> None:
        self.attempt(("name",), check_topology_name, topology.name)
        self.attempt(("description",), check_description, topology.description)
        if topology.table:
            self.attempt(("table",), check_topology_name, topology.table)
        for namespace in topology.everywhere():
            self.namespace(namespace, is_host=namespace is topology.host)
        for end in topology.ends():
            self.interface(end)
            for publication in end.publications:
                self.publication(publication)

    def namespace(self, namespace: Namespace, is_host: bool) -> None:
        path = namespace.path
        if not is_host:
            self.attempt(path, check_namespace_name, namespace.name)
        elif namespace.name != HOST:
            self.refuse(path, "bad-name", f"the host cannot be called {show(namespace.name)}", f"call it `{HOST}`")
        if namespace.description:
            self.attempt((*path, "description"), check_description, namespace.description)
        for key, value in namespace.sysctls:
            self.attempt((*path, "sysctls", key), check_sysctl, key)
            self.attempt((*path, "sysctls", key), read_setting, value)
        for command in namespace.commands:
            self.command(command, is_host)
        for address in namespace.addresses:
            self.cidr(path, address)
        for route in namespace.routes:
            self.route(route)
        for source in namespace.masquerade:
            for network in (source.source, *source.within):
                self.network(source.path, network)
        for forward in namespace.forwards:
            self.publication(forward.publication)
            self.cidr(forward.publication.path, forward.target)
            self.interface_name(forward.publication.path, forward.dev)
        for admission in namespace.admissions:
            self.network(admission.path, admission.network)
            self.attempt(admission.path, check_chain_name, admission.admin)
        for isolation in namespace.isolations:
            self.interface_name(path, isolation.bridge)
            if isolation.family not in WIDTH:
                self.refuse(path, "bad-option", f"{show(isolation.family)} is not an address family")
        for interface in namespace.interfaces:
            self.interface(interface)
            if not interface.external:
                help = "only what exists already is in `interfaces`, and it is `external`"
                self.refuse(interface.path, "missing-key", f"`{interface.name}` is not external", help)
        for device in namespace.devices:
            self.interface(device)
            if isinstance(device, Vxlan):
                self.vxlan(device)
            elif isinstance(device, Macvlan):
                self.macvlan(device)
            else:
                self.interface_name((*device.path, "source"), device.source)
        for bridge in namespace.bridges:
            self.interface(bridge)
            self.bridge(bridge)

    def command(self, command: Command, is_host: bool) -> None:
        if is_host:
            self.refuse(command.path, "bad-command", "a command of the host", "commands are run in namespaces only")
        self.attempt((*command.path, "description"), check_description, command.description)
        for key, words in (("run", command.run), ("check", command.check), ("undo", command.undo or ("true",))):
            if not words:
                self.refuse((*command.path, key), "bad-command", f"`{key}` is empty", "write a program")
            for index, word in enumerate(words):
                self.attempt((*command.path, key, index), check_argument if index else check_program, word)

    def interface(self, interface: Interface) -> None:
        path = interface.path
        self.interface_name(path, interface.name)
        if interface.description:
            self.attempt((*path, "description"), check_description, interface.description)
        if interface.mtu is not None and not LOWEST_MTU <= interface.mtu <= HIGHEST_MTU:
            help = f"write a number from {LOWEST_MTU} to {HIGHEST_MTU}"
            self.refuse((*path, "mtu"), "bad-mtu", f"{show(interface.mtu)} is out of range", help)
        if interface.lladdr is not None:
            self.attempt((*path, "lladdr"), read_lladdr, interface.lladdr)
        if interface.txqlen is not None and interface.txqlen not in _NUMBERS:
            self.refuse((*path, "txqueuelen"), "bad-option", f"{show(interface.txqlen)} is out of range")
        if interface.rate is not None:
            self.attempt(path, check_rate, interface.rate)
        if interface.port:
            self.port(interface.port)
        for address in interface.addresses:
            self.cidr(path, address)
        for route in interface.routes:
            self.route(route, interface.name)

    def publication(self, publication: Publication) -> None:
        path, address = publication.path, publication.address
        if address is not None:
            self.attempt(path, read_port_address, address)
        self.attempt(path, read_publication, f"{publication.port}:{publication.to_port}/{publication.protocol}")
        self.attempt(path, check_masquerade, publication.masquerade)
        for condition in publication.conditions:
            self.attempt(path, read_condition, f"{condition.field} {condition.network}")

    def bridge(self, bridge: Bridge) -> None:
        for word, value in bridge.options:
            numbers = _BRIDGE_OPTIONS.get(word)
            if numbers is None or not _is_in(value, numbers):
                self.refuse(
                    (*bridge.path, word), "bad-option", f"`{bridge.name}` cannot have {show(f'{word} {value}')}"
                )
        for subnet in bridge.subnets:
            self.network((*bridge.path, "subnet"), subnet)
        if bridge.vlans:
            self.vlans(bridge.path, bridge.vlans)

    def macvlan(self, macvlan: Macvlan) -> None:
        self.interface_name((*macvlan.path, "parent"), macvlan.parent)
        if macvlan.mode not in MACVLAN_MODES:
            self.refuse((*macvlan.path, "mode"), "bad-option", f"there is no mode {show(macvlan.mode)}")

    def vxlan(self, vxlan: Vxlan) -> None:
        for key, (low, high) in VXLAN_NUMBERS.items():
            value = getattr(vxlan, key)
            if not low <= value <= high:
                help = f"`{key}` is a number from {low} to {high}"
                self.refuse((*vxlan.path, key), "bad-option", f"{show(value)} is out of range", help)
        if vxlan.dev is not None:
            self.interface_name((*vxlan.path, "dev"), vxlan.dev)
        if vxlan.group is not None:
            self.attempt((*vxlan.path, "group"), read_group, vxlan.group)
            if vxlan.remote is not None or vxlan.dev is None:
                help = "`group` needs `dev`, and takes the place of `remote`"
                self.refuse((*vxlan.path, "group"), "conflicting-keys", f"`{vxlan.name}` cannot have a group so", help)
        told = [(vxlan.path, text) for text in (vxlan.local, vxlan.remote) if text is not None]
        told += [(entry.path, entry.dst) for entry in vxlan.fdb]
        told += [(neighbour.path, neighbour.address) for neighbour in vxlan.neighbours]
        for path, text in told:
            self.attempt(path, read_endpoint, text)
        lladdrs = [(entry.path, entry.lladdr) for entry in vxlan.fdb if entry.lladdr is not None]
        for path, lladdr in (*lladdrs, *((neighbour.path, neighbour.lladdr) for neighbour in vxlan.neighbours)):
            self.attempt(path, read_lladdr, lladdr)

    def port(self, port: Port) -> None:
        self.interface_name(port.path, port.bridge)
        if port.only_from is not None:
            self.attempt(port.path, read_lladdr, port.only_from)
        for word, value in port.options:
            numbers = _PORT_OPTIONS.get(word)
            if not (_is_in(value, numbers) if numbers else word in PORT_SWITCHES and value in ("on", "off")):
                self.refuse(port.path, "bad-option", f"a port cannot have {show(f'{word} {value}')}")
        if port.vlans:
            self.vlans(port.path, port.vlans)

    def vlans(self, path: Path, vlans: Vlans) -> None:
        if vlans.untagged is not None:
            self.attempt(path, read_vlan, str(vlans.untagged))
        more = (*vlans.tagged, *vlans.leaving)
        for vlan in more:
            self.attempt(path, read_vlan, str(vlan))
        if len({vlans.untagged, *more}) <= len(more):
            self.refuse(path, "bad-vlan", "a VLAN is named twice", "a port has each VLAN tagged or untagged, once")

    def cidr(self, path: Path, cidr: Cidr) -> bool:
        """An address with a prefix length that its family has."""
        family, value, prefix = cidr
        width = WIDTH.get(family, 0)
        good = width > 0 and value >> width == 0 and 0 <= prefix <= width
        if not good:
            self.refuse(path, "bad-address", f"{family}, {value}, {prefix} are no address", "make it with `parse_cidr`")
        return good

    def network(self, path: Path, cidr: Cidr) -> None:
        if self.cidr(path, cidr):
            self.attempt(path, read_network, str(cidr))

    def route(self, route: Route, owner: str | None = None) -> None:
        """A route, of the interface `owner` if it belongs to one."""
        flaw = find_flaw(route, owner)
        if flaw:
            self.refuse(route.path, "bad-route", flaw)
        elif route.to and route.to.prefix:
            self.network((*route.path, "to"), route.to)


def check_values(topology: Topology, report: FirstFindings) -> None:
    """Check every value of a topology by itself."""
    _Values(report).topology(topology)


def _is_in(text: str, numbers: range) -> bool:
    """Whether a text is one of some numbers, written the plain way."""
    return text.isdecimal() and text.isascii() and len(text) < 20 and int(text) in numbers and str(int(text)) == text
