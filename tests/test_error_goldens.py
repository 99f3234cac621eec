"""Every rule has a case under golden/errors: a topology or a CNI configuration that breaks it, and what k8snet says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from goldens import GOLDEN, Goldens, find_cases, find_configuration, find_misfits

from k8snet_scripts.cni.load import read_configuration
from k8snet_scripts.diagnostics import RULES, render_findings
from k8snet_scripts.scripts import Refused, load_source

ERRORS = GOLDEN / "errors"
TOPOLOGIES = ("topology.toml", "topology.json")
CONFIGURATIONS = ("net.conf", "net.conflist")
SOURCES = TOPOLOGIES + CONFIGURATIONS
CASES = find_cases(ERRORS)


def explain(name: str) -> str:
    """What is said about a file in the current directory."""
    if name in CONFIGURATIONS:
        source, _, report = read_configuration(name, Path(name).read_bytes())
        return render_findings(report, source)
    with pytest.raises(Refused) as refused:
        load_source(name)
    return str(refused.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_is_what_is_expected(case: Path, goldens: Goldens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case)
    source = next(name for name in SOURCES if Path(name).exists())
    goldens.compare(case / "expected.txt", explain(source))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_has_a_source_and_an_expected_text(case: Path) -> None:
    assert find_misfits(case, ["expected.txt", *find_configuration(case)], SOURCES) == []


def test_the_cases_are_all_that_is_there() -> None:
    assert sorted(ERRORS.iterdir()) == CASES


def test_every_rule_has_a_case_of_its_name() -> None:
    names = [case.name for case in CASES]
    assert [slug for slug in RULES if slug not in names] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.name in RULES], ids=lambda case: case.name)
def test_a_case_named_after_a_rule_breaks_it(case: Path) -> None:
    slugs = re.findall(r" \[([a-z0-9-]+)\]$", (case / "expected.txt").read_text(), re.MULTILINE)
    assert case.name in slugs
    assert set(slugs) <= set(RULES)
