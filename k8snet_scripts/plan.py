"""The plan: every step that makes a topology, in an order that works and is fast.

Steps stand in *groups*, each with the sentence that says why it is there; groups stand in *waves*.  A wave may start
as soon as the wave before has ended, and within one the namespaces are done side by side.  Six are enough, after one
for the records by which others know what is taken, and two where namespaces have defaults for new interfaces:

1. on the host: the namespaces, the bridges, and the veth pairs that have an end there;
2. inside namespaces: their bridges, and the veth pairs between namespaces;
3. macvlans, then other devices that stand on interfaces, VXLAN tunnels for example;
4. addresses, routes and settings in namespaces that have no bridge;
5. the same on the host and in namespaces that have one.  A bridge comes up last, when its ports are in and alive:
   coming up first costs time that grows with the square of their number;
6. the commands that people have run inside namespaces.

All of it is pure: equal topologies give equal plans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from k8snet_scripts import devices, filters, shaping, steps
from k8snet_scripts.commands import accompany, run_command
from k8snet_scripts.inventory import Inventory, find_presets, made_from
from k8snet_scripts.reasons import whereabouts, why, why_namespace, why_veth
from k8snet_scripts.records import directories_of
from k8snet_scripts.settings import choose_settings
from k8snet_scripts.steps import WANT, Step
from k8snet_scripts.topology import Device, End, Interface, Namespace, Topology, Vxlan
from k8snet_scripts.vlans import add_vlans
from k8snet_scripts.ways import add_routes


class Group(NamedTuple):
    """Steps that belong together, and why they are there.

    Their companions have no facts of their own: they say how to look at, and take back, what only people know of.
    """

    why: str
    steps: tuple[Step, ...]
    companions: tuple[Step, ...] = ()


class Groups:
    """The groups of a wave, made anew each time they are gone through: all at once they would fill the memory."""

    def __init__(self, make: Callable[[Inventory], Iterator[Group]], inventory: Inventory) -> None:
        self._make = make
        self._inventory = inventory

    def __iter__(self) -> Iterator[Group]:
        return self._make(self._inventory)


class Wave(NamedTuple):
    """Groups that may be carried out side by side, one namespace beside the other."""

    title: str
    groups: Iterable[Group]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the templates see: the steps in order, and the marks of what they make."""

    name: str
    mark: int  # the link group of every interface made
    table: str  # the nft table, of whatever family, that a namespace has
    waves: tuple[Wave, ...]
    namespaces: tuple[str, ...]  # that are made
    externals: tuple[str, ...]  # the others that are used
    sharing: tuple[str, ...]  # of those made, the ones with a macvlan on the wire of an interface of others
    masquerading: tuple[str, ...]

    def steps(self) -> Iterator[Step]:
        """Every step, in order."""
        for wave in self.waves:
            for group in wave.groups:
                yield from group.steps


def plan_topology(topology: Topology) -> Plan:
    """The plan of a topology that `check_topology` found nothing wrong with."""
    inventory = Inventory(topology)
    waves = (Wave(title, Groups(make, inventory)) for title, make in _WAVES.items())
    return Plan(
        name=topology.name,
        mark=int(inventory.mark),
        table=inventory.table,
        waves=tuple(wave for wave in waves if any(wave.groups)),
        namespaces=inventory.namespaces,
        externals=inventory.externals,
        sharing=tuple([namespace.name for namespace in topology.namespaces if inventory.shares(namespace)]),
        masquerading=tuple(namespace.name for namespace in topology.everywhere() if namespace.masquerade),
    )


def _record(inventory: Inventory) -> Iterator[Group]:
    records = inventory.topology.records
    if records:
        directories = dict.fromkeys(chain.from_iterable(directories_of(record.path) for record in records))
        yield Group("Where it is on record what is taken.", tuple(map(steps.make_directory, directories)))
        yield Group(
            "What is taken: each file is made in one step, which fails if somebody else was faster.",
            tuple(map(steps.make_record, records)),
        )


def _make_early(inventory: Inventory) -> Iterator[Group]:
    if inventory.presets:
        yield from _make_namespaces(inventory)


def _preset(inventory: Inventory) -> Iterator[Group]:
    for namespace in inventory.presets:
        rows = tuple([steps.set_sysctl(namespace.name, *setting) for setting in find_presets(namespace)])
        yield Group(f"What new interfaces{whereabouts(namespace.name)} have.", rows)


def _make_on_host(inventory: Inventory) -> Iterator[Group]:
    if not inventory.presets:
        yield from _make_namespaces(inventory)
    yield from _make_links(inventory, inventory.topology.host)


def _make_namespaces(inventory: Inventory) -> Iterator[Group]:
    if inventory.externals:
        yield Group("Namespaces that are there already.", tuple(map(steps.need_namespace, inventory.externals)))
    if inventory.namespaces:
        yield Group("The namespaces.", tuple(map(steps.make_namespace, inventory.namespaces)))


def _make_inside(inventory: Inventory) -> Iterator[Group]:
    for namespace in inventory.topology.namespaces:
        if namespace.bridges or namespace.interfaces or namespace.name in inventory.made:
            yield from _make_links(inventory, namespace)


def _make_links(inventory: Inventory, namespace: Namespace) -> Iterator[Group]:
    for interface in namespace.interfaces:
        what = f"{interface.name}{whereabouts(namespace.name)}, which is there already."
        yield Group(why(interface, what), tuple(steps.need_interface(namespace.name, interface)))
    for bridge in namespace.bridges:
        what = f"The bridge {bridge.name}{whereabouts(namespace.name)}{', which is there already' if bridge.external else ''}."
        yield Group(why(bridge, what), tuple(steps.make_bridge(namespace.name, bridge, inventory.mark)))
    for veth in inventory.made.get(namespace.name, ()):
        maker, peer = made_from(veth)
        yield Group(why_veth(veth, maker, peer), tuple(steps.make_veth(maker, peer, inventory.mark)))


def _make_macvlans(inventory: Inventory) -> Iterator[Group]:
    for namespace in inventory.topology.everywhere():
        for macvlan in namespace.macvlans:
            mtu, home = inventory.parent_mtu(namespace, macvlan), macvlan.parent_namespace or namespace.name
            made = devices.make_macvlan(namespace.name, macvlan, mtu, inventory.mark)
            what = f"The macvlan {macvlan.name}{whereabouts(namespace.name)}, on the wire of {macvlan.parent}{whereabouts(home)}."
            yield Group(why(macvlan, what), tuple(made))


def _make_devices(inventory: Inventory) -> Iterator[Group]:
    for namespace in inventory.topology.everywhere():
        for vxlan in namespace.vxlans:
            made = devices.make_vxlan(namespace.name, vxlan, inventory.room(namespace, vxlan), inventory.mark)
            yield Group(why(vxlan, f"The VXLAN device {vxlan.name}{whereabouts(namespace.name)}."), tuple(made))
        for ifb in namespace.ifbs:
            what = f"The ifb {ifb.name}{whereabouts(namespace.name)}, for what comes in at {ifb.source}."
            yield Group(why(ifb, what), tuple(shaping.make_ifb(namespace.name, ifb, inventory.mark)))


def _configure_plain(inventory: Inventory) -> Iterator[Group]:
    return _configure(inventory, (namespace for namespace in inventory.topology.namespaces if not namespace.bridges))


def _configure_bridged(inventory: Inventory) -> Iterator[Group]:
    bridged = (namespace for namespace in inventory.topology.namespaces if namespace.bridges)
    return _configure(inventory, chain((inventory.topology.host,), bridged))


def _run_commands(inventory: Inventory) -> Iterator[Group]:
    for namespace in inventory.topology.namespaces:
        for command in namespace.commands:
            what = command.description or f"A command{whereabouts(namespace.name)}."
            step = run_command(namespace.name, command)
            yield Group(what, (step,), tuple(accompany(step, command)))


_WAVES: Mapping[str, Callable[[Inventory], Iterator[Group]]] = {
    "What is taken, on record before it is used": _record,
    "Namespaces": _make_early,
    "What new interfaces have": _preset,
    "Namespaces, bridges and veth pairs": _make_on_host,
    "Bridges and veth pairs inside namespaces": _make_inside,
    "Macvlans: interfaces that share the wire of another one": _make_macvlans,
    "Devices that stand on other interfaces": _make_devices,
    "Inside the namespaces, several at a time": _configure_plain,
    "Where the bridges are: they come up last": _configure_bridged,
    "Commands, when all else is there: `#:` tells whether one was carried out, `#<` takes it back": _run_commands,
}


def _configure(inventory: Inventory, namespaces: Iterable[Namespace]) -> Iterator[Group]:
    for namespace in namespaces:
        rows = _configuration(inventory, namespace)
        if rows:
            yield Group(why_namespace(namespace), tuple(rows))
        limits = tuple(shaping.limit_rates(namespace.name, inventory.interfaces(namespace)))
        if limits:
            yield Group(f"What interfaces{whereabouts(namespace.name)} send and take in at most.", limits)
        rules = tuple(filters.filter_packets(inventory, namespace))
        if rules:
            yield Group(filters.why(inventory, namespace), rules)


def _configuration(inventory: Inventory, namespace: Namespace) -> list[Step]:
    """Everything that is done in one namespace once its links are made."""
    name, holders = namespace.name, namespace.holders
    ends = inventory.ends.get(name, ())
    sources = inventory.sources.get(name, ())
    rows = [steps.set_sysctl(name, key, value) for key, value in choose_settings(inventory, namespace)]
    if namespace.is_made:
        rows.append(steps.bring_up(name, "lo"))
    rows += [steps.add_address(name, "lo", address, sources) for address in namespace.addresses]
    for end in ends:
        rows += _end(inventory, end, sources)
    if holders:
        rows += _holders(namespace, sources)
    rows += add_routes(namespace, (*ends, *holders))
    if namespace.bridges:
        rows += add_vlans(namespace, (*ends, *namespace.interfaces, *namespace.devices))
    for vxlan in namespace.vxlans:
        rows += devices.know_endpoints(name, vxlan)
    return rows


def _end(inventory: Inventory, end: End, sources: Collection[str]) -> Iterator[Step]:
    """What an end still lacks: what made the pair has brought up its own end, and made that a port."""
    made_here = inventory.is_maker(end)
    if end.port:
        if not made_here:
            yield steps.join_bridge(end.namespace, end, end.port)
        yield from steps.port_options(end.namespace, end.name, end.port)
    for address in end.addresses:
        yield steps.add_address(
            end.namespace, end.name, address, sources, broadcast=end.broadcast, connected=end.connected
        )
    if not made_here:
        yield steps.bring_up(end.namespace, end.name)
    yield from steps.listen(end.namespace, end)


def _holders(namespace: Namespace, sources: Collection[str]) -> Iterator[Step]:
    """What there is besides the ends of veths."""
    name = namespace.name
    for interface in namespace.interfaces:
        yield from _existing(name, interface, sources)
    for device in namespace.devices:
        yield from _device(name, device, sources)
    for bridge in namespace.bridges:
        yield from steps.bridge_mtu(name, bridge)
        for address in bridge.addresses:
            yield steps.add_address(name, bridge.name, address, sources, broadcast=bridge.broadcast)
        yield from steps.listen(name, bridge)
        if not bridge.external:
            yield steps.bring_up(name, bridge.name)


def _existing(namespace: str, interface: Interface, sources: Collection[str]) -> Iterator[Step]:
    """What an interface gets that others made: it is not ours to bring up."""
    if interface.port:
        yield steps.join_bridge(namespace, interface, interface.port)
        yield from steps.port_options(namespace, interface.name, interface.port)
    for key, value in steps.attributes(interface):
        yield steps.attribute(WANT, namespace, interface.name, key, value)
    if not interface.configured:
        for address in interface.addresses:
            yield steps.add_address(namespace, interface.name, address, sources)
    yield from steps.listen(namespace, interface)


def _device(namespace: str, device: Device, sources: Collection[str]) -> Iterator[Step]:
    if device.port:
        yield from steps.port_options(namespace, device.name, device.port)
    for address in device.addresses:
        yield steps.add_address(namespace, device.name, address, sources, broadcast=device.broadcast)
    yield steps.bring_up(namespace, device.name)
    yield from steps.listen(namespace, device)
    if isinstance(device, Vxlan):
        yield from devices.know_neighbours(namespace, device)
