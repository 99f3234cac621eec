"""SIGINT, SIGTERM and SIGHUP at every moment: all or nothing, the right exit status, and no process left behind.

A signal comes either to the script and all it has started, as from a terminal, or to the script alone, as from `kill`.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from typing import Literal

import pytest

from live.faults import What
from live.moments import Moment, sample
from live.sandbox import PATH, Process
from live.situations import Scene, Scenes, changes, named

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


def left_running(scene: Scene) -> list[str]:
    """What runs in the sandbox.  What is in brackets has ended, and is being taken down by the kernel."""
    return [process for process in scene.sandbox.processes() if not process.startswith("[")]


def struck(
    scene: Scene, script: str, moment: Moment, what: What, target: Target
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A run that a signal came to, and what is wrong with its status, or with what it left running."""
    done = scene.moments.strike(script, moment, what, target=target)
    title = f"{what} to the {target} {moment}"
    wrong = [f"{title}: it left `{process}`" for process in left_running(scene)]
    if done.returncode not in (0, STATUS[what]):
        wrong.append(f"{title}: exit status {done.returncode}: {done.stderr}")
    if done.returncode != 0 and f"stopped by {what}" not in done.stderr:
        wrong.append(f"{title}: it says nothing of the signal: {done.stderr}")
    return done, wrong


@pytest.mark.parametrize("name", [*named("fresh"), *named("drifted")])
def test_a_setup_that_is_stopped_leaves_what_was_there(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    setup = scene.text("setup")
    moments = scene.setup_moments
    finished = max(n for n, moment in enumerate(moments) if not moment.called.startswith("rm -f "))
    wrong = []
    chosen = sample(moments, 36 if name == "docker, fresh" else 12 if name == "edge, drifted" else 6, name)
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
def test_a_teardown_that_is_stopped_is_finished_by_the_next(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    teardown = scene.text("teardown")
    scene.run("setup")
    wrong = []
    chosen = sample(scene.moments.of(teardown), 12, name)
    for moment, (what, target) in zip(chosen, itertools.cycle(WAYS), strict=False):
        scene.run("setup")
        wrong += struck(scene, teardown, moment, what, target)[1]
        scene.run("teardown")
        wrong += [f"{what} to the {target} {moment}: {line}" for line in changes(scene.empty, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("what", STATUS)
def test_at_any_time(scene_of: Scenes, what: What) -> None:
    """Not around a program, but whenever it happens to come."""
    scene = scene_of("docker, drifted")
    scene.begin()
    started = time.monotonic()
    scene.run("setup")
    takes = time.monotonic() - started
    path = scene.sandbox.directory / "setup.sh"
    path.write_text(scene.text("setup"))
    for part in sample(range(1, 9), 18, what):
        scene.begin()
        process = scene.sandbox.popen(["bash", str(path)])
        time.sleep(takes * part / 9)
        if process.popen.poll() is None and process.pid is not None:
            process.signal(signal.Signals[what], group=part % 2 == 0)
        done = process.wait()
        assert left_running(scene) == []
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


@pytest.mark.parametrize(("kind", "ways"), [("setup", WAYS[:3]), ("teardown", WAYS[3:])])
def test_while_it_waits_for_its_turn(
    scene_of: Scenes, kind: Literal["setup", "teardown"], ways: list[tuple[What, Target]]
) -> None:
    scene = scene_of("docker, fresh")
    scene.run("setup")
    for what, target in ways:
        holder, process = waiting(scene, kind)
        process.signal(signal.Signals[what], group=target == "group")
        assert process.wait(timeout=20).returncode == STATUS[what], (what, target)
        assert scene.sandbox.processes() == ["flock /run/k8snet/docker sleep 99", "sleep 99"]
        holder.signal(signal.SIGTERM)
        holder.wait()
    assert changes(scene.whole, scene.state()) == []


@pytest.mark.parametrize("reader", ["true", "head --lines=3"])
def test_a_reader_of_its_messages_who_goes_away(scene_of: Scenes, reader: str) -> None:
    scene = scene_of("docker, fresh")
    path = scene.sandbox.directory / "setup.sh"
    path.write_text(scene.text("setup"))
    scene.begin()
    done = scene.sandbox.bash(f"bash {path} 2>&1 >/dev/null | {reader}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "141"
    assert changes(scene.before, scene.state()) == []


SLOW = """\
#!/bin/bash
export PATH={path}
[[ $* == *-batch* ]] || exec ip "$@"
batch=$(cat)
if [[ $batch == *"{words}"* ]]; then
	trap '' TERM
	echo >{begun}
	sleep 0.5
	trap - TERM
fi
exec ip "$@" <<<"$batch"
"""
"""An `ip` that has not done yet what it was told when everybody has heard the signal, as one that waits for the kernel."""


@pytest.mark.parametrize(
    "words", ["address delete", "link set dev vethY master"], ids=["in a namespace", "on the host"]
)
def test_what_is_under_way_has_ended_before_anything_is_taken_back(scene_of: Scenes, words: str) -> None:
    scene = scene_of("docker, drifted")
    scene.begin()
    programs, begun, setup = (scene.sandbox.directory / name for name in ("slow", "begun", "stopped.sh"))
    programs.mkdir(exist_ok=True)
    begun.unlink(missing_ok=True)
    os.mkfifo(begun)
    (programs / "ip").write_text(SLOW.format(path=PATH, words=words, begun=begun))
    (programs / "ip").chmod(0o755)
    setup.write_text(scene.text("setup"))
    run = scene.sandbox.popen(["bash", str(setup)], env={"PATH": f"{programs}:{PATH}"})
    begun.read_text()
    run.signal(signal.SIGTERM, group=True)
    done = run.wait()
    assert (done.returncode, left_running(scene)) == (STATUS["SIGTERM"], [])
    assert changes(scene.before, scene.state()) == []
