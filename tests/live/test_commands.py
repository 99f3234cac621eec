"""Commands of a namespace: run last and where their check fails, asked about by every script, and taken back."""

from __future__ import annotations

import pytest

from live.kernel import diff
from live.network import Network, compiled, golden
from live.sandbox import Sandbox

WRITE = '{{ run = ["sh", "-c", "echo {0} >/run/{0}"], check = ["test", "-e", "/run/{0}"], undo = ["rm", "/run/{0}"] }}'
VETH = """
name = "lab"
[namespaces.a.veths.eth0]
peer = "va"
addresses = ["10.1.0.2/24"]
"""


def with_commands(*commands: str, before: str = VETH) -> str:
    return f"{before}[namespaces.a]\ncommands = [{', '.join(commands)}]\n"


def wrote(name: str) -> str:
    return f"ip netns exec a sh -c $'echo {name} >/run/{name}'"


def test_a_command_is_mended_and_taken_back_like_all_else(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("commands"))
    before = network.state()
    assert network.foreseen() == network.set_up()
    assert (network.set_up(), network.drift(), network.failures()) == ([], [], [])
    wanted = network.state()
    network.do("ip -n right rule delete priority 100", "rm /run/right.addresses")
    facts = [
        "right: command ip rule add from 10.20.0.1 lookup 7 priority 100",
        "right: command sh -c $'ip -4 -oneline address show dev eth0 >/run/right.addresses'",
    ]
    assert network.drift() == [f"wanted, not there: {fact}" for fact in facts]
    assert network.failures() == facts
    assert network.set_up() == [fact.replace(": command", "", 1).replace("", "ip netns exec ", 1) for fact in facts]
    assert diff(wanted, network.state()) == []
    assert network.foreseen("teardown") == network.tear_down()
    assert diff(before, network.state()) == []


def test_what_a_new_interface_has_lost_is_asked_at_its_turn(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("commands"))
    network.set_up()
    network.do("ip -n left link delete dev eth0")
    foreseen = network.foreseen()
    assert [line for line in foreseen if " || " in line and " tc " not in line] == [
        (
            "ip netns exec right sh -c $'ip rule show priority 100 | grep -q 10.20.0.1' || "
            "ip netns exec right ip rule add from 10.20.0.1 lookup 7 priority 100"
        ),
        (
            "ip netns exec right test -s /run/right.addresses || "
            "ip netns exec right sh -c $'ip -4 -oneline address show dev eth0 >/run/right.addresses'"
        ),
    ]
    assert network.set_up() == foreseen
    assert (network.set_up(), network.drift(), network.failures()) == ([], [], [])


def test_a_later_version_takes_back_what_it_does_not_have(sandbox: Sandbox) -> None:
    old = Network(sandbox, compiled(with_commands(WRITE.format("x"), WRITE.format("y"))))
    new = Network(sandbox, compiled(with_commands(WRITE.format("y"), WRITE.format("z"))))
    before = new.state()
    old.set_up()
    assert new.drift() == [
        "there, not wanted: a: command sh -c $'echo x >/run/x'",
        "wanted, not there: a: command sh -c $'echo z >/run/z'",
    ]
    assert new.foreseen() == ["ip netns exec a rm /run/x", wrote("z")] == new.set_up()
    assert old.tear_down()[:2] == ["ip netns exec a rm /run/z", "ip netns exec a rm /run/y"]
    assert diff(before, new.state()) == []


def test_the_latest_word_on_how_a_command_is_taken_back_counts(sandbox: Sandbox) -> None:
    old = Network(sandbox, compiled(with_commands(WRITE.format("x"))))
    other = WRITE.format("x").replace('["rm", "/run/x"]', '["mv", "/run/x", "/run/kept"]')
    new = Network(sandbox, compiled(with_commands(other)))
    old.set_up()
    assert (new.drift(), new.set_up()) == ([], [])
    assert old.tear_down()[0] == "ip netns exec a mv /run/x /run/kept"


def test_a_command_that_fails_is_named_and_those_before_it_are_taken_back(sandbox: Sandbox) -> None:
    fails = '{ run = ["sh", "-c", "echo no such luck; exit 3"], check = ["false"], undo = ["touch", "/run/undone"] }'
    silent = '{ run = ["false"], check = ["false"] }'
    for last, said in ((fails, "no such luck"), (silent, "exit status 1")):
        network = Network(sandbox, compiled(with_commands(WRITE.format("x"), last, WRITE.format("y"))))
        before = network.state()
        done = network.run("setup")
        assert done.returncode == 1
        assert (
            said
            in done.stderr.splitlines()[
                done.stderr.splitlines().index("setup.sh: taking back what this run has done") - 1
            ]
        )
        assert "[#] ip netns exec a rm /run/x\n" in done.stderr
        assert diff(before, network.state()) == []


@pytest.mark.parametrize("undo", ["echo no such luck; exit 3", "exit 4", "rm /run/missing"])
def test_an_undo_that_fails_is_told_and_all_else_is_removed(sandbox: Sandbox, undo: str) -> None:
    fails = f'{{ run = ["touch", "/run/z"], check = ["test", "-e", "/run/z"], undo = ["sh", "-c", "{undo}"] }}'
    network = Network(sandbox, compiled(with_commands(WRITE.format("x"), fails, WRITE.format("y"))))
    before = network.state()
    network.set_up()
    done = network.run("teardown")
    said = {"exit 4": "exit status 4"}.get(undo) or "no such"
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[-3] == f"teardown.sh: could not be carried out: ip netns exec a sh -c $'{undo}'"
    assert said in lines[-2].lower()
    assert lines[-1] == "teardown.sh: all else is removed; when that is mended, run it again"
    sandbox.bash("rm /run/z; test ! -e /run/x -a ! -e /run/y", check=True)
    assert network.tear_down() == []
    assert diff(before, network.state()) == []


def test_what_was_so_before_is_left_alone(sandbox: Sandbox) -> None:
    network = Network(
        sandbox, compiled("name = 'lab'\n[namespaces.a]\nexternal = true\n" + f"commands = [{WRITE.format('x')}]")
    )
    network.do("ip netns add a", "echo mine >/run/x")
    before = network.state()
    assert network.set_up() == []
    network.tear_down()
    assert diff(before, network.state()) == []


@pytest.mark.parametrize("again", [True, False])
def test_in_a_namespace_of_others_it_is_taken_back_while_that_is_there(sandbox: Sandbox, again: bool) -> None:
    network = Network(
        sandbox, compiled("name = 'lab'\n[namespaces.a]\nexternal = true\n" + f"commands = [{WRITE.format('x')}]")
    )
    network.do("ip netns add a")
    assert network.set_up() == [wrote("x")]
    if again:
        assert network.tear_down() == ["ip netns exec a rm /run/x"]
    else:
        network.do("ip netns delete a", "ip netns add a")
        assert network.tear_down() == []


def test_a_program_that_stays_holds_nobody_up(sandbox: Sandbox) -> None:
    stays = """{ run = ["sh", "-c", "sleep 300 & echo $! >/run/pid"],
        check = ["sh", "-c", "kill -0 $(cat /run/pid)"],
        undo = ["sh", "-c", "kill $(cat /run/pid) && rm /run/pid"] }""".replace("\n", " ")
    network = Network(sandbox, compiled(with_commands(stays)))
    network.set_up()
    assert sandbox.processes() == ["sleep 300"]
    assert (network.set_up(), network.failures()) == ([], [])
    network.do("kill $(cat /run/pid)")
    assert len(network.set_up()) == 1
    network.tear_down()
    assert sandbox.processes() == []


def test_no_word_of_a_command_is_obeyed_by_a_shell(sandbox: Sandbox) -> None:
    words = [
        "$(touch /run/bad)",
        "`id`;  reboot #",
        "a'b\"c\\",
        "tab\tand\nline",
        "bash -c 'echo 1 >/proc/sys/x'",
        "{{ 7 }}",
        "n1: inet 10.0.0.1/24",
        "a: up",
        "東京",
    ]
    listed = ", ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n") + '"'
        for word in words
    )
    run = f'["sh", "-c", "printf \'%s\\u0001\' \\"$@\\" >/run/words", "sh", {listed}]'
    command = f'{{ run = {run}, check = ["test", "-e", "/run/words"], undo = ["rm", "/run/words"] }}'
    network = Network(sandbox, compiled(with_commands(command)))
    before = network.state()
    assert network.foreseen() == network.set_up()
    assert sandbox.bash("cat /run/words", check=True).stdout.split("\x01")[:-1] == words
    assert (network.set_up(), network.drift()) == ([], [])
    network.tear_down()
    assert diff(before, network.state()) == []


def test_what_could_not_be_taken_back_is_reported(sandbox: Sandbox) -> None:
    stubborn = WRITE.format("x").replace('["rm", "/run/x"]', '["sh", "-c", "echo not me >&2; exit 4"]')
    silent = WRITE.format("y").replace('["rm", "/run/y"]', '["false"]')
    fails = '{ run = ["false"], check = ["false"] }'
    network = Network(sandbox, compiled(with_commands(WRITE.format("z"), stubborn, silent, fails)))
    before = network.state()
    done = network.run("setup")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if not line.startswith("[#] ")]
    assert said[said.index("setup.sh: taking back what this run has done") + 1 :] == [
        "setup.sh: could not be carried out: ip netns exec a false",
        "exit status 1",
        "setup.sh: could not be carried out: ip netns exec a sh -c $'echo not me >&2; exit 4'",
        "not me",
        "setup.sh: what is left of it stays on record: when that is mended, run setup.sh again, or teardown.sh",
    ]
    network.do("rm /run/x /run/y")
    network.tear_down()
    assert diff(before, network.state()) == []
