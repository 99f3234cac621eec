"""What is said of a topology file that breaks rules: where, how often, and never an exception; a fault for every rule."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

from goldens import GOLDEN
from hypothesis import given
from hypothesis import strategies as st
from test_check_faults import FAULTS
from test_check_values import BAD_VALUES

import k8snet_scripts
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.values import check_values
from k8snet_scripts.diagnostics import RULES, Finding, Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.text.source import read_source


def test_there_is_a_fault_for_every_rule() -> None:
    modules = Path(k8snet_scripts.__file__).parent.glob("check/*.py")
    source = "".join(module.read_text() for module in modules)
    used = {slug for slug in RULES if f'"{slug}"' in source}
    assert used
    assert used - {*FAULTS, *BAD_VALUES} == set()


def load(**document: object) -> list[Finding]:
    report = Report()
    check_topology(load_topology({"name": "lab", **document}, report), report)
    return report.findings


def test_a_mistake_below_a_range_is_reported_once() -> None:
    veth = {
        "peer": "p{}",
        "bridge": "br1",
        "addresses": ["10.0.{}.1/24"],
        "routes": [{"to": "default", "via": "10.9.0.{}"}],
    }
    findings = load(namespaces={"n{1..200}": {"veths": {"e": veth}}}, bridges={"br0": {}})
    assert [finding.slug for finding in findings] == ["unknown-bridge", "next-hop-unreachable"]
    assert findings[0].path == ("namespaces", "n{1..200}", "veths", "e", "bridge")
    assert findings[0].see == ("bridges", "br0")


def test_a_finding_points_at_what_is_wrong_and_at_what_it_contends_with() -> None:
    findings = load(
        bridges={"br0": {}},
        namespaces={
            "a": {"veths": {"e": {"peer": "p", "bridge": "br0", "addresses": ["fd00::1/64", "10.0.0.1/24"]}}},
            "b": {"veths": {"e": {"peer": "q", "bridge": "br0", "addresses": ["10.0.0.1/24"]}}},
            "c": {"veths": {"e": {"peer": {"namespace": "b", "name": "e"}, "master": "br0"}}},
        },
    )
    assert [(finding.slug, finding.path, finding.at, finding.see) for finding in findings] == [
        (
            "duplicate-interface",
            ("namespaces", "c", "veths", "e", "peer", "name"),
            "value",
            ("namespaces", "b", "veths", "e"),
        ),
        ("unknown-bridge", ("namespaces", "c", "veths", "e", "master"), "value", ("bridges", "br0")),
        (
            "duplicate-address",
            ("namespaces", "b", "veths", "e", "addresses", 0),
            "value",
            ("namespaces", "a", "veths", "e", "addresses", 1),
        ),
    ]


def test_what_may_follow_from_a_refused_value_is_not_said() -> None:
    veth = {"peer": "p", "bridge": "br0", "addresses": ["10.0.0.1"], "routes": [{"to": "default", "via": "10.0.0.2"}]}
    findings = load(namespaces={"a": {"veths": {"e": veth}}}, bridges={})
    assert sorted(finding.slug for finding in findings) == ["bad-address", "unknown-bridge"]


def documents() -> list[Any]:
    """Every golden topology that can be parsed, but for the large ones, as a document."""
    paths = sorted(path for path in GOLDEN.rglob("topology.*") if b"1024}" not in path.read_bytes())
    return [
        source.data for source, report in (read_source(path.name, path.read_bytes()) for path in paths) if report.ok
    ]


def alter(document: Any, choices: list[int], value: object) -> Any:
    """A copy of a document in which a value is another one: the choices lead to it, key by key."""
    if not choices or not document or not isinstance(document, (dict, list)):
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[choices[0] % len(keys)]
    changed = copy(document)
    changed[key] = alter(document[key], choices[1:], value)
    return changed


ALTERED = st.builds(
    alter,
    st.sampled_from(documents()),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.sampled_from(
        ["auto", "br0", "host", "10.10.0.0/24", "10.10.0.1", "fd00::1/64", {}, [], 0, 1280, True, "{}", "node1"]
    ),
)


@given(ALTERED)
def test_what_is_read_without_a_finding_has_good_values(document: Any) -> None:
    report = Report()
    topology = load_topology(document, report)
    if report.ok:
        check_values(topology, FirstFindings(report))
        assert report.findings == []


@given(ALTERED)
def test_no_document_ends_in_an_exception(document: Any) -> None:
    report = Report()
    check_topology(load_topology(document, report), report)
    assert {finding.slug for finding in report.findings} <= set(RULES)
