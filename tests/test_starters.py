"""The topologies that `k8snet init` prints: each is good, says what it is, and makes scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from k8snet_scripts.cli import main
from k8snet_scripts.render import KINDS, template_directory
from k8snet_scripts.scripts import compile_source, load_source

STARTERS = sorted((template_directory() / "starters").glob("*.toml"))


def test_there_are_several() -> None:
    assert [path.stem for path in STARTERS] == [
        "cluster",
        "docker",
        "dual-stack",
        "gateway",
        "isolated",
        "many",
        "routed",
        "vlan",
    ]


def test_init_lists_them_with_their_first_lines() -> None:
    lines = CliRunner().invoke(main, ["init"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in STARTERS]
    for line, path in zip(lines, STARTERS, strict=True):
        name, summary = re.split("  +", line, maxsplit=1)
        assert path.read_text().startswith(f'# {summary}\n\nname = "{name}"\n')
        assert re.fullmatch(r"[A-Z].{30,100}\.", summary)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_init_prints_a_starter_as_it_is(path: Path) -> None:
    assert CliRunner().invoke(main, ["init", path.stem]).stdout == path.read_text()
    assert path.read_text().endswith("\n") and max(map(len, path.read_text().splitlines())) <= 120


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_a_starter_is_good_and_makes_scripts(path: Path) -> None:
    _, model = load_source(str(path))
    assert model.description and model.namespaces
    scripts = compile_source(str(path))
    for kind in KINDS:
        assert scripts.text(kind).startswith("#!/usr/bin/env bash\n")
    assert " reaches " in scripts.text("verify")
