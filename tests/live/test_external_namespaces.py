"""Namespaces of others, a container's say: used, given back as they were, and never made or deleted."""

from __future__ import annotations

import pytest

from live.kernel import diff
from live.monitor import Monitor
from live.network import Network, compiled
from live.sandbox import Sandbox

CONTAINER = """
ip netns add web
ip -n web link add name eth0 type veth peer name eth0p
ip -n web link set dev eth0 up
ip -n web address add 10.71.9.2/24 dev eth0
ip -n web route add blackhole 10.71.99.0/24
"""

TOPOLOGY = """
name = "ext"

[bridges.br0]
addresses = ["10.71.0.1/24"]

[namespaces.web]
external = true
forwarding = true
addresses = ["10.71.8.1/32"]
routes = [{ to = "10.71.7.0/24", type = "blackhole" }]
sysctls = { "net.ipv4.conf.eth1.proxy_arp" = 1 }

[namespaces.web.interfaces.eth0]
external = true
addresses = ["10.71.6.1/24"]
routes = [{ to = "10.71.5.0/24", via = "10.71.6.2" }]

[namespaces.web.bridges.inside]
addresses = ["10.71.4.1/24"]

[namespaces.web.veths.eth1]
peer = "v1"
bridge = "br0"
addresses = ["10.71.0.2/24"]

[namespaces.own.veths.eth0]
peer = { namespace = "web", name = "eth2", bridge = "inside" }
addresses = ["10.71.4.2/24"]
"""

WITHOUT = """
name = "ext"
[bridges.br0]
addresses = ["10.71.0.1/24"]
"""


@pytest.fixture
def network(sandbox: Sandbox) -> Network:
    sandbox.bash(f"set -e; {CONTAINER}", check=True)
    return Network(sandbox, compiled(TOPOLOGY))


def test_what_is_changed_behind_the_back_of_setup_is_mended_and_what_others_did_stays(network: Network) -> None:
    before = network.state()
    network.set_up()
    wanted = network.state(identity=True)
    network.do(
        "ip -n web link delete dev eth1",
        "ip -n web address delete 10.71.8.1/32 dev lo",
        "ip -n web address delete 10.71.6.1/24 dev eth0",
        "ip -n web address add 10.71.3.1/24 dev inside",
        "ip -n web route delete blackhole 10.71.7.0/24",
        "ip netns exec web bash -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'",
    )
    foreseen = network.foreseen()
    assert "wanted, not there: web lo: inet 10.71.8.1/32" in network.drift()
    assert network.set_up() == foreseen
    assert network.drift() == network.failures() == []
    assert [line for line in diff(wanted, network.state(identity=True)) if "ifindex" not in line] == []
    foreign = ("address {} 10.71.2.1/32 dev lo", "address {} 10.71.2.2/24 dev eth0", "route {} blackhole 10.71.1.0/24")
    network.do(*(f"ip -n web {words.format('add')}" for words in foreign))
    with Monitor(network.sandbox) as monitor:
        assert network.set_up() == []
    assert monitor.events == []
    network.tear_down()
    network.do(*(f"ip -n web {words.format('delete')}" for words in foreign))
    assert diff(before, network.state()) == []


BEFORE = """
name = "before"

[namespaces.web]
external = true

[namespaces.web.veths.eth1]
peer = { name = "v1", addresses = ["10.72.0.1/24", "fd00:72::1/64"] }
addresses = ["10.72.0.2/24", "fd00:72::2/64"]
routes = [
    { to = "default", via = "10.72.0.1", prepend = true },
    { to = "default", via = "fd00:72::1", prepend = true },
]
"""
ITS_OWN = """
ip -n web address add fd00:71::2/64 dev eth0 nodad
ip -n web link set dev eth0p up
ip -n web route add default via 10.71.9.1
ip -n web route add default via fd00:71::1 dev eth0
"""
SHOW = """
for ((look = 0; look < 100; look++)); do
    left=$(ip -n web route show default; ip -n web -6 route show default)
    if [[ $left == *fd00:71::1* && $left != *:72:* ]]; then break; fi
    sleep 0.02
done
echo "$left"
"""
"""The routes of a namespace that lead everywhere.  Some kernels list nothing while they remove one."""


def test_a_route_comes_before_one_of_others_which_stays(network: Network) -> None:
    network.sandbox.bash(f"set -e; {ITS_OWN}", check=True)
    network = Network(network.sandbox, compiled(BEFORE))
    network.set_up()
    assert network.drift() == network.failures() == network.set_up() == []
    network.do("ip -n web -6 route append default via fd00:72::7 dev eth1 metric 1024")
    assert network.set_up() == ["ip -n web route delete ::/0 via fd00:72::7 dev eth1 metric 1024"]
    network.do("ip -n web -6 route delete default via fd00:72::1 dev eth1 metric 1024")
    assert network.set_up() == ["ip -n web route prepend default via fd00:72::1 dev eth1"]
    network.tear_down()
    left = network.sandbox.bash(SHOW, check=True).stdout
    assert [line.split()[:3] for line in left.splitlines()] == [
        ["default", "via", "10.71.9.1"],
        ["default", "via", "fd00:71::1"],
    ]


def test_it_has_to_be_there(network: Network) -> None:
    network.do("ip netns delete web")
    before = network.state(identity=True)
    done = network.run("setup")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "setup.sh: refused: namespace web has to exist before setup, and does not\n"
    assert diff(before, network.state(identity=True)) == []


def test_a_foreign_interface_of_a_wanted_name_in_it_is_refused_and_can_be_adopted(network: Network) -> None:
    network.do("ip link add name v1 type veth peer name eth1 netns web")
    before = network.state(identity=True)
    done = network.run("setup")
    assert done.returncode == 1
    assert "interface eth1 (web) exists, and this topology did not make it (--adopt takes it over)" in done.stderr
    assert diff(before, network.state(identity=True)) == []
    network.set_up("--adopt")
    assert network.drift() == []


def test_a_command_that_fails_leaves_it_as_it_was(network: Network) -> None:
    before = network.state()
    text = network.text("setup").replace("address add 10.71.4.2/24", "address add 10.71.4.299/24")
    done = network.sandbox.bash(text)
    assert done.returncode == 1
    assert "taking back what this run has done" in done.stderr
    assert diff(before, network.state()) == []


@pytest.mark.parametrize(
    "successor", [None, "ip netns add web; ip netns exec web bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'"]
)
def test_teardown_when_it_is_gone_or_another_one_has_its_name(network: Network, successor: str | None) -> None:
    network.set_up()
    network.do("ip netns delete web", successor or ":")
    standing = network.state()["namespaces"].get("web")
    foreseen = network.foreseen("teardown")
    assert network.tear_down() == foreseen == [command for command in foreseen if " web " not in command]
    assert sorted(network.state()["namespaces"]) == ["host", *(["web"] if successor else [])]
    assert network.state()["namespaces"].get("web") == standing
    assert network.state()["files"] == {}


def test_setup_wires_the_one_that_has_its_name_now(network: Network) -> None:
    network.set_up()
    network.do("ip netns delete web", *CONTAINER.strip().splitlines())
    before = network.state()["namespaces"]["web"]
    network.set_up()
    assert network.drift() == network.failures() == []
    network.tear_down()
    assert network.state()["namespaces"]["web"] == before


def test_a_later_version_that_does_not_use_it_leaves_it_as_it_was(network: Network) -> None:
    before = network.state()["namespaces"]["web"]
    later = Network(network.sandbox, compiled(WITHOUT))
    network.set_up()
    foreseen = later.foreseen()
    assert later.set_up() == foreseen
    assert later.drift() == []
    assert network.state()["namespaces"]["web"] == before
    network.set_up()
    later.tear_down()
    assert network.state()["namespaces"]["web"] == before


def test_one_that_was_ours_can_be_given_away(network: Network) -> None:
    network.do("ip netns delete web")
    ours = Network(network.sandbox, compiled('name = "ext"\n[namespaces.web]\n'))
    ours.set_up()
    theirs = Network(network.sandbox, compiled('name = "ext"\n[namespaces.web]\nexternal = true\n'))
    assert theirs.set_up() == []
    theirs.tear_down()
    assert sorted(network.state()["namespaces"]) == ["host", "web"]
