"""The History tab as it is placed and joined: what a press sends, and which components answer."""

import re
from dataclasses import replace

import gradio as gr
import pytest
from fake_app import paper
from page_caller import ActingAs, services_of, undescribed, visitor_here
from past_help import keep, kite, turn

from deepseek_mm import ReplayState
from deepseek_mm.config import Config
from deepseek_mm.services.replay_service import ReplayService
from ui.ask.ask_handlers import AskHandlers
from ui.gateway.events import Press
from ui.history.history_handlers import PAGE, HistoryHandlers, HistoryState
from ui.history.history_tab import HistoryTab, heading
from ui.html import link
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import ENGLISH

ME = "m" * 43


@pytest.fixture
def tab(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    assistant = paper(Config(data=tmp_path / "library"))
    services = services_of(assistant)
    asking = AskHandlers(services=services, words=ENGLISH)
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    with gr.Blocks():
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        placed = HistoryTab.place(
            HistoryHandlers(services=services, ask_handlers=asking, words=ENGLISH), pictures, viewer
        )
    yield ActingAs(placed)
    assistant.close()


def event(act: str, what: object = "") -> Press:
    return Press(None, {"act": act, "what": what})


def opened(tab: HistoryTab, number: int) -> HistoryState:
    return tab.handlers.act(HistoryState(), ("open", str(number)), ME)


def test_what_is_shown_reaches_every_component_of_the_tab(tab):
    past = opened(tab, keep(tab.handlers.ask_handlers.assistant.history, ME, "What flies?"))
    shown = tab.render(visitor_here(), past, "", PAGE, ME)
    assert set(shown) == set(tab.parts)
    assert "What flies?" in shown[tab.pieces["head"]]
    assert 'aria-current="true"' in shown[tab.pieces["listed"]]
    assert shown[tab.pieces["chat"]].visible
    assert not tab.render(visitor_here(), HistoryState(), "", PAGE, ME)[tab.pieces["chat"]].visible


def test_a_search_changes_the_list_only(tab):
    keep(tab.handlers.ask_handlers.assistant.history, ME, "What flies?")
    updates = tab._list(HistoryState(), "goat", PAGE, ME)
    assert set(updates) == {tab.pieces["above"], tab.pieces["listed"]}
    assert ENGLISH.past_not_found in updates[tab.pieces["listed"]]


def test_a_citation_opens_the_large_photo_and_one_that_is_not_there_nothing(tab, tmp_path):
    number = keep(
        tab.handlers.ask_handlers.assistant.history, ME, "What flies?", turn("What flies?", cites=[kite(tmp_path)])
    )
    past = opened(tab, number)
    at = past.talk.exchanges[0].answer.turn
    shown = tab._read(event("cite", f"{at}:1"), past, "", PAGE, ME)
    assert shown[tab.viewer.viewed].turn == at
    assert "red kite" in shown[tab.viewer.html]
    assert list(tab._read(event("cite", f"{at}:2"), past, "", PAGE, ME)) == [tab.past]


def test_a_press_in_the_conversation_reads_on(tab):
    number = keep(tab.handlers.ask_handlers.assistant.history, ME, "long", *(turn(f"q{n}") for n in range(30)))
    shown = tab._read(event("earlier"), opened(tab, number), "", PAGE, ME)
    assert len(shown[tab.past].talk.exchanges) == 30


def test_a_press_may_carry_anything():
    pressed = event("open", 7), event(None, ["x"]), Press(None, None)
    assert [(each.act, each.what, each.text) for each in pressed] == [
        ("open", "7", ""), ("None", "['x']", ""), ("", "", ""),
    ]  # fmt: skip


def test_a_link_leads_to_the_file_whatever_its_name():
    html = link("an-id", 'What? "#1" & 50 %.md')
    assert re.findall(r'"([^"]*)"', html) == ["gradio_api/file=an-id", "What? &quot;#1&quot; &amp; 50 %.md"]


def test_every_control_of_the_tab_has_a_name(tab):
    assert tab.find.label == ENGLISH.past_find
    assert tab.take.label == ENGLISH.past_import


def test_a_look_at_an_answering_shows_how_far_it_is_and_the_timer_rests_when_it_has_ended(tab, monkeypatch):
    past = opened(tab, keep(tab.handlers.ask_handlers.assistant.history, ME, "What flies?"))
    running = ReplayState(conversation=past.about.id, step="asking", total=1)
    for state in (running, replace(running, step="done")):
        monkeypatch.setattr(ReplayService, "find_replay", lambda self, caller: state)  # noqa: B023
        shown = tab._look(past, ME)
        assert shown[tab.timer].active == state.is_active
        assert ("<progress" in shown[tab.pieces["again"]]) == state.is_active
        assert (tab.pieces["head"] in shown) != state.is_active
    assert "again" in heading(past, ENGLISH)
    assert 'data-act="again"' not in heading(replace(past, replay=running), ENGLISH)
