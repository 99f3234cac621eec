"""Pods in a VLAN of their bridge: our scripts bring a node to the state that the reference brings it to, and back."""

from __future__ import annotations

import json

import pytest

from live.kernel import State, diff
from live.network import Network as Scripted
from live.node import differences, node, node_state, whole_state
from live.reference_plugins import Reference
from live.second_kernel import second_kernel
from live.test_cni_plugins import BRIDGE, chain
from live.test_cni_reference import compiled_pods

CONFIGURATION = chain({**BRIDGE, "bridge": "br0", "vlan": 100, "mtu": 1400})
LOOPBACK = {"cniVersion": "1.0.0", "name": "loopback", "type": "loopback"}
DIFFERENT = [
    "host: links: br0: address: (drawn by the kernel) -> (fixed)",  # as of every bridge of ours that has no address
    "host: links: br0: options: vlan_default_pvid: 1 -> 0",  # each VLAN of each port is in the script
    "host: links: veth(gateway): txqlen: new, 1000",  # which the reference sets to 0 by mistake
    "host: links: br0.100: address: (fixed) -> (drawn by the kernel)",  # it goes with its peer, and comes with it
    "host: links: br0.100: txqlen: new, 1000",
]


def comparable(state: State) -> State:
    """The state with one name for the port of the gateway, which the reference draws."""
    links = state["namespaces"]["host"]["links"]
    port = next(name for name, link in links.items() if link.get("peer") == "host/br0.100")
    renamed: State = json.loads(json.dumps(state).replace(port, "veth(gateway)"))
    return renamed


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_pods_of_a_vlan_and_their_gateway_are_those_of_the_reference() -> None:
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        reference = Reference(theirs, CONFIGURATION)
        reference.make_namespace("web")
        assert Reference(theirs, LOOPBACK).add("web").result
        before = whole_state(ours)
        assert reference.add("web").result
        scripted = Scripted(ours, compiled_pods(json.dumps(CONFIGURATION), ["web"]))
        scripted.set_up()
        found = differences(comparable(node_state(theirs, ["web"])), comparable(node_state(ours, ["web"])))
        assert "\n".join(found) == "\n".join(DIFFERENT)
        assert (scripted.set_up(), scripted.drift(), scripted.failures()) == ([], [], [])
        scripted.tear_down()
        assert "\n".join(diff(before, whole_state(ours))) == ""
