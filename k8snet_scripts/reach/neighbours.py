"""Who answers for an address on a segment, when ARP or neighbour discovery asks.

In IPv4 it is any namespace that has the address, on whatever interface; in IPv6 the interface itself must have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr, is_link_local
from k8snet_scripts.reach.routing import Routings
from k8snet_scripts.reach.switching import Station, Switching
from k8snet_scripts.topology import Topology


class Found(NamedTuple):
    """The station that answers, if one does.

    `is_uncertain`: it may be another one, or one that the topology does not know.  `is_kept_apart`: somebody who would
    answer is on the same wires, but ports or VLANs stop the frames.
    """

    station: Station | None
    is_uncertain: bool = False
    is_kept_apart: bool = False


class Neighbours:
    """The addresses of a topology by who has them."""

    def __init__(self, topology: Topology, switching: Switching, routings: Routings) -> None:
        self._switching = switching
        self._routings = routings
        self._owner: dict[int, dict[int, str]] = {4: {}, 6: {}}  # by family and address: the namespace that has it
        self._owners: dict[int, dict[int, list[str]]] = {4: {}, 6: {}}  # the same, where there are several
        self._networks_of_lo: list[tuple[Cidr, str]] = []  # a namespace may answer for each address of these
        self._proxies: list[str] = []  # namespaces that may answer for others
        for end in topology.ends():
            if end.addresses:
                self._own(end.namespace, end.addresses)
        for namespace in topology.everywhere():
            if not (namespace.addresses or namespace.sysctls or namespace.holders):
                continue
            self._own(namespace.name, namespace.addresses)
            for interface in namespace.holders:
                self._own(namespace.name, interface.addresses)
            for own in namespace.addresses:
                if own.family == 4 and not own.is_host:
                    self._networks_of_lo.append((own.network, namespace.name))
            if any("proxy" in key and value != "0" for key, value in namespace.sysctls):
                self._proxies.append(namespace.name)

    def find(self, asking: Station, family: int, address: int) -> Found:
        """Who answers a station that asks for an address which is not its namespace's own."""
        passing: list[Station] = []
        uncertain = kept_apart = False
        for station in self._candidates(asking, family, address):
            passes = self._switching.connects(asking, station, family)
            if passes:
                passing.append(station)
            uncertain |= passes is None
            kept_apart |= passes is False
        if passing:
            several = len({station.namespace for station in passing}) > 1
            return Found(passing[0], uncertain or several)
        return Found(None, uncertain or is_link_local(family, address) or self._may_be_others(asking), kept_apart)

    def _candidates(self, asking: Station, family: int, address: int) -> Iterator[Station]:
        """The stations on the same wires that answer if frames pass."""
        for name in self._owning(family, address):
            if name != asking.namespace:
                for station in self._switching.stations_near(asking, name):
                    if family == 4 or any(own[:2] == (family, address) for own in station.interface.addresses):
                        yield station

    def _owning(self, family: int, address: int) -> list[str]:
        first = self._owner[family].get(address)
        owners = self._owners[family].get(address) or ([] if first is None else [first])
        if family == 4:
            owners = owners + [
                name
                for network, name in self._networks_of_lo
                if network.contains(4, address) and name not in owners and self._routings[name].is_local(4, address)
            ]
        return owners

    def _may_be_others(self, asking: Station) -> bool:
        """Whether somebody who does not have the address may answer, or somebody whom the topology does not know."""
        return self._switching.is_open(asking) or any(
            True for name in self._proxies for _ in self._switching.stations_near(asking, name)
        )

    def _own(self, namespace: str, addresses: Iterable[Cidr]) -> None:
        for family, value, _ in addresses:
            first = self._owner[family].setdefault(value, namespace)
            if first != namespace:
                owners = self._owners[family].setdefault(value, [first])
                if namespace not in owners:
                    owners.append(namespace)
