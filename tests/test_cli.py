"""The command line: what it takes, what it prints and writes, and how it ends, whatever it is given."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from goldens import GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal import Terminal

import k8snet_scripts.run
from k8snet_scripts.cli import main
from k8snet_scripts.render import environment as environment_of_templates
from k8snet_scripts.scripts import LARGEST

DOCKER = (GOLDEN / "docker" / "topology.toml").read_text()
OTHER = DOCKER.replace("10.10.0", "10.11.0").replace('"docker"', '"other"')
WRONG = DOCKER.replace('bridge = "br0"', 'bridge = "br1"')
SCRIPTS = ("setup.sh", "teardown.sh", "verify.sh")
READING = ("check", "diagram", "expand", "setup", "teardown", "verify", "compile")  # commands that run nothing
ALL = (*READING, "up", "down", "try")
PACKAGE = Path(k8snet_scripts.__file__).parents[1]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the current one."""
    monkeypatch.chdir(tmp_path)
    environment_of_templates.cache_clear()  # it knows directories by names that may be relative
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No script is run on this machine, whatever a test or the command line has wrong."""

    def refuse(argv: Sequence[str], **how: object) -> None:
        pytest.fail(f"started {argv}")

    monkeypatch.setattr(k8snet_scripts.run, "_started", refuse)


def k8snet(*arguments: str | Path, stdin: str | bytes = "", color: bool = False) -> Result:
    """Run the command line in this process.  An exception is a failure of the test, not a result."""
    words = [str(argument) for argument in arguments]
    result = CliRunner(catch_exceptions=False).invoke(main, words, input=stdin, color=color)
    assert isinstance(result, Result)
    return result


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "k8snet_scripts", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE), **more}


def run(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `k8snet` is the command."""
    prelude = f'k8snet() {{ {shlex.quote(sys.executable)} -m k8snet_scripts "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", prelude + line], env=environment(**more), check=False, capture_output=True, text=True, timeout=60
    )


def write(path: Path, text: str = DOCKER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# ---- what is read ----


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
    write(directory / "many.toml", many(600))
    done = run("k8snet setup many.toml | head -n 1; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == (f"#!/usr/bin/env bash\n{128 + signal.SIGPIPE}\n", "")
    write(directory / "wrong.toml", WRONG)
    done = run("{ sleep 0.1; k8snet check wrong.toml; echo $? >status; } 2>&1 >/dev/null | true; cat status")
    assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")


def many(count: int) -> str:
    return (
        f'name = "many"\n[bridges.br0]\n[namespaces."node{{1..{count}}}".veths.eth0]\n'
        'peer = "veth{}"\nbridge = "br0"\n'
    )


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


# ---- compile ----


def test_compile_writes_executable_scripts_beside_the_topology(directory: Path) -> None:
    write(directory / "a" / "topology.toml")
    result = k8snet("compile", "a/topology.toml")
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"a/{name}" for name in SCRIPTS])
    for name in SCRIPTS:
        assert os.access(directory / "a" / name, os.X_OK)
    assert len(list((directory / "a").iterdir())) == 4


def test_who_may_read_a_script_may_run_it(directory: Path) -> None:
    write(directory / "lab.toml")
    before = os.umask(0o027)
    try:
        k8snet("compile", "lab.toml")
    finally:
        os.umask(before)
    assert (directory / "setup.sh").stat().st_mode & 0o777 == 0o750


def test_what_is_printed_is_what_is_written(directory: Path) -> None:
    write(directory / "lab.toml")
    k8snet("compile", "lab.toml")
    for name in ("setup", "teardown", "verify"):
        assert k8snet(name, "lab.toml").stdout_bytes == (directory / f"{name}.sh").read_bytes()


def test_scripts_are_utf8_in_every_locale(directory: Path) -> None:
    write(directory / "lab.toml", many(2).replace("\n", '\ndescription = "Zwölf Brücken"\n', 1))
    assert k8snet("compile", "lab.toml").exit_code == 0
    done = run("k8snet setup lab.toml | cmp - setup.sh", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_topology_from_standard_input_goes_to_the_current_directory(directory: Path) -> None:
    assert k8snet("compile", "-", stdin=DOCKER).stdout.split() == list(SCRIPTS)
    assert sorted(path.name for path in directory.iterdir()) == list(SCRIPTS)


def test_what_somebody_has_written_is_not_written_over(directory: Path) -> None:
    (directory / "lab.toml").write_text(DOCKER)
    (directory / "teardown.sh").write_text("rm mine\n")
    result = k8snet("compile", "lab.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: teardown.sh is there already, and k8snet has not made it\n"
        "help: move it away, or write into another directory with `-o DIRECTORY`\n"
    )
    assert not (directory / "setup.sh").exists()
    assert (directory / "teardown.sh").read_text() == "rm mine\n"
    (directory / "teardown.sh").write_text("")
    assert k8snet("compile", "lab.toml").stdout.split() == list(SCRIPTS)


def test_what_is_up_to_date_is_not_touched(directory: Path) -> None:
    write(directory / "lab.toml")
    k8snet("compile", "lab.toml")
    (directory / "teardown.sh").write_text("# made by k8snet, long ago")
    (directory / "verify.sh").chmod(0o644)
    before = {name: (directory / name).stat() for name in SCRIPTS}
    result = k8snet("compile", "lab.toml")
    assert result.stdout.splitlines() == ["setup.sh is up to date", "teardown.sh", "verify.sh"]
    after = (directory / "setup.sh").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before["setup.sh"].st_mtime_ns, before["setup.sh"].st_ino)
    assert os.access(directory / "verify.sh", os.X_OK)


def test_several_topologies_have_directories_of_their_own(directory: Path) -> None:
    write(directory / "a" / "one.toml")
    write(directory / "b" / "two.toml", OTHER)
    assert k8snet("compile", "a/one.toml", "b/two.toml").exit_code == 0
    assert k8snet("compile", "a/one.toml", "b/two.toml", "-o", "out").exit_code == 0
    for directories in (("a", "b"), ("out/docker", "out/other")):
        assert all((directory / each / name).is_file() for each in directories for name in SCRIPTS)


@pytest.mark.parametrize(
    "arguments",
    [
        ("a/x.toml", "a/y.toml"),
        ("a/x.toml", "b/z.toml", "-o", "out"),
        ("a/x.toml", "link/x.toml"),
    ],
)
def test_two_topologies_for_one_directory_are_refused_before_anything_is_written(
    arguments: tuple[str, ...], directory: Path
) -> None:
    for name in ("a/x.toml", "b/z.toml"):
        write(directory / name)
    write(directory / "a/y.toml", OTHER)
    (directory / "link").symlink_to("a")
    result = k8snet("compile", *arguments)
    assert result.exit_code == 2
    assert f"`{arguments[0]}` and `{arguments[1]}` would write the same files in" in result.stderr
    assert not list(directory.glob("**/*.sh"))


@pytest.mark.parametrize("more", [(), ("-o", "out"), ("--check",)])
def test_a_topology_that_is_given_twice_is_refused(more: tuple[str, ...], directory: Path) -> None:
    write(directory / "lab.toml")
    result = k8snet("compile", "lab.toml", "lab.toml", *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: `lab.toml` is given twice" in result.stderr
    assert not list(directory.glob("**/*.sh"))


@pytest.mark.parametrize("name", ["check", "compile"])
def test_standard_input_is_read_once(name: str, directory: Path) -> None:
    result = k8snet(name, "-", "-", stdin=DOCKER)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: standard input, `-`, is given twice" in result.stderr


def test_where_one_script_cannot_be_placed_none_is(directory: Path) -> None:
    write(directory / "lab.toml")
    (directory / "verify.sh").mkdir()
    result = run("k8snet compile lab.toml")
    assert (result.returncode, result.stderr) == (1, "error: verify.sh: Is a directory\n")
    assert sorted(os.listdir(directory)) == ["lab.toml", "verify.sh"]


def test_scripts_are_all_placed_when_the_first_is_announced(directory: Path) -> None:
    write(directory / "lab.toml")
    assert run("k8snet compile lab.toml >/dev/full").returncode == 1
    assert sorted(os.listdir(directory)) == ["lab.toml", *SCRIPTS]


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("case", ["kubernetes/k8s.conf", "kubernetes-ports/k8s.conflist"])
def test_a_cni_configuration_is_no_topology(name: str, case: str) -> None:
    result = k8snet(name, GOLDEN / case)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("error: ") == 1
    assert "error: this is a CNI configuration, not a topology [unknown-key]" in result.stderr
    assert "k8snet compile --cni FILE --pod NAME" in result.stderr


def test_a_topology_of_nothing_but_a_host_is_drawn(directory: Path) -> None:
    write(directory / "lab.toml", 'name = "lab"\n[host]\n')
    assert k8snet("diagram", "lab.toml").stdout == "┌─ host ─┐\n│ lo     │\n└────────┘\n"


def test_nothing_is_written_if_one_topology_is_wrong(directory: Path) -> None:
    write(directory / "a" / "one.toml")
    write(directory / "b" / "two.toml", WRONG)
    write(directory / "c" / "three.toml", "")
    result = k8snet("compile", "a/one.toml", "b/two.toml", "c/three.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "b/two.toml:8:10: error: " in result.stderr and "c/three.toml:1:1: error: " in result.stderr
    assert not list(directory.glob("**/*.sh"))


def test_a_name_that_is_not_utf8_is_no_obstacle(directory: Path) -> None:
    name = os.fsdecode(b"l\xe4b.toml")
    write(directory / name)
    assert k8snet("compile", name).exit_code == 0
    assert "Made by k8snet from l�b.toml" in (directory / "setup.sh").read_text()


# ---- compile --check ----


def test_check_says_nothing_when_all_is_up_to_date(directory: Path) -> None:
    write(directory / "lab.toml")
    k8snet("compile", "lab.toml")
    result = k8snet("compile", "--check", "lab.toml")
    assert (result.exit_code, result.output) == (0, "")


def test_check_shows_what_is_missing_and_what_is_stale(directory: Path) -> None:
    write(directory / "lab.toml")
    k8snet("compile", "lab.toml")
    (directory / "setup.sh").unlink()
    text = (directory / "verify.sh").read_text()
    (directory / "verify.sh").write_text(text.removesuffix("\n"))
    write(directory / "teardown.sh", (directory / "teardown.sh").read_text().replace("\n", "\r\n", 1))
    result = k8snet("compile", "--check", "lab.toml")
    assert result.exit_code == 1
    lines = result.stdout_bytes.decode().split("\n")
    assert lines[:3] == ["--- /dev/null", "+++ setup.sh", lines[2]] and lines[3] == "+#!/usr/bin/env bash"
    assert lines[lines.index("--- teardown.sh") :][3:5] == ["-#!/usr/bin/env bash\r", "+#!/usr/bin/env bash"]
    assert lines[lines.index("--- verify.sh") :][-4:] == ["-}", "\\ No newline at end of file", "+}", ""]
    assert result.stderr == "stale scripts; to write them anew: k8snet compile lab.toml\n"
    assert not (directory / "setup.sh").exists()


@pytest.mark.parametrize("directories", [("a b",), ("-a",), ("it's", "$HOME")])
@pytest.mark.parametrize("output", [None, "out put"])
@pytest.mark.parametrize("templates", [None, "my templates"])
def test_the_command_that_check_names_mends(
    directories: tuple[str, ...], output: str | None, templates: str | None, directory: Path
) -> None:
    topologies = [f"{each}/lab.toml" for each in directories]
    for topology, text in zip(topologies, (DOCKER, OTHER), strict=False):
        write(directory / topology, text)
    options = [*(["-o", output] if output else []), *(["--templates", templates] if templates else [])]
    if templates:
        write(directory / templates / "shell" / "prelude.sh", "# another prelude\n")
    result = k8snet("compile", "--check", *options, "--", *topologies)
    assert result.exit_code == 1
    words = shlex.split(result.stderr.removeprefix("stale scripts; to write them anew: "))
    assert words[:2] == ["k8snet", "compile"]
    assert k8snet(*words[1:]).exit_code == 0
    assert k8snet("compile", "--check", *options, "--", *topologies).exit_code == 0


def test_differences_are_coloured_on_a_terminal_only(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    write(directory / "lab.toml")
    assert "\x1b" not in k8snet("compile", "--check", "lab.toml").output
    assert "\x1b[32m+#!/usr/bin/env bash\x1b[0m" in k8snet("compile", "--check", "lab.toml", color=True).stdout
    write(directory / "wrong.toml", WRONG)
    assert "\x1b[31m\x1b[1merror:\x1b[0m unknown bridge" in k8snet("check", "wrong.toml", color=True).stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in k8snet("compile", "--check", "lab.toml", color=True).output


# ---- --templates ----


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("setup.sh.j2", b"a\n{% if %}\n", "setup.sh.j2:2: expected an expression"),
        ("setup.sh.j2", b"a\nb\n{{ nothing.at.all }}\n", "setup.sh.j2:3: 'nothing' is undefined"),
        ("setup.sh.j2", b"{{ 1 / 0 }}\n", "setup.sh.j2:1: division by zero"),
        ("setup.sh.j2", b"{{ plan }}\n", "setup.sh.j2"),
        ("setup.sh.j2", b"\xff\n", "own: 'utf-8' codec can't decode"),
        ("setup.sh.j2", b'{% include "nowhere" %}', "setup.sh.j2:1: nowhere"),
        ("table.j2", b"\n{% endfor %}", "table.j2:2: "),
    ],
)
@pytest.mark.parametrize("command_name", ["setup", "compile"])
def test_a_broken_template_is_a_message_with_its_place(
    command_name: str, name: str, content: bytes, said: str, directory: Path
) -> None:
    write(directory / "lab.toml")
    (directory / "own").mkdir()
    (directory / "own" / name).write_bytes(content)
    result = k8snet(command_name, "--templates", "own", "lab.toml")
    assert result.exit_code == 1
    assert said in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[-1] == "help: mend the template, or leave out --templates"
    assert sorted(path.name for path in directory.iterdir()) == ["lab.toml", "own"]


def test_a_template_of_ones_own_comes_first(directory: Path) -> None:
    write(directory / "lab.toml")
    write(directory / "own" / "teardown.sh.j2", "#!/bin/sh\necho {{ plan.name }}\n")
    assert k8snet("teardown", "--templates", "own", "lab.toml").stdout == "#!/bin/sh\necho docker\n"
    assert k8snet("setup", "--templates", "own", "lab.toml").stdout == k8snet("setup", "lab.toml").stdout


# ---- digests ----


def test_digests_are_those_of_every_script(directory: Path) -> None:
    write(directory / "lab.toml")
    k8snet("compile", "lab.toml")
    command = "for kind in setup teardown verify; do sed '1,/^####/d' $kind.sh | sha256sum; done"
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    kinds = iter(("setup.sh", "teardown.sh", "verify.sh"))
    wanted = re.sub("-$", lambda _: next(kinds), done.stdout, flags=re.MULTILINE)
    told = k8snet("digests").stdout.splitlines(keepends=True)
    assert "".join(told[:3]) == wanted
    assert told[3].endswith("  setup.sh of the plugin\n") and told[3][:64] not in wanted


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


# ---- help, start-up and completion ----


def test_help_lists_every_command_and_is_narrow() -> None:
    text = k8snet("--help").stdout
    assert [line.split()[0] for line in text.partition("Commands:\n")[2].splitlines()] == list(main.commands)
    for name in main.commands:
        for flag in ("-h", "--help"):
            result = k8snet(name, flag)
            assert (result.exit_code, result.stderr) == (0, "")
            assert max(map(len, result.stdout.splitlines())) <= 80
            assert "..." not in result.stdout.partition("\n")[2]
    assert "..." not in text.partition("\n")[2]


def test_the_version_is_that_of_the_package() -> None:
    assert k8snet("--version").stdout == f"k8snet {k8snet_scripts.__version__}\n"


def test_no_command_shows_the_help() -> None:
    result = k8snet()
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", k8snet("--help").stdout)


def test_a_slip_is_told_what_was_meant() -> None:
    result = k8snet("chekc", "lab.toml")
    assert (result.exit_code, "error: no such command 'chekc'" in result.stderr) == (2, True)
    result = k8snet("init", "dokker")
    assert (result.exit_code, "there is no starter `dokker`; did you mean `docker`?" in result.stderr) == (2, True)
    assert "there are cluster, docker, dual-stack" in k8snet("init", "zzz").stderr


@pytest.mark.parametrize("arguments", [["--help"], ["compile", "--help"], ["nonsense"]])
def test_help_imports_nothing_but_click(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom k8snet_scripts.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('k8snet_scripts', 'jinja2', 'subprocess'))), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    imported = done.stderr.splitlines()[-1].split()
    assert [name for name in imported if not name.startswith("k8snet_scripts.cli")] == ["k8snet_scripts"]


def test_bash_completes_commands_starters_and_files(directory: Path) -> None:
    shim = write(
        directory / "bin" / "k8snet", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m k8snet_scripts "$@"\n'
    )
    shim.chmod(0o755)
    write(directory / "laboratory.toml")
    write(directory / "rc", 'PS1="ready> "\nbind "set bell-style none"\neval "$(k8snet completion bash)"\n')
    path = f"{directory / 'bin'}:{os.environ['PATH']}"
    with Terminal(["bash", "--noprofile", "--rcfile", "rc", "-i"], environment(PATH=path, TERM="dumb")) as terminal:
        terminal.expect("ready> ")
        for typed, completed in (
            ("k8snet dia\t", "k8snet diagram "),
            ("--asc\t", "--ascii "),
            ("labor\t", "laboratory.toml "),
            ("\x15k8snet init dual\t", "k8snet init dual-stack "),
            ("\x15k8snet completion f\t", "k8snet completion fish "),
        ):
            terminal.type(typed)
            terminal.expect(completed)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script_for_each_shell(shell: str) -> None:
    result = k8snet("completion", shell)
    assert result.exit_code == 0
    assert f"_K8SNET_COMPLETE={shell}_complete" in result.stdout
    answered = subprocess.run(
        [sys.executable, "-c", 'from k8snet_scripts.cli import main; main(prog_name="k8snet")'],
        env=environment(
            _K8SNET_COMPLETE=f"{shell}_complete",
            COMP_WORDS="k8snet init ro",
            COMP_CWORD="2" if shell != "fish" else "ro",
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "routed" in answered.stdout and "docker" not in answered.stdout
