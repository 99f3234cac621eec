"""Where scripts keep their records: made for them, nobody else's to write to, and gone with what comes to nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8snet_scripts.plugin import running
from k8snet_scripts.plugin.running import make_place, remove_place


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(running, "RECORDS", str(tmp_path / "records"))
    before = os.umask(0)
    yield tmp_path / "records"
    os.umask(before)


def test_nobody_else_can_write_there(records: Path) -> None:
    for _ in range(2):
        make_place("one")
    assert [oct(place.stat().st_mode & 0o777) for place in (records, records / "one")] == ["0o755"] * 2


def test_what_is_empty_goes_and_a_record_stays(records: Path) -> None:
    make_place("one")
    make_place("other")
    (records / "other" / "owned").write_text("netns\ta\t-\n")
    remove_place("one")
    remove_place("other")
    assert sorted(place.name for place in records.rglob("*")) == ["other", "owned"]
    (records / "other" / "owned").unlink()
    remove_place("other")
    remove_place("other")
    assert not records.exists()
