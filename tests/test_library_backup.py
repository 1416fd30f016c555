"""A backup brings everything back, a damaged one changes nothing, and an emptied library holds nothing."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import picture
from library_help import House, Sign, everything, paint

from deepseek_mm.errors import BadFile, LibraryError
from deepseek_mm.library import library
from deepseek_mm.library.backup import MANIFEST
from deepseek_mm.settings import saved_values
from deepseek_mm.types import Answer, Question

SECRET = "only-we-know-this"


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def ask(house: House, text: str) -> int:
    """A finished turn with an upload; returns its conversation."""
    upload = house.config.data / "uploads" / "ab" / "kite.png"
    upload.parent.mkdir(parents=True, exist_ok=True)
    upload.write_bytes(f"a picture of {text}".encode())
    conversation, turn = house.history.begin(Question(text=text), image_path=str(upload), settings={}, fingerprint="f")
    house.history.finish(turn, Answer(text=f"{text}!"))
    return conversation


def test_a_backup_restores_index_history_uploads_and_watched_folders(house, photos, tmp_path):
    house.done(house.library.add([photos]))
    conversation = ask(house, SECRET)
    house.library.watch(photos)
    before = everything(house)
    assert house.done(house.library.backup(tmp_path / "all.backup")).state == "done"
    house.library.unwatch(photos)
    house.library.forget([photos / "red.png"])
    house.history.delete(conversation, session="")
    shutil.rmtree(house.config.data / "uploads")
    (house.config.data / "uploads" / "late").mkdir(parents=True)
    (house.config.data / "uploads" / "late" / "late.png").touch()
    assert house.done(house.library.restore(tmp_path / "all.backup")).state == "done"
    assert everything(house) == before
    assert [turn.answer.text for turn in house.history.turns(conversation, session="")] == [f"{SECRET}!"]
    uploads = [path.name for path in (house.config.data / "uploads").rglob("*") if path.is_file()]
    assert uploads == ["kite.png"]
    assert house.library.list_watched() == [str(photos)]


def test_a_backup_opens_in_another_library(house, photos, tmp_path):
    house.done(house.library.add([photos]))
    house.done(house.library.backup(tmp_path / "all.backup"))
    other = House(tmp_path / "other")
    other.done(other.library.restore(tmp_path / "all.backup"))
    assert everything(other) == everything(house)
    other.close()


DOORS = """
[lm]
url = "http://elsewhere.example/v1"
api_key_for = "http://elsewhere.example"
api_key_env = "AWS_SECRET_ACCESS_KEY"

[serve]
host = "0.0.0.0"
keys = "never"
roots = "/"

[sandbox]
run = "on"

[rag]
top_k = 7

[storage]
files = "s3://elsewhere"
"""


def with_settings(path: Path, to: Path, settings: str) -> Path:
    """The same backup with other settings in it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            if name not in ("config.toml", MANIFEST):
                new.writestr(name, old.read(name))
        told = json.loads(old.read(MANIFEST))
        told["parts"]["config.toml"] = hashlib.sha256(settings.encode()).hexdigest()
        new.writestr("config.toml", settings)
        new.writestr(MANIFEST, json.dumps(told))
    return to


def test_a_restored_backup_neither_opens_doors_nor_says_where_keys_go(house, tmp_path):
    own = house.config.data / "config.toml"
    own.write_text('[serve]\nroots = "/photos"\n[lm]\napi_key_for = "http://here.example"\n')
    house.done(house.library.backup(tmp_path / "all.backup"))
    job = house.done(house.library.restore(with_settings(tmp_path / "all.backup", tmp_path / "b.backup", DOORS)))
    assert job.state == "done"
    assert job.message.endswith(
        "; as here stay: lm.api_key_env, lm.api_key_for, sandbox.run, serve.host, serve.keys, serve.roots, "
        "storage.files"
    )
    assert saved_values(own) == {
        "lm.url": "http://elsewhere.example/v1",
        "lm.api_key_for": "http://here.example",
        "serve.roots": "/photos",
        "rag.top_k": 7,
    }


@pytest.mark.parametrize("settings", ['"serve.roots" = "/"', "[serve\n", "a = " + "[" * 5000])
def test_settings_of_a_backup_that_cannot_be_made_safe_refuse_it_before_anything_changes(house, tmp_path, settings):
    house.done(house.library.backup(tmp_path / "all.backup"))
    evil = with_settings(tmp_path / "all.backup", tmp_path / "b.backup", settings)
    job = house.done(house.library.restore(evil))
    assert job.state == "failed"
    assert "the settings in the backup cannot be used" in job.message
    assert not (house.config.data / "config.toml").exists()


def test_a_backup_is_made_while_files_go_in_and_holds_whole_files_only(house, photos, tmp_path):
    for n in range(60):
        picture("red", size=(70 + n, 48)).save(photos / f"{n}.png")
    adding = house.library.add([photos])
    saved = [house.library.backup(tmp_path / f"{n}.backup") for n in range(3)]
    assert [house.done(job).state for job in saved] == ["done"] * 3
    house.done(adding)
    assert len(house.names()) == 64
    other = House(tmp_path / "other")
    other.done(other.library.restore(tmp_path / "0.backup"))
    assert other.done(other.library.verify()).message == "everything agrees"
    other.close()


def change(path: Path, to: Path) -> None:
    """The same backup with one bit of the history changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[:100] + bytes([data[100] ^ 1]) + data[101:] if name == "history.db" else data)


def test_a_damaged_backup_is_refused_and_nothing_changes(house, photos, tmp_path):
    house.done(house.library.add([photos]))
    house.done(house.library.backup(tmp_path / "all.backup"))
    change(tmp_path / "all.backup", tmp_path / "changed.backup")
    (tmp_path / "cut.backup").write_bytes((tmp_path / "all.backup").read_bytes()[:5000])
    with zipfile.ZipFile(tmp_path / "foreign.backup", "w") as foreign:
        foreign.writestr("photo.txt", "hello")
    with zipfile.ZipFile(tmp_path / "evil.backup", "w") as evil:
        evil.writestr("../../escaped", "x")
        evil.writestr(MANIFEST, '{"format": "deepseek-mm library 1", "parts": {"../../escaped": ""}, "watched": []}')
    house.library.forget([photos / "red.png"])
    before = everything(house)
    reasons = {}
    for name in ("changed", "cut", "foreign", "evil"):
        job = house.done(house.library.restore(tmp_path / f"{name}.backup"))
        assert job.state == "failed"
        reasons[name] = job.message
    assert "history.db is not what was packed" in reasons["changed"]
    assert all("Use another" in reason for reason in reasons.values())
    assert not (tmp_path.parent / "escaped").exists()
    assert everything(house) == before
    with pytest.raises(BadFile, match="Make one with"):
        house.library.restore(tmp_path / "nowhere")


def test_a_backup_that_cannot_be_written_leaves_nothing_and_says_why(house, photos, tmp_path):
    house.done(house.library.add([photos]))
    job = house.done(house.library.backup(tmp_path / "no-folder" / "all.backup"))
    assert job.state == "failed"
    assert "Free some space, or name another file" in job.message
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def holders_of(word: bytes, folder: Path) -> list[str]:
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and word in path.read_bytes()]


def test_nothing_remains_of_a_library_that_was_emptied(tmp_path):
    photos = paint(tmp_path / SECRET)
    (photos / "note.txt").write_text(f"a note that says {SECRET} twice: {SECRET}")
    house = House(tmp_path / "library", reader=Sign())
    house.done(house.library.add([photos]))
    ask(house, SECRET)
    vector = np.asarray(house.store.vectors_of([1]), "<f4").tobytes()
    assert holders_of(SECRET.encode(), house.config.data) != []
    assert holders_of(vector, house.config.data) != []
    house.library.delete_everything()
    assert holders_of(SECRET.encode(), house.config.data) == []
    assert holders_of(vector, house.config.data) == []
    assert house.names() == []
    assert house.history.conversations(session="", limit=9) == []
    assert len(list(photos.iterdir())) == 5
    house.done(house.library.add([photos]))
    assert len(house.names()) == 5
    house.close()


def test_nothing_is_deleted_while_work_of_others_does_not_come_to_rest(house, photos, monkeypatch):
    monkeypatch.setattr(library, "REST_S", 0.3)
    house.done(house.library.add([photos]))
    house.library.jobs.add("elsewhere", {}, title="Index /far/away")
    task = house.library.jobs.claim(["elsewhere"])
    with pytest.raises(LibraryError, match="Index /far/away is still under way.*Nothing was deleted"):
        house.library.delete_everything()
    assert len(house.names()) == 4
    assert task.stopping
    task.finish("cancelled", "")
    house.library.delete_everything()
    assert house.names() == []


def test_files_dropped_on_the_page_go_with_everything_and_come_back_with_a_backup(house, photos, tmp_path):
    dropped = house.config.data / "added" / "2026-01-02" / "kite.png"
    dropped.parent.mkdir(parents=True)
    shutil.copy(photos / "red.png", dropped)
    house.done(house.library.backup(tmp_path / "all.backup"))
    house.library.delete_everything()
    assert not dropped.exists()
    house.done(house.library.restore(tmp_path / "all.backup"))
    assert dropped.read_bytes() == (photos / "red.png").read_bytes()


def test_settings_and_rules_come_back_with_a_backup(house, tmp_path):
    texts = {name: house.config.data / name for name in ("config.toml", "rules.txt")}
    for name, path in texts.items():
        path.write_text(f"# {name}")
    house.done(house.library.backup(tmp_path / "all.backup"))
    for path in texts.values():
        path.unlink()
    house.done(house.library.restore(tmp_path / "all.backup"))
    assert [path.read_text() for path in texts.values()] == ["# config.toml", "# rules.txt"]
