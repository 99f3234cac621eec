"""What setup.sh says of a host that drops what the network needs: that it does, and what mends it."""

from __future__ import annotations

import re

import pytest

from live.network import Network, commands, compiled, golden
from live.sandbox import Sandbox
from live.second_kernel import second_kernel
from live.settle import settle
from live.test_cluster import VXLAN

FORWARDING = """
name = "lab"
[host]
forwarding = true
[bridges.br0]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[namespaces.a.veths.eth0]
peer = "to-a"
bridge = "br0"
addresses = ["10.0.0.2/24", "fd00::2/64"]
routes = [{ to = "default", via = "10.0.0.1" }, { to = "default", via = "fd00::1" }]
[namespaces.b.veths.eth0]
peer = { name = "to.b", addresses = ["10.0.1.1/24", "fd00:0:0:1::1/64"] }
addresses = ["10.0.1.2/24", "fd00:0:0:1::2/64"]
routes = [{ to = "default", via = "10.0.1.1" }, { to = "default", via = "fd00:0:0:1::1" }]
"""

FAR = ("10.0.1.2", "fd00:0:0:1::2")

SAID = re.compile(r"^setup\.sh: in the way: (.+)\nsetup\.sh: to mend it: (.+)\n", re.MULTILINE)

NFT_FILTER = pytest.mark.needs("nft_filter")
DROPPING = {
    "nft, by policy": "nft 'table inet fw { chain passing { type filter hook forward priority 0; policy drop; }; }'",
    "nft, in the end": "nft 'table ip6 f { chain c { type filter hook forward priority 5; ip6 saddr ::1 accept; "
    "counter reject; }; }'",
    "iptables": "iptables -P FORWARD DROP; ip6tables -A FORWARD -j REJECT",
    "iptables-legacy": "iptables-legacy -A FORWARD -j DROP; ip6tables-legacy -P FORWARD DROP",
}
"""Firewalls that drop what is forwarded, each of a kind."""


def say(network: Network, *words: str) -> list[tuple[str, str]]:
    """What a run says that is in the way, with the commands that mend it; it says no more but what it does."""
    done = network.run("setup", *words)
    assert done.returncode == 0, done.stderr
    assert [line for line in SAID.sub("", done.stderr).splitlines() if not line.startswith("[#] ")] == []
    return SAID.findall(done.stderr)


def reached(network: Network, source: str, *addresses: str) -> list[bool]:
    """Whether a namespace gets an answer from each address, if only a refusal."""
    attempts = (f"ip netns exec {source} timeout 1 bash -c ': </dev/tcp/{address}/9'" for address in addresses)
    return ["refused" in network.sandbox.run(["bash", "-c", attempt]).stderr for attempt in attempts]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("nft, by policy", marks=NFT_FILTER),
        pytest.param("nft, in the end", marks=NFT_FILTER),
        pytest.param("iptables", marks=pytest.mark.needs("iptables_filter")),
        pytest.param("iptables-legacy", marks=pytest.mark.needs("iptables_legacy")),
    ],
)
def test_a_firewall_that_drops_what_is_forwarded_is_named_and_what_is_said_mends_it(
    sandbox: Sandbox, kind: str
) -> None:
    network = Network(sandbox, compiled(FORWARDING))
    assert say(network) == []
    settle(sandbox)
    assert reached(network, "a", *FAR) == [True, True]
    network.do(DROPPING[kind])
    assert reached(network, "a", *FAR) != [True, True]
    found = say(network)
    assert len(found) == (1 if kind.startswith("nft, in") else 2)
    assert all("drops what no rule lets through, and this host is to forward IPv" in what for what, _ in found)
    assert commands(network.run("setup")) == []
    for _, mending in dict.fromkeys(found):
        network.do(mending)
    assert say(network) == []
    assert reached(network, "a", *FAR) == [True, True]


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param("iptables", marks=pytest.mark.needs("nft_filter", "iptables_filter")),
        pytest.param("iptables-legacy", marks=pytest.mark.needs("iptables_legacy")),
    ],
)
def test_what_a_chain_does_that_every_packet_is_sent_to_counts(sandbox: Sandbox, tool: str) -> None:
    network = Network(sandbox, compiled(FORWARDING))
    network.do(f"{tool} -N DOCKER-USER; {tool} -A FORWARD -j DOCKER-USER; {tool} -A FORWARD -s 192.0.2.0/24 -j DROP")
    assert say(network) == []
    network.do(f"{tool} -A DOCKER-USER -j DROP")
    assert len(say(network)) == 1
    network.do(
        *(f"{tool} -I DOCKER-USER {way} {name} -j ACCEPT" for way in ("-i", "-o") for name in ("br0", "to.b")),
        f"{tool} -P FORWARD DROP",
    )
    assert say(network) == []
    settle(sandbox)
    assert reached(network, "a", FAR[0]) == [True]


@NFT_FILTER
def test_a_firewall_that_drops_nothing_else_is_not_in_the_way(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled(FORWARDING))
    network.do(
        "nft 'table inet fw { chain passing { type filter hook forward priority 0; policy accept; tcp dport 22 drop; }; "
        "chain arriving { type filter hook input priority 0; policy drop; ip saddr 127.0.0.1 accept; }; }'"
    )
    assert say(network) == []


@pytest.mark.needs("nft_filter", "bridge_netfilter")
def test_a_firewall_that_sees_frames_of_a_bridge_is_in_the_way_of_those_only(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("docker"))
    network.do(DROPPING["nft, by policy"], "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables")
    assert say(network) == []
    assert reached(network, "node1", "10.10.0.3") == [True]
    network.do("echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables")
    assert reached(network, "node1", "10.10.0.3") == [False]
    ((what, mending),) = {said for said in say(network, "--dry-run") if "IPv4" in said[0]}
    assert what.endswith("IPv4 has to pass it from port to port, as net.bridge.bridge-nf-call-iptables is 1")
    network.do(mending)
    assert reached(network, "node1", "10.10.0.3") == [True]


@second_kernel
@VXLAN
def test_a_strict_filter_of_reverse_paths_is_in_the_way_of_tunnels(sandbox: Sandbox) -> None:
    text = (
        'name = "lab"\n[host]\nforwarding = true\nSYSCTLS\n[interfaces.eth0]\nexternal = true\n[vxlans.vx0]\nid = 7\n'
        'dev = "eth0"\nlocal = "192.0.2.1"\naddresses = ["10.0.0.1/24"]\n'
    )
    network = Network(sandbox, compiled(text.replace("SYSCTLS", "")))
    network.do("ip link add name eth0 up type veth peer name far", "ip address add 192.0.2.1/24 dev eth0")
    assert say(network) == []
    network.do("echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter")
    loose = Network(sandbox, compiled(text.replace("SYSCTLS", 'sysctls = { "net.ipv4.conf.all.rp_filter" = 2 }')))
    assert say(loose, "--dry-run") == []
    ((what, mending),) = say(network)
    assert what.startswith("eth0 drops what comes by another way than answers take")
    network.do(mending)
    assert say(network) == []
