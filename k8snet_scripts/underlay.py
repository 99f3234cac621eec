"""The underlay of a VXLAN device: the interface that it stands on, and the room that this leaves for its packets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from k8snet_scripts.addresses import DEFAULT_MTU, parse_address
from k8snet_scripts.topology import End, Interface, Topology, Veth, Vxlan


def find_underlay(device: Vxlan, neighbours: Iterable[Interface]) -> Interface | None:
    """The interface of the same namespace that a device stands on: the one it names, or the one with its endpoint."""
    if device.dev is not None:
        return next((interface for interface in neighbours if interface.name == device.dev), None)
    if device.local is None:
        return None
    endpoint = parse_address(device.local)
    return next((item for item in neighbours if any(own[:2] == endpoint for own in item.addresses)), None)


def room(device: Vxlan, underlay: Interface | None) -> int | None:
    """The largest MTU that a device can have, in bytes; None where that of its underlay is not known.

    A bridge without an MTU of its own follows its ports, and what others made has the one that they gave it.
    """
    if underlay is None:
        return None
    mtu = underlay.mtu or (DEFAULT_MTU if isinstance(underlay, End) else None)
    return None if mtu is None else mtu - device.overhead


def state_mtus(topology: Topology) -> tuple[Veth, ...]:
    """The veths, those that devices stand on with the MTU of new ones outright where nothing is said.

    One that is there already may have another MTU, which an earlier version of the network has asked for.
    """
    if not any(namespace.vxlans for namespace in topology.everywhere()):
        return topology.veths
    ends: dict[str, list[End]] = {}
    for end in topology.ends():
        ends.setdefault(end.namespace, []).append(end)
    below = {
        id(find_underlay(device, (*ends.get(namespace.name, ()), *namespace.holders)))
        for namespace in topology.everywhere()
        for device in namespace.vxlans
    }
    return tuple([_state_mtu(veth) if {id(veth.inner), id(veth.outer)} & below else veth for veth in topology.veths])


def _state_mtu(veth: Veth) -> Veth:
    inner, outer = (replace(end, mtu=end.mtu or DEFAULT_MTU) for end in (veth.inner, veth.outer))
    return replace(veth, inner=inner, outer=outer)
