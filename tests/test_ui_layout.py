"""The page as a whole: what it promises before a browser opens it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from fake_app import paper
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient

from deepseek_mm.config import Config
from ui import CSS, NAMES_JS, Guard, Running, build_ui, calm
from ui.guard import POLICY
from ui.layout import KEEP_JS, foot, head, status
from ui.words import ENGLISH

UI = Path(__file__).parent.parent / "ui"


@pytest.fixture
def assistant(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield assistant
    assistant.close()


def test_the_page_builds_with_its_four_tabs(assistant, tmp_path):
    page = build_ui(assistant, running=Running(), pictures=tmp_path)
    labels = [block.label for block in page.blocks.values() if type(block).__name__ == "Tab"]
    assert labels == [ENGLISH.ask, ENGLISH.search, ENGLISH.library, ENGLISH.history]


def test_no_handler_can_be_called_by_name_from_outside(assistant, tmp_path):
    page = build_ui(assistant, running=Running(), pictures=tmp_path)
    assert page.fns
    assert all(fn.api_visibility == "private" for fn in page.fns.values() if fn.fn is not None)


def test_every_control_has_a_label(assistant, tmp_path):
    page = build_ui(assistant, running=Running(), pictures=tmp_path)
    kinds = ("MultimodalTextbox", "Radio", "Gallery", "Chatbot", "Textbox", "Dropdown", "File", "Checkbox")
    controls = [b for b in page.blocks.values() if type(b).__name__ in kinds]
    buttons = [b for b in page.blocks.values() if type(b).__name__ == "Button"]
    assert {type(control).__name__ for control in controls} == set(kinds)
    assert all(control.label for control in controls)
    assert all(button.value for button in buttons)


def test_the_head_counts_and_escapes(assistant):
    assert status(assistant, ENGLISH) == "3 files, 3 regions"
    assert "&lt;b&gt;" in head("<b>", ENGLISH)
    assert foot({"model": "<b>"}) == '<footer class="foot">model: &lt;b&gt;</footer>'


def test_nothing_in_the_look_is_fetched_from_elsewhere():
    fonts = [*calm()._stylesheets, *calm()._font_css, CSS, NAMES_JS, KEEP_JS]
    assert not re.search(r"https?:|//[a-z]|@import|url\(", " ".join(map(str, fonts)))


def test_every_text_of_the_page_is_in_the_table_and_used():
    source = " ".join(path.read_text() for path in UI.glob("*.py") if path.name != "words.py")
    indirect = {"done", "running", "stopped", "failed"}  # named by an answer's state
    assert [f.name for f in fields(ENGLISH) if f"words.{f.name}" not in source and f.name not in indirect] == []


def test_every_response_tells_the_browser_to_stay_here():
    app = FastAPI()
    app.add_middleware(Guard)
    app.get("/")(lambda: PlainTextResponse("hi"))
    with TestClient(app) as client:
        here, nowhere = client.get("/"), client.get("/nope")
    for response in (here, nowhere):
        assert response.headers["content-security-policy"] == POLICY
        assert response.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?:|\*", POLICY)
