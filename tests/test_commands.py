"""Commands of a namespace: how they are read, what is refused, and how they stand in the table."""

from __future__ import annotations

import pytest
from loading import load

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.render import lay_out
from k8snet_scripts.topology import HOST, Command, Namespace, Topology

SLOW = """
name = "lab"
[namespaces."n{1..2}"]
[[namespaces."n{1..2}".commands]]
run = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "{}ms"]
check = ["sh", "-c", "tc qdisc show dev lo | grep -q netem"]
undo = ["tc", "qdisc", "delete", "dev", "lo", "root"]
description = "A delay of {} ms."
[[namespaces."n{1..2}".commands]]
run = ["touch", "/run/it's  here"]
check = ["test", "-e", "/run/it's  here"]
"""


def test_commands_are_read_with_the_index_of_their_namespace() -> None:
    first, second = load(SLOW).namespaces
    assert [command.run[-1] for command in first.commands] == ["1ms", "/run/it's  here"]
    assert [command.description for command in second.commands] == ["A delay of 2 ms.", ""]
    assert second.commands[1] == Command(
        ("touch", "/run/it's  here"),
        ("test", "-e", "/run/it's  here"),
        path=("namespaces", "n{1..2}", "commands", 1),
    )


def test_they_come_last_each_with_what_tells_of_it_and_what_takes_it_back() -> None:
    plan = plan_topology(load(SLOW))
    assert plan.waves[-1].title.startswith("Commands, when all else is there")
    text = "".join(lay_out(plan)).rpartition("\n### ")[2]
    _, *rows = [line.split("   ") for line in text.splitlines() if line]
    tc = "ip netns exec n1 tc qdisc add dev lo root netem delay 1ms"
    fact = "n1: command tc qdisc add dev lo root netem delay 1ms"
    assert rows[0] == ["# A delay of 1 ms."]
    assert [(row[0].rstrip(), row[-1].lstrip()) for row in rows[1:4]] == [
        (tc, f"#  {fact}"),
        ("ip netns exec n1 sh -c $'tc qdisc show dev lo | grep -q netem'", f"#: {fact}"),
        ("ip netns exec n1 tc qdisc delete dev lo root", f"#< {fact}"),
    ]
    here = "$'/run/it\\'s \\040here'"
    assert [(row[0].rstrip(), row[-1].lstrip()) for row in rows[5:7]] == [
        (f"ip netns exec n1 touch {here}", f"#  n1: command touch {here}"),
        (f"ip netns exec n1 test -e {here}", f"#: n1: command touch {here}"),
    ]
    assert rows[4] == ["# A command in n1."]


def findings(*commands: Command, name: str = "n1") -> list[tuple[str, str]]:
    report = Report()
    place = Namespace(name, commands=commands)
    topology = Topology("lab", place) if name == HOST else Topology("lab", namespaces=(place,))
    check_topology(topology, report)
    return [(finding.slug, finding.message) for finding in report.findings]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command((), ("true",)), "`run` is empty"),
        (Command(("a",), ()), "`check` is empty"),
        (Command(("",), ("true",)), "`` is no program"),
        (Command(("a",), ("-x",)), "`-x` is no program"),
        (Command(("a", "b\0"), ("true",)), "`b\\x00` holds the character NUL"),
        (Command(("a",), ("true",), ("b", "\ud800")), "`\\ud800` is no Unicode text"),
        (Command(("a", "b" * 4001), ("true",)), "an argument has 4001 bytes, 4000 is the most"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_of_a_model_too(command: Command, message: str) -> None:
    assert findings(command) == [("bad-command", message)]


def test_a_command_is_there_once_in_a_namespace() -> None:
    twice = Command(("a",), ("true",)), Command(("a",), ("false",))
    assert findings(*twice) == [("bad-command", "the same command is run twice in `n1`")]


def test_the_host_has_no_commands() -> None:
    assert findings(Command(("a",), ("true",)), name=HOST) == [("bad-command", "a command of the host")]
