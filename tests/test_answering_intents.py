"""What is meant is told by the nearest examples: measured on phrases that are none."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sentences import encode

from deepseek_mm.answering.intents import (
    IntentIndex,
    Nearness,
    encode_many,
    fit_geometry,
    key_of,
    normalize_text,
    read_intents,
    read_known,
)
from deepseek_mm.answering.skills.help import help_examples

PHRASES = [line.split("\t") for line in (Path(__file__).parent / "data" / "talk.tsv").read_text().splitlines()]
EXAMPLES = {**read_intents(), **help_examples()}


@pytest.fixture(scope="module")
def index() -> IntentIndex:
    return IntentIndex(encode, EXAMPLES, read_known())


def test_phrases_that_are_no_examples_are_understood(index):
    """Of 350 in English, Chinese and German 337 when it was written."""
    right, total = Counter(), Counter()
    for kind, name, text in PHRASES:
        intent = index.find(text, prefer=kind)
        total[kind] += 1
        right[kind] += intent is not None and (intent.kind, intent.name) == (kind, name)
    assert right.total() / total.total() >= 0.93
    assert min(right[kind] / total[kind] for kind in total) >= 0.9


def test_the_kind_is_known_without_being_told():
    index = IntentIndex(encode, EXAMPLES, read_known(), Nearness(least=-1))
    found = [index.find(text) for _, _, text in PHRASES]
    right = [f is not None and f.kind == kind for f, (kind, _, _) in zip(found, PHRASES, strict=True)]
    assert np.mean(right) >= 0.9


def test_a_phrase_that_is_told_apart_clearly_is_surer(index):
    clear, close = index.find("thank you very much", prefer="chat"), index.find("what AI is this", prefer="chat")
    assert clear is not None
    assert close is not None
    assert clear.chance > close.chance > 0.5


def test_nothing_near_is_no_intent(index):
    assert index.find("qwertz uiop") is None
    assert index.find("foo bar baz") is None


def test_no_phrase_is_an_example():
    examples = {normalize_text(text) for texts in EXAMPLES.values() for text in texts}
    assert [text for _, _, text in PHRASES if normalize_text(text) in examples] == []


def test_every_intent_has_examples_in_english_and_chinese():
    for (kind, name), texts in read_intents().items():
        chinese = [text for text in texts if any("\u4e00" <= letter <= "\u9fff" for letter in text)]
        assert len(chinese) >= 2, (kind, name)
        assert len(texts) - len(chinese) >= 3, (kind, name)


def toy(texts):
    """A vector of two numbers is in the text."""
    return np.array([[float(part) for part in text.split()] for text in texts], np.float32)


def test_an_intent_of_the_preferred_kind_wins_where_others_are_little_nearer():
    examples = {("a", "x"): ["1 0", "1 0.2"], ("b", "y"): ["0 1", "0.2 1"]}
    index = IntentIndex(toy, examples, nearness=Nearness(least=-1, preferred=0.5))
    plain = index.find("0.62 0.6")
    assert plain is not None
    assert plain.kind == "a"
    preferred = index.find("0.62 0.6", prefer="b")
    assert preferred is not None
    assert preferred.kind == "b"


def test_a_direction_in_which_examples_of_one_intent_differ_counts_less():
    spread = np.array([[1, 3], [1, -3], [-1, 3], [-1, -3]], np.float32)  # intents differ by the first number alone
    geometry = fit_geometry(spread, np.array([0, 0, 1, 1]), 0.01)
    near = geometry.compare(np.array([[0.5, 3.0]], np.float32), 0.0)
    assert near[0] > 0.8 > 0 > near[1]


def test_marks_case_and_spaces_do_not_matter():
    assert normalize_text("  Who ARE\nyou??") == "who are you"
    assert normalize_text("你好。") == "你好"
    assert normalize_text("???") == "???"


def test_vectors_of_every_example_come_along():
    """Where some do not: python -m deepseek_mm train intents"""
    known = read_known()
    lacking = [t for texts in EXAMPLES.values() for t in texts if key_of(normalize_text(t)) not in known]
    assert lacking == []
    np.testing.assert_allclose(known[key_of("good morning")], encode(["good morning"])[0], atol=0.02)


def test_examples_without_a_vector_are_encoded_and_others_are_not():
    read = []

    def count(texts):
        read.extend(texts)
        return toy(texts)

    examples = {("a", "x"): ["1 0", "1 0.2"], ("b", "y"): ["0 1", "0.2 1"]}
    known = {key_of(text): toy([text])[0] for text in ("1 0", "0 1")}
    IntentIndex(count, examples, known).open_geometry()
    assert sorted(read) == ["0.2 1", "1 0.2"]


def test_texts_are_encoded_in_their_order_whatever_their_length():
    texts = [f"{n} {10**n}" for n in (3, 1, 2)] * 10
    assert encode_many(toy, texts).tolist() == toy(texts).tolist()


def test_without_the_file_nothing_is_known(tmp_path):
    assert read_known(tmp_path / "none.safetensors") == {}
