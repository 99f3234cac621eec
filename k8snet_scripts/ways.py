"""The routes of a namespace, in an order in which the kernel takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from k8snet_scripts import steps
from k8snet_scripts.addresses import Cidr, parse_address
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import Interface, Namespace, Route

_Leaving = tuple[Route, str | None]
"""A route, and the interface that it leaves by if it is known."""


def add_routes(namespace: Namespace, holders: Sequence[Interface]) -> Iterator[Step]:
    """The routes of every interface, then those of the namespace as a whole; before all, those without a next hop.

    The next hop of one route may be on the network that another one leads to.
    """
    routes: list[_Leaving] = [(route, route.dev or holder.name) for holder in holders for route in holder.routes]
    if namespace.routes:
        networks = [(address, holder.name) for holder in holders for address in holder.addresses]
        direct = [*routes, *((route, route.dev) for route in namespace.routes)]
        networks += [(route.to or Cidr(route.family, 0, 0), dev) for route, dev in direct if dev and not route.via]
        routes += [(route, route.dev or _device_towards(route, networks)) for route in namespace.routes]
    for route, dev in sorted(routes, key=_has_next_hop) if len(routes) > 1 else routes:
        yield steps.add_route(namespace.name, route, None if route.kind != "unicast" else dev)


def _has_next_hop(leaving: _Leaving) -> bool:
    return leaving[0].via is not None


def _device_towards(route: Route, networks: Iterable[tuple[Cidr, str]]) -> str | None:
    """The interface whose network holds the next hop, the longest prefix first; the kernel's choice, foretold."""
    family, value = parse_address(route.via) if route.via else (0, 0)
    found = ((network.prefix, dev) for network, dev in networks if network.contains(family, value))
    return max(found, default=(0, None), key=lambda way: way[0])[1]
