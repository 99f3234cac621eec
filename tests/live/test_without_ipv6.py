"""A kernel without IPv6: what does not need it works, and what does is refused before anything is changed."""

from __future__ import annotations

import pytest

from live.kernel import diff
from live.network import Network, compiled
from live.sandbox import Sandbox

IPV4 = """
name = "lab"
[namespaces.a]
forwarding = true
[namespaces.a.sysctls]
"net.ipv6.conf.all.disable_ipv6" = 1
"net.ipv6.conf.eth0.accept_ra" = 0
[namespaces.a.veths.eth0]
peer = "va"
addresses = ["10.1.0.2/24"]
"""
IPV6 = IPV4.replace('"10.1.0.2/24"', '"10.1.0.2/24", "fd00::2/64"').replace("all.disable_ipv6", "all.accept_ra")


@pytest.fixture
def old(sandbox: Sandbox) -> Sandbox:
    sandbox.bash("mount -n -t tmpfs tmpfs /proc/sys/net/ipv6", check=True)
    return sandbox


def test_settings_of_ipv6_say_nothing_where_there_is_none(old: Sandbox) -> None:
    network = Network(old, compiled(IPV4))
    before = network.state()
    assert [line for line in network.set_up() if "ipv6" in line] == []
    assert (network.set_up(), network.drift(), network.failures()) == ([], [], [])
    network.tear_down()
    assert diff(before, network.state()) == []


def test_a_network_that_needs_ipv6_is_refused_where_there_is_none(old: Sandbox) -> None:
    network = Network(old, compiled(IPV6))
    before = network.state()
    done = network.run("setup")
    said = "this kernel has no IPv6 (there is no /proc/sys/net/ipv6), and it is needed: a eth0: inet6 fd00::2/64"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"setup.sh: refused: {said}\n")
    assert diff(before, network.state()) == []
