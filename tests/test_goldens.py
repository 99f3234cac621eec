from __future__ import annotations

from pathlib import Path

import pytest
from goldens import Goldens, find_cases, find_misfits

Failed = pytest.fail.Exception


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.parametrize("update", [False, True])
def test_an_equal_text_passes(tmp_path: Path, update: bool) -> None:
    path = tmp_path / "expected.txt"
    path.write_bytes(b"one\n")
    Goldens(update).compare(path, "one\n")


@pytest.mark.parametrize("before", [b"one\n", b"two", b"two\r\n", b"\xff", b""])
def test_another_text_fails_and_writes_nothing(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "expected.txt"
    path.write_bytes(before)
    with pytest.raises(Failed, match=r"differs; `pytest --update-golden` writes it"):
        Goldens(update=False).compare(path, "two\n")
    assert path.read_bytes() == before


def test_a_missing_golden_fails_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "expected.txt"
    with pytest.raises(Failed, match="is missing"):
        Goldens(update=False).compare(path, "two\n")
    assert not path.exists()


@pytest.mark.parametrize("before", [None, b"one\n"])
def test_an_update_writes_and_fails(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "expected.txt"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(Failed, match="review with `git diff`"):
        Goldens(update=True).compare(path, "two\n")
    assert path.read_bytes() == b"two\n"
    Goldens(update=True).compare(path, "two\n")


def test_an_update_writes_nothing_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    path = tmp_path / "expected.txt"
    path.write_bytes(b"one\n")
    with pytest.raises(Failed, match="differs"):
        Goldens(update=True).compare(path, "two\n")
    assert path.read_bytes() == b"one\n"


def test_cases_are_directories(tmp_path: Path) -> None:
    for name in ("b", "a", "errors"):
        (tmp_path / name).mkdir()
    (tmp_path / "README").touch()
    assert find_cases(tmp_path, leave_out=["errors"]) == [tmp_path / "a", tmp_path / "b"]


@pytest.mark.parametrize(
    ("names", "misfits"),
    [
        (["topology.toml", "expected.txt"], []),
        (["topology.json", "expected.txt"], []),
        (["topology.toml"], ["case/expected.txt is missing"]),
        (["expected.txt"], ["case has 0 of topology.toml, topology.json"]),
        (["expected.txt", "topology.json", "topology.toml"], ["case has 2 of topology.toml, topology.json"]),
        (["expected.txt", "notes", "topology.toml"], ["case/notes is unknown"]),
    ],
)
def test_a_case_has_its_files_and_no_others(tmp_path: Path, names: list[str], misfits: list[str]) -> None:
    case = tmp_path / "case"
    case.mkdir()
    for name in names:
        (case / name).touch()
    assert find_misfits(case, ["expected.txt"], ["topology.toml", "topology.json"]) == misfits
