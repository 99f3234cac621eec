"""The command `k8snet`.

Only click is imported here, so that `k8snet --help` is quick; everything else is imported by the command that uses it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from k8snet_scripts.render import Kind
    from k8snet_scripts.scripts import Scripts

_READ = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)

_topology = click.argument("topology", type=_READ)
_topologies = click.argument("topologies", nargs=-1, required=True, type=_READ, metavar="TOPOLOGY...")
_templates = click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory of templates that is looked in before the built-in ones.",
)


class _Commands(click.Group):
    """Turns what the system refuses, a full disk or a directory that is not ours, into a message."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except OSError as error:
            what = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
            raise click.ClickException(f"{what}{error.strerror or error}") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="k8snet", message="%(prog)s %(version)s")
def main() -> None:
    """Turn a description of network namespaces, veth pairs and bridges into shell scripts that can be trusted with root.

    A topology is a TOML or JSON file; `-` reads standard input. `k8snet init` writes one to start from.

    \b
    See your network without touching the machine, and without root:
      k8snet init docker > docker.toml
      k8snet diagram docker.toml
      k8snet try docker.toml

    \b
    Review the scripts, then run them:
      k8snet compile docker.toml
      sudo bash setup.sh

    \b
    Or in one go:
      k8snet setup docker.toml | sudo bash

    Exit status: 0 all is well; 1 a finding (a broken rule, drift, a failed check, a script that failed); 2 wrong usage.
    """


@main.command("compile")
@_topologies
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write into this directory, not beside the topology; with several topologies, into a directory of each one's name in it.",
)
@click.option("--check", is_flag=True, help="Write nothing; show what is stale as a diff, and exit with 1 if anything is.")
@_templates
def compile_(topologies: Sequence[str], output: Path | None, check: bool, templates: Path | None) -> None:
    """Write setup.sh, teardown.sh and verify.sh for each TOPOLOGY.

    The scripts are written beside the topology. Keep them under version control, review them, and let CI hold them to
    the topology with `--check`.
    """
    stale = False
    failed = False
    taken: dict[Path, str] = {}
    for topology in topologies:
        scripts = _compile(topology, templates, keep_going=True)
        if scripts is None:
            failed = True
            continue
        directory = _destination(topology, scripts.name, output, several=len(topologies) > 1)
        if directory in taken:
            raise click.UsageError(
                f"`{taken[directory]}` and `{topology}` would write the same files in {directory}; "
                "give each a directory of its own, or use -o"
            )
        taken[directory] = topology
        if check:
            stale |= _show_stale(scripts, directory)
        else:
            for path in scripts.write(directory):
                click.echo(path)
    if stale:
        words = ["k8snet", "compile", *topologies, *(("-o", str(output)) if output else ())]
        click.echo(f"stale scripts; to write them anew: {_shell(words)}", err=True)
    if stale or failed:
        sys.exit(1)


def _destination(topology: str, name: str, output: Path | None, several: bool) -> Path:
    if output is None:
        return Path() if topology == "-" else Path(topology).parent
    return output / name if several else output


def _show_stale(scripts: Scripts, directory: Path) -> bool:
    """Print how the scripts in a directory differ from what they should be; whether they do."""
    import difflib

    from k8snet_scripts.render import KINDS

    stale = False
    for kind in KINDS:
        path = directory / f"{kind}.sh"
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        after = scripts.text(kind)
        if before == after:
            continue
        stale = True
        there = str(path) if path.exists() else "/dev/null"
        for line in difflib.unified_diff(before.splitlines(True), after.splitlines(True), there, str(path)):
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[0])
            click.secho(line.rstrip("\n"), fg=colour)
    return stale


def _script_command(kind: Kind, purpose: str) -> None:
    @main.command(kind, help=f"Print the script that {purpose}, for `| sudo bash`.")
    @_topology
    @_templates
    def command(topology: str, templates: Path | None) -> None:
        scripts = _compile(topology, templates)
        for piece in scripts.render(kind):
            sys.stdout.write(piece)


_script_command("setup", "makes the network, or mends it")
_script_command("teardown", "removes the network")
_script_command("verify", "checks the network")


def _running(command: Callable[..., None]) -> Callable[..., None]:
    """The options that `up` and `down` share."""
    for decorate in (
        click.option("--sudo", is_flag=True, help="Run the script under sudo."),
        click.option("--check", is_flag=True, help="Change nothing; exit with 1 if there is anything to do."),
        click.option("--dry-run", is_flag=True, help="Change nothing; print the commands that a run would execute now."),
        _templates,
        _topology,
    ):
        command = decorate(command)
    return command


@main.command()
@_running
@click.option("--adopt", is_flag=True, help="Take over things of the wanted names that this topology did not make.")
@click.option("--keep", is_flag=True, help="When a command fails, leave what was made so far for a look.")
def up(topology: str, templates: Path | None, sudo: bool, **flags: bool) -> None:
    """Make the network of TOPOLOGY, or mend it: compile setup.sh and run it.

    Every command is shown as it is executed. If one fails, or on Ctrl-C, what the run has made is removed again.
    """
    _run("setup", topology, templates, sudo, flags)


@main.command()
@_running
def down(topology: str, templates: Path | None, sudo: bool, **flags: bool) -> None:
    """Remove the network of TOPOLOGY: compile teardown.sh and run it."""
    _run("teardown", topology, templates, sudo, flags)


def _run(kind: Kind, topology: str, templates: Path | None, sudo: bool, flags: dict[str, bool]) -> NoReturn:
    from k8snet_scripts.run import run_script

    scripts = _compile(topology, templates)
    if os.geteuid() != 0 and not sudo:
        _fail(
            "changing the network takes root",
            f"add --sudo, or see the network without root: {_shell(['k8snet', 'try', topology])}",
        )
    arguments = [f"--{name.replace('_', '-')}" for name, given in flags.items() if given]
    sys.exit(run_script(scripts.render(kind), arguments, ("sudo",) if sudo else ()))


@main.command("try", context_settings={"ignore_unknown_options": True})
@_topology
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--shell", is_flag=True, help="Open an interactive shell in the network before it is removed.")
@_templates
def try_(topology: str, command: Sequence[str], shell: bool, templates: Path | None) -> None:
    """See the network of TOPOLOGY at work, without root and without touching the machine.

    In throw-away user, network and mount namespaces: set up, verify, set up again (which must change nothing), then
    COMMAND, if any, then tear down (which must leave nothing).

    \b
      k8snet try docker.toml -- ip netns exec node1 ping -c 1 10.10.0.3
      k8snet try docker.toml --shell
    """
    from k8snet_scripts.run import sandbox_obstacle, try_scripts

    scripts = _compile(topology, templates)
    if obstacle := sandbox_obstacle():
        _fail(
            f"this system does not let us make throw-away namespaces: {obstacle}",
            "run as root, or allow user namespaces (sysctl user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns)",
        )
    sys.exit(try_scripts(scripts, [os.environ.get("SHELL", "bash"), "-i"] if shell else command))


@main.command()
@_topology
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--width", type=click.IntRange(min=40), default=100, show_default=True, help="The longest line, in characters.")
def diagram(topology: str, plain: bool, width: int) -> None:
    """Draw the network of TOPOLOGY."""
    from k8snet_scripts.diagram import draw_diagram
    from k8snet_scripts.scripts import Refused, load_source

    try:
        _, model = load_source(topology)
    except Refused as refused:
        _show_findings(str(refused))
        sys.exit(1)
    click.echo("\n".join(draw_diagram(model, width, ascii=plain)))


@main.command()
@_topologies
def check(topologies: Sequence[str]) -> None:
    """Say what is wrong with each TOPOLOGY, if anything is."""
    from k8snet_scripts.scripts import Refused, load_source

    failed = False
    for topology in topologies:
        try:
            load_source(topology)
        except Refused as refused:
            _show_findings(str(refused))
            failed = True
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("starter", required=False)
def init(starter: str | None) -> None:
    """Print a commented topology to start from: STARTER, or the list of starters.

    \b
      k8snet init docker > docker.toml
    """
    from k8snet_scripts.render import template_directory

    starters = {path.stem: path for path in sorted((template_directory() / "starters").glob("*.toml"))}
    if starter is None:
        width = max(map(len, starters))
        for name, path in starters.items():
            with path.open(encoding="utf-8") as file:
                click.echo(f"{name:{width}}  {file.readline().strip('# ' + os.linesep)}")
    elif starter in starters:
        click.echo(starters[starter].read_text(encoding="utf-8"), nl=False)
    else:
        raise click.BadParameter(f"there is no starter `{starter}`; there are {', '.join(starters)}", param_hint="STARTER")


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes k8snet's commands and options in SHELL.

    \b
      k8snet completion bash > ~/.local/share/bash-completion/completions/k8snet
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "k8snet", "_K8SNET_COMPLETE").source())


def _compile(topology: str, templates: Path | None, keep_going: bool = False) -> Any:
    """The scripts of a topology; what is wrong with it goes to standard error and ends the command (or gives None)."""
    import gc

    from k8snet_scripts.scripts import Refused, compile_source

    gc.disable()  # a large topology is millions of small objects without a cycle among them
    try:
        return compile_source(topology, templates)
    except Refused as refused:
        _show_findings(str(refused))
        if not keep_going:
            sys.exit(1)
        return None


def _show_findings(text: str) -> None:
    """Print diagnostics to standard error, their first lines and help in colour where there is a terminal."""
    for line in text.splitlines():
        if line.startswith("help: "):
            click.echo(click.style("help:", fg="green", bold=True) + line[5:], err=True)
        elif ": error: " in line and not line.startswith(" "):
            place, _, rest = line.partition(": error: ")
            click.echo(f"{place}: {click.style('error:', fg='red', bold=True)} {rest}", err=True)
        else:
            click.echo(line, err=True)


def _fail(message: str, help: str) -> NoReturn:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    click.echo(f"{click.style('help:', fg='green', bold=True)} {help}", err=True)
    sys.exit(1)


def _shell(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)
