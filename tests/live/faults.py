"""Faults at a chosen moment of a script that knows nothing of it: killed, interrupted, or let down by a command.

injector = Injector(sandbox.directory)
sandbox.bash(script, env=injector.watch())                     # what does it do?
for action in injector.actions():
    for fault in faults_at(action.number): …
        sandbox.bash(script, env=injector.arm(fault))
        assert injector.struck
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from live.sandbox import PATH

NETWORK = ("ip", "bridge", "tc", "nft", "nsenter", "sysctl")
"""Programs that read or change the network."""
FILES = ("mkdir", "rmdir", "rm", "mv", "ln", "touch", "tee", "flock")
"""Programs that a script keeps its own records with."""

What = Literal["fail", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP", "SIGSTOP"]


@dataclass(frozen=True)
class Fault:
    """At action `at` (counted from 0), before or after it takes effect.

    `fail` makes the program say so and exit with status 1, having done nothing (`before`) or all of it (`after`).  A
    signal goes to the script and every process it has started (`group`, like Ctrl-C or a loss of power), or to the
    script's shell alone (like `kill PID`), whose children then go on.
    """

    at: int
    when: Literal["before", "after"] = "before"
    what: What = "SIGKILL"
    target: Literal["group", "script"] = "group"


@dataclass(frozen=True)
class Action:
    """One command that a script ran: a program, or one line of a batch that a program was given."""

    number: int
    argv: tuple[str, ...]
    line: str | None


class Injector:
    """A directory of stand-ins for those of `programs` that are installed, to be put first in a script's PATH.

    Programs are found by name, so one that a script calls by its full path, or a shell builtin, is not seen.  Programs
    that run at the same time (a script with several workers) may get their numbers in another order in the next run.
    """

    def __init__(self, parent: Path, programs: Sequence[str] = NETWORK) -> None:
        self._directory = parent / "faults"
        self._directory.mkdir()
        source = Path(__file__).with_name("fault_program.py").read_text()
        for program in programs:
            if shutil.which(program, path=PATH) is None:
                continue
            file = self._directory / program
            file.write_text(f"#!{sys.executable} -IS\n{source}")
            file.chmod(0o755)
        self.watch()

    def watch(self) -> dict[str, str]:
        """Strikes nothing, only logs.  Gives the environment to run the script with."""
        for name in ("plan", "struck"):
            (self._directory / name).unlink(missing_ok=True)
        (self._directory / "log").write_text("")
        (self._directory / "next").write_text("0")
        return {"PATH": f"{self._directory}:{PATH}"}

    def arm(self, fault: Fault) -> dict[str, str]:
        """Strikes once in all runs until the next `arm` or `watch`.  Gives the environment to run the script with."""
        environment = self.watch()
        (self._directory / "plan").write_text(json.dumps(dataclasses.asdict(fault)))
        return environment

    @property
    def struck(self) -> bool:
        """Whether the fault has happened.  A script that never got as far has proved nothing."""
        return (self._directory / "struck").exists()

    def actions(self) -> list[Action]:
        """What was run since `watch` or `arm`, in the order of its start."""
        rows = [json.loads(line) for line in (self._directory / "log").read_text().splitlines()]
        return [Action(row["number"], tuple(row["argv"]), row["line"]) for row in rows]
