"""Galleries over a store of painted photos, and the whole trainer from files to weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import COLOURS, ColourSpace, picture

from deepseek_mm.__main__ import main
from deepseek_mm.config import Config
from deepseek_mm.retrieval.certainty import read_certainty
from deepseek_mm.retrieval.search import Search
from deepseek_mm.train import abstain, galleries
from deepseek_mm.train.abstain import Looker, agreed, known_things
from deepseek_mm.train.certainty import word_counts
from deepseek_mm.train.galleries import Galleries
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
        monkeypatch.setattr(galleries, name, value)
    space, config = ColourSpace(), Config()
    eyes = VisionPipeline(space, config.see)
    told = {f"{one}-{two}.png": f"a {one} thing and {two}" for one, two in PAIRS}
    things = [*COLOURS, "zebra", "violin"]
    with RegionStore(
        tmp_path / "s", space_name="c", fingerprint=space.fingerprint, dim=space.dim, config=config.index
    ) as store:
        looker = Looker(eyes, store, things, most=100)
        sets = (looker.look(photos, told, complete=True), looker.look(photos, {}, complete=False))
        search = Search(space, store, eyes, config.rag, certainty=None)
        counts = word_counts(list(told.values()))
        yield Galleries(search, sets[:1], things, [True] * len(things), counts=counts, num_photos=len(told))


def test_a_question_that_was_answered_with_no_says_nothing():
    assert agreed([("Is there a dog?", "no"), ("What is red?", "kite")]) == "What is red? kite"


def test_every_word_of_the_texts_that_is_a_thing_may_be_there_but_only_everyday_names_are_asked_for_as_absent():
    things, absent = known_things(["a snorkel in the gravel"])
    asked = dict(zip(things, absent, strict=True))
    assert "gravel" in asked
    assert not asked["gravel"]
    assert asked["elephant"]


def test_a_withheld_thing_is_in_no_photo_of_its_gallery(drawn):
    taken = [gallery for gallery in drawn._draw() if len(gallery.withheld)]
    assert len(taken) == 4
    for gallery in taken:
        assert not gallery.told.named_NT[gallery.photos][:, gallery.withheld].any()


def test_no_gallery_holds_a_photo_of_the_background(drawn):
    for gallery in drawn._draw():
        assert not set(gallery.photos) & set(drawn.aside[0])


def test_a_gallery_is_heard_for_what_is_there_and_what_is_not(drawn):
    gallery = next(gallery for gallery in drawn._draw() if len(gallery.withheld))
    heard = drawn._hear(gallery)
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


def test_the_trainer_goes_from_files_to_weights_that_read_back(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(abstain, "open_space", lambda config: ColourSpace())
    monkeypatch.setattr(galleries, "SIZES", (8,))
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
    assert len(certainty.things.weights) == 5
    assert "wrote" in capsys.readouterr().out
