"""Commands that look and make nothing: `check`, `diagram`, `expand` at a topology, `digests` at what scripts share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.arguments import load, node_option, topologies_argument, topology_argument, visible
from k8snet_scripts.cli.messages import Findings
from k8snet_scripts.cli.printing import print_pieces

if TYPE_CHECKING:
    from k8snet_scripts.topology import Topology


@click.command(short_help="Say what is wrong with topologies.")
@topologies_argument
def check(topologies: Sequence[str]) -> int:
    """Say what is wrong with each TOPOLOGY, or else how much is in it."""
    status = 0
    for topology in topologies:
        try:
            model = load(topology)
        except Findings as findings:
            findings.show()
            status = findings.exit_code
        else:
            click.echo(f"{visible(topology)}: good, {_size(model)}")
    return status


def _size(model: Topology) -> str:
    """How many things there are, in words."""
    bridges = sum(len(place.bridges) for place in (model.host, *model.namespaces))
    counts = ((len(model.namespaces), "namespace"), (bridges, "bridge"), (len(model.veths), "veth pair"))
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


@click.command(short_help="Draw a network.")
@topology_argument
@node_option
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII characters only.")
@click.option(
    "--width",
    type=click.IntRange(min=40),
    default=100,
    show_default=True,
    metavar="COLUMNS",
    help="Draw no line longer than this.",
)
def diagram(topology: str, node: str | None, plain: bool, width: int) -> None:
    """Draw the network of TOPOLOGY.

    Namespaces are boxes, bridges are bars, and the ends of veth pairs stand where they join them.
    """
    from k8snet_scripts.drawing.diagram import draw_diagram

    drawing = draw_diagram(load(topology, node), width, ascii=plain or not _can_draw())
    click.echo("\n".join(drawing))


def _can_draw() -> bool:
    """Whether the character set of standard output has what drawings are made of."""
    try:
        "┌═╤".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


@click.command(short_help="Spell a topology out.")
@topology_argument
@node_option
def expand(topology: str, node: str | None) -> None:
    """Print TOPOLOGY as a topology file in which everything is spelled out.

    A cluster, a CNI configuration, ranges and automatic addresses become plain namespaces, veths, bridges, addresses
    and routes: what it prints makes the same network. Edit it where the short form cannot say what you want.
    """
    from k8snet_scripts.notation.document import write_topology

    print_pieces(f"{line}\n" for line in write_topology(load(topology, node)))


@click.command(short_help="Tell what all scripts of a kind have in common.")
def digests() -> None:
    """Print the SHA-256 of the part that is the same in every setup.sh, teardown.sh and verify.sh.

    A script has what is particular to a network at its beginning. All below the line that begins with `####` is the
    same for every network, and who has read it once needs only compare:

    \b
      sed '1,/^####/d' setup.sh | sha256sum
      k8snet digests
    """
    from k8snet_scripts.scripts import fixed_digests

    for script, digest in fixed_digests():
        click.echo(f"{digest}  {script}")
