"""Every attribute of the model, altered behind the script's back: the next run puts it right, and does nothing else.

Each drift says what a run has to do about it, all of it: the facts of the table that `--check` misses and the run makes
true, and the facts that it finds too many, with the commands that end them.  In a pattern, `*` stands for any text; what
it matches are facts that a run makes true where they are not, not the attributes of a thing that is there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

from k8snet_scripts.render import shell_line
from k8snet_scripts.scripts import Scripts
from k8snet_scripts.steps import Sign
from live.kernel import State, diff
from live.network import GOLDEN, Network, compiled, golden
from live.sandbox import Sandbox

PORT = "host veth1 port of br0: *"
BRIDGE = "host br0: *"


@dataclass(frozen=True)
class Drift:
    """What is done to a network, and what a run does about it."""

    network: str
    change: str
    mends: tuple[str, ...] = ()  # facts of the table, or patterns of facts
    removes: tuple[tuple[str, str], ...] = ()  # facts that are there and not wanted, and the commands that end them
    remade: tuple[str, ...] = ()  # what is made anew: "node1: links: eth0"
    tidy: str = "true"  # takes back what is not the script's to mend

    def __str__(self) -> str:
        return f"{self.network}: {self.change}"


def extra(network: str, change: str, fact: str, command: str, *mends: str) -> Drift:
    """One fact too many, and perhaps something that the kernel takes along with it."""
    return Drift(network, change, mends, ((fact, command),))


def remade(
    network: str, change: str, links: str, *mends: str, removes: tuple[tuple[str, str], ...] = (), tidy: str = "true"
) -> Drift:
    """Interfaces, NAMESPACE/NAME, that are gone or spoilt, and made anew."""
    made = tuple("{}: links: {}: ifindex: ".format(*link.split("/")) for link in links.split())
    return Drift(network, change, mends, removes, made, tidy)


ADDRESSES = [
    Drift(
        "options",
        "ip -n node1 address delete 10.80.0.2/24 dev eth0",
        (
            "node1 eth0: inet 10.80.0.2/24",
            "node1: inet route default via 10.80.0.1 dev eth0",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
            "node1: inet route 10.80.4.1 via 10.99.0.1 dev eth0 onlink",
        ),
    ),
    Drift("options", "ip -n node1 address delete fd00:80::2/64 dev eth0", ("node1 eth0: inet6 fd00:80::2/64",)),
    Drift(
        "options",
        "ip -n node1 address delete 10.80.9.1/32 dev lo",
        (
            "node1 lo: inet 10.80.9.1/32",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
        ),
    ),
    Drift("options", "ip address delete 10.80.0.1/24 dev br0", ("host br0: inet 10.80.0.1/24",)),
    Drift("options", "ip -n node3 address delete 10.81.0.2/31 dev cable", ("node3 cable: inet 10.81.0.2/31",)),
    extra(
        "options",
        "ip -n node1 address add 10.80.0.99/24 dev eth0",
        "node1 eth0: inet 10.80.0.99/24",
        "ip -n node1 address delete 10.80.0.99/24 dev eth0",
    ),
    extra(
        "options",
        "ip address add 10.99.0.1/16 dev veth1",
        "host veth1: inet 10.99.0.1/16",
        "ip address delete 10.99.0.1/16 dev veth1",
    ),
    extra(
        "options",
        "ip -n node1 address add fd00:99::1/128 dev lo",
        "node1 lo: inet6 fd00:99::1/128",
        "ip -n node1 address delete fd00:99::1/128 dev lo",
    ),
    extra(
        "options",
        """ip address delete 10.80.0.1/24 dev br0
        ip address add 10.80.0.99/24 dev br0
        ip address add 10.80.0.1/24 dev br0""",
        "host br0: inet 10.80.0.99/24",
        "ip address delete 10.80.0.99/24 dev br0",
        "host br0: inet 10.80.0.1/24",
    ),
    extra(
        "dual-stack",
        """ip -n node1 address delete 10.20.0.11/24 dev eth0
        ip -n node1 address add 10.20.0.99/24 dev eth0
        ip -n node1 address add 10.20.0.11/24 dev eth0
        ip -n node1 route add default via 10.20.0.1""",
        "node1 eth0: inet 10.20.0.99/24",
        "ip -n node1 address delete 10.20.0.99/24 dev eth0",
        "node1 eth0: inet 10.20.0.11/24",
        "node1: inet route default via 10.20.0.1 dev eth0",
    ),
    extra(
        "options",
        """ip -n node2 address add 10.80.0.3/25 dev eth0
        ip -n node2 address delete 10.80.0.3/24 dev eth0""",
        "node2 eth0: inet 10.80.0.3/25",
        "ip -n node2 address delete 10.80.0.3/25 dev eth0",
        "node2 eth0: inet 10.80.0.3/24",
    ),
    extra(
        "options",
        "ip -n node4 address add 10.82.9.1 peer 10.82.9.7/24 dev eth0",
        "node4 eth0: inet 10.82.9.1 peer 10.82.9.7/24",
        "ip -n node4 address delete 10.82.9.1 peer 10.82.9.7/24 dev eth0",
    ),
]

ROUTES = [
    Drift("options", "ip -n node1 -4 route delete default", ("node1: inet route default via 10.80.0.1 dev eth0",)),
    Drift(
        "options",
        """ip -n node1 -6 route delete default
        ip -n node1 route delete 10.80.5.0/24
        ip -n node1 route delete 10.80.4.1
        ip -n node1 route delete unreachable 10.80.3.0/24
        ip -n node1 route delete prohibit fd00:81::/64""",
        (
            "node1: inet6 route default via fd00:80::1 dev eth0 metric 50",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
            "node1: inet route 10.80.4.1 via 10.99.0.1 dev eth0 onlink",
            "node1: inet route unreachable 10.80.3.0/24",
            "node1: inet6 route prohibit fd00:81::/64 metric 1024",
        ),
    ),
    Drift(
        "options",
        """ip route delete blackhole 10.80.8.0/24
        ip route delete 10.80.6.0/24 table 100
        ip route delete 10.80.9.0/24""",
        ("host: inet route *",),
    ),
    extra(
        "options",
        "ip -n node1 route change default via 10.80.0.3",
        "node1: inet route default via 10.80.0.3 dev eth0",
        "ip -n node1 route delete default via 10.80.0.3 dev eth0",
        "node1: inet route default via 10.80.0.1 dev eth0",
    ),
    extra(
        "options",
        """ip -n node1 -6 route delete default
        ip -n node1 -6 route add default via fd00:80::1 metric 51""",
        "node1: inet6 route default via fd00:80::1 dev eth0 metric 51",
        "ip -n node1 route delete ::/0 via fd00:80::1 dev eth0 metric 51",
        "node1: inet6 route default via fd00:80::1 dev eth0 metric 50",
    ),
    extra(
        "options",
        "ip -n node1 route change 10.80.5.0/24 via 10.80.0.3 metric 7",
        "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 metric 7",
        "ip -n node1 route delete 10.80.5.0/24 via 10.80.0.3 dev eth0 metric 7",
        "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
    ),
    extra(
        "options",
        """ip -n node1 route delete unreachable 10.80.3.0/24
        ip -n node1 route add blackhole 10.80.3.0/24""",
        "node1: inet route blackhole 10.80.3.0/24",
        "ip -n node1 route delete blackhole 10.80.3.0/24",
        "node1: inet route unreachable 10.80.3.0/24",
    ),
    *(
        extra(
            "options",
            f"ip -n node1 route add {route}",
            f"node1: {fact or f'inet route {route}'}",
            f"ip -n node1 route delete {command or route}",
        )
        for route, fact, command in (
            ("10.99.0.0/16 via 10.80.0.3 dev eth0", "", ""),
            ("10.99.0.0/16 dev eth0 metric 5 table 200", "", ""),
            ("blackhole 10.99.0.0/16", "", ""),
            (
                "fd00:99::/64 via fd00:80::3 dev eth0",
                "inet6 route fd00:99::/64 via fd00:80::3 dev eth0 metric 1024",
                "fd00:99::/64 via fd00:80::3 dev eth0 metric 1024",
            ),
            (
                "10.99.0.0/16 nexthop via 10.80.0.3 nexthop via 10.80.0.4",
                "inet route 10.99.0.0/16",
                "10.99.0.0/16",
            ),
            (
                "10.99.0.0/16 via 10.80.0.3 proto static scope global",
                "inet route 10.99.0.0/16 via 10.80.0.3 dev eth0",
                "10.99.0.0/16 via 10.80.0.3 dev eth0",
            ),
        )
    ),
    extra(
        "options",
        "ip route add 10.99.0.0/16 via 10.80.0.2",
        "host: inet route 10.99.0.0/16 via 10.80.0.2 dev br0",
        "ip route delete 10.99.0.0/16 via 10.80.0.2 dev br0",
    ),
]

LINKS = [
    Drift(
        "options",
        "ip link set dev veth1 mtu 1449",  # which the bridge follows
        ("host veth1: mtu 1450", "host br0: mtu 1450"),
    ),
    Drift("options", "ip -n node1 link set dev eth0 mtu 1300", ("node1 eth0: mtu 1450",)),
    Drift(
        "options",
        "ip -n node2 link set dev eth0 mtu 1000",  # too little for IPv6, which the kernel therefore removes
        ("node2 eth0: mtu 1450", "node2 eth0: inet6 fd00:80::3/64"),
    ),
    Drift("options", "ip link set dev br0 mtu 1400", ("host br0: mtu 1450",)),
    Drift("options", "ip -n node3 link set dev cable mtu 1500", ("node3 cable: mtu 9000",)),
    Drift("options", "ip -n node2 link set dev cable mtu 1500", ("node2 cable: mtu 9000",)),
    Drift("options", "ip link set dev veth1 address 02:00:00:00:00:01", ("host veth1: address 02:00:00:00:80:02",)),
    Drift(
        "options", "ip -n node1 link set dev eth0 address 02:00:00:00:00:01", ("node1 eth0: address 02:00:00:00:80:03",)
    ),
    Drift("options", "ip link set dev br0 address 02:00:00:00:00:01", ("host br0: address 02:00:00:00:80:01",)),
    Drift("options", "ip link set dev veth1 nomaster", ("host veth1: master br0", PORT)),
    Drift(
        "options",
        """ip link add name other type bridge
        ip link set dev veth1 master other""",
        ("host veth1: master br0", PORT),
        tidy="ip link delete dev other",
    ),
    Drift(
        "options",
        "ip -n node3 link set dev stub nomaster",
        ("node3 stub: master inner", "node3 stub port of inner: hairpin true"),
    ),
    Drift("router-on-a-stick", "ip -n router link set dev lan1 master dmz", ("router lan1: master lan",)),
    Drift("options", "ip link set dev veth1 down", ("host veth1: up",)),
    Drift("options", "ip -n node3 link set dev stub down", ("node3 stub: up",)),
    Drift("options", "ip -n node3 link set dev inner down", ("node3 inner: up",)),
    Drift("options", "ip -n node3 link set dev cable down", ("node3 cable: up",)),
    Drift("options", "ip -n node2 link set dev lo down", ("node2 lo: up",)),
    Drift(
        "dual-stack",
        "ip -n node2 link set dev eth0 down",  # the kernel forgets routes then, and IPv6 addresses
        ("node2 eth0: up", "node2 eth0: inet6 fd00:20::12/64", "node2: inet*"),
    ),
    Drift("dual-stack", "ip link set dev br0 down", ("host br0: up", "host br0: inet6 fd00:20::1/64")),
]

OPTIONS = [
    Drift(
        "options",
        """for option in 'stp_state 1' 'mcast_snooping 1' 'forward_delay 1500' 'hello_time 200' 'max_age 2000' \\
            'ageing_time 30000' 'priority 32768' 'group_fwd_mask 8'; do
            ip link set dev br0 type bridge $option
        done""",
        (
            "host br0: stp_state 0",
            "host br0: mcast_snooping 0",
            "host br0: forward_delay 200",
            "host br0: hello_time 100",
            "host br0: max_age 600",
            "host br0: ageing_time 6050",
            "host br0: priority 4096",
            "host br0: group_fwd_mask 0x4000",
        ),
    ),
    Drift(
        "options",
        """for option in hairpin isolated guard root_block fastleave learning flood bcast_flood; do
            ip link set dev veth1 type bridge_slave $option off
        done
        for option in 'mcast_flood on' 'neigh_suppress on' 'proxy_arp on' 'cost 2' 'priority 32'; do
            ip link set dev veth1 type bridge_slave $option
        done""",
        (PORT,),
    ),
]

SETTINGS = [
    Drift(
        "options",
        """cd /proc/sys/net
        echo 0 >ipv4/ip_forward
        echo 0 >ipv6/conf/all/forwarding
        echo 2 >ipv4/conf/all/arp_announce""",
        (
            "host: net.ipv4.ip_forward 1",
            "host: net.ipv6.conf.all.forwarding 1",
            "host: net.ipv4.conf.all.arp_announce 1",
        ),
    ),
    Drift(
        "options",
        """ip netns exec node1 bash -e <<'END'
            cd /proc/sys/net
            echo 0 >ipv4/ip_forward
            echo 0 >ipv6/conf/all/forwarding
            echo 0 >ipv4/conf/eth0/arp_notify
            echo 20000 30001 >ipv4/ip_local_port_range
END""",
        ("node1: net.*",),
    ),
    Drift(
        "options",
        """ip netns exec node2 bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
        ip netns exec node2 bash -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'""",
        ("node2: net.*",),
    ),
    *(
        Drift("options", f"nft {change}", ("host: nft table inet k8snet-options",))
        for change in (
            "delete table inet k8snet-options",
            "flush table inet k8snet-options",
            "delete chain inet k8snet-options postrouting",
            "add rule inet k8snet-options postrouting ip saddr 10.99.0.0/16 masquerade",
            "insert rule inet k8snet-options postrouting accept",
            "add chain inet k8snet-options more",
            "'add chain inet k8snet-options postrouting { policy drop; }'",
        )
    ),
]

NODE1 = (
    "host veth1: veth, peer node1 eth0",
    PORT,
    "node1 eth0: *",
    "node1: net.ipv4.conf.eth0*",
    "node1: inet*dev eth0*",
)
CABLE = ("node3 cable: *", "node2 cable: *")

THINGS = [
    remade("options", "ip link delete dev veth1", "host/veth1 node1/eth0", *NODE1),
    remade("options", "ip -n node1 link delete dev eth0", "host/veth1 node1/eth0", *NODE1),
    remade(
        "options",
        """ip link set dev veth1 down
        ip link set dev veth1 name renamed up""",
        "host/veth1 node1/eth0",
        *NODE1,
        removes=(("node1 eth0: interface", "ip -n node1 link delete dev eth0"),),
    ),
    remade(
        "options",
        """ip -n node1 link set dev eth0 down
        ip -n node1 link set dev eth0 name renamed""",
        "host/veth1 node1/eth0",
        *NODE1,
        removes=(("host veth1: interface", "ip link delete dev veth1"),),
    ),
    remade(
        "options",
        "ip -n node1 link set dev eth0 name moved netns node2",
        "host/veth1 node1/eth0",
        *NODE1,
        removes=(("host veth1: interface", "ip link delete dev veth1"),),
    ),
    remade(
        "options",
        """ip netns add elsewhere
        ip -n node1 link set dev eth0 netns elsewhere""",
        "host/veth1 node1/eth0",
        *NODE1,
        removes=(("host veth1: interface", "ip link delete dev veth1"),),
        tidy="ip netns delete elsewhere",
    ),
    remade(
        "options",
        "ip link set dev veth1 netns node2",
        "host/veth1 node1/eth0",
        *NODE1,
        removes=(("node1 eth0: interface", "ip -n node1 link delete dev eth0"),),
    ),
    remade("options", "ip -n node2 link delete dev cable", "node2/cable node3/cable", *CABLE),
    remade(
        "options",
        """ip -n node3 link set dev cable down
        ip -n node3 link set dev cable name renamed""",
        "node2/cable node3/cable",
        *CABLE,
        removes=(("node2 cable: interface", "ip -n node2 link delete dev cable"),),
    ),
    remade(
        "options",
        """ip -n node2 link set dev cable down
        ip -n node2 link set dev cable name renamed""",
        "node2/cable node3/cable",
        *CABLE,
        removes=(("node3 cable: interface", "ip -n node3 link delete dev cable"),),
    ),
    remade(
        "options",
        "ip link delete dev br0",
        "host/br0",
        BRIDGE,
        "host veth1: master br0",
        "host veth2: master br0",
        PORT,
        "host: inet route*dev br0*",
    ),
    remade(
        "options",
        "ip -n node3 link delete dev inner",
        "node3/inner",
        "node3 inner: *",
        "node3 stub: master inner",
        "node3 stub port of inner: hairpin true",
    ),
    remade(
        "options",
        """ip link delete dev veth2
        ip link add name veth2 group 1100938469 type bridge""",
        "host/veth2 node2/eth0",
        "host veth2: *",
        "node2 eth0: *",
        removes=(("host veth2: interface", "ip link delete dev veth2"),),
    ),
]

NAMESPACES = [
    remade(
        "options",
        """ip -n node3 link delete dev stub
        ip netns delete node4""",
        "node4/lo node4/eth0 node3/stub",
        "node4: *",
        "node4 *",
        "node3 stub*",
    ),
    remade(
        "docker",
        """ip netns delete node1
        while ip link show dev vethB >/dev/null 2>&1; do sleep 0.01; done""",
        "node1/lo node1/vethA host/vethB",
        "node1: *",
        "node1 *",
        "host vethB: *",
    ),
    remade(
        "docker",
        """umount /run/netns/node2
        while ip link show dev vethY >/dev/null 2>&1; do sleep 0.01; done""",
        "node2/lo node2/vethX host/vethY",
        "node2: *",
        "node2 *",
        "host vethY: *",
        removes=(("node2: namespace", "ip netns delete node2"),),
    ),
]

VLANS = """
name = "vlans"
[bridges.br0]
vlan_filtering = true
tagged = [10]
[namespaces."n{1..2}".veths.eth0]
peer = "v{}"
bridge = "br0"
addresses = ["10.0.0.{}/24"]
untagged = 10
tagged = [20, 30]
"""

VLAN_DRIFTS = [
    Drift("vlans", "bridge vlan delete dev v1 vid 20", ("host v1 port of br0: vlan 20",)),
    Drift("vlans", "bridge vlan delete dev v1 vid 10", ("host v1 port of br0: vlan 10 pvid untagged",)),
    extra(
        "vlans",
        "bridge vlan add dev v1 vid 40 untagged",
        "host v1 port of br0: vlan 40 untagged",
        "bridge vlan delete dev v1 vid 40",
    ),
    extra(
        "vlans",
        "bridge vlan add dev v1 vid 40 pvid untagged",
        "host v1 port of br0: vlan 40 pvid untagged",
        "bridge vlan delete dev v1 vid 40",
        "host v1 port of br0: vlan 10 pvid untagged",
    ),
    extra(
        "vlans",
        "bridge vlan add dev br0 vid 40 self",
        "host br0: vlan 40",
        "bridge vlan delete dev br0 vid 40 self",
    ),
    Drift("vlans", "bridge vlan delete dev br0 vid 10 self", ("host br0: vlan 10",)),
    Drift("vlans", "ip link set dev br0 type bridge vlan_filtering 0", ("host br0: vlan_filtering 1",)),
    Drift("vlans", "ip link set dev v1 nomaster", ("host v1: master br0", "host v1 port of br0: *")),
]


def scripts(name: str) -> Scripts:
    """A golden, or the network above.  Options have no spanning tree here: each of its changes would take seconds."""
    if name == "vlans":
        return compiled(VLANS)
    if name == "options":
        return compiled((GOLDEN / name / "topology.toml").read_text().replace("stp = true", "stp = false"))
    return golden(name)


class Standing:
    """A network that is set up, and its state then."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.scripts = scripts(name)
        self.network = Network(sandbox, self.scripts)
        self.network.set_up()
        self.state = self.network.state(identity=True)
        self.spoilt = False

    @functools.cached_property
    def steps(self) -> dict[str, tuple[Sign, str]]:
        """The table: each fact with its sign and command."""
        return {
            f"{step.owner}: {step.words}": (step.sign, shell_line(step.argv)) for step in self.scripts.body.plan.steps()
        }

    def facts(self, patterns: tuple[str, ...]) -> list[str]:
        """The facts that are meant, in the order of the table."""
        for pattern in patterns:
            assert any(fnmatchcase(fact, pattern) for fact in self.steps), f"no such fact: {pattern}"
        return [
            fact
            for fact, (sign, _) in self.steps.items()
            if fact in patterns or (sign is not Sign.MEND and any(fnmatchcase(fact, pattern) for pattern in patterns))
        ]

    def unexpected(self, state: State, remade: tuple[str, ...]) -> list[str]:
        """How a state differs from the one at first, but for the identity of what was made anew."""
        if any(": lo:" in link for link in remade):
            remade = (*remade, f"/run/k8snet: {self.scripts.name}/owned: ")  # where identities of namespaces are
        return [line for line in diff(self.state, state) if not line.startswith(remade)]


@pytest.fixture(scope="module")
def standing(privileges: None) -> Iterator[Callable[[str], Standing]]:
    """Networks that stand for all tests of this module; one that a failed test left spoilt is made anew."""
    made: dict[str, Standing] = {}
    with ExitStack() as sandboxes:

        def give(name: str) -> Standing:
            if name not in made or made[name].spoilt:
                made[name] = Standing(sandboxes.enter_context(Sandbox()), name)
            return made[name]

        yield give


@pytest.mark.parametrize("drift", [*ADDRESSES, *ROUTES, *LINKS, *OPTIONS, *SETTINGS, *THINGS, *NAMESPACES], ids=str)
def test_a_drift_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)


@pytest.mark.needs("vlan_filtering")
@pytest.mark.parametrize("drift", VLAN_DRIFTS, ids=str)
def test_a_drift_of_vlans_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)


def mend(standing: Standing, drift: Drift) -> None:
    network, facts = standing.network, standing.facts(drift.mends)
    standing.spoilt = True
    network.do(drift.change)
    try:
        assert sorted(network.drift()) == sorted(
            [f"wanted, not there: {fact}" for fact in facts]
            + [f"there, not wanted: {fact}" for fact, _ in drift.removes]
        )
        foreseen = network.foreseen()
        assert sorted(foreseen) == sorted(
            [standing.steps[fact][1] for fact in facts] + [line for _, line in drift.removes]
        )
        assert network.set_up() == foreseen
    finally:
        network.do(drift.tidy)
    state = network.state(identity=True)
    assert standing.unexpected(state, drift.remade) == []
    standing.state, standing.spoilt = state, False
