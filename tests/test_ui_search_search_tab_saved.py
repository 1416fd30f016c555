"""Saved searches on the Search tab."""

import gradio as gr
import pytest
from fake_app import paper
from page_caller import request_of, services_of, undescribed

from deepseek_mm.config import Config
from deepseek_mm.history import Saved
from deepseek_mm.types import Query
from ui.gateway.events import Press
from ui.pictures import PagePictures
from ui.search.search_handlers import Results, SearchHandlers, SearchSequence
from ui.search.search_tab import SavedPart, SearchTab, list_searches, text_of
from ui.viewer import Viewer
from ui.words import CHINESE, ENGLISH

ME = "m" * 43
DOGS = Saved(id=7, name="<dogs>", text="a dog", filters=(("since", "2024"),))
AT_HAND = Results(query=Query(text="red green is:photo"))


@pytest.fixture
def part(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    assistant = paper(Config(data=tmp_path / "library"))
    pictures = PagePictures(tmp_path / "pictures", assistant.picture)
    with gr.Blocks():
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        tab = SearchTab.place(SearchHandlers(services=services_of(assistant), words=ENGLISH), pictures, viewer)
        yield SavedPart(tab=tab, services=services_of(assistant))
    assistant.close()


def press(part, act: str, what: object = "", text: str = "", *, kept: object = ME, results=AT_HAND) -> dict:
    """All updates of one press, the later over the earlier."""
    event = Press(None, {"act": act, "what": what, "text": text})
    updates: dict = {}
    for some in part._press(request_of(), event, None, kept, results, SearchSequence()):
        updates |= some
    return updates


def history(part):
    return part.tab.handlers.assistant.history


def test_the_search_at_hand_is_saved_with_its_filters_and_found_again_by_a_press(part):
    html = press(part, "save", text="two colours")[part.tab.saved]
    (kept,) = history(part).saved_searches(session=ME)
    assert (kept.text, kept.filters) == ("red green is:photo", ())
    assert ">two colours</button>" in html
    updates = press(part, "again", str(kept.id), results=Results())
    assert updates[part.tab.box] == {"text": "red green is:photo", "files": []}
    assert updates[part.tab.controls.fields["is"]] == "photos"
    assert updates[part.tab.controls.fields["after"]] == ""
    assert len(updates[part.tab.results].exhibits) == 2


def test_a_saved_search_is_deleted_and_another_browsers_is_not(part):
    kept = history(part).save_search("dogs", "a dog", {}, session="y" * 43)
    assert "no saved search" in press(part, "forget", str(kept.id))[part.tab.notice].value
    mine = history(part).save_search("dogs", "a dog", {}, session=ME)
    press(part, "forget", str(mine.id))
    assert history(part).saved_searches(session=ME) == []


@pytest.mark.parametrize(("act", "what"), [("again", "99"), ("again", "x"), ("", ""), ("drop", "1")])
def test_a_press_that_makes_no_sense_searches_nothing(part, act, what):
    assert part.tab.results not in press(part, act, what)


def test_a_browser_without_a_secret_is_told_so_and_has_no_searches(part):
    assert press(part, "save", text="x", kept=None)[part.tab.notice].visible
    assert "again" not in part.html(request_of(), None, AT_HAND)


def test_a_nameless_search_is_refused_in_a_sentence(part):
    assert "needs a name" in press(part, "save", text=" ")[part.tab.notice].value


def test_names_stay_text_and_each_has_a_button_that_deletes_it():
    html = list_searches([DOGS], Results(), ENGLISH)
    assert "&lt;dogs&gt;" in html
    assert 'aria-label="Delete the saved search &lt;dogs&gt;"' in html
    assert "typed" not in html  # nothing is at hand to be saved
    assert list_searches([], Results(), CHINESE) == ""


def test_what_is_saved_already_or_says_nothing_is_not_offered_to_be_saved():
    assert "typed" in list_searches([DOGS], Results(query=Query(text="a dog")), ENGLISH)
    for query in (Query(text=text_of(DOGS)), Query(like=3), None):
        assert "typed" not in list_searches([DOGS], Results(query=query), ENGLISH)


def test_filters_that_were_saved_beside_the_words_stand_in_the_box_now():
    filters = (("kind", "written"), ("since", "2024"), ("until", "2024-05"), ("collection", "my trip"), ("zoom", "3"))
    text = text_of(Saved(id=1, name="x", text="a dog", filters=filters))
    assert text == 'a dog is:photo kind:text in:"my trip" after:2024 before:2024-06-01'
