"""The scripts of single nodes, each on a machine of its own: what they make together, and what they leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8snet_scripts.machines import load_machines
from k8snet_scripts.scripts import Scripts
from live.machines import Machines
from live.network import checks, commands
from live.sandbox import Sandbox
from live.test_cluster import ALL, ASKED, DUAL_STACK, NFT, VXLAN

NODES = {"node1": "172.18.0.2/16", "node2": "172.18.0.3/16"}

STATE = "ip -o link show | sed 's/ state [A-Z]*//'; ip -o address show scope global; ip route show; find /run -mindepth 1 ! -path /run/netns; sysctl net.ipv4.ip_forward"


@pytest.fixture
def machines(sandbox: Sandbox) -> Iterator[Machines]:
    machines = Machines(sandbox, NODES)
    yield machines
    machines.close()


def scripts(directory: Path, *lines: str) -> dict[str, Scripts]:
    """The scripts of a cluster of two nodes, by node."""
    file = directory / "cluster.toml"
    file.write_text("\n".join(['name = "lab"', "[cluster]", "nodes = 2", "pods_per_node = 2", *lines]))
    loaded = load_machines(str(file))
    return {node.name: loaded.compile(node) for node in loaded.choose([])}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(['fabric = "vxlan"', "masquerade = true"], marks=[VXLAN, NFT]),
        pytest.param(['fabric = "host-gw"'], id="host-gw"),
    ],
)
def test_nodes_make_a_cluster_together_and_go_without_a_trace(
    sandbox: Sandbox, machines: Machines, lines: list[str]
) -> None:
    nodes = scripts(sandbox.directory, *lines)
    before = {name: machines.do(name, STATE) for name in nodes}
    for name, node in nodes.items():
        done = machines.run(name, ["bash", "-s"], stdin=node.text("setup"))
        assert done.returncode == 0, done.stderr
        changed = re.compile(r"ip (link set|address (add|delete) \S+) dev eth0 ")
        assert [line for line in commands(done) if changed.match(f"{line} ")] == []
    for name, node in nodes.items():
        done = machines.run(name, ["bash", "-s"], stdin=node.text("verify"))
        assert all(ok for ok, _ in checks(done))
        assert ASKED.findall(done.stdout) == ALL
        again = machines.run(name, ["bash", "-s"], stdin=node.text("setup"))
        assert (again.returncode, again.stderr) == (0, "")
    for name, node in nodes.items():
        done = machines.run(name, ["bash", "-s"], stdin=node.text("teardown"))
        assert done.returncode == 0, done.stderr
        assert machines.do(name, STATE) == before[name]


def test_what_other_nodes_lack_is_seen_from_here(sandbox: Sandbox, machines: Machines) -> None:
    nodes = scripts(sandbox.directory, 'fabric = "host-gw"')
    machines.run("node1", ["bash", "-s"], stdin=nodes["node1"].text("setup"))
    done = machines.run("node1", ["bash", "-s"], stdin=nodes["node1"].text("verify"))
    failed = [claim for ok, claim in checks(done) if not ok]
    assert [claim.split(" at ")[0] for claim in failed] == [
        "node1-pod1 reaches node2-pod1",
        "host reaches node2-pod1",
        "node1-pod1 reaches node2",
        "Kubernetes 1: all pods reach all pods without NAT",
        "Kubernetes 2: all nodes reach all pods, and all pods reach all nodes, without NAT",
    ]


def test_an_interface_without_its_address_is_refused_and_left_as_it_is(sandbox: Sandbox, machines: Machines) -> None:
    nodes = scripts(sandbox.directory, DUAL_STACK)
    before = machines.do("node1", STATE)
    done = machines.run("node1", ["bash", "-s"], stdin=nodes["node1"].text("setup"))
    wanted = "host eth0: inet6 fd00:172:18::2/64: has to be so before setup, and is not"
    assert (done.returncode, done.stderr) == (1, f"setup.sh: refused: {wanted}\n")
    assert machines.do("node1", STATE) == before
