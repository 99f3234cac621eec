"""Where live tests run, and what they need.

They need root, or a system that lets users have user namespaces.  `K8SNET_LIVE=skip` leaves them out, for a laptop that
gives neither; without it they fail there, and in CI it is refused, so that they can never be left out unnoticed.

Tests that kill, break and interrupt a script try some of the moments there are: `moments.py` says how to try all.

A test that needs something of the kernel says so, `@pytest.mark.needs("vlan_filtering")`; a kernel that has not got it
deselects the test.  `second_kernel.py` says which ones CI runs on a second kernel.  With `K8SNET_LIVE_LEDGER=FILE` it
is written down which live tests there are and which passed on this kernel; `.ci/ledger.py` adds the ledgers of all
kernels up and finds a test that ran on none.  With `K8SNET_LIVE_PASSED=FILE`, such a ledger, tests are left out that
passed on this kernel already: `uml/suite.py` so goes on where it was stopped.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from live.drift import Standing
from live.features import Kernel
from live.sandbox import Sandbox, refusal
from live.situations import SITUATIONS, Scene, Scenes

HERE = Path(__file__).parent
KNOB = "K8SNET_LIVE"
LEDGER = "K8SNET_LIVE_LEDGER"
PASSED = "K8SNET_LIVE_PASSED"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    live = [item for item in items if HERE in item.path.parents]
    if not live:
        return
    if _is_skipped():
        for item in live:
            item.add_marker(pytest.mark.skip(reason=f"{KNOB}=skip"))
        return
    for item in live:
        _note(item.nodeid, "collected")
    if refusal() is not None:
        return  # the fixture `privileges` fails every live test, with the reason
    needs = {item: {name for mark in item.iter_markers("needs") for name in mark.args} for item in live}
    kernel = Kernel()
    impossible = [item for item, names in needs.items() if not all(kernel.has(name) for name in sorted(names))]
    passed = _passed_before()
    left_out = [item for item in items if item in impossible or item.nodeid in passed]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _note(report.nodeid, "passed")


def _is_skipped() -> bool:
    value = os.environ.get(KNOB, "")
    if value not in ("", "skip"):
        raise pytest.UsageError(f"{KNOB}={value}: the only value it has is `skip`")
    if value and os.environ.get("CI"):
        raise pytest.UsageError(f"{KNOB}=skip is for machines that give no privileges, and refused where CI is set")
    return value == "skip"


def _note(test: str, outcome: str) -> None:
    """Appends a line to the ledger, if one is kept.  Processes of pytest-xdist share it, and may repeat each other."""
    file = os.environ.get(LEDGER)
    if file:
        with open(file, "a") as ledger:
            ledger.write(json.dumps({"kernel": platform.release(), "test": test, "outcome": outcome}) + "\n")


def _passed_before() -> set[str]:
    """The tests that a ledger says passed on this kernel, if there is one to go by."""
    file = os.environ.get(PASSED)
    entries = [json.loads(line) for line in Path(file).read_text().splitlines()] if file else []
    return {entry["test"] for entry in entries if (entry["kernel"], entry["outcome"]) == (platform.release(), "passed")}


@pytest.fixture(scope="session", autouse=True)
def privileges() -> None:
    """Fails every live test, with the way out, where no sandbox can be made."""
    reason = refusal()
    if reason is not None:
        pytest.fail(
            f"live tests need root or user namespaces, and the system says: {reason}; "
            f"run them as root, or leave them out with {KNOB}=skip",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def kernel(privileges: None) -> Kernel:
    """The kernel the tests run on, and what it can do."""
    return Kernel()


@pytest.fixture
def sandbox(privileges: None) -> Iterator[Sandbox]:
    """A private piece of machine, empty but for a `lo` that is down."""
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="session")
def plugins(privileges: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory that `k8snet cni install` has put our plugins into."""
    directory = tmp_path_factory.mktemp("plugins")
    command = [sys.executable, "-m", "k8snet_scripts", "cni", "install", str(directory), "--replace"]
    subprocess.run(command, check=True, capture_output=True)
    return str(directory)


@pytest.fixture(scope="session")
def scenes(privileges: None) -> Iterator[dict[str, tuple[Scene, ExitStack]]]:
    """The scenes there are, by the names of their situations, each with what ends it."""
    made: dict[str, tuple[Scene, ExitStack]] = {}
    yield made
    for _, sandbox in made.values():
        sandbox.close()


@pytest.fixture
def scene_of(request: pytest.FixtureRequest, scenes: dict[str, tuple[Scene, ExitStack]]) -> Iterator[Scenes]:
    """The scene of a situation, which tests share: each begins it anew.  One that a failed test has used is not kept."""
    used: list[str] = []

    def give(name: str) -> Scene:
        if name not in scenes:
            with ExitStack() as sandbox:
                scene = Scene(sandbox.enter_context(Sandbox()), SITUATIONS[name])
                scenes[name] = scene, sandbox.pop_all()
        used.append(name)
        return scenes[name][0]

    failed = request.session.testsfailed
    yield give
    if request.session.testsfailed > failed:
        for name in used:
            scenes.pop(name)[1].close()


@pytest.fixture(scope="session")
def standing(privileges: None) -> Iterator[Callable[[str], Standing]]:
    """Networks that stand for all tests; one that a failed test left spoilt is made anew."""
    made: dict[str, Standing] = {}
    with ExitStack() as sandboxes:

        def give(name: str) -> Standing:
            if name not in made or made[name].spoilt:
                made[name] = Standing(sandboxes.enter_context(Sandbox()), name)
            return made[name]

        yield give
