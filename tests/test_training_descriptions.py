"""What descriptions are trained with: pictures drawn by lot, kinds told apart, and what counts as a right noun."""

import json
from random import Random

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.training.descriptions.drawn_pictures import draw_shapes, make_odd, photograph
from deepseek_mm.training.descriptions.gate import ComparedPhoto, fit_gate, is_said, judge_held_out, read_asked_rows
from deepseek_mm.training.descriptions.kinds import fit_garments, fit_kinds, list_others
from deepseek_mm.training.descriptions.kinds import hash_picture as hash_of
from deepseek_mm.training.descriptions.pages import PAGES, PageMaker, read_icons
from deepseek_mm.training.descriptions.plots import FILLS, NAMES, draw_plot
from deepseek_mm.vision.caption_gate import CaptionEvidence
from deepseek_mm.vision.captioner import Caption
from deepseek_mm.vision.picture_kind import KINDS, softmax

MAKER = PageMaker(["one two three four five six <seven> eight nine ten eleven twelve"] * 9, ["x = 1\ny = 2"], ["p"], [])


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3))
    Image.fromarray(pixels.astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.mark.parametrize("kind", PAGES)
def test_pages_of_every_kind_are_the_same_for_the_same_lot_and_escape_what_they_show(kind):
    maker = PageMaker(MAKER.sentences, MAKER.code, ["p"] * 6, ['viewBox="0 0 9 9"><path/>'] * 6)
    for seed in range(12):
        made = maker.make(kind, Random(seed))
        assert made == maker.make(kind, Random(seed))
        assert "<seven>" not in made.html
        assert made.caption.startswith("a")
        assert min(made.size_px) > 50


def test_icons_are_read_as_iconify_packs_them(tmp_path):
    file = tmp_path / "icons.json"
    file.write_text(json.dumps({"height": 72, "icons": {"dog": {"body": "<path/>"}}}))
    assert read_icons(file) == ['viewBox="0 0 72 72"><path/>']


def test_plots_have_titles_of_their_own_and_every_kind_can_be_filled():
    image, said = draw_plot(Random(3))
    assert image.mode == "RGB"
    assert len(image.getcolors(1 << 24)) > 3
    assert "plot" in said or "chart" in said or "map" in said
    assert set(FILLS) == set(NAMES)


def test_shapes_papers_and_odd_photos_are_pictures_with_sentences(photo):
    image, said = draw_shapes(Random(1))
    assert image.size[0] == image.size[1]
    assert said.startswith("a drawing of")
    paper = Image.new("RGB", (90, 120), "white")
    told = {photograph(paper, "a page", [photo], Random(seed))[1] for seed in range(12)}
    assert told == {"a page", "a page, scanned", "a page on a table"}
    assert 200 <= min(make_odd(photo, Random(2)).size) <= 600


def test_pictures_that_are_nearly_known_ones_are_left_out(tmp_path, photo):
    with Image.open(photo) as image:
        image.resize((300, 200)).save(tmp_path / "larger.png")
        image.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.png")
    assert [path.name for path in list_others(tmp_path, [hash_of(photo)], 9)] == ["turned.png"]


def test_kinds_that_lie_apart_are_told_apart_and_rare_ones_too():
    draw = np.random.default_rng(0)
    kind_N = np.repeat(np.arange(len(KINDS)), [90, 20, 20, 20, 20, 5])
    features_NF = np.eye(len(KINDS))[kind_N] + draw.normal(0, 0.1, (len(kind_N), len(KINDS)))
    weight_FK, bias_K = fit_kinds(features_NF, kind_N, len(KINDS), 0.5)
    assert (softmax(features_NF @ weight_FK + bias_K).argmax(-1) == kind_N).all()


def test_garments_are_named_as_people_call_them(tmp_path):
    file = tmp_path / "clothing.jsonl"
    rows = [{"image": f"{n}.jpg", "label": "longsleeve" if n % 2 else "hat"} for n in range(10)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    features_NF = np.array([[n % 2, 1 - n % 2, 7.0] for n in range(12)], np.float64)
    names, weight_DL, usual_L = fit_garments(features_NF, [f"{n}.jpg" for n in range(12)], file, 2)
    assert names == ["hat", "long-sleeved top"]
    assert (features_NF[:, :2] @ weight_DL + usual_L).argmax(-1).tolist() == [n % 2 for n in range(12)]


@pytest.mark.parametrize(
    ("noun", "said", "right"),
    [
        ("dog", "dog grass", True),
        ("dog", "cat", False),
        ("man", "person", True),
        ("man", "woman", False),
        ("man", "woman man", True),
        ("boy", "man", False),
        ("boy", "child", True),
        ("girl", "boy", False),
        ("person", "boy", True),
        ("person", "dog", False),
        ("bike", "bicycle", True),
        ("hat", "cap", True),
        ("beach", "mountain", False),
    ],
)
def test_a_noun_is_right_where_people_used_it_or_another_word_for_it(noun, said, right):
    assert is_said(noun, frozenset(said.split())) is right


def make_photo(sure, right):
    presence = {"dog": sure, "cat": 0.01}
    seen = CaptionEvidence(presence=presence, detected={"dog": sure}, labels={})
    return ComparedPhoto(Caption("A dog is here", 0.5, 0.1), seen, frozenset(["dog" if right else "hat"]))


def test_the_gate_learns_that_what_is_seen_is_right():
    photos = [make_photo(0.95, True)] * 30 + [make_photo(0.1, False)] * 30
    weights = fit_gate(photos)
    assert weights.least + weights.mean + weights.detector > 0
    kept = [right for fold in range(5) for right in judge_held_out(photos, fold)]
    assert kept == [True] * 30


def test_questions_about_rooms_say_what_is_there(tmp_path):
    file = tmp_path / "qa.jsonl"
    rows = [{"image": "a.jpg", "question": "what is on the desk ?", "answer": ["lamp", "book"]}] * 2
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (row,) = read_asked_rows(file)
    assert row.image == "a.jpg"
    assert row.captions == ("what is on the desk ? lamp book room",) * 2
