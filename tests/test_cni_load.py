"""A CNI configuration: what it says is what the model holds, and whatever is wrong with it is said in the right place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.addresses import parse_address, parse_cidr
from k8snet_scripts.cni.addressing import DelegatedIpam, Dns, HostLocal, IpamRoute, StaticAddress, StaticIpam
from k8snet_scripts.cni.configuration import (
    Bandwidth,
    BandwidthPlugin,
    BridgePlugin,
    Delegation,
    FirewallPlugin,
    LoopbackPlugin,
    MacvlanPlugin,
    Network,
    PortMapping,
    PortmapPlugin,
    PtpPlugin,
    RequestedIp,
    Runtime,
    TuningPlugin,
)
from k8snet_scripts.cni.load import load_delegation, load_network, read_configuration
from k8snet_scripts.cni.ranges import Address, AddressRange
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.diagnostics import Report, render_findings

Keys = tuple[str | int, ...]

SUBNET = {"type": "host-local", "subnet": "10.1.0.0/16"}
KUBENET = """{
  "name": "rkt.kubernetes.io",
  "type": "bridge",
  "bridge": "mybridge",
  "mtu": 1460,
  "addIf": "true",
  "isGateway": true,
  "ipMasq": true,
  "ipam": {
    "type": "host-local",
    "subnet": "10.1.0.0/16",
    "gateway": "10.1.0.1",
    "routes": [
      { "dst": "0.0.0.0/0" }
    ]
  }
}"""


def load(data: object, lenient: bool = False) -> Network:
    """The network of a configuration that is right."""
    report = Report()
    network = load_network(data, report, lenient=lenient)
    assert not report.findings
    return network


def refuse(data: object, lenient: bool = False) -> list[tuple[str, Keys]]:
    """The slug and path of each finding, in order."""
    report = Report()
    load_network(data, report, lenient=lenient)
    return [(finding.slug, finding.path) for finding in report.findings]


def plugin(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "type": "bridge", "ipam": SUBNET, **keys}


def host_local(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "type": "bridge", "cniVersion": "1.0.0", "ipam": {"type": "host-local", **keys}}


def chain(*plugins: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"name": "net", "cniVersion": "1.0.0", "plugins": [{"type": "bridge", "ipam": SUBNET}, *plugins], **keys}


def address(text: str) -> Address:
    return Address(*parse_address(text))


def span(subnet: str, first: str, last: str, gateway: str, path: Keys = ("ipam",)) -> AddressRange:
    return AddressRange(parse_cidr(subnet), address(first), address(last), address(gateway), path)


# Configurations that are right


def test_the_example_of_kubernetes() -> None:
    source, network, report = read_configuration("k8s.conf", KUBENET.encode())
    assert report.ok
    assert source.format == "json"
    ipam = HostLocal(
        ((span("10.1.0.0/16", "10.1.0.1", "10.1.255.254", "10.1.0.1"),),),
        (IpamRoute(parse_cidr("0.0.0.0/0"), path=("ipam", "routes", 0)),),
        path=("ipam",),
    )
    bridge = BridgePlugin(bridge="mybridge", is_gateway=True, ip_masq=True, mtu=1460, ipam=ipam)
    assert network == Network("rkt.kubernetes.io", "0.1.0", (bridge,))


def test_a_bridge_by_itself_has_the_defaults_of_the_reference() -> None:
    assert load({"name": "n", "type": "bridge"}).plugins == (BridgePlugin(bridge="cni0"),)
    assert load({"name": "n", "type": "bridge", "ipam": {}}).plugins == (BridgePlugin(path=()),)
    assert load({"name": "n", "type": "k8snet"}).plugins == (BridgePlugin("k8snet"),)


def test_every_key_of_a_bridge() -> None:
    network = load(
        plugin(
            cniVersion="1.1.0",
            bridge="br-x",
            isDefaultGateway=True,
            forceAddress=True,
            ipMasq=True,
            ipMasqBackend="nftables",
            mtu=9000,
            hairpinMode=True,
            promiscMode=False,
            vlan=0,
            vlanTrunk=[{"minID": 20, "maxID": 22}, {"id": 5}, {"id": 21}],
            preserveDefaultVlan=False,
            macspoofchk=True,
            enabledad=True,
            portIsolation=True,
            disableContainerInterface=False,
            capabilities={"mac": True, "ips": True},
            dns={
                "nameservers": ["10.1.0.1", "FD00::01"],
                "domain": "x.org",
                "search": ["y.org"],
                "options": ["ndots:5"],
            },
            ipam={},
        )
    )
    assert network.plugins == (
        BridgePlugin(
            "bridge", "br-x", True, True, True, True, "nftables", 9000, True, False, None, (5, 20, 21, 22), False,
            True, True, True, None, Dns(("10.1.0.1", "fd00::1"), "x.org", ("y.org",), ("ndots:5",)),
        ),
    )  # fmt: skip


def test_every_key_of_host_local() -> None:
    ranges = [
        [{"subnet": "10.2.0.0/24", "rangeStart": "10.2.0.9", "rangeEnd": "10.2.0.20"}, {"subnet": "10.3.0.0/30"}],
        [{"subnet": "fd00::/64", "gateway": "fd00::ff"}],
    ]
    routes = [
        {"dst": "0.0.0.0/0"},
        {"dst": "10.96.0.0/12", "gw": "10.1.0.77"},
        {"dst": "::/0", "priority": 5, "table": 7, "mtu": 0},
    ]
    network = load(
        host_local(
            subnet="10.1.0.0/16", gateway="10.1.0.9", rangeStart="", ranges=ranges, routes=routes, dataDir="/run/x",
            resolvConf="/etc/resolv.conf",
        )
    )  # fmt: skip
    bridge = network.plugins[0]
    assert isinstance(bridge, BridgePlugin)
    assert bridge.ipam == HostLocal(
        (
            (span("10.1.0.0/16", "10.1.0.1", "10.1.255.254", "10.1.0.9"),),
            (
                span("10.2.0.0/24", "10.2.0.9", "10.2.0.20", "10.2.0.1", ("ipam", "ranges", 0, 0)),
                span("10.3.0.0/30", "10.3.0.1", "10.3.0.2", "10.3.0.1", ("ipam", "ranges", 0, 1)),
            ),
            (span("fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff", "fd00::ff", ("ipam", "ranges", 1, 0)),),
        ),
        (
            IpamRoute(parse_cidr("0.0.0.0/0"), path=("ipam", "routes", 0)),
            IpamRoute(parse_cidr("10.96.0.0/12"), address("10.1.0.77"), path=("ipam", "routes", 1)),
            IpamRoute(parse_cidr("::/0"), None, 5, 7, ("ipam", "routes", 2)),
        ),
        "/run/x",
        "/etc/resolv.conf",
        ("ipam",),
    )


def test_static_addresses() -> None:
    addresses = [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "3ffe:ffff:0:01ff::1/64"}]
    ipam = {"type": "static", "addresses": addresses, "routes": [{"dst": "0.0.0.0/0"}], "dns": {"domain": "a.b"}}
    bridge = load(plugin(ipam=ipam)).plugins[0]
    assert isinstance(bridge, BridgePlugin)
    assert bridge.ipam == StaticIpam(
        (
            StaticAddress(parse_cidr("10.10.0.1/24"), address("10.10.0.254"), ("ipam", "addresses", 0)),
            StaticAddress(parse_cidr("3ffe:ffff:0:1ff::1/64"), None, ("ipam", "addresses", 1)),
        ),
        (IpamRoute(parse_cidr("0.0.0.0/0"), path=("ipam", "routes", 0)),),
        Dns(domain="a.b"),
        ("ipam",),
    )
    assert isinstance(bridge.ipam, StaticIpam) and bridge.ipam.families == {4, 6}


def test_a_list_of_plugins() -> None:
    tuning = {
        "type": "tuning", "sysctl": {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"},
        "mac": "C2:B0:57:49:47:F1", "mtu": 1454, "promisc": True, "allmulti": False, "txQLen": 10, "dataDir": "/run/t",
    }  # fmt: skip
    limits = {"ingressRate": 8000000, "ingressBurst": 80000, "egressRate": 0}
    firewall = {"type": "firewall", "backend": "iptables", "iptablesAdminChainName": "X", "ingressPolicy": "isolated"}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": False, "masqAll": True}
    network = load(
        chain(
            portmap,
            {"type": "portmap", "markMasqBit": 0, "backend": "nftables"},
            tuning,
            {"type": "bandwidth", **limits},
            {"type": "bandwidth"},
            firewall,
            {"type": "firewall", "name": "other", "cniVersion": "9"},
            {"type": "loopback"},
            disableCheck="True",
            disableGC=True,
            nerdctlID=3,
            nerdctlLabels={},
        )
    )
    assert (network.version, network.disable_check, network.disable_gc) == ("1.0.0", True, True)
    assert [type(item) for item in network.plugins[:1]] == [BridgePlugin]
    assert network.plugins[1:] == (
        PortmapPlugin(False, True, path=("plugins", 1)),
        PortmapPlugin(mark_masq_bit=0, backend="nftables", path=("plugins", 2)),
        TuningPlugin(
            (("net.core.somaxconn", "500"), ("net.ipv4.conf.IFNAME.arp_filter", "1")),
            "c2:b0:57:49:47:f1", 1454, True, False, 10, "/run/t", ("plugins", 3),
        ),
        BandwidthPlugin(Bandwidth(8000000, 80000), ("plugins", 4)),
        BandwidthPlugin(None, ("plugins", 5)),
        FirewallPlugin("iptables", "X", "isolated", ("plugins", 6)),
        FirewallPlugin("", "CNI-ADMIN", "open", ("plugins", 7)),
        LoopbackPlugin(("plugins", 8)),
    )  # fmt: skip


def test_other_plugins_that_make_an_interface() -> None:
    ptp = load(plugin(type="ptp", ipMasq=True, mtu=1450)).plugins[0]
    assert isinstance(ptp, PtpPlugin)
    assert (ptp.ip_masq, ptp.mtu, type(ptp.ipam)) == (True, 1450, HostLocal)
    macvlan = load(plugin(type="macvlan", master="eth0", mode="vepa", mac="02:00:00:00:00:0A", ipam={})).plugins
    assert macvlan == (MacvlanPlugin("eth0", "vepa", mac="02:00:00:00:00:0a"),)
    assert load({"name": "lo", "type": "loopback"}).plugins == (LoopbackPlugin(),)


def test_what_a_runtime_asks_for() -> None:
    network = load(
        plugin(
            args={"cni": {"ips": ["10.1.0.5"], "mac": "02:00:00:00:00:05", "labels": []}, "podman_labels": {"a": "b"}},
            runtimeConfig={
                "ips": ["10.1.0.70/16", "fd00::7"],
                "mac": "02:00:00:00:00:07",
                "ipRanges": [[{"subnet": "10.77.0.0/24"}]],
                "portMappings": [
                    {"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": "0.0.0.0"},
                    {"hostPort": 53, "containerPort": 53, "protocol": "udp", "hostIP": "127.0.0.1"},
                ],
                "bandwidth": {"egressRate": 1, "egressBurst": 2},
                "io.kubernetes.cri.pod-annotations": {},
            },
            prevResult={"ips": []},
            **{"cni.dev/attachments": [], "cniVersion": "1.0.0"},
        ),
        lenient=True,
    )
    at, conventional = ("runtimeConfig", "portMappings"), ("args", "cni")
    assert network.runtime == Runtime(
        (RequestedIp(address("10.1.0.5")), RequestedIp(address("10.1.0.70"), 16), RequestedIp(address("fd00::7"))),
        "02:00:00:00:00:07",
        (
            PortMapping(8080, 80, host_ip=Address(4, 0), path=(*at, 0)),
            PortMapping(53, 53, "udp", address("127.0.0.1"), (*at, 1)),
        ),
        Bandwidth(egress_rate=1, egress_burst=2),
        (
            *((*conventional, key) for key in ("ips", "mac")),
            *(("runtimeConfig", key) for key in ("ips", "mac", "bandwidth")),
        ),
    )
    bridge = network.plugins[0]
    assert isinstance(bridge, BridgePlugin)
    assert isinstance(bridge.ipam, HostLocal)
    assert [str(ranges[0].subnet) for ranges in bridge.ipam.range_sets] == ["10.77.0.0/24", "10.1.0.0/16"]
    assert load(plugin(args={"cni": {"mac": "02:00:00:00:00:05"}}, runtimeConfig={})).runtime.mac == "02:00:00:00:00:05"


@pytest.mark.parametrize("version", SPEC_VERSIONS)
def test_every_version_of_the_specification(version: str) -> None:
    assert load(plugin(cniVersion=version)).version == version


def test_the_version_that_counts() -> None:
    assert (
        load(plugin()).version
        == load(plugin(cniVersion="")).version
        == load(plugin(cniVersion=None)).version
        == "0.1.0"
    )
    assert load(chain(cniVersions=["0.4.0", "1.1.0", "2.0.0"])).version == "1.1.0"
    assert load(chain(cniVersions=["0.4.0"])).version == "1.0.0"


def test_null_is_as_good_as_nothing() -> None:
    assert load(plugin(mtu=None, isGateway=None, dns=None, what=None)) == load(plugin())


def test_a_runtime_may_say_more_and_in_any_case_of_letters() -> None:
    data = plugin(isgateway=True, MTU=1400, unknown=[1], IPAM={"Type": "Host-Local"})
    assert refuse(data)[0] == ("unknown-key", ("isgateway",))
    del data["ipam"], data["IPAM"]
    (bridge,) = load({**data, "IpAm": {"TYPE": "dhcp", "x": 1}}, lenient=True).plugins
    assert bridge == BridgePlugin(is_gateway=True, mtu=1400, ipam=DelegatedIpam("dhcp", ("IpAm",)))


def test_a_runtime_calls_the_plugins_of_a_list_one_by_one() -> None:
    data = {"name": "net", "type": "portmap", "cniVersion": "1.0.0", "prevResult": {}}
    assert load(data, lenient=True).plugins == (PortmapPlugin(),)
    assert [slug for slug, _ in refuse(data)] == ["unknown-key", "plugin-order"]


def test_addresses_that_only_look_like_multicast_ones() -> None:
    assert not refuse(host_local(subnet="e00::/64", gateway="e00::ff"))


def test_what_an_ipam_plugin_reads() -> None:
    report = Report()
    data = {
        "name": "n",
        "cniVersion": "0.4.0",
        "type": "calico",
        "x": 1,
        "ipam": SUBNET,
        "args": {"cni": {"ips": ["10.1.0.9"]}},
    }
    made = load_delegation(data, report)
    assert report.ok
    assert isinstance(made.ipam, HostLocal)
    assert made == Delegation(
        "n", "0.4.0", made.ipam, Runtime((RequestedIp(address("10.1.0.9")),), places=(("args", "cni", "ips"),))
    )
    wrongs: list[object] = [{"name": "n"}, {"name": "n", "ipam": {"type": "host-local"}}, [], {"ipam": SUBNET}]
    for wrong in wrongs:
        report = Report()
        load_delegation(wrong, report)
        assert len(report.findings) == 1


PUBLISHED = {
    "the specification": chain(
        {"type": "tuning", "capabilities": {"mac": True}, "sysctl": {"net.core.somaxconn": "500"}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
        cniVersions=["0.3.1", "1.1.0"],
        plugins=[
            plugin(
                keyA=["some more", "plugin specific", "configuration"],
                ipam={**SUBNET, "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
                dns={"nameservers": ["10.1.0.1"]},
            )
        ],
    ),
    "cri-o": plugin(cniVersion="1.0.0", isGateway=True, ipMasq=True, hairpinMode=True,
                    ipam={"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "1100:200::1/24"}],
                          "ranges": [[{"subnet": "10.85.0.0/16"}], [{"subnet": "1100:200::/24"}]]}),
    "kind": chain(plugins=[{"type": "ptp", "ipMasq": False, "mtu": 1500,
                            "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state",
                                     "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "10.244.0.0/24"}]]}},
                           {"type": "portmap", "capabilities": {"portMappings": True}}]),
    "podman": chain({"type": "portmap", "capabilities": {"portMappings": True}}, {"type": "firewall"}, {"type": "tuning"}),
    "containerd": chain({"type": "portmap", "capabilities": {"portMappings": True}, "externalSetMarkChain": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != "cri-o"])
def test_published_configurations(name: str) -> None:
    load(PUBLISHED[name])


def test_cri_o_routes_to_an_address_that_is_no_network() -> None:
    """The kernel would mask it; to iproute2 it is an error."""
    assert refuse(PUBLISHED["cri-o"]) == [("bad-address", ("ipam", "routes", 1, "dst"))]


# Configurations with one thing wrong

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


# Configurations that nobody would write

HOSTILE = [
    "$(reboot)", "`id`", "a;b", "a b", "' x", '" x', "\\", "a\nb", "\x1b[2J", "\x00", "{{ 7*7 }}", "{% x %}", "\u202e",
    "\ud800", "#", "|| x", "../../x", "--help", "*", "~", "!", "é", "{}", "{1..2}", "%s", "a/b", "..", "/", "x" * 300,
]  # fmt: skip
_WORDS = """
    name type cniVersion plugins bridge isGateway isDefaultGateway ipMasq mtu vlan vlanTrunk dns nameservers ipam subnet
    ranges rangeStart gateway routes dst gw addresses address dataDir sysctl capabilities args cni ips runtimeConfig mac
    portMappings bandwidth hostPort ingressRate backend master static host-local portmap tuning firewall macvlan ptp
    loopback cniVersions ipRanges
    """
WORDS = _WORDS.split()

FULL: dict[str, Any] = {
    "name": "net",
    "cniVersion": "1.0.0",
    "cniVersions": ["1.0.0"],
    "plugins": [
        {
            "type": "bridge",
            "bridge": "br0",
            "isGateway": True,
            "mtu": 1500,
            "vlanTrunk": [{"id": 5}],
            "ipMasqBackend": "iptables",
            "ipam": {
                "type": "host-local",
                "subnet": "10.1.0.0/16",
                "rangeStart": "10.1.0.9",
                "gateway": "10.1.0.1",
                "ranges": [[{"subnet": "fd00::/64"}]],
                "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}],
                "dataDir": "/run/x",
            },
            "dns": {"nameservers": ["10.1.0.1"], "search": ["a.b"], "domain": "a.b", "options": ["x"]},
            "args": {"cni": {"ips": ["10.1.0.5"], "mac": "02:00:00:00:00:01"}},
            "runtimeConfig": {
                "ips": ["10.1.0.5"],
                "portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp", "hostIP": "10.0.0.1"}],
            },
        },
        {"type": "tuning", "sysctl": {"net.x": "1"}, "mac": "02:00:00:00:00:01", "dataDir": "/run/t"},
        {"type": "firewall", "backend": "iptables", "iptablesAdminChainName": "X", "ingressPolicy": "open"},
        {"type": "bandwidth", "ingressRate": 8, "ingressBurst": 8},
        {"type": "portmap", "markMasqBit": 1, "capabilities": {"portMappings": True}},
    ],
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from([*HOSTILE, *WORDS, "10.1.0.0/16", "10.1.0.1", "fd00::/64", "::", "0.0.0.0/0", "1.0.0", "bridge"]),
)
structures = st.recursive(
    scalars,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8) | st.sampled_from(HOSTILE), parts, max_size=6)
    ),
    max_leaves=30,
)


def assert_presentable(report: Report) -> None:
    for finding in report.findings:
        assert finding.message.isprintable()
        assert finding.help.isprintable()
        assert len(finding.message) < 400


@settings(max_examples=100, deadline=None)
@given(structures, st.booleans())
def test_no_structure_raises(data: object, lenient: bool) -> None:
    report = Report()
    assert isinstance(load_network(data, report, lenient=lenient), Network)
    assert isinstance(load_delegation(data, report), Delegation)
    assert_presentable(report)


@settings(max_examples=200, deadline=None)
@given(structures, st.data(), st.booleans())
def test_no_value_in_any_place_raises(value: object, data: st.DataObject, lenient: bool) -> None:
    path = data.draw(st.sampled_from(list(paths(FULL))))
    report = Report()
    load_network(grafted(FULL, path, value), report, lenient=lenient)
    assert_presentable(report)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_no_bytes_raise(raw: bytes) -> None:
    source, network, report = read_configuration("net.conf", raw)
    assert report.findings
    assert network == Network("")
    assert render_findings(report, source)


@settings(max_examples=100, deadline=None)
@given(structures, st.data())
def test_every_finding_has_a_place(value: object, data: st.DataObject) -> None:
    """Whatever is grafted where, what is said about it points into the text, at a line that is there."""
    path = data.draw(st.sampled_from(list(paths(FULL))))
    text = json.dumps(grafted(FULL, path, value), indent=1)
    source, _, report = read_configuration("net.conf", text.encode(errors="replace"))
    for finding in report.findings:
        position = finding.position or source.locate(finding.path, finding.at)
        assert 1 <= position.line <= len(source.text.split("\n"))
        assert position.length > 0


def paths(data: object) -> Any:
    """The path of every value below a value."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (key,)
        yield from ((key, *path) for path in paths(value))


def grafted(data: Any, path: Keys, value: object) -> Any:
    """The configuration with another value at a path."""
    key, *rest = path
    copy = data.copy()
    copy[key] = grafted(data[key], tuple(rest), value) if rest else value
    return copy


def test_the_full_configuration_is_right() -> None:
    load(FULL)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_wherever_a_string_can_stand(text: str) -> None:
    for path in paths(FULL):
        where: Any = FULL
        for key in path:
            where = where[key]
        if isinstance(where, str):
            report = Report()
            load_network(grafted(FULL, path, text), report)
            assert not report.ok or "sysctl" in path, path
            assert_presentable(report)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_keys_are_refused(text: str) -> None:
    tables: list[Keys] = [(), ("plugins", 0), ("plugins", 0, "ipam"), ("plugins", 0, "dns"), ("plugins", 1, "sysctl")]
    for path in tables:
        where: Any = FULL
        for key in path:
            where = where[key]
        report = Report()
        load_network(grafted(FULL, path, {**where, text: "1"}) if path else {**FULL, text: "1"}, report)
        assert len(report.findings) == 1
        assert_presentable(report)
