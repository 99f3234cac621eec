"""The monitor hears a change wherever it happens, and nothing where nothing happens."""

from __future__ import annotations

import pytest

from live.kernel import snapshot
from live.monitor import Monitor
from live.sandbox import Sandbox
from live.second_kernel import second_kernel
from live.test_kernel import BUILD


def heard(sandbox: Sandbox, script: str) -> list[str]:
    """The events of a script on the network of BUILD."""
    sandbox.bash(BUILD, check=True)
    with Monitor(sandbox) as monitor:
        sandbox.bash(script, check=True)
    return monitor.events


def test_silence_after_everything_has_settled(sandbox: Sandbox) -> None:
    assert heard(sandbox, "ip -n two address show; ip netns exec one true") == []


def test_a_snapshot_is_silent(sandbox: Sandbox) -> None:
    sandbox.bash(BUILD, check=True)
    with Monitor(sandbox) as monitor:
        snapshot(sandbox)
    assert monitor.events == []


CHANGES = {
    "ip link set br0 mtu 1400": "host: [nsid current][LINK]",
    "ip -n one link set eth0 mtu 1400": "one: [LINK]",
    "ip -n two link set right mtu 1400": "two: [LINK]",
    "ip -n two address replace 10.1.0.2/24 dev right": "two: [ADDR]",
    "ip -n two route add 10.8.0.0/16 via 10.1.0.1": "two: [ROUTE]10.8.0.0",
    "ip -n two rule add from 10.2.0.0/16 lookup 7": "two: [RULE]",
    "ip -n two neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev right": "two: [NEIGH]10.1.0.9",
    "ip netns exec two sysctl -qw net.ipv4.ip_forward=1": "two: [NETCONF]",
    "bridge link set dev o1 hairpin on": "host: [nsid current][LINK]3: o1",
    "ip netns add three": "namespace new: /run/netns/three",
    "ip netns delete one": "namespace gone: /run/netns/one",
}


@second_kernel
def test_every_change_is_heard(sandbox: Sandbox) -> None:
    events = heard(sandbox, "set -e\n" + "\n".join(CHANGES))
    assert [start for start in CHANGES.values() if not any(event.startswith(start) for event in events)] == []


def test_a_change_that_changes_nothing_is_heard(sandbox: Sandbox) -> None:
    (event,) = heard(sandbox, "ip -n two address replace 10.1.0.2/24 dev right")
    assert event.startswith("two: [ADDR]")


def test_the_host_alone_does_not_hear_namespaces_that_it_has_no_id_for(sandbox: Sandbox) -> None:
    sandbox.bash(BUILD, check=True)
    with Monitor(sandbox) as monitor:
        sandbox.bash("ip -n two link set right mtu 1400; ip -n one link set eth0 mtu 1400", check=True)
    assert any(line.startswith("two: ") for line in monitor.events)
    assert {line.partition("]")[0] for line in monitor.host_events} == {"[nsid 0"}


TIMERS = """
ip link set dev br0 type bridge forward_delay 800
ip link set dev o1 down
ip link set dev o1 up
ip -n two link add name br1 type bridge forward_delay 800
ip -n two link add name o2 master br1 up type veth peer name p2
ip -n two link set dev p2 up
ip -n two link set dev br1 up
"""
RUNNING = """
set -e
ip -j -d link show dev o1 | grep -q 'forward_delay_timer":[1-9]'
ip -j -n two -d link show dev o2 | grep -q 'forward_delay_timer":[1-9]'
"""
ENDED = """
until ip -j -d link show dev o1 | grep -q 'forward_delay_timer":0.00'; do sleep 0.2; done
until ip -j -n two -d link show dev o2 | grep -q 'forward_delay_timer":0.00'; do sleep 0.2; done
"""


@pytest.mark.needs("speed")
def test_a_port_that_is_announced_late_was_not_changed(sandbox: Sandbox) -> None:
    sandbox.bash(BUILD + TIMERS, check=True)
    with Monitor(sandbox) as monitor:
        sandbox.bash(RUNNING + "bridge link set dev o1 hairpin on" + ENDED, check=True)
    assert {line.partition("@")[0] for line in monitor.events} == {"host: [nsid current][LINK]3: o1"}


@pytest.mark.needs("nft_masquerade")
def test_nft_is_heard_inside_a_namespace(sandbox: Sandbox) -> None:
    assert "two: add table ip lab" in heard(sandbox, "ip netns exec two nft add table ip lab")
