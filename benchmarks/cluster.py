"""A cluster up, verified and down: by k8snet's scripts, and by hand-written commands, in turns.

    python benchmarks/cluster.py [--size 10x50] [--fabrics host-gw,vxlan] [--repeat 3] [--json FILE]

A size is NODESxPODS, the pods being those of each node.  Needs root (or user namespaces) and ping.
See README.md in this directory for what is measured.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from arena import Times, run_contender
from contenders import Contender, write_script
from nodes import cluster
from report import render_table
from run import find_k8snet, machine, say

PHASES = {"setup": "up", "verify": "verified", "again": "no-change run", "teardown": "down"}
OURS, HAND = "k8snet", "hand-written"

_PROBE = re.compile(r"#> (\S+) reaches \S+ at (\S+) ")


@dataclass(frozen=True, slots=True)
class Node:
    """What a person who writes the commands by hand knows of a node, counted from 1."""

    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def address(self) -> str:
        return f"172.18.0.{self.number + 1}"

    @property
    def lladdr(self) -> str:
        """That of its tunnel."""
        return f"0a:58:ac:12:00:{self.number:02x}"

    def pod_address(self, last: int) -> str:
        """An address of the node's /24 of 10.0.0.0/8."""
        return f"10.0.{self.number - 1}.{last}"

    def way_to(self, other: Node, fabric: str) -> Iterator[str]:
        """What leads to the pods of another node."""
        if fabric == "host-gw":
            yield f"ip -n {self.name} route add {other.pod_address(0)}/24 via {other.address} dev eth0"
            return
        through = f"{other.pod_address(0)} dev flannel.1"
        yield f"ip -n {self.name} neigh add {through} lladdr {other.lladdr} nud permanent"
        yield f"bridge -n {self.name} fdb add {other.lladdr} dev flannel.1 dst {other.address}"
        yield f"ip -n {self.name} route add {other.pod_address(0)}/24 via {through} onlink"


def main() -> None:
    """Measure, and print the report."""
    options = _options()
    results: dict[str, dict[str, list[Times]]] = {}
    nodes, pods = options.size
    with tempfile.TemporaryDirectory(prefix="k8snet-bench-") as name:
        for fabric in options.fabrics:
            directory = Path(name, fabric)
            directory.mkdir()
            contenders = make_contenders(nodes, pods, fabric, directory)
            results[fabric] = {contender.name: [] for contender in contenders}
            for turn in range(options.repeat):
                for contender in contenders:
                    say(f"{fabric}, turn {turn + 1}: {contender.name}")
                    times = run_contender(contender, referee=("bash", str(directory / "hand-verify.sh")))
                    results[fabric][contender.name].append(times)
    print(f"{nodes} nodes of {pods} pods, medians of {options.repeat}\n")
    print("\n".join(render(results)))
    if options.json:
        runs = {
            fabric: {name: list(map(asdict, times)) for name, times in of.items()} for fabric, of in results.items()
        }
        options.json.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")


def make_contenders(nodes: int, pods: int, fabric: str, directory: Path) -> tuple[Contender, Contender]:
    """Ours and the hand-written one, with their scripts in the directory; both verify the same connections."""
    source = directory / "cluster.toml"
    source.write_text(cluster(nodes, pods, fabric))
    subprocess.run([*find_k8snet(), "compile", source, "-o", directory], check=True, stdout=subprocess.DEVNULL)
    setup, verify, teardown = (("bash", str(directory / f"{kind}.sh")) for kind in ("setup", "verify", "teardown"))
    probes = _PROBE.findall((directory / "verify.sh").read_text())
    return (
        Contender(OURS, setup, setup, teardown, verify),
        Contender(
            HAND,
            write_script(directory / "hand-setup.sh", _wanted(nodes, pods, fabric)),
            None,
            write_script(directory / "hand-teardown.sh", _removal(nodes, pods)),
            write_script(directory / "hand-verify.sh", (_ping(*probe) for probe in probes)),
        ),
    )


def _ping(source: str, address: str) -> str:
    return f"ip netns exec {source} ping -q -c 1 -W 2 {address} >/dev/null"


def _wanted(nodes: int, pods: int, fabric: str) -> Iterator[str]:
    """One command a line, veths made in place."""
    mtu = "mtu 1450 " if fabric == "vxlan" else ""
    everywhere = [Node(number) for number in range(1, nodes + 1)]
    yield "ip link add name underlay type bridge"
    for node in everywhere:
        inside = f"ip -n {node.name}"
        yield f"ip netns add {node.name}"
        yield f"{inside} link set lo up"
        yield f"ip netns exec {node.name} sysctl -q net.ipv4.ip_forward=1"
        yield f"ip link add name {node.name} master underlay type veth peer name eth0 netns {node.name}"
        yield f"ip link set {node.name} up"
        yield f"{inside} address add {node.address}/16 dev eth0"
        yield f"{inside} link set eth0 up"
        yield f"{inside} link add name cni0 {mtu}type bridge"
        yield f"{inside} address add {node.pod_address(1)}/24 dev cni0"
        if fabric == "vxlan":
            vxlan = f"type vxlan id 1 local {node.address} dev eth0 dstport 8472 nolearning"
            yield f"{inside} link add name flannel.1 {mtu}address {node.lladdr} {vxlan}"
            yield f"{inside} address add {node.pod_address(0)}/32 dev flannel.1"
            yield f"{inside} link set flannel.1 up"
        for pod in range(1, pods + 1):
            yield from _wanted_pod(node, pod, mtu)
        yield f"{inside} link set cni0 up"
    yield "ip link set underlay up"
    for node in everywhere:
        for other in everywhere:
            if other != node:
                yield from node.way_to(other, fabric)


def _wanted_pod(node: Node, pod: int, mtu: str) -> Iterator[str]:
    name = f"{node.name}-pod{pod}"
    veth = f"type veth peer name eth0 {mtu}netns {name}"
    yield f"ip netns add {name}"
    yield f"ip -n {name} link set lo up"
    yield f"ip -n {node.name} link add name pod{pod} {mtu}master cni0 {veth}"
    yield f"ip -n {node.name} link set pod{pod} up"
    yield f"ip -n {name} address add {node.pod_address(pod + 1)}/24 dev eth0"
    yield f"ip -n {name} link set eth0 up"
    yield f"ip -n {name} route add default via {node.pod_address(1)}"


def _removal(nodes: int, pods: int) -> Iterator[str]:
    for number in range(1, nodes + 1):
        for pod in range(1, pods + 1):
            yield f"ip -n node{number} link delete pod{pod}"
            yield f"ip netns delete node{number}-pod{pod}"
        yield f"ip link delete node{number}"
        yield f"ip netns delete node{number}"
    yield "ip link delete underlay"


def render(results: dict[str, dict[str, list[Times]]]) -> Iterator[str]:
    """A table for each fabric, a row for each phase."""
    for fabric, runs in results.items():
        rows = []
        for phase, title in PHASES.items():
            medians = {name: _median(phase, times) for name, times in runs.items()}
            ours, hand = medians[OURS], medians[HAND]
            ratio = "-" if ours is None or hand is None else f"{hand / ours:.1f}"
            rows.append((title, *("-" if one is None else f"{one * 1000:.0f} ms" for one in (ours, hand)), ratio))
        yield from render_table((fabric, OURS, HAND, "times faster"), rows)


def _median(phase: str, runs: list[Times]) -> float | None:
    times = [getattr(run, phase) for run in runs]
    return None if None in times else statistics.median(times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=_size, default=_size("10x50"), help="at most 200 nodes of 250 pods")
    parser.add_argument("--fabrics", type=lambda text: text.split(","), default=["host-gw", "vxlan"])
    parser.add_argument("--repeat", type=int, default=3, help="turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there as well")
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    nodes, pods = map(int, text.split("x"))
    return nodes, pods


if __name__ == "__main__":
    main()
