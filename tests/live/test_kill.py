"""SIGKILL at every moment: the next setup makes the network whole, the next teardown leaves nothing, others lose nothing.

Every state that is compared is that of the whole machine, other people's things included.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from k8snet_scripts.render import Kind
from live.moments import Moment, sample
from live.situations import SITUATIONS, Scene, Scenes, changes, named

THOROUGH = "docker, fresh"
"""Where every moment is tried; elsewhere it is a sample."""
REMEDIES: tuple[Kind, ...] = ("setup", "teardown", "teardown", "setup")
"""In turn, so that the state after one program, which is that before the next, is mended in both ways."""
PLACES = {name: place for place, name in enumerate(SITUATIONS)}

LISTING = "find /run | sort"


def killed_and_mended(scene: Scene, script: str, moment: Moment, remedy: Kind) -> list[str]:
    """What is not as it should be after a script was killed and another one ran."""
    done = scene.moments.strike(script, moment, "SIGKILL")
    assert done.returncode == -9
    scene.run(remedy)
    wanted = scene.whole if remedy == "setup" else scene.empty
    return [f"{remedy} after a kill {moment}: {line}" for line in changes(wanted, scene.state())]


def remedies(name: str) -> Iterator[Kind]:
    """The remedies in turn; every second situation begins with the other one, as it may be the only one."""
    return itertools.islice(itertools.cycle(REMEDIES), PLACES[name] % 2, None)


@pytest.mark.parametrize("name", named())
def test_a_killed_setup_leaves_nothing_that_the_next_run_cannot_mend(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    setup = scene.text("setup")
    moments = scene.setup_moments
    wrong = []
    chosen = sample(moments, len(moments) if name == THOROUGH else 6, name)
    for moment, remedy in zip(chosen, remedies(name), strict=False):
        scene.begin()
        wrong += killed_and_mended(scene, setup, moment, remedy)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [*named("fresh"), *named("served")])
def test_a_killed_teardown_leaves_nothing_that_the_next_run_cannot_mend(scene_of: Scenes, name: str) -> None:
    scene = scene_of(name)
    teardown = scene.text("teardown")
    scene.run("setup")
    moments = sample(scene.moments.of(teardown), 12 if name == THOROUGH else 6, name)
    wrong = []
    for moment, remedy in zip(moments, remedies(name), strict=False):
        scene.run("setup")
        wrong += killed_and_mended(scene, teardown, moment, remedy)
    assert not wrong, "\n".join(wrong)


@pytest.mark.needs("nft_masquerade", "nft_masquerade6")
def test_a_rollback_that_is_killed_can_be_mended_too(scene_of: Scenes) -> None:
    scene = scene_of("edge, drifted")
    failing = scene.text("setup").replace("ip link set dev br1 up ", "ip link set dev missing up ")
    scene.begin()
    scene.sandbox.bash("ip link set dev br1 down", check=True)
    every = scene.moments.of(failing, status=1)
    first = next(index for index, moment in enumerate(every) if "-force" in moment.called)
    wrong = []
    for moment, remedy in zip(sample(every[first:], 12, "rollback"), itertools.cycle(REMEDIES), strict=False):
        scene.begin()
        scene.sandbox.bash("ip link set dev br1 down", check=True)
        wrong += killed_and_mended(scene, failing, moment, remedy)
    assert not wrong, "\n".join(wrong)


def test_what_a_killed_script_had_started_ends_before_the_next_run_begins(scene_of: Scenes) -> None:
    scene = scene_of("docker, fresh")
    setup = scene.text("setup")
    moments = [moment for moment in scene.setup_moments if moment.when == "before"]
    wrong = []
    for moment, remedy in zip(sample(moments, 8, "script"), itertools.cycle(REMEDIES), strict=False):
        scene.begin()
        process = scene.moments.start(setup, moment, "SIGKILL", target="script")
        process.popen.wait()
        scene.run(remedy)
        process.wait()
        wanted = scene.whole if remedy == "setup" else scene.empty
        wrong += [f"{moment}: {line}" for line in changes(wanted, scene.state())]
        assert scene.sandbox.processes() == []
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("kind", "option"), [("setup", "--check"), ("teardown", "--dry-run"), ("verify", "")])
def test_a_killed_script_that_only_looks_leaves_nothing(scene_of: Scenes, kind: Kind, option: str) -> None:
    """It has no lock, and so there is no next run that could know what is left of this one."""
    scene = scene_of("docker, fresh")
    scene.run("setup")
    before = scene.sandbox.bash(LISTING, check=True).stdout
    scratch = scene.sandbox.directory / "scratch"
    scratch.mkdir(exist_ok=True)
    script = f"set -- {option}\nexport TMPDIR={scratch}\n{scene.text(kind)}"
    for moment in sample(scene.moments.of(script), 24, kind):
        scene.moments.strike(script, moment, "SIGKILL")
        assert [path.name for path in scratch.iterdir()] == []
    assert scene.sandbox.bash(LISTING, check=True).stdout == before


def test_after_a_loss_of_power_setup_starts_afresh(scene_of: Scenes) -> None:
    scene = scene_of("docker, fresh")
    setup = scene.text("setup")
    for moment in sample(scene.setup_moments, 3, "power"):
        scene.begin()
        scene.moments.strike(setup, moment, "SIGKILL")
        reboot = """
            for name in node1 node2; do ip netns delete $name 2>/dev/null; done
            for name in vethB vethY br0; do ip link delete dev $name 2>/dev/null; done
            rm -rf /run/k8snet/docker
        """
        scene.sandbox.bash(reboot)
        scene.run("setup")
        assert changes(scene.whole, scene.state()) == []
