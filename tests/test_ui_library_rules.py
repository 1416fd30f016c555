"""The rules on their tab: which updates a check and a press become."""

import gradio as gr
import pytest
from page_caller import ActingAs, services_of, undescribed
from rag_house import build
from rules_help import fill

from deepseek_mm import SearchFilter
from ui.gateway.events import Press
from ui.library.library_grid import LibraryListing
from ui.library.rules import MOST_LETTERS, RuleHandlers, RulesPart
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import ENGLISH

TEXT = 'near(cup, laptop) -> warn "careful"\nnot exist(laptop) -> note "no laptop"'


@pytest.fixture
def part(tmp_path):
    assistant = build(tmp_path / "library")
    fill(assistant, tmp_path / "photos")
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    with gr.Blocks():
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        ruling = RuleHandlers(services=services_of(assistant), words=ENGLISH)
        yield ActingAs(RulesPart.place(ruling, pictures, viewer))
    assistant.close()


def checked(part: RulesPart, text=TEXT, collection: str = ""):
    return list(part._check(text, LibraryListing(filters=SearchFilter(collection=collection))))[-1]


def pressed(part: RulesPart, found, act="open", what="0"):
    return part._press(found, Press(None, {"act": act, "what": what}))


def test_a_check_fills_the_results_and_remembers_them(part):
    updates = checked(part)
    assert "4 photos checked." in updates[part.html]
    assert updates[part.found].counts == (1, 3)


def test_what_is_checked_is_the_collection_that_the_list_shows(part):
    updates = checked(part, collection="Trip")
    assert "1 photo of Trip checked." in updates[part.html]


def test_a_press_opens_the_photo_with_the_boxes_of_its_rule_and_no_score(part):
    found = checked(part)[part.found]
    updates = pressed(part, found)
    viewed = updates[part.viewer.viewed]
    assert [each.citation.region.label for each in viewed.exhibits] == ["cup", "laptop"]
    assert (viewed.index, viewed.turn) == (0, 0)
    assert ENGLISH.score.partition("{")[0] not in updates[part.viewer.html]
    assert pressed(part, found, what="3")[part.viewer.viewed].at.citation.region.source.name == "cups.png"


@pytest.mark.parametrize(("act", "what"), [("open", "4"), ("open", "-1"), ("open", ""), ("ask", "0"), ("", "")])
def test_a_press_on_what_is_not_there_opens_nothing(part, act, what):
    assert part.viewer.viewed not in pressed(part, checked(part)[part.found], act, what)


@pytest.mark.parametrize("sent", [None, 7, "", "x" * (2 * MOST_LETTERS)])
def test_whatever_a_browser_sends_as_rules_is_answered(part, sent):
    assert 'role="alert"' in checked(part, sent)[part.html]


def test_the_button_that_stops_a_check_works_only_while_one_runs(part):
    assert not part.stop.interactive
    first, *_, last = part._check(TEXT, LibraryListing(filters=SearchFilter()))
    assert first[part.stop].interactive
    assert not last[part.stop].interactive
    assert not part._rest().interactive
