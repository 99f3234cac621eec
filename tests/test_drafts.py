"""Drafts: nobody finds half a script, and of several scripts all are placed or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8snet_scripts.drafts import Drafts


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def broken() -> Iterator[str]:
    yield "half of it"
    raise ValueError("no more")


def test_a_draft_is_placed_with_all_its_pieces_and_can_be_run(tmp_path: Path) -> None:
    path = tmp_path / "setup.sh"
    with Drafts() as drafts:
        drafts.write(path, ["one\n", "zwölf\n"])
        assert not path.exists()
        assert [draft.place() for draft in drafts] == [True]
    assert path.read_bytes() == "one\nzwölf\n".encode()
    assert os.access(path, os.X_OK)
    assert names(tmp_path) == ["setup.sh"]


def test_drafts_that_are_not_placed_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="no more"), Drafts() as drafts:
        drafts.write(tmp_path / "a" / "setup.sh", ["whole"])
        drafts.write(tmp_path / "new" / "place" / "setup.sh", ["whole"])
        drafts.write(tmp_path / "a" / "verify.sh", broken())
    assert names(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_directories_are_made_for_what_is_placed(tmp_path: Path) -> None:
    paths = [tmp_path / "new" / name / "setup.sh" for name in ("one", "two")]
    with Drafts() as drafts:
        for path in paths:
            drafts.write(path, [str(path)])
        assert not (tmp_path / "new").exists()
        assert all(draft.place() for draft in drafts)
    assert [path.read_text() for path in paths] == list(map(str, paths))
    assert names(tmp_path) == ["new/one/setup.sh", "new/two/setup.sh"]


def test_drafts_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "place").mkdir()
    with Drafts(tmp_path / "home") as drafts:
        drafts.write(tmp_path / "place" / "setup.sh", ["text"])
        assert len(names(tmp_path / "home")) == 1
        assert names(tmp_path / "place") == []


def test_only_what_differs_is_news(tmp_path: Path) -> None:
    for name, text in (("same", "text"), ("other", "another text"), ("longer", "text, and more")):
        (tmp_path / name).write_text(text)
    with Drafts() as drafts:
        for name in ("same", "other", "longer", "missing"):
            drafts.write(tmp_path / name, ["te", "xt"])
        assert [draft.path.name for draft in drafts if draft.is_news] == ["other", "longer", "missing"]


def test_nothing_is_written_through_a_link_in_the_place_of_a_draft(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("dear to me")
    link = tmp_path / f".setup.sh.{os.getpid()}.0"
    link.symlink_to(mine)
    with Drafts() as drafts:
        drafts.write(tmp_path / "setup.sh", ["text"])
        assert [draft.place() for draft in drafts] == [True]
    assert (mine.read_text(), names(tmp_path)) == ("dear to me", ["mine", "setup.sh"])
    assert not (tmp_path / "setup.sh").is_symlink()


def test_what_cannot_be_written_is_called_by_the_name_of_the_script(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, Drafts(tmp_path / "nowhere") as drafts:
        drafts.write(tmp_path / "setup.sh", ["text"])
    assert raised.value.filename == str(tmp_path / "setup.sh")


def test_it_is_so_on_a_file_system_that_lets_nothing_be_removed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *arguments: object, **named: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("open", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    with pytest.raises(OSError) as refused, Drafts() as drafts:
        drafts.write(tmp_path / "setup.sh", ["whole"])
    assert refused.value.filename == str(tmp_path / "setup.sh")
