"""Values that a topology file cannot bring this far, but a model built in Python can: each is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faulty import Fault, add, cases, cidrs, end, lab, route, slugs, wired

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.filtering import Admission, Condition, Isolation, Masquerade, Publication
from k8snet_scripts.rates import Rate
from k8snet_scripts.topology import HOST, Bridge, Command, End, Interface, Macvlan, Namespace, Port, Route, Veth, Vlans

BAD_VALUES: dict[str, list[Fault]] = {
    "bad-name": [
        lambda topology: replace(topology, name="../etc"),
        lambda topology: replace(topology, host=replace(topology.host, name="machine")),
        add(f1=Namespace("$(reboot)")),
        add(Veth(end("a b", "f1"), end("f0", "f1"))),
        wired(bridge="br0;"),
    ],
    "name-too-long": [wired(f1=Namespace("f1", bridges=(Bridge("sixteen-letters-"),)))],
    "reserved-name": [add(f1=Namespace(HOST)), add(f1=Namespace("f1", bridges=(Bridge("dev"),)))]
    + [
        add(f1=Namespace("f1", admissions=(Admission(parse_cidr("10.0.0.0/24"), name),)))
        for name in ("FORWARD", "CNI-FORWARD", "DROP")
    ],
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
    "bad-command": [
        add(f1=Namespace("f1", commands=(Command(run, check),)))
        for run, check in (((), ("true",)), (("true",), ()), (("",), ("true",)), (("echo", "a\0b"), ("true",)))
    ],
    "bad-mtu": [wired(mtu=67)],
    "bad-rate": [
        wired(rate=rate)
        for rate in (Rate(0, 9000), Rate(9, 9000), Rate(2 * 10**12, 9000), Rate(8000, 2**40), Rate(8000, 9000, 0))
    ],
    "bad-lladdr": [
        wired(lladdr=lladdr) for lladdr in ("01:00:00:00:00:01", "00:00:00:00:00:00", "1:2", "02:00:00:00:00:01\n")
    ],
    "bad-option": [add(f1=Namespace("f1", devices=(Macvlan("f0", parent="f1", mode="source"),)))]
    + [
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
    ]
    + [
        wired(txqlen=2**32),
        add(f1=Namespace("f1", bridges=(Bridge("f0"),), isolations=(Isolation("f0", 5),))),
    ],
    "bad-vlan": [
        add(f1=Namespace("f1", bridges=(Bridge("f0", vlan_filtering=True, vlans=vlans),)))
        for vlans in (Vlans(0), Vlans(4095), Vlans(10, (10,)), Vlans(None, (20, 20)), Vlans(None, (-1,)))
    ],
    "bad-port": [
        add(
            Veth(end("f0", "f1", "172.16.0.2/24", publications=(port,)), end("f1", "f2", "172.16.0.1/24")),
            f2=Namespace("f2", forwarding=True),
        )
        for port in (
            Publication(0, 80),
            Publication(80, 65536),
            Publication(80, 80, "icmp"),
            Publication(80, 80, address="localhost"),
            Publication(80, 80, masquerade="some"),
            Publication(80, 80, conditions=(Condition("ether", parse_cidr("10.0.0.0/8")),)),
        )
    ],
    "bad-address": [
        wired(f1=Namespace("f1", addresses=(cidr,)))
        for cidr in (Cidr(5, 1, 24), Cidr(4, 1 << 32, 24), Cidr(4, -1, 24), Cidr(4, 1 << 24, 33), Cidr(6, 2, -1))
    ]
    + [
        add(f1=Namespace("f1", forwarding=True, masquerade=(Masquerade(parse_cidr("10.0.0.1/24")),))),
        add(f1=Namespace("f1", admissions=(Admission(parse_cidr("10.0.0.1/24")),))),
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
            Route(4, None, dev="f0", scope="link"),
            Route(6, None, dev="f0", scope="host"),
            Route(4, None, via="172.16.0.1", dev="f0", scope="host"),
            Route(4, None, kind="blackhole", scope="host"),
        )
    ]
    + [wired(routes=(Route(4, None, dev="f1"),)), wired(routes=(Route(4, None, kind="blackhole"),))],
}
"""By slug, ways to break that rule and no other."""


@pytest.mark.parametrize(("slug", "fault"), cases(BAD_VALUES).values(), ids=cases(BAD_VALUES))
def test_a_bad_value_breaks_its_rule_only(slug: str, fault: Fault) -> None:
    assert set(slugs(fault(lab()))) == {slug}
