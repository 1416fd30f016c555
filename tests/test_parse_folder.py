"""Which files of a folder are pictures, and in what order."""

import os
from pathlib import Path

import pytest

from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.folder import find_pictures


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(folder: Path, *paths: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_pictures(paths or [folder]).files]


def test_pictures_are_found_in_all_folders_whatever_the_case_of_their_endings(tmp_path):
    touched(tmp_path, "b.JPG", "a.png", "deep/er/c.Jpeg", "notes.txt", "jpg", "d.jpg.txt")
    assert names(tmp_path) == ["a.png", "b.JPG", "deep/er/c.Jpeg"]


def test_the_order_is_that_of_the_names_whatever_the_disk_says(tmp_path):
    touched(tmp_path, *(f"{letter}/{n}.png" for letter in "cab" for n in (3, 1, 2)))
    assert names(tmp_path) == [f"{letter}/{n}.png" for letter in "abc" for n in (1, 2, 3)]


def test_a_file_that_is_given_twice_is_found_once(tmp_path):
    touched(tmp_path, "a/x.png", "y.png")
    assert names(tmp_path, tmp_path / "a" / "x.png", tmp_path, tmp_path / "a" / ".." / "a") == ["a/x.png", "y.png"]


def test_relative_paths_become_absolute_ones(tmp_path, monkeypatch):
    touched(tmp_path, "x.png")
    monkeypatch.chdir(tmp_path)
    assert find_pictures([Path(".")]).files == (tmp_path / "x.png",)


def test_a_file_given_by_its_path_is_taken_whatever_its_name(tmp_path):
    touched(tmp_path, "scan.bin")
    assert names(tmp_path, tmp_path / "scan.bin") == ["scan.bin"]


def test_a_loop_of_links_ends_and_linked_folders_are_not_followed(tmp_path):
    touched(tmp_path, "a/x.png", "elsewhere/y.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "link.png").symlink_to(tmp_path / "elsewhere" / "y.png")
    assert names(tmp_path, tmp_path / "a") == ["a/link.png", "a/x.png"]
    (tmp_path / "door").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path, tmp_path / "door") == ["door/y.png"]


def test_hidden_names_and_libraries_are_left_out(tmp_path):
    touched(tmp_path, "x.png", "._x.png", ".cache/y.png", "library/history.db", "library/uploads/z.png")
    assert names(tmp_path) == ["x.png"]


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(NothingThere, match=r"no file or folder at .*/hoilday\. Check the name"):
        find_pictures([touched(tmp_path, "x.png"), tmp_path / "hoilday"])


def test_folders_without_a_picture_are_said_to_have_none(tmp_path):
    empty = touched(tmp_path, "empty/notes.txt", "full/x.png") / "empty"
    reason = f"no picture in {empty}. Pictures are files that end in .jpg, .jpeg, .png"
    assert find_pictures([tmp_path / "full", empty]).failed == ((str(empty), reason),)
    with pytest.raises(NothingThere) as caught:
        find_pictures([empty])
    assert str(caught.value) == reason
    with pytest.raises(NothingThere, match="Name a folder of pictures"):
        find_pictures([])


@pytest.mark.skipif(os.getuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into_is_listed_and_the_rest_goes_on(tmp_path):
    touched(tmp_path, "x.png", "locked/y.png")
    (tmp_path / "locked").chmod(0)
    found = find_pictures([tmp_path])
    (tmp_path / "locked").chmod(0o700)
    assert [path.name for path in found.files] == ["x.png"]
    assert "cannot be looked into: Permission denied" in found.failed[0][1]
