"""Short ways to write a topology by hand, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from k8snet_scripts.addresses import Cidr, parse_address, parse_cidr
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Route, Topology, Veth, Vlans


def cidrs(text: str) -> tuple[Cidr, ...]:
    """The addresses in a text, separated by spaces."""
    return tuple(map(parse_cidr, text.split()))


def bridge(name: str, addresses: str = "", **more: Any) -> Bridge:
    return Bridge(name, cidrs(addresses), **more)


def route(to: str | None = None, via: str | None = None, **more: Any) -> Route:
    """A route, the default one when `to` is missing."""
    network = parse_cidr(to) if to else None
    family = network.family if network else parse_address(via)[0] if via else 4
    return Route(family, network, via, **more)


def end(
    namespace: str,
    name: str,
    addresses: str = "",
    bridge: str | None = None,
    options: tuple[tuple[str, str], ...] = (),
    vlans: Vlans | None = None,
) -> End:
    port = Port(bridge, options, vlans) if bridge else None
    return End(name, cidrs(addresses), port=port, namespace=namespace)


def plug(
    namespace: str, addresses: str, bridge: str, home: str = HOST, isolated: bool = False, vlans: Vlans | None = None
) -> Veth:
    """A veth from a namespace, where its end is `to-BRIDGE`, to a port of a bridge."""
    options = (("isolated", "on"),) if isolated else ()
    return Veth(
        end(namespace, f"to-{bridge}", addresses), end(home, f"{namespace}-{bridge}"[:15], "", bridge, options, vlans)
    )


def cable(one: str, addresses: str, other: str, others: str) -> Veth:
    """A veth between two namespaces, each end named after the other namespace."""
    return Veth(end(one, f"to-{other}", addresses), end(other, f"to-{one}", others))


def network(
    *veths: Veth,
    bridges: Iterable[Bridge] = (),
    host: Mapping[str, Any] | None = None,
    **settings: Mapping[str, Any],
) -> Topology:
    """A topology of veths, host bridges, the host's settings and those of namespaces by their name."""
    ends = (each for veth in veths for each in (veth.inner, veth.outer))
    names = dict.fromkeys([*(each.namespace for each in ends if each.namespace != HOST), *settings])
    return Topology(
        "lab",
        Namespace(HOST, bridges=tuple(bridges), **(host or {})),
        tuple(Namespace(name, **settings.get(name, {})) for name in names),
        veths,
    )
