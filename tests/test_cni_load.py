"""A CNI configuration that is right: what it says is what the model holds."""

from __future__ import annotations

import pytest
from cni_loading import KUBENET, SUBNET, address, chain, host_local, load, plugin, refuse, span

from k8snet_scripts.addresses import parse_cidr
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
from k8snet_scripts.cni.load import load_delegation, read_configuration
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.diagnostics import Report


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
    assert network.version == "1.0.0"
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
