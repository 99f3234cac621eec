"""The command line, run in this process or in one of its own, and topology files to give to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from goldens import GOLDEN

import k8snet_scripts
from k8snet_scripts.cli import main

DOCKER = (GOLDEN / "docker" / "topology.toml").read_text()
OTHER = DOCKER.replace("10.10.0", "10.11.0").replace('"docker"', '"other"')
WRONG = DOCKER.replace('bridge = "br0"', 'bridge = "br1"')
SCRIPTS = ("setup.sh", "teardown.sh", "verify.sh")
READING = ("check", "diagram", "expand", "setup", "teardown", "verify", "compile")  # commands that run nothing
ALL = (*READING, "up", "down", "try")
PACKAGE = Path(k8snet_scripts.__file__).parents[1]


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


def many(count: int) -> str:
    """A topology file with as many namespaces on one bridge."""
    return (
        f'name = "many"\n[bridges.br0]\n[namespaces."node{{1..{count}}}".veths.eth0]\n'
        'peer = "veth{}"\nbridge = "br0"\n'
    )


def scripts(directory: Path) -> dict[str, str]:
    """The texts of the scripts in a directory, by name."""
    return {name: (directory / name).read_text() for name in SCRIPTS}
