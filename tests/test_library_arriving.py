"""Files that were dropped on the page stay."""

from datetime import date

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.library.dropped_files import keep_dropped


def drop(folder, name: str, data: bytes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return str(folder / name)


def test_a_dropped_file_keeps_its_name_and_outlasts_the_cache(tmp_path):
    path = drop(tmp_path / "cache", "Sommer 2024 (1).jpg", b"photo")
    (kept,) = keep_dropped([path], tmp_path / "library")
    (tmp_path / "cache" / "Sommer 2024 (1).jpg").unlink()
    assert kept == tmp_path / "library" / "added" / date.today().isoformat() / "Sommer 2024 (1).jpg"
    assert kept.read_bytes() == b"photo"
    assert [path.name for path in kept.parent.iterdir()] == ["Sommer 2024 (1).jpg"]  # and no draft


def test_the_same_file_is_kept_once_and_another_of_its_name_beside_it(tmp_path):
    paths = [drop(tmp_path / n, "a.tar.gz", data) for n, data in (("1", b"x"), ("2", b"x"), ("3", b"y"), ("4", b"z"))]
    kept = keep_dropped(paths, tmp_path / "library")
    assert [path.name for path in kept] == ["a.tar.gz", "a.tar.gz", "a.tar 2.gz", "a.tar 3.gz"]
    assert [path.read_bytes() for path in kept] == [b"x", b"x", b"y", b"z"]


def test_no_folder_is_made_for_nothing(tmp_path):
    assert keep_dropped([], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_told_in_a_sentence(tmp_path):
    (tmp_path / "added").write_text("in the way")
    with pytest.raises(LibraryError, match="cannot be kept in .*added"):
        keep_dropped([drop(tmp_path / "cache", "a.jpg", b"x")], tmp_path)
