"""What network address translation does to the traffic of a node: the source address that arrives, pair by pair.

    assert source_differences(one, other, pods) == []

Traffic goes from every address of every pod to the world, to the host and to the other pods, back from the world and
from the host, from the host's own addresses to the world; and from an address of the pods' network that is no pod's.
Where ports of the host lead to pods, from everywhere to those ports, at every address of the host, loopback included.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from k8snet_scripts.addresses import WIDTH, Cidr, parse_cidr
from live.kernel import HOST
from live.node import WORLD
from live.sandbox import Sandbox

PROGRAM = Path(__file__).with_name("masquerading_program.py")
QUICK, PATIENT = 0.3, 4
"""Seconds without an event after which nothing more will arrive, usually, and even if the first packet was lost."""

PORT = 9
"""The port on which everybody listens."""

_LOOPBACK = (parse_cidr("127.0.0.1/8"), parse_cidr("::1/128"))


class Opened(NamedTuple):
    """A port of the host that leads to `PORT` of a pod."""

    pod: str
    port: int
    protocol: str = "tcp"


Sources = dict[str, str | None]
"""`{"web 10.1.0.2 to world 192.0.2.2": "192.0.2.1", …}`: who tries what, and the source that arrived, if any did."""


def observe_sources(
    sandbox: Sandbox, pods: Sequence[str], seconds: float = QUICK, ports: Sequence[Opened] = ()
) -> Sources:
    """What arrives where, on a node that `live.node.node` made."""
    addresses = _addresses(sandbox, (WORLD, *pods))
    trials = [*_trials(addresses, pods), *_port_trials(addresses, pods, ports)]
    asked = json.dumps({"seconds": seconds, "trials": trials})
    done = sandbox.run([sys.executable, "-IS", str(PROGRAM)], stdin=asked, check=True)
    return {_name(trial): source for trial, source in zip(trials, json.loads(done.stdout), strict=True)}


def source_differences(
    reference: Sandbox, ours: Sandbox, pods: Sequence[str], ports: Sequence[Opened] = ()
) -> list[str]:
    """The pairs of which two nodes do not make the same, a line each."""
    seen = [observe_sources(sandbox, pods, ports=ports) for sandbox in (reference, ours)]
    if seen[0] != seen[1]:  # perhaps because one of the two was late
        seen = [observe_sources(sandbox, pods, PATIENT, ports) for sandbox in (reference, ours)]
    return unequal_sources(*seen)


def unequal_sources(reference: Sources, ours: Sources) -> list[str]:
    """The same of what was observed."""
    names = dict.fromkeys([*reference, *ours])
    return [
        f"{name}: {one} -> {other}"
        for name in names
        if (one := _shown(reference, name)) != (other := _shown(ours, name))
    ]


def _shown(sources: Sources, name: str) -> str:
    return (
        f"arrives from {sources[name]}" if sources.get(name) else "does not arrive" if name in sources else "cannot be"
    )


def _name(trial: dict[str, Any]) -> str:
    port = "" if trial["port"] == PORT else f" {trial['kind']} {trial['port']}"
    return f"{trial['from']} {trial['source']} to {trial['to']} {trial['address']}{port}"


def _addresses(sandbox: Sandbox, namespaces: Sequence[str]) -> dict[str, list[Cidr]]:
    """The addresses of the host and of namespaces that are valid beyond one link, but those of loopback interfaces."""
    look = 'ip -j address show scope global; for name; do ip -n "$name" -j address show scope global; done'
    listings = sandbox.bash(f"set -e; {look}", *namespaces, check=True).stdout.splitlines()
    found = {}
    for name, listing in zip((HOST, *namespaces), listings, strict=True):
        entries = [entry for link in json.loads(listing) for entry in link.get("addr_info", []) if entry]
        found[name] = [parse_cidr(f"{entry['local']}/{entry['prefixlen']}") for entry in entries]
    return found


def _trials(addresses: dict[str, list[Cidr]], pods: Sequence[str]) -> Iterator[dict[str, Any]]:
    pairs = [(pod, name) for pod in pods for name in (WORLD, HOST, *pods)]
    pairs += [(name, pod) for name in (WORLD, HOST) for pod in pods]
    for sender, receiver in [*pairs, (HOST, WORLD)]:
        for source in addresses[sender]:
            for target in addresses[receiver]:
                if sender != receiver and source.family == target.family:
                    yield _trial(sender, source, receiver, target)
    taken = {(own.family, own.value) for owned in addresses.values() for own in owned}
    for own in addresses[pods[0]]:
        stranger = _free_address(own.network, taken)
        for target in addresses[WORLD]:
            if stranger is not None and target.family == own.family:
                yield _trial(pods[0], stranger, WORLD, target, kind="borrowed")


def _port_trials(
    addresses: dict[str, list[Cidr]], pods: Sequence[str], ports: Sequence[Opened]
) -> Iterator[dict[str, Any]]:
    for opened in ports:
        kind = "connection" if opened.protocol == "tcp" else "datagram"
        for sender in (WORLD, HOST, *pods):
            local = _LOOPBACK if sender == HOST else ()
            for target in (*addresses[HOST], *local):
                for source in (*addresses[sender], *local):
                    is_sensible = target not in _LOOPBACK or source in _LOOPBACK
                    if source.family == target.family and is_sensible:
                        yield _trial(sender, source, opened.pod, target, kind=kind, port=opened.port)


def _trial(
    sender: str, source: Cidr, receiver: str, target: Cidr, *, kind: str = "connection", port: int = PORT
) -> dict[str, Any]:
    ends = {"from": sender, "source": source.address, "to": receiver, "address": target.address}
    return {**ends, "kind": kind, "port": port}


def _free_address(network: Cidr, taken: set[tuple[int, int]]) -> Cidr | None:
    """The highest address of a network that nobody has; an IPv4 network's last one is for broadcasts."""
    size = 1 << WIDTH[network.family] - network.prefix
    highest = network.value + size - (2 if network.family == 4 else 1)
    free = (value for value in range(highest, network.value, -1) if (network.family, value) not in taken)
    value = next(free, None)
    return None if value is None else Cidr(network.family, value, network.prefix)
