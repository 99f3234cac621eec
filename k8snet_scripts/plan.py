"""The plan: every step that makes a topology, in an order that works and is fast.

Steps stand in *groups*, each with the sentence that says why it is there; groups stand in *waves*.  A wave may start
as soon as the wave before has ended, and within one the namespaces are done side by side.  Six are enough, after one
for the records by which others know what is taken, and two where namespaces have defaults for new interfaces:

1. on the host: the namespaces, the bridges, and the veth pairs that have an end there;
2. inside namespaces: their bridges, and the veth pairs between namespaces;
3. macvlans, then other devices that stand on interfaces, VXLAN tunnels for example;
4. addresses, routes and settings where no bridge is made: on the host, too, as in any other namespace;
5. the same where one is.  A bridge comes up last, when its ports are in and alive: coming up first costs time that grows
   with the square of their number;
6. the commands that people have run inside namespaces.

All of it is pure: equal topologies give equal plans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from k8snet_scripts import devices, shaping, steps
from k8snet_scripts.commands import accompany, run_command
from k8snet_scripts.groups import Alike, Furniture, Group, Wiring, configure, is_repeatable
from k8snet_scripts.inventory import Inventory, find_presets
from k8snet_scripts.marks import link_group, nft_table
from k8snet_scripts.reasons import whereabouts, why
from k8snet_scripts.records import directories_of
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import Namespace, Topology

Entry = Group | Alike
"""A group, or what there may be others like."""


class Wave(NamedTuple):
    """Groups that may be carried out side by side, one namespace beside the other."""

    title: str
    inventory: Inventory
    make: Callable[[Inventory], Iterator[Entry]]

    def entries(self) -> Iterator[Entry]:
        """What is in it, made anew each time: all at once it would fill the memory."""
        return self.make(self.inventory)

    @property
    def groups(self) -> Iterator[Group]:
        """Its groups, all made."""
        for entry in self.entries():
            yield from (entry,) if isinstance(entry, Group) else entry.groups()


@dataclass(frozen=True)
class Plan:
    """All that the templates see: the steps in order, and the marks of what they make."""

    topology: Topology

    @property
    def name(self) -> str:
        """The name of the topology."""
        return self.topology.name

    @property
    def mark(self) -> int:
        """The link group of every interface made."""
        return link_group(self.name)

    @property
    def table(self) -> str:
        """The nft table, of whatever family, that a namespace has."""
        return nft_table(self.name)

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Those that are made."""
        return _made(self.topology)

    @cached_property
    def externals(self) -> tuple[str, ...]:
        """The others that are used."""
        return _externals(self.topology)

    @cached_property
    def sharing(self) -> tuple[str, ...]:
        """Of the namespaces that are made, the ones with a macvlan on the wire of an interface of others."""
        candidates = [namespace for namespace in self.topology.namespaces if namespace.macvlans]
        return tuple([namespace.name for namespace in candidates if self._inventory.shares(namespace)])

    @property
    def waves(self) -> tuple[Wave, ...]:
        """The waves that have any groups, in order."""
        return tuple([wave for wave in self.all_waves if any(wave.groups)])

    @property
    def all_waves(self) -> Iterator[Wave]:
        """The same and those that have none, which shows when they are gone through."""
        return (Wave(title, self._inventory, make) for title, make in _WAVES.items())

    @cached_property
    def _inventory(self) -> Inventory:
        return Inventory(self.topology)

    def steps(self) -> Iterator[Step]:
        """Every step, in order."""
        for wave in self.waves:
            for group in wave.groups:
                yield from group.steps


def plan_topology(topology: Topology) -> Plan:
    """The plan of a topology that passed `check_topology`; what is costly in it is made when it is asked for."""
    return Plan(topology)


def _made(topology: Topology) -> tuple[str, ...]:
    return tuple([namespace.name for namespace in topology.namespaces if namespace.is_made])


def _externals(topology: Topology) -> tuple[str, ...]:
    return tuple([namespace.name for namespace in topology.namespaces if namespace.external])


def _record(inventory: Inventory) -> Iterator[Entry]:
    records = inventory.topology.records
    if records:
        directories = dict.fromkeys(chain.from_iterable(directories_of(record.path) for record in records))
        yield Group("Where it is on record what is taken.", tuple(map(steps.make_directory, directories)))
        yield Group(
            "What is taken: each file is made in one step, which fails if somebody else was faster.",
            tuple(map(steps.make_record, records)),
        )


def _make_early(inventory: Inventory) -> Iterator[Entry]:
    if inventory.presets:
        yield from _make_namespaces(inventory)


def _preset(inventory: Inventory) -> Iterator[Entry]:
    for namespace in inventory.presets:
        rows = tuple([steps.set_sysctl(namespace.name, *setting) for setting in find_presets(namespace)])
        yield Group(f"What new interfaces{whereabouts(namespace.name)} have.", rows)


def _make_on_host(inventory: Inventory) -> Iterator[Entry]:
    if not inventory.presets:
        yield from _make_namespaces(inventory)
    if inventory.has_many_veths:
        yield Group("There are so many veths that they have one queue each: it saves the kernel most of the time.", ())
    yield from _make_links(inventory, inventory.topology.host)


def _make_namespaces(inventory: Inventory) -> Iterator[Entry]:
    externals, made = _externals(inventory.topology), _made(inventory.topology)
    if externals:
        yield Group("Namespaces that are there already.", tuple(map(steps.need_namespace, externals)))
    if made:
        yield Group("The namespaces.", tuple(map(steps.make_namespace, made)))


def _make_inside(inventory: Inventory) -> Iterator[Entry]:
    for namespace in inventory.topology.namespaces:
        if namespace.bridges or namespace.interfaces or namespace.name in inventory.made:
            yield from _make_links(inventory, namespace)


def _make_links(inventory: Inventory, namespace: Namespace) -> Iterator[Entry]:
    for interface in namespace.interfaces:
        what = f"{interface.name}{whereabouts(namespace.name)}, which is there already."
        yield Group(why(interface, what), tuple(steps.need_interface(namespace.name, interface)))
    for bridge in namespace.bridges:
        already = ", which is there already" if bridge.external else ""
        what = f"The bridge {bridge.name}{whereabouts(namespace.name)}{already}."
        yield Group(why(bridge, what), tuple(steps.make_bridge(namespace.name, bridge, inventory.mark)))
    for veth in inventory.made.get(namespace.name, ()):
        yield Wiring(veth, inventory)


def _make_macvlans(inventory: Inventory) -> Iterator[Entry]:
    for namespace in inventory.equipped:
        for macvlan in namespace.macvlans:
            mtu, home = inventory.parent_mtu(namespace, macvlan), macvlan.parent_namespace or namespace.name
            made = devices.make_macvlan(namespace.name, macvlan, mtu, inventory.mark)
            parent = f"{macvlan.parent}{whereabouts(home)}"
            what = f"The macvlan {macvlan.name}{whereabouts(namespace.name)}, on the wire of {parent}."
            yield Group(why(macvlan, what), tuple(made))


def _make_devices(inventory: Inventory) -> Iterator[Entry]:
    for namespace in inventory.equipped:
        for vxlan in namespace.vxlans:
            made = devices.make_vxlan(namespace.name, vxlan, inventory.room(namespace, vxlan), inventory.mark)
            yield Group(why(vxlan, f"The VXLAN device {vxlan.name}{whereabouts(namespace.name)}."), tuple(made))
        for ifb in namespace.ifbs:
            what = f"The ifb {ifb.name}{whereabouts(namespace.name)}, for what comes in at {ifb.source}."
            yield Group(why(ifb, what), tuple(shaping.make_ifb(namespace.name, ifb, inventory.mark)))


def _configure_plain(inventory: Inventory) -> Iterator[Entry]:
    return _configure(inventory, (place for place in _places(inventory) if not _makes_bridge(place)))


def _configure_bridged(inventory: Inventory) -> Iterator[Entry]:
    return _configure(inventory, (place for place in _places(inventory) if _makes_bridge(place)))


def _places(inventory: Inventory) -> Iterator[Namespace]:
    return chain((inventory.topology.host,), inventory.topology.namespaces)


def _makes_bridge(namespace: Namespace) -> bool:
    return any(not bridge.external for bridge in namespace.bridges)


def _run_commands(inventory: Inventory) -> Iterator[Entry]:
    for namespace in inventory.topology.namespaces:
        for command in namespace.commands:
            what = command.description or f"A command{whereabouts(namespace.name)}."
            step = run_command(namespace.name, command)
            yield Group(what, (step,), tuple(accompany(step, command)))


_WAVES: Mapping[str, Callable[[Inventory], Iterator[Entry]]] = {
    "What is taken, on record before it is used": _record,
    "Namespaces": _make_early,
    "What new interfaces have": _preset,
    "Namespaces, bridges and veth pairs": _make_on_host,
    "Bridges and veth pairs inside namespaces": _make_inside,
    "Macvlans: interfaces that share the wire of another one": _make_macvlans,
    "Devices that stand on other interfaces": _make_devices,
    "Addresses, routes and settings, several namespaces at a time": _configure_plain,
    "Where the bridges are: they come up last": _configure_bridged,
    "Commands, when all else is there: `#:` tells whether one was carried out, `#<` takes it back": _run_commands,
}


def _configure(inventory: Inventory, namespaces: Iterable[Namespace]) -> Iterator[Entry]:
    for namespace in namespaces:
        if is_repeatable(namespace, inventory):
            yield Furniture(namespace, inventory)
        else:
            yield from configure(namespace, inventory)
