"""Pods in a VLAN of their bridge: scripts, and our plugin, bring a node to the state that the reference brings it to."""

from __future__ import annotations

import json
import re

import pytest

from live.features import Kernel
from live.kernel import State
from live.network import Network as Scripted
from live.node import differences, node, node_state
from live.reference_plugins import Reference
from live.runtime import Answer, Json, Runtime
from live.sandbox import Sandbox
from live.second_kernel import second_kernel
from live.test_cni_plugins import BRIDGE, chain
from live.test_cni_reference import compiled_pods

CONFIGURATION = chain({**BRIDGE, "bridge": "br0", "vlan": 100, "mtu": 1400})
TRUNK = {
    "cniVersion": "1.0.0",
    "name": "trunk",
    "type": "bridge",
    "bridge": "br0",
    "vlanTrunk": [{"minID": 20, "maxID": 21}, {"id": 30}],
}
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


def told(answer: Answer) -> Json:
    """A result without names and MAC addresses that are drawn at random."""
    result: Json = json.loads(json.dumps(answer.result))
    for item in result["interfaces"]:
        item["mac"] = ""
        item["name"] = re.sub("^veth.*", "veth", item["name"])
    return result


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_pods_of_a_vlan_and_their_gateway_are_those_of_the_reference(plugins: str) -> None:
    """Of the reference first, then of the scripts, and then of the plugin, which sees and mends what is lost."""
    with node(hasty=True) as sandbox:
        reference = Reference(sandbox, CONFIGURATION)
        reference.make_namespace("web")
        assert Reference(sandbox, LOOPBACK).add("web").result
        answer = reference.add("web")
        theirs, their_vlans = node_state(sandbox, ["web"]), members(sandbox)
        reference.lose_namespace("web")
        sandbox.bash("ip link delete dev br0.100; ip link delete dev br0; rm -r /var/lib/cni/*", check=True)

        scripted = Scripted(sandbox, compiled_pods(json.dumps(CONFIGURATION), ["web"]))
        scripted.set_up()
        found = differences(comparable(theirs), comparable(node_state(sandbox, ["web"])))
        assert "\n".join(found) == "\n".join(DIFFERENT)
        assert scripted.failures() == []
        scripted.tear_down()

        runtime = Runtime(sandbox, CONFIGURATION, plugins)
        sandbox.bash("for pod in web db far; do ip netns add $pod; done", check=True)
        assert told(runtime.add("web")) == told(answer)
        assert members(sandbox) == their_vlans
        port = sandbox.bash("ip -o link show br0.100 | sed 's/.*@\\([^:]*\\):.*/\\1/'", check=True).stdout.strip()
        sandbox.bash(f"bridge vlan delete dev {port} vid 100; bridge vlan add dev {port} vid 100", check=True)
        assert runtime.check("web").error["msg"] == "br0.100 is not in vlan 100 of br0"
        assert runtime.add("db").result
        for pod in ("web", "db"):
            assert sandbox.bash(f"ip netns exec {pod} ping -c 1 -W 5 10.22.0.1").returncode == 0
        check_trunk(Runtime(sandbox, TRUNK, plugins), "far")


def check_trunk(runtime: Runtime, pod: str) -> None:
    """A pod on a trunk, which the reference, in the version that Debian has, knows nothing of."""
    sandbox = runtime.sandbox
    port = runtime.add(pod).result["interfaces"][1]["name"]
    own = {"vlan": 1, "flags": ["PVID", "Egress Untagged"]}
    tagged = [{"vlan": vlan} for vlan in (20, 21, 30)]
    listed = json.loads(sandbox.bash(f"bridge -json vlan show dev {port}", check=True).stdout)
    assert listed == [{"ifname": port, "vlans": [own, *tagged]}]
    sandbox.bash(f"bridge vlan delete dev {port} vid 21", check=True)
    assert "vlan 21" in json.dumps(runtime.check(pod).error)
    assert runtime.delete(pod).status == 0
    assert port not in sandbox.bash("bridge vlan show", check=True).stdout


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
