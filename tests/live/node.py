"""A node with pods, as far as the reference plugins and our scripts have to agree on it.

    with node() as one, node() as other:
        ...
        assert differences(node_state(one, pods), node_state(other, pods)) == []

Two nodes are compared by everything that `kernel.py` reads and by the files below /var/lib/cni.  What is not compared:

- the names of the host's ends of the pods' veths: each is called after the pod that it leads to;
- MAC addresses, which are drawn at random: it is compared whether the kernel drew one when it made the interface (and
  may take another one for a bridge), or whether it was `fixed` later on;
- the link-local addresses that come from them, interface indexes, and the order in which ports joined;
- groups, by which our scripts mark what is theirs, and the records that they keep under /run/k8snet;
- the length of the transmit queue of a pod's veth, which the reference sets to 0 by mistake;
- rules for NAT, which the two write in different languages: `masquerading.py` observes what they do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from live.kernel import HOST, State, diff, files_below
from live.normalise import RANDOM_MAC
from live.runtime import INTERFACE
from live.sandbox import Sandbox
from live.settle import settle, settled

WORLD = "world"
"""The namespace that stands for everything outside the node."""

RECORDS = "/var/lib/cni"

_OUTSIDE = f"""
set -e
ip netns add {WORLD}
outside() {{ nsenter --net=/run/netns/{WORLD} "$@"; }}
if [ "$1" = hasty ]; then
    echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
    outside bash -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
fi
ip -batch - <<'BATCH'
link set dev lo up
link add name uplink type veth peer name uplink netns {WORLD}
link set dev uplink up
address add 192.0.2.1/24 dev uplink
address add 2001:db8:ffff::1/64 dev uplink nodad
BATCH
outside ip -batch - <<'BATCH'
link set dev lo up
link set dev uplink up
address add 192.0.2.2/24 dev uplink
address add 2001:db8:ffff::2/64 dev uplink nodad
route add default via 192.0.2.1
route add ::/0 via 2001:db8:ffff::1
BATCH
ip route add default via 192.0.2.2
ip route add ::/0 via 2001:db8:ffff::2
"""


@contextmanager
def node(*, hasty: bool = False) -> Iterator[Sandbox]:
    """A sandbox connected to a stand-in for the world, by `uplink`, with routes both ways.

    A `hasty` one does not look for duplicates of IPv6 addresses on the host, which takes a second or two each time.
    """
    with Sandbox() as sandbox:
        sandbox.bash(_OUTSIDE, *(["hasty"] if hasty else []), check=True)
        settle(sandbox)
        yield sandbox


def whole_state(sandbox: Sandbox) -> State:
    """Everything `kernel.snapshot` has, and the address records, under the name `/var/lib/cni`."""
    state = settled(sandbox)
    return {**state, "namespaces": {**state["namespaces"], RECORDS: _records(sandbox)}}


def node_state(sandbox: Sandbox, pods: Sequence[str]) -> State:
    """The same without what cannot be compared between two nodes, in the form that `kernel.diff` takes."""
    spaces = whole_state(sandbox)["namespaces"]
    ends = {name: end for pod in pods for name, end in _ends(spaces[HOST], pod).items()}
    words = {f"{HOST}/{old}": f"{HOST}/{new}" for old, new in ends.items()}
    words |= {f"mac({old})": f"mac({new})" for old, new in words.items()}
    common = {name: _renamed(space, words) for name, space in spaces.items()}
    common[HOST] = _without_nat(_renamed(_with_sysctls_of(common[HOST], ends), ends))
    for name, space in common.items():
        for interface, link in space.get("links", {}).items():
            is_pods = interface in ends.values() or (name in pods and interface != "lo")
            space["links"][interface] = _common_link(link, ("group", "txqlen") if is_pods else ("group",))
    return {"namespaces": common, "files": {}}


def differences(reference: State, ours: State) -> list[str]:
    """What differs between two states of nodes, a line each, from the first to the second."""
    return diff(reference, ours)


def without_traces(lines: list[str]) -> list[str]:
    """Differences but for scripts, which are kept for people to read, and for which address was handed out last."""
    return [line for line in lines if not line.startswith("/run/k8snet: cni") and "/last_reserved_ip." not in line]


def _records(sandbox: Sandbox) -> dict[str, str]:
    """Every file below /var/lib/cni: its kind, its mode, and a regular one's content in base64."""
    files = files_below(sandbox, RECORDS)
    return {path: " ".join(file.values()).rstrip() for path, file in files.items() if path != "."}


def _ends(host: Mapping[str, Any], pod: str) -> dict[str, str]:
    """The host's ends of a pod's veths, each with what it is called: `veth(web)`, `veth(web/net1)`."""
    peers = {name: link.get("peer", "").partition("/") for name, link in host["links"].items()}
    return {
        name: f"veth({pod})" if interface == INTERFACE else f"veth({pod}/{interface})"
        for name, (there, _, interface) in peers.items()
        if there == pod
    }


def _renamed(value: Any, words: Mapping[str, str]) -> Any:
    """The same nested value with words replaced, in keys as well."""
    if isinstance(value, dict):
        return {_renamed(key, words): _renamed(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, words) for inner in value]
    return " ".join(words.get(word, word) for word in value.split(" "))


def _with_sysctls_of(host: dict[str, Any], ends: Mapping[str, str]) -> dict[str, Any]:
    """The same host, the sysctls of each pod's end under its new name."""
    places = {f"net.ipv{n}.conf.{old}": f"net.ipv{n}.conf.{new}" for old, new in ends.items() for n in (4, 6)}
    return {**host, "sysctls": {places.get(where, where): values for where, values in host["sysctls"].items()}}


def _common_link(link: Mapping[str, Any], noise: Sequence[str]) -> dict[str, Any]:
    """A link without its noise; of an address that somebody drew, who did: the second digit tells a drawn one."""
    kept = {key: value for key, value in link.items() if key not in noise}
    if link.get("address", "")[1:2] in ("2", "6", "a", "e"):
        kept["address"] = "(fixed)"
    elif link.get("address") == RANDOM_MAC:
        kept["address"] = "(drawn by the kernel)"
    return kept


def _without_nat(host: Mapping[str, Any]) -> dict[str, Any]:
    """The host with none of its packet filter but the chains that do something else than NAT."""
    entries = [json.loads(line) for line in host["nft"]]
    chains = [entry["chain"] for entry in entries if "chain" in entry]
    others = {json.dumps(chain, sort_keys=True): "present" for chain in chains if chain.get("type", "nat") != "nat"}
    return {**{key: value for key, value in host.items() if key not in ("nft", "iptables")}, "filters": others}
