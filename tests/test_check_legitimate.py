"""What is not refused: designs that look like a mistake and are none, and whatever is right at random."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faulty import FILTERING, UPLINK, cidrs, end, find, lab, on_host, route, trunk
from hypothesis import given
from topologies import topologies

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.topology import HOST, Bridge, Namespace, Topology, Veth, Vlans


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


@given(topologies() | topologies(max_namespaces=6, routed=True))
def test_a_valid_topology_has_no_findings(topology: Topology) -> None:
    assert find(topology) == []
