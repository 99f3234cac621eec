"""Help, the time it takes to start, and what a shell completes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment, k8snet, write
from terminal import Terminal

import k8snet_scripts.run
from k8snet_scripts.cli import main

pytestmark = pytest.mark.usefixtures("directory", "nothing_runs")


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
