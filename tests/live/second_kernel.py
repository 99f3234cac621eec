"""The sample of live tests that CI runs on a second kernel, where starting a program takes ten to twenty times as long.

`pytest -m second_kernel` selects it: one quick, telling test of most modules that can run on User-Mode Linux, and all
tests that run on no other kernel.  `tests/live/uml/suite.py` runs every live test there, which takes hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

second_kernel = pytest.mark.second_kernel


def sampled(cases: Iterable[Any], *places: int) -> list[Any]:
    """The cases for `parametrize`, those at these places as a part of the sample."""
    return [pytest.param(case, marks=second_kernel) if place in places else case for place, case in enumerate(cases)]
