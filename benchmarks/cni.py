"""Measure k8snet on a node of Kubernetes: as a plugin beside the reference plugin, and its compiled scripts beside both.

    python benchmarks/cni.py [--sizes 100,500] [--repeat 3] [--json FILE] [--goals]

Needs root, the reference plugins in /usr/lib/cni and iptables.  Every pod is made in a namespace of its own.
See README.md in this directory for what is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from arena import run_privately
from contenders import Argv
from report import Goal, render_goals, render_table
from run import find_k8snet, machine, say

CALLS = Path(__file__).with_name("cni_calls.py")
REFERENCE = "/usr/lib/cni"
CONTENDERS = ("reference", "plugin", "script")
PHASES = {"add": "ADD", "delete": "DEL"}
FASTER, SLOWER = 5, 3
"""What was promised: how many times faster than the reference's ADDs the script is, how many times slower our ADDs are."""

NETWORK: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "name": "bench",
    "type": "bridge",
    "bridge": "cni0",
    "mtu": 1460,
    "isGateway": True,
    "ipMasq": True,
    "ipam": {
        "type": "host-local",
        "subnet": "10.1.0.0/16",
        "gateway": "10.1.0.1",
        "routes": [{"dst": "0.0.0.0/0"}],
    },
}
"""That of the Kubernetes example, in a version in which a runtime says at DEL what ADD has said."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The seconds of every call of one turn; a script is a single call."""

    add: list[float]
    delete: list[float]


@dataclass(slots=True)
class Results:
    """Everything that was measured: by size, then by contender, one `Calls` a turn."""

    turns: dict[int, dict[str, list[Calls]]] = field(default_factory=dict)

    def total(self, phase: str, contender: str, size: int) -> float:
        """Seconds for all pods: the median of the turns."""
        totals: list[float] = [sum(getattr(turn, phase)) for turn in self.turns[size][contender]]
        return statistics.median(totals)

    def mean(self, phase: str, contender: str, size: int) -> float:
        """Seconds for one pod."""
        return self.total(phase, contender, size) / size

    def slow(self, phase: str, contender: str, size: int) -> float | None:
        """Seconds that 95 of 100 calls stay below; None where there is one call for all pods."""
        calls = sorted(call for turn in self.turns[size][contender] for call in getattr(turn, phase))
        return calls[len(calls) * 95 // 100] if len(calls) > len(self.turns[size][contender]) else None

    def ratio(self, phase: str, of: str, to: str, size: int) -> float:
        """How many times longer one contender takes than another."""
        return self.total(phase, of, size) / self.total(phase, to, size)


def main() -> int:
    """Measure, print the report, and give the exit status."""
    options = _options()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="k8snet-bench-") as name:
        directory = Path(name)
        k8snet = find_k8snet()
        plugins = directory / "plugins"
        plugins.mkdir()
        subprocess.run([*k8snet, "cni", "install", plugins, "--replace"], check=True, stdout=subprocess.DEVNULL)
        for size in options.sizes:
            tasks = make_tasks(size, k8snet, str(plugins), directory / str(size))
            turns = results.turns[size] = {contender: [] for contender in CONTENDERS}
            for turn in range(options.repeat):
                for contender in CONTENDERS:
                    say(f"N={size}, turn {turn + 1}: {contender}")
                    said = run_privately(contender, (sys.executable, str(CALLS)), json.dumps(tasks[contender]))
                    turns[contender].append(Calls(**json.loads(said)))
    goals = list(judge(results))
    print("\n".join((*render(results), *render_goals(goals))))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), **asdict(results)}, indent=1) + "\n")
    return int(options.goals and not all(goal.met for goal in goals))


def make_tasks(size: int, k8snet: Argv, plugins: str, directory: Path) -> dict[str, dict[str, Any]]:
    """What each contender is told, by its name; the scripts are compiled into the directory."""
    pods = [f"pod{number}" for number in range(size)]
    directory.mkdir()
    configuration = directory / "bench.conf"
    configuration.write_text(json.dumps(NETWORK))
    named = [word for pod in pods for word in ("--pod", pod)]
    subprocess.run(
        [*k8snet, "compile", "--cni", configuration, *named, "-o", directory], check=True, stdout=subprocess.DEVNULL
    )
    common = {"network": NETWORK, "pods": pods}
    return {
        "reference": {**common, "plugins": REFERENCE},
        "plugin": {**common, "plugins": plugins},
        "script": {**common, **{kind: str(directory / f"{kind}.sh") for kind in ("setup", "teardown")}},
    }


def judge(results: Results) -> Iterator[Goal]:
    """Every goal at every size."""
    for size in results.turns:
        faster = results.ratio("add", "reference", "script", size)
        promise = f"the script of {size} pods is {FASTER} times faster than the reference's ADDs, or more"
        yield Goal(promise, f"{faster:.1f} times", faster >= FASTER)
        slower = results.ratio("add", "plugin", "reference", size)
        promise = f"{size} ADDs of ours take at most {SLOWER} times as long as the reference's"
        yield Goal(promise, f"{slower:.2f} times", slower <= SLOWER)


def render(results: Results) -> Iterator[str]:
    """A table for each phase, a column for each size."""
    sizes = list(results.turns)
    for phase, title in PHASES.items():
        rows = [
            ("plugin: times the reference", *(f"{results.ratio(phase, 'plugin', 'reference', n):.2f}" for n in sizes)),
            ("script: times faster", *(f"{results.ratio(phase, 'reference', 'script', n):.1f}" for n in sizes)),
        ]
        for contender in CONTENDERS:
            means = (f"{results.mean(phase, contender, size) * 1000:.1f}" for size in sizes)
            rows.append((f"{contender}: ms a pod", *means))
            slow = [results.slow(phase, contender, size) for size in sizes]
            if None not in slow:
                rows.append((f"{contender}: ms, 95 of 100", *(f"{(call or 0) * 1000:.1f}" for call in slow)))
        yield from render_table((title, *(f"N={size}" for size in sizes)), rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=_sizes, default=_sizes("100,500"), help="numbers of pods, at most 1000")
    parser.add_argument("--repeat", type=int, default=3, help="turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every call that was measured there as well")
    parser.add_argument("--goals", action="store_true", help="exit with status 1 if a goal is not met")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return sorted(int(size) for size in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
