"""What is refused: for every rule, topologies that break it, and every one of them breaks that rule only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faulty import (
    FILTERING,
    TWO_BRIDGES,
    Fault,
    add,
    cases,
    cidrs,
    end,
    lab,
    open_host,
    route,
    shared,
    slugs,
    switched,
    trunk,
    tunnel,
    wired,
)
from hypothesis import given
from topologies import topologies

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Isolation, Masquerade, Publication
from k8snet_scripts.rates import Rate
from k8snet_scripts.topology import (
    HOST,
    Bridge,
    End,
    FdbEntry,
    Ifb,
    Macvlan,
    Namespace,
    Neighbour,
    Port,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)

ROUTER = Namespace("f2", forwarding=True)

FAULTS: dict[str, list[Fault]] = {
    "unknown-namespace": [add(Veth(end("f0", "f1"), end("f0", "f2")), f1=Namespace("f1"), f2=Namespace("f3"))],
    "unknown-bridge": [
        wired(bridge="nowhere"),
        add(f1=Namespace("f1", isolations=(Isolation("f0", 4),))),
    ],
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
        shared(Macvlan("fm", parent="nowhere")),
        shared(Ifb("fi", source="f8", rate=Rate(8000, 9000))),
        shared(Macvlan("fm", parent="fm")),
        shared(Macvlan("fm", parent="f0", parent_namespace=HOST)),
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
    "device-mtu": [
        tunnel(mtu=1451, local="10.9.9.1"),
        tunnel(mtu=1500, dev="f0"),
        tunnel(mtu=1431, local="fd99::1"),
        shared(Macvlan("fm", parent="f0", mtu=1400)),
        shared(Macvlan("fm", parent="f0", mtu=1401), mtu=1400),
    ],
    "vxlan-endpoint": [
        tunnel(local="10.9.9.7"),
        tunnel(local="10.9.9.1", remote="fd99::2"),
        tunnel(fdb=(FdbEntry("10.9.9.2"), FdbEntry("fd99::2"))),
    ],
    "duplicate-entry": [
        tunnel(remote="10.9.9.2", fdb=(FdbEntry("10.9.9.2"),)),
        tunnel(fdb=(FdbEntry("10.9.9.2", "02:00:00:00:ff:01"), FdbEntry("10.9.9.3", "02:00:00:00:ff:01"))),
        tunnel(neighbours=(Neighbour("10.8.8.8", "02:00:00:00:ff:01"), Neighbour("10.8.8.8", "02:00:00:00:ff:02"))),
    ],
    "macvlan-parent": [
        *(shared(Macvlan("fm", parent=parent)) for parent in ("f9", "f1", "ft")),
        shared(Ifb("fi", source="f0", rate=Rate(8000, 9000)), Macvlan("fm", parent="fi")),
        shared(Macvlan("fm", parent="f0"), Macvlan("fn", parent="fm")),
        add(
            Veth(end("f0", "f1"), end("f0", "f2")),
            host=lambda host: replace(host, devices=(Macvlan("fm", parent="f0", parent_namespace="f1"),)),
        ),
        shared(Macvlan("fm", parent="f0", mode="passthru"), Macvlan("fn", parent="f0", mode="vepa")),
    ],
    "ifb-source": [
        shared(Ifb("fi", source="f9", rate=Rate(8000, 9000))),
        shared(Ifb("fi", source="f0", rate=Rate(8000, 9000)), Ifb("fj", source="fi", rate=Rate(8000, 9000))),
        shared(*(Ifb(name, source="f0", rate=Rate(8000, 9000)) for name in ("fi", "fj"))),
    ],
    "small-burst": [
        wired(rate=Rate(8000, 1514)),
        wired(rate=Rate(80_000_000, 1524)),
        shared(Ifb("fi", source="f0", rate=Rate(8000, 1414)), mtu=1400),
    ],
    "duplicate-vxlan": [add(f1=Namespace("f1", devices=(Vxlan("f0", id=7), Vxlan("f1", id=7))))],
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
    "duplicate-port": [
        add(Veth(end("f0", "f1", "172.16.0.2/24", publications=several), end("f1", "f2", "172.16.0.1/24")), f2=ROUTER)
        for several in (
            2 * (Publication(80, 80),),
            (Publication(80, 80), Publication(80, 81, address="172.16.0.1")),
            2 * (Publication(80, 80, address="172.16.0.1"),),
            (Publication(80, 80, address="0.0.0.0"), Publication(80, 81)),
        )
    ],
    "port-without-forwarding": [
        add(
            Veth(
                end("f0", "f1", "172.16.0.2/24", publications=(Publication(80, 80),)), end("f1", "f2", "172.16.0.1/24")
            )
        )
    ],
    "port-without-target": [
        add(Veth(end("f0", "f1", *own, publications=(port,)), end("f1", "f2", *there)), f2=ROUTER)
        for own, there, port in (
            ((), (), Publication(80, 80)),
            (("172.16.0.2/24",), ("172.16.0.1/24",), Publication(80, 80, address="::1")),
            (("172.16.0.2/24",), (), Publication(80, 80)),
        )
    ],
    "conflicting-keys": [
        add(
            Veth(
                end("f0", "f1", lladdr=lladdr),
                End("f2", namespace="f2", port=Port("f3", only_from="02:00:00:00:00:09")),
            ),
            f2=Namespace("f2", bridges=(Bridge("f3"),)),
        )
        for lladdr in (None, "02:00:00:00:00:08")
    ]
    + [shared(Macvlan("fm", parent="f0", port=Port("f9")))]
    + [wired(rate=Rate(8_000_000, 16384), txqlen=0)]
    + [shared(Ifb("fi", source="f0", rate=Rate(8000, 9000), port=Port("f9")))]
    + [shared(Macvlan("fm", parent="f0", mode="passthru", lladdr="02:00:00:00:00:08"))]
    + [add(f1=Namespace("f1", forwarding=True, sysctls=(("net.ipv4.ip_forward", "1"),)))],
}
"""By slug, ways to break that rule and no other.  They may be put into any topology that has none of their names."""


@pytest.mark.parametrize(("slug", "fault"), cases(FAULTS).values(), ids=cases(FAULTS))
def test_a_fault_breaks_its_rule_only(slug: str, fault: Fault) -> None:
    assert set(slugs(fault(lab()))) == {slug}


@given(topologies(max_namespaces=2))
def test_a_fault_is_found_in_any_topology(topology: Topology) -> None:
    for slug, faults in FAULTS.items():
        if slug != "too-many-ports":
            assert set(slugs(faults[0](topology))) == {slug}


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
