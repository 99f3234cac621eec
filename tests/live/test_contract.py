"""How the scripts behave towards whoever calls them: options, messages, standard input, no root, and no half scripts."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from k8snet_scripts.render import KINDS, Kind
from live.features import Kernel
from live.kernel import diff, snapshot
from live.moments import PROGRAMS
from live.network import Network, commands, golden
from live.sandbox import PATH, Sandbox
from live.situations import changes

NEEDED: dict[Kind, tuple[str, ...]] = {
    "setup": ("ip", "bridge", "nsenter", "flock", "stat", "head", "nft"),
    "teardown": ("ip", "nsenter", "flock", "stat", "head"),
    "verify": ("ip", "bridge", "nsenter", "stat", "head", "sleep"),
}


@pytest.fixture
def docker(sandbox: Sandbox) -> Network:
    return Network(sandbox, golden("docker"))


@pytest.mark.parametrize("kind", KINDS)
def test_help_is_given_without_a_look_at_the_machine(docker: Network, kind: Kind) -> None:
    done = docker.run(kind, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: bash ")
    documented = re.findall(r"^  (--[a-z-]+) ", done.stdout, re.MULTILINE)
    assert documented[-1] == "--help"
    for option in documented[:-1]:
        assert docker.run(kind, option).returncode in (0, 1)


@contextmanager
def unchanged(sandbox: Sandbox) -> Iterator[None]:
    """What is done here must leave everything as it was."""
    before = snapshot(sandbox)
    yield
    assert diff(before, snapshot(sandbox)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_option_is_wrong_usage(docker: Network, kind: Kind) -> None:
    with unchanged(docker.sandbox):
        for option in ("--bogus", "bogus", "-h", "--", "", "a b", "\x1b[1m"):
            done = docker.run(kind, option)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("Usage: bash ")
            quoted = f"'{option}'" if option.isprintable() else r"$'\E[1m'"
            assert done.stderr.splitlines()[-1] == f"{kind}.sh: unknown argument {quoted}"


def test_the_first_of_several_wrong_arguments_is_named(docker: Network) -> None:
    done = docker.run("setup", "--keep", "--dryrun", "--chck")
    assert done.stderr.splitlines()[-1] == "setup.sh: unknown argument '--dryrun'"


def test_help_that_cannot_be_printed_is_a_failure_and_no_run(docker: Network) -> None:
    with unchanged(docker.sandbox):
        for kind in KINDS:
            script = docker.sandbox.directory / kind
            script.write_text(docker.text(kind))
            done = docker.sandbox.bash(f"timeout 10 bash {script} --help >/dev/full")
            assert (done.returncode, done.stderr.count("No space left")) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("verify", ["", "--help"]), ("setup", ["--check", "--dry-run", "--help"]), ("teardown", ["--dry-run", "--check"])],
)
def test_a_reader_who_goes_away_ends_it_without_a_word(docker: Network, kind: Kind, options: Sequence[str]) -> None:
    if kind == "teardown":
        docker.set_up()
    (docker.sandbox.directory / "script").write_text(docker.text(kind))
    before = docker.state()
    for option in options:
        line = f"{{ sleep 0.1; exec bash {docker.sandbox.directory}/script {option}; }} | true; echo ${{PIPESTATUS[0]}}"
        done = docker.sandbox.bash(line)
        assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")
    assert diff(before, snapshot(docker.sandbox)) == []


def test_without_root_it_says_what_to_do(docker: Network) -> None:
    with unchanged(docker.sandbox):
        for kind in KINDS:
            done = docker.sandbox.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-s"], stdin=docker.text(kind)
            )
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                f"{kind}.sh: must run as root: sudo bash {kind}.sh (without root, `k8snet try` shows it at work)\n"
            )


@pytest.mark.parametrize("kind", NEEDED)
def test_a_program_that_is_missing_is_named(sandbox: Sandbox, kind: Kind) -> None:
    network = Network(sandbox, golden("gateway"))
    programs = sandbox.directory / "programs"
    programs.mkdir()
    for name in {*PROGRAMS, *NEEDED[kind]}:
        (programs / name).symlink_to(shutil.which(name, path=PATH) or name)
    with unchanged(sandbox):
        for program in NEEDED[kind]:
            (programs / program).rename(programs / "hidden")
            done = sandbox.run(["/usr/bin/env", f"PATH={programs}", "bash", "-s"], stdin=network.text(kind))
            (programs / "hidden").rename(programs / program)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                f"{kind}.sh: needs the program {program}, which is not installed, or not in PATH={programs}\n"
            )


def test_nothing_but_the_script_is_read_from_the_pipe(docker: Network) -> None:
    canary = docker.sandbox.directory / "canary"
    extra = f"touch {canary}\n" * 1000
    before = snapshot(docker.sandbox)
    foreseen = docker.sandbox.bash(docker.text("setup") + extra, "--dry-run", via="pipe")
    assert (foreseen.returncode, foreseen.stderr) == (0, "")
    assert diff(before, snapshot(docker.sandbox)) == []
    order: tuple[Kind, ...] = ("setup", "verify", "teardown")
    for kind in order:
        done = docker.sandbox.bash(docker.text(kind) + extra, via="pipe")
        assert done.returncode == 0, done.stderr
        if kind == "setup":
            assert [f"[#] {line}" for line in commands(done)] == foreseen.stdout.splitlines()
    assert not canary.exists()


def test_from_a_file_it_leaves_standard_input_alone(docker: Network) -> None:
    docker.set_up()
    docker.tear_down()
    for kind in KINDS:
        path = docker.sandbox.directory / f"{kind}.sh"
        path.write_text(docker.text(kind))
        script = f"bash {shlex.quote(str(path))}; echo; echo rest: $(cat)"
        assert docker.sandbox.bash(script, stdin="a line\n").stdout.endswith("\nrest: a line\n")


@pytest.mark.needs("nft_masquerade", "nft_masquerade6")
def test_every_change_is_printed_as_it_can_be_pasted(sandbox: Sandbox) -> None:
    network = Network(sandbox, golden("options"))
    pasted = "\n".join(network.foreseen())
    sandbox.bash(f"set -e\n{pasted}", check=True)
    by_hand = snapshot(sandbox)
    with Sandbox() as other:
        Network(other, golden("options")).set_up()
        assert changes(by_hand, snapshot(other), ["/run/k8snet"]) == []


@pytest.mark.needs("user_namespaces")
@pytest.mark.parametrize("name", ["docker", "dual-stack", "routed"])
def test_no_root_is_needed_in_a_user_namespace(kernel: Kernel, name: str) -> None:
    with Sandbox(user=True) as sandbox:
        network = Network(sandbox, golden(name))
        before = snapshot(sandbox)
        network.set_up()
        assert (network.set_up(), network.drift(), network.failures()) == ([], [], [])
        network.tear_down()
        assert diff(before, network.state()) == []
