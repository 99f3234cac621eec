"""Macvlans, altered, gone or on another wire: the next run puts right what it must, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, mend, remade
from live.network import Network, compiled
from live.sandbox import Sandbox
from live.second_kernel import sampled

MINE = 'group=$(ip -n {} -j link show dev {} | sed \'s/.*"group":"\\([0-9]*\\)".*/\\1/\')\n'
OF_WEB, OF_TAP = MINE.format("web", "eth0"), MINE.format("tap", "passed")

DRIFTS = [
    at_once(
        Drift(
            "macvlan",
            """ip -n web link set dev eth0 type macvlan mode vepa
        ip -n guest link set dev eth0 type macvlan mode bridge
        ip -n db link set dev eth0 address 02:00:00:00:00:99""",
            ("web eth0: mode bridge", "guest eth0: mode private", "db eth0: address 02:00:00:00:07:11"),
        ),
        Drift(
            "macvlan",
            "ip link set dev uplink mtu 1400",  # all that share its wire follow
            ("host uplink: mtu 1450", "web eth0: mtu 1450", "db eth0: mtu 1450", "guest eth0: mtu 1450"),
        ),
    ),
    Drift(
        "macvlan",
        "ip -n web link set dev eth0 down",
        ("web eth0: up", "web eth0: inet6 *", "web: inet route default via 192.168.7.1 dev eth0"),
    ),
    remade("macvlan", "ip -n web link delete dev eth0", "web/eth0", "web eth0: *", "web: inet route *"),
    remade(
        "macvlan",
        OF_WEB
        + """ip -n web link delete dev eth0
        ip link add name strange type veth peer name stranger
        ip link add name eth0 link strange group $group netns web type macvlan mode bridge""",
        "web/eth0",
        "web eth0: *",
        "web: inet route *",
        removes=(("web eth0: interface", "ip -n web link delete dev eth0"),),
        tidy="ip link delete dev strange",
    ),
    remade(
        "macvlan",
        "ip link delete dev uplink",  # with which go all that share its wire
        "host/uplink router/lan0 web/eth0 db/eth0 guest/eth0",
        "host uplink: *",
        "router lan0: *",
        "web eth0: *",
        "web: inet route *",
        "db eth0: *",
        "guest eth0: *",
    ),
    at_once(
        remade(
            "passed",
            OF_TAP
            + """ip -n tap link delete dev passed
        ip -n tap link add name passed link wire group $group type macvlan mode bridge""",
            "tap/passed",
            "tap passed: *",
            removes=(("tap passed: interface", "ip -n tap link delete dev passed"),),
        ),
        remade(
            "passed",
            "ip -n tap link delete dev other",
            "host/beyond tap/other twin/eth0",
            "*beyond*",
            "* other: *",
            "twin eth0: *",
        ),
    ),
]


@pytest.mark.needs("macvlan")
@pytest.mark.parametrize("drift", sampled(DRIFTS, 6), ids=str)
def test_a_drift_of_macvlans_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)


VERSIONS = {
    "on the host's NIC": """
        [interfaces.nic]
        external = true
        [namespaces.a.macvlans.eth0]
        parent = { namespace = "host", name = "nic" }
        addresses = ["10.0.0.1/24"]
        """,
    "on a veth of ours, in a namespace of others": """
        [veths.low]
        peer = { namespace = "theirs", name = "high" }
        [namespaces.theirs]
        external = true
        macvlans.eth0.parent = { namespace = "host", name = "low" }
        [namespaces.a]
        """,
    "passed through on the host": """
        [interfaces.nic]
        external = true
        [macvlans.top]
        parent = "nic"
        mode = "passthru"
        """,
    "none": "[namespaces.a]",
}


@pytest.mark.needs("macvlan")
def test_one_version_turns_into_another_and_what_others_have_stays(sandbox: Sandbox) -> None:
    """A parent that goes, is kept or comes, and a run that fails half way: what it made is taken back."""
    sandbox.bash("ip netns add theirs; ip link add name nic up type veth peer name far; ip link set far up", check=True)
    order = [*VERSIONS, *reversed(VERSIONS)]
    networks = {name: Network(sandbox, compiled(f'name = "lab"\n{text}')) for name, text in VERSIONS.items()}
    first = networks[order[0]]
    before = first.state()
    for name in order:
        network = networks[name]
        foreseen = network.foreseen()
        assert network.set_up() == foreseen
        assert (network.drift(), network.foreseen(), network.failures()) == ([], [], [])
    first.set_up()
    first.tear_down()
    assert first.state() == before


@pytest.mark.needs("macvlan")
@pytest.mark.parametrize("version", list(VERSIONS)[:3])
def test_a_run_that_fails_takes_back_its_macvlans_and_nothing_of_others(sandbox: Sandbox, version: str) -> None:
    sandbox.bash("ip netns add theirs; ip link add name nic up type veth peer name far; ip link set far up", check=True)
    sandbox.bash("ip link add name eth0 type veth peer name eth1", check=True)  # of the same name, and not in the way
    sandbox.bash("ip link add name br0 type bridge; ip link add name busy master br0 type veth peer name b", check=True)
    broken = '[macvlans.last]\nparent = "busy"\n[interfaces.busy]\nexternal = true\n'
    network = Network(sandbox, compiled(f'name = "lab"\n{VERSIONS[version]}\n{broken}'))
    before = network.state()
    done = network.run("setup")
    assert (done.returncode, "taking back" in done.stderr) == (1, True)
    assert network.state() == before
