"""All moments at which a fault can strike a script: around every program it starts, and between the lines of a batch.

    moments = Moments(sandbox)
    for moment in moments.of("setup.sh's text"):
        done = moments.strike(text, moment, "SIGKILL")
        assert done.returncode == -9

The injection itself is that of `faults.py`.  Its stand-ins, in Python, count everything that a script does; the ones
that are put in front of them here (`moment_program.sh`) recognise the moment by the program's arguments, and cost next
to nothing, so that hundreds of moments can be tried.  A moment known by its arguments is also the same one in every
run, in whatever order several workers come to it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import pytest

from live.faults import Fault, Injector, What
from live.sandbox import PATH, Process, Sandbox

One = TypeVar("One")
KNOB = "K8SNET_MOMENTS"

PROGRAMS = (
    *("ip", "bridge", "nft", "nsenter", "bash", "cat", "flock", "head"),
    *("mkdir", "mv", "rm", "rmdir", "sleep", "stat", "tr"),
    *("iptables", "ip6tables", "iptables-restore", "ip6tables-restore"),
)
"""Every program that a script starts."""

PATIENCE = 120
"""Seconds that a script may take on a machine that has much else to do."""


@dataclass(frozen=True)
class Moment:
    """Before or after a program acts, the `occurrence`-th one so called (from 1), or a line of its batch (from 0)."""

    called: str
    occurrence: int
    when: Literal["before", "after"]
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.when} `{self.text or self.called}` ({self.occurrence})"

    @property
    def is_reading(self) -> bool:
        """Whether the program reads the network and changes nothing."""
        return "-json" in self.called


class Moments:
    """Stand-ins for all programs that scripts in this sandbox start."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._injector = Injector(sandbox.directory, PROGRAMS)
        self._faults = sandbox.directory / "faults"
        self._directory = sandbox.directory / "moments"
        self._directory.mkdir()
        (self._directory / "path").write_text(f"{PATH}\n")
        source = Path(__file__).with_name("moment_program.sh")
        for program in PROGRAMS:
            real = shutil.which(program, path=PATH)
            if real is not None:
                shutil.copy(source, self._directory / program)
                (self._directory / program).chmod(0o755)
                (self._directory / f"{program}.real").write_text(f"{real}\n")

    def hide(self, program: str) -> None:
        """Makes a program one that is not installed."""
        (self._directory / program).write_text("#!/bin/sh\nexit 127\n")
        (self._directory / program).chmod(0o755)

    def of(self, script: str, *, status: int = 0) -> list[Moment]:
        """Runs a script to its end, and gives the moments there were, in the order of the programs' start."""
        self._clear()
        done = self._sandbox.bash(script, env=self._environment(), timeout=PATIENCE)
        assert done.returncode == status, done.stderr
        return list(_moments((self._directory / "log").read_text()))

    def strike(
        self, script: str, moment: Moment, what: What, *args: str, target: Literal["group", "script"] = "group"
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script that a fault befalls; fails if the script never comes to that moment."""
        done = self.start(script, moment, what, *args, target=target).wait(timeout=PATIENCE)
        assert self._injector.struck, f"the script never came to {moment}"
        return done

    def start(
        self, script: str, moment: Moment, what: What, *args: str, target: Literal["group", "script"] = "group"
    ) -> Process:
        """Starts a script that a fault awaits."""
        self._clear()
        self._injector.arm(Fault(moment.line, moment.when, what, target))
        (self._directory / "plan").write_text(f"{moment.called}\n{moment.occurrence}\n")
        path = self._sandbox.directory / "struck.sh"
        path.write_text(script)
        return self._sandbox.popen(["bash", str(path), *args], env=self._environment())

    def _clear(self) -> None:
        for seen in self._directory.glob("seen.*"):
            seen.rmdir()
        for name in ("log", "plan"):
            (self._directory / name).unlink(missing_ok=True)
        (self._directory / "log").touch()

    def _environment(self) -> dict[str, str]:
        return {"PATH": f"{self._directory}:{PATH}"}


def sample(moments: Iterable[One], size: int, seed: str) -> list[One]:
    """Some of the moments, always the same ones, in their order: a sixth of `size` of them.

    `K8SNET_MOMENTS=many` is for `size`, and `K8SNET_MOMENTS=all` for every one.
    """
    every = list(moments)
    wish = os.environ.get(KNOB, "")
    if wish not in ("", "many", "all"):
        raise pytest.UsageError(f"{KNOB}={wish}: the values it has are `many` and `all`")
    if wish == "":
        size = (size + 5) // 6
    if wish == "all" or size >= len(every):
        return every
    places = sorted(random.Random(seed).sample(range(len(every)), size))
    return [every[place] for place in places]


def _moments(log: str) -> Iterator[Moment]:
    """The moments of a run.  Those around `nsenter` are those around the program that it starts in the namespace."""
    seen: Counter[str] = Counter()
    for row in log.splitlines():
        called, *lines = filter(None, row.split("\t"))
        seen[called] += 1
        occurrence = seen[called]
        if called.startswith(("bash -s", "bash /", "nsenter")):
            continue
        if "-json" in called:
            lines = []
        yield Moment(called, occurrence, "before", 0, lines[0] if lines else "")
        for number, line in enumerate(lines or [""]):
            yield Moment(called, occurrence, "after", number, line)
