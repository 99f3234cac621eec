"""verify.sh tells what is so from what is not: facts, who must reach whom, and who must not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from live.features import Kernel
from live.kernel import diff
from live.network import Network, checks, compiled, golden
from live.sandbox import PATH, Sandbox
from live.second_kernel import second_kernel

LONELY = """
name = "lonely"
[bridges.br0]
addresses = ["10.0.0.1/24", "fd00::1/64"]
"""

BROKEN = [
    {
        "ip -n node1 address delete 10.20.0.11/24 dev eth0": "node1 eth0: inet 10.20.0.11/24",
        "ip -n node1 link set dev lo down": "node1 lo: up",
        "ip -n node2 route delete default via fd00:20::1": (
            "node2: inet6 route default via fd00:20::1 dev eth0 metric 1024"
        ),
        "ip link set dev veth1 nomaster": "host veth1: master br0",
        "ip link set dev veth1 down": "host veth1: up",
    },
    {"ip link delete dev veth2": "host veth2: veth, peer node2 eth0"},
    {"ip netns delete node2": "node2: namespace"},
]
"""What breaks facts of the golden `dual-stack`, and the check that must say so."""

CUT = """
ip netns exec {namespace} nft -f - <<'END'
table inet firewall {{
    chain input {{ type filter hook input priority 0; policy accept; {rule}; }}
}}
END
"""


@pytest.fixture
def set_up(sandbox: Sandbox) -> Iterator[Callable[[str], Network]]:
    """A golden network that was set up; that verify.sh finds it good is in `test_life.py`."""

    def make(name: str) -> Network:
        network = Network(sandbox, golden(name))
        network.set_up()
        return network

    yield make


@pytest.mark.parametrize("broken", BROKEN, ids=["settings", "link", "namespace"])
def test_a_fact_that_is_broken_fails(set_up: Callable[[str], Network], broken: dict[str, str], kernel: Kernel) -> None:
    network = set_up("dual-stack")
    network.do(*broken)
    before = network.state(identity=True)
    started = time.monotonic()
    failures = network.failures()
    assert [claim for claim in broken.values() if claim not in failures] == []
    patience = 180 if kernel.is_slow else 45
    assert time.monotonic() - started < patience, "it waited for what cannot come"
    assert diff(before, network.state(identity=True)) == []


@second_kernel
def test_on_an_empty_machine_every_fact_fails(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("docker"))
    facts = [f"{step.owner}: {step.words}" for step in golden("docker").body.plan.steps()]
    assert network.failures()[: len(facts)] == facts


def test_a_failure_says_how_to_mend_it(set_up: Callable[[str], Network]) -> None:
    network = set_up("docker")
    network.do("ip link set dev br0 down")
    lines = network.run("verify").stdout.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("not ok"))
    assert lines[failed].endswith(" - host br0: up")
    assert lines[failed + 1] == "# setup.sh would run: ip link set dev br0 up"


@pytest.mark.needs("nft_masquerade")
@pytest.mark.parametrize(
    ("rule", "unreached"),
    [
        ("tcp dport 9 drop", {"node1 reaches node2 at 10.20.0.12", "node1 reaches node2 at fd00:20::12"}),
        (
            "ip saddr 10.20.0.11 drop",
            {"node1 reaches node2 at 10.20.0.12", "node2 reaches node1 at 10.20.0.11"},
        ),
    ],
)
def test_who_must_be_reached_and_is_not_fails(set_up: Callable[[str], Network], rule: str, unreached: set[str]) -> None:
    network = set_up("dual-stack")
    network.do(CUT.format(namespace="node2", rule=rule))
    failures = {claim.split(" (")[0] for claim in network.failures()}
    assert failures >= unreached
    assert {claim for claim in failures - unreached if not claim.startswith("host reaches node2 at ")} == set()


def test_who_must_not_be_reached_and_is_fails(set_up: Callable[[str], Network]) -> None:
    network = set_up("isolated")
    network.do(
        "ip link add name wire1 type veth peer name wire2",
        "ip link set dev wire1 up master red",
        "ip link set dev wire2 up master blue",
        "for number in 1 2; do",
        "    ip -n red$number route add 10.40.2.0/24 dev eth0",
        "    ip -n blue$number route add 10.40.1.0/24 dev eth0",
        "done",
    )
    failures = network.failures()
    assert failures != []
    assert [claim for claim in failures if " does not reach " not in claim] == []


def test_a_router_that_must_not_route_and_does_fails(sandbox: Sandbox) -> None:
    text = """
    name = "still"
    [namespaces.middle]
    forwarding = false
    [namespaces."n{1..2}".veths.eth0]
    peer = { namespace = "middle", name = "e{}", addresses = ["10.1.{}.1/24"] }
    addresses = ["10.1.{}.2/24"]
    routes = [{ to = "default", via = "10.1.{}.1" }]
    """
    network = Network(sandbox, compiled(text))
    network.set_up()
    assert network.failures() == []
    network.do("ip netns exec middle bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'")
    failures = network.failures()
    assert failures[0] == "middle: net.ipv4.ip_forward 0"
    assert [claim.split(" (")[0] for claim in failures[1:]] == [
        "n1 does not reach n2 at 10.1.2.2",
        "n2 does not reach n1 at 10.1.1.2",
    ]


def test_an_address_that_somebody_else_has_fails(set_up: Callable[[str], Network]) -> None:
    network = set_up("dual-stack")
    network.do(
        "ip netns add thief",
        "ip link add name thief master br0 up type veth peer name eth0 netns thief",
        "ip -n node1 address delete fd00:20::11/64 dev eth0",
        "ip -n thief address add fd00:20::11/64 dev eth0 nodad",
        "ip -n thief link set dev eth0 up",
        "sleep 1",
    )
    network.set_up()
    done = network.run("verify")
    assert (False, "node1 eth0: inet6 fd00:20::11/64") in checks(done)
    assert "# somebody else on the link has this address (duplicate address detection failed)" in done.stdout


def test_it_waits_for_duplicate_address_detection(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("dual-stack"))
    done = sandbox.bash(
        f"bash -s <<'SETUP_SH' && bash -s <<'VERIFY_SH'\n{network.text('setup')}SETUP_SH\n{network.text('verify')}VERIFY_SH\n",
        timeout=300,
    )
    assert all(ok for ok, _ in checks(done))
    assert "tentative" not in sandbox.run(["ip", "-n", "node1", "address"]).stdout


def test_a_bridge_without_a_carrier_is_not_waited_for(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled(LONELY))
    network.set_up()
    started = time.monotonic()
    assert network.failures() == []
    assert time.monotonic() - started < 30


def test_it_does_without_ping(set_up: Callable[[str], Network]) -> None:
    network = set_up("docker")
    programs = network.sandbox.directory / "programs"
    programs.mkdir()
    network.do(
        f"for place in {PATH.replace(':', ' ')}; do ln -s $place/* {programs} 2>/dev/null || true; done",
        f"rm -f {programs}/ping*",
    )
    done = network.sandbox.run(["env", f"PATH={programs}", "bash", "-s"], stdin=network.text("verify"), timeout=300)
    assert all(ok for ok, _ in checks(done))


LISTEN = """
use Socket;
socket my $listener, AF_INET, SOCK_STREAM, 0 or die;
bind $listener, pack_sockaddr_in(9, INADDR_ANY) or die;
listen $listener, 1 or die;
print "listening\\n";
close STDOUT;
sleep 300;
"""


@pytest.mark.parametrize("taken", [False, True], ids=["port free", "port taken"])
def test_the_other_side_is_looked_at_whether_or_not_the_port_of_the_probe_is_free(
    set_up: Callable[[str], Network], taken: bool
) -> None:
    network = set_up("docker")
    if taken:
        listen = f"ip netns exec node2 perl -e '{LISTEN}' 2>/dev/null"
        network.do(f"exec {{server}}< <({listen}); read -r -u $server; [[ $REPLY == listening ]]")
    assert network.failures() == []
    wrong = network.text("verify").replace("seen as 10.10.0.2", "seen as 10.10.0.9")
    done = network.sandbox.bash(wrong)
    assert [name.split(" (")[0] for ok, name in checks(done) if not ok] == ["node1 reaches node2 at 10.10.0.3"]
    assert "\n# seen as 10.10.0.2: ip netns exec node1 bash -c ': </dev/tcp/10.10.0.3/9'\n" in done.stdout


def test_a_network_that_is_right_is_probed_by_one_process_for_all(set_up: Callable[[str], Network]) -> None:
    network = set_up("docker")
    programs, log = network.sandbox.directory / "programs", network.sandbox.directory / "log"
    programs.mkdir()
    (programs / "nsenter").write_text(f'#!/bin/bash\necho "$*" >>{log}\nPATH={PATH} exec nsenter "$@"\n')
    (programs / "nsenter").chmod(0o755)
    for break_one, entered in (("true", []), ("ip -n node2 route add blackhole 10.10.0.2", ["node1", "node2"])):
        log.write_text("")
        network.do(break_one)
        network.sandbox.run(["env", f"PATH={programs}:{PATH}", "bash", "-s"], stdin=network.text("verify"))
        words = [line.split() for line in log.read_text().splitlines()]
        assert sorted(line[0].rpartition("/")[2] for line in words if line[1:3] == ["bash", "-c"]) == entered
