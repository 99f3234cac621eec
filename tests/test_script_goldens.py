"""Each case under golden/ is a topology with the three scripts that are made of it, byte for byte.

One that is made from a CNI configuration has that beside it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from goldens import GOLDEN, Goldens, find_cases, find_configuration, find_misfits

from k8snet_scripts.render import KINDS, Kind
from k8snet_scripts.scripts import compile_source

CASES = find_cases(GOLDEN, leave_out=["errors", "exports"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_script_is_what_it_was(case: Path, kind: Kind, goldens: Goldens) -> None:
    goldens.compare(case / f"{kind}.sh", compile_source(str(case / "topology.toml")).text(kind))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_has_a_topology_and_its_scripts_and_nothing_else(case: Path) -> None:
    wanted = ["topology.toml", *find_configuration(case), *(f"{kind}.sh" for kind in KINDS)]
    assert find_misfits(case, wanted) == []
