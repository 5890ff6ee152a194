"""Room for uploaded files: what is old goes, what is new stays, and no more comes in than may lie here."""

from __future__ import annotations

from pathlib import Path

import pytest

from feab.leaderboard.app import uploads
from feab.leaderboard.app.uploads import Uploads


def put(folder: Path, name: str, size: int) -> Path:
    path = folder / name / "submission.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * size)
    return path


def test_files_that_may_be_in_use_stay(tmp_path: Path) -> None:
    room, first = Uploads(tmp_path, 100), put(tmp_path, "a", 60)
    with room.room_for(41) as there:
        assert not there
    with room.room_for(40) as there:
        assert there
        with room.room_for(1) as second:
            assert not second  # the first is still coming in
    with room.room_for(40) as there:
        assert there
    with room.room_for(101) as there:
        assert not there
    assert first.exists()


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "IN_USE_S", 0.0)
    made = sorted((put(tmp_path, name, 30) for name in "abc"), key=lambda path: (path.stat().st_ctime, path))
    room = Uploads(tmp_path, 100)
    with room.room_for(101) as there:
        assert not there
    assert all(path.exists() for path in made)
    with room.room_for(40) as there:
        assert there
    assert [path.exists() for path in made] == [False, True, True]
    with room.room_for(100) as there:
        assert there
    assert not any(path.exists() for path in made)


def test_a_link_is_not_followed_and_no_folder_is_none(tmp_path: Path) -> None:
    assert list(Uploads(tmp_path / "none")._files()) == []
    outside = put(tmp_path / "outside", "a", 90)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(outside.parent, target_is_directory=True)
    with Uploads(tmp_path / "inside", 100).room_for(50) as there:
        assert there
    assert outside.exists()
