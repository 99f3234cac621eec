"""Where one contender runs: a private network and mount namespace with an empty /run, gone when the run is over.

`run_privately` starts any program in such a namespace; `run_contender` starts this file in one.  There it sets up,
verifies, sets up again and tears down (what the contender has of that), measures each, has the network judged by a
referee in between, and prints the times (in seconds) as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from contenders import Argv, Contender

NAMES = Path("/run/netns")
REST = 3.0
"""Seconds between two phases: so long the kernel is busy with what was just made (duplicate addresses, multicast)."""


@dataclass(frozen=True, slots=True)
class Times:
    """What one run took, in seconds, and what teardown had left behind when it returned."""

    setup: float
    verify: float | None
    again: float | None
    teardown: float
    left: int  # links and names of namespaces that still were there
    gone: float  # until none was; 0.0 if nothing was left


def run_contender(contender: Contender, referee: Argv) -> Times:
    """Run a contender in a namespace of its own.  `referee` is a command that succeeds when the network is right.

    Raises `RuntimeError` if a command of the contender fails or its network is not as it should be.
    """
    task = json.dumps({**asdict(contender), "referee": referee})
    return Times(**json.loads(run_privately(contender.name, (sys.executable, __file__), task)))


def run_privately(name: str, argv: Argv, text: str) -> str:
    """Run a program in a namespace of its own with that standard input; give its output.

    Raises `RuntimeError`, which says `name`, if the program fails.
    """
    private = ["unshare", "--net", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        private[1:1] = ["--user", "--map-root-user"]
    done = subprocess.run([*private, "--", *argv], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    settle()
    return done.stdout


def settle() -> None:
    """Wait until the kernel has cleaned up namespaces, which it does behind everybody's back and at everybody's cost."""
    time.sleep(0.3)
    while any(_is_cleaning(process) for process in Path("/proc").glob("[0-9]*/comm")):
        time.sleep(0.05)


def _is_cleaning(process: Path) -> bool:
    try:
        return "+netns" in process.read_text()
    except OSError:  # the process has ended
        return False


def _measured(argv: Argv) -> tuple[float, str]:
    """Run a command; give the seconds it took and what it said on standard error."""
    start = time.perf_counter()
    with open("/run/stderr", "w+") as messages:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages, check=False)
        took = time.perf_counter() - start
        messages.seek(0)
        said = messages.read()
    if done.returncode != 0:
        sys.exit(f"`{' '.join(argv)}` ended with status {done.returncode}\n{said[-2000:]}")
    return took, said


def _present() -> set[str]:
    """Every link of this network namespace and every name of another."""
    links = {name for _, name in socket.if_nameindex()}
    return links | {str(path) for path in NAMES.glob("*")}


def _compete(task: dict[str, Argv]) -> Times:
    before = _present()
    setup, _ = _measured(task["setup"])
    verify, _ = _measured(task["verify"]) if task["verify"] else (None, "")
    _measured(task["referee"])
    again = None
    time.sleep(REST)
    if task["again"]:
        again, said = _measured(task["again"])
        if "[#]" in said:
            sys.exit(f"the second run of setup changed something:\n{said[-2000:]}")
        _measured(task["referee"])
        time.sleep(REST)
    teardown, _ = _measured(task["teardown"])
    start = time.perf_counter()
    left = len(_present() - before)
    gone = 0.0
    while _present() - before:
        gone = time.perf_counter() - start
        if gone > 60:
            sys.exit(f"teardown left {sorted(_present() - before)[:5]} …")
    return Times(setup, verify, again, teardown, left, gone)


if __name__ == "__main__":
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    print(json.dumps(asdict(_compete(json.load(sys.stdin)))))
