"""The Settings tab: which updates its handlers become."""

import gradio as gr
import pytest
from fakes import Parrot
from page_caller import ActingAs, holder_of, services_of
from rag_house import build

from deepseek_mm import LOCAL
from ui.edges import ActionResult
from ui.html import choices
from ui.library.library_handlers import LibraryHandlers
from ui.settings_handlers import SettingsHandlers
from ui.settings_tab import SettingsTab, _checkpoint, _explain, _fields
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def tab(tmp_path):
    """A tab of a house with a settings file of its own."""
    house = build(tmp_path / "library", lm=Parrot("A kite [1]."), phrasing="auto")
    with gr.Blocks():
        services = services_of(house)
        setting, shelving = (
            SettingsHandlers(services=services, words=ENGLISH),
            LibraryHandlers(services=services, words=ENGLISH),
        )
        yield ActingAs(SettingsTab.place(setting, shelving))
    house.close()


def shown(tab: SettingsTab, updates: dict) -> dict:
    """Updates by the name of the part."""
    names = {part: name for name, part in tab.parts.items()}
    return {names[part]: update for part, update in updates.items()}


def test_an_opened_tab_shows_everything_as_it_stands(tab):
    tab.handlers.save_answers(9, 0.3, 0.7, "claims")
    updates = shown(tab, tab.fill())
    assert [updates[name].value for name in ("regions", "certainty", "presence", "phrasing")] == [9, 0.3, 0.7, "claims"]
    assert all(updates[name].interactive for name in ("regions", "certainty", "presence", "phrasing", "model"))
    assert "At 0.30" in updates["certainty_says"]
    assert (updates["model"].value, updates["encoder"].value) == ("packaged", "packaged")
    assert not any(updates[name].visible for name in ("url", "name", "sees", "try", "checkpoint", "next"))


def test_the_copied_report_is_on_the_page_and_holds_no_path(tab):
    html = shown(tab, tab.fill())["facts"]
    copied = html.split('data-copy="')[1].split('"')[0]
    assert "DeepSeek-MM" in copied
    assert str(tab.handlers.assistant.config.data) in html
    assert str(tab.handlers.assistant.config.data) not in copied


def test_what_is_fixed_is_disabled_with_the_reason_beside_it(tab, monkeypatch):
    data = str(tab.handlers.assistant.config.data)
    environ = {"DEEPSEEK_MM_LM__URL": "http://me:secret@127.0.0.1:9/v1", "DEEPSEEK_MM_RAG__NUM_REGIONS": "3"}
    monkeypatch.setattr(tab.handlers.services.settings.file, "_environ", environ)
    assert tab.handlers.services.settings.read(LOCAL).config.data.name in data
    updates = shown(tab, tab.fill())
    for name, variable in (("regions", "DEEPSEEK_MM_RAG__NUM_REGIONS"), ("model", "DEEPSEEK_MM_LM__URL")):
        assert not updates[name].interactive
        assert variable in updates[name].info
    assert updates["url"].value == "http://127.0.0.1:9/v1"
    assert not updates["try"].visible
    assert updates["encoder"].interactive


def test_a_save_shows_what_it_became_and_an_error_leaves_what_was_typed(tab):
    right = shown(tab, tab._save(9, 0.6, 0.6, "auto"))
    assert (right["said"].visible, right["regions"].value) == (True, 9)
    assert 'role="status"' in right["said"].value
    wrong = shown(tab, tab._save_models("server", "like", "", False, "packaged", ""))
    assert 'role="alert"' in wrong["said_models"].value
    assert set(wrong) == {"said", "said_models"}
    assert not wrong["said"].visible
    assert 'role="alert"' in shown(tab, tab._save_models("packaged", "", "", False, "own", " "))["said_models"].value
    assert shown(tab, tab._reset())["regions"].value == 6


def test_what_waits_for_the_next_start_stays_on_the_page(tab):
    tab._save_models("none", "", "", False, "own", "some/clip")
    updates = shown(tab, tab.fill())
    assert updates["next"].visible
    assert "language model none" in updates["next"].value
    assert (updates["encoder"].value, updates["checkpoint"].value) == ("own", "some/clip")


def test_a_model_that_looks_at_pictures_is_shown_by_its_name(tab):
    tab._save_models("sees", "", "some/eyes", False, "packaged", "")
    updates = shown(tab, tab.fill())
    assert (updates["model"].value, updates["name"].value) == ("sees", "some/eyes")
    assert [updates[name].visible for name in ("url", "name", "sees", "try")] == [False, True, False, False]


def test_trying_a_server_says_that_it_is_asked_before_it_has_answered(tab):
    steps = [step.value for step in tab._try("http://127.0.0.1:9/v1", "")]
    assert ENGLISH.set_trying in steps[0]
    assert 'role="alert"' in steps[1]


def test_each_way_to_have_a_model_shows_the_fields_that_it_needs():
    assert [field.visible for field in _fields("server")] == [True] * 5
    assert [field.visible for field in _fields("own")] == [False, True, False, False, False]
    assert [field.visible for field in _fields("sees")] == [False, True, False, False, False]
    assert [field.visible for field in _fields("<b>")] == [False] * 5
    assert _checkpoint("own").visible
    assert not _checkpoint("packaged").visible


def test_everything_is_deleted_only_when_the_words_were_typed(tab):
    wrong = shown(tab, tab._empty("delete"))
    assert (wrong["emptied"], "word" in wrong) == (False, False)
    right = shown(tab, tab._empty("Delete  everything"))
    assert (right["emptied"], right["word"]) == (True, "")
    assert ENGLISH.emptied in right["ended"].value


def test_a_settings_file_that_cannot_be_read_is_told(tab):
    (tab.handlers.assistant.config.data / "config.toml").write_text("[rag\n")
    assert "must be a TOML file" in shown(tab, tab.fill())["said"].value


def test_a_slider_that_was_emptied_gets_a_sentence(tab):
    assert "is no number" in _explain(ENGLISH, tab.handlers.certainty, None)
    assert "&lt;" in _explain(ENGLISH, tab.handlers.presence, "<b>")


def test_theme_and_language_can_be_chosen_and_the_page_says_which_language_it_has():
    assert choices(CHINESE).count("data-theme-choice") == 3
    assert 'data-language-choice="zh" aria-pressed="true"' in choices(CHINESE)
    assert 'data-language-choice="zh" aria-pressed="false"' in choices(ENGLISH)


def test_nothing_to_say_takes_the_line_away(tab):
    from ui.html import line

    assert (line(None).visible, line(ActionResult(text="<b>")).value) == (
        False,
        '<p class="hint" role="status">&lt;b&gt;</p>',
    )


def test_whoever_needs_no_login_is_told_how_to_give_people_accounts(tab):
    assert "Nobody logs in here" in shown(tab, tab.fill())["facts"]
    there = tab.wrapped.fill(holder_of("settings", "page"))
    assert "Nobody logs in here" not in shown(tab, there)["facts"]
