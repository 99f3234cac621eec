"""Commands of a namespace, as a document gives them: lists of a program and its arguments."""

from __future__ import annotations

import re

from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.interfaces import read_description
from k8snet_scripts.frontend.ranges import Each, combine, gather
from k8snet_scripts.rules.literals import check_argument, check_program
from k8snet_scripts.topology import Command

_BARE = re.compile(r"[\w./:,+=@ -]{1,60}")
_MISSING = {
    "run": 'write the program and its arguments: `run = ["tc", "qdisc", "add", …]`',
    "check": 'write a command that succeeds where `run` has been done: `check = ["test", "-e", "/run/it"]`, say',
}


def read_commands(table: Table) -> Each[tuple[Command, ...]]:
    """The commands of the namespace that a table is about, in their order."""
    return gather([_read_command(command) for command in table.tables("commands")])


def _read_command(table: Table) -> Each[Command | None]:
    run, check, undo = (_read_words(table, key) for key in ("run", "check", "undo"))
    description = read_description(table)
    table.close()
    if run is None or check is None or undo is None:
        return None
    return combine(Command, run=run, check=check, undo=undo, description=description, path=table.path)


def _read_words(table: Table, key: str) -> Each[tuple[str, ...]] | None:
    """A program and its arguments; None where something is wrong, nothing at all where it is not needed."""
    if not table.has(key):
        if key not in _MISSING:
            return ()
        table.missing(key, _MISSING[key])
        return None
    path, value = (*table.path, key), table.data[key]
    if isinstance(value, list) and not value:
        table.error("bad-command", path, f"`{key}` is empty", "write a program, and its arguments behind it")
        return None
    if isinstance(value, str):
        words = value.split() if _BARE.fullmatch(value) else ["sh", "-c", "…"]
        separate = ", ".join([f'"{word}"' for word in words])
        table.mistyped(path, "a list of strings", value, f"write each word by itself: `{key} = [{separate}]`")
        return None
    items = list(table.items(key, "strings"))
    read = [table.read(at, word, check_argument if at[-1] else check_program) for at, word in items]
    return gather(read) if read and None not in read else None
