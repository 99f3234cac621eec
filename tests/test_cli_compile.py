"""`k8snet compile`: which files are written, when none is, and what `--check` says of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from command_line import DOCKER, OTHER, READING, SCRIPTS, WRONG, k8snet, many, run, write
from goldens import GOLDEN

pytestmark = pytest.mark.usefixtures("directory", "nothing_runs")


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
