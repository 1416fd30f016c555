"""Files that are there whole or not at all."""

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.whole import write_whole


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
