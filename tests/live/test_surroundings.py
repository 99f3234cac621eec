"""What whoever calls a script has in their environment: it neither hinders a run nor makes it do anything else."""

from __future__ import annotations

import shutil

import pytest

from k8snet_scripts.render import KINDS
from k8snet_scripts.topology import Command, Namespace, Topology
from live.kernel import diff, snapshot
from live.network import Network, commands, golden, modelled
from live.sandbox import PATH, Sandbox

HABITS = {
    "options": {"SHELLOPTS": "noclobber:noglob:allexport:posix", "BASHOPTS": "failglob:nocasematch:localvar_inherit"},
    "functions": {f"BASH_FUNC_{name}%%": "() { echo $0; }" for name in ("ip", "printf", "flock", "perl", "say")},
    "variables": {"LOCK": "1", "TURN": "x", "FORCE": "1", "GLOBIGNORE": "*", "IFS": "/", "TMPDIR": "/nowhere"},
    "perl": {"PERL5OPT": "-Mstrict -w", "PERL_UNICODE": "SDA"},
}


@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_what_somebody_told_their_own_bash_makes_no_difference(sandbox: Sandbox, habits: dict[str, str]) -> None:
    docker = Network(sandbox, golden("docker"))
    before = snapshot(sandbox)
    made = sandbox.bash(docker.text("setup"), env=habits, check=True)
    assert len(commands(made)) == 12
    again = sandbox.bash(docker.text("setup"), env=habits, check=True)
    assert (again.stdout, again.stderr) == ("", "")
    assert sandbox.bash(docker.text("verify"), env=habits, check=True).stderr == ""
    assert len(commands(sandbox.bash(docker.text("teardown"), env=habits, check=True))) == 3
    assert diff(before, snapshot(sandbox)) == []


def test_a_command_that_fails_is_noticed_whatever_force_means_to_others(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    script = docker.text("setup").replace("ip link set dev br0 up ", "ip link set dev br9 up ")
    done = sandbox.bash(script, env={"FORCE": "yes"})
    assert done.returncode == 1
    assert "setup.sh: failed: ip link set dev br9 up" in done.stderr


def test_a_trace_does_not_disturb(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    path = sandbox.directory / "setup.sh"
    path.write_text(docker.text("setup"))
    for number in (12, 0):
        traced = sandbox.run(["bash", "-x", str(path)], check=True)
        assert len(commands(traced)) == number
        assert "+ main" in traced.stderr


def test_programs_do_not_get_what_a_script_has_in_its_variables(sandbox: Sandbox) -> None:
    seen = sandbox.directory / "seen"
    command = Command(("sh", "-c", f"env >{seen}"), ("test", "-e", str(seen)))
    network = Network(
        sandbox, modelled(Topology("seen", Namespace("host"), namespaces=(Namespace("n1", commands=(command,)),)))
    )
    habits = {
        "table": "a name that the script has as well",
        "text": "another",
        "http_proxy": "http://proxy",
        "MINE": "x",
    }
    sandbox.bash(network.text("setup"), env=habits, check=True)
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert {"http_proxy", "MINE"} <= names
    assert not {"table", "text"} & names


@pytest.mark.parametrize("pages", [1, 3])
def test_what_is_ours_stays_on_record_where_there_is_no_room_for_another_one(sandbox: Sandbox, pages: int) -> None:
    docker = Network(sandbox, golden("docker"))
    sandbox.bash("mkdir -p /run/k8snet && mount -t tmpfs -o size=16k tmpfs /run/k8snet", check=True)
    before = snapshot(sandbox)
    docker.set_up()
    sandbox.bash(f"dd if=/dev/zero of=/run/k8snet/full bs=4k count={pages} 2>/dev/null")
    later = docker.text("setup").replace("node2", "node3").replace("vethX", "vethQ")
    sandbox.bash(later)
    sandbox.bash("rm /run/k8snet/full", check=True)
    docker.tear_down()
    assert diff(before, snapshot(sandbox)) == []


WRAPPER = """#!/bin/sh
[ "$1 $2" != "-force -batch" ] && [ "$1 $2" != "-batch -" ] && exec {ip} "$@"
text=$(cat)
case $text in *'netns delete'* | *'br0 up'*) echo 'not today' >&2 && exit 1 ;; esac
echo "$text" | exec {ip} "$@"
"""


def test_what_could_not_be_taken_back_stays_on_record(sandbox: Sandbox) -> None:
    docker = Network(sandbox, golden("docker"))
    before = snapshot(sandbox)
    programs = sandbox.directory / "programs"
    programs.mkdir()
    (programs / "ip").write_text(WRAPPER.format(ip=shutil.which("ip", path=PATH)))
    (programs / "ip").chmod(0o755)
    done = sandbox.bash(docker.text("setup"), env={"PATH": f"{programs}:{PATH}"})
    assert done.returncode == 1
    assert "could not be carried out: ip netns delete node2" in done.stderr
    assert "stays on record" in done.stderr
    assert len(docker.tear_down()) == 2
    assert diff(before, snapshot(sandbox)) == []


@pytest.mark.parametrize("planted", ["/run/k8snet", "/run/k8snet/docker"])
@pytest.mark.parametrize("how", ["mkdir {} && chown 65534 {}", "mkdir /run/elsewhere && ln -s /run/elsewhere {}"])
def test_a_record_that_somebody_else_may_have_written_is_not_trusted(sandbox: Sandbox, planted: str, how: str) -> None:
    docker = Network(sandbox, golden("docker"))
    if planted != "/run/k8snet":
        sandbox.bash("mkdir /run/k8snet", check=True)
    sandbox.bash(how.replace("{}", planted), check=True)
    sandbox.bash(f"touch {planted}/precious.txt", check=True)
    for kind in KINDS:
        done = docker.run(kind)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"{kind}.sh: {planted} is not root's own directory")
    sandbox.bash(f"test -e {planted}/precious.txt", check=True)
