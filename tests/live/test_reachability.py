"""Who reaches whom, as the model says it and as the kernel does it: every address from every namespace, at random.

What the model predicts decides the probes of verify.sh, so it has to be what Linux does.  `K8SNET_EXAMPLES=200` tries
more networks than CI has the time for, and others every time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from topologies import topologies

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.reach.fabric import Answer, Verdict, predict
from k8snet_scripts.topology import Topology
from live.examples import examples
from live.features import Kernel
from live.network import Network, modelled
from live.sandbox import Sandbox
from live.second_kernel import second_kernel
from live.settle import settle
from live.test_random import possible

PROGRAM = Path(__file__).with_name("probe_program.py")
QUICK, PATIENT = 0.3, 10
"""Seconds within which an answer comes, and within which it comes even on a machine that has other things to do."""

REFUSED = {"ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL", "timeout"}
"""What comes of a connection that reaches nobody: the errors of routes that refuse are among it."""

PAIRS = examples(6)


def addresses(topology: Topology) -> list[Cidr]:
    """Every address, in the order of declaration."""
    found = [own for end in topology.ends() for own in end.addresses]
    for namespace in topology.everywhere():
        found += namespace.addresses
        found += [own for holder in (*namespace.bridges, *namespace.macvlans) for own in holder.addresses]
    return found


def predictions(topology: Topology) -> Iterator[tuple[str, str, Answer]]:
    """The model's answer for every pair of a namespace and an address, where it has one."""
    fabric = predict(topology)
    for source in topology.everywhere():
        for own in addresses(topology):
            answer = fabric.follow(source.name, own.family, own.value)
            if answer.verdict is not Verdict.UNKNOWN:
                yield source.name, own.address, answer


def probe(sandbox: Sandbox, pairs: list[tuple[str, str]], seconds: float) -> dict[tuple[str, str], str]:
    """What comes of a connection from a namespace to an address, for each pair."""
    tries: dict[str, list[str]] = {}
    for source, address in pairs:
        tries.setdefault(source, []).append(address)
    asked = json.dumps({"tries": tries, "seconds": seconds})
    done = sandbox.run([sys.executable, "-I", str(PROGRAM)], stdin=asked, check=True)
    return {(name, address): said for name, found in json.loads(done.stdout).items() for address, said in found.items()}


def set_up(sandbox: Sandbox, topology: Topology) -> None:
    """Sets up a network whose addresses need not wait for the detection of duplicates, which takes a second or two."""
    network = Network(sandbox, modelled(topology))
    hasty = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"
    names = [namespace.name for namespace in topology.namespaces]
    network.do(
        "ip link set dev lo up",  # as on every machine
        hasty,
        *(f"ip netns add {name}; nsenter --net=/run/netns/{name} bash -c '{hasty}'" for name in names),
    )
    network.set_up("--adopt")
    settle(sandbox)


def disagreements(sandbox: Sandbox, topology: Topology) -> list[str]:
    """The pairs of which the model says what the kernel does not do, each in a line."""
    set_up(sandbox, topology)
    foretold = {(source, address): answer for source, address, answer in predictions(topology)}
    found = probe(sandbox, list(foretold), QUICK)
    late = [pair for pair, said in found.items() if said in REFUSED and foretold[pair].verdict is Verdict.REACHES]
    if late:
        found |= probe(sandbox, late, PATIENT)
    assert set(found.values()) <= REFUSED | {"ECONNREFUSED"}
    return [
        f"{source} to {address}: {answer.verdict.value} ({answer.why}), and the kernel says {found[source, address]}"
        for (source, address), answer in foretold.items()
        if (answer.verdict is Verdict.REACHES) != (found[source, address] == "ECONNREFUSED")
    ]


@PAIRS
@given(topology=topologies(max_namespaces=6, vlans=False, externals=False, routed=True, adorned=False))
def test_the_kernel_does_what_the_model_says(kernel: Kernel, topology: Topology) -> None:
    with Sandbox() as sandbox:
        assert "\n".join(disagreements(sandbox, possible(topology, kernel))) == ""


def filters_vlans(topology: Topology) -> bool:
    """Whether two bridges, or more, do."""
    return sum(bridge.vlan_filtering for space in topology.everywhere() for bridge in space.bridges) > 1


@second_kernel
@pytest.mark.needs("vlan_filtering")
@examples(2)  # the kernel that can is slow
@given(topology=topologies(max_namespaces=4, externals=False, routed=True, adorned=False).filter(filters_vlans))
def test_the_kernel_does_what_the_model_says_of_vlans(kernel: Kernel, topology: Topology) -> None:
    with Sandbox() as sandbox:
        assert "\n".join(disagreements(sandbox, possible(topology, kernel))) == ""
