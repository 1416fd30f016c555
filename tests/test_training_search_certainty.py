"""Galleries over a store of painted photos, the curve that is fitted on them, and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import COLOURS, ColourSpace, picture

from deepseek_mm.__main__ import main
from deepseek_mm.config import Config
from deepseek_mm.retrieval.certainty import read_certainty
from deepseek_mm.retrieval.search import Search
from deepseek_mm.training import search_certainty
from deepseek_mm.training.search_certainty import (
    CertaintyTrainer,
    GalleryWitnesses,
    balance_things,
    count_words,
    find_even_threshold,
    find_mentions,
    fit_direction,
    fit_search_curve,
    index_photos,
    join_affirmed,
    list_search_things,
)
from deepseek_mm.vision.pipeline import VisionPipeline
from index.store import RegionStore

PAIRS = [(one, two) for one in COLOURS for two in COLOURS if one != two]


@pytest.fixture
def photos(tmp_path):
    """56 photos of two colours, each told by its name and by its captions."""
    for one, two in PAIRS:
        picture(one, patch=two).save(tmp_path / f"{one}-{two}.png")
    return tmp_path


@pytest.fixture
def drawn(photos, tmp_path, monkeypatch):
    """Galleries of a few photos each; red and the like are the things."""
    for name, value in {"SIZES": (8, 16), "ROUNDS": 2, "WITHHELD": 4, "TAKEN_OUT": 2, "COMMON": 5, "PHOTOS": 8}.items():
        monkeypatch.setattr(search_certainty, name, value)
    space, config = ColourSpace(), Config()
    eyes = VisionPipeline(space, config.see)
    told = {f"{one}-{two}.png": f"a {one} thing and {two}" for one, two in PAIRS}
    things = [*COLOURS, "zebra", "violin"]
    with RegionStore(
        tmp_path / "s", space_name="c", fingerprint=space.fingerprint, dim=space.dim, config=config.index
    ) as store:
        search = Search(space, store, eyes, config.rag, certainty=None)
        sets = [index_photos(eyes, store, things, photos, told, complete=True)]
        counts = count_words(list(told.values()))
        yield CertaintyTrainer(search, sets, things, [True] * len(things), counts=counts, num_photos=len(told))


def test_a_question_that_was_answered_with_no_says_nothing():
    assert join_affirmed([("Is there a dog?", "no"), ("What is red?", "kite")]) == "What is red? kite"


def test_every_word_of_the_texts_that_is_a_thing_may_be_there_but_only_everyday_names_are_asked_for_as_absent():
    things, absent = list_search_things(["a snorkel in the gravel"])
    asked = dict(zip(things, absent, strict=True))
    assert "gravel" in asked
    assert not asked["gravel"]
    assert asked["elephant"]


def test_a_withheld_thing_is_in_no_photo_of_its_gallery(drawn):
    taken = [gallery for gallery in drawn._draw() if len(gallery.withheld)]
    assert len(taken) == 4
    for gallery in taken:
        assert not gallery.photo_set.named_NT[gallery.photos][:, gallery.withheld].any()


def test_no_gallery_holds_a_photo_of_the_background(drawn):
    for gallery in drawn._draw():
        assert not set(gallery.photos) & set(drawn.aside[0])


def test_a_gallery_is_heard_for_what_is_there_and_what_is_not(drawn):
    gallery = next(gallery for gallery in drawn._draw() if len(gallery.withheld))
    heard = drawn._collect_witnesses(gallery)
    assert heard.withheld_T.sum() == len(gallery.withheld)
    assert (heard.num_photos_T[heard.withheld_T] == 0).all()
    assert (heard.num_photos_T > 0).any()
    assert np.isfinite(heard.witnesses_TW).all()


def test_a_certainty_that_was_fitted_believes_in_colours_that_are_there_more_than_in_a_zebra(drawn):
    certainty = drawn.fit()
    search = Search(drawn.search.space, drawn.search.store, drawn.search.eyes, Config().rag, certainty=certainty)
    words = ["red", "zebra"]
    red, zebra = (certainty.of_thing(t) for t in search.traces(words, drawn.search.space.embed_texts(words)))
    assert red > zebra
    assert red > certainty.things.threshold


@pytest.mark.campaign(times=1, only=True)
def test_the_trainer_goes_from_files_to_weights_that_read_back(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(search_certainty, "open_space", lambda config: ColourSpace())
    monkeypatch.setattr(search_certainty, "SIZES", (8,))
    (tmp_path / "more").mkdir()
    for one, two in PAIRS:
        picture(one, patch=two, size=(96, 72)).save(tmp_path / "more" / f"{one}-{two}.png")
    rows = [{"image": f"{a}-{b}.png", "captions": [f"a {a} dog and a {b} ball"], "split": "train"} for a, b in PAIRS]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = [
        {"image": f"{a}-{b}.png", "question": f"Is the ball {a}?", "answer": "yes", "split": "train"} for a, b in PAIRS
    ]
    (tmp_path / "qa.jsonl").write_text("\n".join(map(json.dumps, asked)))
    weights = Path(tmp_path / "out" / "certainty.safetensors")
    words = ["--data", "captions.jsonl", "--images", ".", "--questions", "qa.jsonl", "--question-images", "more"]
    monkeypatch.chdir(tmp_path)
    assert main(["train", "abstain", *words, "--weights", str(weights), "--photos", "50"]) == 0
    certainty = read_certainty(ColourSpace.fingerprint, file=weights)
    assert certainty is not None
    assert certainty.commons.counts["dog"] == len(PAIRS)
    assert len(certainty.things.weights) == 8
    assert "wrote" in capsys.readouterr().out


def heard(witnesses, num_photos, withheld=None):
    return GalleryWitnesses(
        witnesses_TW=np.array(witnesses, np.float32),
        num_photos_T=np.array(num_photos),
        withheld_T=np.array(withheld if withheld is not None else [False] * len(num_photos)),
    )


def test_a_text_names_a_thing_in_any_number_and_a_phrase_word_by_word():
    found = find_mentions(["Two dogs by a traffic light.", "The light of traffic; a hotdog"], ["dog", "traffic light"])
    assert found.tolist() == [[True, True], [False, False]]


def test_a_word_is_counted_once_a_text():
    assert count_words(["dog dogs dog", "a dog"]) == {"dog": 2, "a": 1}


def test_the_direction_tells_common_things_from_rare_ones():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    counts = np.round(np.exp(2 * vectors[:, 0] + 3)).astype(np.int64)
    direction, offset = fit_direction(vectors, counts, 1000)
    guessed = vectors @ direction + offset
    assert np.corrcoef(guessed, vectors[:, 0])[0, 1] > 0.95
    assert guessed.mean() == pytest.approx(np.log((counts + 0.3) / 1000).mean(), abs=1e-3)


def test_both_sides_weigh_the_same_and_so_does_every_band():
    weights = balance_things(heard([[0.0]] * 6, [1, 1, 1, 20, 0, 0]))
    np.testing.assert_allclose(weights, [1 / 12, 1 / 12, 1 / 12, 1 / 4, 1 / 4, 1 / 4])


def test_what_was_taken_out_weighs_as_much_as_all_other_absent_things():
    weights = balance_things(heard([[0.0]] * 5, [1, 0, 0, 0, 0], [False, True, False, False, False]))
    np.testing.assert_allclose(weights, [1 / 2, 1 / 4, 1 / 12, 1 / 12, 1 / 12])


def test_the_threshold_lies_where_misses_and_false_claims_are_equal():
    chances = np.array([0.2, 0.4, 0.6, 0.8, 0.1, 0.3, 0.5, 0.7])
    there = np.array([False] * 4 + [True] * 4)
    assert 0.4 < find_even_threshold(chances, there, np.ones(8)) <= 0.6  # half of each side is wrong there


def test_where_nothing_is_wrong_the_threshold_keeps_off_both_sides():
    chances, there = np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, False, True, True])
    assert find_even_threshold(chances, there, np.ones(4)) == pytest.approx(0.5, abs=0.02)


def test_a_fitted_curve_tells_what_is_there_from_what_is_not():
    rng = np.random.default_rng(2)
    num_photos = np.array([3] * 200 + [0] * 200)
    witnesses = rng.normal(size=(400, 1)) + 4 * (num_photos > 0)[:, None]
    part = heard(witnesses, num_photos)
    curve = fit_search_curve([part], [part])
    found = np.array([curve.probability(x) >= curve.threshold for x in part.witnesses_TW])
    assert (found == (num_photos > 0)).mean() > 0.95
