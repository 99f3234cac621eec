"""Rules of iptables stand in chains that all have in common: each network has its own there, and the last one ends them."""

from __future__ import annotations

import pytest

from live.network import Network, compiled
from live.sandbox import Sandbox
from live.second_kernel import second_kernel

pytestmark = pytest.mark.needs("iptables_filter")

JUMP = '-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD'
ADMIN = '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN'


def network(sandbox: Sandbox, name: str, number: int, admit: bool = True) -> Network:
    bridge = f'name = "{name}"\n[bridges.br{number}]\naddresses = ["10.{number}.0.1/24"]\n'
    return Network(sandbox, compiled(f"{bridge}{'admit = true' if admit else ''}\n"))


def rules(sandbox: Sandbox) -> list[str]:
    """The chains and rules that there are beside the three chains of every system."""
    listing = sandbox.bash("iptables -S", check=True).stdout.splitlines()
    return [line for line in listing if not line.startswith("-P ")]


def own(number: int) -> list[str]:
    answers = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    return [f"-A CNI-FORWARD -d 10.{number}.0.0/24 {answers}", f"-A CNI-FORWARD -s 10.{number}.0.0/24 -j ACCEPT"]


def test_the_last_of_two_networks_takes_the_chains_along(sandbox: Sandbox) -> None:
    one, other = network(sandbox, "one", 1), network(sandbox, "other", 2)
    one.set_up()
    other.set_up()
    chains = ["-N CNI-ADMIN", "-N CNI-FORWARD", JUMP, ADMIN]
    assert rules(sandbox) == [*chains, *own(1), *own(2)]
    one.tear_down()
    assert rules(sandbox) == [*chains, *own(2)]
    assert (other.drift(), other.set_up(), other.failures()) == ([], [], [])
    other.tear_down()
    assert rules(sandbox) == []


@second_kernel
def test_a_later_version_that_lets_nothing_through_leaves_no_rules(sandbox: Sandbox) -> None:
    old, new = network(sandbox, "lab", 1), network(sandbox, "lab", 1, admit=False)
    old.set_up()
    assert new.set_up() != []
    assert (rules(sandbox), new.drift()) == ([], [])


@pytest.mark.parametrize("chain", ["CNI-FORWARD", "CNI-ADMIN"])
def test_what_others_have_in_a_chain_stays_and_is_still_reached(sandbox: Sandbox, chain: str) -> None:
    lab = network(sandbox, "lab", 1)
    lab.set_up()
    theirs = f"-A {chain} -s 10.9.0.9/32 -j DROP"
    sandbox.bash(f"iptables {theirs}", check=True)
    lab.tear_down()
    assert sorted(rules(sandbox)) == sorted(["-N CNI-ADMIN", "-N CNI-FORWARD", JUMP, ADMIN, theirs])


def test_what_an_administrator_says_comes_first(sandbox: Sandbox) -> None:
    lab = network(sandbox, "lab", 1)
    lab.set_up()
    sandbox.bash("iptables -F CNI-FORWARD; iptables -A FORWARD -s 10.9.0.9 -j DROP", check=True)
    lab.set_up()
    assert rules(sandbox) == [
        "-N CNI-ADMIN",
        "-N CNI-FORWARD",
        JUMP,
        "-A FORWARD -s 10.9.0.9/32 -j DROP",
        ADMIN,
        *own(1),
    ]


def test_a_rule_that_is_refused_is_named_and_nothing_is_left(sandbox: Sandbox) -> None:
    lab = network(sandbox, "lab", 1)
    sandbox.bash("iptables -N CNI-ADMIN; iptables -A CNI-ADMIN -j ACCEPT; ip link add name br9 type bridge", check=True)
    before = rules(sandbox)
    text = lab.text("setup").replace("-s 10.1.0.0/24 -j ACCEPT ", "-s 10.1.0.0/24 -j NOWHERE ", 1)
    done = sandbox.run(["bash", "-s"], stdin=text)
    assert done.returncode == 1
    assert "failed: iptables --wait -A CNI-FORWARD -s 10.1.0.0/24 -j NOWHERE\n" in done.stderr
    assert rules(sandbox) == before
