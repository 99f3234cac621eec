"""A network whose file was edited: the next run leaves nothing of the version before, and any teardown removes all."""

from __future__ import annotations

import pytest

from live.kernel import diff
from live.network import Network, compiled, differences
from live.sandbox import Sandbox

FIRST = """
name = "lab"
[host]
routes = [{ to = "10.9.0.0/16", via = "10.1.0.2" }]
[bridges.br0]
addresses = ["10.1.0.1/24"]
[bridges.gone]
addresses = ["10.5.0.1/24"]
[namespaces.a.veths.eth0]
peer = "va"
bridge = "br0"
addresses = ["10.1.0.2/24", "10.1.9.2/24", "fd00:1::2/64"]
routes = [{ to = "default", via = "10.1.0.1" }]
[namespaces.b.veths.eth0]
peer = "vb"
bridge = "gone"
addresses = ["10.5.0.2/24"]
[namespaces.b.veths.cable]
peer = { namespace = "a", name = "cable", addresses = ["10.6.0.1/24"] }
addresses = ["10.6.0.2/24"]
[namespaces.c.veths.cable]
peer = { namespace = "b", name = "uplink", addresses = ["10.7.0.1/24"] }
addresses = ["10.7.0.2/24"]
[namespaces.d.bridges.inner]
[namespaces.d.veths.port]
master = "inner"
peer = { namespace = "a", name = "inner", addresses = ["10.8.0.2/24"] }
"""

RENAMED = """
name = "lab"
[bridges.br1]
addresses = ["10.1.0.1/24"]
[namespaces.a.veths.eth1]
peer = "va"
bridge = "br1"
addresses = ["10.1.0.2/24"]
routes = [{ to = "default", via = "10.1.0.1" }]
[namespaces.b.veths.eth0]
peer = "renamed"
bridge = "br1"
addresses = ["10.1.0.3/24"]
[namespaces.b.veths.wire]
peer = { namespace = "a", name = "wire", addresses = ["10.6.0.1/24"] }
addresses = ["10.6.0.2/24"]
[namespaces.d2.bridges.inner]
[namespaces.d2.veths.port]
master = "inner"
peer = { namespace = "a", name = "inner", addresses = ["10.8.0.2/24"] }
"""

TURNED_ROUND = """
name = "lab"
[bridges.va]
addresses = ["10.1.0.1/24"]
[namespaces.a.bridges.eth0]
addresses = ["10.2.0.1/24"]
[namespaces.b.veths.eth0]
peer = "br0"
bridge = "va"
addresses = ["10.1.0.2/24"]
[namespaces.b.veths.uplink]
peer = { namespace = "a", name = "cable" }
bridge = "eth0"
addresses = ["10.2.0.2/24"]
[namespaces.a.veths.inner]
peer = { namespace = "b", name = "cable", addresses = ["10.7.0.1/24"] }
addresses = ["10.7.0.2/24"]
"""

LESS = """
name = "lab"
[bridges.br0]
[namespaces.a.veths.eth0]
peer = "va"
bridge = "br0"
addresses = ["10.1.0.2/24"]
"""

NOTHING = 'name = "lab"\n'

VERSIONS = {"first": FIRST, "renamed": RENAMED, "turned round": TURNED_ROUND, "less": LESS, "nothing": NOTHING}


def test_a_later_version_leaves_nothing_of_the_one_before(sandbox: Sandbox) -> None:
    networks = {version: Network(sandbox, compiled(text)) for version, text in VERSIONS.items()}
    first = networks["first"]
    empty = first.state()
    fresh = {}
    for version, network in networks.items():
        network.set_up()
        fresh[version] = network.state()
        network.tear_down()
    first.set_up()
    assert first.foreseen() == []
    others = [version for version in VERSIONS if version != "first"]
    for version in (word for other in others for word in (other, "first")):
        new = networks[version]
        foreseen = new.foreseen()
        assert new.set_up() == foreseen != []
        assert differences(fresh[version], new.state(), ["/run/k8snet: lab/owned"]) == [], version
        assert (new.drift(), new.failures()) == ([], []), version
    networks["renamed"].tear_down()
    assert diff(empty, first.state()) == []


@pytest.mark.parametrize("last", ["renamed", "turned round", "nothing"])
def test_the_teardown_of_any_version_removes_all(sandbox: Sandbox, last: str) -> None:
    old, new = Network(sandbox, compiled(FIRST)), Network(sandbox, compiled(VERSIONS[last]))
    empty = new.state()
    old.set_up()
    foreseen = new.foreseen("teardown")
    assert new.tear_down() == foreseen
    assert diff(empty, new.state()) == []
    assert (old.tear_down(), new.tear_down()) == ([], [])


@pytest.mark.needs("nft_masquerade")
def test_a_masquerade_goes_that_a_later_version_does_not_have(sandbox: Sandbox) -> None:
    plain = """
        name = "lab"
        [namespaces.a.veths.eth0]
        peer = "va"
        addresses = ["10.1.0.2/24"]
        [namespaces.a]
        forwarding = true
        """
    masquerading = plain + 'masquerade = ["10.1.0.0/24"]'
    new, old = Network(sandbox, compiled(plain)), Network(sandbox, compiled(masquerading))
    new.set_up()
    without = new.state()
    old.set_up()
    assert old.set_up() == []
    assert diff(without, new.state()) != []
    assert new.drift() == ["there, not wanted: a: nft table inet k8snet-lab"]
    assert new.set_up() == ["ip netns exec a nft 'delete table inet k8snet-lab'"]
    assert diff(without, new.state()) == []


def test_what_is_no_port_any_more_leaves_its_bridge_which_then_has_its_own_mtu(sandbox: Sandbox) -> None:
    bridge = '\nname = "lab"\n[bridges.br0]\nlladdr = "02:00:00:00:00:01"\n'
    veth = '[namespaces.a.veths.eth0]\npeer = "va"\n'
    before = compiled(f'{bridge}{veth}bridge = "br0"\nmtu = 9000\n')
    after = compiled(f"{bridge}mtu = 9000\n{veth}mtu = 1400\n")
    old, new = Network(sandbox, before), Network(sandbox, after)
    new.set_up()
    fresh = new.state()
    new.tear_down()
    old.set_up()
    assert new.set_up() == [
        "ip link set dev va nomaster",
        "ip link set dev va mtu 1400",
        "ip -n a link set dev eth0 mtu 1400",
        "ip link set dev br0 mtu 9000",
    ]
    assert (new.set_up(), new.drift()) == ([], [])
    # A bridge that had a carrier for a while keeps the link-local address of that time.
    assert differences(fresh, new.state(), ("tso_max_size", "/run/k8snet: lab/owned", "fe80::")) == []


SETTINGS = """
name = "lab"
[bridges.br0]
mtu = 1400
ageing_time = 10
priority = 4096
group_fwd_mask = 8
lladdr = "02:00:00:00:00:01"
[namespaces.a.veths.eth0]
peer = "va"
bridge = "br0"
mtu = 1400
hairpin = true
learning = false
cost = 7
[namespaces.a.sysctls]
"net.ipv4.tcp_ecn" = 1
"net.ipv4.conf.eth0.proxy_arp" = 1
"net.ipv6.conf.eth0.accept_ra" = 0
"net.ipv4.ip_local_port_range" = "1024 2048"
[host.sysctls]
"net.ipv4.conf.va.arp_notify" = 1
"net.ipv4.conf.all.arp_notify" = 1
"""
NO_SETTINGS = """
name = "lab"
[bridges.br0]
lladdr = "02:00:00:00:00:01"
[namespaces.a.veths.eth0]
peer = "va"
bridge = "br0"
"""


def test_a_setting_that_a_later_version_does_not_have_goes_back(sandbox: Sandbox) -> None:
    old, new = Network(sandbox, compiled(SETTINGS)), Network(sandbox, compiled(NO_SETTINGS))
    empty = new.state()
    new.set_up()
    fresh = new.state()
    new.tear_down()
    old.set_up()
    wanted = old.state(identity=True)
    drift, foreseen = new.drift(), new.foreseen()
    assert "there, not wanted: host va port of br0: hairpin true" in drift
    assert "ip netns exec a bash -c 'echo 0 >/proc/sys/net/ipv4/conf/eth0/proxy_arp'" in foreseen
    assert len(drift) == len(foreseen) == 15
    assert new.set_up() == foreseen
    lines = differences(fresh, new.state(), ("tso_max_size", "/run/k8snet: lab/owned", "fe80::"))
    assert lines == []
    assert (new.set_up(), new.drift(), new.failures()) == ([], [], [])
    old.set_up()
    assert differences(wanted, old.state(identity=True), ("tso_max_size",)) == []
    old.tear_down()
    assert diff(empty, old.state()) == []


def test_a_setting_that_somebody_else_has_changed_is_left_alone(sandbox: Sandbox) -> None:
    old, new = Network(sandbox, compiled(SETTINGS)), Network(sandbox, compiled(NO_SETTINGS))
    old.set_up()
    old.do(
        "ip link set dev br0 type bridge priority 8192", "ip netns exec a bash -c 'echo 2 >/proc/sys/net/ipv4/tcp_ecn'"
    )
    foreseen = new.foreseen()
    assert len(foreseen) == 13
    assert [line for line in foreseen if "priority" in line or "tcp_ecn" in line] == []
    assert new.set_up() == foreseen


def test_what_went_back_is_set_again_when_the_run_fails(sandbox: Sandbox) -> None:
    fails = '[namespaces.a]\ncommands = [{ run = ["false"], check = ["false"] }]\n'
    old, new = Network(sandbox, compiled(SETTINGS)), Network(sandbox, compiled(NO_SETTINGS + fails))
    old.set_up()
    wanted = old.state(identity=True)
    assert new.run("setup").returncode == 1
    assert differences(wanted, old.state(identity=True), ("tso_max_size",)) == []
    assert (old.drift(), old.foreseen()) == ([], [])
