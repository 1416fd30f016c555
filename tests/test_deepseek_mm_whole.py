"""Files that are there whole or not at all."""

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.whole import hold, write_whole


def test_a_file_is_written_with_its_folders_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "a" / "b" / "name.png"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [each.name for each in path.parent.iterdir()] == ["name.png"]


def test_a_place_that_cannot_be_written_is_an_error_with_a_next_step(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(LibraryError, match="Make some room, or allow writing there"):
        write_whole(tmp_path / "a" / "name.png", b"new")


def test_what_need_not_be_held_at_once_is_whole_and_held_when_it_is_asked_for(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr("deepseek_mm.whole.os.fsync", held.append)
    write_whole(tmp_path / "a.png", b"new", at_once=False)
    assert (held, (tmp_path / "a.png").read_bytes()) == ([], b"new")
    hold(tmp_path / "a.png")
    assert len(held) == 1
    with pytest.raises(LibraryError, match="cannot write .*gone"):
        hold(tmp_path / "gone.png")
