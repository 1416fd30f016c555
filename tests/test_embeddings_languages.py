"""Texts in other languages lie in the space where their English lies, and English stays where it was."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.languages import MultilingualTexts
from deepseek_mm.errors import MissingWeights

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
TWINS = {
    "Chinese": ("一只狗在海滩上跑", "一个穿红衣服的男人", "雪山", "杯子里的咖啡"),
    "German": ("ein Hund rennt am Strand", "ein Mann in roter Kleidung", "Berge im Schnee", "eine Tasse mit Kaffee"),
    "French": ("un chien court sur la plage", "un homme en rouge", "une montagne sous la neige", "une tasse de café"),
    "Spanish": ("un perro corre en la playa", "un hombre vestido de rojo", "montañas con nieve", "una taza de café"),
}
ENGLISH = ("a dog runs on the beach", "a man in red clothes", "mountains in snow", "a cup of coffee")


@pytest.fixture(scope="module")
def space():
    return open_space(EncoderConfig(batch=4))


@pytest.mark.parametrize("language", TWINS)
def test_a_sentence_is_nearest_to_its_english_twin_whatever_its_language(space, language):
    cosine = space.embed_texts(TWINS[language]) @ space.embed_texts(ENGLISH).T
    assert cosine.argmax(axis=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("cat", "coffee"), [("一只猫", "一杯咖啡"), ("eine Katze", "eine Tasse Kaffee"), ("кошка", "чашка кофе")]
)
def test_a_photo_is_nearer_to_what_it_shows_in_words_of_any_language(space, cat, coffee):
    with Image.open(PHOTOS / "cat.jpg") as first, Image.open(PHOTOS / "coffee.jpg") as second:
        photos = space.embed_images([first.convert("RGB"), second.convert("RGB")])
    assert (photos @ space.embed_texts([cat, coffee]).T).argmax(axis=1).tolist() == [0, 1]


def test_english_is_read_by_the_tower_that_always_read_it_beside_whatever_else(space):
    mixed = space.embed_texts(["a dog", "一只狗", "a red kite over the sea", "ein Hund am Strand"])
    np.testing.assert_allclose(mixed[[0, 2]], space.embed_english(["a dog", "a red kite over the sea"]), atol=1e-2)
    np.testing.assert_allclose(
        mixed[[1, 3]],
        np.concatenate([space.glosser.embed(["一只狗"]), space.languages.embed(["ein Hund am Strand"])]),
        atol=1e-2,
    )
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=1), 1, atol=1e-3)


def test_the_tower_opens_only_once_words_of_another_language_come():
    space = open_space(EncoderConfig(batch=4))
    space.embed_texts(["a dog", "a man in a red hat"])
    assert space.languages._side is None
    space.embed_texts(["ein Hund"])
    assert space.languages._side is not None


def test_many_threads_that_ask_at_once_open_one_tower_and_get_the_same_vectors():
    texts = MultilingualTexts()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(texts.embed, [["一只狗", "eine Katze"]] * 4))
    for vectors_ND in found:
        np.testing.assert_allclose(vectors_ND, found[0], atol=1e-3)


def test_without_its_weights_it_counts_as_not_installed_and_says_how_to_make_them(tmp_path):
    texts = MultilingualTexts(tmp_path / "languages.safetensors")
    assert not texts.is_installed
    with pytest.raises(MissingWeights, match="train languages"):
        texts.embed(["ein Hund"])


def test_nothing_in_is_nothing_out(space):
    assert space.languages.embed([]).shape == (0, 512)
