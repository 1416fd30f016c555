"""The dialog that shows a photo large."""

import re
from dataclasses import replace

import gradio as gr
import pytest
from page_caller import ActingAs, undescribed
from PIL import Image

from deepseek_mm import PhotoFacts
from deepseek_mm.types import Citation, PhotoDescription, Query
from index import Label, Region, Source
from index.region import UPLOADS, PhotoStatement, StatedFacts
from ui.photo_info import list_stated
from ui.pictures import PagePictures
from ui.region_html import exhibit
from ui.viewer import MatchReason, Viewer, ViewerState, content
from ui.words import ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def shown(number: int = 1, *, kind: str = "part", source_kind: str = "photo", label: str = "kite"):
    source = Source(path="/a/kite.jpg", kind=source_kind, width_px=400, height_px=200)
    region = Region(source=source, kind=kind, box_px=(0, 0, 50, 50), labels=(Label(name=label, score=0.9),), text="hi")
    return exhibit(Citation(number=number, region=region, score=0.5), ENGLISH)


def drawn(viewed: ViewerState, pictures: PagePictures, words=ENGLISH, facts=PhotoFacts()) -> str:  # noqa: B008
    return content(viewed, pictures, words, facts)


def acts(viewed: ViewerState, pictures: PagePictures) -> list[str]:
    return re.findall(r'data-act="(\w+)"', drawn(viewed, pictures, ENGLISH))


def test_the_dialog_offers_to_turn_only_where_there_is_something_to_turn_to(pictures):
    assert acts(ViewerState(exhibits=(shown(),)), pictures) == ["close", "part", "like", "cut", "ask"]
    both = ["close", "back", "on", "part", "like", "cut", "ask"]
    assert acts(ViewerState(exhibits=(shown(1), shown(2))), pictures) == both


def test_a_part_can_be_looked_for_in_what_is_drawn_and_only_there(pictures):
    assert "cut" not in acts(ViewerState(exhibits=(shown(kind="text", source_kind="document"),)), pictures)
    html = drawn(ViewerState(exhibits=(shown(),)), pictures)
    assert '<div class="correct" data-for="cut" hidden>' in html


def test_a_picture_that_came_with_a_search_is_like_nothing_stored(pictures):
    source = Source(path="/tmp/mine.jpg", width_px=400, height_px=200, collection=UPLOADS)
    brought = exhibit(
        Citation(number=1, region=Region(source=source, kind="whole", box_px=(0, 0, 400, 200)), score=0.0), ENGLISH
    )
    assert acts(ViewerState(exhibits=(brought,)), pictures) == ["close", "part", "cut", "ask"]


def test_a_result_of_a_search_says_why_it_matched_and_marks_the_words(pictures):
    why = MatchReason(query=Query(text="hi there"), verdict="87 % sure", sure=0.87, needed=0.5)
    html = drawn(ViewerState(exhibits=(shown(kind="text", source_kind="document"),), why=why), pictures)
    assert "Why it matched" in html
    assert "<mark>hi</mark>" in html
    assert "Why it matched" not in drawn(ViewerState(exhibits=(shown(),)), pictures)


def test_a_box_can_be_called_wrong_where_an_answer_cites_it_and_nowhere_else(pictures):
    assert "wrong" in acts(ViewerState(exhibits=(shown(),), turn=3), pictures)
    assert "wrong" not in acts(ViewerState(exhibits=(shown(),)), pictures)
    for kind in ("text", "page", "code"):
        assert "wrong" not in acts(ViewerState(exhibits=(shown(kind=kind),), turn=3), pictures)


def test_the_chosen_box_is_strong_and_the_others_on_the_photo_are_thin(pictures):
    html = drawn(ViewerState(exhibits=(shown(1), shown(2)), index=1), pictures, ENGLISH)
    assert re.findall(r'class="(box[^"]*)" data-number="(\d)"', html) == [("box faint", "1"), ("box", "2")]
    assert re.findall(r'<input type="checkbox" data-box="(\d)" (\w+)>', html) == [("0", "checked"), ("1", "checked")]
    assert "data-boxes" in html


def test_nothing_to_show_closes_the_dialog(pictures):
    assert drawn(ViewerState(), pictures, ENGLISH) == ""
    assert drawn(ViewerState(exhibits=(shown(),), index=5), pictures, ENGLISH) == ""


def test_a_label_from_outside_stays_text_in_the_field_where_it_is_corrected(pictures):
    html = drawn(ViewerState(exhibits=(shown(label='"><b>x'),), turn=3), pictures, ENGLISH)
    assert 'value="&quot;&gt;&lt;b&gt;x"' in html
    assert "<b>x" not in html


def test_a_press_opens_the_exhibit_it_means_and_a_wrong_one_opens_nothing(pictures):
    with gr.Blocks():
        viewer = ActingAs(Viewer.place(pictures, ENGLISH, undescribed))
    opened = viewer.open((shown(1), shown(2)), "1", turn=4)
    assert opened[viewer.viewed] == ViewerState(exhibits=(shown(1), shown(2)), index=1, turn=4)
    assert "[2] kite" in opened[viewer.html]
    assert viewer.open((shown(1),), "7") == {viewer.html: gr.skip()}
    assert set(opened) == set(viewer.parts)


def test_what_is_shown_is_numbered_so_that_it_is_shown_once(pictures):
    with gr.Blocks():
        viewer = ActingAs(Viewer.place(pictures, ENGLISH, undescribed))
    viewed = ViewerState(exhibits=(shown(),))
    first, second = (viewer.show(viewed)[viewer.html] for _ in range(2))
    assert [re.findall(r'data-showing="(\d+)"', html) for html in (first, second)] == [["1"], ["2"]]


def test_a_photo_of_the_library_is_described_in_a_field_of_its_own_and_an_upload_is_not(pictures):
    source = Source(id=4, path="/a/kite.jpg", width_px=400, height_px=200)
    region = Region(source=source, box_px=(0, 0, 50, 50))
    each = exhibit(Citation(number=1, region=region, score=0.5), ENGLISH)
    own = PhotoFacts(said=PhotoDescription(text='A "red" </textarea> kite'))
    html = drawn(ViewerState(exhibits=(each,)), pictures, facts=own)
    assert "\nA &quot;red&quot; &lt;/textarea&gt; kite</textarea>" in html
    assert {"describe", "undescribe"} <= set(re.findall(r'data-act="(\w+)"', html))
    assert ENGLISH.description_machine not in html
    by_machine = PhotoFacts(said=PhotoDescription(text="A red kite", machine_made=True))
    html = drawn(ViewerState(exhibits=(each,)), pictures, facts=by_machine)
    assert ENGLISH.description_machine in html
    assert "undescribe" not in html
    upload = replace(region, source=replace(source, collection=UPLOADS))
    html = drawn(
        ViewerState(exhibits=(replace(each, citation=Citation(number=1, region=upload, score=0.5)),)), pictures
    )
    assert 'data-act="describe"' not in html


def test_what_else_was_found_in_a_photo_has_a_box_that_is_hidden_until_it_is_wanted(pictures):
    each = shown(label="kite")
    source = each.citation.region.source
    parts = tuple(
        Region(source=source, box_px=box, labels=(Label(name=name, score=0.5),))
        for name, box in (("<dog>", (100, 50, 200, 100)), ("sky", (0, 0, 400, 200)), ("kite", (0, 0, 50, 50)))
    )
    html = drawn(ViewerState(exhibits=(each,)), pictures, facts=PhotoFacts(parts=parts))
    assert len(re.findall('class="box[ "]', html)) == 2  # not the one of the whole photo, and the cited one once
    assert 'class="box faint" data-box="1" hidden style="left:25.00%;top:25.00%;width:25.00%;height:25.00%' in html
    assert "<b>&lt;dog&gt;</b>" in html
    assert "[1] kite 90 %" in html
    assert "&lt;dog&gt; 50 %" in html
    assert "<dog>" not in html


def test_a_photo_is_zoomed_one_of_several_is_played_and_the_next_is_fetched_ahead(pictures):
    alone, several = ViewerState(exhibits=(shown(),)), ViewerState(exhibits=(shown(1), shown(2)))
    tools = re.compile(r'data-do="(\w+)"')
    assert tools.findall(drawn(alone, pictures)) == ["out", "in", "fit", "cancel"]
    assert tools.findall(drawn(several, pictures)) == ["out", "in", "fit", "play", "cancel"]
    assert 'data-ahead=""' in drawn(alone, pictures)
    assert re.search(r'data-ahead="/picture/[\w.-]+"', drawn(several, pictures))
    assert '<span class="hint">1 / 2</span>' in drawn(several, pictures)


def test_a_text_takes_the_place_of_the_photo_and_is_turned_but_not_zoomed(pictures):
    text = shown(kind="text", source_kind="document")
    html = drawn(ViewerState(exhibits=(text, text)), pictures)
    assert '<div class="seen"><pre class="passage"' in html
    assert re.findall(r'data-do="(\w+)"', html)[0] == "play"
    assert ENGLISH.file_info in html


def test_the_panel_says_what_other_files_say_of_a_photo_and_who_says_it():
    facts = StatedFacts(title="<Tower>", keywords=("Pisa",), people=("Anna",))
    stated = tuple(PhotoStatement(digest="x", origin=origin, facts=facts) for origin in ("takeout", "sidecar"))
    silent = PhotoStatement(digest="x", origin="file", facts=StatedFacts(stars=3))
    rows = list(list_stated((*stated, silent), ENGLISH))
    assert rows == [("Google Photos says", "<Tower>\nPisa\nAnna"), ("Its sidecar says", "<Tower>\nPisa\nAnna")]
