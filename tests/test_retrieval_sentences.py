"""Sentences are found where they end, not where a point stands."""

import pytest

from deepseek_mm.retrieval.sentences import locate_sentences, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rains. We stay.", ["It rains.", "We stay."]),
        ("Dr. Lee came at 5 p.m. with J. Smith. He left.", ["Dr. Lee came at 5 p.m. with J. Smith.", "He left."]),
        ("It costs 40. The rest is free.", ["It costs 40.", "The rest is free."]),
        ("In 6. 5 of 7 were there.", ["In 6. 5 of 7 were there."]),
        ('She said "no." Then she left!', ['She said "no."', "Then she left!"]),
        ("\u623f\u79df\u4e8c\u5343\u5143\u3002\u62bc\u91d1\u4e00\u4e2a\u6708\uff1b\u4e0d\u9000\u3002",
         ["\u623f\u79df\u4e8c\u5343\u5143\u3002", "\u62bc\u91d1\u4e00\u4e2a\u6708\uff1b", "\u4e0d\u9000\u3002"]),
        ("It ends ... here, in small letters. ok", ["It ends ... here, in small letters. ok"]),
        ("---", []),
    ],
)  # fmt: skip
def test_a_text_is_parted_where_its_sentences_end(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_places_count_from_the_beginning_of_the_whole_text_between_two_letters() -> None:
    text = "Left out. One. Two. Left out."
    assert [text[a:b] for a, b in locate_sentences(text, 10, 19)] == ["One.", "Two."]
