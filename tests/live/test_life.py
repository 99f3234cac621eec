"""The whole life of every golden network: set up, verified, left alone by a second run, and removed without a trace."""

from __future__ import annotations

import pytest

from live.kernel import diff, snapshot
from live.monitor import Monitor
from live.network import FILTERING, GOLDENS, MASQUERADING, Network, differences, golden
from live.sandbox import Sandbox

NEEDS = {name: ("nft_masquerade", "nft_masquerade6") for name in MASQUERADING} | {"macvlan": ("macvlan",)}
NEEDS |= {name: (*NEEDS[name], "nft_bridge", "iptables_filter") for name in FILTERING}
MARKS = {name: [pytest.mark.needs(*features)] for name, features in NEEDS.items()}
NETWORKS = [pytest.param(name, marks=MARKS.get(name, ())) for name in GOLDENS if name != "vlans"]
"""All but one that needs a slow kernel: there, `test_try.py` has a starter that is much like it live its life."""

BEFOREHAND = {
    **dict.fromkeys(FILTERING, "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP"),
    "external": """
        ip link add name lan0 address 02:00:00:00:00:01 type bridge
        ip link set dev lan0 up
        ip link add name uplink0 type veth peer name cable0
        ip link set dev uplink0 up
        ip link set dev cable0 up master lan0
    """,
    "external-namespace": """
        ip netns add web
        ip link add name cable0 type veth peer name eth0 netns web
        ip link set dev cable0 up
        ip -n web link set dev eth0 up
    """,
}
"""What others have made before some of them are set up."""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_lives_and_goes(sandbox: Sandbox, name: str) -> None:
    network = Network(sandbox, golden(name), via="pipe" if name == "options" else "file")
    sandbox.bash(BEFOREHAND.get(name, ""), check=True)
    before = network.state()
    foreseen = network.foreseen()
    assert diff(before, snapshot(sandbox)) == []

    assert network.set_up() == foreseen
    with Monitor(sandbox) as monitor:  # it has waited until nothing is pending
        standing = snapshot(sandbox)
        assert network.drift() == []
        assert network.set_up() == []
        assert network.failures() == []
        doomed = network.foreseen("teardown")
    assert monitor.events == []
    assert differences(standing, snapshot(sandbox), ["ageing_time"]) == []  # shorter while a spanning tree changes

    assert network.tear_down() == doomed != []
    assert diff(before, network.state()) == []
    assert network.tear_down() == []
    assert sandbox.processes() == []


def test_teardown_says_whether_there_is_anything_to_remove(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("docker"))
    for change, status in ((network.set_up, 1), (network.tear_down, 0)):
        change()
        assert network.run("teardown", "--check").returncode == status
