"""What photos tell of words, what classes of photos show, and the classifiers that are fitted."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.word_classifiers import (
    CLOTHES,
    GROCERIES,
    KIND_OF,
    OFFSET_PHOTOS,
    SHELVED,
    STORE,
    UNASKED,
    ClassWords,
    WordLabels,
    cache_vectors,
    count_mentions,
    fit_names,
    fit_vocabulary,
    fit_word_curve,
    label_by_captions,
    label_by_classes,
    label_by_questions,
    list_clothing_words,
    list_grocery_words,
    make_word_pattern,
    read_class_photos,
    read_question_pairs,
    sample_background,
    save_names,
    save_vocabulary,
)
from deepseek_mm.vision.vocabulary import Vocabulary, read_calibration, read_learned, read_names

NAMES = ("dog", "man", "kite")


@pytest.mark.parametrize(
    ("name", "text", "there"),
    [("dog", "two dogs", True), ("dog", "a dogma", False), ("man", "some men", True), ("bus", "buses", True)],
)
def test_a_word_is_found_as_one_or_many_but_not_inside_another(name, text, there):
    assert bool(make_word_pattern(name).search(text)) == there


def test_two_captions_are_believed_one_leaves_it_open_and_none_denies_it():
    told = label_by_captions([CaptionRow(image="a", captions=("A dog and a man .", "Dogs .", "grass"))], NAMES)
    assert told.shows_NL.tolist() == [[True, False, False]]
    assert told.weight_NL.tolist() == [[1, 0, 1]]


def test_what_is_asked_about_is_there_unless_the_answer_is_no_and_the_rest_is_hardly_known():
    told = label_by_questions([[("What colour is the dog?", "brown"), ("Is the man happy?", "no")], []], NAMES)
    assert told.shows_NL.tolist() == [[True, False, False], [False, False, False]]
    np.testing.assert_allclose(told.weight_NL, [[1, 0, UNASKED], [UNASKED] * 3])


def test_a_shelf_says_what_is_there_leaves_some_open_and_denies_the_rest():
    told = label_by_classes([ClassWords(("kite", "unknown word"), ("man",))], NAMES)
    assert told.shows_NL.tolist() == [[False, False, True]]
    assert told.weight_NL.tolist() == [[SHELVED, 0, SHELVED]]


def told_of(vectors: np.ndarray) -> WordLabels:
    """A dog where the first number is positive, a kite nowhere often enough."""
    shows = np.stack([vectors[:, 0] > 0, np.zeros(len(vectors), bool), np.arange(len(vectors)) < 3], axis=1)
    return WordLabels(shows_NL=shows, weight_NL=np.ones(shows.shape, np.float32))


def test_a_word_is_learned_from_the_photos_that_show_it_and_a_rare_one_is_left_to_its_text():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    learned = fit_names(vectors, told_of(vectors), NAMES, enough=20)
    assert learned.names == ("dog",)
    right = (learned.chances(vectors)[:, 0] > 0.5) == (vectors[:, 0] > 0)
    assert right.mean() > 0.95
    assert np.abs(learned.directions_LD).argmax() == 0


def test_what_is_not_known_does_not_count():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    told = told_of(vectors)
    misled = WordLabels(shows_NL=~told.shows_NL, weight_NL=np.zeros_like(told.weight_NL))
    with pytest.raises(ConfigError, match="Give more photos"):
        fit_names(vectors, misled, NAMES, enough=20)


def test_words_that_are_written_are_read_back_for_their_space_alone(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32)
    learned = fit_names(vectors, told_of(vectors), NAMES, enough=20)
    save_names(tmp_path / "new" / "names.safetensors", learned, ColourSpace.fingerprint)
    again = read_learned(ColourSpace(), tmp_path / "new" / "names.safetensors")
    assert again.names == learned.names
    np.testing.assert_allclose(again.directions_LD, learned.directions_LD, rtol=2e-3, atol=1e-3)


def test_vectors_are_made_once(tmp_path):
    paths = []
    for colour in ("red", "green"):
        paths.append(tmp_path / f"{colour}.png")
        picture(colour).save(paths[-1])
    made = cache_vectors(ColourSpace(), paths, tmp_path / "run" / "vectors.npy")
    np.testing.assert_allclose(made, ColourSpace().embed_images([picture("red"), picture("green")]), atol=1e-6)
    paths[0].unlink()
    assert np.array_equal(cache_vectors(None, paths, tmp_path / "run" / "vectors.npy"), made)


def test_questions_of_the_train_part_are_gathered_by_photo(tmp_path):
    rows = [
        {"image": "a", "question": "Is it red?", "answer": "No", "split": "train"},
        {"image": "b", "question": "?", "answer": "yes", "split": "dev"},
        {"image": "a", "question": "What?", "answer": "dog", "split": "train"},
    ]
    (tmp_path / "qa.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_question_pairs(tmp_path / "qa.jsonl") == {"a": [("Is it red?", "no"), ("What?", "dog")]}


def test_both_lists_of_shelves_are_read_with_the_places_of_their_photos(tmp_path):
    (tmp_path / "clothing.jsonl").write_text(json.dumps({"image": "a.jpg", "label": "skirt", "split": "train"}))
    grocery = {"image": "b.jpg", "src": "dataset/test/Packages/Juice/Bravo/Bravo_001.jpg"}
    (tmp_path / "grocery.jsonl").write_text(json.dumps(grocery))
    shelves = read_class_photos(tmp_path)
    assert list(shelves) == [tmp_path / "clothing" / "a.jpg", tmp_path / "grocery" / "b.jpg"]
    assert [shelf.shows for shelf in shelves.values()] == [("skirt",), ("carton", "juice carton", "bravo")]


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("dataset/test/Fruit/Melon/Cantaloupe/Cantaloupe_012.jpg", ("fruit", "melon", "cantaloupe")),
        ("dataset/train/Vegetables/Pepper/Red-Bell-Pepper/x.jpg", ("vegetable", "bell pepper", "red bell pepper")),
        ("dataset/val/Vegetables/Leek/Leek_011.jpg", ("vegetable", "leek")),
        ("dataset/test/Packages/Oat-Milk/Oatly/x.jpg", ("carton", "milk carton", "oatly")),
        ("sample_images/natural/Banana.jpg", ()),
    ],
)
def test_a_grocery_shows_the_words_of_its_folders(path, shows):
    assert list_grocery_words(path).shows == shows
    assert list_grocery_words(path).may_show == STORE


def test_clothes_lie_somewhere_and_are_not_told_from_their_likes():
    shelf = list_clothing_words("outwear")
    assert shelf.shows == ("jacket",)
    assert {"coat", "cardigan", "wall"} <= set(shelf.may_show)


def test_every_word_that_is_shown_is_a_word_of_the_vocabulary():
    shown = {word for shows, _ in CLOTHES.values() for word in shows}
    assert shown | set(KIND_OF.values()) | set(GROCERIES.values()) <= set(read_names()) | {"orange"}


def row(*captions: str) -> CaptionRow:
    return CaptionRow(image="a.jpg", captions=captions)


def test_a_word_is_mentioned_in_singular_or_plural_but_not_inside_another():
    rows = [row("Two dogs run ."), row("a hot dog", "x"), row("a dogma"), row("A BUS"), row("three buses")]
    there = count_mentions(rows, ["dog", "bus", "hot dog"]) > 0
    assert there[:, 0].tolist() == [True, True, False, False, False]
    assert there[:, 1].tolist() == [False, False, False, True, True]
    assert there[:, 2].tolist() == [False, True, False, False, False]


def drawn(slope: float, offset: float, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(size, 1)).astype(np.float32)
    return z, rng.random((size, 1)) < 1 / (1 + np.exp(-(slope * z + offset)))


def test_the_fit_finds_the_curve_that_drew_the_data():
    z, there = drawn(slope=2.0, offset=0.0)  # even by symmetry, so that the weights are one
    curve = fit_word_curve(z, there, ["thing"])
    assert curve.slope == pytest.approx(2.0, abs=0.15)
    assert curve.offset + curve.word_offsets["thing"] == pytest.approx(0.0, abs=0.1)


def test_a_rare_word_is_answered_as_if_it_were_there_half_the_time():
    z, there = drawn(slope=2.0, offset=-4.0)
    share = there.mean()
    assert share < 0.1
    chance = fit_word_curve(z, there, ["thing"]).probability(z, ["thing"])
    weight = np.where(there, 0.5 / share, 0.5 / (1 - share))
    assert np.average(chance, weights=weight) == pytest.approx(0.5, abs=0.02)


@pytest.fixture
def walls():
    colours = ["red", "green", "blue", "yellow", "black", "white"] * (OFFSET_PHOTOS + 2)
    looks = list(ColourSpace().look_many(picture(colour) for colour in colours))
    return looks, [row(f"a {colour} wall") for colour in colours]


def test_fitted_words_are_believed_where_they_hold_and_doubted_elsewhere(walls, tmp_path):
    looks, rows = walls
    space, names = ColourSpace(), ("red", "green", "teapot", "violin", "barcode", "harbour", "candle", "owl")
    save_vocabulary(tmp_path / "v.safetensors", space, fit_vocabulary(space, looks, rows, names))
    vocabulary = Vocabulary(space, names, read_calibration(space, tmp_path / "v.safetensors"))
    red, green = vocabulary.presence(["red"], space.embed_images([picture("red"), picture("green")]))[:, 0]
    assert red > 0.9 > 0.1 > green
    naming = vocabulary.naming(space.embed_images([picture("green")]))[0]
    assert names[naming.argmax()] == "green"


def test_too_few_photos_to_fit_a_curve_are_refused_with_both_numbers(walls):
    looks, rows = walls
    with pytest.raises(ConfigError, match="no word of the vocabulary occurs in 15 of 12 photos. Train on more"):
        fit_vocabulary(ColourSpace(), looks[:12], rows[:12], ("red", "green"))


def test_the_background_is_spread_over_the_photos_and_bounded(walls):
    looks, _ = walls
    kinds = [looks[n % 6] for n in range(6) for _ in range(500)]  # 500 red walls, then 500 green ones, and so on
    photos, cells = sample_background(kinds)
    assert (len(photos), len(cells)) == (600, 400)
    assert len(np.unique(photos.round(3), axis=0)) == 6
