"""Runs at the same time: those on one network take turns, those on different networks do not notice each other."""

from __future__ import annotations

import shutil

import pytest

from k8snet_scripts.render import Kind
from live.kernel import diff, snapshot
from live.network import PATIENCE, Done, Network, commands, compiled, golden
from live.sandbox import PATH, Process, Sandbox

BOX = """
name = "box-{number}"
[bridges.br{number}]
[namespaces.box{number}.veths.eth0]
peer = "veth{number}"
bridge = "br{number}"
addresses = ["10.{number}.0.2/24"]
"""
WAITING = "another run on docker is under way; waiting for it"


def start(network: Network, kind: Kind, *args: str) -> Process:
    """Starts a script from a file, which is written once: another run may be reading it."""
    path = network.sandbox.directory / f"{network.name}.{kind}.sh"
    if not path.exists():
        path.write_text(network.text(kind))
    return network.sandbox.popen(["bash", str(path), *args])


def finish(process: Process) -> Done:
    return process.wait(timeout=PATIENCE)


def test_a_run_waits_for_the_one_before(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    sandbox.bash("mkdir -p /run/k8snet/docker", check=True)
    holder = sandbox.popen(["flock", "/run/k8snet/docker", "bash", "-c", "echo held; read"])
    assert holder.popen.stdout is not None and holder.popen.stdin is not None
    assert holder.popen.stdout.readline() == "held\n"
    run = start(docker, "setup")
    assert run.popen.stderr is not None
    assert run.popen.stderr.readline() == f"setup.sh: {WAITING}\n"
    before = snapshot(sandbox)
    assert list(before["namespaces"]) == ["host"]
    assert docker.foreseen() != []  # who changes nothing waits for nobody
    finish(holder)
    done = finish(run)
    assert done.returncode == 0, done.stderr
    assert docker.drift() == []


def test_two_runs_at_once_make_one_network(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    foreseen = docker.foreseen()
    done = [finish(run) for run in [start(docker, "setup") for _ in range(4)]]
    assert [run.returncode for run in done] == [0] * 4
    assert sorted(commands(run) for run in done) == [[], [], [], foreseen]
    assert docker.drift() == []


def test_setup_and_teardown_at_once_leave_all_or_nothing(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    empty = snapshot(sandbox)
    docker.set_up()
    kinds: tuple[Kind, ...] = ("teardown", "setup", "teardown", "setup")
    done = [finish(run) for run in [start(docker, kind) for kind in kinds]]
    assert [(run.returncode, run.stderr) for run in done if run.returncode] == []
    docker.set_up()
    assert (docker.drift(), docker.failures()) == ([], [])
    docker.tear_down()
    assert diff(empty, docker.state()) == []


@pytest.mark.parametrize("rounds", [2])
def test_different_networks_are_made_and_removed_at_once(sandbox: Sandbox, rounds: int) -> None:
    networks = [Network(sandbox, compiled(BOX.format(number=number))) for number in range(1, 4)]
    empty = snapshot(sandbox)
    kinds: tuple[Kind, ...] = ("setup", "teardown")
    for _ in range(rounds):
        for kind in kinds:
            done = [finish(run) for run in [start(network, kind) for network in networks]]
            assert [run.stderr for run in done if run.returncode] == []
            if kind == "setup":
                assert [network.drift() for network in networks] == [[]] * 3
        assert diff(empty, networks[0].state()) == []


ADMITTED = """
name = "admitted-{number}"
[host]
forwarding = true
[bridges.br{number}]
addresses = ["10.{number}.0.1/24"]
admit = true
[namespaces.box{number}.veths.eth0]
peer = "veth{number}"
bridge = "br{number}"
addresses = ["10.{number}.0.2/24"]
"""
SLOWLY = """
#!/bin/sh
sleep 0.3
exec {program} "$@"
"""


@pytest.mark.needs("iptables_filter")
def test_networks_that_have_chains_of_iptables_in_common_are_made_and_removed_at_once(sandbox: Sandbox) -> None:
    """Between what a run reads and what it tells iptables, another one would come to the same conclusions."""
    networks = [Network(sandbox, compiled(ADMITTED.format(number=number))) for number in (1, 2)]
    rules = "iptables -S; ip6tables -S"
    before = sandbox.bash(rules, check=True).stdout
    programs = sandbox.directory / "programs"
    programs.mkdir()
    slow = programs / "iptables-restore"
    slow.write_text(SLOWLY.lstrip().format(program=shutil.which(slow.name, path=PATH)))
    slow.chmod(0o755)
    kinds: tuple[Kind, ...] = ("setup", "teardown")
    for kind in kinds:
        for network in networks:
            (sandbox.directory / f"{network.name}.sh").write_text(network.text(kind))
        paths = [str(sandbox.directory / f"{network.name}.sh") for network in networks]
        runs = [sandbox.popen(["bash", path], env={"PATH": f"{programs}:{PATH}"}) for path in paths]
        assert [(run.returncode, run.stdout) for run in map(finish, runs)] == [(0, "")] * 2
        if kind == "setup":
            assert [network.drift() for network in networks] == [[], []]
            assert sandbox.bash("iptables -S FORWARD", check=True).stdout.count("-j CNI-FORWARD") == 1
    assert sandbox.bash(rules, check=True).stdout == before


@pytest.mark.needs("iptables_filter")
def test_what_another_network_came_to_rely_on_is_left_when_a_run_goes_back(sandbox: Sandbox) -> None:
    here = sandbox.directory
    waits = f'run = ["bash", "-c", "touch {here}/ready; until [ -e {here}/go ]; do sleep 0.1; done; exit 1"]'
    one, other = (Network(sandbox, compiled(ADMITTED.format(number=number))) for number in (1, 2))
    failing = Network(
        sandbox,
        compiled(f'{ADMITTED.format(number=1)}[namespaces.box1]\ncommands = [{{ {waits}, check = ["false"] }}]\n'),
    )
    run = start(failing, "setup")
    sandbox.bash(f"until [ -e {here}/ready ]; do sleep 0.05; done", check=True)
    other.set_up()
    (here / "go").touch()
    assert finish(run).returncode == 1
    assert (other.drift(), other.failures()) == ([], [])
    one.set_up()
    other.tear_down()
    assert (one.drift(), one.failures()) == ([], [])
    one.tear_down()
    assert "CNI" not in sandbox.bash("iptables -S", check=True).stdout
