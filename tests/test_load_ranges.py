"""Ranges in keys: they say what many tables would say, and cost less."""

from __future__ import annotations

from loading import NAMED, load, unplaced


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
