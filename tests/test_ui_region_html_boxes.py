"""Boxes over photos: where they stand, and that nothing from outside becomes HTML."""

import re

import pytest
from PIL import Image

from deepseek_mm.types import Citation
from index import Label, Region, Source
from ui.pictures import PagePictures
from ui.region_html import Mark, box, card, crop, marks_of, shot
from ui.words import ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def region(path: str = "/a/kite.jpg", label: str = "kite", **more) -> Region:
    source = Source(path=path, kind=more.pop("source_kind", "photo"), width_px=400, height_px=200)
    labels = (Label(name=label, score=0.9),) if label else ()
    return Region(source=source, box_px=more.pop("box_px", (40, 20, 240, 120)), labels=labels, **more)


def test_a_box_stands_in_per_cent_of_the_sides():
    html = box(Mark(number=3, box_px=(40, 20, 240, 120)), (400, 200))
    assert "left:10.00%;top:10.00%;width:50.00%;height:50.00%" in html
    assert ">3<" in html
    assert "faint" not in html
    assert "faint" in box(Mark(number=3, box_px=(40, 20, 240, 120), strong=False), (400, 200))


@pytest.mark.parametrize("place", [(0, 0, 400, 200), (2, 1, 399, 200), (500, 0, 600, 100), (5, 5, 5, 5)])
def test_a_box_of_everything_or_of_nothing_is_not_drawn(place):
    assert box(Mark(number=1, box_px=place), (400, 200)) == ""


def test_a_photo_of_unknown_size_has_no_boxes_and_says_no_size(tmp_path):
    def gone(source, page):
        raise OSError("gone")

    html = shot(PagePictures(tmp_path, gone), Region(source=Source(path="/x.jpg"), box_px=(1, 1, 9, 9)),
                [Mark(number=1, box_px=(1, 1, 9, 9))], ENGLISH)  # fmt: skip
    assert "box" not in html
    assert "width=" not in html


def test_names_from_outside_are_escaped_in_a_shot(pictures):
    html = shot(pictures, region('/a/"><img src=x onerror=hit>.jpg', "<b>bold</b>"), [], ENGLISH)
    assert re.findall(r"<(\w+)", html) == ["span", "img"]
    assert "&quot;&gt;&lt;img" in html


def test_a_text_without_a_picture_is_a_card_that_is_escaped_and_cut(pictures):
    code = region("/a/x.py", "", kind="code", source_kind="code", text="<script>" + "x" * 500, box_px=(0, 0, 0, 0))
    html = shot(pictures, code, [], ENGLISH)
    assert html == card(code)
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert len(html) < 400


def test_a_large_photo_is_not_lazy_and_a_small_one_is(pictures):
    assert 'loading="lazy"' in shot(pictures, region(), [], ENGLISH)
    assert 'loading="lazy"' not in shot(pictures, region(), [], ENGLISH, large=True)


def test_a_tiny_picture_shows_the_region_and_a_little_around_it(pictures):
    html = crop(pictures, Citation(number=1, region=region(), score=0.5))
    assert html.startswith('<img src="/picture/')
    text = Citation(number=1, region=region("/a.md", "", kind="text", source_kind="document"), score=0.5)
    assert crop(pictures, text) == '<i class="leaf" aria-hidden="true"></i>'


def test_the_chosen_citation_is_strong_and_those_of_other_photos_are_absent():
    cited = [
        Citation(number=1, region=region(), score=0.5),
        Citation(number=2, region=region(box_px=(1, 2, 30, 40)), score=0.4),
        Citation(number=3, region=region("/a/other.jpg"), score=0.3),
    ]
    assert marks_of(cited, 1) == [
        Mark(number=1, box_px=(40, 20, 240, 120), strong=False),
        Mark(number=2, box_px=(1, 2, 30, 40), strong=True),
    ]
