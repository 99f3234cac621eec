"""Measure k8snet: its scripts beside those of a person and beside the kernel's own floor, and its compiler.

    python benchmarks/run.py [--sizes 2,100,500,1000] [--repeat 3] [--only scripts,compile,start] [--json FILE] [--goals]

Needs root (or user namespaces) and a C compiler.  Every network is made in a network namespace of its own.
See README.md in this directory for what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from arena import run_contender
from compiling import Compilation, measure_compilation, measure_start_up
from contenders import (
    Argv,
    Contender,
    floor_contender,
    generated_contender,
    guarded_contender,
    hand_written_contender,
)
from report import Results, judge, render

HERE = Path(__file__).resolve().parent
SCRIPTS = ("floor", "k8snet", "hand-written", "guarded")
PARTS = (*SCRIPTS, "compile", "start")
COMPILED = ((1, 1), (1000, 1), (10_000, 1), (100_000, 1), (1000, 3), (1000, 20))
"""Namespaces in a topology and topologies in a command."""


def main() -> int:
    """Measure what was asked for, print the report, and give the exit status."""
    options = _options()
    k8snet = find_k8snet()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="k8snet-bench-") as name:
        directory = Path(name)
        keep_bytecode(directory / "bytecode")
        if set(options.only) & set(SCRIPTS):
            program = directory / "floor"
            subprocess.run(["cc", "-O2", "-Wall", "-o", program, HERE / "floor.c"], check=True)
            for size in options.sizes:
                measure_size(size, options, k8snet, program, results)
        if "compile" in options.only:
            results.compilations = measure_compilations(options.repeat, k8snet, directory)
        if "start" in options.only:
            say("start-up")
            results.start_up = measure_start_up(k8snet)
    goals = list(judge(results))
    print("\n".join(render(results, goals)))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), **asdict(results)}, indent=1) + "\n")
    return int(options.goals and not all(goal.met for goal in goals))


def measure_size(size: int, options: argparse.Namespace, k8snet: Argv, program: Path, results: Results) -> None:
    """All contenders at one size, in turns, so that a busy moment of the machine hits them all."""
    with tempfile.TemporaryDirectory(dir=program.parent) as directory:
        contenders = [
            make_contender(name, size, k8snet, program, Path(directory)) for name in SCRIPTS if name in options.only
        ]
        for turn in range(options.repeat):
            for contender in contenders:
                if _is_due(contender, size, turn, options.budget, results):
                    say(f"N={size}, turn {turn + 1}: {contender.name}")
                    times = run_contender(contender, referee=(str(program), "check", str(size)))
                    results.runs.setdefault(size, {}).setdefault(contender.name, []).append(times)


def make_contender(name: str, size: int, k8snet: Argv, program: Path, directory: Path) -> Contender:
    """One of `SCRIPTS`, with its own scripts written to `directory`."""
    match name:
        case "floor":
            return floor_contender(program, size)
        case "k8snet":
            return generated_contender(k8snet, size, directory)
        case "hand-written":
            return hand_written_contender(size, directory)
        case _:
            return guarded_contender(size, directory)


def _is_due(contender: Contender, size: int, turn: int, budget: float, results: Results) -> bool:
    """Whether a contender runs in this turn: a slow one once only where it is large, and only within the budget."""
    if not contender.slow or turn == 0 and size <= 100:
        return True
    if size > 100 and turn > 0:
        return False
    before = [(other, runs[contender.name][-1]) for other, runs in results.runs.items() if contender.name in runs]
    if not before:
        return True
    other, times = before[-1]
    growth = (size / other) ** (1.3 if other >= 100 else 1)
    expected = (times.setup + (times.again or 0) + times.teardown) * growth
    if expected > budget:
        note = f"N={size}: {contender.name} is left out: some {expected:.0f} s expected, --budget is {budget:.0f} s"
        results.left_out.append(note)
        say(note)
        return False
    return True


def measure_compilations(repeat: int, k8snet: Argv, directory: Path) -> list[Compilation]:
    """Every case of `COMPILED`, `repeat` times in turns; the fastest of each, since noise only adds."""
    measure_compilation(k8snet, 1, 1, directory / "first")  # which leaves the bytecode
    turns = []
    for turn in range(repeat):
        say(f"compile, turn {turn + 1}")
        with tempfile.TemporaryDirectory(dir=directory) as fresh:
            turns.append([measure_compilation(k8snet, *case, Path(fresh, str(case))) for case in COMPILED])
    return [min(entries, key=lambda entry: entry.seconds) for entries in zip(*turns)]


def keep_bytecode(directory: Path) -> None:
    """Let every Python keep the bytecode of what it imports, which an installed package has from its installation."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(directory)


def find_k8snet() -> Argv:
    """The command that is installed beside this Python, else this checkout's package."""
    installed = shutil.which("k8snet", path=os.path.dirname(sys.executable))
    if installed:
        return (installed,)
    os.environ["PYTHONPATH"] = str(HERE.parent)
    return (sys.executable, "-m", "k8snet_scripts")


def machine() -> dict[str, str | int | None]:
    """What the numbers were measured on."""
    return {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "iproute2": subprocess.run(["ip", "-V"], capture_output=True, text=True, check=True).stdout.strip(),
        "processors": os.cpu_count(),
    }


def say(progress: str) -> None:
    """Tell on standard error what is going on."""
    print(f"{time.strftime('%H:%M:%S')} {progress}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=_sizes, default=_sizes("2,100,500,1000"), help="numbers of namespaces")
    parser.add_argument("--repeat", type=int, default=3, help="turns; slow contenders take one where there are many")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"a choice of {','.join(PARTS)}")
    parser.add_argument("--budget", type=float, default=600, help="seconds that one run of a slow contender may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there as well")
    parser.add_argument("--goals", action="store_true", help="exit with status 1 if a goal is not met")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return sorted(int(size) for size in text.split(","))


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"no `{unknown[0]}`: choose from {','.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
