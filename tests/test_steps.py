"""Each part of the model: the facts that are wanted, and the literal commands that make them true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8snet_scripts import filters, steps
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.records import Record
from k8snet_scripts.steps import Sign, Step
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Port, Route, Vlans


def row(step: Step) -> str:
    return f"{' '.join(step.argv)} #{step.sign} {step.owner}: {step.words}"


def test_a_namespace() -> None:
    assert row(steps.make_namespace("n1")) == "ip netns add n1 #+ n1: namespace"


def test_a_plain_bridge() -> None:
    assert [row(step) for step in steps.make_bridge(HOST, Bridge("br0"), "7")] == [
        "ip link add name br0 group 7 type bridge #+ host br0: bridge"
    ]


def test_each_option_of_a_bridge_can_be_mended_by_itself() -> None:
    options = (("stp_state", "1"), ("group_fwd_mask", "16384"))
    bridge = Bridge("br0", lladdr="02:00:00:00:00:01", options=options, vlan_filtering=True)
    make = "address 02:00:00:00:00:01 group 7 type bridge stp_state 1 group_fwd_mask 16384"
    change = "ip -n n1 link set dev br0 type bridge"
    assert [row(step) for step in steps.make_bridge("n1", bridge, "7")] == [
        f"ip -n n1 link add name br0 {make} vlan_filtering 1 vlan_default_pvid 0 #+ n1 br0: bridge",
        "ip -n n1 link set dev br0 address 02:00:00:00:00:01 #= n1 br0: address 02:00:00:00:00:01",
        f"{change} stp_state 1 #= n1 br0: stp_state 1",
        f"{change} group_fwd_mask 16384 #= n1 br0: group_fwd_mask 0x4000",
        f"{change} vlan_filtering 1 #= n1 br0: vlan_filtering 1",
        f"{change} vlan_default_pvid 0 #= n1 br0: vlan_default_pvid 0",
    ]


def test_a_mask_of_nothing_is_shown_without_a_prefix() -> None:
    *_, mend = steps.make_bridge(HOST, Bridge("br0", options=(("group_fwd_mask", "0"),)), "7")
    assert mend.words == "group_fwd_mask 0"


def test_a_bridge_of_others_is_only_looked_at() -> None:
    assert [row(step) for step in steps.make_bridge(HOST, Bridge("br0", external=True, lladdr="x"), "7")] == [
        "ip link show dev br0 type bridge #? host br0: bridge"
    ]


def test_an_interface_of_others_is_only_looked_at() -> None:
    interface = Interface("eth1", (parse_cidr("10.0.0.2/24"),))
    exists = "ip link show dev eth1 #? host eth1: exists"
    assert [row(step) for step in steps.need_interface(HOST, interface)] == [exists]
    address = "ip address show dev eth1 to 10.0.0.2 #? host eth1: inet 10.0.0.2/24"
    assert [row(step) for step in steps.need_interface(HOST, replace(interface, configured=True))] == [exists, address]


def test_the_mtu_of_a_bridge_is_set_afterwards() -> None:
    assert list(steps.bridge_mtu(HOST, Bridge("br0"))) == []
    assert [row(step) for step in steps.bridge_mtu(HOST, Bridge("br0", mtu=9000))] == [
        "ip link set dev br0 mtu 9000 #  host br0: mtu 9000"
    ]


def test_a_veth_from_the_host_into_a_namespace() -> None:
    maker = End("veth1", mtu=1400, lladdr="02:00:00:00:00:01", port=Port("br0"))
    peer = End("eth0", mtu=1300, lladdr="02:00:00:00:00:02", namespace="n1")
    own = "up mtu 1400 address 02:00:00:00:00:01 master br0 group 7"
    others = "mtu 1300 address 02:00:00:00:00:02 group 7 netns n1"
    assert [row(step) for step in steps.make_veth(maker, peer, "7")] == [
        f"ip link add name veth1 {own} type veth peer name eth0 {others} #+ host veth1: veth, peer n1 eth0",
        "ip link set dev veth1 master br0 #= host veth1: master br0",
        "ip link set dev veth1 mtu 1400 #= host veth1: mtu 1400",
        "ip link set dev veth1 address 02:00:00:00:00:01 #= host veth1: address 02:00:00:00:00:01",
        "ip link set dev veth1 up #= host veth1: up",
        "ip -n n1 link set dev eth0 mtu 1300 #= n1 eth0: mtu 1300",
        "ip -n n1 link set dev eth0 address 02:00:00:00:00:02 #= n1 eth0: address 02:00:00:00:00:02",
    ]


@pytest.mark.parametrize(("there", "netns"), [("n1", ""), ("n2", " netns n2")])
def test_a_veth_made_inside_a_namespace(there: str, netns: str) -> None:
    make, up = steps.make_veth(End("a", namespace="n1"), End("b", namespace=there), "7")
    command = f"ip -n n1 link add name a up group 7 type veth peer name b group 7{netns}"
    assert row(make) == f"{command} #+ n1 a: veth, peer {there} b"
    assert row(up) == "ip -n n1 link set dev a up #= n1 a: up"


def test_addresses() -> None:
    addresses = [parse_cidr("10.0.0.1/24"), parse_cidr("fd00:0::1/64")]
    assert [row(steps.add_address("n1", "eth0", address)) for address in addresses] == [
        "ip -n n1 address add 10.0.0.1/24 dev eth0 #  n1 eth0: inet 10.0.0.1/24",
        "ip -n n1 address add fd00::1/64 dev eth0 #  n1 eth0: inet6 fd00::1/64",
    ]


def test_a_broadcast_address_is_one_of_ipv4() -> None:
    addresses = [parse_cidr("10.0.0.1/24"), parse_cidr("fd00::1/64")]
    assert [row(steps.add_address(HOST, "br0", address, broadcast=True)) for address in addresses] == [
        "ip address add 10.0.0.1/24 brd + dev br0 #  host br0: inet 10.0.0.1/24",
        "ip address add fd00::1/64 dev br0 #  host br0: inet6 fd00::1/64",
    ]


def test_a_bridge_that_listens_to_all() -> None:
    assert list(steps.listen(HOST, Bridge("br0"))) == []
    assert [row(step) for step in steps.listen("n1", Bridge("br0", promisc=True))] == [
        "ip -n n1 link set dev br0 promisc on #  n1 br0: promisc on"
    ]


def test_a_directory_of_records() -> None:
    assert row(steps.make_directory("/var/lib/cni")) == "mkdir /var/lib/cni #  host: directory /var/lib/cni"


def test_a_record_is_never_written_over() -> None:
    step = steps.make_record(Record("/d/10.1.0.2", ("nginx", "eth0")))
    assert step.argv == ("bash", "-c", r'set -o noclobber; printf "nginx\r\neth0" >/d/10.1.0.2')
    assert (step.sign, step.owner, step.words) == (Sign.WANT, HOST, "file /d/10.1.0.2 nginx eth0")


def test_a_record_that_may_say_something_else_has_to_be_there() -> None:
    step = steps.make_record(Record("/d/last_reserved_ip.0", ("10.1.0.4",), initial=True))
    assert step.argv == ("bash", "-c", 'printf "10.1.0.4" >/d/last_reserved_ip.0')
    assert step.words == "file /d/last_reserved_ip.0"


def test_an_empty_record() -> None:
    step = steps.make_record(Record("/d/lock", mode=0o750, initial=True))
    assert row(step) == "install --mode=750 /dev/null /d/lock #  host: file /d/lock"


@pytest.mark.parametrize(
    ("route", "dev", "command", "fact"),
    [
        (Route(4, None, "10.0.0.1"), "e0", "default via 10.0.0.1 dev e0", "inet route default via 10.0.0.1 dev e0"),
        (Route(6, None, "fd00::1"), "e0", "default via fd00::1 dev e0", "inet6 route default via fd00::1 dev e0 metric 1024"),
        (Route(6, None), "e0", "::/0 dev e0", "inet6 route default dev e0 metric 1024"),
        (Route(6, None, kind="blackhole"), None, "blackhole ::/0", "inet6 route blackhole default metric 1024"),
        (Route(4, parse_cidr("0.0.0.0/0"), table=254), "e0", "default dev e0", "inet route default dev e0"),
        (Route(6, None, "fd00::1", metric=0), "e0", "default via fd00::1 dev e0 metric 0", "inet6 route default via fd00::1 dev e0 metric 1024"),
        (Route(4, None, kind="prohibit"), None, "prohibit default", "inet route prohibit default"),
        (Route(4, parse_cidr("10.1.0.0/16"), metric=7), "e0", "10.1.0.0/16 dev e0 metric 7", "inet route 10.1.0.0/16 dev e0 metric 7"),
        (Route(4, parse_cidr("10.1.0.9/32"), metric=0), "e0", "10.1.0.9 dev e0 metric 0", "inet route 10.1.0.9 dev e0"),
        (Route(6, parse_cidr("fd01::9/128"), metric=5), "e0", "fd01::9 dev e0 metric 5", "inet6 route fd01::9 dev e0 metric 5"),
        (
            Route(4, parse_cidr("10.1.0.0/16"), "10.0.0.1", src="10.0.0.2", table=100, onlink=True),
            "e0",
            "10.1.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.2 table 100 onlink",
            "inet route 10.1.0.0/16 via 10.0.0.1 dev e0 src 10.0.0.2 table 100 onlink",
        ),
    ],
)  # fmt: skip
def test_routes(route: Route, dev: str | None, command: str, fact: str) -> None:
    assert row(steps.add_route("n1", route, dev)) == f"ip -n n1 route add {command} #  n1: {fact}"


def test_a_port() -> None:
    port = Port("br0", options=(("hairpin", "on"), ("learning", "off"), ("cost", "4")))
    assert row(steps.join_bridge("n1", End("e0"), port)) == "ip -n n1 link set dev e0 master br0 #  n1 e0: master br0"
    change = "ip link set dev e0 type bridge_slave"
    assert [row(step) for step in steps.port_options(HOST, "e0", port)] == [
        f"{change} hairpin on #  host e0 port of br0: hairpin true",
        f"{change} learning off #  host e0 port of br0: learning false",
        f"{change} cost 4 #  host e0 port of br0: cost 4",
    ]


def test_vlans_of_a_port_and_of_the_bridge_itself() -> None:
    port = steps.vlan_memberships("n1", "e0", "n1 e0 port of br0", Vlans(10, (20, 30)))
    assert [row(step) for step in port] == [
        "bridge -n n1 vlan add dev e0 vid 10 pvid untagged #  n1 e0 port of br0: vlan 10 pvid untagged",
        "bridge -n n1 vlan add dev e0 vid 20 #  n1 e0 port of br0: vlan 20",
        "bridge -n n1 vlan add dev e0 vid 30 #  n1 e0 port of br0: vlan 30",
    ]
    own = steps.vlan_memberships(HOST, "br0", "host br0", Vlans(None, (20,)), own=True)
    assert [row(step) for step in own] == ["bridge vlan add dev br0 vid 20 self #  host br0: vlan 20"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/10.rp_filter", "net/ipv4/conf/eth0.10/rp_filter"),
    ],
)
def test_a_sysctl_is_the_file_that_it_is(key: str, path: str) -> None:
    assert steps.set_sysctl(HOST, key, "0") == Step(
        Sign.WANT, ("bash", "-c", f"echo 0 >/proc/sys/{path}"), HOST, f"{key} 0"
    )
    inside = steps.set_sysctl("n1", key, "1 2")
    assert inside.argv == ("ip", "netns", "exec", "n1", "bash", "-c", f"echo 1 2 >/proc/sys/{path}")
    assert (inside.owner, inside.words) == ("n1", f"{key} 1 2")


def test_masquerade_replaces_the_whole_table_at_once() -> None:
    sources = [Masquerade(parse_cidr(text)) for text in ("10.0.0.0/24", "fd00::/64", "10.0.0.0/24")]
    step = filters.translate("n1", "k8snet-lab", sources, ())
    *command, ruleset = step.argv
    assert (command, step.owner, step.words) == (
        ["ip", "netns", "exec", "n1", "nft"],
        "n1",
        "nft table inet k8snet-lab",
    )
    assert ruleset == (
        "add table inet k8snet-lab; delete table inet k8snet-lab; table inet k8snet-lab { chain postrouting {"
        " type nat hook postrouting priority srcnat; policy accept;"
        " ip saddr 10.0.0.0/24 ip daddr != 10.0.0.0/24 ip daddr != 224.0.0.0/4 masquerade;"
        " ip6 saddr fd00::/64 ip6 daddr != fd00::/64 ip6 daddr != ff00::/8 masquerade; }; }"
    )
