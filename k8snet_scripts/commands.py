"""Commands: what people have run in a namespace, as steps.

What such a command makes true only they know, so its fact is the command itself.  Whether that is true another command
tells, its companion in the table of a script, and a second companion takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts.quoting import quote_words
from k8snet_scripts.steps import ASK, UNDO, WANT, Step, inside
from k8snet_scripts.topology import Command

COMMAND = "command "
"""How the words of such a fact begin."""


def run_command(namespace: str, command: Command) -> Step:
    """The command, carried out in a namespace."""
    words = f"{COMMAND}{quote_words(command.run)}"
    return Step(WANT, (*inside(namespace), *command.run), namespace, words)


def accompany(step: Step, command: Command) -> Iterator[Step]:
    """What tells whether that has been done, and what takes it back."""
    prefix = inside(step.owner)
    yield step._replace(sign=ASK, argv=(*prefix, *command.check))
    if command.undo:
        yield step._replace(sign=UNDO, argv=(*prefix, *command.undo))
