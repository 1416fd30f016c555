"""The grid's HTML: one tile a result, its end, its bar; nothing from outside becomes HTML."""

import re
from dataclasses import replace

import pytest
from PIL import Image

from deepseek_mm.types import Found, Match, Query
from index import Label, Region, Source
from ui.pictures import PagePictures
from ui.region_html import NARROWEST, SHEET, WIDEST
from ui.search.search_handlers import REACH, SORTED, STEP, Results, grid, grown, idle, select_items
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def match(number: int = 1, *, name: str = "", size: tuple[int, int] = (400, 200), **changes) -> Match:
    kind = changes.pop("kind", "part")
    source = Source(
        path=f"/photos/{name or number}.jpg", width_px=size[0], height_px=size[1],
        kind="code" if kind == "code" else "photo",
    )  # fmt: skip
    labels = (Label(name=changes.pop("label", "dog"), score=0.934),)
    region = Region(id=number, source=source, box_px=(40, 20, 240, 120), labels=labels, kind=kind, text="x = 1")
    return Match(region=region, score=0.314, relevance=0.83, **changes)


def results(*matches: Match, num: int = 0, **changes) -> Results:
    found = Found(matches=matches, found=True, certainty=0.9)
    exhibits = grown((), matches, ENGLISH)
    options = {"reach": REACH[0], "is_all": True} | changes
    return Results(query=Query(text="dog"), found=found, exhibits=exhibits, num=num or len(exhibits), **options)


def test_a_tile_names_itself_its_file_and_its_reasons(pictures):
    html = grid(results(match(why=("dog",), twins=(match(7).region,))), pictures, ENGLISH)
    assert 'aria-label="[1] dog - 1.jpg"' in html
    assert '<p class="caption">1.jpg</p>' in html
    assert "dog 93 % · 83 % likely · matches: dog · +1 alike" in html
    assert 'aria-label="Select [1] dog - 1.jpg"' in html
    assert 'class="box" data-number="1"' in html


def test_only_the_first_tile_is_reached_by_the_tab_key(pictures):
    html = grid(results(match(1), match(2), match(3)), pictures, ENGLISH)
    assert re.findall(r'class="look".*?tabindex="(-?\d)"', html) == ["0", "-1", "-1"]
    assert re.findall(r'class="pick" tabindex="(-?\d)"', html) == ["-1"] * 3


@pytest.mark.parametrize(
    ("size", "ratio"), [((400, 200), 2.0), ((4000, 200), WIDEST), ((100, 900), NARROWEST), ((300, 300), 1.0)]
)
def test_a_tile_is_as_wide_as_its_photo_wants_within_bounds(pictures, size, ratio):
    assert f"--ratio:{ratio:.3f}" in grid(results(match(size=size)), pictures, ENGLISH)


def test_a_text_is_a_sheet_of_one_shape(pictures):
    html = grid(results(match(kind="code")), pictures, ENGLISH)
    assert f"--ratio:{SHEET:.3f}" in html
    assert "x = 1" in html


def test_what_files_and_labels_say_is_escaped_everywhere(pictures):
    nasty = '"><img src=x onerror=hit><script>'
    html = grid(results(match(name=nasty, label=nasty, why=(nasty,))), pictures, ENGLISH)
    assert "<script" not in html
    assert html.count("<img") == 1
    assert 'data-path="/photos/&quot;&gt;&lt;img' in html


def test_there_is_more_until_all_is_shown(pictures):
    many = [match(n) for n in range(1, 31)]
    assert f'data-act="more" data-what="{STEP}"' in grid(results(*many, num=STEP), pictures, ENGLISH)
    end = grid(results(*many), pictures, ENGLISH)
    assert 'data-act="more"' not in end
    assert "That is all: 30." in end


def test_the_farthest_look_says_how_to_go_on(pictures):
    far = results(*[match(n) for n in range(1, 41)], reach=REACH[-1], is_all=False)
    assert "These are the 40 nearest. Say more exactly" in grid(far, pictures, ENGLISH)
    sorted_ = results(*[match(n) for n in range(1, SORTED + 1)], order="name", is_all=False)
    assert f"These are the {SORTED} nearest" in grid(sorted_, pictures, ENGLISH)


def test_what_is_only_the_nearest_is_paler(pictures):
    sure = results(match())
    unsure = replace(sure, found=replace(sure.found, found=False))
    assert '<ul class="grid"' in grid(sure, pictures, ENGLISH)
    assert '<ul class="grid dim"' in grid(unsure, pictures, ENGLISH)


def test_the_bar_waits_hidden_with_its_words(pictures):
    html = grid(results(match()), pictures, CHINESE)
    assert re.search(r'<div class="picked"[^>]*hidden>', html)
    for text in (CHINESE.ask_selected, CHINESE.export, CHINESE.copy_paths, CHINESE.select_all, CHINESE.unselect):
        assert f">{text}</button>" in html


def test_nothing_found_is_no_grid(pictures):
    assert grid(results(), pictures, ENGLISH) == ""


def test_before_the_first_search_examples_are_offered_where_there_are_any():
    assert re.findall(r'data-act="try" data-what="(\d)"', idle(("a cat", "fruit"))) == ["0", "1"]
    assert idle(()) == ""


@pytest.mark.parametrize(("what", "chosen"), [("2,1", [1, 2]), ("3", [3]), ("9,x,<b>", []), ("", []), (None, [])])
def test_the_chosen_ones_are_those_whose_numbers_came(what, chosen):
    exhibits = results(match(1), match(2), match(3)).visible
    assert [each.citation.number for each in select_items(exhibits, what)] == chosen


def test_a_button_opens_what_is_unlikely(pictures):
    matches = (match(1), match(2, likely=False), match(3, likely=False))
    assert "2 more that are unlikely" in grid(results(*matches, num=1), pictures, ENGLISH)
    assert "unlikely" not in grid(results(*matches), pictures, ENGLISH)


def test_photos_and_documents_stand_apart_under_headings_where_both_are_found(pictures):
    page = replace(match(2).region.source, kind="document", path="/docs/2.pdf")
    mixed = results(match(1), replace(match(2), region=replace(match(2).region, source=page)), match(3))
    html = grid(mixed, pictures, ENGLISH)
    assert re.findall(r'<h3 class="of-kind">([^<]+)</h3>', html) == [ENGLISH.photos, ENGLISH.documents]
    assert [each.citation.number for each in mixed.visible] == [1, 3, 2]
    assert re.findall(r'data-act="open" data-what="(\d)"', html) == ["0", "1", "2"]
    assert "of-kind" not in grid(results(match(1), match(2)), pictures, ENGLISH)
