"""Furnishing: what one namespace gets when its links are made: settings, addresses and routes, in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from k8snet_scripts import devices, steps
from k8snet_scripts.inventory import Inventory
from k8snet_scripts.settings import choose_settings
from k8snet_scripts.steps import WANT, Step
from k8snet_scripts.topology import UNTAGGED, Device, End, Interface, Namespace, Vxlan
from k8snet_scripts.ways import add_routes


def furnish(inventory: Inventory, namespace: Namespace) -> list[Step]:
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
        rows += _vlans(namespace, (*ends, *namespace.interfaces, *namespace.devices))
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


def _vlans(namespace: Namespace, ports: Iterable[Interface]) -> Iterator[Step]:
    """The VLANs of filtering bridges and their ports, all of them: a bridge made here hands out none by itself."""
    filtering = {bridge.name for bridge in namespace.bridges if bridge.vlan_filtering}
    for bridge in namespace.bridges:
        if bridge.vlan_filtering:
            owner = f"{namespace.name} {bridge.name}"
            yield from steps.vlan_memberships(namespace.name, bridge.name, owner, bridge.vlans or UNTAGGED, own=True)
    for interface in ports:
        port = interface.port
        if port and (port.vlans or port.bridge in filtering):
            owner = f"{namespace.name} {interface.name} port of {port.bridge}"
            yield from steps.vlan_memberships(namespace.name, interface.name, owner, port.vlans or UNTAGGED)
