"""Running scripts: what is passed on of them, and what becomes of signals.  The scripts here change nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

import k8snet_scripts
from k8snet_scripts.run import NoSandbox, Outcome, _pass_on, run_script, try_scripts
from k8snet_scripts.scripts import Scripts, compile_source

PACKAGE = Path(k8snet_scripts.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE)}
RUNNER = """
import sys
from k8snet_scripts.run import run_script
outcome = run_script([sys.argv[1]], [])
print(f"ended with {outcome.status}", flush=True)
"""

TAKES_BACK = """
count=0
trap 'count=$((count + 1)); echo "told $count times"; sleep 0.5; echo "taken back"; exit 7' INT TERM HUP
echo "begun by $$"
while :; do sleep 0.1; done
"""


def test_the_script_gets_its_arguments_and_its_own_text_as_standard_input(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_script(
        ["printf '<%s>' \"$@\"\n", "read -r line\n", "the next line\n", 'echo "$line"\n'], ["a b", "--flag"]
    )
    assert outcome == Outcome(0, 0)
    assert capfd.readouterr().out == "<a b><--flag>the next line\n"


def test_the_exit_status_is_that_of_the_script() -> None:
    assert run_script(["exit 3\n"], []).status == 3
    assert run_script(["kill -KILL $$\n"], []).status == 128 + signal.SIGKILL


def test_commands_that_are_announced_are_passed_on_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    said = "[#] ip netns add a\n note\n[#] ip netns add b\nx [#] y"
    assert run_script([f"printf '{said}' >&2; echo '[#] out'\n"], []) == Outcome(0, 2)
    assert capfd.readouterr() == ("[#] out\n", said)


def test_a_prefix_runs_the_script(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_script(["echo $WORD\n"], [], ["env", "WORD=under env"]).status == 0
    assert capfd.readouterr().out == "under env\n"
    with pytest.raises(OSError, match="the program is not installed: 'no-such-sudo'"):
        run_script(["echo\n"], [], ["no-such-sudo"])


def test_what_the_script_says_comes_at_once() -> None:
    script = "echo '[#] first' >&2; sleep 60\n"
    with start(script) as process:
        assert process.stderr is not None and process.stderr.readline() == "[#] first\n"
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)


def test_a_script_goes_on_when_nobody_listens(tmp_path: Path) -> None:
    script = f"for i in {{1..5}}; do echo '[#] x' >&2; sleep 0.1; done; touch {tmp_path}/done\n"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" 2>&1 >/dev/null | head -n 1', "_", sys.executable, "-c", RUNNER, script],
        check=False,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[#] x\n", "")
    assert (tmp_path / "done").exists()


def start(script: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", RUNNER, script]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT, start_new_session=True)


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script which takes its work back when it is told to stop."""
    with start(TAKES_BACK) as process:
        assert process.stdout is not None and process.stdout.readline().startswith("begun by")
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_for_us_alone_is_passed_on_and_the_script_awaited(
    number: signal.Signals, runner: subprocess.Popen[str]
) -> None:
    runner.send_signal(number)
    assert runner.communicate(timeout=30) == ("told 1 times\ntaken back\nended with 7\n", "")
    assert runner.returncode == 0


def test_a_script_that_has_been_told_to_stop_is_not_killed_by_impatience(runner: subprocess.Popen[str]) -> None:
    assert runner.stdout is not None
    runner.send_signal(signal.SIGTERM)
    assert runner.stdout.readline() == "told 1 times\n"
    for _ in range(5):
        runner.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, _ = runner.communicate(timeout=30)
    assert out.splitlines()[-2:] == ["taken back", "ended with 7"]


def test_ctrl_c_reaches_the_script_once() -> None:
    with Terminal([sys.executable, "-c", RUNNER, TAKES_BACK], ENVIRONMENT) as terminal:
        terminal.expect("begun by")
        terminal.type("\x03")
        terminal.expect("told 1 times")
        terminal.expect("taken back")
        terminal.expect("ended with 7")
        assert terminal.wait() == 0
        assert "told 2" not in terminal.seen


def test_a_parent_that_ignores_the_end_of_children_does_no_harm() -> None:
    program = f"import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n{RUNNER}"
    argv = [sys.executable, "-c", program, "sleep 0.2; exit 3\n"]
    done = subprocess.run(argv, check=True, env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
    assert done.stdout == "ended with 3\n"


def test_a_script_that_we_may_not_signal_is_awaited(capsys: pytest.CaptureFixture[str]) -> None:
    class Roots(subprocess.Popen[bytes]):
        def __init__(self) -> None:
            self.returncode = None

        def __del__(self) -> None: ...

        def send_signal(self, sig: int) -> None:
            raise PermissionError

    _pass_on(Roots(), signal.SIGTERM)
    assert "cannot be stopped from here; waiting for it to end" in capsys.readouterr().err


# ---- the sandbox ----


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    (tmp_path / "lab.toml").write_text('name = "lab"\n')
    return compile_source(str(tmp_path / "lab.toml"))


def test_a_refusal_to_make_namespaces_is_passed_on(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ubuntu's AppArmor has it for users; here a stand-in for `unshare` refuses whatever it is asked for."""
    log = tmp_path / "log"
    fake(
        tmp_path / "unshare",
        f'echo "$*" >>{log}; echo "unshare: write failed /proc/self/uid_map: Operation not permitted" >&2; exit 1',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for user, ways in ((0, 2), (1000, 1)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        log.write_text("")
        with pytest.raises(NoSandbox, match="^unshare: write failed /proc/self/uid_map: Operation not permitted$"):
            try_scripts(scripts)
        tried = log.read_text().splitlines()
        assert len(tried) == ways and "--user --map-root-user" in tried[-1]


def test_a_program_that_is_missing_is_named(scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="the program is not installed: 'unshare'"):
        try_scripts(scripts)


def fake(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
