"""The drawings, held as pictures, and how they stay readable whatever their names and their size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.drawing.diagram import draw_diagram
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Route, Topology, Veth, Vlans


def cidrs(*texts: str) -> tuple[Cidr, ...]:
    return tuple(parse_cidr(text) for text in texts)


def end(namespace: str, name: str, *addresses: str, via: str = "", bridge: str = "") -> End:
    routes = (Route(6 if ":" in via else 4, None, via=via),) if via else ()
    return End(name, cidrs(*addresses), routes, port=Port(bridge) if bridge else None, namespace=namespace)


DOCKER = Topology(
    "docker",
    Namespace(HOST, bridges=(Bridge("br0"),)),
    (Namespace("node1"), Namespace("node2")),
    (
        Veth(end("node1", "vethA", "10.10.0.2/24"), end(HOST, "vethB", bridge="br0")),
        Veth(end("node2", "vethX", "10.10.0.3/24"), end(HOST, "vethY", bridge="br0")),
    ),
)

ROUTER = Topology(
    "router",
    Namespace(HOST, bridges=(Bridge("br1"), Bridge("br2"))),
    (Namespace("left"), Namespace("router", forwarding=True), Namespace("right")),
    (
        Veth(end("left", "eth0", "10.0.1.2/24", via="10.0.1.1"), end(HOST, "vleft", bridge="br1")),
        Veth(end("router", "eth0", "10.0.1.1/24"), end(HOST, "vr1", bridge="br1")),
        Veth(end("router", "eth1", "10.0.2.1/24"), end(HOST, "vr2", bridge="br2")),
        Veth(end("right", "eth0", "10.0.2.2/24", via="10.0.2.1"), end(HOST, "vright", bridge="br2")),
    ),
)

THREE_IN_A_ROW = Topology(
    "row",
    namespaces=(Namespace("left"), Namespace("middle", forwarding=True), Namespace("right")),
    veths=(
        Veth(end("left", "eth0", "10.0.1.1/24", via="10.0.1.2"), end("middle", "eth0", "10.0.1.2/24")),
        Veth(end("middle", "eth1", "10.0.2.1/24"), end("right", "eth0", "10.0.2.2/24", via="10.0.2.1")),
    ),
)

NODE = Topology(
    "node",
    Namespace(
        HOST,
        bridges=(Bridge("lan", cidrs("172.18.0.1/24")),),
        interfaces=(Interface("eth1", external=True, port=Port("lan")),),
    ),
    (
        Namespace(
            "node1",
            bridges=(Bridge("cni0", cidrs("10.244.1.1/24", "fd00:1::1/64")),),
            forwarding=True,
            masquerade=(Masquerade(parse_cidr("10.244.1.0/24")),),
        ),
        Namespace("pod1"),
        Namespace("pod2"),
        Namespace("lone"),
    ),
    (
        Veth(end("node1", "eth0", "172.18.0.2/24", via="172.18.0.1"), end(HOST, "vnode1", bridge="lan")),
        Veth(end("pod1", "eth0", "10.244.1.2/24", "fd00:1::2/64"), end("node1", "veth1", bridge="cni0")),
        Veth(end("pod2", "eth0", "10.244.1.3/24", "fd00:1::3/64"), end("node1", "veth2", bridge="cni0")),
    ),
)


def ranged(count: int, prefix: str = "node{}") -> Topology:
    """Namespaces on one bridge with a gateway."""
    names = [prefix.format(number) for number in range(1, count + 1)]
    addresses = [Cidr(4, (10 << 24) + 1 + number, 8) for number in range(1, count + 1)]
    default = (Route(4, None, via="10.0.0.1"),)
    return Topology(
        "ranged",
        Namespace(HOST, bridges=(Bridge("br0", cidrs("10.0.0.1/8")),)),
        tuple(Namespace(name) for name in names),
        tuple(
            Veth(End("eth0", (address,), default, namespace=name), End(f"veth{number}", port=Port("br0")))
            for number, (name, address) in enumerate(zip(names, addresses), start=1)
        ),
    )


PICTURES = {
    "docker": (
        DOCKER,
        """
┌─ host ───────────────────────────────────────────┐
│ br0                                              │
│ ═══════════╤════════════════════════╤═══════════ │
│          vethB                    vethY          │
│ ┌─ node1 ──┴──────────┐  ┌─ node2 ──┴──────────┐ │
│ │ vethA  10.10.0.2/24 │  │ vethX  10.10.0.3/24 │ │
│ └─────────────────────┘  └─────────────────────┘ │
└──────────────────────────────────────────────────┘
""",
    ),
    "router": (
        ROUTER,
        """
┌─ host ────────────────────────────────────────────────┐
│ br1                                                   │
│ ═══════════════╤═══════════════════════════╤═════════ │
│              vleft                        vr1         │
│ ┌─ left ───────┴─────────────┐  ┌─ router ─┴────────┐ │
│ │ eth0  10.0.1.2/24          │  │ eth0  10.0.1.1/24 │ │
│ │       default via 10.0.1.1 │  │ eth1  10.0.2.1/24 │ │
│ └────────────────────────────┘  │ forwarding        │ │
│                                 └─────────┬─────────┘ │
│                                          vr2          │
│ br2                                       │           │
│ ═══════════════╤══════════════════════════╧══════════ │
│              vright                                   │
│ ┌─ right ──────┴─────────────┐                        │
│ │ eth0  10.0.2.2/24          │                        │
│ │       default via 10.0.2.1 │                        │
│ └────────────────────────────┘                        │
└───────────────────────────────────────────────────────┘
""",
    ),
    "three in a row": (
        THREE_IN_A_ROW,
        """
┌─ left ─────────────────────┐     ┌─ middle ──────────┐
│ eth0  10.0.1.1/24          ├─────┤ eth0  10.0.1.2/24 │     ┌─ right ────────────────────┐
│       default via 10.0.1.2 │     │ eth1  10.0.2.1/24 ├─────┤ eth0  10.0.2.2/24          │
└────────────────────────────┘     │ forwarding        │     │       default via 10.0.2.1 │
                                   └───────────────────┘     └────────────────────────────┘
""",
    ),
    "node with pods, external port, lone namespace": (
        NODE,
        """
┌─ host ───────────────────────────────────────────────────────────┐  ┌─ lone ─┐
│ lan  172.18.0.1/24                                               │  │ lo     │
│ ══════════════════════════╤═══════════════════════════════╤═════ │  └────────┘
│                         vnode1                           eth1    │
│ ┌─ node1 ─────────────────┴────────────────────────┐  (external) │
│ │ eth0  172.18.0.2/24                              │             │
│ │       default via 172.18.0.1                     │             │
│ │ forwarding                                       │             │
│ │ masquerade 10.244.1.0/24                         │             │
│ │                                                  │             │
│ │ cni0  10.244.1.1/24                              │             │
│ │       fd00:1::1/64                               │             │
│ │ ═══════════╤════════════════════════╤═══════════ │             │
│ │          veth1                    veth2          │             │
│ │ ┌─ pod1 ───┴──────────┐  ┌─ pod2 ───┴──────────┐ │             │
│ │ │ eth0  10.244.1.2/24 │  │ eth0  10.244.1.3/24 │ │             │
│ │ │       fd00:1::2/64  │  │       fd00:1::3/64  │ │             │
│ │ └─────────────────────┘  └─────────────────────┘ │             │
│ └──────────────────────────────────────────────────┘             │
└──────────────────────────────────────────────────────────────────┘
""",
    ),
    "200 namespaces": (
        ranged(200),
        """
┌─ host ─────────────────────────────────────────────────────────────────────────────────────────┐
│ br0  10.0.0.1/8                                                                                │
│ ═══════════════╤═════════════════════════════════════╤═════════════════════════╤══════════════ │
│              veth1                            veth2 .. veth199              veth200            │
│ ┌─ node1 ──────┴─────────────┐  ┌─ node2 .. node199 ─┴───────┐  ┌─ node200 ────┴─────────────┐ │
│ │ eth0  10.0.0.2/8           │  │ eth0  10.0.0.3/8           │  │ eth0  10.0.0.201/8         │ │
│ │       default via 10.0.0.1 │  │       .. 10.0.0.200/8      │  │       default via 10.0.0.1 │ │
│ └────────────────────────────┘  │ 198 namespaces             │  └────────────────────────────┘ │
│                                 └────────────────────────────┘                                 │
└────────────────────────────────────────────────────────────────────────────────────────────────┘
""",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture(name: str) -> None:
    topology, picture = PICTURES[name]
    assert draw_diagram(topology) == picture.strip("\n").split("\n")


def test_ascii_has_the_same_layout() -> None:
    for topology, _ in PICTURES.values():
        drawn, plain = draw_diagram(topology), draw_diagram(topology, ascii=True)
        assert [len(line) for line in plain] == [len(line) for line in drawn]
        assert re.sub(r"[^\w./: ]", "", "\n".join(plain)) == re.sub(r"[^\w./: ]", "", "\n".join(drawn))
        assert all(line.isascii() for line in plain)
    assert draw_diagram(DOCKER, ascii=True)[:4] == [
        "+- host -------------------------------------------+",
        "| br0                                              |",
        "| ===========+========================+=========== |",
        "|          vethB                    vethY          |",
    ]


def test_a_bar_goes_on_at_its_left_edge() -> None:
    picture = """
┌─ host ───────────────────────────┐
│ br0  10.0.0.1/8                  │
│ ╔════════════════╤══════════════ │
│ ║              veth1             │
│ ║ ┌─ node1 ──────┴─────────────┐ │
│ ║ │ eth0  10.0.0.2/8           │ │
│ ║ │       default via 10.0.0.1 │ │
│ ║ └────────────────────────────┘ │
│ ╠════════════════╤══════════════ │
│ ║              veth2             │
│ ║ ┌─ node2 ──────┴─────────────┐ │
│ ║ │ eth0  10.0.0.3/8           │ │
│ ║ │       default via 10.0.0.1 │ │
│ ║ └────────────────────────────┘ │
│ ╚════════════════╤══════════════ │
│                veth3             │
│   ┌─ node3 ──────┴─────────────┐ │
│   │ eth0  10.0.0.4/8           │ │
│   │       default via 10.0.0.1 │ │
│   └────────────────────────────┘ │
└──────────────────────────────────┘
"""
    assert draw_diagram(ranged(3), 64) == picture.strip("\n").split("\n")


def test_what_is_too_wide_to_stand_inside_is_drawn_afterwards() -> None:
    names = [f"{letter * 60}" for letter in "abcdefghij"]
    spaces = tuple(Namespace(name, bridges=(Bridge("br", cidrs("10.0.0.1/24")),)) for name in names)
    veths = tuple(Veth(end(inner, "up"), end(outer, "down", bridge="br")) for outer, inner in pairwise(names))
    text = "\n".join(draw_diagram(Topology("deep", namespaces=spaces, veths=veths)))
    assert all(text.count(f"┌─ {name} ─") == 1 for name in names)
    assert "┌╌" in text


def test_vlans_of_a_port_stand_at_the_far_end() -> None:
    bridge = Bridge("br0", vlan_filtering=True)
    vlans = {"a": Vlans(10), "b": Vlans(20, (30, 40)), "c": Vlans(tagged=(1, 2, 3, 4, 5)), "d": Vlans()}
    veths = [Veth(end(name, "eth0"), End(f"v{name}", port=Port("br0", vlans=vlans[name]))) for name in vlans]
    text = "\n".join(
        draw_diagram(Topology("v", Namespace(HOST, bridges=(bridge,)), tuple(map(Namespace, vlans)), tuple(veths)))
    )
    for words in ("vlan 10", "vlan 20, tagged 30 40", "tagged 1 2 3 4 ..", "no vlan"):
        assert f"eth0  ({words})" in text


def test_runs_are_folded_only_when_they_are_long() -> None:
    assert ".." not in "\n".join(draw_diagram(ranged(8)))
    text = "\n".join(draw_diagram(ranged(9)))
    assert "┌─ node1 ─" in text and "┌─ node2 .. node8 ─" in text and "┌─ node9 ─" in text
    assert "7 namespaces" in text


def test_an_odd_one_out_is_not_folded_away() -> None:
    topology = ranged(100)
    namespaces = list(topology.namespaces)
    namespaces[49] = Namespace("node50", forwarding=True)
    odd = Topology("odd", topology.host, tuple(namespaces), topology.veths)
    text = "\n".join(draw_diagram(odd))
    assert "┌─ node2 .. node48 ─" in text and "┌─ node50 ─" in text and "┌─ node52 .. node99 ─" in text


LETTERS = str.maketrans("0123456789", "abcdefghij")
LARGE = 3000


def large() -> Iterator[tuple[str, Topology]]:
    """Networks of thousands of namespaces, in every way of being large."""
    spaces = tuple(Namespace(f"n{number}") for number in range(LARGE))
    names = [space.name for space in spaces]
    yield "alike", ranged(LARGE)
    yield "lone", Topology("lone", namespaces=spaces)
    hub = tuple(Veth(end(HOST, f"v{name}"), end(name, "eth0")) for name in names)
    yield "hub", Topology("hub", namespaces=spaces, veths=hub)
    row = tuple(Veth(end(left, "right"), end(right, "left")) for left, right in pairwise(names))
    yield "row", Topology("row", namespaces=spaces, veths=row)
    pairs = tuple(Veth(end(left, "eth0"), end(right, "eth0")) for left, right in zip(names[::2], names[1::2]))
    yield "pairs", Topology("pairs", namespaces=spaces, veths=pairs)
    yield "bridges", Topology("bridges", Namespace(HOST, bridges=tuple(Bridge(name) for name in names)))
    switches = tuple(Namespace(name, bridges=(Bridge("br"),)) for name in names)
    below = tuple(Veth(end(right, "up"), end(left, "down", bridge="br")) for left, right in pairwise(names))
    yield "nested", Topology("nested", namespaces=switches, veths=below)
    unlike = [name.translate(LETTERS) for name in names]
    veths = tuple(Veth(end(name, "eth0"), end(HOST, f"v{name}", bridge="br0")) for name in unlike)
    yield "unlike", Topology("unlike", DOCKER.host, tuple(map(Namespace, unlike)), veths)
    address = tuple(Cidr(4, number, 32) for number in range(LARGE))
    routes = tuple(Route(4, Cidr(4, number, 32), via="10.0.0.1") for number in range(LARGE))
    yield "addresses", Topology("addresses", Namespace(HOST, address, routes, (Bridge("br", address, routes),)))


@pytest.mark.parametrize("name", ["alike", "lone", "hub", "row", "pairs", "bridges", "nested", "unlike", "addresses"])
def test_large_networks_stay_readable(name: str) -> None:
    topology = next(topology for kind, topology in large() if kind == name)
    lines = draw_diagram(topology)
    assert len(lines) <= 401
    text = "\n".join(lines)
    for space in topology.namespaces[:1] + topology.namespaces[-1:]:
        assert re.search(rf"\b{space.name}\b", text)
