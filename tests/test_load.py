"""The topology file: what it says is what the model holds, and whatever is wrong with it is said in the right place."""

from __future__ import annotations

import datetime
import re
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topologies import topologies

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.rules.options import BRIDGE_KEYS, PORT_KEYS
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

Keys = tuple[str | int, ...]


def load(text: str) -> Topology:
    """The topology of a text that is right."""
    report = Report()
    topology = load_topology(tomllib.loads(text), report)
    assert not report.findings
    return topology


def refuse(text: str) -> list[tuple[str, Keys]]:
    """The slug and path of each finding, in order."""
    report = Report()
    load_topology(tomllib.loads(text), report)
    return [(finding.slug, finding.path) for finding in report.findings]


def unplaced(item: Any) -> Any:
    """A model without the places it came from."""
    if isinstance(item, tuple) and not hasattr(item, "_fields"):
        return tuple(unplaced(part) for part in item)
    if not is_dataclass(item) or isinstance(item, type):
        return item
    parts = {field.name: unplaced(getattr(item, field.name)) for field in fields(item) if field.name != "path"}
    return type(item)(**parts)


# Documents that are right


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
        routes = [{ to = "default", via = "10.10.0.1", src = "10.10.0.2", table = 7, onlink = true }, { to = "10.3.0.1" }]
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
                Route(4, None, "10.10.0.1", "eth0", "10.10.0.2", table=7, onlink=True),
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


def test_a_range_says_what_its_keys_would_say_one_by_one() -> None:
    body = """
        description = "node {}"
        sysctls = { "net.ipv4.conf.e{}.rp_filter" = "{}" }
        [namespaces."NAME".bridges."b{}"]
        subnet = "10.{}.1.0/24"
        addresses = ["10.{}.1.1/24"]
        masquerade = true
        tagged = ["{}"]
        [namespaces."NAME".veths.eth0]
        peer = { namespace = "n{}", name = "x{}" }
        bridge = "b{}"
        addresses = ["auto", "fd00:{}::1/64"]
        lladdr = "02:00:00:00:00:{}"
        untagged = "{}"
        routes = [{ to = "10.{}.0.0/24", via = "10.{}.1.1" }]
        [namespaces."NAME".veths."v{}"]
        peer = "y{}"
        routes = [{ to = "default", via = "10.0.0.1" }]
    """

    def spell_out(key: str) -> str:
        return f'[namespaces."{key}"]\n' + body.replace("NAME", key)

    short = load(NAMED + spell_out("n{10..13}"))
    long = load(NAMED + "".join(spell_out(f"n{index}").replace("{}", index) for index in ("10", "11", "12", "13")))
    assert unplaced(short) == unplaced(long)
    assert short.veths[-1].path == ("namespaces", "n{10..13}", "veths", "v{}")


def test_ranges_below_a_plain_namespace_and_on_the_host() -> None:
    topology = load(
        """
        name = "t"
        [bridges."br{1..2}"]
        subnet = "10.{}.0.0/24"
        [interfaces."eth{1..2}"]
        external = true
        bridge = "br{}"
        [namespaces.a]
        [namespaces.a.veths."e{1..2}"]
        peer = "v{}"
        bridge = "br{}"
        addresses = ["auto"]
        """
    )
    assert [str(veth.inner.addresses[0]) for veth in topology.veths] == ["10.1.0.2/24", "10.2.0.2/24"]
    assert [item.port and item.port.bridge for item in topology.host.interfaces] == ["br1", "br2"]


def test_what_does_not_vary_is_shared_by_all_indices() -> None:
    topology = load(
        """
        name = "t"
        [namespaces."n{1..3}".veths.eth0]
        peer = "v{}"
        bridge = "br0"
        hairpin = true
        routes = [{ to = "default", via = "10.0.0.1" }]
        """
    )
    first, *others = topology.veths
    for veth in others:
        assert veth.inner.routes is first.inner.routes
        assert veth.outer.port is first.outer.port


REFERENCE = Path(__file__).parent.parent / "docs" / "topology.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=[re.findall('"(.*?)"', text)[0] for text in EXAMPLES])
def test_the_examples_of_the_reference_are_right(text: str) -> None:
    report = Report()
    check_topology(load_topology(tomllib.loads(text), report), report)
    assert not report.findings


@pytest.mark.parametrize("key", [*PORT_KEYS, *BRIDGE_KEYS])
def test_the_reference_names_every_option(key: str) -> None:
    assert f"`{key}`" in REFERENCE.read_text(encoding="utf-8")


# Any valid model, written as a document


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


def document(topology: Topology, short: bool) -> dict[str, object]:
    """A topology as the file would say it; with `short`, what a peer has stands in the table of the veth if it can."""
    host = place(topology.host)
    root: dict[str, Any] = {"name": topology.name, "description": topology.description, "host": host}
    for key in ("bridges", "interfaces"):
        root[key] = host.pop(key)
    root["namespaces"] = {namespace.name: place(namespace) for namespace in topology.namespaces}
    for namespace in root["namespaces"].values():
        assert not namespace.pop("interfaces")
    for veth in topology.veths:
        home = root if veth.inner.namespace == HOST else root["namespaces"][veth.inner.namespace]
        home.setdefault("veths", {})[veth.inner.name] = veth_table(veth, short)
    return root


def veth_table(veth: Veth, short: bool) -> dict[str, object]:
    inner, outer = interface(veth.inner, "master"), interface(veth.outer, "bridge")
    if short and not veth.inner.port:
        inner |= {key: outer.pop(key) for key in [*port(veth.outer.port, "bridge")]}
    peer = {"name": veth.outer.name, "namespace": veth.outer.namespace, **outer}
    plain = short and veth.outer.namespace == HOST and not outer
    return {**inner, "peer": veth.outer.name if plain else peer}


def place(namespace: Namespace) -> dict[str, Any]:
    table: dict[str, Any] = {
        "addresses": [str(address) for address in namespace.addresses],
        "routes": [route(item, None) for item in namespace.routes],
        "sysctls": dict(namespace.sysctls),
        "masquerade": [str(item.source) for item in namespace.masquerade],
        "description": namespace.description,
        "bridges": {item.name: bridge(item) for item in namespace.bridges},
        "interfaces": {item.name: {**interface(item, "bridge"), "external": True} for item in namespace.interfaces},
    }
    if namespace.forwarding is not None:
        table["forwarding"] = namespace.forwarding
    return table


def interface(item: Interface, key: str) -> dict[str, object]:
    table: dict[str, object] = port(item.port, key)
    if item.addresses:
        table["addresses"] = [str(address) for address in item.addresses]
    if item.routes:
        table["routes"] = [route(one, item.name) for one in item.routes]
    if item.description:
        table["description"] = item.description
    if item.mtu:
        table["mtu"] = item.mtu
    if item.lladdr:
        table["lladdr"] = item.lladdr.upper()
    return table


def port(item: Port | None, key: str) -> dict[str, object]:
    if item is None:
        return {}
    options = {word: int(value) if value.isdecimal() else value == "on" for word, value in item.options}
    return {key: item.bridge, **options, **membership(item.vlans)}


def membership(vlans: Vlans | None) -> dict[str, object]:
    if vlans is None:
        return {}
    return ({"untagged": vlans.untagged} if vlans.untagged else {}) | {"tagged": list(vlans.tagged)}


def bridge(item: Bridge) -> dict[str, object]:
    table = interface(item, "bridge")
    for word, value in item.options:
        if word in ("stp_state", "mcast_snooping"):
            table[word.removesuffix("_state")] = value == "1"
        else:
            table[word] = (
                int(value) / 100 if word in ("forward_delay", "hello_time", "max_age", "ageing_time") else int(value)
            )
    if item.external:
        table["external"] = True
    else:
        table |= {"vlan_filtering": item.vlan_filtering, **membership(item.vlans)}
    return table | {"subnet": [str(subnet) for subnet in item.subnets]}


def route(item: Route, home: str | None) -> dict[str, object]:
    table: dict[str, object] = {"to": str(item.to) if item.to else "default", "type": item.kind, "onlink": item.onlink}
    table["family"] = item.family
    words = {"via": item.via, "src": item.src, "metric": item.metric, "table": item.table}
    if item.dev != home:
        words["dev"] = item.dev
    return table | {key: value for key, value in words.items() if value is not None}


# Documents that are wrong

VETH = '[namespaces.a.veths.eth0]\npeer = "v0"\n'
BRIDGE = "[bridges.br0]\n"
NAMED = 'name = "t"\n'
EXTERNAL = "[interfaces.eth1]\nexternal = true\n"
RANGED = '[namespaces."n{1..300}".veths.eth0]\npeer = "v{}"\n'


@pytest.mark.parametrize(
    ("text", "slug", "path"),
    [
        ("", "missing-key", ""),
        ('name = "a b"', "bad-name", "name"),
        ("name = 1", "wrong-type", "name"),
        (NAMED + 'foo = "x"', "unknown-key", "foo"),
        (NAMED + 'description = "a\\nb"', "bad-text", "description"),
        (NAMED + 'description = "a\\u202eb"', "bad-text", "description"),
        (NAMED + f'description = "{"x" * 201}"', "bad-text", "description"),
        (NAMED + 'description = "{}"', "stray-braces", "description"),
        (NAMED + "host = 1", "wrong-type", "host"),
        (NAMED + "host = { bridges = {} }", "unknown-key", "host bridges"),
        (NAMED + "bridges = []", "wrong-type", "bridges"),
        (NAMED + "bridges = { br0 = 1 }", "wrong-type", "bridges br0"),
        (NAMED + 'bridges = { "a/b" = {} }', "bad-name", "bridges a/b"),
        (NAMED + "bridges = { abcdefghijklmnop = {} }", "name-too-long", "bridges abcdefghijklmnop"),
        (NAMED + "bridges = { dev = {} }", "reserved-name", "bridges dev"),
        (NAMED + 'bridges = { "b{}" = {} }', "stray-braces", "bridges b{}"),
        (NAMED + 'bridges = { "b{3..1}" = {} }', "bad-range", "bridges b{3..1}"),
        (NAMED + "namespaces = { host = {} }", "reserved-name", "namespaces host"),
        (NAMED + "namespaces = { a = { interfaces = {} } }", "unknown-key", "namespaces a interfaces"),
        (NAMED + "[host]\nforwarding = 1", "wrong-type", "host forwarding"),
        (NAMED + '[host]\naddresses = ["auto"]', "auto-without-subnet", "host addresses 0"),
        (NAMED + '[host]\naddresses = ["127.0.0.1/8"]', "bad-address", "host addresses 0"),
        (NAMED + '[host]\nmasquerade = ["10.0.0.1/8"]', "bad-address", "host masquerade 0"),
        (NAMED + '[host]\nsysctls = { "kernel.hostname" = "x" }', "bad-sysctl", "host sysctls kernel.hostname"),
        (NAMED + '[host]\nsysctls = { "net.//.kernel.x" = 1 }', "bad-sysctl", "host sysctls net.//.kernel.x"),
        (NAMED + '[host]\nsysctls = { "net.x" = "a;b" }', "bad-sysctl", "host sysctls net.x"),
        (NAMED + '[host]\nsysctls = { "net.x" = 1.5 }', "wrong-type", "host sysctls net.x"),
        (NAMED + "[host]\nsysctls = { net.ipv4.ip_forward = 1 }", "wrong-type", "host sysctls net"),
        (
            NAMED + '[host]\nforwarding = true\nsysctls = { "net.ipv4.ip_forward" = 0 }',
            "conflicting-keys",
            "host sysctls net.ipv4.ip_forward",
        ),
        (NAMED + BRIDGE + "mtu = 67", "bad-mtu", "bridges br0 mtu"),
        (NAMED + BRIDGE + "mtu = true", "wrong-type", "bridges br0 mtu"),
        (NAMED + BRIDGE + 'mtu = "1500"', "wrong-type", "bridges br0 mtu"),
        (NAMED + BRIDGE + 'lladdr = "03:00:00:00:00:01"', "bad-lladdr", "bridges br0 lladdr"),
        (NAMED + BRIDGE + 'lladdr = "00:00:00:00:00:00"', "bad-lladdr", "bridges br0 lladdr"),
        (NAMED + BRIDGE + 'lladdr = "02-00-00-00-00-01"', "bad-lladdr", "bridges br0 lladdr"),
        (NAMED + BRIDGE + 'subnet = "10.0.0.1/24"', "bad-address", "bridges br0 subnet"),
        (NAMED + BRIDGE + 'subnet = ["10.0.0.0/24", 1]', "wrong-type", "bridges br0 subnet 1"),
        (NAMED + BRIDGE + 'addresses = ["auto"]', "auto-without-subnet", "bridges br0 addresses 0"),
        (NAMED + BRIDGE + "masquerade = true", "missing-key", "bridges br0 masquerade"),
        (NAMED + BRIDGE + 'bridge = "br1"', "unknown-key", "bridges br0 bridge"),
        (NAMED + BRIDGE + "ageing_time = nan", "bad-option", "bridges br0 ageing_time"),
        (NAMED + BRIDGE + "ageing_time = inf", "bad-option", "bridges br0 ageing_time"),
        (NAMED + BRIDGE + "ageing_time = true", "wrong-type", "bridges br0 ageing_time"),
        (NAMED + BRIDGE + "forward_delay = 2.25", "bad-option", "bridges br0 forward_delay"),
        (NAMED + BRIDGE + "hello_time = 11", "bad-option", "bridges br0 hello_time"),
        (NAMED + BRIDGE + "group_fwd_mask = 9", "bad-option", "bridges br0 group_fwd_mask"),
        (NAMED + BRIDGE + "priority = 65536", "bad-option", "bridges br0 priority"),
        (NAMED + BRIDGE + "untagged = 4095", "bad-vlan", "bridges br0 untagged"),
        (NAMED + BRIDGE + "untagged = true", "wrong-type", "bridges br0 untagged"),
        (NAMED + BRIDGE + 'untagged = "1-2"', "bad-vlan", "bridges br0 untagged"),
        (NAMED + BRIDGE + 'tagged = ["5-3"]', "bad-vlan", "bridges br0 tagged 0"),
        (NAMED + BRIDGE + 'tagged = [5, "4-6"]', "bad-vlan", "bridges br0 tagged"),
        (NAMED + BRIDGE + "untagged = 5\ntagged = [5]", "bad-vlan", "bridges br0 tagged"),
        (NAMED + BRIDGE + "external = true\nmtu = 1500", "not-ours", "bridges br0 mtu"),
        (NAMED + BRIDGE + "external = true\nstp = false", "not-ours", "bridges br0 stp"),
        (NAMED + "[interfaces.eth1]", "missing-key", "interfaces eth1"),
        (NAMED + "[interfaces.eth1]\nexternal = false", "missing-key", "interfaces eth1"),
        (NAMED + EXTERNAL + "mtu = 1500", "not-ours", "interfaces eth1 mtu"),
        (NAMED + EXTERNAL + "hairpin = true", "port-option-without-port", "interfaces eth1 hairpin"),
        (NAMED + "[namespaces.a.veths.eth0]", "missing-key", "namespaces a veths eth0"),
        (NAMED + "[veths.eth0]\npeer = 1", "wrong-type", "veths eth0 peer"),
        (NAMED + "[veths.eth0]\npeer = {}", "missing-key", "veths eth0 peer"),
        (NAMED + '[veths.eth0]\npeer = { name = "" }', "bad-name", "veths eth0 peer name"),
        (NAMED + '[veths.eth0]\npeer = { name = "x", namespace = "" }', "bad-name", "veths eth0 peer namespace"),
        (NAMED + '[veths.eth0]\npeer = { name = "x", master = "b" }', "unknown-key", "veths eth0 peer master"),
        (NAMED + '[veths.eth0]\npeer = { name = "x", cost = 1 }', "port-option-without-port", "veths eth0 peer cost"),
        (NAMED + '[veths.eth0]\npeer = { name = "x", bridge = "b" }\nbridge = "b"', "conflicting-keys", "veths eth0 peer bridge"),
        (NAMED + '[veths.eth0]\npeer = { name = "x", bridge = "b" }\ncost = 1', "port-option-without-port", "veths eth0 cost"),
        (NAMED + '[veths.eth0]\npeer = "x"\nbridge = "b"\nmaster = "c"\ncost = 1', "conflicting-keys", "veths eth0 cost"),
        (NAMED + VETH + "cost = 1", "port-option-without-port", "namespaces a veths eth0 cost"),
        (NAMED + VETH + 'bridge = "b"\ncost = 0', "bad-option", "namespaces a veths eth0 cost"),
        (NAMED + VETH + 'bridge = "b"\nhairpin = 1', "wrong-type", "namespaces a veths eth0 hairpin"),
        (NAMED + VETH + 'bridge = "b/c"', "bad-name", "namespaces a veths eth0 bridge"),
        (NAMED + VETH + 'addresses = "10.0.0.2/24"', "wrong-type", "namespaces a veths eth0 addresses"),
        (NAMED + VETH + 'addresses = ["auto"]', "auto-without-subnet", "namespaces a veths eth0 addresses 0"),
        (NAMED + VETH + 'addresses = ["auto", "auto"]\nbridge = "b"', "bad-address", "namespaces a veths eth0 addresses 1"),
        (NAMED + RANGED + 'addresses = ["10.0.{}.1/24"]', "bad-address", "namespaces n{1..300} veths eth0 addresses 0"),
        (NAMED + RANGED + '[namespaces."n{1..300}".veths."abcdefghijklm{}"]\npeer = "w{}"', "name-too-long",
         "namespaces n{1..300} veths abcdefghijklm{}"),
        (NAMED + RANGED + '[namespaces."n{1..300}".veths."e{1..2}"]\npeer = "w"', "nested-range",
         "namespaces n{1..300} veths e{1..2}"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_once_and_where_it_stands(text: str, slug: str, path: str) -> None:
    places: list[tuple[str, Keys]] = [
        (slug, tuple(int(key) if key.isdecimal() else key for key in path.split(" ") if key))
    ]
    assert refuse(text) == places


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("10.0.0.2/24", True), ("10.0.0.0/31", True), ("10.0.0.1/32", True), ("169.254.1.1/16", True), ("fe80::1/64", True),
        ("fd00::1/128", True), ("fd00::/127", True), ("::ffff:1.2.3.4/128", True),
        ("10.0.0.0/24", False), ("10.0.0.255/24", False), ("10.0.0.2", False), ("10.0.0.2/33", False), ("10.0.0.256/24", False),
        ("0.0.0.0/0", False), ("::/0", False), ("224.0.0.1/4", False), ("ff02::1/64", False), ("255.255.255.255/32", False),
        ("127.0.0.2/8", False), ("::1/128", False), ("fd00::/64", False), ("", False), ("AUTO", False), ("{1..2}", False),
    ],
)  # fmt: skip
def test_addresses_of_interfaces(address: str, good: bool) -> None:
    found = refuse(f'name = "t"\n[bridges.br0]\naddresses = ["{address}"]')
    assert found == ([] if good else [("bad-address", ("bridges", "br0", "addresses", 0))])


@pytest.mark.parametrize(
    ("route", "slug", "key"),
    [
        ('via = "10.0.0.1"', "missing-key", ""),
        ('to = "default"', "bad-route", ""),
        ('to = "10.0.0.1/24", via = "10.0.0.1"', "bad-route", "to"),
        ('to = "everywhere", via = "10.0.0.1"', "bad-route", "to"),
        ('to = "default", via = "10.0.0.1/24"', "bad-route", "via"),
        ('to = "default", via = "0.0.0.0"', "bad-route", "via"),
        ('to = "10.1.0.0/16", via = "fd00::1"', "bad-route", "via"),
        ('to = "default", via = "10.0.0.1", src = "fd00::1"', "bad-route", "src"),
        ('to = "fd00::/64", dev = "e", family = 4', "bad-route", "family"),
        ('to = "default", dev = "e", family = 5', "bad-route", "family"),
        ('to = "default", via = "fe80::1"', "bad-route", "via"),
        ('to = "default", dev = "e", onlink = true', "bad-route", "onlink"),
        ('to = "default", via = "10.0.0.1", onlink = true', "bad-route", "onlink"),
        ('to = "default", dev = "a b"', "bad-name", "dev"),
        ('to = "default", type = "local"', "bad-route", "type"),
        ('to = "default", type = "blackhole", via = "10.0.0.1"', "conflicting-keys", "via"),
        ('to = "default", dev = "e", metric = -1', "bad-route", "metric"),
        ('to = "default", dev = "e", table = 0', "bad-route", "table"),
        ('to = "default", dev = "e", gateway = "10.0.0.1"', "unknown-key", "gateway"),
    ],
)
def test_routes_that_lead_nowhere(route: str, slug: str, key: str) -> None:
    path: Keys = ("host", "routes", 0)
    assert refuse(f'name = "t"\n[host]\nroutes = [{{ {route} }}]') == [(slug, (*path, key) if key else path)]


@pytest.mark.parametrize(
    ("route", "key"),
    [('to = "default", via = "10.0.0.1", dev = "eth1"', "dev"), ('to = "10.9.0.0/16", type = "blackhole"', "type")],
)
def test_routes_of_an_interface_leave_by_it(route: str, key: str) -> None:
    found = refuse(NAMED + VETH + f"routes = [{{ {route} }}]")
    assert found == [("bad-route", ("namespaces", "a", "veths", "eth0", "routes", 0, key))]


def test_all_errors_come_in_one_run() -> None:
    found = refuse(
        """
        nam = "t"
        [bridges."br/0"]
        mtu = 1
        [namespaces.a]
        forwarding = "yes"
        [namespaces.a.veths.eth0]
        peer = { nam = "v" }
        addresses = ["x", "y"]
        """
    )
    assert sorted(slug for slug, _ in found) == sorted(
        ["missing-key", "unknown-key", "bad-name", "bad-mtu", "wrong-type", "missing-key", "unknown-key"]
        + ["bad-address"] * 2
    )


def test_a_close_match_helps() -> None:
    report = Report()
    load_topology({"name": "t", "namespace": {}}, report)
    assert [finding.help for finding in report.findings] == ["did you mean `namespaces`?"]


# Documents that nobody would write

_WORDS = """
    name description host namespaces bridges veths interfaces addresses routes sysctls forwarding masquerade peer bridge
    master mtu lladdr external subnet stp ageing_time untagged tagged hairpin cost to via dev type metric namespace a br0
    n{1..3} e{} {} {1..2}{ net.ipv4.ip_forward
    """
KEYS = _WORDS.split()
HOSTILE = [
    "$(reboot)", "`id`", "a;b", "a b", "' x", '" x', "\\", "a\nb", "\x1b[2J", "\x00", "{{ 7*7 }}", "{% x %}", "{# x", "\u202e", "\ud800",
    "#", "|| x", "../../x", "--help", "*", "~", "!", "é", "", "{}{}", "{1..2}", "%s",
]  # fmt: skip

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.text(max_size=12),
    st.sampled_from([*HOSTILE, *KEYS, "auto", "default", "10.0.0.2/24", "10.{}.0.0/16", "fd00::1/64", "blackhole"]),
)
keys = st.sampled_from(KEYS) | st.text(max_size=8) | st.sampled_from(HOSTILE)
structures = st.recursive(
    scalars, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(keys, parts, max_size=6), max_leaves=30
)


@settings(deadline=None, max_examples=100)
@given(structures)
def test_no_structure_raises(data: object) -> None:
    report = Report()
    assert isinstance(load_topology(data, report), Topology)
    assert_presentable(report)


@settings(deadline=None, max_examples=100)
@given(structures, st.data())
def test_no_value_in_any_place_raises(value: object, data: st.DataObject) -> None:
    everything = document(data.draw(topologies(max_namespaces=1)), short=data.draw(st.booleans()))
    path = data.draw(st.sampled_from(list(paths(everything))))
    report = Report()
    load_topology(grafted(everything, path, value), report)
    assert_presentable(report)


def assert_presentable(report: Report) -> None:
    for finding in report.findings:
        assert finding.message.isprintable()
        assert finding.help.isprintable()
        assert len(finding.message) < 400


def paths(data: object) -> Any:
    """The path of every value below a value."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (key,)
        yield from ((key, *path) for path in paths(value))


def grafted(data: Any, path: Keys, value: object) -> Any:
    """The document with another value at a path."""
    key, *rest = path
    copy = data.copy()
    copy[key] = grafted(data[key], tuple(rest), value) if rest else value
    return copy


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_or_described(text: str) -> None:
    """Wherever a string can stand: printable text passes unchanged as a description, plain words as a sysctl's value."""
    base = tomllib.loads(
        """
        name = "t"
        description = "d"
        [host]
        description = "d"
        addresses = ["10.255.0.1/32"]
        routes = [{ to = "10.9.0.0/16", via = "10.1.0.9", dev = "br0", src = "10.1.0.1" }, { to = "10.8.0.0/16", type = "blackhole" }]
        sysctls = { "net.x" = "1" }
        masquerade = ["10.0.0.0/8"]
        [bridges.br0]
        description = "d"
        addresses = ["10.1.0.1/24"]
        lladdr = "02:00:00:00:00:01"
        subnet = "10.1.0.0/24"
        tagged = ["5-7"]
        [interfaces.eth1]
        external = true
        bridge = "br0"
        [namespaces.a.veths.eth0]
        master = "b"
        peer = { name = "v0", namespace = "c", bridge = "br0", untagged = "5", description = "d" }
        """
    )
    for path in paths(base):
        where = base
        for key in path:
            where = where[key]
        if not isinstance(where, str):
            continue
        report = Report()
        topology = load_topology(grafted(base, path, text), report)
        if path[-1] == "description" and text.isprintable() and "{}" not in text:
            assert report.ok
            assert repr(text) in repr(unplaced(topology))
        elif "sysctls" in path and re.fullmatch("[A-Za-z0-9 ._:/-]+", text):
            assert topology.host.sysctls == (("net.x", text),)
        else:
            assert not report.ok, path
        assert_presentable(report)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("parent", ["bridges", "veths", "interfaces", "namespaces"])
def test_hostile_keys_are_refused(text: str, parent: str) -> None:
    report = Report()
    load_topology({"name": "t", parent: {f"{text}-": {}, f"-{text}": {}}}, report)
    assert report.findings
    assert_presentable(report)
    report = Report()
    load_topology({"name": "t", text: 1, "host": {text: 1, "sysctls": {text: 1}}}, report)
    assert len(report.findings) == 3


@pytest.mark.parametrize("key", ["mtu", "ageing_time", "priority", "untagged", "lladdr", "stp"])
@pytest.mark.parametrize("value", [10**5000, -(10**5000), 2**64, -1], ids=["huge", "-huge", "2^64", "-1"])
def test_huge_numbers(key: str, value: int) -> None:
    report = Report()
    sysctls = {"sysctls": {"net.x": value * 2**64}}
    load_topology({"name": "t", "host": sysctls, "bridges": {"br0": {key: value, "tagged": [value]}}}, report)
    assert len(report.findings) == 3
    assert_presentable(report)


@pytest.mark.parametrize("data", [None, 1, "x", [], [{}], {1: 2}, {"name": {}}, {(): ()}, datetime.date(2024, 1, 1)])
def test_what_is_no_document(data: object) -> None:
    report = Report()
    load_topology(data, report)
    assert report.findings


def test_endless_nesting() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    report = Report()
    load_topology({"name": deep, "host": {"addresses": deep, "sysctls": {"net.x": deep}}, "x": deep}, report)
    assert {finding.slug for finding in report.findings} == {"wrong-type", "unknown-key"}


def test_a_large_range_is_read_once() -> None:
    """The number of objects tells: what has no `{}` exists once, whatever the number of indices."""
    text = """
        name = "t"
        [bridges.br0]
        subnet = "10.0.0.0/8"
        [namespaces."n{1..20000}".veths.eth0]
        peer = "v{}"
        bridge = "br0"
        addresses = ["auto"]
        routes = [{ to = "default", via = "10.0.0.1" }]
    """
    topology = load(text)
    assert len(topology.namespaces) == len(topology.veths) == 20_000
    assert str(topology.veths[-1].inner.addresses[0]) == "10.0.78.33/8"
    assert len({id(veth.inner.routes) for veth in topology.veths}) == 1
    assert len({id(veth.path) for veth in topology.veths}) == 1
