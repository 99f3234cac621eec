from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from goldens import Goldens
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import k8snet_scripts.run
from k8snet_scripts.render import environment as environment_of_templates

settings.register_profile("here", deadline=None)
settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files that differ, and fail: the difference is to be reviewed",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Finding out what hypothesis knows of Unicode takes seconds.  A collection keeps it, in `.hypothesis`, for all workers to come."""
    if session.config.option.collectonly:
        st.text().validate()


@pytest.fixture
def goldens(request: pytest.FixtureRequest) -> Goldens:
    """What compares texts to golden files."""
    return Goldens(update=request.config.getoption("--update-golden"))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the current one."""
    monkeypatch.chdir(tmp_path)
    environment_of_templates.cache_clear()  # it knows directories by names that may be relative
    return tmp_path


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No script is run on this machine, whatever a test or the command line has wrong."""

    def refuse(argv: Sequence[str], **how: object) -> None:
        pytest.fail(f"started {argv}")

    monkeypatch.setattr(k8snet_scripts.run, "_started", refuse)
