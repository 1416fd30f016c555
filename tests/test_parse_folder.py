"""Which files of folders and archives are read, and in what order."""

import os
from pathlib import Path

import pytest
from made_files import CONFIG, written, zip_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.parse.document import real_path
from deepseek_mm.parse.folder import FileList, find_files


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(folder: Path, *paths: Path | str) -> list[str]:
    found = find_files(paths or [folder], CONFIG)
    return [Path(path).relative_to(folder).as_posix() for path in found.files]


def test_files_are_found_in_all_folders_whatever_the_case_of_their_endings(tmp_path):
    touched(tmp_path, "b.JPG", "a.png", "deep/er/c.Heic", "notes.txt", "jpg", "d.exe", "e.wmv", "f.py", "Makefile")
    assert names(tmp_path) == ["Makefile", "a.png", "b.JPG", "f.py", "notes.txt", "deep/er/c.Heic"]


def test_the_order_is_that_of_the_names_whatever_the_disk_says(tmp_path):
    touched(tmp_path, *(f"{letter}/{n}.png" for letter in "cab" for n in (3, 1, 2)))
    assert names(tmp_path) == [f"{letter}/{n}.png" for letter in "abc" for n in (1, 2, 3)]


def test_a_file_that_is_given_twice_is_found_once(tmp_path):
    touched(tmp_path, "a/x.png", "y.png")
    assert names(tmp_path, tmp_path / "a" / "x.png", tmp_path, tmp_path / "a" / ".." / "a") == ["a/x.png", "y.png"]


def test_relative_paths_become_absolute_ones(tmp_path, monkeypatch):
    touched(tmp_path, "x.png")
    monkeypatch.chdir(tmp_path)
    assert find_files(["."], CONFIG) == FileList(files=(str(tmp_path / "x.png"),), failed=())


def test_a_file_given_by_its_path_is_taken_whatever_its_name(tmp_path):
    touched(tmp_path, "scan.bin", ".hidden.png", "node_modules/a.js")
    given = ["scan.bin", ".hidden.png", "node_modules/a.js"]
    assert names(tmp_path, *(tmp_path / name for name in given)) == given


def left_out(found: FileList) -> dict[str, str]:
    return {Path(path).name: reason for path, reason in found.left_out}


def test_links_are_left_out_and_told_whatever_they_lead_to(tmp_path):
    touched(tmp_path, "a/x.png", "elsewhere/y.png", "elsewhere/z.zip")
    for name, target in {
        "loop": tmp_path / "a",
        "far": tmp_path / "elsewhere",
        "file.png": "../elsewhere/y.png",
        "same.png": "x.png",
        "packed.zip": "../elsewhere/z.zip",
        "nowhere.png": "gone.png",
        "no-kind": "x.png",
    }.items():
        (tmp_path / "a" / name).symlink_to(target)
    found = find_files([tmp_path / "a"], CONFIG)
    assert found.files == (str(tmp_path / "a" / "x.png"),)
    assert left_out(found) == dict.fromkeys(
        ("loop", "far", "file.png", "same.png", "packed.zip", "nowhere.png"), "link"
    )
    assert found.failed == ()


def test_a_path_that_is_or_holds_a_link_is_read_only_by_the_name_of_what_it_leads_to(tmp_path):
    touched(tmp_path, "elsewhere/y.png")
    written(tmp_path / "elsewhere" / "b.zip", zip_bytes({"a.txt": b"words"}))
    (tmp_path / "door").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "door.png").symlink_to(tmp_path / "elsewhere" / "y.png")
    given = [tmp_path / name for name in ("door", "door.png", "door/y.png", "door/b.zip", "door/b.zip!/a.txt")]
    with pytest.raises(NothingThere, match="door is a link, or lies behind one, and links are not followed"):
        find_files(given, CONFIG)
    assert names(tmp_path, *map(real_path, given)) == [
        "elsewhere/b.zip!/a.txt",
        "elsewhere/y.png",
    ]


def test_with_the_setting_links_are_followed_into_the_folders_that_may_be_named_and_no_others(tmp_path):
    touched(tmp_path, "a/x.png", "ours/y.png", "ours/in/w.png", "theirs/z.png", "ours/.env")
    for name, target in {"in": "ours/in", "y.png": "ours/y.png", "z.png": "theirs/z.png", "out": "theirs"}.items():
        (tmp_path / "a" / name).symlink_to(tmp_path / target)
    (tmp_path / "a" / "b.env").symlink_to(tmp_path / "ours" / ".env")
    (tmp_path / "ours" / "in" / "back").symlink_to(tmp_path / "a")
    follows = ParseConfig(follow_links=True)
    found = find_files([tmp_path / "a"], follows, roots=[str(tmp_path / "ours")])
    assert [Path(path).relative_to(tmp_path).as_posix() for path in found.files] == [
        "a/x.png",
        "ours/in/w.png",
        "ours/y.png",
    ]
    assert left_out(found) == dict.fromkeys(("z.png", "out", "back"), "link")
    for config, roots in ((follows, []), (CONFIG, [str(tmp_path / "ours")])):
        assert find_files([tmp_path / "a"], config, roots=roots).files == (str(tmp_path / "a" / "x.png"),)


def test_hidden_names_machine_made_folders_and_libraries_are_left_out(tmp_path):
    touched(tmp_path, "x.png", "._x.png", ".cache/y.png", "library/history.db", "library/uploads/z.png")
    touched(tmp_path, "code/node_modules/a.js", "code/__pycache__/b.py", "code/c.py")
    assert names(tmp_path) == ["x.png", "code/c.py"]


def test_the_members_of_an_archive_stand_where_the_archive_stands(tmp_path):
    touched(tmp_path, "a.png", "c.png")
    written(
        tmp_path / "b.ZIP", zip_bytes({"in/z.jpg": b"", "in/a.txt": b"words", "in/run.exe": b"", ".hidden.png": b""})
    )
    assert names(tmp_path) == ["a.png", "b.ZIP!/in/a.txt", "b.ZIP!/in/z.jpg", "c.png"]
    assert names(tmp_path, tmp_path / "b.ZIP") == ["b.ZIP!/in/a.txt", "b.ZIP!/in/z.jpg"]


def test_a_member_may_be_given_by_its_own_path(tmp_path):
    path = written(tmp_path / "b.zip", zip_bytes({"in/z.jpg": b"", "a.txt": b"words"}))
    assert names(tmp_path, f"{path}!/in/z.jpg") == ["b.zip!/in/z.jpg"]


def test_what_is_wrong_with_an_archive_is_listed_and_the_rest_goes_on(tmp_path):
    touched(tmp_path, "a.png")
    bad = written(tmp_path / "bad.zip", b"no archive")
    odd = written(tmp_path / "odd.zip", zip_bytes({"../up.txt": b"evil", "b.txt": b"words", "deep.zip": b"PK"}))
    found = find_files([tmp_path], CONFIG)
    assert [Path(path).name for path in found.files] == ["a.png", "b.txt"]
    assert [path for path, _ in found.failed] == [str(bad), f"{odd}!/../up.txt", f"{odd}!/deep.zip"]
    assert all(path in reason for path, reason in found.failed)
    assert [path for path, _ in find_files([tmp_path / "a.png", bad], CONFIG).failed] == [str(bad)]
    with pytest.raises(NothingThere, match="bad.zip is no zip archive, or it is damaged"):
        find_files([bad], CONFIG)


def test_an_archive_that_would_unpack_to_too_much_is_listed(tmp_path):
    touched(tmp_path, "a.png")
    big = written(tmp_path / "big.zip", zip_bytes({"a.txt": bytes(2_000)}))
    found = find_files([tmp_path], ParseConfig(max_unpacked_bytes=1_000))
    assert found.files == (str(tmp_path / "a.png"),)
    assert found.failed[0][0] == str(big)
    assert "parse.max_unpacked_bytes allows 1,000" in found.failed[0][1]


def test_a_path_that_does_not_exist_is_named(tmp_path):
    for path in (tmp_path / "hoilday", tmp_path / "no.zip!" / "a.png"):
        with pytest.raises(NothingThere, match=r"no file or folder at .*(hoilday|a\.png)\. Check the name"):
            find_files([touched(tmp_path, "x.png"), path], CONFIG)


def test_places_with_nothing_to_read_are_said_to_have_nothing(tmp_path):
    empty = touched(tmp_path, "empty/film.wmv", "full/x.png") / "empty"
    reason = (
        f"nothing to read in {empty}. It has no photo, PDF, text or code by the ending of a name. "
        "1 of kinds that are not read (1 .wmv) were left out"
    )
    assert find_files([tmp_path / "full", empty], CONFIG).failed == ((str(empty), reason),)
    with pytest.raises(NothingThere) as caught:
        find_files([empty], CONFIG)
    assert str(caught.value) == reason
    with pytest.raises(NothingThere, match="Name a folder of photos and documents"):
        find_files([], CONFIG)


def test_files_of_kinds_that_are_not_read_are_left_out_and_told_but_not_those_of_systems(tmp_path):
    touched(tmp_path, "x.png", "plan.dwg", "deep/film.WMV", "noend", ".hidden.psd", "Thumbs.db")
    touched(tmp_path, "code/.git/x", "code/a.o")
    written(tmp_path / "code" / ".gitignore", "*.o")
    (tmp_path / "link.psd").symlink_to("plan.dwg")
    written(
        tmp_path / "b.zip", zip_bytes({"in/a.txt": b"words", "in/run.exe": b"", ".b.exe": b"", "__MACOSX/c.exe": b""})
    )
    found = find_files([tmp_path], CONFIG)
    assert {Path(path).relative_to(tmp_path).as_posix(): reason for path, reason in found.left_out} == dict.fromkeys(
        ("plan.dwg", "deep/film.WMV", "noend", "b.zip!/in/run.exe"), "unread"
    )
    assert found.failed == ()


def test_names_in_any_script_with_newlines_and_of_any_length_are_found(tmp_path):
    odd = ["\u732b.png", "\u05d7\u05ea\u05d5\u05dc.txt", "two\nlines.png", "n" * 251 + ".png"]
    touched(tmp_path, *odd)
    assert sorted(names(tmp_path)) == sorted(odd)


@pytest.mark.skipif(os.getuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into_is_listed_and_the_rest_goes_on(tmp_path):
    touched(tmp_path, "x.png", "locked/y.png")
    (tmp_path / "locked").chmod(0)
    found = find_files([tmp_path], CONFIG)
    (tmp_path / "locked").chmod(0o700)
    assert [Path(path).name for path in found.files] == ["x.png"]
    assert "cannot be looked into: Permission denied" in found.failed[0][1]


def test_a_folder_that_vanishes_while_it_is_looked_into_is_listed(tmp_path, monkeypatch):
    touched(tmp_path, "a/x.png", "b/y.png")
    scan = os.scandir

    def gone(path):
        if str(path).endswith("/b"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", gone)
    found = find_files([tmp_path], CONFIG)
    assert [Path(path).name for path in found.files] == ["x.png"]
    assert found.failed == (
        (f"{tmp_path}/b", f"{tmp_path}/b cannot be looked into: No such file or directory. Check its permissions"),
    )
