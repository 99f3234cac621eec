"""The underlay of a VXLAN device: the interface that it stands on, and the room that this leaves for its packets."""

from __future__ import annotations

from collections.abc import Iterable

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.topology import End, Interface, Vxlan

DEFAULT_MTU = 1500
"""Bytes: what the kernel gives to an end of a veth that is not told otherwise."""


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
