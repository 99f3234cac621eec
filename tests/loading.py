"""What becomes of the text of a topology file: a model, or findings."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass
from typing import Any

from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.topology import Topology

Keys = tuple[str | int, ...]

NAMED = 'name = "t"\n'
"""How a file begins that has nothing else to say."""


def load(text: str) -> Topology:
    """The topology of a text that is right."""
    report = Report()
    topology = load_topology(tomllib.loads(text), report)
    assert not report.findings
    return topology


def refuse(text: str) -> list[tuple[str, Keys]]:
    """The slug and path of each finding, in order."""
    report = Report()
    load_topology(tomllib.loads(text), report)
    return [(finding.slug, finding.path) for finding in report.findings]


def unplaced(item: Any) -> Any:
    """A model without the places it came from."""
    if isinstance(item, tuple) and not hasattr(item, "_fields"):
        return tuple(unplaced(part) for part in item)
    if not is_dataclass(item) or isinstance(item, type):
        return item
    parts = {field.name: unplaced(getattr(item, field.name)) for field in fields(item) if field.name != "path"}
    return type(item)(**parts)
