"""The plugin on a node of its own: installed, and called as a runtime calls it, in an environment with nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k8snet_scripts.plugin.installation import install
from live.kernel import diff
from live.node import node, whole_state
from live.reference_plugins import DIRECTORY as REFERENCE
from live.runtime import INTERFACE, Answer, Json
from live.sandbox import PATH, Sandbox

NAT = pytest.mark.needs("nft_masquerade", "iptables_nat")

NETWORK: Json = {
    "cniVersion": "1.1.0",
    "name": "pods",
    "type": "k8snet",
    "bridge": "br0",
    "mtu": 1460,
    "isGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.1.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]},
}


class Runtime:
    """Calls the plugins in a directory."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self.sandbox = sandbox
        self.directory = directory

    def make_namespaces(self, *pods: str) -> None:
        for pod in pods:
            self.sandbox.run(["ip", "netns", "add", pod], check=True)

    def call(self, command: str, network: Json, pod: str = "", /, plugin: str = "", **changes: str) -> Answer:
        """Call the plugin of a network's type, or the one called `plugin`, for a pod; changes are variables of CNI."""
        argv = self._argv(command, network, pod, plugin, changes)
        done = self.sandbox.run(argv, stdin=json.dumps(network))
        return Answer(done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr)

    def _argv(self, command: str, network: Json, pod: str, plugin: str, changes: dict[str, str]) -> list[str]:
        variables = {"COMMAND": command, "PATH": str(self.directory)}
        if pod:
            variables |= {"CONTAINERID": pod, "IFNAME": INTERFACE, "NETNS": f"/run/netns/{pod}"}
        variables |= changes
        program = self.directory / (plugin or str(network["type"]))
        search = [f"PATH={PATH}"] if str(self.directory) == REFERENCE else []  # where it finds iptables
        return ["env", "-i", *search, *(f"CNI_{name}={value}" for name, value in variables.items()), str(program)]


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    list(install(tmp_path, replace=True))
    with node(hasty=True) as sandbox:
        yield Runtime(sandbox, tmp_path)


def address(result: Json) -> str:
    return str(result["ips"][0]["address"])


def reaches(runtime: Runtime, pod: str, target: str) -> bool:
    argv = ["ip", "netns", "exec", pod, "ping", "-c", "1", "-W", "2", target]
    return runtime.sandbox.run(argv).returncode == 0


@NAT
def test_two_pods_come_and_go(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db")
    assert runtime.call("STATUS", NETWORK).status == 0
    told = {pod: runtime.call("ADD", NETWORK, pod).result for pod in ("web", "db")}
    assert [address(result) for result in told.values()] == ["10.1.0.2/16", "10.1.0.3/16"]
    assert [item["name"] for item in told["web"]["interfaces"]][::2] == ["br0", INTERFACE]
    assert (
        reaches(runtime, "web", "10.1.0.3")
        and reaches(runtime, "db", "10.1.0.1")
        and reaches(runtime, "db", "192.0.2.2")
    )
    for pod, result in told.items():
        assert runtime.call("CHECK", {**NETWORK, "prevResult": result}, pod).status == 0
    again = runtime.call("ADD", NETWORK, "web")
    assert again.error["msg"] == f"container veth name provided ({INTERFACE}) already exists"
    assert reaches(runtime, "web", "10.1.0.3")
    assert [runtime.call("DEL", NETWORK, "web").status for _ in range(2)] == [0, 0]
    assert runtime.sandbox.run(["ip", "-n", "web", "link", "show", INTERFACE]).returncode != 0
    assert reaches(runtime, "db", "10.1.0.1")
    runtime.sandbox.run(["ip", "netns", "delete", "db"], check=True)
    assert runtime.call("DEL", NETWORK, "db").status == 0
    rules = runtime.sandbox.run(["nft", "list", "ruleset"], check=True).stdout
    records = runtime.sandbox.run(["ls", "/var/lib/cni/networks/pods"], check=True).stdout.split()
    assert ("10.1.0" not in rules, records) == (True, ["last_reserved_ip.0", "lock"])


@NAT
def test_a_pod_with_a_way_out_by_each_of_two_networks_is_checked_on_both(runtime: Runtime) -> None:
    runtime.make_namespaces("web")
    told = {}
    for number, interface in enumerate((INTERFACE, "net1"), 1):
        ranges = [[{"subnet": f"10.{number}.0.0/24"}], [{"subnet": f"fd00:{number}::/64"}]]
        routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
        ipam = {"type": "host-local", "ranges": ranges, "routes": routes}
        network = {**NETWORK, "name": f"net{number}", "bridge": f"br{number}", "ipam": ipam}
        told[interface] = {**network, "prevResult": runtime.call("ADD", network, "web", IFNAME=interface).result}
    assert [runtime.call("CHECK", handed, "web", IFNAME=name).status for name, handed in told.items()] == [0, 0]
    runtime.sandbox.bash("ip -n web -6 route delete default via fd00:2::1 dev net1", check=True)
    assert [runtime.call("CHECK", handed, "web", IFNAME=name).status for name, handed in told.items()] == [0, 1]


@NAT
def test_check_sees_what_is_wrong(runtime: Runtime) -> None:
    """What the reference does not see is in `test_plugin_better.py`."""
    runtime.make_namespaces("web")
    handed = {**NETWORK, "prevResult": runtime.call("ADD", NETWORK, "web").result}
    for drift, mend in (
        ("ip -n web route delete default", "ip -n web route add default via 10.1.0.1"),
        ("rm /var/lib/cni/networks/pods/10.1.0.2", ""),
    ):
        assert runtime.call("CHECK", handed, "web").status == 0
        runtime.sandbox.bash(drift, check=True)
        assert runtime.call("CHECK", handed, "web").error["code"] == 999, drift
        runtime.sandbox.bash(mend, check=True)


@NAT
def test_an_add_that_fails_leaves_nothing(runtime: Runtime) -> None:
    runtime.make_namespaces("web")
    runtime.sandbox.run(["ip", "link", "add", "name", "br0", "type", "veth", "peer", "name", "x0"], check=True)
    runtime.call("ADD", NETWORK, "web").error  # noqa: B018
    before = whole_state(runtime.sandbox)
    error = runtime.call("ADD", NETWORK, "web").error
    assert "br0" in error["msg"]
    after = whole_state(runtime.sandbox)
    assert [line for line in diff(before, after) if "last_reserved_ip" not in line] == []


@NAT
def test_garbage_is_collected(runtime: Runtime) -> None:
    pods = ("p1", "p2", "p3")
    runtime.make_namespaces(*pods)
    for pod in pods:
        runtime.call("ADD", NETWORK, pod).result  # noqa: B018
    runtime.sandbox.run(["ip", "netns", "delete", "p3"], check=True)
    record = "/var/lib/cni/networks/pods/10.1.0.9"  # of an ADD that was killed before it made an interface
    runtime.sandbox.bash(f"printf 'p9\\r\\n{INTERFACE}' >{record}", check=True)
    valid = [{"containerID": "p1", "ifname": INTERFACE}]
    assert runtime.call("GC", {**NETWORK, "cni.dev/valid-attachments": valid}).status == 0
    listed = runtime.sandbox.run(["ls", "/var/lib/cni/networks/pods"], check=True).stdout.split()
    assert listed == ["10.1.0.2", "last_reserved_ip.0", "lock"]
    ports = runtime.sandbox.run(["bridge", "link"], check=True).stdout.splitlines()
    assert len(ports) == 1 and reaches(runtime, "p1", "10.1.0.1")


@NAT
def test_the_reference_takes_our_addresses_and_we_take_its(runtime: Runtime) -> None:
    """Its `bridge` calls our `host-local`; ours calls its `host-local`, if that was left where it was."""
    network = {**NETWORK, "cniVersion": "1.0.0", "type": "bridge"}
    pods = ("p1", "p2", "p3")
    runtime.make_namespaces(*pods)
    given: list[Any] = []
    for pod, directory, path in (
        ("p1", REFERENCE, str(runtime.directory)),
        ("p2", str(runtime.directory), REFERENCE),
        ("p3", str(runtime.directory), str(runtime.directory)),
    ):
        caller = Runtime(runtime.sandbox, Path(directory))
        given.append(address(caller.call("ADD", network, pod, PATH=path).result))
    assert given == ["10.1.0.2/16", "10.1.0.3/16", "10.1.0.4/16"]
    assert reaches(runtime, "p1", "10.1.0.4")
    for pod in pods:  # also the one that the reference has attached
        assert runtime.call("DEL", network, pod).status == 0
    listed = runtime.sandbox.run(["ls", "/var/lib/cni/networks/pods"], check=True).stdout.split()
    assert listed == ["last_reserved_ip.0", "lock"]
    assert runtime.sandbox.run(["bridge", "link"], check=True).stdout == ""


def test_loopback_is_up_and_down(runtime: Runtime) -> None:
    network = {"cniVersion": "1.1.0", "name": "lo", "type": "loopback"}
    runtime.make_namespaces("web")
    assert runtime.call("CHECK", network, "web").error["msg"] == "loopback interface lo is down"
    ips = runtime.call("ADD", network, "web").result["ips"]
    assert [ip["address"] for ip in ips] == ["127.0.0.1/8", "::1/128"]
    assert runtime.call("CHECK", network, "web").status == 0
    assert [runtime.call("DEL", network, "web", NETNS=path).status for path in ("/run/netns/web", "", "/gone")] == [
        0
    ] * 3
    assert runtime.call("CHECK", network, "web").status == 1
