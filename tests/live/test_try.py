"""`k8snet try`: a network's whole life in a sandbox, on a machine that must not notice."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from k8snet_scripts.cli import main as k8snet
from k8snet_scripts.render import template_directory
from live.command import Command
from live.features import Kernel
from live.sandbox import Sandbox
from live.second_kernel import second_kernel

DOCKER = (template_directory() / "starters" / "docker.toml").read_text()
QUICK = pytest.mark.needs("speed")  # the kernel makes no difference to these; one that is slow leaves them out
USERS = ["root", "nobody"]
for_both = pytest.mark.parametrize("command", USERS, indirect=True)
"""For what depends on the namespaces, which a user without any privilege makes in another way than root."""
STEPS = ["setup", "verify", "setup again", "teardown", "nothing left"]
REPORT = re.compile(r"^(ok|FAILED) +(\S+(?: \S+)*?) +\d+ ms(?:  (.*))?$", re.MULTILINE)

# Templates of scripts which are no scripts of k8snet's: for steps that are over at once, that fail or that take long.
NOTHING = {"setup": "true\n", "verify": "echo ok 1\n", "teardown": "true\n"}
FAIL = 'echo "not ok 1 - it is so"\necho "it must not be so" >&2\nexit 3\n'
HANG = 'echo begun >"$BEGUN"\nsleep 99\n'
HANG_AGAIN = 'if [[ -e $TMPDIR/once ]]; then echo begun >"$BEGUN"; sleep 99; fi\ntouch "$TMPDIR/once"\n'


@pytest.fixture(params=["nobody"])
def command(request: pytest.FixtureRequest, sandbox: Sandbox, kernel: Kernel) -> Command:
    """The command, for a user without any privilege unless a test says something else."""
    assert kernel.has("user_namespaces")
    return Command(sandbox, nobody=request.param == "nobody")


@pytest.fixture
def lab(command: Command) -> str:
    return command.write("lab.toml", DOCKER)


@pytest.fixture
def brief(command: Command) -> list[str]:
    """The first words of a command whose steps do nothing, for what does not depend on the network."""
    return trying(command, **NOTHING)


def trying(command: Command, **scripts: str) -> list[str]:
    """The first words of a command that has other scripts of these kinds."""
    command.write_all({f"own/{kind}.sh.j2": text for kind, text in scripts.items()})
    return ["try", "--templates", str(command.home / "own")]


def steps(report: str) -> list[tuple[str, str]]:
    """What each line of a report says: verdict and step."""
    return [(verdict, name) for verdict, name, _ in REPORT.findall(report)]


@for_both
def test_a_network_lives_and_leaves_nothing(command: Command, lab: str) -> None:
    before = command.machine()
    done = command.run("try", lab)
    assert (done.returncode, done.stderr) == (0, "")
    assert [(verdict, name, summary) for verdict, name, summary in REPORT.findall(done.stdout)] == [
        ("ok", "setup", "12 commands"),
        ("ok", "verify", "18 checks"),
        ("ok", "setup again", "0 commands"),
        ("ok", "teardown", "3 commands"),
        ("ok", "nothing left", ""),
    ]
    assert len(done.stdout.splitlines()) == 5
    assert command.machine() == before
    assert command.sandbox.processes() == []


@QUICK
def test_a_topology_from_standard_input_is_no_different(command: Command, brief: list[str]) -> None:
    done = command.run(*brief, "-", stdin=DOCKER)
    assert (done.returncode, steps(done.stdout)) == (0, [("ok", step) for step in STEPS])


@QUICK
def test_a_command_sees_the_network(command: Command, lab: str) -> None:
    words = ["ip", "netns", "exec", "node1", "bash", "-c", ": </dev/tcp/10.10.0.3/9"]
    done = command.run(*trying(command, verify=NOTHING["verify"]), lab, "--", *words)
    assert done.returncode == 1 and "Connection refused" in done.stderr
    assert steps(done.stdout) == [("ok", step) for step in STEPS]


@QUICK
def test_the_status_of_a_command_is_ours(command: Command, lab: str, brief: list[str]) -> None:
    done = command.run(*brief, lab, "--", "bash", "-c", "kill -KILL $$")
    assert done.returncode == 137 and "the command ended with status 137\n" in done.stderr
    assert steps(done.stdout) == [("ok", step) for step in STEPS]
    done = command.run(*brief, lab, "--", "no-such-program", "--shell")
    assert done.returncode == 127 and "no-such-program" in done.stderr and "try.sh" not in done.stderr


@QUICK
def test_a_command_has_what_it_was_given(command: Command, lab: str, brief: list[str]) -> None:
    script = 'read -r line; echo "<$line> <$*> <$LC_ALL> $(pwd)"'
    words = ["bash", "-c", script, "_", "a b", "$HOME", "--", ""]
    done = command.sandbox.run(
        ["bash", "-c", 'cd "$1"; shift; exec "$@"', "_", str(command.home), *command.argv(*brief, lab, "--", *words)],
        stdin="a line\nand more",
        env={**command.environment, "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0
    assert f"<a line> <a b $HOME -- > <C.UTF-8> {command.home}\n" in done.stdout


@QUICK
def test_an_option_that_is_not_there_is_not_run_as_a_command(command: Command, lab: str) -> None:
    done = command.run("try", lab, "--shel")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--shell" in done.stderr
    assert command.run("try", lab, "--shell", "--", "true").returncode == 2


@QUICK
@pytest.mark.parametrize(
    ("kind", "passed"), [("setup", []), ("verify", ["setup"]), ("teardown", ["setup", "verify", "setup again"])]
)
def test_the_first_step_that_fails_ends_it_with_what_it_said(
    kind: str, passed: Sequence[str], command: Command, lab: str
) -> None:
    before = command.machine()
    others = {"verify": NOTHING["verify"]} if kind == "teardown" else NOTHING
    done = command.run(*trying(command, **{**others, kind: FAIL}), lab)
    assert done.returncode == 1
    assert steps(done.stdout) == [*(("ok", step) for step in passed), ("FAILED", kind)]
    assert done.stderr == "not ok 1 - it is so\nit must not be so\n"
    assert command.machine() == before


@QUICK
def test_what_setup_still_does_the_second_time_is_a_failure(command: Command, lab: str) -> None:
    done = command.run(*trying(command, **{**NOTHING, "setup": "echo '[#] ip link add' >&2\n"}), lab)
    assert (done.returncode, steps(done.stdout)[-1]) == (1, ("FAILED", "setup again"))
    assert "[#] ip link add" in done.stderr


@QUICK
@for_both
def test_what_teardown_leaves_is_a_failure(command: Command, lab: str) -> None:
    leaving = "ip link add name left type bridge\n"
    done = command.run(*trying(command, verify=NOTHING["verify"], teardown=leaving), lab)
    assert (done.returncode, steps(done.stdout)[-1]) == (1, ("FAILED", "nothing left"))
    assert ": left: " in done.stderr
    assert "/run/netns/node1" in done.stderr


@QUICK
@pytest.mark.parametrize("starter", ["dual-stack", "isolated", "many", "routed"])
def test_a_starter_works(starter: str, sandbox: Sandbox) -> None:
    try_starter(starter, sandbox)


@pytest.mark.needs("nft_masquerade", "nft_masquerade6")
def test_the_starter_with_masquerade_works(sandbox: Sandbox) -> None:
    try_starter("gateway", sandbox)


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_the_starter_with_vlans_works(sandbox: Sandbox) -> None:
    try_starter("vlan", sandbox)


def try_starter(starter: str, sandbox: Sandbox) -> None:
    done = Command(sandbox).run("try", "-", stdin=CliRunner().invoke(k8snet, ["init", starter]).stdout)
    assert (done.returncode, done.stderr, steps(done.stdout)) == (0, "", [("ok", step) for step in STEPS])


# ---- what the machine is like ----


@for_both
def test_what_is_external_is_stood_in_for(command: Command) -> None:
    before = command.machine()
    topology = command.write("external.toml", EXTERNAL)
    words = ["ip", "-brief", "link", "show", "eth7"]
    done = command.run(*trying(command, verify=NOTHING["verify"]), topology, "--", *words)
    assert (done.returncode, done.stderr) == (0, "")
    verdict, name, summary = REPORT.findall(done.stdout)[0]
    assert (verdict, name, summary) == (
        "ok",
        "stand-ins",
        "web7 (a namespace) eth7 (a veth) docker7 (a bridge) eth0 (a veth)",
    )
    assert "eth7@stand-in1   UP" in done.stdout
    assert steps(done.stdout)[1:] == [("ok", step) for step in STEPS]
    assert command.machine() == before


EXTERNAL = """
name = "external"
[bridges.docker7]
external = true
[interfaces.eth7]
external = true
bridge = "br0"
[bridges.br0]
[namespaces.web7]
external = true
[namespaces.web7.interfaces.eth0]
external = true
addresses = ["10.3.0.2/24"]
[namespaces.a.veths.eth0]
peer = "va"
bridge = "docker7"
addresses = ["10.1.0.2/24"]
[namespaces.b.veths.eth0]
peer = "vb"
bridge = "br0"
addresses = ["10.2.0.2/24"]
"""


@QUICK
def test_temporary_files_may_be_below_run_where_nothing_is_executed(
    command: Command, lab: str, brief: list[str]
) -> None:
    place = "/run/user/1000/temporary"
    command.sandbox.bash('mkdir -p "$1" && mount -n -t tmpfs -o mode=1777,noexec tmpfs "$1"', place, check=True)
    done = command.run(*brief, lab, "--", "bash", "-c", "mktemp --dry-run", env={"TMPDIR": place})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{place}/k8snet-" in done.stdout
    assert command.sandbox.run(["ls", "-A", place], check=True).stdout == ""


@QUICK
def test_nothing_has_to_be_writable_but_one_place_for_temporary_files(command: Command, lab: str) -> None:
    command.sandbox.bash('mount -n --bind "$1" "$1" && mount -n -o remount,bind,ro "$1"', str(command.home), check=True)
    command.sandbox.bash("mount -n -t tmpfs -o mode=1777 tmpfs /var/tmp", check=True)
    done = command.run("try", lab)
    assert (done.returncode, done.stderr) == (0, "")
    assert command.sandbox.run(["ls", "-A", "/var/tmp"], check=True).stdout == ""


@QUICK
def test_a_system_without_namespaces_is_told_from_one_with_a_broken_network(kernel: Kernel) -> None:
    assert kernel.has("user_namespaces")
    with Sandbox(user=True) as sandbox:
        command = Command(sandbox)
        lab = command.write("lab.toml", DOCKER)
        forbid = "echo 0 >/proc/sys/user/max_user_namespaces; echo 0 >/proc/sys/user/max_net_namespaces"
        sandbox.bash(forbid, check=True)
        done = command.run("try", lab)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: this system does not let us make throw-away namespaces: unshare: ")
    assert "user.max_user_namespaces" in done.stderr.splitlines()[-1]


# ---- being stopped ----


HANGS = {
    "setup": ("setup", HANG),
    "verify": ("verify", HANG),
    "setup again": ("setup", HANG_AGAIN),
    "teardown": ("teardown", HANG),
}
STOPPED = [
    (USERS[(place + turn) % 2], how, step)
    for turn, how in enumerate(("ctrl-c", "SIGTERM", "SIGHUP"))
    for place, step in enumerate(HANGS)
]
"""Each way to stop it in each step: what two users do in turn."""


@QUICK
@pytest.mark.parametrize(("command", "how", "step"), STOPPED, indirect=["command"])
def test_stopped_in_any_step_it_leaves_nothing(how: str, step: str, command: Command, lab: str) -> None:
    kind, template = HANGS[step]
    before = command.machine()
    others = {"teardown": NOTHING["teardown"]} if kind == "verify" else NOTHING  # then there is a network to be left
    words = [*trying(command, **{**others, kind: template}), lab]
    if how == "ctrl-c":
        status, seen = command.on_terminal(command.argv(*words), [("begun", "\x03")], {"BEGUN": "/dev/tty"})
        assert status == 130 and "stopped; nothing is left" in seen
    else:
        fifo = str(command.home / "fifo")
        command.sandbox.run(["mkfifo", "-m", "666", fifo], check=True)
        process = command.start(*words, env={"BEGUN": fifo})
        command.sandbox.run(["cat", fifo], check=True)
        number = signal.Signals[how]
        process.signal(number, group=False)
        done = process.wait()
        status, seen = done.returncode, done.stdout + done.stderr
        assert status == 128 + number
    assert steps(seen.replace("\r", "")) == [("ok", passed) for passed in STEPS[: STEPS.index(step)]]
    assert "Traceback" not in seen
    assert command.machine() == before
    assert command.sandbox.processes() == []


@QUICK
def test_ctrl_c_is_for_the_command_while_it_runs(command: Command, lab: str, brief: list[str]) -> None:
    script = "trap 'echo caught; exit 9' INT; echo begun; while :; do sleep 0.1; done"
    status, seen = command.on_terminal(command.argv(*brief, lab, "--", "bash", "-c", script), [("begun", "\x03")])
    assert status == 9 and "caught" in seen and "the command ended with status 9" in seen
    assert steps(seen.replace("\r", "")) == [("ok", step) for step in STEPS]


@QUICK
@for_both
def test_a_command_goes_with_the_sandbox(command: Command, lab: str, brief: list[str]) -> None:
    before = command.machine()
    process = command.start(*brief, lab, "--", "bash", "-c", "trap '' TERM INT HUP; echo begun; sleep 99 & wait")
    assert process.popen.stdout is not None
    while process.popen.stdout.readline() != "begun\n":
        assert process.pid is not None
    process.signal(signal.SIGTERM, group=False)
    assert process.wait().returncode == 143
    assert command.machine() == before
    assert command.sandbox.processes() == []


@QUICK
def test_a_reader_that_has_seen_enough_ends_it_quietly(command: Command, lab: str) -> None:
    gone = str(command.home / "gone")
    waiting = f"until [[ -e {gone} ]]; do sleep 0.01; done\n"
    words = trying(command, **{**NOTHING, "verify": waiting})
    before = command.machine()
    line = f'"$@" | {{ head -n 1; exec <&-; : >{gone}; }}; echo "${{PIPESTATUS[0]}}"'
    done = command.sandbox.run(["bash", "-c", line, "_", *command.argv(*words, lab)], env=command.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert steps(done.stdout) == [("ok", "setup")] and done.stdout.endswith(f"\n{128 + signal.SIGPIPE}\n")
    assert command.machine() == before


# ---- the interactive shell ----


@QUICK
@for_both
def test_a_shell_has_a_terminal_and_gives_it_back(command: Command, lab: str) -> None:
    words = trying(command, verify=NOTHING["verify"])
    script = f'{" ".join(command.argv(*words, lab, "--shell"))}; status=$?; read -r line; echo "$status <$line>"'
    status, seen = command.on_terminal(
        ["bash", "-c", script],
        [
            ("# ", "ip -n node1 -brief address show dev vethA\r"),
            ("10.10.0.2/24", ""),
            ("# ", "sleep 99\r"),
            ("sleep 99\r\n", "\x03"),
            ("# ", "exit 4\r"),
            ("nothing left", "typed\r"),
        ],
        {"SHELL": "/bin/bash", "HOME": str(command.home), "TERM": "dumb"},
    )
    assert status == 0
    assert "4 <typed>" in seen and "the command ended with status 4" in seen
    assert "job control" not in seen
    assert steps(seen.replace("\r", "")) == [("ok", step) for step in STEPS]


@QUICK
def test_a_shell_takes_the_terminal_when_the_topology_comes_by_a_pipe(
    command: Command, lab: str, brief: list[str]
) -> None:
    script = f"cat {lab} | {' '.join(command.argv(*brief, '-', '--shell'))}"
    status, seen = command.on_terminal(
        ["bash", "-c", script],
        [("# ", "echo $((6 * 7))\r"), ("42", "exit\r")],
        {"SHELL": "/bin/bash", "HOME": str(command.home), "TERM": "dumb"},
    )
    assert status == 0
    assert steps(seen.replace("\r", "")) == [("ok", step) for step in STEPS]


@QUICK
def test_a_shell_needs_a_terminal(command: Command, lab: str) -> None:
    done = command.run("try", lab, "--shell")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: there is no terminal for a shell",
        f"help: give it what to run instead: k8snet try {shlex.quote(lab)} -- COMMAND",
    ]
