"""SIGINT, SIGTERM and SIGHUP at every moment: all or nothing, the right exit status, and no process left behind.

A signal comes either to the script and all it has started, as from a terminal, or to the script alone, as from `kill`.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from typing import Literal

import pytest

from live.faults import What
from live.moments import Moment, sample
from live.sandbox import Process, Sandbox
from live.second_kernel import sampled
from live.situations import SITUATIONS, Scene, changes, named

STATUS: dict[What, int] = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
Target = Literal["group", "script"]
WAYS: list[tuple[What, Target]] = [
    ("SIGINT", "group"),
    ("SIGTERM", "script"),
    ("SIGHUP", "group"),
    ("SIGINT", "script"),
    ("SIGTERM", "group"),
    ("SIGHUP", "script"),
]


def struck(
    scene: Scene, script: str, moment: Moment, what: What, target: Target
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A run that a signal came to, and what is wrong with its status, or with what it left running."""
    done = scene.moments.strike(script, moment, what, target=target)
    title = f"{what} to the {target} {moment}"
    wrong = [f"{title}: it left `{process}`" for process in scene.sandbox.processes()]
    if done.returncode not in (0, STATUS[what]):
        wrong.append(f"{title}: exit status {done.returncode}: {done.stderr}")
    if done.returncode != 0 and f"stopped by {what}" not in done.stderr:
        wrong.append(f"{title}: it says nothing of the signal: {done.stderr}")
    return done, wrong


@pytest.mark.parametrize("name", [*named("fresh"), *named("drifted")])
def test_a_setup_that_is_stopped_leaves_what_was_there(sandbox: Sandbox, name: str) -> None:
    scene = Scene(sandbox, SITUATIONS[name])
    setup = scene.text("setup")
    scene.begin()
    moments = scene.moments.of(setup)
    finished = max(n for n, moment in enumerate(moments) if not moment.called.startswith("rm -f "))
    wrong = []
    chosen = sample(moments, 60 if name == "docker, fresh" else 12 if name == "edge, drifted" else 6, name)
    for moment, (what, target) in zip(chosen, itertools.cycle(WAYS), strict=False):
        scene.begin()
        done, complaints = struck(scene, setup, moment, what, target)
        wrong += complaints
        if done.returncode == 0 and moment not in moments[finished:]:  # on record, nothing is taken back
            wrong.append(f"{what} {moment}: it went on")
        wanted = scene.before if done.returncode else scene.whole
        wrong += [f"{what} to the {target} {moment}: {line}" for line in changes(wanted, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["docker, fresh", *named("edge, fresh")])
def test_a_teardown_that_is_stopped_is_finished_by_the_next(sandbox: Sandbox, name: str) -> None:
    scene = Scene(sandbox, SITUATIONS[name])
    teardown = scene.text("teardown")
    wrong = []
    chosen = sample(scene.moments.of(teardown), 12, name)
    for moment, (what, target) in zip(chosen, itertools.cycle(WAYS), strict=False):
        scene.run("setup")
        wrong += struck(scene, teardown, moment, what, target)[1]
        scene.run("teardown")
        wrong += [f"{what} to the {target} {moment}: {line}" for line in changes(scene.empty, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("what", STATUS)
def test_at_any_time(sandbox: Sandbox, what: What) -> None:
    """Not around a program, but whenever it happens to come."""
    scene = Scene(sandbox, SITUATIONS["docker, drifted"])
    scene.begin()
    started = time.monotonic()
    scene.run("setup")
    takes = time.monotonic() - started
    path = sandbox.directory / "setup.sh"
    path.write_text(scene.text("setup"))
    for part in range(1, 9):
        scene.begin()
        process = sandbox.popen(["bash", str(path)])
        time.sleep(takes * part / 9)
        if process.popen.poll() is None and process.pid is not None:
            process.signal(signal.Signals[what], group=part % 2 == 0)
        done = process.wait()
        assert sandbox.processes() == []
        wanted = scene.before if done.returncode else scene.whole
        assert changes(wanted, scene.state()) == [], f"{part}/9: {done}"


def waiting(scene: Scene, kind: Literal["setup", "teardown"]) -> tuple[Process, Process]:
    """Somebody who holds the lock, and a script that waits for it."""
    holder = scene.sandbox.popen(["flock", "/run/k8snet/docker", "sleep", "99"])
    while "sleep 99" not in scene.sandbox.processes():
        time.sleep(0.01)
    path = scene.sandbox.directory / "waits.sh"
    path.write_text(scene.text(kind))
    process = scene.sandbox.popen(["bash", str(path)])
    assert process.popen.stderr is not None
    assert "waiting for it" in process.popen.stderr.readline()
    return holder, process


@pytest.mark.parametrize("kind", ["setup", "teardown"])
@pytest.mark.parametrize(("what", "target"), WAYS)
def test_while_it_waits_for_its_turn(
    sandbox: Sandbox, kind: Literal["setup", "teardown"], what: What, target: Target
) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    assert scene.run("setup").returncode == 0
    holder, process = waiting(scene, kind)
    process.signal(signal.Signals[what], group=target == "group")
    assert process.wait(timeout=20).returncode == STATUS[what]
    assert scene.sandbox.processes() == ["flock /run/k8snet/docker sleep 99", "sleep 99"]
    holder.signal(signal.SIGTERM)
    holder.wait()
    assert changes(scene.whole, scene.state()) == []


@pytest.mark.parametrize("reader", sampled(["true", "head --lines=3"], 0))
def test_a_reader_of_its_messages_who_goes_away(sandbox: Sandbox, reader: str) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    path = sandbox.directory / "setup.sh"
    path.write_text(scene.text("setup"))
    scene.begin()
    done = sandbox.bash(f"bash {path} 2>&1 >/dev/null | {reader}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "141"
    assert changes(scene.before, scene.state()) == []
