"""Running scripts that are on the shelf, where the namespaces that they speak of have their names."""

from __future__ import annotations

import os

from k8snet_scripts.plugin.netns import DIRECTORIES, find_system_program
from k8snet_scripts.plugin.programs import Finished, run_program
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDS = "/run/k8snet"
"""Where scripts keep what is theirs, in a directory for each topology."""

NAMED = "named.sh"
"""What gives a namespace that has only a path a name, for the time of a script."""

_COMMAND = "[#] "


class WiringError(Exception):
    """What could not be done, in one line for people.

    `details` are the messages of a script, a line each, and `script` the path where it is kept, if there is one.
    """

    def __init__(self, message: str, details: str = "", script: str | None = None) -> None:
        super().__init__(message)
        self.details = details
        self.script = script


def run_kept(directory: str, command: Sequence[str], given: tuple[str, str] | None = None) -> Finished:
    """Run a script of a directory on the shelf, with arguments.

    With `given`, the path of a namespace and a name, it runs in a mount namespace where that is called so.
    """
    places = dict.fromkeys(filter(None, (*os.environ.get("PATH", "").split(":"), *DIRECTORIES)))
    environment = {"PATH": ":".join(places)}
    bash = find_system_program("bash", environment)
    argv = [os.path.join(directory, command[0]), *command[1:]]
    if given is None:
        return run_program([bash, *argv], environment)
    unshare = find_system_program("unshare", environment)
    return run_program([unshare, "--mount", "--", bash, os.path.join(directory, NAMED), *given, *argv], environment)


def make_place(topology: str) -> None:
    """Make the directory of a record, which saves the script a process; what is in the way is the script's business."""
    for directory in (RECORDS, os.path.join(RECORDS, topology)):
        try:
            os.mkdir(directory, 0o755)
        except OSError:
            pass


def remove_place(topology: str) -> None:
    """Remove the directory of a record where there is none: a script that does not come to its work leaves it."""
    for directory in (os.path.join(RECORDS, topology), RECORDS):
        try:
            os.rmdir(directory)
        except OSError:
            return


def check_done(finished: Finished, what: str, script: str) -> None:
    """Raise `WiringError` where a kept script, which was to do `what`, has failed."""
    if finished.status != 0:
        said = messages(finished)
        raise WiringError(f"failed to {what}: {' '.join(said[:2])}", "\n".join(said), script)


def messages(finished: Finished) -> list[str]:
    """What a script said beside its commands, a line each, without its name."""
    said = [line for line in finished.errors.decode(errors="replace").split("\n") if not line.startswith(_COMMAND)]
    return [line.partition(": ")[2] or line for line in "\n".join(said).splitlines()]
