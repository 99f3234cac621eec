"""Runs all live tests on second kernels, a module after the other, as many kernels at a time as there are processors.

python tests/live/uml/suite.py DIRECTORY [--kernels N] [--seconds N] [MODULE...]

DIRECTORY keeps what pytest said of each module (test_docker.log) and which tests passed (test_docker.ledger), so that
the same command goes on where an earlier one stopped, or was stopped: it runs what has not passed yet.  Whoever changes
what is tested takes a new directory.  A module that takes longer than N seconds (default 3600) is stopped; the tests
that it has passed by then stay passed.  The exit status is 0 when every test passed that these kernels can run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).parent
_NOTHING_TO_RUN = 5
"""What pytest ends with where no test is left, or none that this kernel can run."""


class Suite:
    """The modules that are run, and the directory that keeps what became of them."""

    def __init__(self, directory: Path, kernels: int, seconds: int) -> None:
        self._directory = directory
        self._seconds = seconds
        self._processors: SimpleQueue[int] = SimpleQueue()
        allowed = sorted(os.sched_getaffinity(0))
        for number in range(kernels):
            self._processors.put(allowed[number % len(allowed)])

    def run(self, module: Path) -> bool:
        """Runs those tests of a module that have not passed; says what became of them, and whether that is well."""
        processor = self._processors.get()
        try:
            return self._run(module, processor)
        finally:
            self._processors.put(processor)

    def _run(self, module: Path, processor: int) -> bool:
        ledger, log = (self._directory / f"{module.stem}.{suffix}" for suffix in ("ledger", "log"))
        ledger.touch()
        started = time.monotonic()
        with log.open("a") as output:
            status = subprocess.run(
                [
                    *("taskset", "--cpu-list", str(processor)),
                    *(HERE / "run", "--seconds", str(self._seconds), "--write", self._directory),
                    *(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", module),
                ],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "K8SNET_LIVE_LEDGER": str(ledger), "K8SNET_LIVE_PASSED": str(ledger)},
            ).returncode
        well = status in (0, _NOTHING_TO_RUN)
        collected, passed = (outcomes(ledger.read_text(), outcome) for outcome in ("collected", "passed"))
        became = "done" if well else f"exit status {status}, see {log}"
        seconds = time.monotonic() - started
        print(f"{module.stem}: {became}; {passed} of {collected} tests passed; {seconds:.0f} s", flush=True)
        return well


def outcomes(ledger: str, outcome: str) -> int:
    """How many tests have had an outcome, by the text of a ledger."""
    entries = [json.loads(line) for line in ledger.splitlines()]
    return len({entry["test"] for entry in entries if entry["outcome"] == outcome})


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run all live tests on second kernels.")
    parser.add_argument("directory", type=Path, help="what keeps the outcomes")
    parser.add_argument("modules", type=Path, nargs="*", help="files of tests (default: every live one)")
    parser.add_argument("--kernels", type=int, default=len(os.sched_getaffinity(0)), help="how many at a time")
    parser.add_argument("--seconds", type=int, default=3600, help="that a module may take")
    wanted = parser.parse_intermixed_args(arguments)
    wanted.directory.mkdir(exist_ok=True)
    suite = Suite(wanted.directory.resolve(), wanted.kernels, wanted.seconds)
    modules = wanted.modules or sorted(HERE.parent.glob("test_*.py"))
    with ThreadPoolExecutor(wanted.kernels) as workers:
        try:
            well = list(workers.map(suite.run, modules))
        except KeyboardInterrupt:  # which reaches the kernels too
            workers.shutdown(cancel_futures=True)
            return 130
    print(f"{sum(well)} of {len(modules)} modules are done")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
