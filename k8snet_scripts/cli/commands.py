"""How every command ends: what went wrong becomes a message and an exit status, never a traceback.

A command returns its exit status, None for 0.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import click

from k8snet_scripts.cli.messages import Failure, show_error, show_misuse


class Commands(click.Group):
    """A group that lists its commands in the order in which they were added, and ends as this module promises."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(click.UsageError.exit_code)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if "NO_COLOR" in os.environ:
            ctx.color = False
        try:
            status = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except BrokenPipeError:  # whoever reads what we print has seen enough
            _give_up_output()
            ctx.exit(128 + signal.SIGPIPE)

    def main(self, args: Sequence[str] | None = None, *others: Any, standalone_mode: bool = True, **more: Any) -> Any:
        run = partial(super().main, args, *others, standalone_mode=False, **more)
        if not standalone_mode:
            return run()
        with _collecting_no_garbage(), _ending_tidily():
            sys.exit(_run(run))


def _run(command: Callable[[], int | None]) -> int:
    """The exit status of a command; what went wrong has been said."""
    try:
        return command() or 0
    except click.UsageError as error:
        show_misuse(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except OSError as error:
        _give_up_output()
        file = error.filename2 or error.filename
        show_error(f"{os.fsdecode(file)}: {error.strerror}" if file else error.strerror or str(error))
        return Failure.exit_code


def _give_up_output() -> None:
    """Let what could not be written to standard output go nowhere, so that Python's own last attempt succeeds."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """A large topology is millions of small objects without a cycle among them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _ending_tidily() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: half-written files are removed."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
