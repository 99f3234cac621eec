"""Commands that make scripts: `compile` writes the three of them, `setup`, `teardown` and `verify` print one."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.arguments import blaming, compiled, templates_option, topologies_argument, topology_argument
from k8snet_scripts.cli.messages import Findings, shell

if TYPE_CHECKING:
    from k8snet_scripts.render import Kind
    from k8snet_scripts.scripts import Scripts


@click.command("compile", short_help="Write the scripts of topologies.")
@topologies_argument
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
def compile_(topologies: Sequence[str], output: Path | None, check: bool, templates: Path | None) -> int:
    """Write setup.sh, teardown.sh and verify.sh for each TOPOLOGY.

    The scripts are written beside the topology, or into the current directory if that comes from standard input. What is
    up to date is not touched, and nothing is written if anything is wrong with any of the topologies.

    Keep the scripts under version control, review them, and let CI hold them to the topology:

    \b
      k8snet compile --check lab/topology.toml
    """
    scripts = _compile_all(topologies, templates)
    if len(scripts) < len(topologies):
        return Findings.exit_code
    directories = _destinations(topologies, scripts, output)
    handle = _show_stale if check else _write
    with blaming(templates):
        stale = [handle(each, directory) for each, directory in zip(scripts, directories, strict=True)]
    if not check or not any(stale):
        return 0
    click.echo(f"stale scripts; to write them anew: {_mending(topologies, output, templates)}", err=True)
    return 1


def _compile_all(topologies: Sequence[str], templates: Path | None) -> list[Scripts]:
    """The scripts of the topologies that have any; the findings of the others are shown."""
    scripts = []
    for topology in topologies:
        try:
            scripts.append(compiled(topology, templates))
        except Findings as findings:
            findings.show()
    return scripts


def _destinations(topologies: Sequence[str], scripts: Sequence[Scripts], output: Path | None) -> list[Path]:
    """The directory for the scripts of each topology; no two have the same one."""
    taken: dict[Path, str] = {}
    directories: list[Path] = []
    for topology, each in zip(topologies, scripts, strict=True):
        directory = _destination(topology, each.name, output, several=len(topologies) > 1)
        other = taken.setdefault(directory.resolve(), topology)
        if len(taken) == len(directories):  # it was taken
            way_out = "give them different names" if output else "give each a directory of its own, or use -o"
            raise click.UsageError(f"`{other}` and `{topology}` would write the same files in {directory}; {way_out}")
        directories.append(directory)
    return directories


def _destination(topology: str, name: str, output: Path | None, several: bool) -> Path:
    if output is None:
        return Path() if topology == "-" else Path(topology).parent
    return output / name if several else output


def _write(scripts: Scripts, directory: Path) -> bool:
    """Write scripts, and print the path of each; whether any was stale."""
    from k8snet_scripts.render import KINDS

    written = scripts.write(directory)
    for path in (directory / f"{kind}.sh" for kind in KINDS):
        click.echo(click.format_filename(path) if path in written else f"{click.format_filename(path)} is up to date")
    return bool(written)


def _show_stale(scripts: Scripts, directory: Path) -> bool:
    """Print how the scripts in a directory differ from what they should be; whether they do."""
    from k8snet_scripts.render import KINDS

    stale = False
    for kind in KINDS:
        path = directory / f"{kind}.sh"
        before = path.read_bytes().decode(errors="replace") if path.exists() else None
        after = scripts.text(kind)
        if before != after:
            stale = True
            for line in _diff(before, after, click.format_filename(path)):
                click.secho(line, fg={"+": "green", "-": "red", "@": "cyan"}.get(line[0]))
    return stale


def _diff(before: str | None, after: str, path: str) -> Iterator[str]:
    """A unified difference, as `patch` takes it."""
    import difflib

    there = "/dev/null" if before is None else path
    for line in difflib.unified_diff(_lines(before or ""), _lines(after), there, path):
        yield line.rstrip("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    """The lines of a text; nothing but a line feed ends one."""
    return list(io.StringIO(text, newline="\n"))


def _mending(topologies: Sequence[str], output: Path | None, templates: Path | None) -> str:
    """The command that writes the scripts anew."""
    options = [*(("-o", str(output)) if output else ()), *(("--templates", str(templates)) if templates else ())]
    dashes = ["--"] if any(name.startswith("-") and name != "-" for name in topologies) else []
    return shell(["k8snet", "compile", *options, *dashes, *topologies])


def _printing(kind: Kind, verb: str, more: str = "") -> click.Command:
    """A command that prints one kind of script."""
    help = f"Print {kind}.sh, which {verb} the network of TOPOLOGY{more}."
    example = f"\b\n  k8snet {kind} docker.toml | sudo bash"

    @click.command(kind, help=f"{help}\n\n{example}", short_help=f"Print the script that {verb} a network.")
    @topology_argument
    @templates_option
    def command(topology: str, templates: Path | None) -> None:
        scripts = compiled(topology, templates)
        if sys.stdout is None:
            raise OSError("standard output is closed")
        with blaming(templates):
            for piece in scripts.render(kind):
                sys.stdout.buffer.write(piece.encode())

    return command


setup = _printing("setup", "makes", ", or mends it")
teardown = _printing("teardown", "removes")
verify = _printing("verify", "checks", " and reports in TAP")
