"""Why a result matched, as the dialog says it."""

from types import SimpleNamespace

import pytest
from PIL import Image

from deepseek_mm.retrieval.certainty import MeasuredErrors
from deepseek_mm.types import Citation, Found, Match, Query
from index import Region, Source
from ui.pictures import HeatMaps, PagePictures
from ui.region_html import EvidenceItem
from ui.search.search_handlers import Results, exhibit
from ui.viewer import MatchReason, heat, mark_hits, section, why_of
from ui.words import CHINESE, ENGLISH

PHOTO = Region(source=Source(path="/a/kite.jpg", width_px=40, height_px=20), kind="whole", box_px=(0, 0, 40, 20))
TEXT = Region(source=Source(path="/a/kite.jpg"), kind="text", box_px=(0, 0, 40, 20), text="Kites")
MEASURED = MeasuredErrors(there=(0.2, 0.6, 0.8, 0.9), absent=(0.1, 0.2, 0.3, 0.6))


def house(measured):
    return SimpleNamespace(retriever=SimpleNamespace(search=SimpleNamespace(measured_errors=measured)))


def results(**query) -> Results:
    match = Match(region=PHOTO, score=0.31)
    return Results(query=Query(**query), found=Found(matches=(match,), found=True, certainty=0.87, threshold=0.5))


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    pictures = PagePictures(tmp_path, lambda source, page: Image.new("RGB", (40, 20)))
    pictures.heats = HeatMaps(lambda query, region: Image.new("RGBA", (2, 2)))
    return pictures


def test_the_certainty_stands_beside_the_threshold_and_what_it_means():
    why = why_of(results(text="a kite"), house(MEASURED), ENGLISH)
    assert why.verdict == "The nearest one. 87 % sure that the library has it, 50 % needed."
    assert why.means.startswith("With 50 % needed, 25 % of things that are not there are called found, and 25 %")


def test_what_was_not_measured_is_not_told_nor_that_of_words_for_a_picture():
    assert why_of(results(text="a kite"), house(None), ENGLISH).means == ""
    assert why_of(results(like=3), house(MEASURED), ENGLISH).means == ""
    assert why_of(Results(), house(MEASURED), ENGLISH) is None


def test_words_that_hit_are_marked_in_any_number_and_the_text_stays_text():
    why = MatchReason(query=Query(text="the kites of a dog"), verdict="")
    assert mark_hits("A <kite> & 2 Dogs.", why) == "A &lt;<mark>kite</mark>&gt; &amp; 2 <mark>Dogs</mark>."
    assert mark_hits("a <b>", None) == "a &lt;b&gt;"


def test_a_photo_has_a_heat_map_and_words_read_in_it_or_a_cited_photo_have_none(pictures):
    why = MatchReason(query=Query(text="kite"), verdict="")
    assert heat(why, PHOTO, pictures).startswith('<img class="heat" src="/heat/')
    assert heat(why, TEXT, pictures) == heat(None, PHOTO, pictures) == ""
    pictures.heats = None
    assert heat(why, PHOTO, pictures) == ""


def test_the_section_gives_the_reasons_the_meter_and_the_legend_of_the_heat():
    why = MatchReason(query=Query(text="kite"), verdict="87 % <sure>", sure=0.87, needed=0.5)
    html = section(why, exhibit(1, Match(region=PHOTO, score=0.3, relevance=0.31, why=("kite",)), ENGLISH), ENGLISH)
    assert "31 % likely - matches: kite" in html
    assert "--sure:0.87;--needed:0.50" in html
    assert "87 % &lt;sure&gt;" in html
    assert 'data-heat aria-pressed="true">Heat map<' in html
    assert section(None, exhibit(1, Match(region=PHOTO, score=0.31), ENGLISH), ENGLISH) == ""


def test_a_text_has_reasons_and_no_legend_and_chinese_speaks_chinese():
    each = EvidenceItem(citation=Citation(number=1, region=TEXT, score=0.4), caption="[1] x\n因为")
    html = section(MatchReason(query=Query(text="kite"), verdict=""), each, CHINESE)
    assert "data-heat" not in html
    assert "匹配原因" in html
