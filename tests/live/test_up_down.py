"""`k8snet up` and `k8snet down` on a machine of their own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from goldens import GOLDEN

from live.command import Command
from live.features import Kernel
from live.sandbox import Sandbox
from live.serving import Served, served

DOCKER = (GOLDEN / "docker" / "topology.toml").read_text()
QUICK = pytest.mark.needs("speed")  # the kernel makes no difference to these; one that is slow leaves them out
STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def command(sandbox: Sandbox) -> Command:
    return Command(sandbox)


@pytest.fixture
def lab(command: Command) -> str:
    return command.write("lab.toml", DOCKER)


@pytest.fixture(scope="module")
def server(privileges: None) -> Iterator[Served]:
    with Sandbox() as sandbox, served(sandbox) as program:
        yield Served(sandbox, program)


@pytest.fixture
def quick(server: Served) -> Iterator[Served]:
    """The command on a machine that tests share: each leaves it as it was."""
    before = server.machine()
    yield server
    assert server.machine() == before


@pytest.fixture
def slow(command: Command) -> dict[str, str]:
    """An environment in which addresses take their time; with it, the way from a run's middle to its end is long."""
    command.write("bin/ip", _SLOW)
    command.sandbox.run(["chmod", "755", str(command.home / "bin" / "ip")], check=True)
    return {"PATH": f"{command.home}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


_SLOW = """#!/bin/bash
if [[ $* == *-batch* ]]; then
	lines=$(cat)
	if [[ $lines == *'address add'* ]]; then
		trap '' INT TERM HUP
		sleep 1.5
		trap - INT TERM HUP
	fi
	exec /usr/bin/env -S PATH=/usr/sbin:/usr/bin:/sbin:/bin ip "$@" <<<"$lines"
fi
exec /usr/bin/env -S PATH=/usr/sbin:/usr/bin:/sbin:/bin ip "$@"
"""


def test_up_makes_the_network_and_down_removes_it(quick: Served) -> None:
    lab = quick.write("lab.toml", DOCKER)
    done = quick.run("up", lab)
    announced = [line for line in done.stderr.splitlines() if line.startswith("[#] ")]
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [*announced, f"docker: {len(announced)} commands executed"]
    verified = quick.sandbox.bash(quick.run("verify", lab).stdout)
    assert (verified.returncode, "\nnot ok" in verified.stdout) == (0, False)
    done = quick.run("up", lab)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "docker: nothing to change\n")
    done = quick.run("down", lab)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("docker: 3 commands executed\n")
    done = quick.run("down", lab)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "docker: nothing to remove\n")


@QUICK
def test_a_topology_from_standard_input_is_no_different(quick: Served) -> None:
    lab = quick.write("lab.toml", DOCKER)
    assert quick.run("up", "-", stdin=DOCKER).stderr.endswith("docker: 12 commands executed\n")
    assert quick.run("up", lab).stderr == "docker: nothing to change\n"
    assert quick.run("down", "-", stdin=DOCKER).returncode == 0


@QUICK
def test_dry_run_and_check_change_nothing(quick: Served) -> None:
    lab = quick.write("lab.toml", DOCKER)
    before = quick.machine()
    shown = quick.run("up", lab, "--dry-run")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert len(shown.stdout.splitlines()) == 12
    checked = quick.run("up", "--check", lab)
    assert (checked.returncode, checked.stderr) == (1, "")
    assert "node1: namespace" in checked.stdout
    assert quick.machine() == before
    done = quick.run("up", lab)
    assert done.stderr.splitlines()[:-1] == shown.stdout.splitlines()
    for flag in ("--check", "--dry-run"):
        done = quick.run("up", flag, lab)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shown = quick.run("down", "--dry-run", lab)
    assert (shown.returncode, len(shown.stdout.splitlines())) == (0, 3)
    assert quick.run("down", "--check", lab).returncode == 1
    quick.run("down", lab)
    assert quick.run("down", "--check", lab).returncode == 0


@QUICK
def test_what_is_foreign_is_refused_unless_it_is_adopted(quick: Served) -> None:
    lab = quick.write("lab.toml", DOCKER)
    quick.sandbox.run(["ip", "link", "add", "name", "br0", "type", "bridge"], check=True)
    done = quick.run("up", lab)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--adopt" in done.stderr and "[#]" not in done.stderr and "docker:" not in done.stderr
    assert quick.run("up", "--adopt", lab).returncode == 0
    assert quick.run("down", lab).returncode == 0


FAILING = DOCKER.replace(
    "[namespaces.node1", '[namespaces.node1.sysctls]\n"net.ipv4.ip_local_port_range" = "9 8"\n[namespaces.node1', 1
)
"""A topology that the kernel does not take to the end."""


@QUICK
def test_a_failure_is_taken_back_unless_it_is_to_be_kept(quick: Served) -> None:
    failing = quick.write("failing.toml", FAILING)
    before = quick.machine()
    done = quick.run("up", failing)
    assert (done.returncode, done.stdout) == (1, "")
    assert "failed: " in done.stderr and "taking back" in done.stderr and "docker:" not in done.stderr
    assert quick.machine() == before
    done = quick.run("up", "--keep", failing)
    assert done.returncode == 1 and "is left (--keep)" in done.stderr
    assert quick.sandbox.run(["ip", "netns", "list"]).stdout.count("node") == 2
    assert quick.run("down", failing).returncode == 0


@QUICK
def test_commands_are_shown_as_they_are_executed(command: Command, lab: str, slow: dict[str, str]) -> None:
    process = command.start("up", lab, env=slow)
    assert process.popen.stderr is not None
    start = time.monotonic()
    assert process.popen.stderr.readline() == "[#] ip netns add node1\n"
    process.popen.stderr.readline()
    early = time.monotonic() - start
    done = process.wait()
    assert done.returncode == 0
    assert time.monotonic() - start > early + 1


@QUICK
@pytest.mark.parametrize("number", STOPPED)
def test_a_signal_for_k8snet_alone_has_everything_taken_back(
    number: signal.Signals, command: Command, lab: str, slow: dict[str, str]
) -> None:
    before = command.machine()
    process = command.start("up", lab, env=slow)
    assert process.popen.stderr is not None
    while "address add" not in process.popen.stderr.readline():
        assert process.pid is not None
    process.signal(number, group=False)
    done = process.wait()
    assert (done.returncode, done.stdout) == (STOPPED[number], "")
    assert (
        f"stopped by {number.name}" in done.stderr and "Traceback" not in done.stderr and "docker:" not in done.stderr
    )
    assert command.machine() == before
    assert command.sandbox.processes() == []


def test_ctrl_c_has_everything_taken_back(command: Command, lab: str, slow: dict[str, str]) -> None:
    before = command.machine()
    status, seen = command.on_terminal(command.argv("up", lab), [("address add", "\x03")], slow)
    assert status == 130
    assert "stopped by SIGINT" in seen and "taking back" in seen and "Traceback" not in seen
    assert command.machine() == before
    assert command.sandbox.processes() == []


# ---- without privileges ----


@pytest.fixture
def nobody(sandbox: Sandbox, kernel: Kernel) -> Command:
    return Command(sandbox, nobody=True)


@QUICK
def test_without_root_up_says_what_to_do(nobody: Command) -> None:
    lab = nobody.write("a lab.toml", DOCKER)
    for name, *flags in (("up",), ("down",), ("up", "--check"), ("down", "--dry-run")):
        done = nobody.run(name, lab, *flags)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            f"error: {'looking into namespaces' if flags else 'changing the network'} takes root",
            f"help: add --sudo, or see the network without root: k8snet try '{lab}'",
        ]


@QUICK
def test_a_file_that_one_may_not_read_is_wrong_usage(nobody: Command) -> None:
    lab = nobody.write("lab.toml", DOCKER)
    nobody.sandbox.run(["chmod", "600", lab], check=True)
    done = nobody.run("check", lab)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not readable" in done.stderr and "Traceback" not in done.stderr


@QUICK
def test_a_directory_that_one_may_not_write_to_is_a_message(nobody: Command) -> None:
    lab = nobody.write("closed/lab.toml", DOCKER)
    done = nobody.run("compile", lab)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and done.stderr.endswith(": Permission denied\n")


@QUICK
def test_sudo_runs_the_script_and_asks_on_the_terminal(nobody: Command) -> None:
    """A stand-in for `sudo` that asks for a password as sudo does, and then gives no privileges."""
    lab = nobody.write("lab.toml", DOCKER)
    nobody.write("bin/sudo", _SUDO)
    nobody.sandbox.run(["chmod", "755", f"{nobody.home}/bin/sudo"], check=True)
    environment = {"PATH": f"{nobody.home}/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    argv = nobody.argv("up", "--sudo", "--check", "--adopt", lab)
    status, seen = nobody.on_terminal(argv, [("password: ", "secret\r")], environment)
    assert status == 1
    assert "<bash><-s><--><--check><--adopt> after 'secret'" in seen
    assert "setup.sh: must run as root" in seen
    assert "docker:" not in seen and "Traceback" not in seen


_SUDO = """#!/bin/bash
read -r -p 'password: ' password </dev/tty 2>/dev/tty
{ printf '<%s>' "$@"; echo " after '$password'"; } >/dev/tty
exec "$@"
"""
