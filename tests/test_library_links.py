"""A repository, a folder or an archive that a stranger wrote reads nothing of this machine, now or later."""

import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from fakes import picture
from jobs_help import eventually
from library_help import House, paint

from deepseek_mm.errors import BadFile
from deepseek_mm.library import folder_watcher
from deepseek_mm.library.folder_watcher import WATCH
from deepseek_mm.library.git_clone import fetch_repository
from deepseek_mm.parse.document import open_file, read_page
from index import Filter

SECRET = "zanzibar-quokka"  # stands in every file that nothing may read
WHO = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "core.hooksPath=/dev/null")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git fetches them")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    (tmp_path / "library" / "keys.json").write_text(f'{{"key": "{SECRET}"}}')
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "diary.md").write_text(f"# Diary\n\n{SECRET} was here\n")
    picture("yellow").save(tmp_path / "outside" / "private.png")
    yield house
    house.close()


def links(folder: Path, tmp_path: Path) -> dict[str, str]:
    """Every kind of link that leads out, made in the folder: name -> target."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "passwd.txt": "/etc/passwd",
        "keys.json": str(tmp_path / "library" / "keys.json"),
        "diary.md": "../outside/diary.md",
        "far.md": str(tmp_path / "outside" / "diary.md"),
        "private.png": str(tmp_path / "outside" / "private.png"),
        "docs": str(tmp_path / "outside"),
        "up": "..",
    }
    for name, target in made.items():
        (folder / name).symlink_to(target)
    (folder / "own.md").write_text("# Own\n\nwords of their own\n")
    return made


def known(house: House) -> dict[str, str]:
    """The text of every file that the library holds."""
    sources = house.store.sources(where=Filter(collection=None), limit=99)
    regions = house.store.regions_of([source.id for source in sources])
    return {source.name: " ".join(region.text for region in regions[source.id]) for source in sources}


def holds_nothing_foreign(house: House) -> bool:
    texts = " ".join(known(house).values())
    yellow = house.store.search_many(house.space.embed_texts(["yellow"]), k=1)[0]
    seen = [hit for hit in yellow if hit.score > 0.9]
    return not seen and SECRET not in texts and "root:" not in texts and not house.store.search_words(SECRET, k=5)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *WHO, "-C", str(folder), *words], check=True, capture_output=True)


def committed(folder: Path) -> str:
    """A repository of all that is in the folder; its address."""
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return f"file://{folder}"


@needs_git
def test_links_of_a_repository_become_files_with_their_targets_name_and_nothing_else_is_read(house, tmp_path):
    made = links(tmp_path / "kites", tmp_path)
    folder = fetch_repository(committed(tmp_path / "kites"), house.config.data)
    house.done(house.library.add([folder]))
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    assert {name: (folder / name).read_text() for name in made} == made
    assert known(house)["passwd.txt"] == "/etc/passwd"
    assert "own.md" in known(house)
    assert holds_nothing_foreign(house)


@needs_git
def test_links_that_an_earlier_version_checked_out_become_files_with_the_next_fetch_and_are_forgotten(house, tmp_path):
    made = links(tmp_path / "kites", tmp_path)
    address = committed(tmp_path / "kites")
    folder = fetch_repository(address, house.config.data)
    for name, target in made.items():  # as it was checked out before
        (folder / name).unlink()
        (folder / name).symlink_to(target)
    (folder / "new").symlink_to("/etc")  # and one that git knows nothing of
    assert fetch_repository(address, house.config.data) == folder
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    assert {name: (folder / name).read_text() for name in made} == made


@needs_git
def test_a_repository_makes_git_run_nothing(tmp_path, monkeypatch):
    """The user's git has filters, a template with hooks and a file monitor; the repository asks for all of them."""
    ran, script = tmp_path / "ran", tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho $0 >> {ran}\ncat\n")
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for path in (script, *(hooks / name for name in ("post-checkout", "post-merge", "reference-transaction"))):
        shutil.copy(script, path) if path != script else None
        path.chmod(0o755)
    settings = {
        "filter.evil.smudge": script,
        "filter.evil.process": script,
        "filter.lfs.smudge": script,
        "core.fsmonitor": script,
        "init.templateDir": tmp_path / "template",
        "submodule.recurse": "true",
        "fetch.recurseSubmodules": "true",
    }
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    (tmp_path / "kites").mkdir()
    (tmp_path / "kites" / ".gitattributes").write_text("*.py filter=evil\n*.md filter=lfs\n*.txt ident eol=crlf\n")
    (tmp_path / "kites" / "a.py").write_text("one = 1\n")
    (tmp_path / "kites" / "b.md").write_text("words\n")
    (tmp_path / "kites" / "c.txt").write_text("$Id$\nwords\n")
    with monkeypatch.context() as plain:
        plain.delenv("GIT_DIR")
        address = committed(tmp_path / "kites")
        for name, value in settings.items():
            subprocess.run(["git", "config", "--global", name, str(value)], check=True)
    for _ in range(2):  # the first time, and again
        folder = fetch_repository(address, tmp_path / "library")
        assert not ran.exists(), ran.read_text()
    assert (folder / "a.py").read_text() == "one = 1\n"
    assert (folder / "c.txt").read_text() == "$Id$\nwords\n"
    assert not (tmp_path / "nowhere").exists()


def test_links_in_a_folder_are_left_out_told_and_lead_nowhere(house, tmp_path):
    made = links(tmp_path / "photos", tmp_path)
    job = house.done(house.library.add([tmp_path / "photos"]))
    assert {Path(path).name: reason for path, reason in job.result["left_out"]} == dict.fromkeys(made, "link")
    assert list(known(house)) == ["own.md"]
    assert holds_nothing_foreign(house)


def test_a_link_that_an_earlier_version_read_is_forgotten_when_its_folder_is_looked_at(house, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "own.md").write_text("# Own\n\nwords\n")
    (folder / "diary.md").write_text(f"{SECRET} was here\n")
    house.done(house.library.add([folder]))
    assert SECRET in known(house)["diary.md"]
    (folder / "diary.md").unlink()
    (folder / "diary.md").symlink_to(tmp_path / "outside" / "diary.md")
    house.done(house.library.add([folder]))
    assert list(known(house)) == ["own.md"]


def test_a_path_that_is_named_through_a_link_stands_for_what_it_leads_to(house, tmp_path):
    photos = paint(tmp_path / "photos")
    (tmp_path / "album").symlink_to(photos)
    house.done(house.library.add([tmp_path / "album", tmp_path / "album" / "red.png"]))
    assert sorted(house.store.stamps()) == sorted(map(str, photos.glob("*.png")))
    house.library.watch(tmp_path / "album")
    assert house.library.list_watched() == [str(photos)]
    assert house.library.unwatch(tmp_path / "album")
    assert house.library.assign([tmp_path / "album"], "kites") == 4
    assert house.library.forget([tmp_path / "album"]) == 4


def test_a_watch_of_an_earlier_version_through_a_link_goes_on(house, tmp_path, monkeypatch):
    in_a_hurry(monkeypatch)
    photos = paint(tmp_path / "photos")
    (tmp_path / "album").symlink_to(photos)
    house.library.jobs.add(WATCH, {"folder": str(tmp_path / "album")}, unique=True)
    eventually(lambda: house.names() == ["blue.png", "green.png", "red.png", "yellow.png"])


def in_a_hurry(monkeypatch) -> None:
    monkeypatch.setattr(folder_watcher, "YIELD_S", 0.1)
    monkeypatch.setattr(folder_watcher, "QUIET_S", 0.2)
    monkeypatch.setattr(folder_watcher, "CODE_QUIET_S", 0.2)


@pytest.mark.parametrize("poll", [False, True], ids=["notices", "looks"])
def test_links_that_come_into_a_watched_folder_are_not_followed(tmp_path, monkeypatch, poll):
    in_a_hurry(monkeypatch)
    monkeypatch.setattr(folder_watcher, "LOOK_S", 0.05)
    monkeypatch.setattr(folder_watcher, "REST", 0)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "diary.md").write_text(f"{SECRET}\n")
    picture("yellow").save(tmp_path / "outside" / "private.png")
    house = House(tmp_path / "library", watch_poll=poll)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "first.md").write_text("# First\n\nwords\n")
    house.library.watch(folder)
    eventually(lambda: "first.md" in known(house))
    links(folder, tmp_path)
    (folder / "first.md").unlink()
    (folder / "first.md").symlink_to(tmp_path / "outside" / "diary.md")
    (folder / "last.md").write_text("# Last\n\nmore words\n")
    eventually(lambda: "last.md" in known(house))
    assert holds_nothing_foreign(house)
    house.close()


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_is_put_in_after_indexing_is_not_followed_by_any_later_reading(house, tmp_path, swapped):
    folder = tmp_path / "photos" / "in"
    folder.mkdir(parents=True)
    picture("red").save(folder / "private.png")
    (folder / "diary.md").write_text("# Own\n\nwords\n")
    house.done(house.library.add([tmp_path / "photos"]))
    paths = [folder / "private.png", folder / "diary.md"]
    if swapped == "file":
        for path in paths:
            path.unlink()
            path.symlink_to(tmp_path / "outside" / path.name)
    else:
        shutil.rmtree(folder)
        folder.symlink_to(tmp_path / "outside")
    for path in paths:
        with pytest.raises(BadFile, match="is a link, or lies behind one, and links are not followed"):
            open_file(path, house.config.parse)
    with pytest.raises(BadFile, match="is a link"):
        read_page(str(paths[0]), 0, house.config.parse)
    house.done(house.library.add([tmp_path / "photos"], anew=True))
    assert holds_nothing_foreign(house)


def test_a_folder_that_became_a_link_between_its_naming_and_the_work_is_not_read(house, tmp_path):
    """What a caller was allowed to name is a path; the work may begin much later."""
    paint(tmp_path / "photos")
    house.library.stop()
    job = house.library.add([tmp_path / "photos"])
    shutil.rmtree(tmp_path / "photos")
    (tmp_path / "photos").symlink_to(tmp_path / "outside")
    house.library.start()
    job = house.done(job)
    assert job.state == "failed"
    assert "is a link, or lies behind one" in job.message
    assert known(house) == {}


def test_a_member_of_an_archive_that_is_a_link_is_its_text_and_an_archive_behind_a_link_is_none(house, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("passwd.txt")
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with zipfile.ZipFile(tmp_path / "outside" / "b.zip", "w") as archive:
        archive.writestr("diary.md", f"{SECRET} was here")
    (folder / "b.zip").symlink_to(tmp_path / "outside" / "b.zip")
    house.done(house.library.add([folder]))
    assert known(house) == {"passwd.txt": "/etc/passwd"}
    with pytest.raises(BadFile, match="is a link"):
        open_file(f"{folder}/b.zip!/diary.md", house.config.parse)
    shutil.move(folder / "a.zip", tmp_path / "a.zip")
    (folder / "a.zip").symlink_to(tmp_path / "outside" / "b.zip")
    with pytest.raises(BadFile, match="is a link"):
        open_file(f"{folder}/a.zip!/passwd.txt", house.config.parse)


def test_rules_behind_a_link_are_no_rules_and_a_pipe_of_that_name_holds_nothing_up(house, tmp_path):
    folder = tmp_path / "code"
    (folder / ".git" / "info").mkdir(parents=True)
    (tmp_path / "outside" / "rules").write_text("*.py\n")
    (folder / ".gitignore").symlink_to(tmp_path / "outside" / "rules")
    (folder / ".git" / "info" / "exclude").symlink_to(tmp_path / "outside" / "rules")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "sub" / ".gitignore")
    os.mkfifo(folder / "sub" / ".git")
    (folder / "a.py").write_text("one = 1\n")
    (folder / "sub" / "b.py").write_text("two = 2\n")
    house.done(house.library.add([folder]))
    assert sorted(known(house)) == ["a.py", "b.py"]


def test_a_database_of_the_open_library_is_read_as_a_file_under_no_name(house, tmp_path):
    data, photos = house.config.data, tmp_path / "photos"
    photos.mkdir()
    os.link(data / "history.db", photos / "hard.txt")
    for path in (data / "jobs.db", house.store.folder / "store.db", house.store.folder / "store.db-wal"):
        with pytest.raises(BadFile, match="is a database of the open library"):
            open_file(path, house.config.parse)
    job = house.done(house.library.add([photos, data / "history.db"]))
    assert [reason.split(" is ")[1][:10] for reason in house.failed(job).values()] == ["a database"] * 2
