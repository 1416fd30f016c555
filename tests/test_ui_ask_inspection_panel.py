"""The panel that says what the model did: every layer's view is on the page, in words as well as in colour."""

import base64
import re
from html import unescape

import pytest
from fake_app import paper
from inspections import inspection
from page_caller import ActingAs, services_of
from PIL import Image

from deepseek_mm.config import Config
from ui.ask.ask_handlers import AskHandlers
from ui.ask.chat import Talk
from ui.ask.inspection_panel import join_ranges, picture_texts, render_inspection
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (200, 100)))


def test_a_token_says_its_experts_for_all_layers_and_for_each(pictures):
    html = render_inspection(inspection("a kite"), pictures, ENGLISH)
    tokens = re.findall(r'<button type="button" class="token"[^>]*>', html)
    assert len(tokens) == 2
    assert 'data-by="2 2 1"' in tokens[0]  # the witness by weight and in layer 2, the coder in layer 3
    (said,) = re.findall(r'data-said="([^"]*)"', tokens[1])
    views = ["witness 55 %, coder 45 %", "witness 75 %, coder 25 %", "coder 65 %, witness 35 %"]
    assert unescape(said).split("|") == views
    assert 'data-chance="given with 50 %"' in tokens[1]
    options = re.findall(r"<option[^>]*>([^<]*)", html)
    assert options == ["all layers, by weight", "layer 2 (sparse)", "layer 3 (growing)"]


def test_only_the_first_token_is_a_stop_of_the_tab_key_and_colour_never_stands_alone(pictures):
    html = render_inspection(inspection("a red kite"), pictures, ENGLISH)
    assert re.findall(r'class="token" tabindex="(-?\d)"', html) == ["0", "-1", "-1"]
    assert re.findall(r"<small>(\d)</small>", html) == ["2", "2", "2"]
    legend = re.findall(r'<li data-expert="(\d)"><i>\d</i> (\w+) <b>(\d+) %</b> <span>([^<]+)</span>', html)
    assert legend == [("1", "coder", "45", "for code, 32 wide"), ("2", "witness", "55", "for evidence, 64 wide")]


def test_layers_are_told_by_stage_and_as_a_table(pictures):
    html = render_inspection(inspection(), pictures, ENGLISH)
    assert "local: 0; growing: 3; global: 1; sparse: 2" in html
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    assert rows[1] == ["0", "local", "the last 32 tokens and the first 32", "9", "no"]
    assert rows[3] == ["2", "sparse", "the 64 blocks of 32 that fit best", "9", "yes"]


def test_the_slider_goes_over_the_readers_layers_and_each_cell_knows_its_veil(pictures):
    html = render_inspection(inspection(), pictures, ENGLISH)
    assert re.findall(r'data-by="([^"]*)"/>', html)[:2] == ["0.00 0.00 0.75", "0.38 0.75 0.00"]
    assert 'min="0" max="2"' in html
    assert 'data-names="all layers|layer 1|layer 2"' in html
    assert "It was asked: is there a kite?" in html
    assert "99 %" in html


@pytest.mark.parametrize(
    ("wording", "told"),
    [
        ("program", "the program&#x27;s own"),
        ("changed", "another model answers now"),
        ("plain", "It has no experts"),
        ("opaque", "does not show what happens inside"),
        ("unkept", "Ask again"),
    ],
)
def test_where_no_experts_can_be_shown_it_says_why_and_that_nobody_looked(pictures, wording, told):
    html = render_inspection(inspection(wording=wording, texts=(), reaches=(), look=None), pictures, ENGLISH)
    assert told in html
    assert ENGLISH.inside_no_look in html
    assert not {"token", "slider", "layers"} & set(re.findall(r'class="(\w+)', html))


def test_it_is_said_in_chinese_and_nothing_from_outside_becomes_markup(pictures):
    nasty = "<img/src=x/onerror=alert(1)>|x"
    told = inspection(nasty, model=nasty)
    html = render_inspection(told, pictures, CHINESE, "<svg/>")
    assert "<img/src=x" not in html
    assert "证人 55 %、编程者 45 %" in html
    assert (CHINESE.inside in html, "onclick" in html, "style=" in html) == (True, False, False)


def test_the_picture_to_be_saved_is_in_the_link(pictures):
    html = render_inspection(inspection(), pictures, ENGLISH, "<svg>kite</svg>")
    (data,) = re.findall(r'download="what-the-model-did\.svg" href="data:image/svg\+xml;base64,([^"]+)"', html)
    assert base64.b64decode(data) == b"<svg>kite</svg>"
    assert picture_texts(CHINESE).experts["witness"] == "证人"


def test_numbers_that_follow_each_other_are_told_as_a_range():
    assert join_ranges([0, 1, 2, 4, 7, 8]) == ["0-2", "4", "7-8"]


def test_an_answer_on_the_page_is_looked_into_and_one_that_is_gone_is_named(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    asking, kept = ActingAs(AskHandlers(services=services_of(assistant), words=ENGLISH)), "m" * 43
    try:
        talk = list(asking.ask({"text": "Is it red?", "files": []}, Talk(), kept, "page"))[-1].talk
        told, drawing = asking.inspect(talk.exchanges[0].answer.turn, talk, kept)
        assert (told.wording, told.question, told.look) == ("model", "Is it red?", None)
        assert drawing.startswith("<svg")
        with pytest.raises(Exception, match="not here any more"):
            asking.inspect(99, talk, kept)
    finally:
        assistant.close()
