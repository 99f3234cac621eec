"""Findings about a model: each mistake once, though a range makes it for every index and others may follow from it."""

from __future__ import annotations

from typing import Any

from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Path

CONSEQUENCES = frozenset(
    {
        "bridge-loop",
        "masquerade-without-forwarding",
        "mtu-mismatch",
        "next-hop-unreachable",
        "port-without-forwarding",
        "port-without-target",
        "route-source",
        "unknown-device",
        "vlan-without-filtering",
    }
)
"""Rules that also look broken when something refused earlier is missing from the model."""


_INDEX = "every index of the range has the same: put `{}`, which stands for the index, into it"


class FirstFindings(Report):
    """Hands on to `report` the first finding of each rule at each place, and all of those without a place.

    If `report` has findings of a frontend, those that may only be consequences are kept back.
    """

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._kept_back = frozenset() if report.ok else CONSEQUENCES
        self._told = {(finding.slug, finding.path) for finding in report.findings}

    def told(self, slug: str, path: Path) -> bool:
        """Whether there is nothing to add about that rule at that place: worth asking before an expensive help text."""
        return slug in self._kept_back or (slug, path) in self._told

    def error(self, slug: str, path: Path, message: str, **details: Any) -> None:
        if not self.told(slug, path):
            if details.get("see") == path and _is_ranged(path):
                details |= {"help": _INDEX, "see": None, "see_note": ""}
            self._report.error(slug, path, message, **details)
            if path:
                self._told.add((slug, path))


def _is_ranged(path: Path) -> bool:
    """Whether what stands there is there for every index of a range."""
    return any(isinstance(key, str) and "{" in key for key in path)
