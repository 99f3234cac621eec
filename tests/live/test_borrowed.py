"""What is on the machine already is used and given back as it was: external bridges and ports, and the host itself."""

from __future__ import annotations

import pytest

from live.kernel import diff, snapshot
from live.monitor import Monitor
from live.network import Network, compiled
from live.sandbox import Sandbox

MACHINE = """
ip netns add machine
for number in 0 1 2; do
    ip link add name ext$number type veth peer name far$number netns machine
    ip link set dev ext$number up
    ip -n machine link set dev far$number up
done
ip link add name old address 02:00:00:00:00:01 type bridge
ip link add name lan address 02:00:00:00:00:02 type bridge
ip link set dev old up
ip link set dev lan up
ip link set dev ext0 master old
ip link set dev ext0 type bridge_slave cost 9 isolated on learning off
ip link set dev ext2 master lan
ip link set dev ext2 type bridge_slave cost 5 hairpin on
ip address add 10.99.0.1/24 dev lan
ip address add 10.99.2.1/24 dev ext1
ip route add 10.99.3.0/24 via 10.99.2.2
"""

BORROWING = """
name = "borrowing"
[host]
addresses = ["10.9.0.1/32", "fd00:9:9::1/128"]
routes = [{ to = "10.9.9.0/24", via = "10.9.1.9" }, { to = "10.9.8.0/24", type = "blackhole" }]
forwarding = true
[host.sysctls]
"net.ipv4.conf.ext1.proxy_arp" = 1
[bridges.lan]
external = true
addresses = ["10.9.1.1/24", "fd00:9::1/64"]
routes = [{ to = "fd00:99::/64", via = "fd00:9::9" }]
[bridges.br0]
[interfaces.ext0]
external = true
bridge = "br0"
hairpin = true
cost = 7
[interfaces.ext1]
external = true
addresses = ["10.9.2.1/24"]
routes = [{ to = "10.9.3.0/24", via = "10.9.2.2" }, { to = "default", via = "10.9.2.3", metric = 9 }]
[interfaces.ext2]
external = true
bridge = "lan"
isolated = true
cost = 8
[namespaces.n1.veths.eth0]
peer = "v1"
bridge = "lan"
addresses = ["10.9.1.2/24"]
[namespaces.n2.veths.eth0]
peer = "v2"
bridge = "br0"
addresses = ["10.9.4.2/24"]
"""

LESS = """
name = "borrowing"
[host]
addresses = ["fd00:9:9::1/128"]
[bridges.br0]
[interfaces.ext0]
external = true
bridge = "br0"
hairpin = true
[namespaces.n2.veths.eth0]
peer = "v2"
bridge = "br0"
addresses = ["10.9.4.2/24"]
"""

FACTS = [
    ("host: net.ipv4.conf.ext1.proxy_arp 1", "echo 0 >/proc/sys/net/ipv4/conf/ext1/proxy_arp"),
    ("host lo: inet 10.9.0.1/32", "ip address delete 10.9.0.1/32 dev lo"),
    ("host ext0: master br0", "ip link set dev ext0 nomaster"),
    ("host ext2 port of lan: cost 8", "ip link set dev ext2 type bridge_slave cost 9"),
    ("host lan: inet 10.9.1.1/24", "ip address delete 10.9.1.1/24 dev lan"),
    ("host: inet route default via 10.9.2.3 dev ext1 metric 9", "ip route delete default"),
    ("host: inet route blackhole 10.9.8.0/24", "ip route delete blackhole 10.9.8.0/24"),
]
"""Facts on what is not ours, and commands that end them behind the script's back."""


@pytest.fixture
def borrowing(sandbox: Sandbox) -> Network:
    sandbox.bash(f"set -e; {MACHINE}", check=True)
    return Network(sandbox, compiled(BORROWING))


def test_what_was_borrowed_is_given_back_as_it_was(borrowing: Network) -> None:
    before = borrowing.state()
    borrowing.set_up()
    assert borrowing.drift() == []
    assert borrowing.failures() == []
    with Monitor(borrowing.sandbox) as monitor:
        assert borrowing.set_up() == []
    assert monitor.events == []
    borrowing.tear_down()
    assert diff(before, borrowing.state()) == []
    assert borrowing.tear_down() == []


def test_what_drifted_on_borrowed_things_is_mended_and_still_given_back(borrowing: Network) -> None:
    before = borrowing.state()
    borrowing.set_up()
    wanted = borrowing.state(identity=True)
    borrowing.do(*(change for _, change in FACTS))
    drift = borrowing.drift()
    assert [fact for fact, _ in FACTS if f"wanted, not there: {fact}" not in drift] == []
    foreseen = borrowing.foreseen()
    assert borrowing.set_up() == foreseen
    assert diff(wanted, borrowing.state(identity=True)) == []
    borrowing.tear_down()
    assert diff(before, borrowing.state()) == []


def test_what_others_did_to_borrowed_things_is_left_alone(borrowing: Network) -> None:
    borrowing.do(
        "ip address add 10.77.0.1/24 dev ext1",
        "ip address add 10.77.1.1/24 dev lan",
        "ip address add 10.77.2.1/32 dev lo",
        "ip route add 10.78.0.0/16 via 10.77.0.2",
        "ip route add blackhole 10.79.0.0/16",
        "ip link set dev ext1 mtu 1400",
    )
    before = borrowing.state()
    borrowing.set_up()
    borrowing.do("ip address add 10.77.3.1/24 dev ext1", "ip route add blackhole 10.80.0.0/16")
    assert borrowing.drift() == []
    assert borrowing.set_up() == []
    borrowing.tear_down()
    borrowing.do("ip address delete 10.77.3.1/24 dev ext1", "ip route delete blackhole 10.80.0.0/16")
    assert diff(before, borrowing.state()) == []


def test_what_others_changed_since_is_not_changed_back(borrowing: Network) -> None:
    borrowing.set_up()
    borrowing.do(
        "echo 0 >/proc/sys/net/ipv4/conf/ext1/proxy_arp",
        "ip link set dev ext2 type bridge_slave cost 77",
        "ip route change default via 10.9.2.4 metric 9",
        "ip link set dev ext0 nomaster",
    )
    commands = borrowing.tear_down()
    assert not [line for line in commands for word in ("proxy_arp", "cost", "default", "ext0") if word in line]
    links = borrowing.state()["namespaces"]["host"]["links"]
    assert links["ext2"]["port"]["cost"] == "77"
    assert "master" not in links["ext0"]


def test_what_a_later_version_does_not_borrow_is_given_back_by_it(borrowing: Network) -> None:
    before = borrowing.state()
    less = Network(borrowing.sandbox, compiled(LESS))
    less.set_up()
    wanted = less.state()
    less.tear_down()
    borrowing.set_up()
    foreseen = less.foreseen()
    assert less.set_up() == foreseen
    assert less.drift() == []
    lines = diff(wanted, less.state())
    assert [line for line in lines if "/run/k8snet: borrowing/owned" not in line and "cost" not in line] == []
    borrowing.tear_down()
    assert diff(before, borrowing.state()) == []


def test_what_has_to_be_there_is_asked_for_before_the_first_change(borrowing: Network) -> None:
    lacking = (
        ("ip link delete dev lan", "lan: bridge"),
        ("ip link add name lan type veth peer name lan2", "lan: bridge"),
        ("ip link delete dev lan; ip link add name lan type bridge; ip link delete dev ext1", "ext1: exists"),
    )
    for change, fact in lacking:
        borrowing.do(change)
        before = borrowing.state(identity=True)
        done = borrowing.run("setup")
        message = f"setup.sh: refused: host {fact}: has to be so before setup, and is not\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
        assert diff(before, snapshot(borrowing.sandbox, identity=True)) == []


def test_teardown_does_without_what_is_gone(borrowing: Network) -> None:
    borrowing.set_up()
    borrowing.do("ip link delete dev ext1", "ip link delete dev lan", "ip link delete dev br0")
    borrowing.tear_down()
    assert sorted(borrowing.state()["namespaces"]) == ["host", "machine"]
    assert sorted(borrowing.state()["namespaces"]["host"]["links"]) == ["ext0", "ext2", "lo", "old"]
