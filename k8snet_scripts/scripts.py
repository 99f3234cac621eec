"""The whole way from a topology to its scripts, stage by stage.

    source ──▶ topology ──▶ check ──▶ plan ──▶ templates ──▶ scripts

Each stage is a pure function of the one before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from k8snet_scripts.aside import Aside, count_processors
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cni.filters import NO_PORTS, Published
from k8snet_scripts.cni.load import read_configuration
from k8snet_scripts.cni.node import wire_node
from k8snet_scripts.cni.table import TABLE, asks_for_node, read_request
from k8snet_scripts.diagnostics import Report, render_findings
from k8snet_scripts.digests import SEAM, digest
from k8snet_scripts.drafts import Drafts
from k8snet_scripts.drawing.diagram import draw_diagram
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.heads import STANDARD_INPUT
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.reach.outlook import NO_OUTLOOK, Outlook
from k8snet_scripts.reach.probes import choose_probes
from k8snet_scripts.reach.requirements import sort_probes
from k8snet_scripts.render import KINDS, Body, Kind, Origin, lay_out, render_script
from k8snet_scripts.text.source import Source, read_source
from k8snet_scripts.topology import Topology

LARGEST = 64 << 20
"""The bytes that a topology file may have."""

_MANY = 1000  # namespaces: with more, other processes make what does not take the check

_SAMPLE = 60
"""How many probes there are at most within what is a part of something larger: there are many such parts."""


class Refused(Exception):
    """A topology that breaks a rule; the message is the rendered findings, ready to be shown."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The three scripts of one topology, rendered on demand and in pieces: a large one need not fit in memory."""

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


class Loaded(NamedTuple):
    """A checked topology, and the files that it was read from, the one that was named first."""

    sources: tuple[Source, ...]
    topology: Topology


def load_source(name: str) -> Loaded:
    """The checked topology in a file, or on standard input (`-`); raises `Refused`."""
    loaded, check = _load(name)
    check()
    return loaded


def _load(name: str) -> tuple[Loaded, Callable[[], None]]:
    """The topology in a file, and what remains to be checked of it.

    Raises `Refused` if it cannot be read as a whole, and so does the check if anything is wrong with what it describes.
    """
    source, report = read_source(name, read_bytes(name))
    if report.ok and asks_for_node(source.data):
        return _load_request(source, report), _check_nothing
    if not report.ok:
        raise Refused(render_findings(report, source))
    topology = load_topology(source.data, report)

    def check() -> None:
        check_topology(topology, report, values=False)
        if not report.ok:
            raise Refused(render_findings(report, source))

    if not report.ok:
        check()
    return Loaded((source,), topology), check


def _check_nothing() -> None:
    """What there is to do for a topology that was checked before."""


def _load_request(source: Source, report: Report) -> Loaded:
    """The node that a topology file describes by a CNI configuration."""
    request = read_request(source.data, report)
    if not report.ok:
        raise Refused(render_findings(report, source))
    path = str(Path(source.name).parent / request.configuration)
    path = "./-" if path == "-" else path  # by itself it would be standard input
    try:
        sources, topology = load_pods(path, request.pods, request.published)
    except OSError as error:
        message = f"cannot read `{path}`: {error.strerror}"
        help = "write the way to the file from the directory of this one, or its absolute path"
        if isinstance(error, PermissionError):
            help = "run k8snet as a user who may read it, or let this one"
        report.error("bad-path", (TABLE, "configuration"), message, help=help)
        raise Refused(render_findings(report, source)) from error
    description = request.description or topology.description
    return Loaded((source, *sources), replace(topology, name=request.name, description=description))


def load_pods(name: str, pods: Sequence[str], published: Published = NO_PORTS) -> Loaded:
    """The node that a CNI configuration, in a file or on standard input (`-`), makes with these pods; raises `Refused`.

    `published` are ports of the host that lead to single pods.
    """
    source, network, report = read_configuration(name, read_bytes(name))
    if report.ok:
        topology = wire_node(network, pods, report, published)
        if report.ok:
            check_topology(topology, report, values=False)
            if report.ok:
                return Loaded((source,), topology)
    raise Refused(render_findings(report, source))


def read_bytes(name: str) -> bytes:
    """What is in a file, or comes on standard input (`-`); raises `Refused` where that is too much."""
    with open(name, "rb") if name != "-" else nullcontext(sys.stdin.buffer) as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        report = Report()
        report.error("limits", (), f"the file is larger than {LARGEST >> 20} MiB", help="ranges in keys keep it small")
        raise Refused(render_findings(report, Source(name, "", {}, "")))
    return raw


def compile_source(name: str, templates: Path | None = None) -> Scripts:
    """The scripts of the topology in a file, or on standard input (`-`); raises `Refused`."""
    (sources, topology), check = _load(name)
    return compile_topology(topology, describe_origin(sources), templates, check=check)


def compile_pods(name: str, pods: Sequence[str], templates: Path | None = None) -> Scripts:
    """The scripts of the node that a CNI configuration makes with these pods; raises `Refused`."""
    sources, topology = load_pods(name, pods)
    named = (word for pod in pods for word in ("--pod", pod))
    return compile_topology(topology, describe_origin(sources, ("--cni", base_name(name), *named)), templates)


def describe_origin(sources: Sequence[Source], arguments: Sequence[str] = ()) -> Origin:
    """What scripts say they are made from; `arguments` are those of `compile`, if they are more than the first file."""
    files = tuple((_shown(source.name), source.digest) for source in sources)
    return Origin(files, tuple(arguments) or (base_name(sources[0].name),))


def _shown(name: str) -> str:
    return STANDARD_INPUT if name == "-" else base_name(name)


def base_name(name: str) -> str:
    """The last part of a path, as it can be printed."""
    return os.fsencode(Path(name).name).decode(errors="replace")


def compile_topology(
    topology: Topology,
    origin: Origin,
    templates: Path | None = None,
    outlook: Outlook = NO_OUTLOOK,
    check: Callable[[], None] = _check_nothing,
) -> Scripts:
    """The scripts of a topology that was found good, by `load_source` or by `check_topology`, or will be by `check`.

    That is called when others have begun to make the many rows of a large one.  With an outlook the topology is a part
    of something larger, and verify.sh tries that as well.
    """
    plan = plan_topology(topology)
    table: Iterable[str] = lay_out(plan)
    drawing: Iterable[str] = _draw(topology)
    if len(topology.namespaces) > _MANY and count_processors() > 1:
        table, drawing = Aside(table), Aside(drawing)
        check()  # what is wrong with a topology says more than that it cannot be planned
    else:
        check()
        table, drawing = tuple(table), tuple(drawing)
    probes, coverage = (
        choose_probes(topology) if outlook is NO_OUTLOOK else choose_probes(topology, _SAMPLE, few=_SAMPLE)
    )
    coverage = "; ".join(filter(None, (coverage, outlook.coverage)))
    rest, requirements = sort_probes(topology, (*probes, *outlook.probes), outlook.roles)
    diagram = "".join(drawing).split("\n")[:-1]
    body = Body(plan, table, origin, topology.description, diagram, rest, requirements, coverage)
    return Scripts(topology.name, body, templates)


def _draw(topology: Topology) -> Iterator[str]:
    """The lines of the diagram."""
    for line in draw_diagram(topology):
        yield f"{line}\n"


def fixed_digests() -> Iterator[tuple[str, str]]:
    """By name of a script, the SHA-256 of what is the same for every network, which is all below its seam."""
    network = compile_topology(Topology("any"), Origin((("any", ""),), ("any",)))
    attachment = compile_topology(Topology("any"), Origin((), ("any",)))
    for kind in KINDS:
        yield f"{kind}.sh", _fixed_digest(network, kind)
    for kind in ("setup", "teardown"):
        yield f"{kind}.sh of the plugin", _fixed_digest(attachment, kind)


def _fixed_digest(scripts: Scripts, kind: Kind) -> str:
    _, _, rest = scripts.text(kind).partition(SEAM)
    _, _, fixed = rest.partition("\n")
    return digest(fixed).hex()


def check_and_compile(topology: Topology, source: str) -> Scripts:
    """The scripts of a topology that was built in Python; raises `Refused`.

    There is no text to point at: findings name the rule, and the digest in the headers is that of the model.
    """
    report = Report()
    check_topology(topology, report)
    if not report.ok:
        raise Refused(render_findings(report, Source(source, "", {}, "")))
    return compile_topology(topology, Origin(((source, digest(repr(topology)).hex()),), (source,)))
