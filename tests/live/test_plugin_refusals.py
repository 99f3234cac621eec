"""Broken input of every kind: the reference's code or a better one, a message that helps, and no change left behind.

Each row of the table is what is broken, and what the two say of it.  The reference, too, is called every time: where its
code is not ours, the row says which one it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from live.kernel import diff
from live.node import node, whole_state, without_traces
from live.reference_plugins import Reference
from live.runtime import Json, Runtime

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade")

IPAM: Json = {"type": "host-local", "subnet": "10.22.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}
NETWORK: Json = {
    "cniVersion": "1.0.0",
    "name": "net",
    "type": "bridge",
    "bridge": "br-t",
    "isGateway": True,
    "ipMasq": True,
    "ipam": IPAM,
}
ABSENT = object()
"""In the place of a value: no such key, no such variable."""


@dataclass(frozen=True)
class Refusal:
    """What is broken, as changes to a call that is all right, and what is said of it."""

    code: int
    says: str  # a regular expression that is found in the message or the details
    theirs: int | None = None  # the reference's code, where it is another one; 0 if it succeeds
    text: str | None = None  # in the place of the configuration
    network: Mapping[str, Any] = field(default_factory=dict)
    ipam: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""  # shell, run before the call on both nodes
    after: str = ""  # shell that takes it back
    command: str = "ADD"

    @property
    def configuration(self) -> str:
        """What the plugin reads."""
        if self.text is not None:
            return self.text
        network = {**NETWORK, "ipam": _present({**IPAM, **self.ipam}), **self.network}
        return json.dumps(_present(network))


def _present(values: Mapping[str, Any]) -> Json:
    return {key: value for key, value in values.items() if value is not ABSENT}


def ranges(*sets: list[Json]) -> dict[str, Any]:
    """The IPAM with these range sets only."""
    return {"subnet": ABSENT, "routes": ABSENT, "ranges": list(sets)}


REFUSALS = {
    # What is read.
    "nothing": Refusal(6, "error unmarshall network config", text=""),
    "half an object": Refusal(6, "line 1 column 17", text='{"name": "net", '),
    "no JSON": Refusal(6, "line 1 column 1", text="name = net"),
    "an array": Refusal(6, "array|object", text="[]"),
    "a number": Refusal(6, "number|object", text="7"),
    "null": Refusal(7, "missing network name", text="null"),
    "no name": Refusal(7, "missing network name", network={"name": ABSENT}),
    "a name with a blank": Refusal(7, "invalid characters", network={"name": "a b"}),
    "a name with a slash": Refusal(7, "invalid characters", network={"name": "../net"}),
    "a name that is a number": Refusal(6, "name", network={"name": 7}),
    "an unknown version": Refusal(1, "9.9.9", network={"cniVersion": "9.9.9"}),
    "a version that is none": Refusal(1, "one", network={"cniVersion": "one"}),
    "an MTU in quotes": Refusal(7, "without the quotes", 999, network={"mtu": "1500"}),
    "a flag in quotes": Refusal(7, "write `true` or `false`", 999, network={"isGateway": "yes"}),
    "an IPAM that is a list": Refusal(7, "`ipam` must be an object", 999, network={"ipam": []}),
    # The environment.
    "no container ID": Refusal(4, "CNI_CONTAINERID", environment={"CNI_CONTAINERID": ABSENT}),
    "no interface": Refusal(4, "CNI_IFNAME", environment={"CNI_IFNAME": ABSENT}),
    "no namespace": Refusal(4, "CNI_NETNS", environment={"CNI_NETNS": ABSENT}),
    "no path": Refusal(4, "CNI_PATH", environment={"CNI_PATH": ABSENT}),
    "a container ID that is an option": Refusal(4, "containerID", environment={"CNI_CONTAINERID": "-rf"}),
    "a container ID with a slash": Refusal(4, "containerID", environment={"CNI_CONTAINERID": "a/../b"}),
    "a long name of an interface": Refusal(4, "interface name", environment={"CNI_IFNAME": "abcdefghijklmnop"}),
    "dots": Refusal(4, "interface name", environment={"CNI_IFNAME": ".."}),
    "an interface with a slash": Refusal(4, "interface name", environment={"CNI_IFNAME": "a/b"}),
    "an interface with a blank": Refusal(4, "interface name", environment={"CNI_IFNAME": "a b"}),
    "an unknown command": Refusal(4, "FROB", command="FROB"),
    "arguments that nobody knows": Refusal(4, "FROB", 999, environment={"CNI_ARGS": "FROB=10.22.0.9"}),
    "arguments without a value": Refusal(4, 'invalid pair "IP"', 999, environment={"CNI_ARGS": "IP"}),
    "an IP that is none": Refusal(
        4, "`10.22` is not an address", 999, environment={"CNI_ARGS": "IgnoreUnknown=1;IP=10.22"}
    ),
    # The namespace.
    "a namespace that is not there": Refusal(
        8, 'failed to open netns "/run/netns/nope"', 999, environment={"CNI_NETNS": "/run/netns/nope"}
    ),
    "a namespace that is none": Refusal(8, "/etc/passwd", 999, environment={"CNI_NETNS": "/etc/passwd"}),
    "an interface that is there": Refusal(
        999,
        r"container veth name provided \(eth0\) already exists",
        before="ip -n web link add name eth0 type bridge",
        after="ip -n web link delete dev eth0",
    ),
    # The bridge.
    "hairpin and promiscuous mode": Refusal(
        7, "exclude each other", 999, network={"hairpinMode": True, "promiscMode": True}
    ),
    "a long name of a bridge": Refusal(7, "at most 15", 999, network={"bridge": "abcdefghijklmnop"}),
    "an MTU that is too small": Refusal(7, "`mtu` is a number from 68", 999, network={"bridge": "br-m", "mtu": 10}),
    "something else of the bridge's name": Refusal(999, "not a bridge", network={"bridge": "uplink"}),
    "a bridge with another address": Refusal(
        999,
        '"br-a" already has an IP address different from 10.22.0.1/24',
        network={"bridge": "br-a"},
        before="ip link add name br-a address 02:00:00:00:00:aa type bridge; ip address add 10.99.0.1/24 dev br-a",
        after="ip link delete dev br-a",
    ),
    # Addresses.
    "no ranges": Refusal(7, "`subnet` is missing", 999, ipam=ranges()),
    "an empty set": Refusal(7, "a range set without a range", 999, ipam=ranges([])),
    "a subnet with host bits": Refusal(7, "has host bits.*write `10.22.0.0/24`", 999, ipam={"subnet": "10.22.0.1/24"}),
    "a subnet that is too small": Refusal(7, "too small to hand out", 999, ipam={"subnet": "10.22.0.0/31"}),
    "a subnet that is none": Refusal(7, "`10.22.0.0` has no prefix length", 999, ipam={"subnet": "10.22.0.0"}),
    "a beginning outside": Refusal(7, "`10.23.0.1` is not in `10.22.0.0/24`", 999, ipam={"rangeStart": "10.23.0.1"}),
    "an end outside": Refusal(7, "`10.23.0.1` is not in `10.22.0.0/24`", 999, ipam={"rangeEnd": "10.23.0.1"}),
    "a gateway that is none": Refusal(7, "`x` is not an address", 999, ipam={"gateway": "x"}),
    "mixed families": Refusal(
        7, "as two sets", 999, ipam=ranges([{"subnet": "10.22.0.0/24"}, {"subnet": "fd00:22::/64"}])
    ),
    "sets that overlap": Refusal(
        7, "let no two ranges overlap", 999, ipam=ranges([{"subnet": "10.22.0.0/24"}], [{"subnet": "10.22.0.0/25"}])
    ),
    "a route that is none": Refusal(7, "`0.0.0.0` has no prefix length", 999, ipam={"routes": [{"dst": "0.0.0.0"}]}),
    "a route that leads nowhere": Refusal(
        7, "the next hop `172.31.0.1`", 999, ipam={"routes": [{"dst": "0.0.0.0/0", "gw": "172.31.0.1"}]}
    ),
    "one route twice": Refusal(7, "take the route out", 999, network={"isDefaultGateway": True}),
    "an exhausted range": Refusal(
        999,
        "no IP addresses available in range set: 10.22.0.4-10.22.0.5",
        ipam={"rangeStart": "10.22.0.4", "rangeEnd": "10.22.0.5"},
    ),
    "an address that is elsewhere": Refusal(
        999,
        "failed to allocate all requested IPs: 10.99.0.1",
        environment={"CNI_ARGS": "IgnoreUnknown=1;IP=10.99.0.1"},
    ),
    "an address that is taken": Refusal(
        999, "10.22.0.4 is not available", environment={"CNI_ARGS": "IgnoreUnknown=1;IP=10.22.0.4"}
    ),
    "the address of the gateway": Refusal(
        999, "10.22.0.1 is subnet's gateway", environment={"CNI_ARGS": "IgnoreUnknown=1;IP=10.22.0.1"}
    ),
    "an IPAM that is not installed": Refusal(999, 'failed to find plugin "nope"', ipam={"type": "nope"}),
    # Other commands.
    "CHECK without a result": Refusal(7, "required prevResult missing", 999, command="CHECK"),
    "CHECK of an old version": Refusal(
        1, "config version does not allow CHECK", network={"cniVersion": "0.3.1"}, command="CHECK"
    ),
    "GC of an old version": Refusal(1, "GC", 4, command="GC"),
    "STATUS of an old version": Refusal(1, "STATUS", 4, command="STATUS"),
}

GIVEN = """
set -e
ip netns add web
mkdir -p /var/lib/cni/networks/net
cd /var/lib/cni/networks/net
printf 'db\\r\\neth0' >10.22.0.4
printf 'cache\\r\\neth0' >10.22.0.5
printf 10.22.0.5 >last_reserved_ip.0
touch lock
chmod 750 lock
"""
"""The pod that is to be attached, and two whose addresses are recorded."""


@pytest.fixture(scope="module")
def theirs(privileges: None) -> Iterator[Runtime]:
    with node(hasty=True) as sandbox:
        sandbox.bash(GIVEN, check=True)
        yield Reference(sandbox, NETWORK)


LOOK = """
ip -d address show; ip route show table all; ip -6 route show table all; ip neigh show nud permanent
ip -n web -d address show; ip -n web route show table all; ip netns list
nft list ruleset
find /run/k8snet /var/lib/cni -path /run/k8snet/cni -prune -o -type d -printf '%M %p\\n' \
    -o ! -name 'last_reserved_ip.*' -printf '%M %p ' -exec cat {} ';' 2>/dev/null
"""
"""What a call could leave behind; scripts are kept for people to read."""


@pytest.fixture(scope="module")
def ours(plugins: str) -> Iterator[tuple[Runtime, str]]:
    """The node, and what there is to see of it, which every call leaves as it is."""
    with node(hasty=True) as sandbox:
        sandbox.bash(GIVEN, check=True)
        before = whole_state(sandbox)
        yield Runtime(sandbox, NETWORK, plugins), sandbox.bash(LOOK).stdout
        assert without_traces(diff(before, whole_state(sandbox))) == []


def ask(runtime: Runtime, refusal: Refusal) -> Json | None:
    """The error, or None if there is none."""
    changes = {name: None if value is ABSENT else value for name, value in refusal.environment.items()}
    if refusal.before:
        runtime.sandbox.bash(f"set -e; {refusal.before}", check=True)
    answer = runtime.speak(refusal.command, "bridge", refusal.configuration, changes)
    return answer.error if answer.status else None


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_broken_is_refused_and_nothing_is_left(theirs: Runtime, ours: tuple[Runtime, str], name: str) -> None:
    refusal = REFUSALS[name]
    runtime, before = ours
    error = ask(runtime, refusal)
    if refusal.after:
        runtime.sandbox.bash(f"set -e; {refusal.after}", check=True)
    assert error is not None
    assert error["code"] == refusal.code, error
    assert re.search(refusal.says, f"{error['msg']} {error.get('details', '')}", re.DOTALL), error
    assert runtime.sandbox.bash(LOOK).stdout == before

    said = ask(theirs, refusal)
    theirs.sandbox.bash(f"set -e; {refusal.after}\n{CLEAN}", check=True)
    assert (said["code"] if said else 0) == (refusal.code if refusal.theirs is None else refusal.theirs), said


CLEAN = """
ip -n web link delete dev eth0 2>/dev/null || true
for bridge in br-t br-m br-a; do
    if [ -e /sys/class/net/$bridge ]; then ip link delete dev $bridge; fi
done
"""
"""What a refusal of the reference leaves behind."""


@pytest.mark.parametrize("text", ["", "{}", "no JSON"])
def test_without_a_command_it_says_what_it_is(ours: tuple[Runtime, str], text: str) -> None:
    runtime, _ = ours
    answer = runtime.speak("", "bridge", text, {"CNI_COMMAND": None})
    assert (answer.status, answer.output) == (0, None)
    assert "CNI" in answer.stderr
