"""A library on a disk that cannot be written is searched and asked; nothing in it changes, and everybody is told."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from fakes import ColourSpace, Parrot, picture
from jobs_help import eventually
from serve_help import As
from starlette.testclient import TestClient

import app
from deepseek_mm.__main__ import main
from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.cli.doctor import data_folder
from deepseek_mm.errors import Conflict, DeepSeekMMError
from deepseek_mm.factory import load
from deepseek_mm.history import History
from deepseek_mm.jobs import follow
from deepseek_mm.read_only import is_closed, writable_home
from deepseek_mm.storage.errors import StoreUnmerged
from deepseek_mm.storage.exchange import address_of, copy_read_only, is_read_only
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Query, Question
from index import IndexProblem
from index.database import StoreReadOnly
from ui.layout import head_for
from ui.words import ENGLISH

MOUNTS = os.getuid() == 0 and shutil.which("mount") is not None


def open_simply(patch: pytest.MonkeyPatch) -> None:
    """Libraries are opened with towers that know colours, and a parrot."""
    patch.setattr("deepseek_mm.factory.open_space", lambda encoder, **_: ColourSpace())
    patch.setattr(
        "deepseek_mm.models.speakers.open_planned", lambda lm, plan, **options: (Parrot("It is red [1]."), plan)
    )


@pytest.fixture
def simple(monkeypatch):
    open_simply(monkeypatch)


def settings(data: Path):
    return app.settings_file(["--data", str(data), "--set", "see.glance=false"]).read().config


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A library of two pictures and a conversation."""
    with pytest.MonkeyPatch.context() as patch:
        open_simply(patch)
        return write_library(tmp_path_factory.mktemp("first") / "written")


@pytest.fixture
def filled(written, tmp_path, simple) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(written, tmp_path / "written"))


def write_library(data: Path) -> Path:
    data.mkdir()
    for colour in ("red", "blue"):
        picture(colour).save(data / f"{colour}.png")
    with closing(load(settings(data))) as assistant:
        assistant.library.start()
        *_, job = follow(assistant.library.jobs, assistant.library.add([data / "red.png", data / "blue.png"]).id)
        assert job.state == "done"
        assistant.ask(Question(text="show me red photos"))
        eventually(
            lambda: all(each.is_ended for each in assistant.library.jobs.find(limit=9))
        )  # a later one writes, too
    return data


@pytest.fixture
def closed(filled, tmp_path):
    """The same library on a disk that is mounted read-only."""
    if not MOUNTS:
        pytest.skip("needs the right to mount")
    place = tmp_path / "closed"
    place.mkdir()
    subprocess.run(["mount", "--bind", filled, place], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_read_only_library_is_served_searched_and_asked_and_stays_as_it_is(closed, filled):
    before = contents(filled)
    with writable_home(closed) as home:
        config = settings(home)
        with app.lock_library(home), closing(load(config)) as assistant:
            assistant.library.start()
            app.fill(assistant, app.PHOTOS)
            assert [Path(m.region.source.path).name for m in assistant.find(Query(text="red"), k=1).matches] == [
                "red.png"
            ]
            answer = assistant.ask(Question(text="show me red photos"))
            assert (answer.state, answer.found) == ("done", True)
            assert len(assistant.history.conversations(session="", limit=9)) == 2  # the old one, and this
            refuse_changes(assistant, closed)
            through_http(assistant, closed)
    assert not home.exists()
    assert contents(filled) == before


def refuse_changes(assistant, closed) -> None:
    library, path = assistant.library, str(closed / "red.png")
    for change in (
        lambda: library.add([path]),
        lambda: library.watch(closed),
        lambda: library.verify(),
        lambda: library.repair(),
        lambda: library.backup("/tmp/never.zip"),
        lambda: library.duplicates(),
    ):
        with pytest.raises(Conflict, match=f"can only be read.*make {closed} writable and start again"):
            change()
    for change in (
        lambda: library.forget([path]),
        lambda: library.take_out([path]),
        lambda: library.assign([path], "mine"),
        lambda: library.describe(assistant.store.sources(limit=1)[0], "a red thing"),
        lambda: library.delete_everything(),
    ):
        with pytest.raises((DeepSeekMMError, IndexProblem), match="cannot be written|cannot write"):
            change()
    assistant.tidy()
    assert assistant.library.health()


def through_http(assistant, closed) -> None:
    """What a caller gets: answers, and problems where something would change."""
    api = app.build_app(assistant)
    with closing(api):
        api.start()
        client = TestClient(As(api.app), base_url="http://127.0.0.1", client=("127.0.0.1", 5))
        about = client.get("/about").json()
        assert "this library can only be read" in about["notices"][0]
        assert str(closed) not in str(about["notices"])
        assert "can only be read" in client.get("/health").json()["about"]["notices"]
        assert client.post("/ask", json={"question": "show me red photos"}).json()["text"]
        told = client.post("/library/paths", json={"paths": [str(closed / "red.png")]})
        assert (told.status_code, told.headers["content-type"]) == (409, "application/problem+json")
        assert "this library can only be read" in head_for(ENGLISH, LOCAL, "", notices=assistant.notices)


@pytest.mark.campaign(times=1, only=True)
def test_the_command_line_searches_asks_and_lists_a_read_only_library(closed, filled):
    before = contents(filled)
    for words, found in (
        (("search", "red"), "red.png"),
        (("ask", "show me red photos"), "[1]"),
        (("library", "watched"), ""),
        (("history", "list"), "1 turns"),
    ):
        desk = Desk(out=io.StringIO(), err=io.StringIO())
        code = main([*words, "--data", str(closed), "--set", "see.glance=false"], desk)
        assert (code, found in desk.out.getvalue()) == (0, True), desk.err.getvalue()
    assert contents(filled) == before
    desk = Desk(out=io.StringIO(), err=io.StringIO())
    assert main(["library", "verify", "--data", str(closed), "--set", "see.glance=false"], desk) == 2
    assert "can only be read" in desk.err.getvalue()
    assert [finding.state for finding in data_folder(closed)] == ["warn"]


AS_GUEST = """
import os, sys
from pathlib import Path
from sqlalchemy import text
from deepseek_mm.history import History
from deepseek_mm.read_only import is_closed, writable_home
from deepseek_mm.storage.places import open_readable
from index.database import STORE

def look(home):
    store = open_readable(next(home.glob("spaces/*/store.db")), STORE)
    with store.reading() as session:
        (count,) = session.execute(text("SELECT count(*) FROM sources")).one()
    store.close()
    history = History(home / "history.db")
    found = len(history.conversations(session="", limit=9))
    history.close()
    return f"{store.read_only} {count} {found}"

data, written = map(Path, sys.argv[1:])
told = look(written)  # as root, so that everything is imported
os.setgid(65534)
os.setuid(65534)
assert is_closed(data)
with writable_home(data) as home:
    sys.stdout.write(f"{told}, {look(home)}")
"""


@pytest.mark.campaign(times=1, only=True)
def test_whoever_may_only_read_the_folder_gets_the_same(filled):
    """As another user, whom permissions hold; root passes them by."""
    if os.getuid() != 0:
        pytest.skip("needs the right to become another user")
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "library"
        shutil.copytree(filled, data)
        for path in (Path(place), *Path(place).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(
            [sys.executable, "-c", AS_GUEST, str(data), str(filled)], capture_output=True, text=True, check=False
        )
        assert done.stdout == "False 2 1, True 2 1", done.stderr


def test_a_library_that_can_be_written_is_its_own_home(filled, tmp_path):
    assert not is_closed(filled)
    with writable_home(filled) as home:
        assert home == filled
    with writable_home(tmp_path / "not made yet") as home:
        assert home == tmp_path / "not made yet"


def database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
    connection.execute("INSERT INTO notes VALUES ('merged')")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return connection


def test_a_database_at_rest_is_read_without_locks_and_one_in_use_with_them(tmp_path):
    path = tmp_path / "a.db"
    connection = database(path)
    assert address_of(path).endswith("?mode=ro")
    connection.execute("INSERT INTO notes VALUES ('in the log')")
    connection.commit()
    copy_read_only(path, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert [text for (text,) in copy.execute("SELECT text FROM notes")] == ["merged", "in the log"]
    connection.close()
    assert address_of(path).endswith("?mode=ro&immutable=1")


def test_a_log_that_cannot_be_read_along_is_an_error_and_its_changes_are_not_left_out(tmp_path):
    if not MOUNTS:
        pytest.skip("needs the right to mount")
    inside, path = tmp_path / "disk", tmp_path / "disk" / "a.db"
    inside.mkdir()
    connection = database(tmp_path / "a.db")
    connection.execute("INSERT INTO notes VALUES ('in the log')")
    connection.commit()
    for ending in ("", "-wal"):
        shutil.copy(tmp_path / f"a.db{ending}", inside / f"a.db{ending}")
    connection.close()
    subprocess.run(["mount", "--bind", inside, inside], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", inside], check=True)
        assert is_read_only(path)
        with pytest.raises(StoreUnmerged, match="a.db-wal, which cannot be read where nothing can be written"):
            address_of(path)
    finally:
        subprocess.run(["umount", "--lazy", inside], check=True)


@pytest.mark.campaign(times=1, only=True)
def test_what_a_killed_process_left_in_memory_goes_with_the_next_start(tmp_path, monkeypatch, closed):
    monkeypatch.setattr("deepseek_mm.read_only.MEMORY", tmp_path / "memory")
    left = tmp_path / "memory" / "deepseek-mm-999999999-abc"
    left.mkdir(parents=True)
    (left / "history.db").write_text("what somebody asked")
    with writable_home(closed) as home:
        assert home.parent == tmp_path / "memory"
        assert home.stat().st_mode & 0o077 == 0  # nobody else reads what is asked
        assert not left.exists()
        with closing(History(home / "history.db")) as history:
            assert len(history.conversations(session="", limit=9)) == 1


def test_a_store_that_is_open_to_read_refuses_to_be_written(closed):
    with writable_home(closed) as home, closing(load(settings(home))) as assistant:
        with pytest.raises(StoreReadOnly), assistant.store._database.writing():
            pass
        assert assistant.store.read_only
