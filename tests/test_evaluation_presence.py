"""Presence questions: half yes, half no, and as the captions say."""

from collections import Counter

from deepseek_mm.evaluation.question_sets import find_nouns, make_presence_rows
from deepseek_mm.evaluation.retrieval import CaptionRow

DOG, FARM = ("A dog runs .",), ("Two cats and a horse .", "A man .")
ROWS = [CaptionRow(image=f"{n}.jpg", captions=DOG if n % 3 else FARM) for n in range(60)]


def test_each_noun_is_half_yes():
    rows = make_presence_rows(ROWS)
    counts = Counter((row.kind, row.answers[0]) for row in rows)
    assert {noun for noun, _ in counts} == {"dog", "horse", "man"}
    assert all(counts[noun, "yes"] == counts[noun, "no"] for noun, _ in counts)


def test_answers_are_what_captions_say():
    captions = {row.image: row.captions for row in ROWS}
    for row in make_presence_rows(ROWS):
        assert (row.kind in find_nouns(captions[row.image])) == (row.answers == ("yes",))


def test_what_few_photos_show_is_not_asked_for():
    assert make_presence_rows(ROWS[:12]) == []
