from __future__ import annotations

import pytest
from goldens import Goldens


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
