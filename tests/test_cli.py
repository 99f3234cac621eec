"""The command line: what it reads, and how it ends, whatever it is given."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import ALL, DOCKER, PACKAGE, READING, WRONG, command, environment, k8snet, many, run, write
from goldens import GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.scripts import LARGEST

pytestmark = pytest.mark.usefixtures("directory", "nothing_runs")


@pytest.mark.parametrize("name", READING)
def test_a_topology_comes_from_a_file_or_standard_input_in_toml_or_json(name: str, directory: Path) -> None:
    as_json = json.dumps(tomllib.loads(DOCKER))
    write(directory / "lab.toml")
    write(directory / "lab.json", as_json)
    for result in (
        k8snet(name, "lab.toml"),
        k8snet(name, "lab.json"),
        k8snet(name, "-", stdin=DOCKER),
        k8snet(name, "-", stdin=as_json),
    ):
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("file", "said"), [("nowhere.toml", "does not exist"), (".", "is a directory"), ("a\nb.toml", "does not exist")]
)
def test_what_is_no_file_is_wrong_usage(name: str, file: str, said: str) -> None:
    result = k8snet(name, file)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ") and "\nerror: " in result.stderr and said in result.stderr
    assert f"{name} --help" in result.stderr.splitlines()[-1]
    assert result.stdout == ""


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"", "missing-key"),
        (b"name = \xff", "not-utf8"),
        (b"\0\0\0", "syntax"),
        (b"x = " + b"[" * 100_000, "limits"),
        (b"x = " + b"{y = " * 100_000, "limits"),
        (WRONG.encode(), "unknown-bridge"),
    ],
    ids=["empty", "binary", "zeros", "arrays", "tables", "wrong"],
)
def test_a_file_that_is_wrong_is_a_finding(name: str, content: bytes, slug: str, directory: Path) -> None:
    (directory / "lab.toml").write_bytes(content)
    for result in (k8snet(name, "lab.toml"), k8snet(name, "-", stdin=content)):
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"[{slug}]" in result.stderr
    assert [path.name for path in directory.iterdir()] == ["lab.toml"]


@pytest.mark.parametrize("name", ALL)
def test_a_file_without_end_is_not_read_to_its_end(name: str) -> None:
    result = k8snet(name, "/dev/zero")
    assert result.exit_code == 1
    assert f"/dev/zero:1:1: error: the file is larger than {LARGEST >> 20} MiB [limits]" in result.stderr


def test_a_file_that_cannot_be_read_is_a_message() -> None:
    result = k8snet("check", "/proc/self/mem")
    assert (result.exit_code, result.stderr) == (1, "error: Input/output error\n")


def test_standard_input_may_be_closed() -> None:
    done = run("k8snet setup - <&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: standard input is closed\n")


def test_a_pipe_is_a_file() -> None:
    done = run(f"k8snet check <(cat {GOLDEN}/docker/topology.toml)")
    assert (done.returncode, done.stderr) == (0, "")


@given(
    st.lists(
        st.sampled_from(
            [*READING, "init", "completion", "docker", "lab.toml", "wrong.toml", "-", "--", "--check", "-o"]
        )
        | st.sampled_from(
            ["--templates", "--ascii", "--width", "70", "out", "bash", "--help", "--version", "-x", "é\n", ""]
        ),
        max_size=5,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_arguments_give_a_traceback(arguments: list[str]) -> None:
    Path("lab.toml").write_text(DOCKER)
    Path("wrong.toml").write_text(WRONG)
    result = k8snet(*arguments, stdin=DOCKER)
    assert result.exit_code in (0, 1, 2)
    assert (result.exit_code == 0) == (result.stderr == "") or result.stderr.startswith("stale scripts")


# ---- what cannot be written ----


def test_output_that_finds_no_room_is_a_message(directory: Path) -> None:
    write(directory / "lab.toml")
    for line in ("k8snet setup lab.toml", "k8snet compile --check lab.toml", "k8snet --help"):
        done = run(f"{line} >/dev/full")
        assert done.returncode == 1
        assert done.stderr.endswith("error: No space left on device\n")
        assert len(done.stderr.splitlines()) <= 2


def test_ctrl_c_ends_a_command_that_has_only_begun_without_a_traceback(directory: Path) -> None:
    write(directory / "click.py", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        command("--version"),
        env=environment(PYTHONPATH=f"{directory}:{PACKAGE}"),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_closed_output_is_a_message(directory: Path) -> None:
    write(directory / "lab.toml")
    done = run("k8snet setup lab.toml >&-")
    assert (done.returncode, done.stderr) == (1, "error: standard output is closed\n")


def test_a_reader_that_has_seen_enough_is_no_failure(directory: Path) -> None:
    write(directory / "lab.toml")
    write(directory / "wrong.toml", WRONG)
    done = run("k8snet setup lab.toml | head -n 1")
    assert (done.stdout, done.stderr) == ("#!/usr/bin/env bash\n", "")
    for unread in ("setup lab.toml", "check wrong.toml 2>&1 >/dev/null"):  # of which nobody reads anything
        done = run(f"{{ sleep 0.1; k8snet {unread}; echo $? >status; }} | true; cat status")
        assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")


def test_scripts_that_cannot_be_written_are_a_message(directory: Path) -> None:
    write(directory / "lab.toml")
    assert k8snet("compile", "lab.toml", "-o", "lab.toml").exit_code == 2
    result = k8snet("compile", "lab.toml", "-o", "/proc/nowhere")
    assert (result.exit_code, result.stderr) == (1, "error: /proc/nowhere/setup.sh: No such file or directory\n")
    (directory / "setup.sh").mkdir()
    for arguments in (["lab.toml"], ["--check", "lab.toml"]):
        result = k8snet("compile", *arguments)
        assert (result.exit_code, "setup.sh: Is a directory" in result.stderr) == (1, True)
    assert sorted(path.name for path in directory.iterdir()) == ["lab.toml", "setup.sh"]


# ---- being stopped ----


@pytest.fixture
def endless(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """`k8snet compile`, in the middle of writing setup.sh."""
    write(directory / "lab.toml")
    write(directory / "own" / "setup.sh.j2", "{% for number in range(1000000000) %}{% endfor %}")
    words = command("compile", "--templates", "own", "lab.toml")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=directory) as process:
        wait_until(lambda: any(directory.glob(".setup.sh.*")))
        yield process
        process.kill()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_ends_quietly_and_leaves_nothing(
    number: signal.Signals, endless: subprocess.Popen[str], directory: Path
) -> None:
    endless.send_signal(number)
    out, err = endless.communicate(timeout=30)
    assert (endless.returncode, out, err.strip()) == (128 + number, "", "")
    assert sorted(path.name for path in directory.iterdir()) == ["lab.toml", "own"]


# ---- looking ----


def test_check_says_how_much_there_is(directory: Path) -> None:
    write(directory / "lab.toml")
    write(directory / "many.toml", many(30))
    result = k8snet("check", "lab.toml", "many.toml")
    assert (result.exit_code, result.stdout) == (
        0,
        "lab.toml: good, 2 namespaces, 1 bridge, 2 veth pairs\nmany.toml: good, 30 namespaces, 1 bridge, 30 veth pairs\n",
    )


def test_check_shows_the_findings_of_all_topologies(directory: Path) -> None:
    write(directory / "lab.toml")
    write(directory / "wrong.toml", WRONG)
    write(directory / "empty.toml", "")
    result = k8snet("check", "wrong.toml", "lab.toml", "empty.toml")
    assert result.exit_code == 1
    assert result.stdout == "lab.toml: good, 2 namespaces, 1 bridge, 2 veth pairs\n"
    assert "wrong.toml:" in result.stderr and "empty.toml:1:1: error: " in result.stderr


def test_a_diagram_is_as_plain_and_as_narrow_as_asked(directory: Path) -> None:
    write(directory / "many.toml", many(9) + 'addresses = ["10.0.0.{}/24"]\n')
    wide, narrow = k8snet("diagram", "many.toml").stdout, k8snet("diagram", "many.toml", "--width", "40").stdout
    assert max(map(len, wide.splitlines())) <= 100 and max(map(len, narrow.splitlines())) <= 40
    plain = k8snet("diagram", "many.toml", "--ascii")
    assert plain.stdout.isascii() and not wide.isascii()
    assert k8snet("diagram", "many.toml", "--width", "39").exit_code == 2
    done = run("k8snet diagram many.toml", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")
