"""Goldens: files under golden/ that hold what the tool is expected to print, byte for byte.

`pytest --update-golden` rewrites what differs, and fails all the same: somebody has to read the difference.  Where the
environment variable CI is set nothing is ever written.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden"

_SHOWN = 60  # lines of a difference


class Goldens:
    """Compares texts to golden files; `update` says whether to rewrite those that differ."""

    def __init__(self, update: bool) -> None:
        self.update = update and not os.environ.get("CI")

    def compare(self, path: Path, text: str) -> None:
        """Fail unless the file holds exactly this text."""
        raw = path.read_bytes() if path.exists() else None
        if raw == text.encode():
            return
        name = path.relative_to(GOLDEN.parent) if path.is_relative_to(GOLDEN) else path
        if self.update:
            path.write_bytes(text.encode())
            pytest.fail(f"{name} is rewritten: review with `git diff`", pytrace=False)
        found = "is missing" if raw is None else "differs"
        before = (raw or b"").decode(errors="backslashreplace").splitlines()
        lines = list(difflib.unified_diff(before, text.splitlines(), "golden", "now", lineterm=""))
        rest = [f"… and {len(lines) - _SHOWN} lines more"] if len(lines) > _SHOWN else []
        difference = "\n".join([*lines[:_SHOWN], *rest])
        pytest.fail(f"{name} {found}; `pytest --update-golden` writes it\n{difference}", pytrace=False)


def find_cases(root: Path, leave_out: Iterable[str] = ()) -> list[Path]:
    """The directories of the cases under `root`, sorted."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name not in set(leave_out))


def find_configuration(case: Path) -> list[str]:
    """The CNI configuration beside a topology file that names it."""
    sources = [path.read_bytes() for path in (case / "topology.toml", case / "topology.json") if path.exists()]
    pattern = re.compile(rb'^configuration = "(k8s\.conf(?:list)?)"$', re.MULTILINE)
    return [name.decode() for source in sources for name in pattern.findall(source)]


def find_misfits(case: Path, wanted: Iterable[str], one_of: Iterable[str] = ()) -> list[str]:
    """What is wrong with the files of a case: it has all that are `wanted` and one of another list, and no others."""
    names = sorted(path.name for path in case.iterdir())
    wanted, one_of = list(wanted), list(one_of)
    sources = [name for name in names if name in one_of]
    misfits = [f"{case.name}/{name} is missing" for name in wanted if name not in names]
    misfits += [f"{case.name}/{name} is unknown" for name in names if name not in (*wanted, *one_of)]
    if one_of and len(sources) != 1:
        misfits.append(f"{case.name} has {len(sources)} of {', '.join(one_of)}")
    return misfits
