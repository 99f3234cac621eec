"""Commands that run scripts: `up` and `down` on this machine, `try` in namespaces of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.arguments import blaming, compiled, templates_option, topology_argument
from k8snet_scripts.cli.messages import Failure, shell

if TYPE_CHECKING:
    from k8snet_scripts.render import Kind


def _running(command: Callable[..., int]) -> Callable[..., int]:
    """The options that `up` and `down` share."""
    for decorate in (
        templates_option,
        click.option("--sudo", is_flag=True, help="Run the script under sudo."),
        click.option("--check", is_flag=True, help="Change nothing; exit with 1 if there is anything to do."),
        click.option(
            "--dry-run", is_flag=True, help="Change nothing; print the commands that a run would execute now."
        ),
        topology_argument,
    ):
        command = decorate(command)
    return command


@click.command(short_help="Make a network, or mend it.")
@_running
@click.option("--adopt", is_flag=True, help="Take over things of the wanted names that this topology did not make.")
@click.option("--keep", is_flag=True, help="When a command fails, leave what was made so far for a look.")
def up(topology: str, templates: Path | None, sudo: bool, **flags: bool) -> int:
    """Make the network of TOPOLOGY, or mend it: compile setup.sh and run it.

    Every command is shown as it is executed. If one fails, or on Ctrl-C, what the run has done is taken back.

    \b
      k8snet up docker.toml --sudo
      k8snet up docker.toml --dry-run
    """
    return _run("setup", topology, templates, sudo, flags)


@click.command(short_help="Remove a network.")
@_running
def down(topology: str, templates: Path | None, sudo: bool, **flags: bool) -> int:
    """Remove the network of TOPOLOGY: compile teardown.sh and run it.

    What was made is known by its marks on the system, so this works after TOPOLOGY was edited, too; only its name
    counts.
    """
    return _run("teardown", topology, templates, sudo, flags)


def _run(kind: Kind, topology: str, templates: Path | None, sudo: bool, flags: dict[str, bool]) -> int:
    from k8snet_scripts.run import run_script

    scripts = compiled(topology, templates)
    if os.geteuid() != 0 and not sudo:
        raise Failure(
            "looking into namespaces takes root"
            if flags["check"] or flags["dry_run"]
            else "changing the network takes root",
            f"add --sudo, or see the network without root: {shell(['k8snet', 'try', topology])}",
        )
    arguments = [f"--{name.replace('_', '-')}" for name, given in flags.items() if given]
    with blaming(templates):
        outcome = run_script(scripts.render(kind), arguments, ("sudo",) if sudo and os.geteuid() != 0 else ())
    if outcome.status == 0 and not flags["check"] and not flags["dry_run"]:
        count = outcome.commands
        done = f"{count} command{'' if count == 1 else 's'} executed" if count else f"nothing to {_VERBS[kind]}"
        click.echo(f"{scripts.name}: {done}", err=True)
    return outcome.status


_VERBS = {"setup": "change", "teardown": "remove"}


@click.command("try", short_help="See a network at work, without root.")
@topology_argument
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option(
    "--shell", "interactive", is_flag=True, help="Open an interactive shell in the network before it is removed."
)
@templates_option
def try_(topology: str, command: Sequence[str], interactive: bool, templates: Path | None) -> int:
    """See the network of TOPOLOGY at work, without root and without touching the machine.

    In throw-away user, network and mount namespaces: set up, verify, set up again (which must change nothing), then
    COMMAND, if any, then tear down (which must leave nothing). The exit status is that of COMMAND, if all else went
    well.

    \b
      k8snet try docker.toml
      k8snet try docker.toml -- ip netns exec node1 ping -c 1 10.10.0.3
      k8snet try docker.toml --shell

    What is external in TOPOLOGY is not there: an empty namespace, bridge or veth stands in for it.
    """
    from k8snet_scripts.run import NoSandbox, NoTerminal, try_scripts

    if interactive and command:
        raise click.UsageError("give --shell or a COMMAND, not both")
    scripts = compiled(topology, templates)
    if interactive:
        command = (os.environ.get("SHELL", "bash"), "-i")
    try:
        with blaming(templates):
            return try_scripts(scripts, command, on_terminal=interactive)
    except NoTerminal as refused:
        instead = shell(["k8snet", "try", topology, "--", "COMMAND"])
        raise Failure("there is no terminal for a shell", f"give it what to run instead: {instead}") from refused
    except NoSandbox as refused:
        raise Failure(f"this system does not let us make throw-away namespaces: {refused}", _ALLOWING) from refused


_ALLOWING = (
    "run as root, or allow user namespaces: set the sysctl user.max_user_namespaces to 10000, "
    "kernel.unprivileged_userns_clone to 1 (Debian) or kernel.apparmor_restrict_unprivileged_userns to 0 (Ubuntu)"
)
