"""What compares our scripts with the reference plugins: it finds what differs, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from live import reference_plugins
from live.cni_configurations import Network, networks
from live.examples import examples
from live.masquerading import PATIENT, observe_sources, source_differences, unequal_sources
from live.node import differences, node, node_state
from live.reference_plugins import Reference
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

PODS = ("nginx", "web", "db")
DUAL: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "name": "dual",
    "type": "bridge",
    "bridge": "br-t",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.30.0.0/24"}], [{"subnet": "fd00:30::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    },
}

FEW = examples(2)


def attach(sandbox: Sandbox, configuration: dict[str, Any], *pods: str) -> Reference:
    """Have the reference attach pods, which must succeed."""
    reference = Reference(sandbox, configuration)
    for pod in pods:
        reference.make_namespace(pod)
        assert reference.add(pod).result
    return reference


@contextmanager
def two_nodes() -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two nodes with the same pods, attached by the reference."""
    with node(hasty=True) as one, node(hasty=True) as other:
        for sandbox in (one, other):
            attach(sandbox, DUAL, *PODS)
        yield one, other


@pytest.fixture(scope="module")
def two(privileges: None) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two such nodes for all tests that leave them with these pods."""
    with two_nodes() as nodes:
        yield nodes


END = r"""
set -e
end() {
    local index
    index=$(ip -n "$1" -o link show dev eth0 | sed 's/.*@if\([0-9]*\):.*/\1/')
    ip -o link show | sed -n "s/^$index: \([^@]*\)@.*/\1/p"
}
cd /var/lib/cni/networks/dual
"""
"""Shell for what follows: `end POD` says the name of the host's end of a pod's veth."""


CHANGES = {
    "ip -n web link set dev eth0 mtu 1400": "web: links: eth0: mtu: 1500 -> 1400",
    "ip -n web link set dev lo up": "web: links: lo: flags: LOOPBACK -> LOOPBACK UP",
    "ip -n web link set dev eth0 promisc on": "web: links: eth0: flags: BROADCAST MULTICAST UP -> BROADCAST MULTICAST",
    "ip -n nginx address add 10.30.0.99/32 dev eth0": "nginx: addresses: eth0: family inet local 10.30.0.99 ",
    "ip -n nginx -6 address delete fd00:30::2/64 dev eth0": "nginx: addresses: eth0: family inet6 local fd00:30::2 ",
    "ip -n db route delete default": "db: routes: -4 type unicast dst default gateway 10.30.0.1 ",
    "ip -n db -6 route change default via fd00:30::1 metric 1024 mtu 1300": "db: routes: -6 type unicast dst default ",
    "ip -n db rule add from 10.99.0.0/16 lookup 7": "db: rules: -4 priority 32765 src 10.99.0.0 ",
    "echo 0 | ip netns exec web tee /proc/sys/net/ipv4/conf/eth0/arp_notify": (
        "web: sysctls: net.ipv4.conf.eth0: arp_notify: 1 -> 0"
    ),
    "echo 1 | ip netns exec web tee /proc/sys/net/ipv6/conf/eth0/accept_dad": (
        "web: sysctls: net.ipv6.conf.eth0: accept_dad: 0 -> 1"
    ),
    "echo 1 >/proc/sys/net/ipv6/conf/$(end db)/accept_ra": "host: sysctls: net.ipv6.conf.veth(db): accept_ra: 0 -> 1",
    "echo 1 >/proc/sys/net/ipv6/conf/br-t/accept_ra": "host: sysctls: net.ipv6.conf.br-t: accept_ra: 0 -> 1",
    "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding": "host: sysctls: net.ipv6.conf.all: forwarding: 1 -> 0",
    "echo 0 >/proc/sys/net/ipv4/ip_forward": "host: sysctls: net.ipv4: ip_forward: 1 -> 0",
    "ip link set dev $(end db) mtu 1400": "host: links: veth(db): mtu: 1500 -> 1400",
    "ip link set dev $(end db) address 02:00:00:00:00:07": (
        "host: links: veth(db): address: (drawn by the kernel) -> (fixed)"
    ),
    "ip link set dev $(end db) alias database": "host: links: veth(db): ifalias: new, database",
    "ip link set dev $(end web) type bridge_slave hairpin on": "host: links: veth(web): port: hairpin: False -> True",
    "ip link set dev $(end nginx) nomaster": "host: links: veth(nginx): master: gone, was br-t",
    "ip link set dev br-t promisc on": "host: links: br-t: flags: BROADCAST MULTICAST UP -> BROADCAST MULTICAST PROMISC",
    "ip link set dev br-t type bridge ageing_time 4000": "host: links: br-t: options: ageing_time: 30000 -> 4000",
    "ip link set dev br-t txqueuelen 500": "host: links: br-t: txqlen: 1000 -> 500",
    "ip address add 10.30.0.77/24 dev br-t": "host: addresses: br-t: family inet local 10.30.0.77 ",
    "ip address delete fd00:30::1/64 dev br-t": "host: addresses: br-t: family inet6 local fd00:30::1 ",
    "ip route add 10.98.0.0/16 via 192.0.2.2": "host: routes: -4 type unicast dst 10.98.0.0/16 ",
    "nft 'table inet other { chain fence { type filter hook forward priority 0; policy drop; }; }'": (
        'host: filters: {"family": "inet", "hook": "forward", '
    ),
    "rm 10.30.0.3": "/var/lib/cni: networks/dual/10.30.0.3: gone, was f 644 ",
    "printf 'web\\neth0' >10.30.0.2": "/var/lib/cni: networks/dual/10.30.0.2: f 644 ",
    "chmod 600 last_reserved_ip.0": "/var/lib/cni: networks/dual/last_reserved_ip.0: f 644 MTAuMzAuMC40 -> f 600 ",
    "touch 10.30.0.9": "/var/lib/cni: networks/dual/10.30.0.9: new, f 644",
    "mkdir ../other": "/var/lib/cni: networks/other: new, d 755",
    "chmod 700 .": "/var/lib/cni: networks/dual: d 755 -> d 700",
    "ip netns add another": "another: new, ",
}
"""What a script could do otherwise than the reference, each with the beginning of the line that says so."""


ALONE = ("ip link set dev $(end web) type bridge_slave hairpin on", "ip -n db route delete default", "rm 10.30.0.3")
"""Those of them that are found one by one."""

OURS = (
    "ip link set dev $(end web) name k8s-web",
    "ip link set dev $(end db) group 77 txqueuelen 1000",
    "ip -n db link set dev eth0 group 77 txqueuelen 1000",
    "ip link set dev br-t group 77",
    "mkdir -p /run/k8snet/dual",
    "touch /run/k8snet/dual/owned",
)
"""Names, marks and records of our scripts, which are no difference."""


def test_every_change_is_found_and_named() -> None:
    with two_nodes() as (one, other):
        reference = node_state(one, PODS)

        def found(*commands: str) -> list[str]:
            other.bash("\n".join((END, *commands)), check=True)
            return differences(reference, node_state(other, PODS))

        before = found()
        assert before == found(*OURS) == []
        for change in ALONE:
            lines = found(change)
            (line,) = (line for line in lines if line not in before)
            assert line.startswith(CHANGES[change]) and set(before) < set(lines)
            before = lines
        lines = found(*(change for change in CHANGES if change not in ALONE))
        assert [start for start in CHANGES.values() if not any(line.startswith(start) for line in lines)] == []
        lines = found("ip -n web link delete dev eth0")
        assert any(line.startswith("host: links: veth(web): gone") for line in lines)
        assert any(line.startswith("web: links: eth0: gone") for line in lines)


def test_a_bridge_whose_address_nobody_fixed_is_found() -> None:
    with node(hasty=True) as one, node(hasty=True) as other:
        for sandbox, is_gateway in ((one, True), (other, False)):
            attach(sandbox, {**DUAL, "isGateway": is_gateway}, "web")
        lines = differences(node_state(one, ["web"]), node_state(other, ["web"]))
    assert "host: links: br-t: address: (fixed) -> (drawn by the kernel)" in lines


# Translation of addresses

RULES = """
iptables -t nat -F
ip6tables -t nat -F
nft -f - <<'END'
table inet ours {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        {rules}
    }}
}}
END
"""
EQUAL = """
ip saddr { 10.30.0.2, 10.30.0.3, 10.30.0.4 } ip daddr != { 10.30.0.0/24, 224.0.0.0/4 } masquerade
ip6 saddr { fd00:30::2, fd00:30::3, fd00:30::4 } ip6 daddr != { fd00:30::/64, ff00::/8 } masquerade
"""
TRANSLATIONS = {
    "": [
        "nginx 10.30.0.2 to world 192.0.2.2: arrives from 192.0.2.1 -> arrives from 10.30.0.2",
        "db fd00:30::4 to world 2001:db8:ffff::2: arrives from 2001:db8:ffff::1 -> arrives from fd00:30::4",
    ],
    EQUAL.replace("10.30.0.3,", ""): [
        "web 10.30.0.3 to world 192.0.2.2: arrives from 192.0.2.1 -> arrives from 10.30.0.3"
    ],
    EQUAL.replace("{ 10.30.0.2, 10.30.0.3, 10.30.0.4 }", "10.30.0.0/24"): [
        "host 10.30.0.1 to world 192.0.2.2: arrives from 10.30.0.1 -> arrives from 192.0.2.1",
        "nginx 10.30.0.254 to world 192.0.2.2: arrives from 10.30.0.254 -> arrives from 192.0.2.1",
    ],
    EQUAL + "masquerade": [
        "host 192.0.2.1 to nginx 10.30.0.2: arrives from 192.0.2.1 -> arrives from 10.30.0.1",
        "world 192.0.2.2 to web 10.30.0.3: arrives from 192.0.2.2 -> arrives from 10.30.0.1",
    ],
    "ip saddr 10.30.0.4 drop\n" + EQUAL: [
        "db 10.30.0.4 to world 192.0.2.2: arrives from 192.0.2.1 -> does not arrive",
    ],
}
"""Rules in the place of the reference's, and differences that they make."""


def test_rules_are_equal_if_they_do_the_same() -> None:
    with two_nodes() as (one, other):
        other.bash(RULES.format(rules=EQUAL), check=True)
        assert source_differences(one, other, PODS) == []
        reference = observe_sources(one, PODS)
        for rules, expected in TRANSLATIONS.items():
            other.bash("nft delete table inet ours\n" + RULES.format(rules=rules), check=True)
            lines = unequal_sources(reference, observe_sources(other, PODS, PATIENT))
            assert [line for line in expected if line not in lines] == [], rules
        lines = source_differences(one, other, PODS)
        assert [line for line in expected if line not in lines] == []


def test_every_pair_is_observed(two: tuple[Sandbox, Sandbox]) -> None:
    sources = observe_sources(two[0], PODS)
    assert None not in sources.values()
    for pod, last in zip(PODS, (2, 3, 4), strict=True):
        assert sources[f"{pod} 10.30.0.{last} to world 192.0.2.2"] == "192.0.2.1"
        assert sources[f"{pod} fd00:30::{last} to world 2001:db8:ffff::2"] == "2001:db8:ffff::1"
        assert sources[f"{pod} fd00:30::{last} to host fd00:30::1"] == f"fd00:30::{last}"
        assert sources[f"host 10.30.0.1 to {pod} 10.30.0.{last}"] == "10.30.0.1"
        assert sources[f"world 192.0.2.2 to {pod} 10.30.0.{last}"] == "192.0.2.2"
    assert sources["nginx 10.30.0.2 to db 10.30.0.4"] == "10.30.0.2"


# The reference itself


@FEW
@given(network=networks())
def test_the_reference_carries_out_every_network_and_equals_itself(network: Network) -> None:
    with node(hasty=True) as one, node(hasty=True) as other:
        for sandbox in (one, other):
            attach(sandbox, network.configuration, *network.pods)
        states = [node_state(sandbox, network.pods) for sandbox in (one, other)]
        assert differences(*states) == []
        assert source_differences(one, other, network.pods) == []


def test_results_errors_and_status_are_those_of_the_plugin(two: tuple[Sandbox, Sandbox]) -> None:
    one, _ = two
    reference = Reference(one, DUAL)
    reference.make_namespace("cache")
    result = reference.add("cache").result
    assert [ip["address"] for ip in result["ips"]] == ["10.30.0.5/24", "fd00:30::5/64"]
    assert reference.check("cache").status == 0
    again = reference.add("cache")
    assert (again.status, again.error["code"]) == (1, 999)
    with pytest.raises(AssertionError, match="already exists"):
        assert again.result
    one.run(["ip", "-n", "cache", "address", "delete", "10.30.0.5/24", "dev", "eth0"], check=True)
    assert reference.check("cache").error["code"] == 999
    assert [reference.delete("cache").status for _ in range(2)] == [0, 0]
    with pytest.raises(AssertionError, match="did not fail"):
        assert reference.delete("cache").error


def test_a_chain_is_called_plugin_by_plugin_and_ends_in_reverse() -> None:
    bridge = {key: value for key, value in DUAL.items() if key not in ("name", "cniVersion")}
    tuning = {"type": "tuning", "mtu": 1300}
    chain = {"cniVersion": "1.0.0", "name": "dual", "plugins": [bridge, tuning]}
    with node(hasty=True) as sandbox:
        reference = attach(sandbox, chain, "web")
        links = node_state(sandbox, ["web"])["namespaces"]["web"]["links"]
        assert links["eth0"]["mtu"] == "1300"
        assert reference.check("web").status == 0
        assert reference.delete("web").status == 0
        assert list(node_state(sandbox, ["web"])["namespaces"]["web"]["links"]) == ["lo"]
        reference = Reference(sandbox, {**chain, "plugins": [tuning, bridge]})  # which has no interface to tune
        assert reference.add("web").status == 1
        assert list(node_state(sandbox, ["web"])["namespaces"]["web"]["links"]) == ["lo"]


def test_nothing_is_recorded_on_the_machine_itself(two: tuple[Sandbox, Sandbox]) -> None:
    assert "/var/lib/cni/networks/dual" in two[0].run(["ls", "-d", "/var/lib/cni/networks/dual"]).stdout
    assert not os.path.lexists("/var/lib/cni/networks/dual")


@pytest.mark.parametrize("lacks", ["bridge", "host-local"])
def test_a_plugin_that_is_not_installed_fails_the_test_with_the_remedy(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    for plugin in {"bridge", "host-local"} - {lacks}:
        (tmp_path / plugin).touch(0o755)
    monkeypatch.setattr(reference_plugins, "DIRECTORY", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match=f"/{lacks};.*`apt-get install containernetworking-plugins`"):
        Reference(sandbox, DUAL)
