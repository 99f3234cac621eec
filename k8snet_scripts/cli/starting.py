"""Commands to start with: `init` has topologies, `completion` makes the shell know all commands."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class


def _starters() -> dict[str, Path]:
    """The topologies to start from, by name."""
    from k8snet_scripts.render import template_directory

    return {path.stem: path for path in sorted((template_directory() / "starters").glob("*.toml"))}


def _summary(starter: Path) -> str:
    """The first line of a starter, which says what it is."""
    with starter.open(encoding="utf-8") as file:
        return file.readline().strip("# \n")


def _complete_starter(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = _starters().items()
    return [CompletionItem(name, help=_summary(path)) for name, path in found if name.startswith(incomplete)]


@click.command(short_help="Print a topology to start from.")
@click.argument("starter", required=False, shell_complete=_complete_starter)
def init(starter: str | None) -> None:
    """Print a commented topology to start from: STARTER, or the list of starters.

    \b
      k8snet init
      k8snet init docker > docker.toml
    """
    starters = _starters()
    if starter in starters:
        click.echo(starters[starter].read_text(encoding="utf-8"), nl=False)
    elif starter is None:
        width = max(map(len, starters))
        for name, path in starters.items():
            click.echo(f"{name:{width}}  {_summary(path)}")
    else:
        from k8snet_scripts.diagnostics import close_match

        hint = close_match(starter, starters) or f"there are {', '.join(starters)}"
        raise click.BadParameter(f"there is no starter `{starter}`; {hint}", param_hint="STARTER")


@click.command(short_help="Make a shell complete k8snet's commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes SHELL complete k8snet's commands, options and arguments.

    \b
      k8snet completion bash > ~/.local/share/bash-completion/completions/k8snet
      k8snet completion fish > ~/.config/fish/completions/k8snet.fish
      k8snet completion zsh > ~/.k8snet.zsh
      echo 'source ~/.k8snet.zsh' >> ~/.zshrc  # below compinit
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "k8snet", "_K8SNET_COMPLETE").source())
