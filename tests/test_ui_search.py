"""The Search tab: what is placed, and which updates results become."""

from dataclasses import fields

import gradio as gr
import pytest
from fake_app import paper

from deepseek_mm.config import Config
from ui.filters import Wish
from ui.search import SearchTab
from ui.searching import Results, Searching
from ui.words import ENGLISH


@pytest.fixture
def tab(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    with gr.Blocks():
        yield SearchTab.place(Searching(assistant=assistant, words=ENGLISH))
    assistant.close()


def test_there_is_one_component_for_each_filter_in_the_order_of_a_wish(tab):
    assert list(tab.filters) == [field.name for field in fields(Wish)]
    assert [each.value or "" for each in tab.filters.values()] == [""] * 7


def test_results_that_are_not_certain_are_shown_paler_under_an_honest_line(tab):
    shown = tab.searching.search({"text": "red"}, Wish()).shown
    updates = tab.render(Results(shown=shown, said="Nothing <certain>.", certain=False))
    assert "Nothing &lt;certain&gt;." in updates[tab.board.hint]
    assert "dim" in updates[tab.board.gallery].elem_classes


def test_a_notice_is_an_alert_and_goes_with_the_next_search(tab):
    wrong, right = tab.render(Results(notice="No <date>.")), tab.render(Results(said="fine"))
    assert (wrong[tab.notice].visible, right[tab.notice].visible) == (True, False)
    assert "No &lt;date&gt;." in wrong[tab.notice].value


def test_clearing_puts_everything_away(tab):
    updates = tab.clear()
    assert set(updates) == set(tab.parts)
    assert updates[tab.board.shown] == ()
    assert not updates[tab.board.gallery].visible
