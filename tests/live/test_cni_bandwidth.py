"""Limits of pods are those of the reference plugin `bandwidth`, whether they are compiled or set by our plugin."""

from __future__ import annotations

import json
import re

import pytest

from live.kernel import diff
from live.network import Network as Scripted
from live.node import node, whole_state
from live.reference_plugins import Reference
from live.runtime import Answer, Json, Runtime, Wishes
from live.sandbox import Sandbox
from live.test_cni_reference import compiled_pods

pytestmark = pytest.mark.needs("ifb")

MAIN: Json = {
    "type": "bridge",
    "bridge": "br-t",
    "isGateway": True,
    "mtu": 1400,
    "ipam": {"type": "host-local", "subnet": "10.22.0.0/24"},
}
LIMITS: Json = {"ingressRate": 8_000_000, "ingressBurst": 2**31 - 1, "egressRate": 16_000_000, "egressBurst": 1_600_000}
CHAIN: Json = {"cniVersion": "1.0.0", "name": "limited", "plugins": [MAIN, {"type": "bandwidth", **LIMITS}]}
ASKING: Json = {**CHAIN, "plugins": [MAIN, {"type": "bandwidth", "capabilities": {"bandwidth": True}}]}
WISHES = Wishes(keys={"runtimeConfig": {"bandwidth": LIMITS}})

LOOK = """
tc qdisc show
ip -oneline link show type ifb
for dev in $(tc qdisc show ingress | sed 's/.* dev \\([^ ]*\\).*/\\1/'); do tc filter show dev $dev ingress; done
"""
DRAWN = r"\bveth\w{8}\b|(?<=qdisc tbf )\w+:|^[0-9]+:(?= bwp)|(?<=mode DEFAULT ).*"
SAID = ("qdisc", "bwp", "match ", "action order 1: ")


def shaping(sandbox: Sandbox) -> list[str]:
    """Queueing disciplines, ifbs and filters of the host, without handles, names of veths, and what no packet comes to."""
    text = re.sub(DRAWN, "", sandbox.bash(LOOK, check=True).stdout, flags=re.MULTILINE)
    return sorted(" ".join(line.split()) for line in text.splitlines() if line.strip().startswith(SAID))


def test_compiled_limits_are_those_of_the_reference() -> None:
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        before = whole_state(ours)
        reference = Reference(theirs, CHAIN)
        reference.make_namespace("web")
        assert reference.add("web").result
        scripted = Scripted(ours, compiled_pods(json.dumps(CHAIN), ("web",)))
        scripted.set_up()
        assert shaping(ours) == shaping(theirs)
        assert (scripted.set_up(), scripted.drift(), scripted.failures()) == ([], [], [])
        scripted.tear_down()
        assert "\n".join(diff(before, whole_state(ours))) == ""


def plain(answer: Answer) -> Json:
    """A result without names and addresses that are drawn at random, except for the ifb's name."""
    result: Json = json.loads(json.dumps(answer.result))
    for item in result["interfaces"]:
        item["mac"] = ""
        item["name"] = re.sub("^veth.*", "veth", item["name"])
    return result


def test_limits_that_the_plugin_sets_are_those_of_the_reference(plugins: str) -> None:
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        pair = Reference(theirs, ASKING), Runtime(ours, ASKING, plugins)
        for runtime in pair:
            runtime.make_namespace("web")
        told = [plain(runtime.add("web", wishes=WISHES)) for runtime in pair]
        assert told[0] == told[1]
        assert shaping(ours) == shaping(theirs)
        mac = ours.bash("ip -json link show type ifb", check=True).stdout
        assert pair[1].check("web").status == 0
        assert json.loads(mac)[0]["ifname"] == told[1]["interfaces"][-1]["name"]
        ours.bash("tc qdisc delete dev $(ip -o link show type ifb | cut -d: -f2) root", check=True)
        assert "tbf rate 16mbit" in pair[1].check("web").error["msg"]
        for _ in range(2):
            assert pair[1].delete("web").status == 0
        assert not [line for line in shaping(ours) if "noqueue" not in line]


def test_limits_end_with_gc_and_need_a_veth(plugins: str) -> None:
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, {**CHAIN, "cniVersion": "1.1.0"}, plugins)
        runtime.make_namespace("web")
        told = runtime.add("web").result
        limits = {**LIMITS, "type": "bandwidth", "cniVersion": "1.1.0", "name": "limited"}
        alone = Runtime(sandbox, limits, plugins)
        said = alone.speak("ADD", "bandwidth", json.dumps({**limits, "prevResult": {**told, "interfaces": []}}))
        assert said.error["msg"] == "no interface of the host in `prevResult` is the other end of eth0"
        assert alone.collect([("web", "eth0")]).status == 0
        assert "ifb" in sandbox.bash("ip -details link show", check=True).stdout
        assert alone.collect([]).status == 0
        assert "ifb" not in sandbox.bash("ip -details link show; tc qdisc show", check=True).stdout
        assert "tbf" not in sandbox.bash("tc qdisc show", check=True).stdout
