"""Where the reference fails, k8snet as a plugin does not: each case shows both, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from live.kernel import HOST, State, diff
from live.masquerading import observe_sources
from live.node import RECORDS, WORLD, node, whole_state, without_traces
from live.normalise import NO_MAC
from live.reference_plugins import Reference
from live.runtime import Json, Runtime, Wishes
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

HOST_LOCAL: Json = {"type": "host-local", "subnet": "10.22.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
PLAIN: Json = {"cniVersion": "1.0.0", "name": "net", "type": "bridge", "bridge": "br-t", "ipam": HOST_LOCAL}
GATEWAY: Json = {**PLAIN, "isGateway": True}
MASQUERADED: Json = {**GATEWAY, "ipMasq": True}
NEWEST: Json = {**MASQUERADED, "cniVersion": "1.1.0"}
OUTSIDE = Wishes("IgnoreUnknown=1;IP=10.99.0.1")


class Pair:
    """Two nodes: on one of them there is the reference, on the other one k8snet."""

    def __init__(self, theirs: Sandbox, ours: Sandbox, plugins: str) -> None:
        self.theirs = theirs
        self.ours = ours
        self._plugins = plugins

    def runtimes(self, configuration: Json) -> tuple[Runtime, Runtime]:
        """The reference and ours with the same configuration."""
        return Reference(self.theirs, configuration), Runtime(self.ours, configuration, self._plugins)

    def attached(self, configuration: Json, *pods: str) -> tuple[Runtime, Runtime]:
        """The same, with pods that are attached already."""
        runtimes = self.runtimes(configuration)
        for runtime in runtimes:
            for pod in pods:
                runtime.make_namespace(pod)
                assert runtime.add(pod).result
        return runtimes


@pytest.fixture
def pair(plugins: str) -> Iterator[Pair]:
    with ExitStack() as nodes:
        theirs, ours = (nodes.enter_context(node(hasty=True)) for _ in range(2))
        yield Pair(theirs, ours, plugins)


def host(sandbox: Sandbox) -> dict[str, Any]:
    """The state of the host."""
    return dict(whole_state(sandbox)["namespaces"][HOST])


def rules(sandbox: Sandbox) -> str:
    """Every rule there is for NAT, whoever made it."""
    return sandbox.bash("nft list ruleset; iptables-save -t nat", check=True).stdout


def addresses(state: State) -> list[str]:
    """The addresses that are recorded as handed out."""
    files = (path.rpartition("/")[2] for path in state["namespaces"][RECORDS])
    return [name for name in files if name[0].isdigit()]


def source(sandbox: Sandbox, pod: str, address: str) -> str | None:
    """What the world sees of a pod."""
    return observe_sources(sandbox, [pod])[f"{pod} {address} to {WORLD} 192.0.2.2"]


def test_a_bridge_without_ports_can_become_a_gateway(pair: Pair) -> None:
    for runtime in pair.attached(PLAIN, "web"):
        assert runtime.delete("web").status == 0
    theirs, ours = pair.runtimes(GATEWAY)
    assert host(pair.theirs)["links"]["br-t"]["address"] == NO_MAC
    assert "could not set bridge's mac: invalid argument" in theirs.add("web").error["msg"]
    assert ours.add("web").result
    ours.make_namespace("db")
    assert ours.add("db").result
    pair.ours.run(["ip", "netns", "exec", "db", "ping", "-c", "1", "-W", "5", "10.22.0.1"], check=True)


def test_a_bridge_that_the_reference_left_without_an_address_is_mended(pair: Pair, plugins: str) -> None:
    for runtime in pair.attached(PLAIN, "web"):
        assert runtime.delete("web").status == 0
    assert Runtime(pair.theirs, GATEWAY, plugins).add("web").result
    assert host(pair.theirs)["links"]["br-t"]["address"] != NO_MAC


def test_an_add_that_failed_leaves_nothing(pair: Pair) -> None:
    theirs, ours = pair.attached(MASQUERADED, "web")
    before = whole_state(pair.ours)
    for runtime in (theirs, ours):
        runtime.make_namespace("db")
        assert runtime.add("db", wishes=OUTSIDE).error["msg"] == "failed to allocate all requested IPs: 10.99.0.1"
    assert "eth0" in whole_state(pair.theirs)["namespaces"]["db"]["links"]
    after = whole_state(pair.ours)
    assert list(after["namespaces"].pop("db")["links"]) == ["lo"]
    assert without_traces(diff(before, after)) == []


def test_no_rule_outlives_a_pod_that_vanished(pair: Pair) -> None:
    for runtime in pair.attached(MASQUERADED, "web", "db", "cache"):
        for pod, path in (("web", None), ("cache", "")):  # a path that leads nowhere, and none
            runtime.lose_namespace(pod)
            assert runtime.delete(pod, path=path).status == 0
    gone = ("10.22.0.2", "10.22.0.4")
    assert [address in rules(pair.theirs) for address in gone] == [True, True]
    found = rules(pair.ours)
    assert [address in found for address in (*gone, "10.22.0.3")] == [False, False, True]
    assert addresses(whole_state(pair.ours)) == ["10.22.0.3"]


def test_an_interface_goes_though_the_runtime_has_forgotten_where_it_is(pair: Pair) -> None:
    for runtime in pair.attached(MASQUERADED, "web"):
        assert runtime.delete("web", path="").status == 0
    assert len(host(pair.theirs)["links"]) == len(["lo", "uplink", "br-t", "the pod's"])
    assert sorted(host(pair.ours)["links"]) == ["br-t", "lo", "uplink"]


def test_one_interface_of_a_pod_goes_and_the_other_one_still_masquerades(pair: Pair) -> None:
    unrouted = {**MASQUERADED, "ipam": {**HOST_LOCAL, "routes": [{"dst": "192.0.2.0/24"}]}}
    theirs, ours = pair.attached(unrouted, "web")
    for runtime in (theirs, ours):
        assert runtime.add("web", "net1").result
    for sandbox in (pair.theirs, pair.ours):
        assert source(sandbox, "web", "10.22.0.2") == "192.0.2.1"
    assert "CHAIN_DEL failed" in theirs.delete("web", "net1").error["msg"]
    assert ours.delete("web", "net1").status == 0
    for sandbox in (pair.theirs, pair.ours):
        sandbox.bash("ip -n web route replace 192.0.2.0/24 via 10.22.0.1 dev eth0", check=True)
        sandbox.bash("ip neigh flush dev br-t", check=True)  # the other interface may have answered for this one
    assert source(pair.theirs, "web", "10.22.0.2") == "10.22.0.2"
    assert source(pair.ours, "web", "10.22.0.2") == "192.0.2.1"


def test_a_configuration_that_was_spoilt_does_not_keep_a_pod_from_going(pair: Pair) -> None:
    pair.attached(MASQUERADED, "web")
    spoilt = {**MASQUERADED, "ipam": {**HOST_LOCAL, "subnet": "10.22.0.1/24"}}
    theirs, ours = pair.runtimes(spoilt)
    assert "host bits set" in theirs.delete("web").error["msg"]
    ours.delete("web")
    assert [addresses(whole_state(sandbox)) for sandbox in (pair.theirs, pair.ours)] == [["10.22.0.2"], []]
    assert ["10.22.0.2" in rules(sandbox) for sandbox in (pair.theirs, pair.ours)] == [True, False]
    assert sorted(host(pair.ours)["links"]) == ["br-t", "lo", "uplink"]


# GC and STATUS


def test_garbage_is_collected(pair: Pair) -> None:
    theirs, ours = pair.attached(MASQUERADED, "web", "db", "cache")
    other = Runtime(
        pair.ours,
        {**GATEWAY, "name": "other", "bridge": "br-o", "ipam": {**HOST_LOCAL, "subnet": "10.33.0.0/24"}},
        ours.directory,
    )
    assert other.add("web", "net1").result
    for runtime in (theirs, ours):
        runtime.lose_namespace("db")
    theirs, ours = pair.runtimes(NEWEST)
    assert (theirs.collect([("web", "eth0")]).status, ours.collect([("web", "eth0")]).status) == (1, 0)
    assert addresses(whole_state(pair.theirs)) == ["10.22.0.2", "10.22.0.3", "10.22.0.4"]
    after = whole_state(pair.ours)
    assert addresses(after) == ["10.22.0.2", "10.33.0.2"]
    assert [line for line in ("10.22.0.2", "10.22.0.3", "10.22.0.4") if line in rules(pair.ours)] == ["10.22.0.2"]
    assert list(after["namespaces"]["cache"]["links"]) == ["lo"]
    assert list(after["namespaces"]["web"]["links"]) == ["lo", "eth0", "net1"]
    assert source(pair.ours, "web", "10.22.0.2") == "192.0.2.1"


def test_garbage_of_the_reference_is_collected(pair: Pair, plugins: str) -> None:
    theirs, _ = pair.attached(MASQUERADED, "web", "db")
    theirs.lose_namespace("db")
    assert Runtime(pair.theirs, NEWEST, plugins).collect([("web", "eth0")]).status == 0
    assert addresses(whole_state(pair.theirs)) == ["10.22.0.2"]
    assert source(pair.theirs, "web", "10.22.0.2") == "192.0.2.1"


def test_status_tells_whether_an_add_is_possible(pair: Pair) -> None:
    small = {**NEWEST, "ipam": {**HOST_LOCAL, "subnet": "10.22.0.0/30"}}
    theirs, ours = pair.runtimes(small)
    assert theirs.status().error == {"code": 3, "msg": "missing containerID"}
    assert ours.status().status == 0
    ours.make_namespace("web")
    assert ours.add("web").result
    assert ours.status().error["code"] == 50
    assert ours.delete("web").status == 0
    assert ours.status().status == 0


# CHECK

END = """
set -e
index=$(ip -n web -o link show dev eth0 | sed 's/.*@if\\([0-9]*\\):.*/\\1/')
end=$(ip -o link show | sed -n "s/^$index: \\([^@]*\\)@.*/\\1/p")
"""
CHANGES = (
    ("ip -n web link set dev eth0 mtu 1400", "mtu", "ip -n web link set dev eth0 mtu 1460"),
    ("ip link set dev br-t down", "br-t", "ip link set dev br-t up"),
    ("ip link set dev $end down", "up", "ip link set dev $end up; ip -n web route replace default via 10.22.0.1"),
    ("ip address flush dev br-t", "10.22.0.1", "ip address add 10.22.0.1/24 brd + dev br-t"),
    ("nft flush ruleset", "nft chain", ""),
)
"""What may happen to a pod that is attached, a word that CHECK has to say of it, and what mends it."""


def test_check_sees_what_the_reference_does_not(pair: Pair) -> None:
    theirs, ours = pair.attached({**MASQUERADED, "mtu": 1460}, "web")
    for change, word, mend in CHANGES:
        assert ours.check("web").status == 0, f"before {change}"
        for runtime in (theirs, ours):
            runtime.sandbox.bash(END + change, check=True)
        assert theirs.check("web").status == 0
        assert word in json.dumps(ours.check("web").error)
        for runtime in (theirs, ours):
            runtime.sandbox.bash(END + mend, check=True)


def test_check_finds_nothing_where_nothing_is_wrong(pair: Pair) -> None:
    theirs, ours = pair.attached({**PLAIN, "ipam": {**HOST_LOCAL, "routes": [{"dst": "10.96.0.0/12"}]}}, "web")
    assert "Expected Route" in theirs.check("web").error["msg"]
    assert ours.check("web").status == 0
