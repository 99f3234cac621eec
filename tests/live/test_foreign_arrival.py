"""Something of others that appears after a script has looked and before it acts: it stays, and the run goes back."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from signal import SIGCONT

import pytest

from live.sandbox import Process, Sandbox
from live.situations import SITUATIONS, Scene, changes

TAKEN = {
    "netns add node1": ("ip netns add node1; ip -n node1 link add name hers type bridge", "ip netns delete node1"),
    "netns add node2": ("ip netns add node2; ip -n node2 link set dev lo up", "ip netns delete node2"),
    "link add name br0": ("ip link add name br0 mtu 1400 type bridge", "ip link delete dev br0"),
    "link add name vethB": ("ip link add name vethB type veth peer name hers", "ip link delete dev vethB"),
    "link add name vethY": ("ip link add name vethY type veth peer name hers netns theirs", "ip link delete dev vethY"),
}
"""What others make just before the script does, and how it goes, by the command of the script."""


def is_frozen(process: Process) -> bool:
    """Whether a script and all that it has started stand still."""
    pid = process.pid
    if pid is None:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


@pytest.mark.parametrize("command", TAKEN)
def test_it_is_not_touched(sandbox: Sandbox, command: str) -> None:
    make, remove = TAKEN[command]
    scene = Scene(sandbox, SITUATIONS["docker, fresh"])
    setup = scene.text("setup")
    moment = next(moment for moment in scene.setup_moments if moment.text.startswith(command))
    scene.begin()
    sandbox.bash(make, check=True)
    wanted = scene.state()
    sandbox.bash(remove, check=True)

    process = scene.moments.start(setup, dataclasses.replace(moment, when="before"), "SIGSTOP")
    while not is_frozen(process):
        assert process.popen.poll() is None, process.wait()
        time.sleep(0.01)
    sandbox.bash(make, check=True)
    process.popen.send_signal(SIGCONT)  # it stands still together with what it has started
    process.signal(SIGCONT)
    done = process.wait()

    assert done.returncode == 1
    assert f"failed: ip {command}" in done.stderr
    assert "File exists" in done.stderr
    assert changes(wanted, scene.state()) == []
