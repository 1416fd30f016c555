"""The page as a whole: what it promises before a browser opens it."""

import re

import gradio as gr
import pytest
from fake_app import paper
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from page_caller import holder_of, services_of

from deepseek_mm import LOCAL, Caller
from deepseek_mm.config import Config
from ui.layout import build_ui, head, head_for, status
from ui.pictures import PagePictures
from ui.site import POLICY, SecurityHeaders
from ui.words import CHINESE, ENGLISH, UiTexts, in_language


@pytest.fixture
def assistant(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield assistant
    assistant.close()


def build(assistant, tmp_path, words: UiTexts = ENGLISH) -> gr.Blocks:
    pictures = PagePictures(tmp_path / "pictures", assistant.picture)
    services = services_of(assistant)
    return build_ui(services, pictures, words)


def blocks(page: gr.Blocks, *kinds: str) -> list:
    return [block for block in page.blocks.values() if type(block).__name__ in kinds]


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_the_page_builds_with_its_tabs(assistant, tmp_path, words):
    labels = [tab.label for tab in blocks(build(assistant, tmp_path, words), "Tab")]
    first = [words.ask, words.code_tab, words.search, words.photos_tab, words.library]
    assert labels == [*first, words.history, words.learning, words.settings]


def test_no_handler_can_be_called_by_name_from_outside_and_none_sets_a_progress_on_its_outputs(assistant, tmp_path):
    handlers = [fn for fn in build(assistant, tmp_path).fns.values() if fn.fn is not None]
    assert handlers
    assert all(fn.api_visibility == "private" for fn in handlers)
    assert [fn.show_progress_on for fn in handlers] == [[]] * len(handlers)  # each would cost every later event time


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_every_control_has_a_label_in_the_language_of_the_page(assistant, tmp_path, words):
    page = build(assistant, tmp_path, words)
    kinds = ("MultimodalTextbox", "Textbox", "Dropdown", "File", "Checkbox", "Image", "Slider", "Radio")
    labels = [control.label for control in blocks(page, *kinds)]
    labels += [button.value for button in blocks(page, "Button")]
    labels += [button.label for button in blocks(page, "UploadButton")]
    labels += [accordion.label for accordion in blocks(page, "Accordion")]
    assert len(labels) > 20
    assert all(labels)
    if words is CHINESE:
        names = ("PDF", "HTML", "JSON", "Markdown", "CSV", "ZIP")
        assert [label for label in labels if not re.search(r"[\u4e00-\u9fff]", label) and label not in names] == []


def test_the_head_counts_and_escapes(assistant):
    assert "3" in status(assistant, ENGLISH)
    assert "&lt;b&gt;" in head("<b>", ENGLISH)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_head_is_ready_once_it_counts_and_names_the_language_it_speaks(language):
    words = in_language(language)
    assert "data-ready" in head("3 files", words)
    assert "data-ready" not in head("", words)
    pressed = re.findall(r'data-language-choice="(\w+)" aria-pressed="true"', head("", words))
    assert pressed == [language]


def test_the_head_names_who_is_logged_in_with_a_way_out_and_says_what_they_may_not_do():
    ben = Caller(name="Ben <b>", rights=frozenset(("ask", "page")), session="user:1", user="1", login=3)
    shown = head_for(ENGLISH, ben, "3 files")
    assert "Ben &lt;b&gt;" in shown
    assert "data-log-out" in shown
    assert "You may not change the library or see or change settings. Ask an owner" in shown
    assert "This key may not" in head_for(ENGLISH, holder_of("ask", "page"), "3 files")
    assert "data-log-out" not in head_for(ENGLISH, LOCAL, "3 files")


def test_every_response_tells_the_browser_to_stay_here():
    app = FastAPI()
    app.add_middleware(SecurityHeaders)
    app.get("/")(lambda: PlainTextResponse("hi"))
    with TestClient(app) as client:
        here, nowhere = client.get("/"), client.get("/nope")
    for response in (here, nowhere):
        assert response.headers["content-security-policy"] == POLICY
        assert response.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?:|\*", POLICY)


def test_no_state_is_watched_for_changes_since_gradio_would_hash_the_pictures_in_it(assistant, tmp_path):
    page = build(assistant, tmp_path)
    watched = {block for fn in page.fns.values() for block, event in fn.targets if event == "change"}
    assert watched
    assert [page.blocks[block] for block in watched if isinstance(page.blocks[block], gr.State)] == []
