"""The VLANs of the filtering bridges of a namespace, and of their ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts.steps import Step, vlan_memberships
from k8snet_scripts.topology import UNTAGGED, Interface, Namespace


def add_vlans(namespace: Namespace, ports: Iterable[Interface]) -> Iterator[Step]:
    """All memberships that there are: a bridge made here hands out none by itself."""
    filtering = {bridge.name for bridge in namespace.bridges if bridge.vlan_filtering}
    for bridge in namespace.bridges:
        if bridge.vlan_filtering:
            owner = f"{namespace.name} {bridge.name}"
            yield from vlan_memberships(namespace.name, bridge.name, owner, bridge.vlans or UNTAGGED, own=True)
    for interface in ports:
        port = interface.port
        if port and (port.vlans or port.bridge in filtering):
            owner = f"{namespace.name} {interface.name} port of {port.bridge}"
            yield from vlan_memberships(namespace.name, interface.name, owner, port.vlans or UNTAGGED)
