from __future__ import annotations

import os

import pytest
from goldens import Goldens
from hypothesis import HealthCheck, settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files that differ, and fail: the difference is to be reviewed",
    )


@pytest.fixture
def goldens(request: pytest.FixtureRequest) -> Goldens:
    """What compares texts to golden files."""
    return Goldens(update=request.config.getoption("--update-golden"))
