"""A command that fails, at every step: the run says which one and why, and leaves the machine as it found it.

Every state that is compared is that of the whole machine, other people's things included.  What a failed setup leaves
different is what it was to remove anyhow: links and namespaces of an earlier version of the network.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess

import pytest

from live.moments import Moment, sample
from live.sandbox import Sandbox
from live.situations import SITUATIONS, Scene, Scenes, changes, named

DISPENSABLE = re.compile(
    r"mkdir |flock --(nonblock|timeout 1) |rmdir |rm -f /run/k8snet/[^/]+(/worker\..*)?$|.*head |.*-json netns list-id"
    r"|nft (list chains|--stateless list chain )|.*tables(-legacy)? --wait --list-rules FORWARD"
    r"|ip6?tables-restore "
)
"""What a run can do without: it tries again, takes a longer way, or leaves something in its own directory for the next."""


def steps(moments: list[Moment]) -> list[Moment]:
    """Where something can fail: each program, and each line of a batch."""
    return [dataclasses.replace(moment, when="before") for moment in moments if moment.when == "after"]


def complaints(moment: Moment, done: subprocess.CompletedProcess[str]) -> list[str]:
    """What is wrong with what a run says of a step that failed: the command, and what that said, have to be there."""
    said = done.stderr.splitlines()
    report = [line for line in said if "injected fault" in line or "stat says nothing of" in line]
    if moment.text:
        named = [line for line in said if "failed: " in line or "could not be carried out: " in line]
        report = report and [line for line in named if moment.text in line]
    wrong = [] if report else [f"{moment}: it does not say what failed: {said[-3:]}"]
    return wrong if done.returncode == 1 else [*wrong, f"{moment}: exit status {done.returncode}"]


@pytest.mark.parametrize("name", [*named("fresh"), *named("drifted")])
def test_a_setup_that_fails_leaves_what_was_there(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    setup = scene.text("setup")
    every = steps(scene.setup_moments)
    wrong = []
    for moment in sample(every, 24 if name in ("docker, fresh", "edge, drifted") else 6, name):
        scene.begin()
        done = scene.moments.strike(setup, moment, "fail")
        if done.returncode == 0 and DISPENSABLE.match(moment.called):
            scene.sandbox.bash("rm -f /run/k8snet/*/*.*", check=True)
            wrong += [f"{moment}: {line}" for line in changes(scene.whole, scene.state())]
        else:
            wrong += complaints(moment, done)
            wrong += [f"{moment}: {line}" for line in changes(scene.before, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", named("upgraded"))
def test_an_upgrade_that_fails_can_be_finished_or_removed(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    setup = scene.text("setup")
    every = [moment for moment in steps(scene.setup_moments) if moment.text]
    wrong = []
    for moment, remedy in zip(sample(every, 12, name), itertools.cycle(("teardown", "setup")), strict=False):
        scene.begin()
        wrong += complaints(moment, scene.moments.strike(setup, moment, "fail"))
        scene.run("setup" if remedy == "setup" else "teardown")
        wanted = scene.whole if remedy == "setup" else scene.empty
        wrong += [f"{moment}: {line}" for line in changes(wanted, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [*named("docker"), *named("edge")])
def test_with_keep_what_was_made_is_left_and_the_next_run_goes_on(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    setup = scene.text("setup")
    every = [moment for moment in steps(scene.setup_moments) if moment.text]
    wrong = []
    for moment, remedy in zip(sample(every, 6, f"keep {name}"), itertools.cycle(("setup", "teardown")), strict=False):
        scene.begin()
        done = scene.moments.strike(setup, moment, "fail", "--keep")
        wrong += complaints(moment, done)
        after = done.stderr.partition("failed: ")[2]
        wrong += [f"{moment}: {line}" for line in after.splitlines() if line.startswith("[#]")]
        scene.run("setup" if remedy == "setup" else "teardown")
        wanted = scene.whole if remedy == "setup" else scene.empty
        wrong += [f"{moment}: {line}" for line in changes(wanted, scene.state())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [*named("fresh"), *named("served")])
def test_a_teardown_that_fails_is_finished_by_the_next(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    teardown = scene.text("teardown")
    scene.run("setup")
    every = steps(scene.moments.of(teardown))
    wrong = []
    for moment in sample(every, 6, name):
        scene.run("setup")
        done = scene.moments.strike(teardown, moment, "fail")
        if done.returncode != 0 or not DISPENSABLE.match(moment.called):
            wrong += complaints(moment, done)
        scene.run("teardown")
        wrong += [f"{moment}: {line}" for line in changes(scene.empty, scene.state())]
    assert not wrong, "\n".join(wrong)


def test_a_program_that_dies_without_a_word_is_named_with_its_commands(sandbox: Sandbox) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    scene.begin()
    scene.moments.hide("perl")
    moment = Moment("nsenter --net=/run/netns/node2 ip -batch -", 1, "before")
    done = scene.moments.strike(scene.text("setup"), moment, "fail")
    assert done.returncode == 1
    assert "failed: ip -n node2 link set dev lo up (or one of the 3 after it)" in done.stderr
    assert "nsenter: injected fault" in done.stderr
    assert changes(scene.before, scene.state()) == []
