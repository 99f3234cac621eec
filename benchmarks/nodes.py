"""Compiling the scripts of every node of a cluster: time and memory, and what a node's scripts depend on.

    python benchmarks/nodes.py [--sizes 10x100,100x100,1000x100] [--fabrics host-gw,vxlan]

A size is NODESxPODS, the pods being those of each node.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from compiling import run_measured


def cluster(nodes: int, pods: int, fabric: str) -> str:
    """A cluster of any size: a /8 has room for a /24 on each of 65536 nodes."""
    lines = ['name = "bench"', "[cluster]", f"nodes = {nodes}", f"pods_per_node = {pods}", f'fabric = "{fabric}"']
    return "\n".join([*lines, 'pod_cidr = "10.0.0.0/8"', "node_cidr_mask_size_ipv4 = 24", ""])


def measure(nodes: int, pods: int, fabric: str) -> str:
    """A row of the report: the whole cluster compiled by one command."""
    with tempfile.TemporaryDirectory() as directory:
        source, out = Path(directory, "cluster.toml"), Path(directory, "nodes")
        source.write_text(cluster(nodes, pods, fabric))
        command = [sys.executable, "-m", "k8snet_scripts", "compile", str(source), "--nodes", "-o", str(out)]
        seconds, peak = run_measured(command)
        own = sum(path.stat().st_size for path in (out / "node1").iterdir())
        whole = sum(path.stat().st_size for path in out.glob("*/*.sh"))
    each = f"{1000 * seconds / nodes:.0f} ms"
    return f"| {nodes:,} nodes of {pods} pods, {fabric} | {seconds:.1f} s | {each} | {peak >> 20} MiB | {own >> 10} KiB | {whole >> 20} MiB |"


def main() -> None:
    """Print the report, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10x100,100x100,1000x100")
    parser.add_argument("--fabrics", default="host-gw,vxlan")
    given = parser.parse_args()
    print("| compile --nodes | time | a node | peak memory | scripts of a node | of all |")
    print("|---|---|---|---|---|---|")
    for fabric in given.fabrics.split(","):
        for size in given.sizes.split(","):
            nodes, pods = map(int, size.split("x"))
            print(measure(nodes, pods, fabric), flush=True)


if __name__ == "__main__":
    main()
