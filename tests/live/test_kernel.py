"""The snapshot sees every change that matters, and none that does not."""

from __future__ import annotations

import pytest

from live.kernel import diff, snapshot
from live.sandbox import Sandbox
from live.second_kernel import second_kernel
from live.settle import settle

BUILD = """
ip -batch - <<'BATCH'
netns add one
netns add two
link add name br0 type bridge
link add name o1 master br0 up type veth peer name eth0 netns one
link add name left netns one type veth peer name right netns two
address add 10.0.0.1/24 dev br0
link set br0 up
BATCH
ip -n one link set eth0 up
ip -n one link set left up
ip -n two link set right up
ip -n two address add 10.1.0.2/24 dev right
ip -n two route add 10.9.0.0/16 via 10.1.0.1
"""
DESTROY = """
ip link delete o1
ip link delete br0
ip -n one link delete left
ip netns delete one
ip netns delete two
"""
CHANGES = {
    "ip -n two link set right mtu 1400": "two: links: right: mtu: 1500 -> 1400",
    "ip -n two link set right address 02:00:00:00:00:07": "two: links: right: address: (random) -> 02:00:00:00:00:07",
    "ip -n one link set lo up": "one: links: lo: flags: LOOPBACK -> LOOPBACK UP",
    "ip link set o1 alias 'a b'": "host: links: o1: ifalias: new, a b",
    "ip link set o1 group 77": "host: links: o1: group: default -> 77",
    "bridge link set dev o1 hairpin on": "host: links: o1: port: hairpin: False -> True",
    "ip link set br0 type bridge ageing_time 5000": "host: links: br0: options: ageing_time: 30000 -> 5000",
    "ip address delete 10.0.0.1/24 dev br0": (
        "host: addresses: br0: family inet local 10.0.0.1 prefixlen 24 scope global label br0: gone, was present"
    ),
    "ip -n two route delete 10.9.0.0/16": (
        "two: routes: -4 type unicast dst 10.9.0.0/16 gateway 10.1.0.1 dev right table main protocol boot scope global:"
        " gone, was present"
    ),
    "ip -n two -6 route add blackhole fd09::/64 table 7": (
        "two: routes: -6 type blackhole dst fd09::/64 dev lo table 7 protocol boot scope global metric 1024 pref medium:"
        " new, present"
    ),
    "ip -n two rule add from 10.2.0.0/16 lookup 7": "two: rules: -4 priority 32765 src 10.2.0.0 srclen 16 table 7",
    "ip -n two neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev right": (
        "two: neighbours: dst 10.1.0.9 dev right lladdr 02:00:00:00:00:09 state PERMANENT: new, present"
    ),
    "bridge fdb add 02:00:00:00:00:09 dev o1 master static": (
        "host: fdb: mac 02:00:00:00:00:09 ifname o1 master br0 state static: new, present"
    ),
    "ip netns exec two sysctl -qw net.ipv4.conf.right.rp_filter=2": (
        "two: sysctls: net.ipv4.conf.right: rp_filter: 0 -> 2"
    ),
    "mkdir -p /run/k8snet/lab; printf x >/run/k8snet/lab/owned": (
        '/run/k8snet: lab/owned: new, {"kind": "f", "mode": "644", "base64": "eA=="}'
    ),
    "touch /run/netns/three": 'three: new, {"broken": "not a network namespace"}',
}


def changed_by(sandbox: Sandbox, script: str) -> list[str]:
    """What a script changes on the network of BUILD."""
    sandbox.bash(BUILD, check=True)
    settle(sandbox)
    before = snapshot(sandbox)
    sandbox.bash(f"set -e; {script}", check=True)
    settle(sandbox)
    return diff(before, snapshot(sandbox))


def test_every_change_is_seen_and_named(sandbox: Sandbox) -> None:
    lines = changed_by(sandbox, "\n".join(CHANGES))
    assert [start for start in CHANGES.values() if not any(line.startswith(start) for line in lines)] == []


def test_one_change_is_one_line(sandbox: Sandbox) -> None:
    script = "bridge link set dev o1 hairpin on"
    assert changed_by(sandbox, script) == [CHANGES[script]]


def test_a_port_that_left_its_bridge_is_seen(sandbox: Sandbox) -> None:
    assert "host: links: o1: master: gone, was br0" in changed_by(sandbox, "ip link set o1 nomaster")


def test_ends_are_followed_to_the_namespace_they_are_in(sandbox: Sandbox) -> None:
    sandbox.bash(BUILD, check=True)
    spaces = snapshot(sandbox)["namespaces"]
    assert spaces["host"]["links"]["o1"]["peer"] == "one/eth0"
    assert spaces["one"]["links"]["eth0"]["peer"] == "host/o1"
    assert spaces["one"]["links"]["left"]["peer"] == "two/right"
    assert spaces["two"]["links"]["right"]["peer"] == "one/left"


def test_two_builds_of_one_network_are_equal_though_names_and_numbers_are_drawn_anew(sandbox: Sandbox) -> None:
    empty = snapshot(sandbox)
    sandbox.bash(BUILD, check=True)
    settle(sandbox)
    first, indexes = snapshot(sandbox), snapshot(sandbox, identity=True)
    sandbox.bash(DESTROY, check=True)
    assert diff(empty, snapshot(sandbox)) == []
    sandbox.bash(BUILD, check=True)
    settle(sandbox)
    assert diff(first, snapshot(sandbox)) == []
    assert any("links: br0: ifindex" in line for line in diff(indexes, snapshot(sandbox, identity=True)))


def test_the_same_network_in_another_sandbox_is_equal(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        states = []
        for each in (sandbox, other):
            each.bash(BUILD, check=True)
            settle(each)
            states.append(snapshot(each))
    assert diff(*states) == []


def test_traffic_is_no_change(sandbox: Sandbox) -> None:
    talk = (
        "ip -n one address add 10.0.0.2/24 dev eth0 && ip netns exec one bash -c '! : </dev/tcp/10.0.0.1/9' 2>/dev/null"
    )
    sandbox.bash(BUILD, check=True)
    sandbox.bash(talk.partition("&&")[0], check=True)
    settle(sandbox)
    before = snapshot(sandbox)
    sandbox.bash(talk.partition("&&")[2], check=True)
    assert "10.0.0.1" in sandbox.run(["ip", "-n", "one", "neigh"]).stdout
    assert diff(before, snapshot(sandbox)) == []


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_vlans_of_ports_are_seen(sandbox: Sandbox) -> None:
    lines = changed_by(sandbox, "bridge vlan add dev o1 vid 7 pvid untagged")
    assert "host: vlans: o1: vlan 7 PVID Egress Untagged: new, present" in lines


@pytest.mark.needs("nft_masquerade")
def test_nft_is_seen_by_what_it_says_not_by_handles_and_counters(sandbox: Sandbox) -> None:
    rules = "table ip lab { chain post { type nat hook postrouting priority 100; counter masquerade; }; }"
    lines = changed_by(sandbox, f"nft '{rules}'")
    assert [line.partition(": {")[0] for line in lines] == ["host: nft"] * 3
    before = snapshot(sandbox)
    sandbox.bash(f"nft delete table ip lab; nft '{rules}'", check=True)
    assert diff(before, snapshot(sandbox)) == []


@pytest.mark.needs("iptables_nat")
def test_iptables_is_seen(sandbox: Sandbox) -> None:
    rule = "-t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE"
    lines = changed_by(sandbox, f"iptables {rule} || iptables-legacy {rule}")
    assert any(line.startswith("host: ") and "10.0.0.0" in line and "masquerade" in line.lower() for line in lines)
