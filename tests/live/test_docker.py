"""The Docker example, piped into bash: it works, it is what the commands typed by hand would make, and it goes."""

from __future__ import annotations

import pytest

from live.kernel import diff, snapshot
from live.monitor import Monitor
from live.network import Network, golden
from live.sandbox import Sandbox

BY_HAND = """
ip netns add node1
ip netns add node2
ip link add br0 type bridge
ip link add vethA type veth peer name vethB
ip link add vethX type veth peer name vethY
ip link set vethA netns node1
ip link set vethX netns node2
ip link set vethB master br0
ip link set vethY master br0
ip -n node1 address add 10.10.0.2/24 dev vethA
ip -n node2 address add 10.10.0.3/24 dev vethX
ip -n node1 link set lo up
ip -n node2 link set lo up
ip -n node1 link set vethA up
ip -n node2 link set vethX up
ip link set vethB up
ip link set vethY up
ip link set br0 up
"""


@pytest.fixture
def docker(sandbox: Sandbox) -> Network:
    return Network(sandbox, golden("docker"), via="pipe")


def test_both_sides_reach_each_other(docker: Network) -> None:
    docker.set_up()
    for namespace, address in (("node1", "10.10.0.3"), ("node2", "10.10.0.2")):
        docker.sandbox.run(["ip", "-n", namespace, "route", "get", address], check=True)
        docker.sandbox.run(["ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "5", address], check=True)


def test_the_state_is_that_of_the_commands_typed_by_hand(docker: Network) -> None:
    with Sandbox() as other:
        other.bash(f"set -e; {BY_HAND}", check=True)
        docker.set_up()
        lines = diff(Network(other, golden("docker")).state(), docker.state())
    mark = docker.mark
    assert lines == [
        *(
            f"{link}: group: default -> {mark}"
            for link in ("host: links: br0", "host: links: vethB", "host: links: vethY")
        ),
        f"node1: links: vethA: group: default -> {mark}",
        f"node2: links: vethX: group: default -> {mark}",
        *(line for line in lines if line.startswith("/run/k8snet: ")),
    ]


def test_a_second_run_prints_no_command_and_the_kernel_sends_no_event(docker: Network) -> None:
    docker.set_up()
    with Monitor(docker.sandbox) as monitor:
        assert docker.set_up() == []
    assert monitor.events == []


def test_teardown_run_twice_leaves_what_was_there_before(docker: Network) -> None:
    before = snapshot(docker.sandbox)
    docker.set_up()
    assert docker.tear_down() == [
        f"ip link delete group {docker.mark}",
        "ip netns delete node1",
        "ip netns delete node2",
    ]
    assert diff(before, docker.state()) == []
    assert docker.tear_down() == []
    assert diff(before, docker.state()) == []
    assert docker.sandbox.run(["ls", "-A", "/run/netns", "/run"]).stdout.split() == ["/run:", "netns", "/run/netns:"]
