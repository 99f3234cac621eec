"""The fault injection itself, on a small script that makes three namespaces with one batch and two commands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from live.faults import Fault, Injector, What
from live.sandbox import Sandbox

SCRIPT = """
trap 'echo trapped INT; exit 130' INT
trap 'echo trapped TERM; exit 143' TERM
trap 'echo trapped HUP; exit 129' HUP
ip -batch - <<'BATCH' || exit 3
# a comment is no action

netns add one
netns add two
link add name br0 type bridge
BATCH
ip netns add three || exit 4
nsenter --net=/run/netns/three ip link set lo up
echo done
"""
BATCH = ("netns add one", "netns add two", "link add name br0 type bridge")


@pytest.fixture
def injector(sandbox: Sandbox) -> Injector:
    return Injector(sandbox.directory)


def made(sandbox: Sandbox) -> list[str]:
    """What the script made, as far as it came."""
    spaces = sandbox.run(["ls", "/run"]).stdout.split()
    names = sandbox.run(["ls", "/run/netns"]).stdout.split() if "netns" in spaces else []
    bridges = sandbox.run(["ls", "/sys/class/net"]).stdout.split()
    up = sandbox.run(["ip", "-n", "three", "link", "show", "up"]).stdout if "three" in names else ""
    return [*sorted(names), *(["br0"] if "br0" in bridges else []), *(["up"] if up else [])]


def test_watching_logs_every_action_in_order_and_changes_nothing(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.watch())
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert made(sandbox) == ["one", "three", "two", "br0", "up"]
    assert not injector.struck
    actions = injector.actions()
    assert [action.line for action in actions[:3]] == list(BATCH)
    assert [action.argv for action in actions[3:]] == [
        ("ip", "netns", "add", "three"),
        ("nsenter", "--net=/run/netns/three", "ip", "link", "set", "lo", "up"),
        ("ip", "link", "set", "lo", "up"),
    ]
    assert [action.number for action in actions] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("at", "when", "left"),
    [
        (0, "before", []),
        (0, "after", ["one"]),
        (1, "before", ["one"]),
        (2, "before", ["one", "two"]),
        (2, "after", ["one", "two", "br0"]),
        (3, "before", ["one", "two", "br0"]),
        (3, "after", ["one", "three", "two", "br0"]),
        (4, "before", ["one", "three", "two", "br0"]),
        (5, "after", ["one", "three", "two", "br0", "up"]),
    ],
)
def test_a_kill_takes_the_whole_script_at_that_very_moment(
    sandbox: Sandbox, injector: Injector, at: int, when: Literal["before", "after"], left: list[str]
) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(at, when)))
    assert injector.struck
    assert (done.returncode, done.stdout) == (-9, "")
    assert made(sandbox) == left
    assert sandbox.processes() == []


def test_a_batch_fails_at_its_line_with_the_words_of_iproute2(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(1, what="fail")))
    assert (done.returncode, done.stderr) == (3, "Error: injected fault.\nCommand failed -:4\n")
    assert made(sandbox) == ["one"]


def test_a_command_fails(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(3, what="fail")))
    assert (done.returncode, done.stderr) == (4, "ip: injected fault\n")
    assert made(sandbox) == ["one", "two", "br0"]


def test_a_command_that_acted_can_still_fail(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(3, "after", "fail")))
    assert done.returncode == 4
    assert made(sandbox) == ["one", "three", "two", "br0"]


def test_an_error_of_the_second_part_of_a_split_batch_has_its_own_line_number(
    sandbox: Sandbox, injector: Injector
) -> None:
    sandbox.run(["ip", "link", "add", "name", "br0", "type", "bridge"], check=True)
    deaf = "trap : TERM\n" + SCRIPT.replace("trap ", "# ")
    done = sandbox.bash(deaf, env=injector.arm(Fault(1, what="SIGTERM", target="script")))
    assert injector.struck
    assert (done.returncode, done.stderr) == (3, "RTNETLINK answers: File exists\nCommand failed -:5\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_to_the_script_alone_is_handled_when_the_command_is_done(
    sandbox: Sandbox, injector: Injector, name: What
) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(1, what=name, target="script")))
    assert done.stdout == f"trapped {name.removeprefix('SIG')}\n"
    assert made(sandbox) == ["one", "two", "br0"]


def test_a_signal_to_the_group_ends_the_command_too(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(1, what="SIGTERM")))
    assert (done.stdout, done.returncode) == ("trapped TERM\n", 143)
    assert made(sandbox) == ["one"]


def test_a_batch_file_and_options_before_it(sandbox: Sandbox, injector: Injector, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    batch.write_text("link set lo up\nlink set lo down\n")
    script = f"ip netns add one; ip -n one -b {batch}"
    done = sandbox.bash(script, env=injector.arm(Fault(2, "before", "fail")))
    assert (done.returncode, done.stderr) == (1, "Error: injected fault.\nCommand failed -:2\n")
    assert [(action.argv, action.line) for action in injector.actions()][1:] == [
        (("ip", "-n", "one"), "link set lo up"),
        (("ip", "-n", "one"), "link set lo down"),
    ]


def test_a_forced_batch_goes_on_after_the_line_that_failed(sandbox: Sandbox, injector: Injector) -> None:
    script = "printf 'netns add one\\nnetns add two\\nnetns add three\\n' | ip -force -batch -"
    done = sandbox.bash(script, env=injector.arm(Fault(1, what="fail")))
    assert (done.returncode, done.stderr) == (1, "Error: injected fault.\nCommand failed -:2\n")
    assert made(sandbox) == ["one", "three"]


def test_a_fault_that_is_never_reached_does_not_strike(sandbox: Sandbox, injector: Injector) -> None:
    done = sandbox.bash(SCRIPT, env=injector.arm(Fault(6)))
    assert (done.returncode, injector.struck) == (0, False)
