"""The sandbox keeps its word: private, complete, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from live.features import Kernel
from live.sandbox import Sandbox
from live.second_kernel import second_kernel

BRIDGE = ["ip", "link", "add", "name", "k8snet-live", "type", "bridge"]
MARKED = f"sleep {1_000_000 + os.getpid()}"
TEST_RUN = f"""
import time
from live.sandbox import Sandbox
with Sandbox() as sandbox:
    sandbox.popen({MARKED.split()})
    while sandbox.processes() != [{MARKED!r}]:
        time.sleep(0.01)
    print("runs", flush=True)
    time.sleep(99)
"""


@pytest.fixture(params=["root", "user"])
def either(request: pytest.FixtureRequest, kernel: Kernel) -> Sandbox:
    """A sandbox of both kinds, not yet entered."""
    assert kernel.has("user_namespaces")
    return Sandbox(user=request.param == "user")


def everything_that_runs() -> list[str]:
    """The command lines of all processes of the machine."""
    return subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout.splitlines()


def test_what_happens_inside_is_not_seen_outside(either: Sandbox) -> None:
    places = ["/sys/class/net/k8snet-live", "/run/netns/k8snet-live", "/run/k8snet-live", "/var/lib/cni/k8snet-live"]
    with either as sandbox, Sandbox() as other:
        sandbox.run(BRIDGE, check=True)
        sandbox.run(["ip", "netns", "add", "k8snet-live"], check=True)
        sandbox.run(["touch", *places[2:]], check=True)
        assert sandbox.run(["ls", "-d", *places]).stdout.splitlines() == sorted(places)
        assert other.run(["ls", "-d", *places]).stdout == ""
        assert not any(os.path.lexists(place) for place in places)


def test_a_sandbox_is_empty_at_first(either: Sandbox) -> None:
    with either as sandbox:
        assert sandbox.run(["ls", "-A", "/run", "/var/lib/cni"]).stdout.split() == ["/run:", "/var/lib/cni:"]
        assert sandbox.run(["ls", "/sys/class/net"]).stdout == "lo\n"
        assert sandbox.processes() == []


def test_the_end_takes_every_process_along(either: Sandbox) -> None:
    with either as sandbox:
        sandbox.bash(f"setsid {MARKED} >/dev/null 2>&1 </dev/null & sleep 0.1", check=True)
        assert sandbox.processes() == [MARKED]
        assert MARKED in everything_that_runs()
    assert MARKED not in everything_that_runs()


def test_the_death_of_the_test_run_takes_the_sandbox_along() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", TEST_RUN], stdout=subprocess.PIPE, env=environment) as run:
        assert run.stdout is not None and run.stdout.readline() == b"runs\n"
        run.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while MARKED in everything_that_runs():
        assert time.monotonic() < end, "a process of the sandbox lives on"
        time.sleep(0.05)


def test_results_are_those_of_the_program(either: Sandbox) -> None:
    with either as sandbox:
        done = sandbox.run(["sh", "-c", 'cat; echo "$WORD" >&2; exit 7'], stdin="in\n", env={"WORD": "err"})
        assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")
        assert sandbox.run(["sh", "-c", "kill -KILL $$"]).returncode == -signal.SIGKILL
        with pytest.raises(AssertionError, match="exit status 7"):
            sandbox.run(["sh", "-c", "exit 7"], check=True)


@second_kernel
def test_ways_to_give_a_script_to_bash(sandbox: Sandbox) -> None:
    script = 'printf "%s|" "$@"; cat\n'
    assert sandbox.bash(script, "a b", "--flag", via="file", stdin="rest").stdout == "a b|--flag|rest"
    pipe = sandbox.bash(script + "the rest of it\n", "a b", "--flag", via="pipe")
    redirection = sandbox.bash(script + "the rest of it\n", "a b", "--flag")
    assert pipe.stdout == redirection.stdout == "a b|--flag|the rest of it\n"
    assert sandbox.bash("readlink /proc/self/fd/0", via="pipe").stdout.startswith("pipe:")
    assert "pipe:" not in sandbox.bash("readlink /proc/self/fd/0").stdout


def test_a_script_that_hangs_is_ended_with_its_children(sandbox: Sandbox) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        sandbox.bash("sleep 99 & sleep 99", timeout=1)
    assert sandbox.processes() == []


def test_a_signal_reaches_the_program_or_its_group(sandbox: Sandbox) -> None:
    script = "trap 'echo caught; exit 9' TERM; echo ready; sleep 99 & wait"
    for group, left in ((False, ["sleep 99"]), (True, ["sleep 99"])):
        process = sandbox.popen(["bash", "-c", script.replace("sleep 99 &", "sleep 99 >/dev/null 2>&1 &")])
        assert process.popen.stdout is not None and process.popen.stdout.readline() == "ready\n"
        while sandbox.processes().count("sleep 99") < 1:
            time.sleep(0.01)
        process.signal(signal.SIGTERM, group=group)
        assert process.wait().returncode == 9
        assert sandbox.processes() == ([] if group else left)
        sandbox.run(["pkill", "sleep"])


def test_a_user_sandbox_has_a_user_namespace_of_its_own(kernel: Kernel) -> None:
    assert kernel.has("user_namespaces")
    with Sandbox(user=True) as sandbox:
        assert sandbox.run(["id", "-u"]).stdout == "0\n"
        assert sandbox.run(["cat", "/proc/self/uid_map"]).stdout.split() == ["0", str(os.geteuid()), "1"]
