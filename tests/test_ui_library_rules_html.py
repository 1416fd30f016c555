"""What rules found as HTML, and as what the large view shows; nothing from outside becomes HTML."""

import re

import pytest
from PIL import Image

from deepseek_mm.answering.scene_programs import Held
from deepseek_mm.logic.rules import rules_of
from index import Label, Region, Source
from ui.library.rules import MOST, RuleCase, RuleResults, exhibits, render_rules
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

WARN, NOTE = rules_of(['near(cup, laptop) -> warn "a <b>"', 'not exist(dog) -> note "no dog"'])
BOXES = {"cup": (0, 0, 40, 40), "<i>": (50, 50, 90, 90)}


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def case(rule, name: str, *boxes: str) -> RuleCase:
    source = Source(path=f"/photos/{name}.jpg", width_px=200, height_px=100)
    regions = tuple(
        Region(source=source, box_px=BOXES[label], labels=(Label(name=label, score=0.9),)) for label in boxes
    )
    photo = Region(source=source, kind="whole", box_px=(0, 0, 200, 100))
    return RuleCase(photo=photo, held=Held(rule=rule, regions=regions))


def found(**changes) -> RuleResults:
    told = {
        "rules": (WARN, NOTE),
        "counts": (1, 2),
        "cases": ((case(WARN, "<desk>", "cup", "<i>"),), (case(NOTE, "a"), case(NOTE, "b"))),
        "done": 9,
        "total": 9,
        "ended": True,
    }
    return RuleResults(**told | changes)


def test_each_rule_stands_over_its_photos_with_its_kind_its_count_and_what_it_is_worth(pictures):
    html = render_rules(found(), pictures, ENGLISH)
    titles = [re.sub("<[^>]+>", "", title) for title in re.findall("<h3>(.*?)</h3>", html)]
    assert titles == ["warning a &lt;b&gt; 1 photo", "note no dog 2 photos · as far as boxes tell"]
    assert re.findall('<p class="caption">(.*?)</p>', html) == ["&lt;desk&gt;.jpg", "a.jpg", "b.jpg"]
    assert re.findall(r'data-act="open" data-what="(\d+)"', html) == ["0", "1", "2"]
    assert '<p class="hint why">cup 90 %, &lt;i&gt; 90 %</p>' in html


def test_the_boxes_that_a_rule_rests_on_are_drawn_and_no_photo_can_be_chosen(pictures):
    html = render_rules(found(), pictures, ENGLISH)
    assert re.findall(r'class="box" data-number="(\d)"', html) == ["1", "2"]
    assert 'type="checkbox"' not in html


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, f"9 photos checked. {ENGLISH.rules_caveat}"),
        ({"counts": (1, 0), "cases": (found().cases[0], ())}, "9 photos checked."),
        ({"counts": (0, 0), "cases": ((), ())}, "9 photos checked. No rule holds, as far as boxes tell."),
        ({"collection": "<Trip>", "done": 1, "counts": (1, 0)}, "1 photo of &lt;Trip&gt; checked."),
        ({"ended": False, "done": 3_000, "total": 9_000}, "3,000 of 9,000 photos checked."),
    ],
)
def test_the_first_line_says_how_many_were_checked_and_what_that_is_worth(pictures, changes, said):
    html = render_rules(found(**changes), pictures, ENGLISH)
    assert re.match('<p class="hint" role="status">(.*?)</p>', html)[1] == said


def test_where_more_photos_are_than_shown_it_is_said(pictures):
    told = ENGLISH.rules_first.format(most=MOST)
    assert told in render_rules(found(counts=(1, 500)), pictures, ENGLISH)
    assert told not in render_rules(found(), pictures, ENGLISH)


def test_a_mistake_keeps_its_lines_and_is_escaped_and_nothing_is_nothing(pictures):
    html = render_rules(RuleResults(trouble="line 2\n  <x>\n  ^", ended=True), pictures, CHINESE)
    assert html == '<pre class="notice wrong" role="alert">line 2\n  &lt;x&gt;\n  ^</pre>'
    assert render_rules(RuleResults(), pictures, ENGLISH) == ""


def test_a_case_opens_with_its_boxes_numbered_and_without_boxes_as_the_photo():
    first, second = exhibits(case(WARN, "desk", "cup", "<i>"), ENGLISH)
    assert (first.caption, first.citation.number) == ("[1] cup - desk.jpg\na <b>", 1)
    assert (second.caption, second.citation.region.box_px) == ("[2] <i> - desk.jpg\na <b>", BOXES["<i>"])
    (whole,) = exhibits(case(NOTE, "a"), ENGLISH)
    assert (whole.caption, whole.citation.region.kind) == ("a.jpg\nno dog (as far as boxes tell)", "whole")
