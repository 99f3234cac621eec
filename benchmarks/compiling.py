"""What the compiler itself costs: time, peak memory and start-up of `k8snet`, each in a process of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from contenders import Argv

PER_BRIDGE = 1000  # a bridge takes at most 1023 ports
STARTS = 15


@dataclass(frozen=True, slots=True)
class Compilation:
    """One `k8snet compile`: of `files` topologies of `namespaces` each, to three scripts each."""

    namespaces: int
    files: int
    steps: int  # of all setup scripts
    seconds: float
    peak: int  # resident memory at its highest, in bytes

    @property
    def speed(self) -> float:
        """Steps a second, from the start of the process to its end."""
        return self.steps / self.seconds


@dataclass(frozen=True, slots=True)
class StartUp:
    """Median seconds of `k8snet --help`, and of a Python that imports click and does nothing."""

    help: float
    click: float


def topology(namespaces: int) -> str:
    """A topology file of any size: a bridge for every thousand namespaces, one range of them a bridge."""
    lines = ['name = "bench"']
    for number, first in enumerate(range(1, namespaces + 1, PER_BRIDGE)):
        last = min(first + PER_BRIDGE - 1, namespaces)
        lines += [
            "",
            f"[bridges.br{number}]",
            f'subnet = "10.{number}.0.0/16"',
            f'addresses = ["10.{number}.0.1/16"]',
            "",
            f'[namespaces."n{{{first}..{last}}}".veths.eth0]',
            'peer = "v{}"',
            f'bridge = "br{number}"',
            'addresses = ["auto"]',
            f'routes = [{{ to = "default", via = "10.{number}.0.1" }}]',
        ]
    return "".join(f"{line}\n" for line in lines)


def measure_compilation(k8snet: Argv, namespaces: int, files: int, directory: Path) -> Compilation:
    """Compile `files` copies of one topology in one command."""
    text = topology(namespaces)
    sources = [directory / f"lab{number}" / "topology.toml" for number in range(files)]
    for source in sources:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
    seconds, peak = run_measured([*k8snet, "compile", *map(str, sources)])
    steps = sum(_count_steps(source.parent / "setup.sh") for source in sources)
    return Compilation(namespaces, files, steps, seconds, peak)


def measure_start_up(k8snet: Argv) -> StartUp:
    """The two commands in turns, so that a busy moment of the machine hits both."""
    help_argv, click_argv = [*k8snet, "--help"], [sys.executable, "-c", "import click"]
    pairs = [(run_measured(help_argv)[0], run_measured(click_argv)[0]) for _ in range(STARTS)]
    return StartUp(*(statistics.median(times) for times in zip(*pairs)))


def run_measured(argv: list[str]) -> tuple[float, int]:
    """Seconds and peak memory (bytes) of one process.  Raises `RuntimeError` with its words if it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"`{' '.join(argv[:8])}` failed:\n{said.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def _count_steps(script: Path) -> int:
    """The rows of the table in a setup script: its lines between `<<'END'` and `END` but for empty ones and comments."""
    with script.open() as lines:
        for line in lines:
            if line.endswith("<<'END'\n"):
                break
        table = takewhile(lambda line: line != "END\n", lines)
        return sum(line != "\n" and not line.startswith("#") for line in table)
