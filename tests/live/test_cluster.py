"""Clusters on a real kernel: what each fabric gives, what it does not, and what the far side of a connection sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from goldens import GOLDEN

from k8snet_scripts.cli import main as k8snet
from k8snet_scripts.render import template_directory
from k8snet_scripts.scripts import compile_source
from live.command import Command
from live.drift import Standing
from live.features import Kernel
from live.network import Network, checks, compiled, golden
from live.sandbox import PATH, Sandbox
from live.second_kernel import second_kernel

VXLAN = pytest.mark.needs("vxlan")
NFT = pytest.mark.needs("nft_masquerade", "nft_masquerade6")

DUAL_STACK = 'pod_cidr = ["10.244.0.0/16", "fd00:10:244::/56"]'
SMALL = "nodes = 2\npods_per_node = 1"

ASKED = re.compile(r"^(ok|not ok) [0-9]+ - Kubernetes ([0-9]): [^#]+?(?: # (TODO|SKIP) .+)?$", re.MULTILINE)


def cluster(sandbox: Sandbox, fabric: str, *more: str) -> Network:
    lines = ['name = "lab"', "[cluster]", f'fabric = "{fabric}"', *more]
    return Network(sandbox, compiled("\n".join(lines)))


def asked(network: Network) -> list[tuple[str, str, str]]:
    """What verify.sh says of each requirement: its verdict, its number, and whether that was expected or skipped."""
    done = network.run("verify")
    assert all(ok for ok, _ in checks(done))
    return ASKED.findall(done.stdout)


ALL = [("ok", "1", ""), ("ok", "2", ""), ("ok", "3", "")]


@pytest.mark.parametrize(
    ("fabric", "more"),
    [("host-gw", ()), pytest.param("vxlan", (SMALL, 'pod_cidr = "fd00:10:244::/56"'), marks=VXLAN)],
    ids=["host-gw", "vxlan, IPv6"],
)
def test_a_fabric_gives_what_kubernetes_asks(sandbox: Sandbox, fabric: str, more: tuple[str, ...]) -> None:
    network = cluster(sandbox, fabric, *more)
    network.set_up()
    assert asked(network) == ALL
    assert network.set_up() == []
    network.tear_down()
    assert sandbox.run(["ip", "netns", "list"]).stdout == ""


def test_a_cluster_of_many_steps_is_found_in_place(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled('name = "lab"\n[cluster]\nnodes = 8\npods_per_node = 1\nfabric = "host-gw"\n'))
    assert network.set_up()
    assert network.set_up() == []
    assert network.drift() == []


@pytest.mark.parametrize("name", ["cluster", "cluster-dual-stack", "cluster-host-gw", "cluster-router"])
def test_the_golden_clusters_promise_everything(name: str) -> None:
    assert [requirement.is_met for requirement in golden(name).body.requirements] == [True, True, True]


@NFT
@pytest.mark.parametrize(
    ("masquerade", "said"),
    [
        ("false", [("not ok", "1", "TODO"), ("not ok", "2", "TODO"), ("ok", "3", "")]),
        ("true", [("not ok", "1", "TODO"), ("not ok", "2", "TODO"), ("not ok", "3", "TODO")]),
    ],
)
def test_without_a_fabric_it_fails_what_it_must_fail(
    sandbox: Sandbox, masquerade: str, said: list[tuple[str, str, str]]
) -> None:
    network = cluster(sandbox, "none", SMALL, f"masquerade = {masquerade}")
    network.set_up()
    assert asked(network) == said


@pytest.fixture(scope="module")
def small(privileges: None) -> Iterator[Network]:
    """A cluster that stands for all tests which leave it as it is."""
    with Sandbox() as sandbox:
        network = cluster(sandbox, "host-gw", SMALL)
        network.set_up()
        yield network


@NFT
def test_a_nat_in_the_way_is_seen(small: Network) -> None:
    small.do(
        "ip netns exec node1 nft -f - <<'END'",
        "table ip nat { chain post { type nat hook postrouting priority 100;",
        "    ip saddr 10.244.0.0/24 oif eth0 masquerade",
        "}; }",
        "END",
    )
    done = small.run("verify")
    small.do("ip netns exec node1 nft delete table ip nat")
    claim = "node1-pod1 reaches node2-pod1 at 10.244.1.2 (through routers node1, node2), seen as 10.244.0.2"
    assert (False, claim) in checks(done)
    assert "# seen as 172.18.0.2: ip netns exec node1-pod1 bash -c ': </dev/tcp/10.244.1.2/9'" in done.stdout
    assert ASKED.findall(done.stdout) == [("not ok", "1", ""), ("not ok", "2", ""), ("not ok", "3", "")]
    assert [claim for ok, claim in checks(done) if not ok and claim.startswith("node2-pod1 reaches ")] == []


def test_without_a_perl_the_far_side_is_not_looked_at(small: Network) -> None:
    programs = small.sandbox.directory / "programs"
    programs.mkdir()
    small.do(
        f"for place in {PATH.replace(':', ' ')}; do ln -s $place/* {programs} 2>/dev/null || true; done",
        f"rm -f {programs}/perl*",
    )
    done = small.sandbox.run(["env", f"PATH={programs}", "bash", "-s"], stdin=small.text("verify"), timeout=300)
    assert all(ok for ok, _ in checks(done))
    assert ASKED.findall(done.stdout) == [("ok", number, "SKIP") for number in "123"]


@pytest.mark.parametrize(
    ("fabric", "mtu", "room"),
    [("host-gw", 1500, 1500), ("router", 1300, 1300), pytest.param("vxlan", 1500, 1430, marks=VXLAN)],
)
def test_a_full_packet_crosses_and_one_byte_more_does_not(sandbox: Sandbox, fabric: str, mtu: int, room: int) -> None:
    network = cluster(sandbox, fabric, DUAL_STACK, SMALL, f"mtu = {mtu}")
    network.set_up()
    assert asked(network) == ALL
    for target, headers in (("10.244.1.2", 28), ("fd00:10:244:1::2", 48)):
        ping = ["ip", "netns", "exec", "node1-pod1", "ping", "-c", "1", "-W", "5", "-M", "do", "-s"]
        sandbox.run([*ping, str(room - headers), target], check=True)
        assert sandbox.run([*ping, str(room - headers + 1), target]).returncode != 0


@VXLAN
@second_kernel
def test_a_tunnel_has_room_for_just_what_pods_send(sandbox: Sandbox) -> None:
    """Where a pod may send more than the fabric carries, its node says so."""
    network = cluster(sandbox, "vxlan", SMALL)
    network.set_up()
    network.do(
        "ip -n node1 link set dev pod1 mtu 1500",
        "ip -n node1 link set dev cni0 mtu 1500",
        "ip -n node1-pod1 link set dev eth0 mtu 1500",
    )
    ping = ["ip", "netns", "exec", "node1-pod1", "ping", "-c", "1", "-W", "5", "-M", "do", "10.244.1.2", "-s"]
    assert "Frag needed and DF set (mtu = 1450)" in sandbox.run([*ping, "1423"]).stdout
    sandbox.run([*ping, "1422"], check=True)


LOST = {
    "ip -n node1 link delete dev flannel.1": r"ip -n node1 .*flannel\.1.*|bridge -n node1 .*flannel\.1.*",
    "read -r lladdr _ <<<$(bridge -n node2 fdb show dev flannel.1); bridge -n node2 fdb delete $lladdr dev flannel.1": (
        r"bridge -n node2 fdb .* dev flannel\.1 .*"
    ),
    "ip -n node3 neigh delete 10.244.0.0 dev flannel.1": r"ip -n node3 neigh .* 10\.244\.0\.0 .*",
    "ip -n node3 route delete 10.244.0.0/24": r"ip -n node3 route add 10\.244\.0\.0/24 via 10\.244\.0\.0 dev flannel\.1 onlink",
}
"""What may get lost behind the script's back, and which commands are enough to mend it."""


@VXLAN
def test_what_is_lost_is_mended_and_nothing_else(standing: Callable[[str], Standing]) -> None:
    network = standing("cluster").network
    network.do(*LOST)
    foreseen = network.foreseen()
    assert network.set_up() == foreseen
    for enough in LOST.values():
        mending = [command for command in foreseen if re.fullmatch(enough, command)]
        assert mending
        foreseen = [command for command in foreseen if command not in mending]
    assert (foreseen, network.drift()) == ([], [])


@VXLAN
def test_a_node_that_is_lost_comes_back_with_its_pods_links(standing: Callable[[str], Standing]) -> None:
    network = standing("cluster").network
    network.do("ip netns delete node2")
    commands = network.set_up()
    assert "ip netns add node2" in commands
    assert [command for command in commands if re.match(r"(ip|bridge) -n node[13]", command)] == []
    assert network.failures() == []


@VXLAN
def test_the_starter_can_be_tried_without_root(sandbox: Sandbox, kernel: Kernel) -> None:
    assert kernel.has("user_namespaces")
    command = Command(sandbox, nobody=True)
    starter = (template_directory() / "starters" / "cluster.toml").read_text()
    before = command.machine()
    done = command.run("try", command.write("cluster.toml", starter))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^ok +(\S+(?: \S+)*?) +\d+ ms", done.stdout, re.MULTILINE) == [
        "setup",
        "verify",
        "setup again",
        "teardown",
        "nothing left",
    ]
    assert command.machine() == before


def test_what_is_expanded_makes_the_same_network(tmp_path: Path) -> None:
    topology, expanded = GOLDEN / "cluster-host-gw" / "topology.toml", tmp_path / "expanded.toml"
    expanded.write_text(CliRunner().invoke(k8snet, ["expand", str(topology)]).stdout)
    one, other = (compile_source(str(path)).text("setup").splitlines() for path in (topology, expanded))
    differing = [line for line, same in zip(one, other, strict=True) if line != same]
    assert differing and all(line.startswith("# ") for line in differing)
