"""An inspection as one picture: sound XML that needs nothing from elsewhere, and says what the panel says."""

import re
from xml.etree import ElementTree

from inspections import inspection, trace_of
from PIL import Image

from deepseek_mm.services.inspection_picture import INKS, DrawingTexts, draw_inspection

PHOTO = Image.new("RGB", (200, 100), "red")
SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_each_token_stands_in_the_colour_of_its_heaviest_expert_with_that_ones_number():
    svg = draw_inspection(inspection("a kite"), PHOTO)
    said = texts_of(svg)
    assert said[1:5] == ["a", "2", " kite", "2"]
    assert svg.count(f'fill="{INKS[1]}"') == 3  # two tokens and the legend
    assert "2 witness 55 %" in said  # (0.75 + 0.35) / 2


def test_the_photo_lies_inside_once_and_under_it_a_map_of_all_layers_and_each():
    svg = draw_inspection(inspection(), PHOTO)
    assert (svg.count("data:image/jpeg;base64,"), svg.count('href="#photo"')) == (1, 3)
    assert texts_of(svg)[-3:] == ["all layers", "layer 1", "layer 2"]
    veils = re.findall(r"<g transform[^>]*>(.*?)</g>", svg)
    assert [re.findall(r'opacity="([\d.]+)"', veil) for veil in veils[1:]] == [
        ["0.00", "0.75", "0.75", "0.75"],
        ["0.75", "0.00", "0.00", "0.75"],
    ]


def test_it_names_no_address_and_holds_no_script_whatever_the_words_say():
    nasty = '</text><script>alert(1)</script> "&\x00'
    told = inspection(nasty, question=nasty)
    svg = draw_inspection(told, PHOTO, DrawingTexts(layer=nasty))
    assert "<script" not in svg
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "<script>alert(1)</script>" in "".join(texts_of(svg))


def test_without_a_trace_it_says_so_and_without_a_photo_it_has_no_map():
    svg = draw_inspection(inspection(texts=()), None)
    assert "No word of this answer was written by a model with experts." in texts_of(svg)
    assert "#photo" not in svg


def test_long_texts_are_broken_into_lines_within_the_paper():
    told = inspection("word " * 300)
    assert trace_of("word " * 300).tokens
    root = ElementTree.fromstring(draw_inspection(told, None))
    right = [float(each.get("x", 0)) + float(each.get("width", 0)) for each in root.iter(f"{SVG}rect")]
    assert max(right) <= float(root.get("width", 0))
