"""VXLAN devices in reachability: behind which of the others a neighbour is, and whether the packets get there.

A frame goes where the FDB sends it, and without an entry to all default endpoints.  What the model does not settle,
such as a multicast group, or an endpoint that it does not know, leaves the outcome open.
"""

from __future__ import annotations

from collections.abc import Callable

from k8snet_scripts.addresses import format_address, parse_address
from k8snet_scripts.reach.neighbours import Found
from k8snet_scripts.reach.routing import Routings
from k8snet_scripts.reach.switching import Station, Switching
from k8snet_scripts.topology import Topology, Vxlan

Carry = Callable[[str, int, int | None, int], str | None]
"""Where a packet lands that a namespace sends: its family, its source if that is settled, its target."""

_OPEN = Found(None, is_uncertain=True)


class Tunnels:
    """The VXLAN devices of a topology."""

    def __init__(self, topology: Topology, switching: Switching, routings: Routings) -> None:
        self._switching = switching
        self._routings = routings
        self._devices: dict[tuple[str, int, int, int], Vxlan] = {}
        self._landings: dict[tuple[str, str | None, str], str | None] = {}
        for namespace in topology.everywhere():
            for vxlan in namespace.vxlans:
                self._devices[namespace.name, vxlan.id, vxlan.dstport, vxlan.family] = vxlan

    def find(self, asking: Station, family: int, address: int, carry: Carry) -> Found:
        """Who gets what a VXLAN device sends to a neighbour."""
        text = format_address(family, address)
        neighbours = _device(asking).neighbours
        lladdr = next((neighbour.lladdr for neighbour in neighbours if neighbour.address == text), None)
        if lladdr is None:
            return self._ask(asking, family, address, carry)
        return self._send(asking, lladdr, carry)

    def _send(self, asking: Station, lladdr: str, carry: Carry) -> Found:
        """Who gets frames for a link-layer address."""
        vxlan = _device(asking)
        known = [entry.dst for entry in vxlan.fdb if entry.lladdr == lladdr] or vxlan.defaults
        others = [self._other_side(asking, dst, carry) for dst in known]
        found = [other for other in others if other and other.interface.lladdr == lladdr]
        return Found(found[0]) if len(found) == 1 and None not in others else _OPEN

    def _ask(self, asking: Station, family: int, address: int, carry: Carry) -> Found:
        """Who answers when all default endpoints are asked for an address; the answer has to come back as well."""
        others = [self._other_side(asking, dst, carry) for dst in _device(asking).defaults]
        answering = [other for other in others if other and self._has(other, family, address)]
        if len(answering) != 1 or None in others:
            return _OPEN
        back = _device(answering[0])
        ways = [self._other_side(answering[0], dst, carry) for dst in back.defaults]
        told = any(entry.lladdr for entry in (*_device(asking).fdb, *back.fdb))
        return Found(answering[0]) if not told and any(way is asking for way in ways) else _OPEN

    def _has(self, station: Station, family: int, address: int) -> bool:
        """Whether a station answers for an address."""
        if family == 4:
            return self._routings[station.namespace].has(4, address)
        return any(own[:2] == (family, address) for own in station.interface.addresses)

    def _other_side(self, asking: Station, dst: str, carry: Carry) -> Station | None:
        """The device at an endpoint, if packets get there and it is no port of a bridge."""
        vxlan = _device(asking)
        landing = self._land(asking.namespace, vxlan.local, dst, carry)
        if landing is None or landing == asking.namespace:
            return None
        other = self._devices.get((landing, vxlan.id, vxlan.dstport, vxlan.family))
        stations = self._switching.stations(landing)
        return next(
            (station for station in stations if station.interface is other and not station.interface.port), None
        )

    def _land(self, namespace: str, local: str | None, dst: str, carry: Carry) -> str | None:
        """Where the packets of a device land; nowhere while that very question is being answered."""
        key = (namespace, local, dst)
        if key not in self._landings:
            self._landings[key] = None
            family, target = parse_address(dst)
            self._landings[key] = carry(namespace, family, parse_address(local)[1] if local else None, target)
        return self._landings[key]


def _device(station: Station) -> Vxlan:
    assert isinstance(station.interface, Vxlan)
    return station.interface
