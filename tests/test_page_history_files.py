"""Conversations leave the History tab as files and come back, in Debian's Chromium; also when the server is killed."""

import io
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import picture
from past_help import kite, turn
from past_reader import Reader
from PIL import Image
from playwright.sync_api import expect
from serving import Served, serving
from sharing_help import Home

from deepseek_mm.history import History

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "library", PAUSE_S="0") as server:
        yield server


@pytest.mark.campaign(times=1, only=True)
def test_a_conversation_exported_deleted_and_imported_looks_the_same(reader, tmp_path):
    mine = tmp_path / "mine.png"
    picture("green", size=(300, 200)).save(mine)
    reader.ask("Is it red?", mine)
    reader.done()
    reader.ask("Is it blue?")
    expect(reader.questions).to_have_count(2)
    reader.done()
    reader.past(rows=1)
    reader.read("Is it red?")
    expect(reader.questions).to_have_count(2)
    before = reader.shown()
    file = reader.export("JSON", tmp_path)
    assert file.name == "Is it red_.json"
    reader.press("Delete")
    expect(reader.rows).to_have_count(0)
    reader.take_in(file)
    expect(reader.title).to_have_text("Is it red?")
    expect(reader.page.get_by_text("Imported: Is it red?")).to_be_visible()
    assert reader.shown() == before
    assert [len(part) for part in before] == [2, 2, 1, 2]


@pytest.mark.campaign(times=1, only=True)
def test_an_export_to_read_is_saved_as_a_file(reader, served, tmp_path):
    reader.talked(served, "What flies?", turn("What flies?", cites=[kite(tmp_path)]))
    reader.past(rows=1)
    reader.read("What flies?")
    text, page = reader.export("Markdown", tmp_path), reader.export("HTML", tmp_path)
    assert (text.name, page.name) == ("What flies_.md", "What flies_.html")
    assert text.read_text().startswith("# What flies?\n")
    assert "data:image/jpeg;base64," in page.read_text()
    expect(reader.page.get_by_text("Saved as What flies_.html.")).to_be_visible()


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize(("name", "data"), [("notes.json", b"{}"), ("photo.png", b"\x89PNG"), ("empty.json", b"")])
def test_a_file_that_is_no_export_gets_a_sentence(reader, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    reader.past(rows=0)
    reader.take_in(tmp_path / name)
    expect(reader.page.get_by_role("alert").filter(has_text="exported as JSON")).to_be_visible()
    expect(reader.rows).to_have_count(0)


@pytest.mark.campaign(times=1, only=True)
def test_a_kill_in_the_middle_of_an_import_leaves_all_of_it_or_nothing(chromium, tmp_path):
    file = heavy_export(tmp_path / "elsewhere", pictures=12)
    first = Served(tmp_path / "library", PAUSE_S="0")
    reader = Reader(chromium, first.url)
    reader.past(rows=0)
    reader.take_in(file)
    until = time.monotonic() + 60
    while not any((first.data / "uploads").glob("*/*")) and time.monotonic() < until:
        time.sleep(0.002)
    first.end(signal.SIGKILL)  # its first pictures lie there
    second = Served(tmp_path / "library", "--port", first.url.rsplit(":", 1)[1], PAUSE_S="0")
    try:
        reader.open(second.url)
        history = History(second.data / "history.db")
        left = history.conversations(session=reader.secret(), limit=9)
        assert [each.num_turns for each in left] in ([], [12])
        reader.past(rows=len(left))
        reader.take_in(file)
        expect(reader.rows).to_have_count(len(left) + 1)
        expect(reader.page.locator(".past-right img.upload")).to_have_count(12)
        assert not any(path.name.startswith(".") for path in (second.data / "uploads").rglob("*/*/.*"))
        history.close()
    finally:
        second.end()


def heavy_export(folder: Path, *, pictures: int) -> Path:
    """An export that takes a while to take in: a picture of noise with every question."""
    home = Home(folder)
    turns = []
    for n in range(pictures):
        noise, data = np.random.default_rng(n).integers(0, 256, (700, 700, 3), np.uint8), io.BytesIO()
        Image.fromarray(noise).save(data, "JPEG", quality=90)
        path = home.photos / f"noise {n}.jpg"
        path.write_bytes(data.getvalue())
        turns.append(replace(turn(f"What is this, number {n}?"), image_name=path.name, image_path=str(path)))
    number = home.history.adopt(turns, title="heavy", session="s")
    file = folder / "heavy.json"
    file.write_bytes(home.export(number))
    assert len(json.loads(file.read_bytes())["payload"]["files"]) == pictures
    home.history.close()
    return file
