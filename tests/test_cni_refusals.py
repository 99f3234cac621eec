"""A CNI configuration with something wrong: what it is, and where, is said."""

from __future__ import annotations

from typing import Any

import pytest
from cni_loading import SUBNET, Keys, chain, host_local, plugin, refuse

from k8snet_scripts.cni.load import read_configuration
from k8snet_scripts.diagnostics import render_findings

ROUTE: Keys = ("ipam", "routes", 0)
RANGE: Keys = ("ipam", "ranges", 0, 0)
SETS = [[{"subnet": "10.1.0.0/24"}], [{"subnet": "10.2.0.0/24"}]]


WRONG: list[tuple[dict[str, Any], str, Keys]] = [
    ({"type": "bridge"}, "missing-key", ()),
    ({"name": "n"}, "missing-key", ()),
    (plugin(name="a b"), "bad-name", ("name",)),
    (plugin(name="-a"), "bad-name", ("name",)),
    (plugin(name="a/b"), "bad-name", ("name",)),
    (plugin(name="a" * 256), "bad-name", ("name",)),
    (plugin(name=5), "wrong-type", ("name",)),
    (plugin(cniVersion="9.9.9"), "bad-cni-version", ("cniVersion",)),
    (plugin(cniVersion=1), "wrong-type", ("cniVersion",)),
    (plugin(cniVersions=["x"]), "bad-cni-version", ("cniVersions", 0)),
    (plugin(type="brigde"), "unknown-plugin", ("type",)),
    (plugin(type="calico", log_level="info"), "unknown-plugin", ("type",)),
    (plugin(type="vlan", vlanId=5), "unsupported-plugin", ("type",)),
    (plugin(type="host-local"), "unsupported-plugin", ("type",)),
    (plugin(type=None), "missing-key", ()),
    (plugin(isGatway=True), "unknown-key", ("isGatway",)),
    (plugin(prevResult={}), "unknown-key", ("prevResult",)),
    (plugin(bridge="abcdefghijklmnopq"), "name-too-long", ("bridge",)),
    (plugin(bridge="a/b"), "bad-name", ("bridge",)),
    (plugin(bridge=""), "bad-name", ("bridge",)),
    (plugin(bridge="lo"), "reserved-name", ("bridge",)),
    (plugin(mtu="1460"), "wrong-type", ("mtu",)),
    (plugin(mtu=1460.0), "wrong-type", ("mtu",)),
    (plugin(mtu=True), "wrong-type", ("mtu",)),
    (plugin(mtu=-1), "bad-mtu", ("mtu",)),
    (plugin(mtu=67), "bad-mtu", ("mtu",)),
    (plugin(isGateway="true"), "wrong-type", ("isGateway",)),
    (plugin(hairpinMode=True, promiscMode=True), "conflicting-keys", ("promiscMode",)),
    (plugin(vlan=5, vlanTrunk=[{"id": 6}]), "conflicting-keys", ("vlanTrunk",)),
    (plugin(vlan=4095), "bad-vlan", ("vlan",)),
    (plugin(vlanTrunk=[{"minID": 6, "maxID": 5}]), "bad-vlan", ("vlanTrunk", 0, "maxID")),
    (plugin(vlanTrunk=[{"minID": 6}]), "missing-key", ("vlanTrunk", 0)),
    (plugin(vlanTrunk=[5]), "wrong-type", ("vlanTrunk", 0)),
    (plugin(vlanTrunk=[{"vid": 5}]), "unknown-key", ("vlanTrunk", 0, "vid")),
    (plugin(disableContainerInterface=True), "unsupported-option", ("disableContainerInterface",)),
    (plugin(ipMasqBackend="ipvs"), "bad-plugin-option", ("ipMasqBackend",)),
    (plugin(capabilities={"ips": "yes"}), "wrong-type", ("capabilities", "ips")),
    (plugin(dns={"nameservers": ["x"]}), "bad-address", ("dns", "nameservers", 0)),
    (plugin(dns={"nameservers": "10.1.0.1"}), "wrong-type", ("dns", "nameservers")),
    (plugin(dns={"search": ["a b"]}), "bad-dns", ("dns", "search", 0)),
    (plugin(dns={"servers": []}), "unknown-key", ("dns", "servers")),
    (plugin(ipam=[]), "wrong-type", ("ipam",)),
    (plugin(ipam={"subnet": "10.1.0.0/16"}), "missing-key", ("ipam",)),
    (plugin(ipam={"type": "dhcp"}), "unsupported-plugin", ("ipam", "type")),
    (plugin(ipam={"type": "hostlocal"}), "unknown-plugin", ("ipam", "type")),
    (plugin(ipam={"type": 1}), "wrong-type", ("ipam", "type")),
    (host_local(), "missing-key", ("ipam",)),
    (host_local(ranges=[]), "missing-key", ("ipam",)),
    (host_local(gateway="10.1.0.1", ranges=SETS), "missing-key", ("ipam",)),
    (host_local(subnet="10.1.0.0"), "bad-address", ("ipam", "subnet")),
    (host_local(subnet="10.1.0.5/16"), "bad-address", ("ipam", "subnet")),
    (host_local(subnet="224.0.0.0/16"), "bad-address", ("ipam", "subnet")),
    (host_local(subnet="ff02::/64"), "bad-address", ("ipam", "subnet")),
    (host_local(subnet="::ffff:10.1.0.0/112"), "bad-address", ("ipam", "subnet")),
    (host_local(subnet="10.1.0.0/31"), "bad-ip-range", ("ipam", "subnet")),
    (host_local(subnet="fd00::/127"), "bad-ip-range", ("ipam", "subnet")),
    (host_local(subnet="10.1.0.0/16", rangeStart="10.2.0.1"), "bad-ip-range", ("ipam", "rangeStart")),
    (host_local(subnet="10.1.0.0/16", rangeEnd="fd00::1"), "bad-ip-range", ("ipam", "rangeEnd")),
    (
        host_local(subnet="10.1.0.0/16", rangeStart="10.1.0.9", rangeEnd="10.1.0.8"),
        "bad-ip-range",
        ("ipam", "rangeEnd"),
    ),
    (host_local(subnet="10.1.0.0/29", rangeStart="10.1.0.7"), "bad-ip-range", ("ipam", "rangeStart")),
    (host_local(subnet="10.1.0.0/16", gateway="x"), "bad-address", ("ipam", "gateway")),
    (host_local(subnet="10.1.0.0/16", gateway="0.0.0.0"), "bad-address", ("ipam", "gateway")),
    (host_local(subnet="10.1.0.0/16", gateway="::ffff:10.1.0.1"), "bad-address", ("ipam", "gateway")),
    (host_local(subnet="10.1.0.0/16", gateway="fd00::1"), "bad-address", ("ipam", "gateway")),
    (host_local(subnet="10.1.0.0/16", dataDir="run/x"), "bad-path", ("ipam", "dataDir")),
    (host_local(subnet="10.1.0.0/16", dataDir="/run/../etc"), "bad-path", ("ipam", "dataDir")),
    (host_local(subnet="10.1.0.0/16", resolvConf="/etc/$(x)"), "bad-path", ("ipam", "resolvConf")),
    (host_local(ranges={}), "wrong-type", ("ipam", "ranges")),
    (host_local(ranges=[{"subnet": "10.1.0.0/16"}]), "wrong-type", ("ipam", "ranges", 0)),
    (host_local(ranges=[[]]), "bad-ip-range", ("ipam", "ranges", 0)),
    (host_local(ranges=[["10.1.0.0/16"]]), "wrong-type", RANGE),
    (host_local(ranges=[[{}]]), "missing-key", RANGE),
    (host_local(ranges=[[{"subnet": "10.1.0.0/16", "start": "x"}]]), "unknown-key", (*RANGE, "start")),
    (host_local(ranges=[[SETS[0][0], {"subnet": "fd00::/64"}]]), "bad-ip-range", (*RANGE[:3], 1, "subnet")),
    (host_local(ranges=[SETS[0], SETS[0]]), "bad-ip-range", ("ipam", "ranges", 1, 0, "subnet")),
    (host_local(subnet="10.1.0.0/16", ranges=SETS[:1]), "bad-ip-range", (*RANGE, "subnet")),
    ({**host_local(ranges=SETS), "cniVersion": "0.2.0"}, "bad-cni-version", ("ipam",)),
    (host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0"}]), "bad-address", (*ROUTE, "dst")),
    (host_local(subnet="10.1.0.0/16", routes=[{}]), "missing-key", ROUTE),
    (host_local(subnet="10.1.0.0/16", routes=[{"dst": "::/0", "gw": "10.1.0.1"}]), "bad-route", (*ROUTE, "gw")),
    (host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0/0", "via": "x"}]), "unknown-key", (*ROUTE, "via")),
    (
        host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0/0", "mtu": 9}]),
        "unsupported-option",
        (*ROUTE, "mtu"),
    ),
    (
        host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0/0", "gw": "172.31.0.1"}]),
        "next-hop-unreachable",
        (*ROUTE, "gw"),
    ),
    (
        host_local(subnet="10.1.0.0/16", gateway="10.9.0.1", routes=[{"dst": "0.0.0.0/0"}]),
        "next-hop-unreachable",
        ("ipam", "gateway"),
    ),
    (
        host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0/0"}, {"dst": "0.0.0.0/0", "gw": "10.1.0.5"}]),
        "duplicate-route",
        ("ipam", "routes", 1, "dst"),
    ),
    (
        {**host_local(subnet="10.1.0.0/16", routes=[{"dst": "0.0.0.0/0"}]), "isDefaultGateway": True},
        "duplicate-route",
        (*ROUTE, "dst"),
    ),
    (plugin(ipam={"type": "static"}), "missing-key", ("ipam",)),
    (plugin(ipam={"type": "static", "addresses": [{}]}), "missing-key", ("ipam", "addresses", 0)),
    (
        plugin(ipam={"type": "static", "addresses": [{"address": "10.1.0.5"}]}),
        "bad-address",
        ("ipam", "addresses", 0, "address"),
    ),
    (
        plugin(ipam={"type": "static", "addresses": [{"address": "10.1.0.5/16", "gateway": "fd00::1"}]}),
        "bad-address",
        ("ipam", "addresses", 0, "gateway"),
    ),
    (
        plugin(ipam={"type": "static", "addresses": [{"address": "10.1.0.5/16"}, {"address": "10.1.0.6/16"}]}),
        "bad-cni-version",
        ("ipam",),
    ),
    (
        plugin(
            ipam={
                "type": "static",
                "addresses": [{"address": "10.1.0.5/16", "gateway": "10.2.0.1"}],
                "routes": [{"dst": "0.0.0.0/0"}],
            }
        ),
        "next-hop-unreachable",
        ("ipam", "addresses", 0, "gateway"),
    ),
    (plugin(type="ptp", ipam={}), "missing-key", ()),
    (plugin(type="ptp", ipam=None), "missing-key", ()),
    (plugin(type="ptp", isGateway=True), "unknown-key", ("isGateway",)),
    (plugin(type="macvlan"), "missing-key", ()),
    (plugin(type="macvlan", master="e", mode="x"), "bad-plugin-option", ("mode",)),
    (plugin(type="macvlan", master="e", mac="01:00:00:00:00:00"), "bad-lladdr", ("mac",)),
    (plugin(type="macvlan", master="e", linkInContainer=True), "unsupported-option", ("linkInContainer",)),
    (chain(plugins=[]), "missing-key", ("plugins",)),
    (chain(plugins={}), "wrong-type", ("plugins",)),
    (chain(plugins=["bridge"]), "wrong-type", ("plugins", 0)),
    (chain({"ipam": SUBNET}), "missing-key", ("plugins", 1)),
    (chain({"type": "bridge"}), "plugin-order", ("plugins", 1, "type")),
    (chain(plugins=[{"type": "portmap"}]), "plugin-order", ("plugins", 0, "type")),
    ({"name": "n", "type": "tuning"}, "plugin-order", ("type",)),
    (chain(type="bridge"), "unknown-key", ("type",)),
    (chain(disableCheck=1), "wrong-type", ("disableCheck",)),
    (chain({"type": "firewall"}, cniVersion="0.3.1"), "bad-cni-version", ("plugins", 1, "type")),
    (chain({"type": "bandwidth"}, cniVersion="0.2.0"), "bad-cni-version", ("plugins", 1, "type")),
    (chain({"type": "bandwidth", "ingressRate": 5}), "missing-key", ("plugins", 1)),
    (chain({"type": "bandwidth", "egressBurst": 5}), "missing-key", ("plugins", 1)),
    (
        chain({"type": "bandwidth", "egressBurst": 2**40, "egressRate": 1}),
        "bad-plugin-option",
        ("plugins", 1, "egressBurst"),
    ),
    (chain({"type": "bandwidth", "shapedSubnets": ["x"]}), "unsupported-option", ("plugins", 1, "shapedSubnets")),
    (chain({"type": "firewall", "backend": "firewalld"}), "unsupported-option", ("plugins", 1, "backend")),
    (
        chain({"type": "firewall", "iptablesAdminChainName": "a b"}),
        "bad-name",
        ("plugins", 1, "iptablesAdminChainName"),
    ),
    (chain({"type": "portmap", "conditionsV4": ["-j", "X"]}), "unsupported-option", ("plugins", 1, "conditionsV4", 0)),
    (chain({"type": "portmap", "conditionsV4": ["!", "-d"]}), "bad-plugin-option", ("plugins", 1, "conditionsV4", 0)),
    (chain({"type": "portmap", "conditionsV4": ["!"]}), "unsupported-option", ("plugins", 1, "conditionsV4", 0)),
    (chain({"type": "portmap", "conditionsV4": [7]}), "unsupported-option", ("plugins", 1, "conditionsV4", 0)),
    (chain({"type": "portmap", "conditionsV6": ["-s", 7]}), "wrong-type", ("plugins", 1, "conditionsV6", 1)),
    (
        chain({"type": "portmap", "conditionsV6": ["-s", "10.0.0.0/8"]}),
        "bad-plugin-option",
        ("plugins", 1, "conditionsV6", 1),
    ),
    (
        chain({"type": "portmap", "conditionsV4": ["-s", "10.0.0.1/8"]}),
        "bad-address",
        ("plugins", 1, "conditionsV4", 1),
    ),
    (chain({"type": "portmap", "externalSetMarkChain": "-x"}), "bad-name", ("plugins", 1, "externalSetMarkChain")),
    (chain({"type": "portmap", "markMasqBit": 32}), "bad-plugin-option", ("plugins", 1, "markMasqBit")),
    (chain({"type": "tuning", "sysctl": {"kernel.x": "1"}}), "bad-sysctl", ("plugins", 1, "sysctl", "kernel.x")),
    (chain({"type": "tuning", "sysctl": {"net.x": 1}}), "wrong-type", ("plugins", 1, "sysctl", "net.x")),
    (chain({"type": "tuning", "sysctl": {"net.x": "$(x)"}}), "bad-sysctl", ("plugins", 1, "sysctl", "net.x")),
    (plugin(args={"cni": {"ips": ["x"]}}), "bad-address", ("args", "cni", "ips", 0)),
    (plugin(runtimeConfig=[]), "wrong-type", ("runtimeConfig",)),
    (plugin(runtimeConfig={"ip": 1}), "unknown-key", ("runtimeConfig", "ip")),
    (plugin(runtimeConfig={"mac": "x"}), "bad-lladdr", ("runtimeConfig", "mac")),
    (
        plugin(runtimeConfig={"portMappings": [{"hostPort": 1}]}),
        "missing-key",
        ("runtimeConfig", "portMappings", 0),
    ),
    (
        plugin(runtimeConfig={"portMappings": [{"hostPort": 0, "containerPort": 1}]}),
        "bad-plugin-option",
        ("runtimeConfig", "portMappings", 0, "hostPort"),
    ),
    (
        plugin(runtimeConfig={"portMappings": [{"hostPort": 1, "containerPort": 1, "protocol": "icmp"}]}),
        "bad-plugin-option",
        ("runtimeConfig", "portMappings", 0, "protocol"),
    ),
]


@pytest.mark.parametrize(
    ("data", "slug", "path"), WRONG, ids=[f"{number}-{case[1]}" for number, case in enumerate(WRONG)]
)
def test_one_thing_wrong(data: dict[str, Any], slug: str, path: Keys) -> None:
    assert refuse(data) == [(slug, path)]


def test_all_that_is_wrong_comes_in_one_run() -> None:
    found = refuse(
        {
            "nam": "x",
            "type": "bridge",
            "mtu": "big",
            "isGateway": 1,
            "ipam": {"type": "host-local", "subnet": "10.1.0.0", "ranges": [[{}]], "routes": [{"gw": "x"}]},
        }
    )
    assert sorted(slug for slug, _ in found) == sorted(
        ["missing-key", "unknown-key", "wrong-type", "wrong-type", "bad-address", "missing-key", "missing-key"]
        + ["bad-address"]
    )


@pytest.mark.parametrize(
    ("text", "slug", "line", "column"),
    [
        ("", "syntax", 1, 1),
        ("nonsense", "syntax", 1, 1),
        ("[]", "syntax", 1, 1),
        ("null", "syntax", 1, 1),
        ('{"name": "n",\n "type": "bridge", "mtu": 1,\n "mtu": 2}', "syntax", 3, 2),
        ('{"name": "n", "type": "bridge",}', "syntax", 1, 31),
        ('{"name": "n", "type": "bridge", "mtu": 1e999}', "limits", 1, 40),
        ('{"name": "n", "type": "bridge", "x": ' + "[" * 70 + "]" * 70 + "}", "limits", 1, 101),
        ("{}", "missing-key", 1, 1),
        ('{"name": "n",\n "type": "bridge",\n\t"bridge": "a b"}', "bad-name", 3, 12),
        ('{"name": "n", "plugins": [{"type": "bridge"},\n {"type": "vlan"}]}', "unsupported-plugin", 2, 11),
    ],
)
def test_where_it_is_wrong(text: str, slug: str, line: int, column: int) -> None:
    source, _, report = read_configuration("net.conflist", text.encode())
    first = render_findings(report, source).splitlines()[0]
    assert first.startswith(f"net.conflist:{line}:{column}: error: ")
    assert first.endswith(f"[{slug}]")


def test_what_is_not_utf_8_is_said() -> None:
    _, _, report = read_configuration("net.conf", b'{"name": "\xff"}')
    assert [finding.slug for finding in report.findings] == ["not-utf8"]


def test_endless_ranges_are_compared_in_a_moment() -> None:
    ranges = [[{"subnet": f"10.{high}.{low}.0/24"}] for high in range(40) for low in range(250)]
    assert refuse(host_local(ranges=ranges)) == []
    assert len(refuse(host_local(ranges=[*ranges, ranges[0]]))) == 1
