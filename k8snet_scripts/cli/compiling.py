"""Commands that make scripts: `compile` writes the three of them, `setup`, `teardown` and `verify` print one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.arguments import (
    blaming,
    cni_option,
    compiled,
    compiled_nodes,
    complete_node,
    load_machines,
    node_option,
    pod_option,
    templates_option,
    topologies_or_none,
    topology_argument,
)
from k8snet_scripts.cli.messages import Findings, shell
from k8snet_scripts.cli.placing import drafting, place, refuse_others, show_difference
from k8snet_scripts.cli.printing import print_pieces

if TYPE_CHECKING:
    from k8snet_scripts.ahead import Ahead
    from k8snet_scripts.drafts import Drafts
    from k8snet_scripts.render import Kind
    from k8snet_scripts.scripts import Scripts


@click.command("compile", short_help="Write the scripts of topologies.")
@topologies_or_none
@cni_option
@pod_option
@click.option(
    "--node",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_node,
    help="Of a cluster, only the scripts for this node, to run on that machine; may be given several times.",
)
@click.option("--nodes", "every", is_flag=True, help="The same for every node, in a directory for each, by its name.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Write into this directory; with several topologies, into one in it for each, by its name.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; show what is stale as a diff, and exit with 1 if anything is."
)
@templates_option
def compile_(
    topologies: Sequence[str],
    cni: str | None,
    pods: Sequence[str],
    names: Sequence[str],
    every: bool,
    output: Path | None,
    check: bool,
    templates: Path | None,
) -> int:
    """Write setup.sh, teardown.sh and verify.sh for each TOPOLOGY.

    The scripts are written beside the topology, or into the current directory if that comes from standard input. What
    is up to date is not touched, and nothing is written if anything is wrong with any of the topologies, or over a file
    that k8snet has not made, or has made for another network.

    Keep the scripts under version control, review them, and let CI hold them to the topology:

    \b
      k8snet compile --check lab/topology.toml

    With --cni they make the node of a Kubernetes cluster that the CNI plugins of a configuration make with some pods:

    \b
      k8snet compile --cni /etc/cni/net.d/k8s.conf --pod nginx --pod web -o node

    With --node, or --nodes for all, they make what one node of a cluster has, on the machine that is this node:

    \b
      k8snet compile cluster.toml --nodes -o nodes
    """
    _check_sources(topologies, cni, pods)
    _check_nodes(topologies, cni, names, every)
    with drafting(beside=not check) as drafts:
        if names or every:
            _draft_nodes(topologies[0], names, output, templates, drafts)
        elif not _draft_all([cni] if cni else topologies, pods if cni else None, output, templates, drafts):
            return Findings.exit_code
        if not check:
            place(drafts, beside=output is None)
            return 0
        refuse_others(drafts, beside=output is None)
        stale = [draft for draft in drafts if draft.is_news]
        for draft in stale:
            show_difference(draft)
    if not stale:
        return 0
    command = _mending(topologies, [*_cni_words(cni, pods), *_node_words(names, every)], output, templates)
    click.echo(f"stale scripts; to write them anew: {command}", err=True)
    return 1


def _check_sources(topologies: Sequence[str], cni: str | None, pods: Sequence[str]) -> None:
    if cni and topologies:
        raise click.UsageError("--cni stands instead of a TOPOLOGY: give one of them")
    if pods and not cni:
        raise click.UsageError("--pod goes with --cni FILE")
    if cni and not pods:
        raise click.UsageError("--cni needs a pod: add --pod NAME, once for each")
    if not cni and not topologies:
        raise click.UsageError("Missing argument 'TOPOLOGY...'.")


def _check_nodes(topologies: Sequence[str], cni: str | None, names: Sequence[str], every: bool) -> None:
    if not names and not every:
        return
    if names and every:
        raise click.UsageError("--nodes is all of them: give it or --node NAME")
    if cni or len(topologies) > 1:
        raise click.UsageError(f"{'--nodes' if every else '--node'} goes with one TOPOLOGY")
    for number, name in enumerate(names):
        if name in names[:number]:
            raise click.UsageError(f"the node `{name}` is there twice")


def _node_words(names: Sequence[str], every: bool) -> list[str]:
    return ["--nodes"] if every else [word for name in names for word in ("--node", name)]


def _cni_words(cni: str | None, pods: Sequence[str]) -> list[str]:
    return ["--cni", cni, *(word for pod in pods for word in ("--pod", pod))] if cni else []


def _draft_all(
    topologies: Sequence[str],
    pods: Sequence[str] | None,
    output: Path | None,
    templates: Path | None,
    drafts: Drafts,
) -> bool:
    """Draft the scripts of each topology; whether there were any of all, or findings that are shown."""
    owners: dict[Path, str] = {}

    def draft(topology: str, scripts: Scripts | Ahead) -> None:
        directory = _destination(topology, scripts.name, output, several=len(topologies) > 1)
        place = directory.resolve()
        if owners.get(place) == topology:
            raise click.UsageError(f"`{topology}` is given twice")
        if place in owners:
            way_out = "give them different names" if output else "give each a directory of its own, or use -o"
            both = f"`{owners[place]}` and `{topology}`"
            raise click.UsageError(f"{both} would write the same files in {directory}; {way_out}")
        owners[place] = topology
        with blaming(templates):
            scripts.draft(directory, drafts)

    good = True
    for topology, scripts in _compile_all(topologies, partial(compiled, templates=templates, pods=pods)):
        try:
            draft(topology, scripts())
        except Findings as findings:
            findings.show()
            good = False
    return good


def _compile_all(
    topologies: Sequence[str], compile: Callable[[str], Scripts]
) -> Iterator[tuple[str, Callable[[], Scripts | Ahead]]]:
    """The topologies with what compiles each, or has done so: as many side by side as there are processors.

    Only what is in files can be read again by whoever meets what is wrong with it.
    """
    from k8snet_scripts.ahead import Ahead
    from k8snet_scripts.aside import count_processors

    are_files = "-" not in topologies and all(map(os.path.isfile, topologies))
    together = count_processors() if are_files else 1
    for start in range(0, len(topologies), together):
        here, *others = topologies[start : start + together]
        elsewhere = [Ahead(partial(compile, topology)) for topology in others]
        yield here, partial(compile, here)
        for topology, scripts in zip(others, elsewhere, strict=True):
            yield topology, scripts.wait


def _draft_nodes(
    topology: str, names: Sequence[str], output: Path | None, templates: Path | None, drafts: Drafts
) -> None:
    """Draft the scripts of some nodes of a cluster, or all: those of several in a directory for each."""
    for node, scripts in compiled_nodes(load_machines(topology), templates, names):
        home = _destination(topology, scripts.name, output, several=False)
        with blaming(templates):
            scripts.draft(home if len(names) == 1 else home / node, drafts)


def _destination(topology: str, name: str, output: Path | None, several: bool) -> Path:
    if output is None:
        return Path() if topology == "-" else Path(topology).parent
    return output / name if several else output


def _mending(topologies: Sequence[str], words: Sequence[str], output: Path | None, templates: Path | None) -> str:
    """The command that writes the scripts anew."""
    options = [*(("-o", str(output)) if output else ()), *(("--templates", str(templates)) if templates else ())]
    dashes = ["--"] if any(name.startswith("-") and name != "-" for name in topologies) else []
    return shell(["k8snet", "compile", *options, *words, *dashes, *topologies])


def _printing(kind: Kind, verb: str, more: str = "") -> click.Command:
    """A command that prints one kind of script."""
    help = f"Print {kind}.sh, which {verb} the network of TOPOLOGY{more}."
    example = f"\b\n  k8snet {kind} docker.toml | sudo bash"

    @click.command(kind, help=f"{help}\n\n{example}", short_help=f"Print the script that {verb} a network.")
    @topology_argument
    @node_option
    @templates_option
    def command(topology: str, node: str | None, templates: Path | None) -> None:
        scripts = compiled(topology, templates, node=node)
        with blaming(templates):
            print_pieces(scripts.render(kind))

    return command


setup = _printing("setup", "makes", ", or mends it")
teardown = _printing("teardown", "removes")
verify = _printing("verify", "checks", " and reports in TAP")
