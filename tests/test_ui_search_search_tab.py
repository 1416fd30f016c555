"""The Search tab: what is placed, which updates results become, and what a press in the grid does."""

import re
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest
from fake_app import paper
from page_caller import request_of, services_of, undescribed, visitor_here
from rag_house import build, paint, put

from deepseek_mm import LOCAL
from deepseek_mm.config import Config
from index.region import Rating
from ui.html import hint
from ui.pictures import PagePictures
from ui.search.search_handlers import ORDERS, Results, SearchHandlers, SearchSequence
from ui.search.search_tab import SearchTab
from ui.viewer import Viewer
from ui.words import ENGLISH


@pytest.fixture
def tab(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    assistant = paper(Config(data=tmp_path / "library"))
    pictures = PagePictures(tmp_path / "pictures", assistant.picture)
    with gr.Blocks():
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        yield SearchTab.place(SearchHandlers(services=services_of(assistant), words=ENGLISH), pictures, viewer)
    assistant.close()


@pytest.fixture
def found(tab) -> Results:
    return tab.handlers.search({"text": "red green"})


def test_an_older_search_that_speaks_late_puts_the_line_of_the_newer_one_back(tab, found):
    newest = SearchSequence()
    older = tab.run(newest, lambda: Results())
    next(older)
    newer = tab.run(newest, lambda: found)
    next(newer)
    shown = next(newer)
    assert next(older) == {tab.said: shown[tab.said]}


def press(tab, act: str, what: object, results: Results, newest: SearchSequence | None = None) -> dict:
    """All updates of one press, the later over the earlier."""
    updates: dict = {}
    for each in tab._press(visitor_here(), (act, what), results, newest or SearchSequence()):
        updates |= each
    return updates


def test_every_order_of_results_can_be_chosen(tab):
    assert tuple(value for _, value in tab.order.choices) == ORDERS


def test_a_control_writes_into_the_box_which_is_searched_and_read_back(tab, found):
    entry = {"text": "red green", "files": []}
    first, *_, last = tab.run_with_controls(
        lambda text: f"{text} type:pdf colour:red", None, SearchSequence(), found, entry
    )
    assert first[tab.box] == {"text": "red green type:pdf colour:red", "files": []}
    assert first[tab.controls.fields["type"]] == "pdf"
    assert first[tab.controls.chips].count("<li>") == 2
    assert set(tab.controls.parts) < set(first)
    assert last[tab.results].query.text == "red green type:pdf colour:red"


def test_a_box_that_is_emptied_by_a_press_is_a_tab_as_it_was_at_first(tab, found):
    newest = SearchSequence()
    newest.examples = ("kite",)
    *_, last = tab.run_with_controls(lambda text: "", None, newest, found, {"text": "type:pdf", "files": []})
    assert last[tab.results].query is None
    assert 'data-act="try"' in last[tab.grid]
    assert last[tab.said] == hint(ENGLISH.results_examples)


def test_results_become_a_grid_a_line_and_an_order(tab, found):
    updates = tab.render(found)
    assert set(updates) == set(tab.parts)
    assert updates[tab.grid].count("<li") == 2
    assert "90 % sure" in updates[tab.said]
    assert "--sure:0.90;--needed:0.50" in updates[tab.said]
    assert updates[tab.order]["visible"]
    assert "unfilter" not in updates[tab.said]


def test_filters_at_work_can_be_left_where_they_are_told(tab):
    updates = tab.render(tab.handlers.search({"text": "red is:photo"}))
    assert ENGLISH.results_filtered in updates[tab.said]
    assert 'data-act="unfilter"' in updates[tab.said]


def test_a_notice_is_an_alert_and_goes_with_the_next_search(tab, found):
    wrong, right = tab.render(Results(notice="No <date>.")), tab.render(found)
    assert (wrong[tab.notice].visible, right[tab.notice].visible) == (True, False)
    assert "No &lt;date&gt;." in wrong[tab.notice].value


def test_clearing_puts_everything_away(tab):
    updates = tab.clear()
    assert set(updates) == {*tab.parts, tab.newest}
    assert updates[tab.results].query is None
    assert (updates[tab.grid], updates[tab.said]) == ("", hint(ENGLISH.results_idle))
    assert not updates[tab.order]["visible"]


def test_an_empty_library_leads_to_the_library(tab, monkeypatch):
    monkeypatch.setattr(tab.handlers.assistant.store, "counts", lambda: SimpleNamespace(sources=0, regions=0))
    updates = tab.clear()
    assert "Put files in under Library" in updates[tab.said]
    assert updates[tab.grid] == ""


def test_a_press_on_a_tile_opens_it_large_and_a_wrong_one_does_nothing(tab, found):
    assert "grass.jpg" in press(tab, "open", "1", found)[tab.viewer.html]
    for act, what in (("open", "7"), ("open", "<b>"), ("more", "2"), ("try", "9"), ("try", ""), ("nonsense", "1")):
        assert press(tab, act, what, found).keys() <= {tab.notice, tab.viewer.html}


def test_an_example_is_put_into_the_box_and_searched(tab):
    newest = SearchSequence()
    newest.examples = ("kite",)
    updates = press(tab, "try", "0", Results(), newest)
    assert updates[tab.box] == {"text": "kite", "files": []}
    assert updates[tab.controls.chips] == ""
    assert updates[tab.results].query.text == "kite"


def test_of_two_searches_at_once_the_newer_one_is_shown(tab, found):
    newest = SearchSequence()
    older = tab.run(newest, lambda: Results())
    assert ENGLISH.searching in next(older)[tab.said]
    newer = tab.run(newest, lambda: found)
    next(newer)
    assert tab.results not in next(older)
    assert next(newer)[tab.results] is found


def test_a_search_that_was_sent_earlier_and_arrives_later_is_not_made(tab, found):
    newest = SearchSequence()
    newer = tab.run(newest, lambda: found, 20.5)
    next(newer)
    older = tab.run(newest, lambda: pytest.fail("searched in vain"), 10.25)
    next(older)
    assert next(newer)[tab.results] is found
    assert next(older) == {tab.said: tab._describe(found)}
    assert list(older) == list(newer) == []


def test_results_that_reach_the_page_after_newer_ones_are_replaced_by_them(tab, found):
    newest, before = SearchSequence(), Results(notice="before")
    older = tab.run(newest, lambda: before)
    next(older)
    assert next(older)[tab.results] is before  # and this is still on its way when
    newer = tab.run(newest, lambda: found)
    next(newer), next(newer)
    assert next(older)[tab.results] is found


def test_more_that_comes_after_a_newer_search_is_not_shown(tab, found):
    newest = SearchSequence()
    pressed = tab._press(visitor_here(), ("more", str(found.num)), found, newest)
    next(pressed)
    newest.take()
    assert list(pressed) == []


def test_an_export_is_packed_below_the_pages_own_folder_and_linked(tab, found, tmp_path):
    updates = press(tab, "export", "2,1", found)
    assert "2 packed" in updates[tab.said]
    href = updates[tab.packed].split('href="gradio_api/file=')[1].split('"')[0]
    assert re.fullmatch(r"[\w-]{32}", href)
    assert len(list((tmp_path / "page" / "exports").rglob("found-2.zip"))) == 1
    assert 'download="found-2.zip"' in updates[tab.packed]


def test_an_export_without_room_is_a_sentence_and_the_line_comes_back(tab, found, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "exports").write_text("in the way")
    updates = press(tab, "export", "1", found)
    assert "Make room on the disk" in updates[tab.notice].value
    assert "90 % sure" in updates[tab.said]


def holds(monkeypatch, *, nothing: bool) -> None:
    monkeypatch.setattr(SearchHandlers, "is_empty", lambda self: nothing)


def test_an_opened_tab_says_how_to_begin_only_where_that_has_changed(tab, monkeypatch):
    newest = SearchSequence()
    monkeypatch.setattr(SearchHandlers, "find_examples", lambda self, caller: ())
    holds(monkeypatch, nothing=False)
    assert tab.grid not in tab._offer(request_of(), newest)  # nothing of a search is wiped, however late it comes
    holds(monkeypatch, nothing=True)
    assert ENGLISH.results_no_library in tab._offer(request_of(), newest)[tab.said]
    assert tab.grid not in tab._offer(request_of(), newest)
    holds(monkeypatch, nothing=False)
    assert tab.grid in tab._offer(request_of(), newest)


def test_an_opened_tab_offers_searches_that_were_tried_on_this_library(tab, monkeypatch):
    newest, found = SearchSequence(), ("kite",)
    monkeypatch.setattr(SearchHandlers, "find_examples", lambda self, caller: found)
    assert "kite" in tab._offer(request_of(), newest)[tab.grid]
    assert tab.grid not in tab._offer(request_of(), newest)  # they stand there


def test_what_an_opened_tab_says_never_comes_over_what_somebody_searched_for_meanwhile(tab, found, monkeypatch):
    holds(monkeypatch, nothing=True)
    newest = SearchSequence()
    running = tab.run(newest, lambda: found)
    next(running)
    assert tab.grid not in tab._offer(request_of(), newest)  # it is on its way
    fresh, choices = SearchSequence(), tab.handlers.choices

    def while_somebody_searches():
        list(tab.run(fresh, lambda: found))
        return choices()

    monkeypatch.setattr(SearchHandlers, "choices", lambda self: while_somebody_searches())
    updates = tab._offer(request_of(), fresh)
    assert tab.grid not in updates
    assert tab.controls.fields["label"] in updates


def test_a_tab_that_was_emptied_says_again_how_to_begin_once_something_is_there(tab, found, monkeypatch):
    newest = SearchSequence()
    list(tab.run(newest, lambda: found))
    holds(monkeypatch, nothing=True)
    assert tab.grid not in tab._offer(request_of(), newest)
    emptied = tab.clear()
    assert tab.grid in emptied
    list(tab.run(newest, lambda: Results()))  # the last condition was taken away
    holds(monkeypatch, nothing=False)
    assert tab.grid in tab._offer(request_of(), emptied[tab.newest])
    assert tab.grid in tab._offer(request_of(), newest)


def test_photos_that_were_found_become_favourites_and_come_into_an_album_and_other_files_do_not(tmp_path):
    with build(tmp_path / "library") as assistant, gr.Blocks():
        put(assistant, paint(tmp_path, "1.png", "red"), paint(tmp_path, "2.png", "green"))
        pictures = PagePictures(tmp_path / "pictures", assistant.picture)
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        services = services_of(assistant)
        tab = SearchTab.place(SearchHandlers(services=services, words=ENGLISH), pictures, viewer)
        one, two = (assistant.store.leading([number])[number] for number in (1, 2))
        text = replace(one, source=replace(one.source, kind="document"))
        keep = SimpleNamespace(act="put", text="Trip")
        assert tab._keep(LOCAL, keep, [two, one, two])[tab.said] == hint("Trip has 2 photos now.")
        assert ENGLISH.photos_only in str(tab._keep(LOCAL, keep, [text])[tab.notice].value)
        assert "Type the name" in str(tab._keep(LOCAL, SimpleNamespace(act="put", text=" "), [one])[tab.notice].value)
        tab._keep(LOCAL, SimpleNamespace(act="favourite", text=""), [one])
        assert services.photos.read_ratings(LOCAL, [1, 2]) == {1: Rating(is_favourite=True)}
