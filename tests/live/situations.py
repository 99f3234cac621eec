"""In what state a script may find a machine on which other people have things of their own, and what must come of it.

scene = Scene(sandbox, SITUATIONS["docker, drifted"])
scene.begin()
…                                             # a setup that something befalls
assert changes(scene.before, scene.state()) == []
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from k8snet_scripts.render import Kind
from k8snet_scripts.scripts import Scripts
from live.kernel import State, diff, snapshot
from live.moments import PATIENCE, Moments
from live.network import MASQUERADING, compiled, golden
from live.sandbox import Sandbox

SURROUNDINGS = """
set -e
ip link set dev lo up
ip link add name lab0 up type bridge
for i in 0 1; do ip link add name up$i up type veth peer name far$i; ip link set dev far$i up; done
ip link set dev far0 master lab0
ip address add 10.90.7.254/24 dev lab0
ip address add 10.90.0.1/24 dev up0
ip address add fd00:90::1/64 dev up0 nodad
ip route add 10.92.0.0/16 via 10.90.0.7 dev up0 metric 5
ip netns add theirs
ip link add name theirs0 up mtu 1400 group 7 type veth peer name eth0 netns theirs
ip -n theirs address add 10.94.0.2/24 dev eth0
ip -n theirs link set dev eth0 up
ip -n theirs route add default via 10.94.0.1
mkdir -p /run/k8snet/theirs
echo "netns	node1	-" >/run/k8snet/theirs/owned
for tool in iptables ip6tables; do $tool -A FORWARD -j RETURN 2>/dev/null || true; done
nft 'table inet theirs { chain forward { type filter hook forward priority 0; ip daddr 10.94.0.9 drop; }; }' 2>/dev/null || true
"""
"""What is on the host and belongs to others: two interfaces with addresses, a bridge, a namespace, another network, rules."""

EDGE = """
name = "edge"

[host]
forwarding = true
sysctls = { "net.ipv4.conf.all.arp_announce" = 1 }
routes = [{ to = "10.91.0.0/16", via = "10.90.0.9", dev = "up0" }]

[interfaces.up0]
external = true
addresses = ["10.90.8.1/24"]

[interfaces.up1]
external = true
bridge = "br1"
hairpin = true

[bridges.lab0]
external = true
addresses = ["10.97.0.1/24"]

[bridges.br1]
addresses = ["10.93.0.1/24"]
masquerade = true

[namespaces.n1.veths.eth0]
peer = "v1"
bridge = "lab0"
addresses = ["10.97.0.2/24"]

[namespaces.n2.veths.eth0]
peer = "v2"
bridge = "br1"
addresses = ["10.93.0.2/24"]

[namespaces.theirs]
external = true
addresses = ["10.98.0.1/32"]
sysctls = { "net.ipv4.conf.all.arp_notify" = 1 }

[namespaces.theirs.interfaces.eth0]
external = true
addresses = ["10.94.9.2/24"]

[namespaces.theirs.veths.ours0]
peer = "v3"
bridge = "br1"
addresses = ["10.93.0.3/24"]
"""
"""A network that borrows what belongs to others."""

SERVED = """
name = "served"

[host]
forwarding = true

[interfaces.up0]
external = true

[bridges.br2]
addresses = ["10.89.0.1/24"]
masquerade = true
admit = true
isolate = [4]

[vxlans.vx0]
id = 89
local = "10.90.0.1"
dev = "up0"
bridge = "br2"
fdb = [{ dst = "10.90.0.7" }, { lladdr = "02:00:00:00:89:07", dst = "10.90.0.7" }]

[namespaces.web.veths.eth0]
peer = "web0"
bridge = "br2"
lladdr = "02:00:00:00:89:02"
only_from = "02:00:00:00:89:02"
addresses = ["10.89.0.2/24"]
publish = ["8080:80", "127.0.0.1:5353:53/udp"]
"""
"""A network with published and guarded ports, rules of iptables, and a tunnel on what belongs to others."""

EARLIER_EDGE = (
    EDGE.replace("10.90.8.1/24", "10.90.9.1/24")
    .replace("10.91.0.0/16", "10.95.0.0/16")
    .replace("br1", "br7")
    .replace('arp_announce" = 1', 'arp_announce" = 2')
    .replace("n1", "n7")
)
EARLIER_DOCKER = """
name = "docker"

[bridges.br0]

[bridges.br1]
addresses = ["10.11.0.1/24"]

[namespaces.node1.veths.vethA]
peer = "vethY"
bridge = "br1"
addresses = ["10.10.0.2/24"]

[namespaces.node2.veths.old]
peer = { namespace = "node3", name = "old", addresses = ["10.12.0.1/24"] }
addresses = ["10.12.0.2/24"]

[namespaces.node3]
"""


_IDENTITY = re.compile(r"\d+ \d+\.\d+$", re.MULTILINE)


@dataclass(frozen=True)
class Situation:
    """A network that is to be set up where, at first, there was `earlier` (if anything), and then `drift` happened."""

    scripts: Scripts
    earlier: Scripts | None = None
    drift: tuple[str, ...] = ()


def _situations() -> dict[str, Situation]:
    edge = compiled(EDGE)
    networks = {name: golden(name) for name in ("docker", "router-on-a-stick", "gateway", "options")} | {"edge": edge}
    served = compiled(SERVED)
    fresh = {f"{name}, fresh": Situation(scripts) for name, scripts in networks.items()}
    drifted = {f"{name}, drifted": Situation(scripts, scripts, DRIFTS[name]) for name, scripts in networks.items()}
    upgraded = {
        "docker, upgraded": Situation(golden("docker"), compiled(EARLIER_DOCKER)),
        "edge, upgraded": Situation(edge, compiled(EARLIER_EDGE)),
    }
    return fresh | drifted | upgraded | {"served, drifted": Situation(served, served, DRIFTS["served"])}


DRIFTS = {
    "docker": (
        "ip -n node1 link delete dev vethA",
        "ip -n node2 address delete 10.10.0.3/24 dev vethX",
        "ip -n node2 address add 10.10.0.77/24 dev vethX",
        "ip -n node2 route add 10.96.0.0/16 via 10.10.0.9",
        "ip -n node2 link set dev lo down",
        "ip link set dev vethY nomaster",
        "ip link set dev br0 down",
    ),
    "router-on-a-stick": (
        "ip -n router link delete dev lan1",
        "ip netns delete pc1",
        "ip -n pc2 route delete default",
        "ip -n pc2 route add default via 10.70.1.11 metric 3",
        "ip netns exec router bash -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'",
        "ip -n router link set dev lan2 nomaster",
        "ip -n router address delete 10.70.1.1/24 dev lan",
        "ip -n router address add 10.70.1.99/24 broadcast 10.70.1.254 label lan:1 dev lan",
        "ip -n router address add 10.70.1.1/24 dev lan",
        "ip -n server address add 10.70.3.1/24 dev eth0",
        "ip -n server link set dev eth0 down",
    ),
    "gateway": (
        "ip link delete dev veth-db",
        "ip netns delete db",
        "nft add rule inet k8snet-gateway postrouting ip saddr 10.50.0.9 accept",
        "ip address delete 10.50.0.1/24 dev cni0",
        "ip -n web address delete 10.50.0.2/24 dev eth0",
        "ip -n web address add 10.50.0.22/24 dev eth0",
        "ip -n web route add default via 10.50.0.1",
        "ip address add 10.50.0.254/24 dev cni0",
        "ip link set dev veth-web down",
    ),
    "options": (
        "ip link set dev br0 type bridge hello_time 200 priority 8192",
        "ip link set dev br0 mtu 1300",
        "ip link set dev veth1 mtu 1400",
        "ip link set dev veth1 address 02:00:00:00:99:99",
        "ip link set dev veth1 type bridge_slave hairpin off cost 44 flood off",
        "ip route delete 10.80.6.0/24 table 100",
        "ip route delete blackhole 10.80.8.0/24",
        "ip address add 10.80.77.1/24 dev br0",
        "nft delete table inet k8snet-options",
        "ip -n node1 address delete 10.80.9.1/32 dev lo",
        "ip -n node1 route add 10.80.2.0/24 via 10.80.0.3 metric 9",
        "ip -n node1 route delete unreachable 10.80.3.0/24",
        "ip -n node1 address add fd00:80::99/64 dev eth0 nodad",
        "ip netns exec node1 bash -c 'echo 20000 20100 >/proc/sys/net/ipv4/ip_local_port_range'",
        "ip -n node2 link set dev eth0 mtu 1300",
        "ip -n node3 link delete dev stub",
    ),
    "edge": (
        "ip address delete 10.90.8.1/24 dev up0",
        "ip link set dev up1 nomaster",
        "ip route delete 10.91.0.0/16",
        "ip link set dev v1 master br1",
        "ip -n n2 address delete 10.93.0.2/24 dev eth0",
        "nft flush table inet k8snet-edge",
    ),
    "served": (
        "nft delete table inet k8snet-served",
        "nft flush table bridge k8snet-served",
        "iptables -D CNI-FORWARD -d 10.89.0.2/32 -p udp -m udp --dport 53 -m conntrack --ctstate DNAT -j ACCEPT",
        "iptables -F CNI-ISOLATION-STAGE-2",
        "bridge fdb delete 02:00:00:00:89:07 dev vx0",
        "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.90.0.8",
        "ip link set dev vx0 nomaster",
        "ip link delete dev web0",
        "bash -c 'echo 0 >/proc/sys/net/ipv4/conf/br2/route_localnet'",
    ),
}
"""What others do to a network behind its back."""

SITUATIONS = _situations()


def named(words: str = "") -> list[Any]:
    """The situations whose names contain these words, for `parametrize`."""
    masquerade = pytest.mark.needs("nft_masquerade", "nft_masquerade6")
    needs = {network: masquerade for network in (*MASQUERADING, "edge")}
    needs["served"] = pytest.mark.needs("nft_masquerade", "nft_bridge", "iptables_filter", "vxlan")
    names = [name for name in SITUATIONS if words in name]
    return [pytest.param(name, marks=needs.get(name.split(",")[0], ())) for name in names]


class Scene:
    """A situation in a sandbox: how it begins, and in what states it may end.

    `empty` is the state without the network, `before` that in which the script finds the machine, and `whole` that
    which an undisturbed setup leaves; `setup_moments` are what could have disturbed it.
    """

    def __init__(self, sandbox: Sandbox, situation: Situation) -> None:
        self.sandbox = sandbox
        self.moments = Moments(sandbox)
        self.situation = situation
        sandbox.bash(SURROUNDINGS, check=True)
        self.empty = self.state()
        self.before = self.empty
        if situation.earlier is not None:
            self.begin()
            self.before = self.state()
        self.setup_moments = self.moments.of(self.text("setup"))
        self.whole = self.state()

    def text(self, kind: Kind) -> str:
        """The text of one script."""
        return self.situation.scripts.text(kind)

    def begin(self) -> None:
        """Brings the machine to where the situation begins, from wherever it is."""
        situation = self.situation
        if situation.earlier is not situation.scripts:
            self.run("teardown")
        if situation.earlier is not None:
            self.run("setup", scripts=situation.earlier)
        self.sandbox.bash("set -e\n" + "\n".join(situation.drift), check=True)

    def run(self, kind: Kind, *args: str, scripts: Scripts | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a script that nothing befalls; it must succeed."""
        text = (scripts or self.situation.scripts).text(kind)
        return self.sandbox.bash(text, *args, timeout=PATIENCE, check=True)

    def state(self) -> State:
        """The state now, but for the order of records, and which identity a namespace has that is recorded with one."""
        state = snapshot(self.sandbox)
        for file in state["files"].values():
            text = base64.b64decode(file.pop("base64")).decode()
            file["text"] = sorted(_IDENTITY.sub("(identity)", text).splitlines())
        return state


Scenes = Callable[[str], Scene]
"""Gives the scene of a situation, by its name."""


def changes(before: State, after: State, leaving_out: Sequence[str] = ()) -> list[str]:
    """What differs, but for what the kernel does by itself in its own time.

    It makes and tests IPv6 addresses, and forgets what a bridge learned faster while the spanning tree changes.
    """
    slow = ("fe80:", "type local dst f", "options: ageing_time")
    return [line for line in diff(before, after) if not any(word in line for word in (*slow, *leaving_out))]
