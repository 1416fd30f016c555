"""Repositories by address, fetched from this machine's own disk."""

import shutil
import subprocess

import pytest

from deepseek_mm.errors import LibraryError
from deepseek_mm.library import git_clone
from deepseek_mm.library.git_clone import FOLDER, fetch_repository, is_address

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git fetches them")


def commit(folder, text: str) -> None:
    (folder / "a.py").write_text(text)
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "a.py"], [*who, "commit", "-q", "-m", text]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


@pytest.fixture
def origin(tmp_path):
    folder = tmp_path / "kites.git"
    folder.mkdir()
    commit(folder, "one = 1\n")
    return folder


def test_a_repository_is_fetched_once_and_brought_up_to_date_after_that(origin, tmp_path):
    folder = fetch_repository(f"file://{origin}", tmp_path)
    assert (folder.parent.name, folder.name[:6]) == (FOLDER, "kites-")
    assert (folder / "a.py").read_text() == "one = 1\n"
    commit(origin, "two = 2\n")
    assert fetch_repository(f"file://{origin}", tmp_path) == folder
    assert (folder / "a.py").read_text() == "two = 2\n"


def test_what_cannot_be_fetched_says_why_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(
        LibraryError, match=r"file:///nowhere/x cannot be fetched: .+\. Check the address and the network"
    ):
        fetch_repository("file:///nowhere/x", tmp_path)
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_without_git_the_next_step_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(git_clone.shutil, "which", lambda name: None)
    with pytest.raises(LibraryError, match="git is not installed, and https://a/b needs it. Install git, or clone it"):
        fetch_repository("https://a/b", tmp_path)


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(LibraryError, match="an address with a password would be kept") as caught:
        fetch_repository("https://me:hunter2@host/r.git", tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_repository_that_takes_too_long_is_given_up(tmp_path, monkeypatch, origin):
    def late(*args, **kwargs):
        raise subprocess.TimeoutExpired("git", 1)

    monkeypatch.setattr(git_clone.subprocess, "run", late)
    with pytest.raises(LibraryError, match="did not come within 1800 s. Try again"):
        fetch_repository(f"file://{origin}", tmp_path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://github.com/a/b", True),
        ("git@host.org:a/b.git", True),
        ("ssh://git@host/a", True),
        ("/home/me/code", False),
        ("ext::sh -c evil", False),
        ("--upload-pack=evil", False),
        ("a@b/c.py", False),
        ("C:/code", False),
    ],
)
def test_addresses_are_told_from_paths(text, address):
    assert is_address(text) is address
