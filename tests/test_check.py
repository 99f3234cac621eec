from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from goldens import GOLDEN
from hypothesis import given
from hypothesis import strategies as st
from topologies import topologies

import k8snet_scripts
from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import RULES, Finding, Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.text.source import read_source
from k8snet_scripts.topology import (
    HOST,
    Bridge,
    End,
    Interface,
    Masquerade,
    Namespace,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
)

Fault = Callable[[Topology], Topology]


def find(topology: Topology) -> list[Finding]:
    report = Report()
    check_topology(topology, report)
    return report.findings


def slugs(topology: Topology) -> list[str]:
    return [finding.slug for finding in find(topology)]


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


FAULTS: dict[str, list[Fault]] = {
    "unknown-namespace": [add(Veth(end("f0", "f1"), end("f0", "f2")), f1=Namespace("f1"), f2=Namespace("f3"))],
    "unknown-bridge": [wired(bridge="nowhere")],
    "duplicate-namespace": [lambda topology: replace(topology, namespaces=topology.namespaces + 2 * (Namespace("f"),))],
    "duplicate-interface": [
        add(Veth(end("f0", "f1"), end("f0", "f1"))),
        wired(f1=Namespace("f1", bridges=(Bridge("f0"),))),
        add(f1=Namespace("f1", bridges=2 * (Bridge("f0"),))),
    ],
    "external-in-namespace": [add(f1=Namespace("f1", bridges=(Bridge("f0", external=True),)))],
    "duplicate-address": [
        switched(end("e", "f2", "172.16.0.1/24"), end("e", "f3", "172.16.0.1/24")),
        switched(end("e", "f2", "172.16.0.1/24"), end("e", "f3", "172.16.0.1/32")),
        switched(end("e", "f2", "fe80::1/64"), end("e", "f3", "fe80::1/64")),
        switched(end("e", "f2", "fd55::1/64"), addresses=cidrs("fd55::1/64")),
        wired("172.16.0.1/24", there=("172.16.0.1/24",)),
        wired("172.16.0.1/24", "172.16.0.1/25"),
        wired("172.16.0.1/24", f1=Namespace("f1", addresses=cidrs("172.16.0.1/32"))),
        add(Veth(end("f0", "f1", "172.16.0.1/24"), end("f1", "f1", "172.16.0.1/24"))),
    ],
    "overlapping-subnets": [
        add(Veth(end("f0", "f1", "172.16.0.1/24"), end("f1", "f1", "172.16.0.2/24"))),
        add(Veth(end("f0", "f1", "172.16.0.1/24"), end("f1", "f1", "172.16.1.2/16"))),
        add(Veth(end("f0", "f1", "fd55::1/64"), end("f1", "f1", "fd55::1:0:0:0:2/48"))),
        switched(end("e", "f2", "172.16.0.1/24"), end("f", "f2", "172.16.0.2/24")),
    ],
    "next-hop-unreachable": [
        wired("172.16.0.1/24", routes=(route("0.0.0.0/0", via="172.16.1.1"),)),
        wired("172.16.0.1/24", routes=(route("0.0.0.0/0", via="172.16.0.255"),)),
        wired("172.16.0.1/32", routes=(route("0.0.0.0/0", via="172.16.0.2"),)),
        wired("fd55::1/64", routes=(route("::/0", via="fd56::1"),)),
        wired("fd55::1/64", f1=Namespace("f1", routes=(route("::/0", via="fe80::1"),))),
        wired("172.16.0.1/24", f1=Namespace("f1", routes=(route("10.0.0.0/8", via="172.16.1.1"),))),
        wired(f1=Namespace("f1", cidrs("172.16.0.1/24"), (route("10.0.0.0/8", via="172.16.0.2"),))),
        lambda topology: replace(topology, host=open_host(topology.host, route("172.29.0.0/16", via="172.30.0.1"))),
    ],
    "next-hop-is-own-address": [
        wired("172.16.0.1/24", routes=(route("0.0.0.0/0", via="172.16.0.1"),)),
        wired("172.16.0.1/24", f1=Namespace("f1", cidrs("172.16.1.1/32"), (route("10.0.0.0/8", via="172.16.1.1"),))),
    ],
    "unknown-device": [
        wired("172.16.0.1/24", f1=Namespace("f1", routes=(route("10.0.0.0/8", dev="f1"),))),
        wired(f1=Namespace("f1", sysctls=(("net.ipv4.conf.f1.rp_filter", "0"),))),
    ],
    "duplicate-route": [
        wired("172.16.0.1/24", routes=2 * (route("10.0.0.0/8", via="172.16.0.2"),)),
        wired("172.16.0.1/24", routes=(route("172.16.0.0/24"),)),
        wired("fd55::1/64", routes=(route("fd55::/64", metric=256),)),
        wired(f1=Namespace("f1", routes=(route("::/0", kind="blackhole"), route("::/0", metric=1024, dev="f0")))),
    ],
    "route-source": [wired("172.16.0.1/24", routes=(route("0.0.0.0/0", via="172.16.0.2", src="172.16.0.3"),))],
    "bad-address": [
        wired(address)
        for address in (
            "172.16.0.0/24",
            "172.16.0.255/24",
            "224.0.0.5/24",
            "127.0.0.5/8",
            "::/64",
            "::1/128",
            "ff02::5/64",
        )
    ],
    "unusable-address": [wired("0.1.2.3/24"), wired("240.0.0.1/24")],
    "ipv6-mtu": [
        add(Veth(end("f0", "f1", "fd55::1/64", mtu=1279), end("f0", "f2", mtu=1279))),
        switched(end("e", "f2", mtu=1279), addresses=cidrs("fd55::1/64")),
    ],
    "ipv6-disabled": [
        wired("fd55::1/64", f1=Namespace("f1", sysctls=((f"net.ipv6.conf.{name}.disable_ipv6", "1"),)))
        for name in ("all", "f0")
    ],
    "mtu-mismatch": [
        wired(mtu=1400),
        add(Veth(end("f0", "f1", mtu=9000), end("f0", "f2", mtu=1400))),
        switched(end("e", "f2", "172.16.0.1/24", mtu=9000), end("e", "f3", "172.16.0.2/24")),
        switched(end("e", "f2", "172.16.0.1/24", mtu=1400), addresses=cidrs("172.16.0.2/24"), mtu=1500),
    ],
    "too-many-ports": [switched(*(end(f"e{index}", "f2") for index in range(1024)))],
    "bridge-loop": [
        add(trunk("a", "f0", "f9"), trunk("b", "f9", "f0"), f1=TWO_BRIDGES),
        add(trunk("a", "f0", "f0"), f1=TWO_BRIDGES),
        add(
            *(trunk(name, "f0", "f9", vlans=Vlans(tagged=(10,))) for name in "ab"),
            Veth(end("c", "f1", bridge="f0", vlans=Vlans(10)), end("c", "f2")),
            f1=Namespace("f1", bridges=(replace(FILTERING, name="f0"), FILTERING)),
        ),
        add(f1=Namespace("f1", bridges=(Bridge("f0"), Bridge("f1", port=Port("f0"))))),
    ],
    "vlan-without-filtering": [
        add(trunk("a", "f0", "f9", vlans=Vlans(10)), f1=Namespace("f1", bridges=(Bridge("f0"), FILTERING))),
        add(f1=Namespace("f1", bridges=(Bridge("f0", vlans=Vlans(10)),))),
    ],
    "duplicate-lladdr": [
        switched(end("e", "f2", lladdr="02:00:00:00:ff:01"), end("e", "f3", lladdr="02:00:00:00:FF:01")),
        add(Veth(end("e", "f2", lladdr="02:00:00:00:ff:01"), end("e", "f3", lladdr="02:00:00:00:ff:01"))),
    ],
    "address-on-port": [
        add(
            Veth(end("f0", "f1", "172.16.0.1/24", bridge="f0x"), end("f1", "f1")),
            f1=Namespace("f1", bridges=(Bridge("f0x"),)),
        ),
        add(
            Veth(end("f0", "f1", bridge="f0x", routes=(route("10.0.0.0/8"),)), end("f1", "f1")),
            f1=Namespace("f1", bridges=(Bridge("f0x"),)),
        ),
    ],
    "masquerade-without-forwarding": [
        add(f1=Namespace("f1", masquerade=(Masquerade(parse_cidr("172.16.0.0/24")),))),
        add(
            f1=Namespace(
                "f1", masquerade=(Masquerade(parse_cidr("fd55::/64")),), sysctls=(("net.ipv4.ip_forward", "1"),)
            )
        ),
    ],
    "conflicting-keys": [add(f1=Namespace("f1", forwarding=True, sysctls=(("net.ipv4.ip_forward", "1"),)))],
}
"""By slug, ways to break that rule and no other.  They may be put into any topology that has none of their names."""

BAD_VALUES: dict[str, list[Fault]] = {
    "bad-name": [
        lambda topology: replace(topology, name="../etc"),
        lambda topology: replace(topology, host=replace(topology.host, name="machine")),
        add(f1=Namespace("$(reboot)")),
        add(Veth(end("a b", "f1"), end("f0", "f1"))),
        wired(bridge="br0;"),
    ],
    "name-too-long": [wired(f1=Namespace("f1", bridges=(Bridge("sixteen-letters-"),)))],
    "reserved-name": [add(f1=Namespace(HOST)), add(f1=Namespace("f1", bridges=(Bridge("dev"),)))],
    "missing-key": [lambda topology: replace(topology, host=replace(topology.host, interfaces=(Interface("f0"),)))],
    "bad-text": [
        lambda topology: replace(topology, description="two\nlines"),
        add(f1=Namespace("f1", description="\x1b[2J")),
        wired(description="x" * 201),
    ],
    "bad-sysctl": [
        add(f1=Namespace("f1", sysctls=(("kernel.hostname", "x"),))),
        add(f1=Namespace("f1", sysctls=(("net.core.somaxconn", "1; reboot"),))),
    ],
    "bad-mtu": [wired(mtu=67)],
    "bad-lladdr": [
        wired(lladdr=lladdr) for lladdr in ("01:00:00:00:00:01", "00:00:00:00:00:00", "1:2", "02:00:00:00:00:01\n")
    ],
    "bad-option": [
        add(f1=Namespace("f1", bridges=(Bridge("f0", options=(option,)),)))
        for option in (
            ("stp_state", "2"),
            ("mtu", "1500"),
            ("priority", "-1"),
            ("ageing_time", "007"),
            ("priority", "x"),
        )
    ]
    + [
        add(
            Veth(end("e", "f1"), End("f1", namespace="f1", port=Port("f0", (option,)))),
            f1=Namespace("f1", bridges=(Bridge("f0"),)),
        )
        for option in (("hairpin", "1"), ("cost", "0"), ("master", "br0"))
    ],
    "bad-vlan": [
        add(f1=Namespace("f1", bridges=(Bridge("f0", vlan_filtering=True, vlans=vlans),)))
        for vlans in (Vlans(0), Vlans(4095), Vlans(10, (10,)), Vlans(None, (20, 20)), Vlans(None, (-1,)))
    ],
    "bad-address": [
        wired(f1=Namespace("f1", addresses=(cidr,)))
        for cidr in (Cidr(5, 1, 24), Cidr(4, 1 << 32, 24), Cidr(4, -1, 24), Cidr(4, 1 << 24, 33), Cidr(6, 2, -1))
    ]
    + [
        add(f1=Namespace("f1", forwarding=True, masquerade=(Masquerade(parse_cidr("10.0.0.1/24")),))),
        add(f1=Namespace("f1", bridges=(Bridge("f0", subnets=cidrs("10.0.0.1/24")),))),
        wired(routes=(route("10.0.0.1/24"),)),
    ],
    "bad-route": [
        wired(f1=Namespace("f1", routes=(bad,)))
        for bad in (
            Route(5, None, dev="f0"),
            Route(4, parse_cidr("fd55::/64"), dev="f0"),
            Route(4, None, via="172.16.0.300", dev="f0"),
            Route(4, None, via="fd55::1", dev="f0"),
            Route(4, None, dev="f0", src="fd55::1"),
            Route(4, None, dev="f0", metric=2**32),
            Route(4, None, dev="f0", table=0),
            Route(4, None, kind="multicast"),
            Route(4, None, kind="blackhole", via="172.16.0.1"),
            Route(4, None),
            Route(4, None, dev="f0", onlink=True),
        )
    ]
    + [wired(routes=(Route(4, None, dev="f1"),)), wired(routes=(Route(4, None, kind="blackhole"),))],
}
"""The same for what a topology file has been checked for when it is loaded, and a model built in Python has not."""

CASES = [
    pytest.param(slug, fault, id=f"{slug}-{index}")
    for faults in (FAULTS, BAD_VALUES)
    for slug, several in faults.items()
    for index, fault in enumerate(several)
]


@given(topologies())
def test_a_valid_topology_has_no_findings(topology: Topology) -> None:
    assert find(topology) == []


@pytest.mark.parametrize(("slug", "fault"), CASES)
def test_a_fault_breaks_its_rule_only(slug: str, fault: Fault) -> None:
    assert set(slugs(fault(lab()))) == {slug}


@given(topologies(max_namespaces=2))
def test_a_fault_is_found_in_any_topology(topology: Topology) -> None:
    for slug, faults in FAULTS.items():
        if slug != "too-many-ports":
            assert set(slugs(faults[0](topology))) == {slug}


def test_there_is_a_fault_for_every_rule() -> None:
    modules = Path(k8snet_scripts.__file__).parent.glob("check_*.py")
    source = "".join(module.read_text() for module in modules)
    used = {slug for slug in RULES if f'"{slug}"' in source}
    assert used == used & {*FAULTS, *BAD_VALUES}


def ring(**options: Any) -> Topology:
    bridges = (Bridge("f0", **options), Bridge("f9"))
    return lab(trunk("a", "f0", "f9"), trunk("b", "f0", "f9"), f1=Namespace("f1", bridges=bridges))


LEGITIMATE = {
    "nothing": lab(),
    "an anycast address on several loopbacks": lab(
        a=Namespace("a", addresses=cidrs("10.0.0.1/32")), b=Namespace("b", addresses=cidrs("10.0.0.1/32"))
    ),
    "one subnet on two bridges": on_host(
        Veth(end("e", "a", "10.0.0.1/24"), end("pa", HOST, bridge="br0")),
        Veth(end("e", "b", "10.0.0.1/24"), end("pb", HOST, bridge="br1")),
        bridges=(Bridge("br0"), Bridge("br1")),
    ),
    "one address in two VLANs": on_host(
        Veth(end("e", "a", "10.0.0.1/24"), end("pa", HOST, bridge="f9", vlans=Vlans(10))),
        Veth(end("e", "b", "10.0.0.1/24"), end("pb", HOST, bridge="f9", vlans=Vlans(20, (30,)))),
        Veth(end("e", "c", "10.0.0.1/24"), end("pc", HOST, bridge="f9")),
        bridges=(FILTERING,),
    ),
    "link-local addresses that repeat": lab(
        Veth(end("e", "a", "fe80::1/64", "10.0.0.0/31"), end("e", "b", "fe80::2/64", "10.0.0.1/31")),
        Veth(end("f", "a", "fe80::1/64"), end("e", "c", "fe80::2/64", routes=(route("::/0", via="fe80::1"),))),
    ),
    "an address on several unnumbered links": lab(
        Veth(end("e", "a", "10.0.0.1/32"), end("e", "b")),
        Veth(end("f", "a", "10.0.0.1/32"), end("e", "c")),
        a=Namespace("a", addresses=cidrs("10.0.0.1/32")),
    ),
    "a host address inside another interface's network": lab(
        Veth(end("e", "a", "10.0.0.1/24"), end("e", "b")),
        a=Namespace("a", addresses=cidrs("10.0.0.9/32", "10.0.0.10/25")),
    ),
    "a next hop by a route to its interface, as Calico does": lab(
        Veth(
            end("e", "a", "10.0.0.1/32", routes=(route("169.254.1.1/32"), route("0.0.0.0/0", via="169.254.1.1"))),
            end("e", "b"),
        ),
        Veth(end("e", "c"), end("f", "b")),
        c=Namespace(
            "c", cidrs("10.0.0.1/32"), (route("0.0.0.0/0", dev="e"), route("10.1.0.0/16", via="10.2.0.1", dev="e"))
        ),
    ),
    "the subnet-router anycast address as next hop": lab(
        Veth(end("e", "a", "fd00::2/64", routes=(route("::/0", via="fd00::"),)), end("e", "b", "fd00::1/64"))
    ),
    "a next hop that is on the link by order": lab(
        Veth(end("e", "a", "10.0.0.1/32", routes=(route("0.0.0.0/0", via="10.9.0.1", onlink=True),)), end("e", "b"))
    ),
    "a next hop beyond an interface of the machine": on_host(
        interfaces=UPLINK,
        routes=(route("10.1.0.0/16", via="10.9.9.9", dev="eth1"),),
    ),
    "a source of the machine": on_host(interfaces=UPLINK, routes=(route("10.0.0.0/8", dev="eth1", src="192.168.0.1"),)),
    "routes that differ by table or metric": lab(
        Veth(
            end(
                "e",
                "a",
                "10.0.0.1/24",
                routes=(
                    route("0.0.0.0/0", via="10.0.0.2"),
                    route("0.0.0.0/0", via="10.0.0.2", metric=1),
                    route("0.0.0.0/0", via="10.0.0.2", table=100),
                    route("10.0.0.0/24", table=100),
                ),
            ),
            end("e", "b"),
        )
    ),
    "a loop with the spanning tree protocol": ring(options=(("stp_state", "1"),)),
    "a loop through a bridge of the machine": on_host(
        Veth(end("p", HOST, bridge="br0"), end("q", HOST, bridge="br1")),
        Veth(end("r", HOST, bridge="br0"), end("s", HOST, bridge="br1")),
        bridges=(Bridge("br0", external=True), Bridge("br1")),
    ),
    "two trunks for different VLANs": lab(
        trunk("a", "f0", "f9", vlans=Vlans(10)),
        trunk("b", "f0", "f9", vlans=Vlans(20)),
        f1=Namespace("f1", bridges=(replace(FILTERING, name="f0"), FILTERING)),
    ),
    "two VLANs of one bridge joined": lab(
        Veth(end("a", "f1", bridge="f9", vlans=Vlans(10)), end("b", "f1", bridge="f9", vlans=Vlans(20))),
        f1=Namespace("f1", bridges=(FILTERING,)),
    ),
    "VLANs on a bridge of the machine": on_host(
        Veth(end("e", "a"), end("p", HOST, bridge="br0", vlans=Vlans(10))), bridges=(Bridge("br0", external=True),)
    ),
    "a bridge with the lladdr of its port": on_host(
        Veth(end("e", "a"), end("p", HOST, bridge="br0", lladdr="02:00:00:00:00:01")),
        bridges=(Bridge("br0", lladdr="02:00:00:00:00:01"),),
    ),
    "jumbo frames between bridges only": on_host(
        Veth(end("t", HOST, bridge="br0", mtu=9000), end("u", HOST, bridge="br1", mtu=9000)),
        Veth(end("e", "a", "10.0.0.1/24"), end("p", HOST, bridge="br0")),
        Veth(end("e", "b", "10.0.0.2/24"), end("q", HOST, bridge="br1")),
        bridges=(Bridge("br0", cidrs("10.0.0.3/24"), mtu=1500), Bridge("br1")),
    ),
    "an MTU under 1280 without IPv6": lab(Veth(end("e", "a", "10.0.0.1/24", mtu=576), end("e", "b", mtu=576))),
    "masquerade on a host that may forward": on_host(masquerade=(Masquerade(parse_cidr("10.0.0.0/24")),)),
    "as many ports as there can be": on_host(
        *(Veth(end(f"e{index}", "a"), end(f"p{index}", HOST, bridge="br0")) for index in range(1023)),
        bridges=(Bridge("br0"),),
    ),
}


@pytest.mark.parametrize("topology", LEGITIMATE.values(), ids=LEGITIMATE)
def test_a_legitimate_design_is_not_refused(topology: Topology) -> None:
    assert find(topology) == []


def test_all_mistakes_are_found_in_one_run() -> None:
    topology = lab()
    wanted = []
    for index, (slug, faults) in enumerate(FAULTS.items()):
        if slug not in ("too-many-ports", "unknown-namespace"):
            faulty = faults[0](lab())
            rename = {namespace.name: f"{namespace.name}-{index}" for namespace in faulty.namespaces}
            topology = replace(
                topology,
                namespaces=topology.namespaces
                + tuple(replace(namespace, name=rename[namespace.name]) for namespace in faulty.namespaces),
                veths=topology.veths
                + tuple(
                    Veth(
                        replace(veth.inner, namespace=rename[veth.inner.namespace]),
                        replace(veth.outer, namespace=rename[veth.outer.namespace]),
                    )
                    for veth in faulty.veths
                ),
            )
            wanted.append(slug)
    assert sorted(set(slugs(topology))) == sorted(wanted)


def load(**document: object) -> list[Finding]:
    report = Report()
    check_topology(load_topology({"name": "lab", **document}, report), report)
    return report.findings


def test_a_mistake_below_a_range_is_reported_once() -> None:
    veth = {
        "peer": "p{}",
        "bridge": "br1",
        "addresses": ["10.0.{}.1/24"],
        "routes": [{"to": "default", "via": "10.9.0.{}"}],
    }
    findings = load(namespaces={"n{1..200}": {"veths": {"e": veth}}}, bridges={"br0": {}})
    assert [finding.slug for finding in findings] == ["unknown-bridge", "next-hop-unreachable"]
    assert findings[0].path == ("namespaces", "n{1..200}", "veths", "e", "bridge")
    assert findings[0].see == ("bridges", "br0")


def test_a_finding_points_at_what_is_wrong_and_at_what_it_contends_with() -> None:
    findings = load(
        bridges={"br0": {}},
        namespaces={
            "a": {"veths": {"e": {"peer": "p", "bridge": "br0", "addresses": ["fd00::1/64", "10.0.0.1/24"]}}},
            "b": {"veths": {"e": {"peer": "q", "bridge": "br0", "addresses": ["10.0.0.1/24"]}}},
            "c": {"veths": {"e": {"peer": {"namespace": "b", "name": "e"}, "master": "br0"}}},
        },
    )
    assert [(finding.slug, finding.path, finding.at, finding.see) for finding in findings] == [
        (
            "duplicate-interface",
            ("namespaces", "c", "veths", "e", "peer", "name"),
            "value",
            ("namespaces", "b", "veths", "e"),
        ),
        ("unknown-bridge", ("namespaces", "c", "veths", "e", "master"), "value", ("bridges", "br0")),
        (
            "duplicate-address",
            ("namespaces", "b", "veths", "e", "addresses", 0),
            "value",
            ("namespaces", "a", "veths", "e", "addresses", 1),
        ),
    ]


def test_what_may_follow_from_a_refused_value_is_not_said() -> None:
    veth = {"peer": "p", "bridge": "br0", "addresses": ["10.0.0.1"], "routes": [{"to": "default", "via": "10.0.0.2"}]}
    findings = load(namespaces={"a": {"veths": {"e": veth}}}, bridges={})
    assert sorted(finding.slug for finding in findings) == ["bad-address", "unknown-bridge"]


def documents() -> list[Any]:
    """Every golden topology that can be parsed, but for the large ones, as a document."""
    paths = sorted(path for path in GOLDEN.rglob("topology.*") if b"1024}" not in path.read_bytes())
    return [
        source.data for source, report in (read_source(path.name, path.read_bytes()) for path in paths) if report.ok
    ]


def alter(document: Any, choices: list[int], value: object) -> Any:
    """A copy of a document in which a value is another one: the choices lead to it, key by key."""
    if not choices or not document or not isinstance(document, (dict, list)):
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[choices[0] % len(keys)]
    changed = copy(document)
    changed[key] = alter(document[key], choices[1:], value)
    return changed


@given(
    st.sampled_from(documents()),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.sampled_from(
        ["auto", "br0", "host", "10.10.0.0/24", "10.10.0.1", "fd00::1/64", {}, [], 0, 1280, True, "{}", "node1"]
    ),
)
def test_no_document_ends_in_an_exception(document: Any, choices: list[int], value: object) -> None:
    report = Report()
    check_topology(load_topology(alter(document, choices, value), report), report)
    assert {finding.slug for finding in report.findings} <= set(RULES)
