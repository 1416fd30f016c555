"""What a hostile file may not do: reach beyond DATA/uploads, name what it does not hold, bring what is no picture."""

import base64
import io
import json
import os
import zipfile

import pytest
from sharing_help import Home, changed, keep

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing.files import sha256

HOSTILE = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "..\\..\\..\\boot.ini",
    "C:\\Windows\\win.ini",
    "/proc/self/environ",
    "/dev/zero",
    "~/.ssh/id_rsa",
    "a/../../b.png",
    "/photos/a.zip!/../../x.png",
    "x\x00.png",
    "",
    ".",
    "..",
    "a" * 4000,
    "\u202egnp.exe",
    "file:///etc/passwd",
]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def data(home):
    return home.export(keep(home))


def everywhere(payload: dict, path: str) -> None:
    """The path wherever a file could carry one."""
    for turn in payload["turns"]:
        for picture in (turn["picture"], *turn["more"]):
            if picture is not None:
                picture["file"] = picture["name"] = path
        for citation in turn["answer"]["citations"]:
            citation["source"]["path"] = path


@pytest.mark.parametrize("path", HOSTILE, ids=range(len(HOSTILE)))
def test_no_path_of_a_file_leads_out_of_the_uploads(home, data, path, monkeypatch):
    opened = []
    real = os.open

    def watched(name, *more, **named):
        opened.append(os.fspath(name))
        return real(name, *more, **named)

    monkeypatch.setattr(os, "open", watched)
    before = {p for p in home.data.parent.rglob("*") if p.is_file()}
    conversation = home.door.take_in(changed(data, lambda payload: everywhere(payload, path)), session="s")
    turns = home.turns(conversation)
    places = {c.region.source.path for turn in turns for c in turn.answer.citations}
    places |= {path for turn in turns for _, path in ((turn.image_name, turn.image_path), *turn.more) if path}
    assert places
    uploads = home.data / "uploads"
    assert [place for place in places if not os.path.realpath(place).startswith(f"{uploads}{os.sep}")] == []
    assert [
        p for p in home.data.parent.rglob("*") if p.is_file() and p not in before and uploads not in p.parents
    ] == []
    assert [name for name in opened if str(name).startswith(("/etc", "/proc", "/dev/"))] in (
        [],
        [os.devnull],
    )  # of a worker that starts


def test_a_path_is_not_looked_for_among_the_uploads_of_others(home, data):
    """A digest that the file does not hold points at nothing, even if an upload here has it."""
    held = json.loads(data)["payload"]["turns"][1]["answer"]["citations"][0]["source"]["digest"]

    def steal(payload: dict) -> None:
        payload["turns"][1]["picture"] = None
        del payload["files"][held]

    turn = home.turns(home.door.take_in(changed(data, steal), session="s"))[1]
    assert not os.path.exists(turn.answer.citations[0].region.source.path)


def test_a_picture_that_is_named_but_not_held_is_refused(home, data):
    with pytest.raises(BadFile, match="but does not hold it"):
        home.door.take_in(changed(data, lambda p: p["files"].clear()), session="s")


def put(payload: dict, content: bytes) -> None:
    """Other bytes in place of the picture that came with the question, under their true sum."""
    picture = payload["turns"][1]["picture"]
    payload["files"][sha256(content)] = base64.b64encode(content).decode()
    picture["sha256"] = sha256(content)


def a_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr("a.png", b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!/bin/sh\nrm -rf /",
        b"<svg onload=alert(1)>",
        b"%PDF-1.7 x",
        a_zip(),
        b"\x89PNG\r\n\x1a\n cut",
        b"\0" * 99,
    ],
    ids=["nothing", "a script", "an svg", "a pdf", "a zip", "half a png", "zeros"],
)
def test_what_is_no_whole_picture_is_refused_and_not_written(home, data, content):
    with pytest.raises(BadFile, match="picture"):
        home.door.take_in(changed(data, lambda payload: put(payload, content)), session="s")
    assert len(home.history.conversations(session="s", limit=9)) == 1
    assert len(home.files()) == 1


@pytest.mark.parametrize("text", ["!!!!", "QUJ", "QUJD\n", "\u00e9", ""])
def test_bytes_that_do_not_fit_their_sum_are_refused(home, data, text):
    def spoil(payload: dict) -> None:
        digest = sorted(payload["files"])[0]
        payload["files"][digest] = text

    with pytest.raises(BadFile, match="is damaged"):
        home.door.take_in(changed(data, spoil), session="s")


def test_settings_that_no_export_tells_are_not_taken_in(home, data):
    sly = {"lm": {"url": "http://evil", "api_key_env": "HOME", "name": "smollm2"}, "data": {"x": "/"}}
    change = changed(data, lambda payload: payload["turns"][0].update(settings=sly))
    assert home.turns(home.door.take_in(change, session="s"))[0].settings == {
        "lm": {"name": "smollm2"},
        "imported": True,
    }


def test_a_kept_photo_of_the_uploads_is_only_ever_what_the_file_holds(home, data):
    """A collection of that name does not make a path of the file trustworthy."""

    def pretend(payload: dict) -> None:
        source = payload["turns"][0]["answer"]["citations"][0]["source"]
        source.update(collection="uploads", path="/etc/passwd")

    region = home.turns(home.door.take_in(changed(data, pretend), session="s"))[0].answer.citations[0].region
    assert region.source.path.startswith(str(home.data / "uploads" / "imported"))
    assert region.source.name == "passwd"
    assert not os.path.exists(region.source.path)
