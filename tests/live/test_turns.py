"""Many runs at once, on one network and on several: each ends well, and what comes out could have come one by one."""

from __future__ import annotations

import random
import time

import pytest

from k8snet_scripts.render import Kind
from k8snet_scripts.scripts import Scripts
from live.moments import PATIENCE, sample
from live.network import compiled
from live.sandbox import Process, Sandbox
from live.situations import SITUATIONS, Scene, changes, named

NEIGHBOUR = """
name = "neighbour-{number}"

[host]
forwarding = true

[bridges.nb{number}]
addresses = ["10.{number}.0.1/24"]

[namespaces.neighbour{number}.veths.eth0]
peer = "nbveth{number}"
bridge = "nb{number}"
addresses = ["10.{number}.0.2/24"]
"""


def start(sandbox: Sandbox, scripts: Scripts, kind: Kind, *args: str) -> Process:
    """A script that runs beside others."""
    path = sandbox.directory / f"{scripts.name}.{kind}.sh"
    if not path.exists():  # who runs it already must not lose it
        path.write_text(scripts.text(kind))
    return sandbox.popen(["bash", str(path), *args])


def finish(runs: list[Process]) -> list[str]:
    """What those had to say that did not end well."""
    done = [run.wait(timeout=PATIENCE) for run in runs]
    return [run.stderr for run in done if run.returncode]


def locked(sandbox: Sandbox) -> str:
    """The records that somebody still holds the lock of."""
    return sandbox.bash("for name in /run/k8snet /run/k8snet/*; do flock -n $name true || echo $name; done").stdout


@pytest.mark.parametrize("name", [*named("docker"), *named("edge")])
def test_setups_and_teardowns_of_one_network_take_turns(sandbox: Sandbox, name: str) -> None:
    scene = Scene(sandbox, SITUATIONS[name])
    draw = random.Random(name)
    for _ in sample(range(6), 6, name):
        kinds: list[Kind] = [draw.choice(["setup", "teardown"]) for _ in range(7)]
        last: Kind = draw.choice(["setup", "teardown"])
        scene.begin()
        assert finish([start(sandbox, scene.situation.scripts, kind) for kind in [*kinds, last]]) == []
        found = scene.state()
        assert [] in (changes(scene.whole, found), changes(scene.empty, found)), kinds
        assert locked(sandbox) == ""


def test_networks_that_need_the_same_of_the_host(sandbox: Sandbox) -> None:
    networks = [compiled(NEIGHBOUR.format(number=number)) for number in range(1, 5)]
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    scene.run("teardown")
    for number in range(len(networks)):
        standing, coming = networks[:number], networks[number:]
        assert finish([start(sandbox, network, "setup") for network in standing]) == []
        going = [start(sandbox, network, "teardown") for network in standing]
        assert finish([*going, *(start(sandbox, network, "setup") for network in coming)]) == []
        assert finish([start(sandbox, network, "setup", "--check") for network in coming]) == []
        assert finish([start(sandbox, network, "teardown") for network in coming]) == []
        assert changes(scene.empty, scene.state()) == []
        assert locked(sandbox) == ""


@pytest.mark.parametrize("kind", ["setup", "teardown"])
def test_who_waits_goes_on_where_another_one_was_killed(sandbox: Sandbox, kind: Kind) -> None:
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    setup = scene.text("setup")
    moments = [moment for moment in scene.setup_moments if moment.text]
    for moment in sample(moments, 6, f"waiting {kind}"):
        scene.begin()
        dying = scene.moments.start(setup, moment, "SIGKILL")
        while dying.popen.poll() is None and "/run/k8snet/docker" not in locked(sandbox):
            time.sleep(0.01)
        waiting = [start(sandbox, scene.situation.scripts, kind) for _ in range(2)]
        assert finish(waiting) == []
        assert dying.wait().returncode == -9
        assert changes(scene.whole if kind == "setup" else scene.empty, scene.state()) == []
