"""The whole way from a topology to its scripts, stage by stage.

    source ──▶ topology ──▶ check ──▶ plan ──▶ templates ──▶ scripts

Each stage is a pure function of the one before.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Report, render_findings
from k8snet_scripts.drafts import Drafts
from k8snet_scripts.drawing.diagram import draw_diagram
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.reach.probes import choose_probes
from k8snet_scripts.render import KINDS, Body, Kind, Origin, render_script, render_table
from k8snet_scripts.text.source import Source, read_source
from k8snet_scripts.topology import Topology

LARGEST = 64 << 20
"""The bytes that a topology file may have."""


class Refused(Exception):
    """A topology that breaks a rule; the message is the rendered findings, ready to be shown."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The three scripts of one topology, rendered on demand and in pieces, so that a large one need not fit in memory."""

    name: str
    body: Body
    templates: Path | None = None

    def render(self, kind: Kind) -> Iterator[str]:
        """The text of `setup.sh`, `teardown.sh` or `verify.sh`, in pieces."""
        return render_script(kind, self.body, self.templates)

    def text(self, kind: Kind) -> str:
        """The same in one string."""
        return "".join(self.render(kind))

    def draft(self, directory: Path, drafts: Drafts) -> None:
        """Draft all three for a directory."""
        for kind in KINDS:
            drafts.write(directory / f"{kind}.sh", self.render(kind))

    def write(self, directory: Path) -> list[Path]:
        """Write all three into a directory; the paths of those that were not there or differed."""
        with Drafts() as drafts:
            self.draft(directory, drafts)
            return [draft.path for draft in drafts if draft.place()]


def load_source(name: str) -> tuple[Source, Topology]:
    """The checked topology in a file, or on standard input (`-`); raises `Refused`."""
    with open(name, "rb") if name != "-" else nullcontext(sys.stdin.buffer) as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        source, report = Source(name, "", {}, ""), Report()
        report.error("limits", (), f"the file is larger than {LARGEST >> 20} MiB", help="ranges in keys keep it small")
    else:
        source, report = read_source(name, raw)
    if report.ok:
        topology = load_topology(source.data, report)
        check_topology(topology, report, values=False)
        if report.ok:
            return source, topology
    raise Refused(render_findings(report, source))


def compile_source(name: str, templates: Path | None = None) -> Scripts:
    """The scripts of the topology in a file, or on standard input (`-`); raises `Refused`."""
    source, topology = load_source(name)
    shown = "standard input" if name == "-" else os.fsencode(Path(name).name).decode(errors="replace")
    return compile_topology(topology, Origin(shown, source.digest), templates)


def compile_topology(topology: Topology, origin: Origin, templates: Path | None = None) -> Scripts:
    """The scripts of a topology that was found good, by `load_source` or by `check_topology`."""
    probes, coverage = choose_probes(topology)
    plan = plan_topology(topology)
    table = render_table(plan, templates)
    body = Body(plan, table, origin, topology.description, draw_diagram(topology), probes, coverage)
    return Scripts(topology.name, body, templates)


def check_and_compile(topology: Topology, source: str) -> Scripts:
    """The scripts of a topology that was built in Python; raises `Refused`.

    There is no text to point at: findings name the rule, and the digest in the headers is that of the model.
    """
    report = Report()
    check_topology(topology, report)
    if not report.ok:
        raise Refused(render_findings(report, Source(source, "", {}, "")))
    digest = hashlib.sha256(repr(topology).encode()).hexdigest()
    return compile_topology(topology, Origin(source, digest))
