"""Documents with something else in them somewhere, and what must be true of all that is said of such."""

from __future__ import annotations

from typing import Any

from k8snet_scripts.diagnostics import Report

Keys = tuple[str | int, ...]


def paths(data: object) -> Any:
    """The path of every value below a value."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (key,)
        yield from ((key, *path) for path in paths(value))


def grafted(data: Any, path: Keys, value: object) -> Any:
    """The document with another value at a path."""
    key, *rest = path
    copy = data.copy()
    copy[key] = grafted(data[key], tuple(rest), value) if rest else value
    return copy


def assert_presentable(report: Report) -> None:
    """Every finding can be printed, and is short."""
    for finding in report.findings:
        assert finding.message.isprintable()
        assert finding.help.isprintable()
        assert len(finding.message) < 400
