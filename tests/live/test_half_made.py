"""What is left where `ip netns add` itself was cut off: a name in /run/netns with no namespace behind it."""

from __future__ import annotations

import pytest

from k8snet_scripts.render import Kind
from live.sandbox import Sandbox
from live.situations import SITUATIONS, Scene, changes


@pytest.mark.parametrize("remedy", ["setup", "teardown"])
def test_one_of_ours_is_made_whole_or_removed(sandbox: Sandbox, remedy: Kind) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    setup = scene.text("setup")
    moment = next(moment for moment in scene.setup_moments if moment.text == "netns add node1")
    scene.begin()
    assert scene.moments.strike(setup, moment, "SIGKILL").returncode == -9
    sandbox.bash("touch /run/netns/node1", check=True)
    scene.run(remedy)
    assert changes(scene.whole if remedy == "setup" else scene.empty, scene.state()) == []


@pytest.mark.parametrize("remedy", ["setup", "teardown"])
def test_one_of_ours_that_lost_its_namespace(sandbox: Sandbox, remedy: Kind) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    sandbox.bash("ip -n node2 link delete dev vethX; umount /run/netns/node2", check=True)
    scene.run(remedy)
    assert changes(scene.whole if remedy == "setup" else scene.empty, scene.state()) == []


def test_one_of_others_is_refused_and_stays(sandbox: Sandbox) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    scene.begin()
    sandbox.bash("echo theirs >/run/netns/node1", check=True)
    before = scene.state()
    done = sandbox.bash(scene.text("setup"))
    assert done.returncode == 1
    assert done.stderr == (
        "setup.sh: refused: namespace node1 exists only as a file in /run/netns, and this topology did not make it "
        "(--adopt replaces it)\n"
    )
    scene.run("teardown")
    assert changes(before, scene.state()) == []
    assert sandbox.bash("cat /run/netns/node1").stdout == "theirs\n"
    scene.run("setup", "--adopt")
    assert changes(scene.whole, scene.state()) == []
