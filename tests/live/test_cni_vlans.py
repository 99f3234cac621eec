"""Pods in a VLAN of their bridge: scripts, and our plugin, bring a node to the state that the reference brings it to."""

from __future__ import annotations

import json
import re

import pytest

from live.features import Kernel
from live.kernel import State, diff
from live.network import Network as Scripted
from live.node import differences, node, node_state, whole_state
from live.reference_plugins import Reference
from live.runtime import Answer, Json, Runtime
from live.sandbox import Sandbox
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


def told(answer: Answer) -> Json:
    """A result without names and MAC addresses that are drawn at random."""
    result: Json = json.loads(json.dumps(answer.result))
    for item in result["interfaces"]:
        item["mac"] = ""
        item["name"] = re.sub("^veth.*", "veth", item["name"])
    return result


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_pods_that_the_plugin_attaches_are_in_the_vlan_of_the_reference(plugins: str) -> None:
    configuration = {**BRIDGE, "bridge": "br0", "mtu": 1400, "vlan": 100, "cniVersion": "1.0.0", "name": "mynet"}
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        pair = Reference(theirs, configuration), Runtime(ours, configuration, plugins)
        for runtime in pair:
            runtime.make_namespace("web")
        answers = [runtime.add("web") for runtime in pair]
        assert told(answers[0]) == told(answers[1])
        assert members(theirs) == members(ours)
        for sandbox in (theirs, ours):
            assert sandbox.bash("ip netns exec web ping -c 1 -W 5 10.22.0.1").returncode == 0
        assert pair[1].check("web").status == 0
        ours.bash(f"bridge vlan delete dev {answers[1].result['interfaces'][1]['name']} vid 100", check=True)
        assert "vlan 100" in json.dumps(pair[1].check("web").error)
        assert pair[1].delete("web").status == 0


TRUNK = [{"minID": 20, "maxID": 21}, {"id": 30}]


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_pods_on_a_trunk_are_in_its_vlans(plugins: str) -> None:
    """The reference, in the version that Debian has, leaves `vlanTrunk` unread."""
    configuration = {**BRIDGE, "bridge": "br0", "vlanTrunk": TRUNK, "cniVersion": "1.0.0", "name": "mynet"}
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, configuration, plugins)
        runtime.make_namespace("web")
        port = runtime.add("web").result["interfaces"][1]["name"]
        own = {"vlan": 1, "flags": ["PVID", "Egress Untagged"]}
        tagged = [{"vlan": vlan} for vlan in (20, 21, 30)]
        listed = json.loads(sandbox.bash(f"bridge -json vlan show dev {port}", check=True).stdout)
        assert listed == [{"ifname": port, "vlans": [own, *tagged]}]
        assert runtime.check("web").status == 0
        sandbox.bash(f"bridge vlan delete dev {port} vid 21", check=True)
        assert "vlan 21" in json.dumps(runtime.check("web").error)
        assert runtime.delete("web").status == 0
        assert port not in sandbox.bash("bridge vlan show", check=True).stdout


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_a_gateway_that_has_lost_its_vlan_is_seen_and_mended(plugins: str) -> None:
    configuration = {**BRIDGE, "bridge": "br0", "vlan": 100, "cniVersion": "1.0.0", "name": "mynet"}
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, configuration, plugins)
        for pod in ("web", "db"):
            runtime.make_namespace(pod)
        assert runtime.add("web").result
        port = sandbox.bash("ip -o link show br0.100 | sed 's/.*@\\([^:]*\\):.*/\\1/'", check=True).stdout.strip()
        for command in (f"bridge vlan delete dev {port} vid 100", f"bridge vlan add dev {port} vid 100"):
            sandbox.bash(command, check=True)
            assert runtime.check("web").error["msg"] == "br0.100 is not in vlan 100 of br0"
        assert runtime.add("db").result
        assert runtime.check("web").status == 0
        assert sandbox.bash("ip netns exec db ping -c 1 -W 5 10.22.0.1").returncode == 0


def members(sandbox: Sandbox) -> list[str]:
    """The VLANs of every port and of the bridge, with flags."""
    listed = json.loads(sandbox.bash("bridge -json vlan show", check=True).stdout)
    return sorted(re.sub("veth[0-9a-f]+", "veth", json.dumps(item)) for item in listed)


def test_a_kernel_without_vlans_is_named(plugins: str, kernel: Kernel) -> None:
    configuration = {**BRIDGE, "bridge": "br0", "vlan": 100, "cniVersion": "1.0.0", "name": "mynet"}
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, configuration, plugins)
        runtime.make_namespace("web")
        answer = runtime.add("web")
        if kernel.has("vlan_filtering"):
            assert answer.status == 0
        else:
            message = "`vlan` 100 is not supported: the bridges of this kernel do not filter VLANs"
            assert (answer.error["code"], answer.error["msg"]) == (2, message)
            assert "br0" not in sandbox.bash("ip link", check=True).stdout
