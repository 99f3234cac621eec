"""What new interfaces are to have is set before there are any, in namespaces and on the host."""

from __future__ import annotations

from live.kernel import diff
from live.network import Network, compiled
from live.sandbox import Sandbox

DEFAULTS = """
name = "defaults"
[host.sysctls]
"net.ipv4.conf.default.arp_notify" = 1
[namespaces.a.sysctls]
"net.ipv4.conf.default.proxy_arp" = 1
"net.ipv6.conf.default.disable_ipv6" = 1
[namespaces.a.veths.eth0]
peer = "va"
addresses = ["10.1.0.2/24"]
[namespaces.a.bridges.br0]
"""


def test_every_interface_has_the_defaults_of_its_namespace(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled(DEFAULTS))
    before = network.state()
    assert network.foreseen() == network.set_up()
    conf = "/proc/sys/net/ipv4/conf"
    inside = f"{conf}/eth0/proxy_arp {conf}/br0/proxy_arp {conf.replace('4', '6')}/eth0/disable_ipv6"
    said = sandbox.bash(f"cat {conf}/va/arp_notify; ip netns exec a cat {inside}", check=True).stdout
    assert said.split() == ["1"] * 4
    assert (network.set_up(), network.drift(), network.failures()) == ([], [], [])
    network.tear_down()
    assert diff(before, network.state()) == []
