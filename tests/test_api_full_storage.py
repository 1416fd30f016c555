"""A disk that is full is told as such, 507, whatever met it; and what was half written is gone."""

import errno
import os
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from door_help import HERE
from fake_app import paper
from fastapi import FastAPI, UploadFile
from line_help import Dripping, serving_house
from rag_house import paint
from starlette.testclient import TestClient

import app
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.problems import add_problems, problem_of
from deepseek_mm.config import Config
from deepseek_mm.errors import STORAGE_FULL, LibraryError, is_storage_full
from deepseek_mm.storage.files import atomic_write
from ui.edges import sentence
from ui.words import in_language

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(tmp_path):
    """A disk of a few megabytes, of this test alone."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> set[Path]:
    """Take all that is left; what lies there then."""
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    return files_of(disk)


def files_of(disk: Path) -> set[Path]:
    return {path for path in disk.rglob("*") if path.is_file()}


def test_on_a_full_disk_every_upload_and_question_gets_507_and_leaves_nothing(disk, tmp_path):
    with serving_house(disk, lm=Dripping()) as house, house.client() as http:
        photo = paint(tmp_path, "blue.png", "blue").read_bytes() + os.urandom(400_000)
        question = {"question": "Is there a red thing?"}
        assert http.post("/ask", json=question).status_code == 200
        before = fill(disk)
        answers = {
            "upload": http.post("/library/files", files={"files": ("blue.png", photo)}),
            "question": http.post("/ask", json=question),
            "task": http.post("/infer", json={"kind": "ask", "input": question}),
            "import": http.post("/history/import", files={"file": ("a.json", exported(http))}),
        }
        assert {name: (answer.status_code, answer.json()["type"]) for name, answer in answers.items()} == dict.fromkeys(
            answers, (507, "urn:deepseek-mm:problem:storage-full")
        )
        assert all(
            "space" in answer.json()["detail"] or "room" in answer.json()["detail"] for answer in answers.values()
        )
        assert files_of(disk) <= before
        (disk / "filler").unlink()
        assert http.post("/ask", json=question).status_code == 200


def exported(http) -> bytes:
    """The conversation that there is, with a picture that takes room."""
    number = http.get("/history").json()["items"][0]["id"]
    return http.get(f"/history/{number}/export").content


def test_on_a_full_disk_an_upload_of_the_page_gets_507(disk, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(disk))
    assistant = paper(Config(data=disk / "library"))
    client = TestClient(guard_app(app.build_app(assistant).app, assistant.config), base_url=HERE)
    client.get("/en/")
    before = fill(disk)
    answer = client.post("/en/gradio_api/upload", files={"files": ("a.jpg", os.urandom(400_000))})
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:deepseek-mm:problem:storage-full")
    assert files_of(disk) <= before


def told(error: Exception, cause: Exception | None = None) -> Exception:
    """As it is after `raise error from cause`."""
    error.__cause__ = cause
    return error


def full_database() -> sqlite3.Error:
    """What SQLite raises itself."""
    with sqlite3.connect(":memory:") as rows:
        rows.execute("PRAGMA max_page_count=2")
        try:
            rows.execute("CREATE TABLE many (text)")
            rows.execute("INSERT INTO many VALUES (zeroblob(100000))")
        except sqlite3.Error as error:
            return error
    raise AssertionError("it was never full")


ERRORS = {
    "disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "quota": lambda: OSError(errno.EDQUOT, "Disk quota exceeded"),
    "limit": lambda: OSError(errno.EFBIG, "File too large"),
    "database": full_database,
    "told": lambda: told(LibraryError("cannot write x: no space"), OSError(errno.ENOSPC, "")),
    "told twice": lambda: told(LibraryError("no"), told(RuntimeError("no"), full_database())),
}
OTHERS = {
    "rights": lambda: OSError(errno.EACCES, "Permission denied"),
    "locked": lambda: told(LibraryError("locked"), sqlite3.OperationalError("database is locked")),
    "bug": lambda: RuntimeError("No space left on device"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_whatever_tells_of_a_full_disk_is_known(name):
    assert is_storage_full(ERRORS[name]())
    assert problem_of(ERRORS[name]()) == (507, "storage-full")


@pytest.mark.parametrize("name", OTHERS)
def test_other_errors_are_not_taken_for_a_full_disk(name):
    assert not is_storage_full(OTHERS[name]())


def raising(error: Exception) -> FastAPI:
    """Routes that meet this error: a plain one, one of an app below, and one while it reads its body."""
    outer, below = FastAPI(), FastAPI()
    add_problems(outer)

    @outer.get("/plain")
    @below.get("/page")
    def plain() -> None:
        raise error

    @outer.post("/body")
    def body(file: UploadFile) -> None: ...

    outer.mount("/below", below)
    return outer


@pytest.mark.parametrize("path", ["/plain", "/below/page"])
@pytest.mark.parametrize("name", ERRORS)
def test_every_route_answers_507_of_its_own_and_of_apps_below(tmp_path, path, name):
    client = TestClient(guard_app(raising(ERRORS[name]()), Config(data=tmp_path)), base_url=HERE)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["title"]) == (507, "Insufficient Storage")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_another_error_stays_the_fault_that_it_is(tmp_path):
    door = guard_app(raising(OTHERS["rights"]()), Config(data=tmp_path))
    client = TestClient(door, base_url=HERE, raise_server_exceptions=False)
    assert client.get("/plain").json()["type"] == "urn:deepseek-mm:problem:fault"
    assert client.get("/below/page").status_code == 500


def test_a_body_that_does_not_fit_the_temporary_folder_is_no_bad_request(tmp_path, monkeypatch):
    async def write(*_):
        raise FULL

    monkeypatch.setattr("starlette.datastructures.UploadFile.write", write)
    client = TestClient(guard_app(raising(FULL), Config(data=tmp_path)), base_url=HERE)
    answer = client.post("/body", files={"file": b"x" * 2_000_000})
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:deepseek-mm:problem:storage-full")


def test_a_file_that_is_written_whole_leaves_nothing_when_the_disk_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(FULL))
    with pytest.raises(LibraryError, match="Make some room"):
        atomic_write(tmp_path / "a.json", b"x")
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_that_the_disk_is_full_and_not_that_it_met_a_bug():
    assert sentence(OSError(errno.ENOSPC, "x"), in_language("en")) == STORAGE_FULL
    assert sentence(full_database(), in_language("en")) == STORAGE_FULL
