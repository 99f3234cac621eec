"""The topology file: what it says is what the model holds."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from documents import document
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import Keys, load, unplaced
from topologies import topologies

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Condition, Isolation, Masquerade
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.rules.options import BRIDGE_KEYS, PORT_KEYS
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Route, Topology, Veth, Vlans


def test_the_docker_example() -> None:
    topology = load(
        """
        name = "docker"
        [bridges.br0]
        [namespaces.node1.veths.vethA]
        peer = "vethB"
        bridge = "br0"
        addresses = ["10.10.0.2/24"]
        [namespaces.node2.veths.vethX]
        peer = "vethY"
        bridge = "br0"
        addresses = ["10.10.0.3/24"]
        """
    )
    one, two = ("namespaces", "node1"), ("namespaces", "node2")

    def veth(path: Keys, inner: str, outer: str, address: str) -> Veth:
        place = (*path, "veths", inner)
        return Veth(
            End(inner, (parse_cidr(address),), path=place, namespace=str(path[1])),
            End(outer, port=Port("br0", path=(*place, "bridge")), path=(*place, "peer")),
            place,
        )

    assert topology == Topology(
        "docker",
        Namespace(HOST, bridges=(Bridge("br0", path=("bridges", "br0")),), path=("host",)),
        (Namespace("node1", path=one), Namespace("node2", path=two)),
        (veth(one, "vethA", "vethB", "10.10.0.2/24"), veth(two, "vethX", "vethY", "10.10.0.3/24")),
    )


def test_published_ports_and_what_is_let_through() -> None:
    topology = load(
        """
        name = "lab"
        [bridges.br0]
        addresses = ["10.0.0.1/24", "fe80::1/64", "auto"]
        subnet = "fd00::/64"
        admit = true
        [namespaces."web{1..2}".veths.eth0]
        peer = "web{}"
        bridge = "br0"
        addresses = ["10.0.0.1{}/24"]
        publish = ["808{}:80", "127.0.0.1:53:53/udp"]
        """
    )
    admitted = [(str(admission.network), admission.published) for admission in topology.host.admissions]
    assert admitted == [("10.0.0.0/24", True), ("fd00::/64", True)]
    ports = [
        [(item.port, item.to_port, item.protocol, item.address) for item in veth.inner.publications]
        for veth in topology.veths
    ]
    assert ports == [[(port, 80, "tcp", None), (53, 53, "udp", "127.0.0.1")] for port in (8081, 8082)]
    path = ("namespaces", "web{1..2}", "veths", "eth0", "publish", 1)
    assert topology.veths[0].inner.publications[1].path == path


def test_what_is_published_and_let_through_can_be_said_in_full() -> None:
    topology = load(
        """
        name = "lab"
        [host]
        admit = ["10.0.0.0/24", { network = "10.1.0.2/32", published = false, admin_chain = "MINE" }]
        [bridges.br0]
        addresses = ["10.0.0.1/24"]
        admit = true
        isolate = [6, 4]
        allmulticast = true
        [namespaces."web{1..2}".veths.eth0]
        peer = "web{}"
        bridge = "br0"
        lladdr = "02:00:00:00:00:0{}"
        only_from = "02:00:00:00:00:0{}"
        addresses = ["10.0.0.1{}/24"]
        noprefixroute = true
        txqueuelen = 0
        routes = [{ to = "10.9.0.0/16", scope = "host" }]
        publish = [{ port = "808{}:80", masquerade = "all", conditions = ["saddr != 10.{}.0.0/16", "daddr fd00::1"] }]
        """
    )
    host = topology.host
    assert [(str(item.network), item.admin, item.published) for item in host.admissions] == [
        ("10.0.0.0/24", "CNI-ADMIN", True),
        ("10.1.0.2/32", "MINE", False),
        ("10.0.0.0/24", "CNI-ADMIN", True),
    ]
    assert host.isolations == (Isolation("br0", 6), Isolation("br0", 4))
    assert (host.bridges[0].promisc, host.bridges[0].allmulti, host.bridges[0].txqlen) == (False, True, None)
    end, peer = topology.veths[1].inner, topology.veths[1].outer
    assert (end.connected, end.allmulti, end.txqlen, end.routes[0].scope) == (False, None, 0, "host")
    assert peer.port is not None
    assert (peer.port.only_from, peer.connected) == ("02:00:00:00:00:02", True)
    (port,) = end.publications
    assert (port.port, port.masquerade) == (8082, "all")
    assert port.conditions == (
        Condition("saddr", parse_cidr("10.2.0.0/16"), negated=True),
        Condition("daddr", parse_cidr("fd00::1/128")),
    )


def test_everything_at_once() -> None:
    topology = load(
        """
        name = "all"
        description = "all of it"

        [host]
        addresses = ["10.255.0.1/32"]
        routes = [{ to = "10.9.0.0/16", type = "blackhole" }, { to = "::/0", via = "fe80::1", dev = "br0", metric = 5 }]
        sysctls = { "net.ipv4.conf.all.rp_filter" = 2, "net.ipv4.ip_local_port_range" = "1024 2048", "net.x.y/z" = true }
        forwarding = true
        masquerade = ["10.0.0.0/8"]
        description = "the machine"

        [bridges.br0]
        addresses = ["auto", "10.1.0.1/24"]
        subnet = "10.10.0.0/24"
        masquerade = true
        mtu = 1400
        lladdr = "02:00:00:00:00:0A"
        stp = true
        forward_delay = 2.5
        ageing_time = 300
        priority = 4096
        vlan_filtering = true
        untagged = 10
        tagged = [20, "30-32"]

        [bridges.ext]
        external = true
        subnet = ["10.7.0.0/16", "fd07::/64"]
        masquerade = true

        [interfaces.eth1]
        external = true
        bridge = "br0"
        cost = 4
        hairpin = false

        [veths.out]
        peer = { namespace = "r", name = "in", addresses = ["auto"], mtu = 9000, bridge = "sw", tagged = ["7"], guard = true }
        mtu = 1500
        master = "br0"
        isolated = true
        untagged = "10"

        [namespaces.r.bridges.sw]
        subnet = "10.8.0.0/24"
        [namespaces.r.veths.eth0]
        peer = { name = "r0", description = "the far end" }
        bridge = "br0"
        addresses = ["auto", "fd00::2/64"]
        routes = [{ to = "default", via = "10.10.0.1", src = "10.10.0.2", table = 7, onlink = true, prepend = true }, { to = "10.3.0.1" }]
        """
    )
    cidr = parse_cidr
    assert unplaced(topology.host) == Namespace(
        HOST,
        addresses=(cidr("10.255.0.1/32"),),
        routes=(
            Route(4, cidr("10.9.0.0/16"), kind="blackhole"),
            Route(6, None, "fe80::1", "br0", metric=5),
        ),
        bridges=(
            Bridge(
                "br0",
                (cidr("10.10.0.1/24"), cidr("10.1.0.1/24")),
                mtu=1400,
                lladdr="02:00:00:00:00:0a",
                options=(("stp_state", "1"), ("forward_delay", "250"), ("ageing_time", "30000"), ("priority", "4096")),
                vlan_filtering=True,
                vlans=Vlans(10, (20, 30, 31, 32)),
                subnets=(cidr("10.10.0.0/24"),),
            ),
            Bridge("ext", external=True, subnets=(cidr("10.7.0.0/16"), cidr("fd07::/64"))),
        ),
        interfaces=(Interface("eth1", port=Port("br0", (("hairpin", "off"), ("cost", "4"))), external=True),),
        sysctls=(
            ("net.ipv4.conf.all.rp_filter", "2"),
            ("net.ipv4.ip_local_port_range", "1024 2048"),
            ("net.x.y/z", "1"),
        ),
        forwarding=True,
        masquerade=tuple(
            Masquerade(cidr(network))
            for network in ("10.0.0.0/8", "10.1.0.0/24", "10.10.0.0/24", "10.7.0.0/16", "fd07::/64")
        ),
        description="the machine",
    )
    out, eth0 = topology.veths
    assert unplaced(out) == Veth(
        End("out", mtu=1500, port=Port("br0", (("isolated", "on"),), Vlans(10))),
        End(
            "in",
            (cidr("10.10.0.2/24"),),
            mtu=9000,
            port=Port("sw", (("guard", "on"),), Vlans(None, (7,))),
            namespace="r",
        ),
    )
    assert unplaced(eth0) == Veth(
        End(
            "eth0",
            (cidr("10.10.0.3/24"), cidr("fd00::2/64")),
            (
                Route(4, None, "10.10.0.1", "eth0", "10.10.0.2", table=7, onlink=True, prepend=True),
                Route(4, cidr("10.3.0.1/32"), dev="eth0"),
            ),
            namespace="r",
        ),
        End("r0", port=Port("br0"), description="the far end"),
    )
    assert topology.description == "all of it"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ('to = "default", via = "10.0.0.1"', Route(4, None, "10.0.0.1")),
        ('to = "default", via = "FD00::01"', Route(6, None, "fd00::1")),
        ('to = "default", dev = "e"', Route(4, None, dev="e")),
        ('to = "default", dev = "e", src = "fd00::1"', Route(6, None, dev="e", src="fd00::1")),
        ('to = "default", dev = "e", family = 6', Route(6, None, dev="e")),
        ('to = "default", type = "unreachable", family = 6', Route(6, None, kind="unreachable")),
        ('to = "0.0.0.0/0", dev = "lo"', Route(4, None, dev="lo")),
        ('to = "::/0", dev = "e", metric = 0, table = 254, family = 6', Route(6, None, dev="e")),
        ('to = "10.1.0.1", via = "10.0.0.1"', Route(4, parse_cidr("10.1.0.1/32"), "10.0.0.1")),
        ('to = "10.1.0.0/16", dev = "e", type = "unicast"', Route(4, parse_cidr("10.1.0.0/16"), dev="e")),
    ],
)
def test_routes(route: str, expected: Route) -> None:
    topology = load(f'name = "t"\n[host]\nroutes = [{{ {route} }}]')
    assert unplaced(topology.host.routes) == (expected,)


REFERENCE = Path(__file__).parent.parent / "docs" / "topology.md"
EXAMPLES = [
    text
    for text in re.findall(r"```toml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    if "[cni]" not in text  # those are read together with another file
]


@pytest.mark.parametrize("text", EXAMPLES, ids=[re.findall('"(.*?)"', text)[0] for text in EXAMPLES])
def test_the_examples_of_the_reference_are_right(text: str) -> None:
    report = Report()
    check_topology(load_topology(tomllib.loads(text), report), report)
    assert not report.findings


@pytest.mark.parametrize("key", [*PORT_KEYS, *BRIDGE_KEYS])
def test_the_reference_names_every_option(key: str) -> None:
    assert f"`{key}`" in REFERENCE.read_text(encoding="utf-8")


def test_a_namespace_that_exists_already_may_have_interfaces_that_do() -> None:
    topology = load(
        """
        name = "lab"
        [namespaces."web{1..2}"]
        external = true
        [namespaces."web{1..2}".bridges.sw]
        external = true
        subnet = "10.1.{}.0/24"
        [namespaces."web{1..2}".interfaces.eth0]
        external = true
        bridge = "sw"
        addresses = ["auto"]
        [namespaces.own]
        external = false
        """
    )
    assert [(namespace.name, namespace.external) for namespace in topology.namespaces] == [
        ("web1", True),
        ("web2", True),
        ("own", False),
    ]
    ports = [interface for namespace in topology.namespaces for interface in namespace.interfaces]
    assert [(port.name, port.addresses, port.external) for port in ports] == [
        ("eth0", (parse_cidr("10.1.1.2/24"),), True),
        ("eth0", (parse_cidr("10.1.2.2/24"),), True),
    ]


@settings(deadline=None)
@given(topologies(), st.booleans())
def test_a_model_comes_back_from_its_document(topology: Topology, short: bool) -> None:
    report = Report()
    loaded = load_topology(document(topology, short), report)
    assert not report.findings
    order = [place.name for place in topology.everywhere()]
    veths = sorted(
        (
            # A peer has the MTU that the table of the veth says, unless its own says otherwise.
            replace(veth, outer=replace(veth.outer, mtu=veth.outer.mtu or veth.inner.mtu))
            for veth in topology.veths
        ),
        key=lambda veth: order.index(veth.inner.namespace),
    )
    assert unplaced(loaded) == unplaced(replace(topology, veths=tuple(veths)))
