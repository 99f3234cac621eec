"""The fake kernel refuses what the real one refuses, and takes along what the real one takes along."""

from __future__ import annotations

import pytest
from fake_kernel import FakeKernel
from fake_namespace import Refusal, UnknownCommand

VETH = "ip link add name a up type veth peer name b netns n1"


def after(*commands: str) -> FakeKernel:
    kernel = FakeKernel()
    for command in ("ip netns add n1", *commands):
        kernel.run(command.split())
    return kernel


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (["ip netns add n1"], "File exists"),
        (["ip netns delete n2"], "No such file or directory"),
        (["ip -n n2 link set dev lo up"], "No such file or directory"),
        ([VETH, VETH], "File exists"),
        (["ip link add name a type veth peer name a"], "File exists"),
        (["ip link add name a type veth peer name b netns n2"], 'Invalid "netns" value'),
        (["ip link add name a master br0 type veth peer name b"], 'Cannot find device "br0"'),
        (["ip link set dev a up"], 'Cannot find device "a"'),
        (["ip link delete dev lo"], "Operation not supported"),
        ([VETH, "ip link set dev a master lo"], "Operation not supported"),
        ([VETH, "ip link set dev a type bridge_slave hairpin on"], "Operation not supported"),
        ([VETH, "bridge vlan add dev a vid 10"], "Operation not supported"),
        ([VETH, "ip address add 10.0.0.1/24 dev a", "ip address add 10.0.0.1/24 dev a"], "File exists"),
        ([VETH, "ip address delete 10.0.0.1/24 dev a"], "Cannot assign requested address"),
        ([VETH, "ip link set dev a mtu 1000", "ip address add fd00::1/64 dev a"], "Permission denied"),
        ([VETH, "ip -n n1 route add 10.9.0.0/24 dev b"], "Device for nexthop is not up"),
        ([VETH, "ip route add 10.9.0.0/24 via 10.0.0.2"], "Nexthop has invalid gateway"),
        (
            [VETH, "ip address add 10.0.0.1/24 dev a", "ip route add default via 10.0.0.1"],
            "Nexthop has invalid gateway",
        ),
        ([VETH, "ip address add 10.0.0.1/24 dev a", "ip route add 10.0.0.0/24 dev a"], "File exists"),
        ([VETH, "ip route add 10.9.0.0/24 dev a src 10.0.0.1"], "Invalid prefsrc address"),
        ([VETH, "ip route add 10.9.0.1/24 dev a"], "Invalid argument"),
        ([VETH, "ip route add blackhole ::/0", "ip route delete blackhole default"], "No such process"),
    ],
)
def test_refusals(commands: list[str], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        after(*commands)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        "ip link add name a type dummy",
        "ip link set dev lo alias x",
        "ip address replace 10.0.0.1/24 dev lo",
        "ip route add 10.0.0.0/24 dev lo proto static",
        "ip netns attach n2 1",
        "bridge vlan show",
        "sysctl net.ipv4.ip_forward=1",
        "nft list ruleset",
        "rm -r /",
    ],
)
def test_what_it_does_not_know_it_does_not_do(command: str) -> None:
    with pytest.raises(UnknownCommand):
        FakeKernel().run(command.split())


@pytest.mark.parametrize(
    ("commands", "gone"),
    [
        ([VETH, "ip -n n1 link delete dev b"], "host a: exists"),
        ([VETH, "ip netns delete n1"], "host a: exists"),
        ([VETH, "ip link set dev a group 7", "ip link delete group 7"], "n1 b: exists"),
        ([VETH, "ip route add 10.9.0.0/24 dev a", "ip link set dev a down"], "host: inet route 10.9.0.0/24 dev a"),
        ([VETH, "ip address add fd00::1/64 dev a", "ip link set dev a down"], "host a: inet6 fd00::1/64"),
        ([VETH, "ip address add fd00::1/64 dev a", "ip link set dev a mtu 1000"], "host a: inet6 fd00::1/64"),
        (
            [
                VETH,
                "ip address add 10.0.0.1/24 dev a",
                "ip route add default dev a",
                "ip address delete 10.0.0.1/24 dev a",
            ],
            "host: inet route default dev a",
        ),
        (
            [
                VETH,
                "ip address add 10.0.0.1/24 dev a",
                "ip address add 10.0.0.2/24 dev a",
                "ip address delete 10.0.0.1/24 dev a",
            ],
            "host a: inet 10.0.0.2/24",
        ),
    ],
)
def test_what_goes_along(commands: list[str], gone: str) -> None:
    assert gone in after(*commands[:-1]).facts()
    assert gone not in after(*commands).facts()


def test_a_port_that_leaves_its_bridge_loses_what_it_had_there() -> None:
    bridge = "ip link add name br0 type bridge vlan_filtering 1 vlan_default_pvid 0"
    joined = [VETH, bridge, "ip link set dev a master br0", "ip link set dev a type bridge_slave hairpin on"]
    joined.append("bridge vlan add dev a vid 10 pvid untagged")
    owned = {"host a port of br0: hairpin true", "host a port of br0: vlan 10 pvid untagged"}
    assert owned <= after(*joined).facts()
    again = after(*joined, "ip link set dev a nomaster", "ip link set dev a master br0").facts()
    assert not owned & again
    assert "host a port of br0: hairpin false" in again


def test_a_bridge_without_filtering_has_vlan_1_as_well() -> None:
    facts = after("ip link add name br0 type bridge", VETH, "ip link set dev a master br0").facts()
    assert {"host br0: vlan 1 pvid untagged", "host a port of br0: vlan 1 pvid untagged"} <= facts


def test_forwarding_for_all_is_forwarding_for_each() -> None:
    kernel = after(VETH)
    kernel.run(["bash", "-c", "echo 1 >/proc/sys/net/ipv4/conf/a/forwarding"])
    assert "host: net.ipv4.ip_forward 0" in kernel.facts()
    kernel.run(["bash", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"])
    assert {"host: net.ipv4.conf.a.forwarding 0", "host: net.ipv4.conf.all.forwarding 0"} <= kernel.facts()
