"""The arguments and options that commands share, and what they are read into."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.messages import Failure, Findings

if TYPE_CHECKING:
    from k8snet_scripts.cluster.cluster import Node
    from k8snet_scripts.machines import Machines
    from k8snet_scripts.scripts import Scripts
    from k8snet_scripts.topology import Topology

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)

topology_argument = click.argument("topology", type=_FILE)


def _check_topologies(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of topologies, of which only one can come on standard input."""
    if names.count("-") > 1:
        raise click.UsageError("standard input, `-`, is given twice, and can be read once")
    return names


topologies_argument = click.argument(
    "topologies", nargs=-1, required=True, type=_FILE, metavar="TOPOLOGY...", callback=_check_topologies
)
topologies_or_none = click.argument(
    "topologies", nargs=-1, type=_FILE, metavar="TOPOLOGY...", callback=_check_topologies
)
cni_option = click.option(
    "--cni", type=_FILE, metavar="FILE", help="Instead of a TOPOLOGY: a CNI configuration, a .conf or a .conflist."
)
templates_option = click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Look for templates in this directory before the built-in ones.",
)


def _check_pods(context: click.Context, parameter: click.Parameter, pods: tuple[str, ...]) -> tuple[str, ...]:
    """The names of pods, each once; they name namespaces."""
    from k8snet_scripts.rules.names import check_namespace_name
    from k8snet_scripts.rules.refusal import Refused

    for number, pod in enumerate(pods):
        try:
            check_namespace_name(pod)
        except Refused as refused:
            raise click.BadParameter("; ".join(filter(None, (refused.message, refused.help)))) from refused
        if pod in pods[:number]:
            raise click.BadParameter(f"there are two pods `{pod}`; give them different names")
    return pods


pod_option = click.option(
    "--pod",
    "pods",
    multiple=True,
    metavar="NAME",
    callback=_check_pods,
    help="With --cni: a pod on the node, with a network namespace of this name; once for each, in the order of ADD.",
)


def complete_node(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The nodes in the topology file that the line names so far; none where that cannot be read as a cluster."""
    from k8snet_scripts.machines import NoNode, load_machines
    from k8snet_scripts.scripts import Refused

    # As --node has no value yet, click has put no file into `params`, but the words that are no options into `args`.
    files = [name for name in ctx.args if name != "-"]
    try:
        nodes = [node.name for name in files for node in load_machines(name).choose([])]
    except (NoNode, OSError, Refused):
        return []
    return [name for name in nodes if name.startswith(incomplete)]


node_option = click.option(
    "--node",
    metavar="NAME",
    shell_complete=complete_node,
    help="Of a cluster, only this node: the host is that machine, whose interface is there already.",
)


def load(topology: str, node: str | None = None) -> Topology:
    """The checked model in a file, or on standard input (`-`), or of one node of a cluster there; raises `Findings`."""
    from k8snet_scripts.scripts import load_source

    with finding():
        if node is None:
            _need_input(topology)
            return load_source(topology).topology
        machines = load_machines(topology)
        return machines.load(*choose_nodes(machines, [node]))


def compiled(
    topology: str, templates: Path | None, pods: Sequence[str] | None = None, node: str | None = None
) -> Scripts:
    """The scripts of such a model, or where `pods` are given, of a node with a CNI configuration; raises `Findings`."""
    from k8snet_scripts.scripts import compile_pods, compile_source

    if node is not None:
        (_, scripts), *_ = compiled_nodes(load_machines(topology), templates, [node])
        return scripts
    _need_input(topology)
    with finding(), blaming(templates):
        return compile_source(topology, templates) if pods is None else compile_pods(topology, pods, templates)


def compiled_nodes(machines: Machines, templates: Path | None, names: Sequence[str]) -> Iterator[tuple[str, Scripts]]:
    """The nodes of a cluster that are named, or all, each with its scripts; raises `Findings`."""
    for node in choose_nodes(machines, names):
        with finding(), blaming(templates):
            scripts = machines.compile(node, templates)
        yield node.name, scripts


def load_machines(topology: str) -> Machines:
    """The nodes of a cluster in a file, or on standard input (`-`); raises `Findings`."""
    from k8snet_scripts import machines

    _need_input(topology)
    with finding():
        try:
            return machines.load_machines(topology)
        except machines.NoNode as error:
            raise Failure(f"{visible(topology)}: {error}", error.help) from error


def choose_nodes(machines: Machines, names: Sequence[str]) -> tuple[Node, ...]:
    """The nodes of these names, or all."""
    from k8snet_scripts.machines import NoNode

    try:
        return machines.choose(names)
    except NoNode as error:
        raise Failure(str(error), error.help) from error


@contextmanager
def finding() -> Iterator[None]:
    """What is refused is shown as `Findings`."""
    from k8snet_scripts.scripts import Refused

    try:
        yield
    except Refused as refused:
        raise Findings(str(refused)) from refused


def visible(name: str) -> str:
    """The name of a file, as it can be printed."""
    from k8snet_scripts import diagnostics

    return diagnostics.visible(name)


def _need_input(topology: str) -> None:
    if topology == "-" and sys.stdin is None:
        raise Failure("standard input is closed")


@contextmanager
def blaming(templates: Path | None) -> Iterator[None]:
    """Whatever goes wrong with a user's templates while something is rendered is a `Failure` that names the place."""
    try:
        yield
    except Exception as error:
        is_ours = isinstance(error, click.ClickException)
        is_the_systems = isinstance(error, OSError) and error.errno is not None
        if templates is None or is_ours or is_the_systems:
            raise
        message = f"{_place(error, templates)}: {_reason(error)}"
        raise Failure(message, "mend the template, or leave out --templates") from error


def _place(error: Exception, templates: Path) -> str:
    """The innermost place in a template that an error comes from, else the directory."""
    import traceback

    name, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if name and line:
        return f"{name}:{line}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames if Path(frame.filename).is_relative_to(templates)]
    return places[-1] if places else str(templates)


def _reason(error: Exception) -> str:
    """What an error says; one of Python's own says what it is, too."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
