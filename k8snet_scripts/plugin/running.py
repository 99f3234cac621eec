"""Running what the plugin has compiled: scripts are made by the templates, kept on the shelf, and run from there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence

from k8snet_scripts.forms import fill_in, name_form, render_form
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.netns import DIRECTORIES, find_system_program
from k8snet_scripts.plugin.programs import Finished, run_program
from k8snet_scripts.render import Body, Kind, Origin, lay_out, template_directory
from k8snet_scripts.topology import Topology

NAMED = "named.sh"
"""What gives a namespace that has only a path a name, for the time of a command."""

_COMMAND = re.compile(rb"^\[#\] .*\n?", re.MULTILINE)


class WiringError(Exception):
    """What could not be done, in one line for people.

    `details` are the messages of a script, a line each, and `script` the path where it is kept, if there is one.
    """

    def __init__(self, message: str, details: str = "", script: str | None = None) -> None:
        super().__init__(message)
        self.details = details
        self.script = script


def compile_scripts(topology: Topology, cause: str, kinds: Sequence[Kind]) -> dict[str, str]:
    """Some of the scripts of a topology, by file name; `cause` says in their headers what they were made for."""
    from k8snet_scripts.drawing.diagram import draw_diagram

    plan = plan_topology(topology)
    origin = Origin((), (cause,))
    body = Body(plan, lay_out(plan), origin, topology.description, draw_diagram(topology), (), "")
    return {f"{kind}.sh": fill_in(_find_form(kind, body), body) for kind in kinds}


def _find_form(kind: Kind, body: Body) -> str:
    """The form of a script: from the shelf, if one of these very templates is there."""
    directory, name = shelf.place("forms", _fingerprint()), name_form(kind, body)
    form = shelf.find(os.path.join(directory, name))
    if form is None:
        form = render_form(kind, body)
        shelf.keep(directory, {name: form})
        shelf.forget_others(directory)
    return form


def _fingerprint() -> str:
    """What is different where the templates are: which they are and when they were last changed."""
    root = str(template_directory())
    files = [entry for place in (root, f"{root}/shell") for entry in os.scandir(place) if entry.is_file()]
    seen = sorted((file.path, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def named_script() -> str:
    """The text of the script `NAMED`."""
    return (template_directory() / "shell" / NAMED).read_text()


def run_kept(directory: str, command: Sequence[str], netns: tuple[str, str] | None) -> Finished:
    """Run a script of a directory on the shelf, with arguments; in a mount namespace where `netns`, a path, has a name."""
    environment = {"PATH": ":".join(dict.fromkeys([*os.environ.get("PATH", "").split(":"), *DIRECTORIES])).strip(":")}
    bash = find_system_program("bash", environment)
    argv = [bash, os.path.join(directory, command[0]), *command[1:]]
    if netns:
        unshare = find_system_program("unshare", environment)
        argv = [unshare, "--mount", "--", bash, os.path.join(directory, NAMED), *netns, *argv[1:]]
    return run_program(argv, environment)


def messages(finished: Finished) -> list[str]:
    """What a script said beside its commands, a line each, without its name."""
    said = _COMMAND.sub(b"", finished.errors).decode(errors="replace")
    return [line.partition(": ")[2] or line for line in said.splitlines()]
