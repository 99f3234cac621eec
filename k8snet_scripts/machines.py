"""Machines: scripts for real machines, one set for each node of the cluster in a topology file.

    source ──▶ cluster ──▶ a node ──▶ topology ──▶ scripts

What a node gets does not depend on how many pods other nodes have, and one node is compiled after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cluster.cluster import Cluster, Node
from k8snet_scripts.cluster.machine import wire_machine
from k8snet_scripts.diagnostics import Report, close_match, render_findings
from k8snet_scripts.frontend.cluster import TABLE
from k8snet_scripts.frontend.load import load_cluster
from k8snet_scripts.reach.outlook import look_out
from k8snet_scripts.scripts import Refused, Scripts, base_name, compile_topology, describe_origin, read_bytes
from k8snet_scripts.text.source import Source, read_source
from k8snet_scripts.topology import Topology


class NoNode(ValueError):
    """A node that the cluster does not have; the message is fit for a user, as is `help`."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Machines:
    """A cluster, and the file that it was read from."""

    source: Source
    cluster: Cluster

    def choose(self, names: Sequence[str]) -> tuple[Node, ...]:
        """The nodes of these names, or all of them where none is given.  Raises `NoNode`."""
        nodes = {node.name: node for node in self.cluster.nodes}
        for name in names:
            if name not in nodes:
                help = close_match(name, nodes) or f"the first node is `{next(iter(nodes))}`"
                raise NoNode(f"there is no node `{name}` in the cluster", help)
        return tuple([nodes[name] for name in names] or nodes.values())

    def load(self, node: Node) -> Topology:
        """The checked topology of the machine that a node is.  Raises `Refused`."""
        topology, report = wire_machine(self.cluster, node), Report()
        check_topology(topology, report, values=False)
        if not report.ok:
            raise Refused(render_findings(report, self.source))
        return topology

    def compile(self, node: Node, templates: Path | None = None) -> Scripts:
        """The scripts of a node.  Raises `Refused`."""
        origin = describe_origin([self.source], ("--node", node.name, base_name(self.source.name)))
        return compile_topology(self.load(node), origin, templates, look_out(self.cluster, node))


def load_machines(name: str) -> Machines:
    """The cluster in a topology file, or on standard input (`-`).  Raises `Refused`, or `NoNode` if there is none."""
    source, report = read_source(name, read_bytes(name))
    if report.ok:
        if not isinstance(source.data, dict) or TABLE not in source.data:
            raise NoNode("the topology has no nodes", "describe them by a table `cluster`; see `k8snet init cluster`")
        cluster = load_cluster(source.data, report)
        if cluster and report.ok:
            return Machines(source, cluster)
    raise Refused(render_findings(report, source))
