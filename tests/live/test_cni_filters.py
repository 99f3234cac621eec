"""What the plugins `portmap` and `firewall`, and `macspoofchk`, do to traffic: our scripts do the same.

The reference attaches pods on one node, setup.sh on another one; then it is tried from everywhere what arrives, and
whose it seems to be.  The rules of the table `filter` are equal word by word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from live.kernel import diff
from live.masquerading import Opened, observe_sources, source_differences
from live.network import Network as Scripted
from live.node import node, whole_state
from live.reference_plugins import Reference
from live.sandbox import Sandbox
from live.settle import settle
from live.test_cni_reference import LOOPBACK, compiled_pods

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

Json = dict[str, Any]

BRIDGE: Json = {
    "type": "bridge",
    "bridge": "br-t",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.22.0.0/24"}], [{"subnet": "fd00:22::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    },
}
MAPPINGS = [
    {"hostPort": 8080, "containerPort": 9, "protocol": "tcp"},
    {"hostPort": 5353, "containerPort": 9, "protocol": "udp"},
    {"hostPort": 8081, "containerPort": 9, "protocol": "tcp", "hostIP": "127.0.0.1"},
    {"hostPort": 8082, "containerPort": 9, "protocol": "tcp", "hostIP": "192.0.2.1"},
    {"hostPort": 8083, "containerPort": 9, "protocol": "udp", "hostIP": "fd00:22::1"},
    {"hostPort": 8084, "containerPort": 9, "protocol": "tcp", "hostIP": "0.0.0.0"},
]
OPENED = tuple(Opened("web", int(str(item["hostPort"])), str(item["protocol"])) for item in MAPPINGS)

FIRST: Json = {
    "cniVersion": "1.0.0",
    "name": "filtered",
    "plugins": [
        {**BRIDGE, "hairpinMode": True, "macspoofchk": True},
        {"type": "portmap", "capabilities": {"portMappings": True}, "runtimeConfig": {"portMappings": MAPPINGS}},
        {"type": "firewall", "ingressPolicy": "same-bridge", "iptablesAdminChainName": "OURS"},
    ],
}
OPTIONS: Json = {
    "snat": False,
    "conditionsV4": ["!", "-s", "192.0.2.2/32"],
    "conditionsV6": ["-d", "fd00:22::/64"],
    "runtimeConfig": {"portMappings": MAPPINGS[:2]},
}
SECOND: Json = {**FIRST, "plugins": [BRIDGE, {"type": "firewall"}, {"type": "portmap", **OPTIONS}]}


@contextmanager
def both(configuration: Json, pods: Sequence[str]) -> Iterator[tuple[Sandbox, Sandbox]]:
    """A node of the reference and one of ours.  Our scripts find nothing to do then, nothing wrong, and leave nothing."""
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        reference = Reference(theirs, configuration)
        for sandbox in (theirs, ours):
            let_forward(sandbox, "ACCEPT")
        before = whole_state(ours)
        for pod in pods:
            reference.make_namespace(pod)
            assert Reference(theirs, LOOPBACK).add(pod).result
            assert reference.add(pod).result
        scripted = Scripted(ours, compiled_pods(json.dumps(configuration), pods))
        scripted.set_up()
        for sandbox in (theirs, ours):
            settle(sandbox)
        yield theirs, ours
        assert (scripted.set_up(), scripted.drift(), scripted.failures()) == ([], [], [])
        scripted.tear_down()
        assert "\n".join(diff(before, whole_state(ours))) == ""


def let_forward(sandbox: Sandbox, policy: str) -> None:
    """What becomes of packets that no rule of iptables says anything about."""
    sandbox.bash(f"iptables -P FORWARD {policy}; ip6tables -P FORWARD {policy}", check=True)


def rules(sandbox: Sandbox) -> list[str]:
    """The table `filter` of both families, without the order of chains."""
    return sorted(sandbox.bash("iptables -S; ip6tables -S", check=True).stdout.splitlines())


def test_ports_lead_to_a_pod_which_is_let_through_and_cannot_take_another_mac_address() -> None:
    pod, local = "web 10.22.0.2", "/proc/sys/net/ipv4/conf/br-t/route_localnet"
    with both(FIRST, ("web",)) as (theirs, ours):
        assert (rules(ours), ours.bash(f"cat {local}").stdout) == (rules(theirs), theirs.bash(f"cat {local}").stdout)
        assert "\n".join(source_differences(theirs, ours, ("web",), OPENED)) == ""
        seen = observe_sources(ours, ("web",), ports=OPENED[:1])
        assert seen["world 192.0.2.2 to web 192.0.2.1 connection 8080"] == "192.0.2.2"
        assert seen["world 2001:db8:ffff::2 to web 2001:db8:ffff::1 connection 8080"] == "2001:db8:ffff::2"
        assert seen["host 127.0.0.1 to web 127.0.0.1 connection 8080"] == "10.22.0.1"
        assert seen[f"{pod} to web 192.0.2.1 connection 8080"] == "10.22.0.1"

        for sandbox in (theirs, ours):
            let_forward(sandbox, "DROP")
        assert "\n".join(source_differences(theirs, ours, ("web",), OPENED[:2])) == ""
        seen = observe_sources(ours, ("web",))
        assert (seen[f"{pod} to world 192.0.2.2"], seen["world 192.0.2.2 to web 10.22.0.2"]) == ("192.0.2.1", None)

        for sandbox in (theirs, ours):
            let_forward(sandbox, "ACCEPT")
            sandbox.bash("ip -n web link set dev eth0 address 02:00:00:00:00:99", check=True)
            assert not any(source for name, source in observe_sources(sandbox, ("web",)).items() if "web" in name)
        Scripted(ours, compiled_pods(json.dumps(FIRST), ("web",))).set_up()
        assert observe_sources(ours, ("web",))[f"{pod} to world 192.0.2.2"] == "192.0.2.1"


def test_ports_under_conditions_and_several_pods_that_are_let_through() -> None:
    pods = ("web",)
    with both(SECOND, pods) as (theirs, ours):
        assert rules(ours) == rules(theirs)
        assert "\n".join(source_differences(theirs, ours, pods, OPENED[:2])) == ""
