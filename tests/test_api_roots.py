"""Paths of callers: below the chosen folders, wherever links lead; on this machine any."""

import os

import pytest

from deepseek_mm.accounts.permissions import LOCAL, RIGHTS, Caller, check_path, inside
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, Forbidden, NothingThere

KEY = Caller(name="local", rights=frozenset(RIGHTS), session="key:abc")  # a key may be called so


@pytest.fixture
def house(tmp_path):
    for folder in ("photos/trip", "photos-private", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "photos/trip/kite.jpg").write_bytes(b"x")
    (tmp_path / "photos-private/diary.txt").write_bytes(b"x")
    return tmp_path


def test_a_caller_with_a_key_names_what_lies_below_a_root(house):
    serve = ServeConfig(roots=f"{house}/photos:{house}/other")
    for path in ("photos", "photos/trip/kite.jpg", "other", "photos/../photos/trip"):
        assert check_path(f"{house}/{path}", KEY, serve) == (house / path).resolve()


@pytest.mark.parametrize(
    "path",
    ["photos/../photos-private/diary.txt", "photos-private", "", "photos/../../etc/passwd", "missing.txt", "PHOTOS"],
)
def test_whatever_lies_elsewhere_is_refused_whether_it_exists_or_not(house, path):
    with pytest.raises(Forbidden, match=r"--set serve\.roots="):
        check_path(f"{house}/{path}", KEY, ServeConfig(roots=f"{house}/photos"))


@pytest.mark.parametrize("path", ["photos/trip", ".", "~/photos", "~", "", "file:///etc/passwd"])
def test_a_relative_path_means_nothing_to_a_caller_elsewhere(house, path, monkeypatch):
    monkeypatch.chdir(house)
    with pytest.raises(Forbidden):
        check_path(path, KEY, ServeConfig(roots=f"{house}"))


def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_followed(house):
    os.symlink(house / "photos-private", house / "photos" / "out")
    os.symlink(house / "photos" / "trip", house / "photos" / "in")
    os.symlink(house / "photos" / "round", house / "photos" / "round")
    serve = ServeConfig(roots=f"{house}/photos")
    for path in ("out", "out/diary.txt", "round"):
        with pytest.raises(Forbidden):
            check_path(f"{house}/photos/{path}", KEY, serve)
    assert check_path(f"{house}/photos/in/kite.jpg", KEY, serve) == house / "photos/trip/kite.jpg"


def test_a_root_that_is_a_link_itself_stands_for_where_it_leads(house):
    os.symlink(house / "photos", house / "link")
    found = check_path(f"{house}/link/trip", KEY, ServeConfig(roots=f"{house}/link"))
    assert found == house / "photos/trip"


def test_what_is_not_there_below_a_root_is_said_to_be_missing(house):
    with pytest.raises(NothingThere, match="no file or folder at"):
        check_path(f"{house}/photos/none.jpg", KEY, ServeConfig(roots=f"{house}/photos"))


def test_of_a_new_file_only_the_folder_has_to_be_there_and_that_below_a_root(house):
    serve = ServeConfig(roots=f"{house}/photos")
    assert check_path(f"{house}/photos/new.backup", KEY, serve, new=True) == house / "photos/new.backup"
    with pytest.raises(NothingThere, match="no file or folder at"):
        check_path(f"{house}/photos/none/new.backup", KEY, serve, new=True)
    os.symlink(house / "other", house / "photos" / "way")
    for path in ("other/new.backup", "photos/../new.backup", "photos/way/new.backup"):
        with pytest.raises(Forbidden):
            check_path(f"{house}/{path}", KEY, serve, new=True)


def test_a_member_of_an_archive_below_a_root_may_be_named(house):
    (house / "photos/a.zip").write_bytes(b"PK")
    path = f"{house}/photos/a.zip!/kite.jpg"
    assert str(check_path(path, KEY, ServeConfig(roots=f"{house}/photos"))) == path
    with pytest.raises(Forbidden):
        check_path(f"{house}/photos/a.zip!/../../../photos-private/x", KEY, ServeConfig(roots=f"{house}/photos"))


def test_without_roots_a_key_names_nothing_and_somebody_here_anything(house):
    with pytest.raises(Forbidden):
        check_path(f"{house}/photos", KEY, ServeConfig())
    assert check_path(f"{house}/photos-private", LOCAL, ServeConfig()) == house / "photos-private"
    assert check_path("photos", LOCAL, ServeConfig()).is_absolute()


@pytest.mark.parametrize("roots", ["", ":", "photos", "/not/there", "~"])
def test_roots_that_are_none_allow_nothing(house, roots, monkeypatch):
    monkeypatch.chdir(house)
    with pytest.raises(Forbidden):
        check_path(f"{house}/photos", KEY, ServeConfig(roots=roots))


@pytest.mark.parametrize("path", ["/a\0b", "/a\nb", "/a\x1b[31m"])
@pytest.mark.parametrize("who", [KEY, LOCAL])
def test_a_path_with_letters_that_steer_is_no_path(path, who):
    with pytest.raises(BadFile, match="is no path"):
        check_path(path, who, ServeConfig())


def test_a_name_that_is_too_long_for_the_disk_lies_nowhere(house):
    assert inside(f"{house}/" + "a" * 5_000 + "/../../etc", [house]) is None
