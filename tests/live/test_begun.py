"""A large network is begun while the script still works out the rest: what holds of other runs holds of such a one, too.

Large is what has more than a hundred lines for the host.  Here two are enough.
"""

from __future__ import annotations

import itertools

import pytest

from live.moments import sample
from live.network import commands
from live.situations import Scene, Scenes, changes
from live.test_failure import DISPENSABLE, complaints, steps
from live.test_signals import WAYS, struck

NAT = pytest.mark.needs("nft_masquerade", "nft_masquerade6")
LIMIT = "readonly MUCH=100 "


def early(scene: Scene) -> str:
    """The text of setup.sh, which begins early with little to do."""
    text = scene.text("setup")
    assert text.count(LIMIT) == 1
    return text.replace(LIMIT, "readonly MUCH=1 ")


@pytest.fixture
def scene(scene_of: Scenes) -> Scene:
    return fresh(scene_of, "docker")


def fresh(scene_of: Scenes, network: str) -> Scene:
    found = scene_of(f"{network}, fresh")
    found.begin()
    return found


def run(scene: Scene, *options: str) -> list[str]:
    """The commands that the run executes, or would execute."""
    path = scene.sandbox.directory / "early.sh"
    path.write_text(early(scene))
    done = scene.sandbox.run(["bash", str(path), *options])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines() if options else commands(done)


@pytest.mark.parametrize("network", ["docker", pytest.param("gateway", marks=NAT)])
def test_it_executes_what_was_foretold_and_makes_the_same(scene_of: Scenes, network: str) -> None:
    scene = fresh(scene_of, network)
    foretold = [line.removeprefix("[#] ") for line in run(scene, "--dry-run")]
    assert run(scene) == foretold != []
    assert changes(scene.whole, scene.state()) == []
    assert run(scene) == []


def test_it_can_fail_at_any_step(scene: Scene) -> None:
    setup = early(scene)
    wrong = []
    for moment in sample(steps(scene.moments.of(setup)), 60, "early"):
        scene.begin()
        done = scene.moments.strike(setup, moment, "fail")
        if done.returncode == 0 and DISPENSABLE.match(moment.called):
            continue
        wrong += complaints(moment, done)
        wrong += [f"{moment}: {line}" for line in changes(scene.before, scene.state())]
    assert not wrong, "\n".join(wrong)


def test_it_can_be_stopped_at_any_time(scene: Scene) -> None:
    setup = early(scene)
    wrong = []
    for moment, (what, target) in zip(
        sample(scene.moments.of(setup), 10, "early"), itertools.cycle(WAYS), strict=False
    ):
        scene.begin()
        done, complained = struck(scene, setup, moment, what, target)
        wrong += complained
        wanted = scene.before if done.returncode else scene.whole
        wrong += [f"{what} to the {target} {moment}: {line}" for line in changes(wanted, scene.state())]
    assert not wrong, "\n".join(wrong)


def test_when_it_is_killed_the_next_run_mends_it(scene: Scene) -> None:
    setup = early(scene)
    wrong = []
    for moment in sample(scene.moments.of(setup), 10, "early"):
        scene.begin()
        assert scene.moments.strike(setup, moment, "SIGKILL").returncode == -9
        scene.run("setup")
        wrong += [f"{moment}: {line}" for line in changes(scene.whole, scene.state())]
        scene.run("teardown")
        wrong += [f"{moment}: {line}" for line in changes(scene.empty, scene.state())]
    assert not wrong, "\n".join(wrong)
