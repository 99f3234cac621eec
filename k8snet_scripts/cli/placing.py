"""Putting drafts where they belong, or showing how they differ from what is there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from k8snet_scripts.cli.messages import Failure, show_note

if TYPE_CHECKING:
    from k8snet_scripts.drafts import Draft, Drafts


@contextmanager
def drafting(beside: bool = True) -> Iterator[Drafts]:
    """Drafts that lie beside the places where they belong, or else where nobody looks."""
    from tempfile import TemporaryDirectory

    from k8snet_scripts.drafts import Drafts

    directory = nullcontext() if beside else TemporaryDirectory(prefix="k8snet-")
    with directory as home, Drafts(Path(home) if home else None) as drafts:
        yield drafts


def place(drafts: Drafts, beside: bool = False) -> None:
    """Put drafts where they belong, and then, when nobody's pipe can come between any more, print the path of each.

    With `beside` that is where their topology is.  None is written over what `refuse_others` refuses.
    """
    former = refuse_others(drafts, beside)
    for draft, placed in [(draft, draft.place()) for draft in drafts]:
        name = click.format_filename(draft.path)
        click.echo(name if placed else f"{name} is up to date")
    for before, now in former:
        show_note(
            f"these were the scripts of the network `{before}`, which is called `{now}` now",
            f"where `{before}` is up, remove it: echo 'name = \"{before}\"' | k8snet teardown - | sudo bash",
        )


def refuse_others(drafts: Drafts, beside: bool) -> tuple[tuple[str, str], ...]:
    """Refuse drafts at whose place is a file of somebody's own, or one that is for another network.

    If they lie beside their topology, and what is there was made from that, then the network has been given another
    name: such are the pairs of names that are returned.
    """
    former: dict[tuple[str, str], None] = {}
    for draft in drafts:
        path = click.format_filename(draft.path)
        if draft.is_in_place_of_another:
            message = f"{path} is there already, and k8snet has not made it"
            raise Failure(message, "move it away, or write into another directory with `-o DIRECTORY`")
        if heads := draft.find_other():
            there, here = heads
            if not (beside and there.has_become(here)):
                way_out = "write into another directory with `-o DIRECTORY`, or first remove what is there"
                raise Failure(f"{path} is there already, for {there.purpose}", way_out)
            former[there.network, here.network] = None
    return tuple(former)


def show_difference(draft: Draft) -> None:
    """Print how a draft differs from what is at its place."""
    before = draft.path.read_bytes().decode(errors="replace") if draft.path.exists() else None
    after = draft.file.read_bytes().decode()
    for line in _diff(before, after, click.format_filename(draft.path)):
        click.secho(line, fg={"+": "green", "-": "red", "@": "cyan"}.get(line[0]))


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
