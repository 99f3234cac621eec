"""Short ways to put a fault into a topology, whatever else is in it, and to see what `check_topology` says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Finding, Report
from k8snet_scripts.topology import (
    HOST,
    Bridge,
    End,
    Ifb,
    Interface,
    Macvlan,
    Namespace,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)

Fault = Callable[[Topology], Topology]


def find(topology: Topology) -> list[Finding]:
    report = Report()
    check_topology(topology, report)
    return report.findings


def slugs(topology: Topology) -> list[str]:
    return [finding.slug for finding in find(topology)]


def cases(faults: Mapping[str, Sequence[Fault]]) -> dict[str, tuple[str, Fault]]:
    """By a name of its own, each fault after the slug of the rule that it breaks."""
    return {f"{slug}-{index}": (slug, fault) for slug, several in faults.items() for index, fault in enumerate(several)}


def end(name: str, namespace: str, *addresses: str, bridge: str = "", vlans: Vlans | None = None, **rest: Any) -> End:
    port = Port(bridge, vlans=vlans) if bridge else None
    return End(name, addresses=cidrs(*addresses), namespace=namespace, port=port, **rest)


def cidrs(*texts: str) -> tuple[Cidr, ...]:
    return tuple(map(parse_cidr, texts))


def route(to: str, **rest: Any) -> Route:
    network = parse_cidr(to)
    return Route(network.family, network if network.prefix else None, **rest)


def lab(*veths: Veth, host: Namespace | None = None, **namespaces: Namespace) -> Topology:
    """A topology with a plain namespace for each one that a veth mentions."""
    names = dict.fromkeys(end.namespace for veth in veths for end in (veth.inner, veth.outer))
    plain = {name: Namespace(name) for name in names if name != HOST}
    return Topology("lab", host or Namespace(HOST), tuple({**plain, **namespaces}.values()), veths)


def add(*veths: Veth, host: Callable[[Namespace], Namespace] = lambda host: host, **namespaces: Namespace) -> Fault:
    """Puts more into a topology: veths, and the namespaces that they mention (or other ones, in full)."""

    def fault(topology: Topology) -> Topology:
        more = lab(*veths, **namespaces)
        return replace(
            topology,
            host=host(topology.host),
            namespaces=topology.namespaces + more.namespaces,
            veths=topology.veths + more.veths,
        )

    return fault


PLAIN = Namespace("f1")


def switched(*ends: End, **options: Any) -> Fault:
    """A namespace `f1` with a bridge `fbr`, and veths from its ports to the given ends."""
    ports = [end(f"p{index}", "f1", bridge="fbr", mtu=peer.mtu) for index, peer in enumerate(ends)]
    return add(*map(Veth, ends, ports), f1=Namespace("f1", bridges=(Bridge("fbr", **options),)))


def wired(*addresses: str, there: tuple[str, ...] = (), f1: Namespace = PLAIN, **rest: Any) -> Fault:
    """One veth between two namespaces; `rest` is of the end in `f1`."""
    return add(Veth(end("f0", "f1", *addresses, **rest), end("f0", "f2", *there)), f1=f1)


def tunnel(**options: Any) -> Fault:
    """A VXLAN device over one veth, of which 10.9.9.1 and fd99::1 are the addresses of its namespace."""
    f1 = Namespace("f1", devices=(Vxlan("ft", id=7, **options),))
    return wired("10.9.9.1/24", "fd99::1/64", there=("10.9.9.2/24", "fd99::2/64"), f1=f1)


def shared(*macvlans: Macvlan | Ifb, **options: Any) -> Fault:
    """Macvlans, or ifbs, in the namespace `f1` of an end `f0`, which has the options, and of a bridge, a port and a tunnel."""
    parts: dict[str, Any] = {"bridges": (Bridge("f9"),), "devices": (Vxlan("ft", id=7), *macvlans)}
    return add(
        Veth(end("f0", "f1", **options), end("f0", "f2", **options)),
        Veth(end("f1", "f1", bridge="f9"), end("f1", "f2")),
        f1=Namespace("f1", **parts),
        f2=Namespace("f2"),
    )


def trunk(name: str, one: str, other: str, **rest: Any) -> Veth:
    return Veth(end(name, "f1", bridge=one, **rest), end(f"{name}x", "f1", bridge=other, **rest))


TWO_BRIDGES = Namespace("f1", bridges=(Bridge("f0"), Bridge("f9")))
FILTERING = Bridge("f9", vlan_filtering=True)


def on_host(*veths: Veth, **parts: Any) -> Topology:
    return lab(*veths, host=Namespace(HOST, **parts))


UPLINK = (Interface("eth1", external=True),)


def open_host(host: Namespace, *routes: Route) -> Namespace:
    """The host with an interface that others made, whose networks the topology does not know, and more routes."""
    return replace(host, interfaces=(*host.interfaces, *UPLINK), routes=(*host.routes, *routes))
