"""The results as tables in plain text: medians, the ratios to the floor and to the guarded script, and the goals."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from arena import Times
from compiling import Compilation, StartUp

MIB = 1 << 20
PHASES = {"setup": "setup", "again": "no-change run", "teardown": "teardown"}


@dataclass(slots=True)
class Results:
    """Everything that was measured.  `runs` is by size, then by contender: one `Times` a repeat."""

    runs: dict[int, dict[str, list[Times]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)  # a note each on what would have taken too long
    compilations: list[Compilation] = field(default_factory=list)
    start_up: StartUp | None = None

    def median(self, phase: str, contender: str, size: int) -> float | None:
        """Seconds; None where a contender did not run or has no such phase."""
        times = [getattr(run, phase) for run in self.runs.get(size, {}).get(contender, ())]
        return statistics.median(times) if times and None not in times else None

    def milliseconds(self, phase: str, contender: str, size: int) -> float | None:
        """The median in milliseconds."""
        median = self.median(phase, contender, size)
        return None if median is None else median * 1000

    def ratio(self, phase: str, of: str, to: str, size: int) -> float | None:
        """How many times longer one contender takes than another."""
        over, under = self.median(phase, of, size), self.median(phase, to, size)
        return over / under if over is not None and under is not None else None


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise of DESIGN.md §6 and what came out."""

    promise: str
    measured: str
    met: bool


def judge(results: Results) -> Iterator[Goal]:
    """Every goal about which something was measured."""
    for size in sorted(size for size in results.runs if size >= 500):
        setup = results.ratio("setup", "k8snet", "floor", size)
        if setup is not None:
            yield Goal(f"setup of {size} takes at most 2.5 times the floor", f"{setup:.2f} times", setup <= 2.5)
        yield from _judge_again(results, size)
        teardown = results.ratio("teardown", "k8snet", "floor", size)
        if teardown is not None:
            yield Goal(
                f"teardown of {size} takes at most 1.3 times the floor", f"{teardown:.2f} times", teardown <= 1.3
            )
    ours = [run for size in results.runs.values() for run in size.get("k8snet", ())]
    if ours:
        worst = max(ours, key=lambda run: run.left)
        yield Goal("nothing is left when teardown returns", f"{worst.left} things left", worst.left == 0)
    yield from _judge_compiler(results)


def _judge_again(results: Results, size: int) -> Iterator[Goal]:
    again = results.median("again", "k8snet", size)
    if size != 500 or again is None:
        return
    times = results.ratio("again", "guarded", "k8snet", size)
    measured = f"{again:.2f} s" + (f", {times:.0f} times faster" if times is not None else "")
    promise = f"no-change run of {size} takes at most 1 s or is 20 times faster than the guarded script"
    yield Goal(promise, measured, again <= 1 or (times is not None and times >= 20))


def _judge_compiler(results: Results) -> Iterator[Goal]:
    single = [entry for entry in results.compilations if entry.files == 1]
    if single:
        largest = max(single, key=lambda entry: entry.namespaces)
        promise = f"{largest.namespaces} namespaces compile at 100,000 steps a second or more"
        yield Goal(promise, f"{largest.speed:,.0f} a second", largest.speed >= 100_000)
    several = [entry for entry in results.compilations if entry.files > 1]
    if len(several) > 1:
        few, *_, most = sorted(several, key=lambda entry: entry.files)
        growth = most.peak / few.peak
        promise = f"{most.files * 3} scripts take no more memory than {few.files * 3} (10% allowed)"
        yield Goal(promise, f"{growth:.2f} times", growth <= 1.1)
    if results.start_up:
        times = results.start_up.help / results.start_up.click
        yield Goal("`k8snet --help` takes at most 2.5 times `import click`", f"{times:.2f} times", times <= 2.5)


def render(results: Results, goals: Iterable[Goal]) -> Iterator[str]:
    """The whole report, line by line."""
    for phase, title in PHASES.items():
        if results.runs:
            yield from _render_phase(results, phase, title)
    if results.runs:
        yield from _render_leftovers(results)
    if results.left_out:
        yield from (*results.left_out, "")
    if results.compilations:
        yield from _render_compilations(results.compilations)
    if results.start_up:
        help_ms, click_ms = results.start_up.help * 1000, results.start_up.click * 1000
        row = (f"{help_ms / click_ms:.2f}", f"{help_ms:.0f} ms", f"{click_ms:.0f} ms")
        yield from render_table(("start-up: ratio", "k8snet --help", "import click"), [row])
    yield from render_goals(goals)


def _render_phase(results: Results, phase: str, title: str) -> Iterator[str]:
    names = list(dict.fromkeys(name for runs in results.runs.values() for name in runs))
    lines: list[tuple[str, str, Callable[[int], float | None]]] = []
    for name in names:
        if name != "floor":
            lines.append((f"{name}: times the floor", ".2f", partial(results.ratio, phase, name, "floor")))
    lines.append(("k8snet: times faster than guarded", ".1f", partial(results.ratio, phase, "guarded", "k8snet")))
    lines += [(f"{name}: ms", ".0f", partial(results.milliseconds, phase, name)) for name in names]
    sizes = sorted(results.runs)
    rows = []
    for label, form, measure in lines:
        values = [measure(size) for size in sizes]
        if any(value is not None for value in values):
            rows.append((label, *("-" if value is None else format(value, form) for value in values)))
    yield from render_table((title, *(f"N={size}" for size in sizes)), rows)


def _render_compilations(compilations: Iterable[Compilation]) -> Iterator[str]:
    rows = []
    for entry in compilations:
        numbers = (f"{entry.files}", f"{entry.steps:,}", f"{entry.seconds:.2f} s", f"{entry.speed:,.0f}")
        rows.append((f"{entry.namespaces:,}", *numbers, f"{entry.peak / MIB:.0f} MiB"))
    yield from render_table(("compile: namespaces", "files", "steps", "time", "steps/s", "peak memory"), rows)


def _render_leftovers(results: Results) -> Iterator[str]:
    rows = [
        (name, f"N={size}", str(max(run.left for run in runs)), f"{max(run.gone for run in runs) * 1000:.0f} ms")
        for size in sorted(results.runs)
        for name, runs in results.runs[size].items()
    ]
    yield from render_table(("when teardown returns", "size", "left", "gone after"), rows)


def render_goals(goals: Iterable[Goal]) -> Iterator[str]:
    """What was promised and what came out, a row each."""
    rows = [(goal.promise, goal.measured, "met" if goal.met else "NOT MET") for goal in goals]
    if rows:
        yield from render_table(("goal", "measured", ""), rows)


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in plain text, the first column to the left and all others to the right, and an empty line."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        yield "  ".join(cells).rstrip()
    yield ""
