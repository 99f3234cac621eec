"""What the README and the pages that walk through something show is what the tool prints: their blocks, in order, in one directory.

A block of the language `console` is run: a line that starts with `$ ` is a command; what follows, up to the next one, is
what it prints on both outputs.  A block that has a name after its language is a file of that name.  Numbers of
milliseconds are compared as such.  `pytest --update-golden` writes the page anew.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from goldens import Goldens

from live.serving import served

ROOT = Path(__file__).resolve().parents[2]
NAT = pytest.mark.needs("nft_masquerade", "nft_masquerade6")
PAGES = [
    pytest.param(ROOT / "README.md", id="README"),
    pytest.param(ROOT / "docs" / "walk.md", id="walk", marks=NAT),
    pytest.param(ROOT / "docs" / "cluster.md", id="cluster", marks=NAT),
]
BLOCK = re.compile(r"^```(?P<language>\w+) ?(?P<name>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
MILLISECONDS = re.compile(r" +\d+ ms")


@pytest.fixture(scope="module")
def k8snet() -> Iterator[Path]:
    with served() as program:
        yield program


@pytest.fixture
def directory(tmp_path: Path, k8snet: Path) -> Path:
    """A directory to run in, with `k8snet` in its `bin`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "k8snet").symlink_to(k8snet)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_is_printed(page: Path, directory: Path, goldens: Goldens) -> None:
    before = page.read_text()
    after = BLOCK.sub(lambda block: follow(block, directory), before)
    if MILLISECONDS.sub(" ms", before) != MILLISECONDS.sub(" ms", after):
        goldens.compare(page, after)


def follow(block: re.Match[str], directory: Path) -> str:
    """A block as it would be now: a file is written, a console is run."""
    if block["name"]:
        (directory / block["name"]).write_text(block["text"])
    if block["language"] == "console":
        return f"```console\n{replay(block['text'], directory)}```"
    return block.group()


def replay(block: str, directory: Path) -> str:
    """A console block, with what its commands print now."""
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{run(command, directory)}" for command in commands)


def run(command: str, directory: Path) -> str:
    path = f"{directory / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        check=False,
        cwd=directory,
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.stdout
