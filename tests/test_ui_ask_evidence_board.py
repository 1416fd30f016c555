"""The evidence beside an answer."""

import re
from dataclasses import replace

import pytest
from PIL import Image

from deepseek_mm.types import Answer, Citation
from index import Region, Source
from ui.ask.evidence_board import board
from ui.pictures import PagePictures
from ui.words import ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def answer(*numbers: int, **more) -> Answer:
    source = Source(path="/a/kite.jpg", width_px=400, height_px=200)
    cited = tuple(Citation(number=n, region=Region(source=source, box_px=(0, 0, 50, 50)), score=0.5) for n in numbers)
    return Answer(text="Yes.", citations=cited, turn=7, **more)


def test_every_citation_is_on_the_board_under_its_number_and_can_be_opened(pictures):
    html = board(answer(1, 4), pictures, ENGLISH)
    assert re.findall(r'<li data-number="(\d+)">', html) == ["1", "4"]
    assert re.findall(r'data-act="open" data-what="(\d+)"', html) == ["0", "1"]
    assert 'data-turn="7"' in html  # claims of this answer light its boxes
    assert ENGLISH.evidence_hint in html


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, ENGLISH.evidence_idle),
        (answer(), ENGLISH.evidence_none),
        (answer(state="running"), ENGLISH.looking),
        (answer(1, state="running"), ENGLISH.evidence_hint),
    ],
)
def test_a_board_without_photos_says_why(pictures, given, said):
    assert said in board(given, pictures, ENGLISH)


def test_how_it_came_about_is_told_folded_when_the_answer_is_over(pictures):
    assert "<details" not in board(answer(1, state="running"), pictures, ENGLISH)
    assert '<details class="timeline"><summary>' in board(answer(1), pictures, ENGLISH)


def test_what_differs_from_the_answer_before_stands_above_the_evidence_once_the_new_one_is_whole(pictures):
    before, after = replace(answer(1), turn=6), answer(1, 4)
    html = board(after, pictures, ENGLISH, before=before)
    assert html.index(ENGLISH.changed) < html.index('class="shots"')
    assert ENGLISH.changed not in board(replace(after, state="running"), pictures, ENGLISH, before=before)
    assert ENGLISH.changed not in board(after, pictures, ENGLISH)
