"""What the command line says beside its results, on standard error: `error: …` or `note: …`, and then `help: …`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click


class Failure(click.ClickException):
    """Ends a command with a message, perhaps one that says what helps, and the exit status 1."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help

    def show(self, file: IO[Any] | None = None) -> None:
        show_error(self.message, self.help)


class Findings(click.ClickException):
    """Ends a command with the diagnostics of a topology and the exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            if line.startswith("help: "):
                click.echo(_help() + line.removeprefix("help:"), err=True)
            elif ": error: " in line and not line.startswith(" "):
                place, _, rest = line.partition(": error: ")
                click.echo(f"{place}: {_error()} {rest}", err=True)
            else:
                click.echo(line, err=True)


def show_error(message: str, help: str = "") -> None:
    """Print a message and, if there is any, help."""
    click.echo(f"{_error()} {message}", err=True)
    if help:
        click.echo(f"{_help()} {help}", err=True)


def show_note(message: str, help: str) -> None:
    """Print something that is no error, and what may have to be done about it."""
    click.echo(f"{click.style('note:', fg='cyan', bold=True)} {message}", err=True)
    click.echo(f"{_help()} {help}", err=True)


def show_misuse(error: click.UsageError) -> None:
    """Print how a command is used, and what is wrong with how it was."""
    message = error.format_message().rstrip(".")
    if error.ctx is None:
        show_error(message)
    else:
        click.echo(error.ctx.get_usage(), err=True)
        show_error(message[:1].lower() + message[1:], f"{error.ctx.command_path} --help")


def shell(words: Sequence[str]) -> str:
    """A command as one would type it."""
    import shlex

    return shlex.join(words)


def _error() -> str:
    return click.style("error:", fg="red", bold=True)


def _help() -> str:
    return click.style("help:", fg="green", bold=True)
