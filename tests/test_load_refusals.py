"""Documents that are wrong: each mistake is said once, and where it stands."""

from __future__ import annotations

import pytest
from loading import NAMED, Keys, refuse

from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_topology

VETH = '[namespaces.a.veths.eth0]\npeer = "v0"\n'
BRIDGE = "[bridges.br0]\n"
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
        (NAMED + "[namespaces.a]\nexternal = 1", "wrong-type", "namespaces a external"),
        (NAMED + "[namespaces.a.interfaces.e]\nexternal = true", "unknown-key", "namespaces a interfaces"),
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
