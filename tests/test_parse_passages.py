"""Lines become passages of a wished length; nothing is lost on the way."""

import numpy as np
import pytest

from deepseek_mm.parse.text import Paragraph, TextLine, break_line, pack


def paragraph(*texts: str, opens: bool = False, first: int = 1) -> Paragraph:
    return Paragraph(lines=tuple(TextLine(text=text, number=n) for n, text in enumerate(texts, first)), opens=opens)


def texts(paragraphs: list[Paragraph], most: int) -> list[list[list[str]]]:
    return [[[line.text for line in lines] for lines in passage] for passage in pack(paragraphs, most)]


def test_short_paragraphs_share_a_passage_until_it_is_full():
    """Three of 10 letters are 34 with the empty lines between them, four would be 46."""
    rows = [paragraph(letter * 10) for letter in "abcd"]
    assert texts(rows, 40) == [[["a" * 10], ["b" * 10], ["c" * 10]], [["d" * 10]]]


def test_a_passage_may_have_the_wished_length_and_not_one_letter_more():
    """Two paragraphs of 20 letters are 42 with the empty line between them."""
    rows = [paragraph("a" * 20), paragraph("b" * 20)]
    assert len(texts(rows, 42)) == 1
    assert len(texts(rows, 41)) == 2


def test_a_paragraph_that_fits_but_for_one_letter_goes_to_the_next_passage_as_a_whole():
    """30 letters, two newlines, and 30 more."""
    rows = [paragraph("a" * 30), paragraph("b" * 14, "c" * 15)]
    assert texts(rows, 62) == [[["a" * 30], ["b" * 14, "c" * 15]]]
    assert texts(rows, 61) == [[["a" * 30]], [["b" * 14, "c" * 15]]]


def test_a_heading_begins_a_passage_and_stays_with_what_follows():
    rows = [paragraph("intro"), paragraph("# One", opens=True), paragraph("text"), paragraph("# Two", opens=True)]
    assert texts(rows, 100) == [[["intro"]], [["# One"], ["text"]], [["# Two"]]]


def test_a_title_and_the_heading_below_it_stay_together():
    rows = [paragraph("# Title", opens=True), paragraph("## Part", opens=True), paragraph("text")]
    assert texts(rows, 100) == [[["# Title"], ["## Part"], ["text"]]]


def test_a_heading_takes_what_fits_of_a_long_paragraph():
    rows = [paragraph("# Head", opens=True), paragraph("a" * 50, "b" * 30)]
    assert texts(rows, 80) == [[["# Head"], ["a" * 50]], [["b" * 30]]]


def test_a_passage_that_is_long_already_ends_before_a_paragraph_that_does_not_fit():
    rows = [paragraph("a" * 50), paragraph("b" * 20, "c" * 20)]
    assert texts(rows, 80) == [[["a" * 50]], [["b" * 20, "c" * 20]]]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One two three. Four five six seven.", ["One two three.", "Four five six seven."]),
        ("One two three, four five six seven", ["One two three,", "four five six seven"]),
        ("One two three four five six seven", ["One two three four", "five six seven"]),
        ("x" * 45, ["x" * 20, "x" * 20, "x" * 5]),
        ("\u4e00" * 15 + "\u3002" + "\u4e8c" * 9, ["\u4e00" * 15 + "\u3002", "\u4e8c" * 9]),
        ("short", ["short"]),
    ],
)
def test_a_long_line_is_broken_where_a_reader_would_pause(text, parts):
    assert [line.text for line in break_line(TextLine(text=text, number=7), 20)] == parts
    assert {line.number for line in break_line(TextLine(text=text, number=7), 20)} == {7}


def test_no_letter_is_lost_and_no_passage_is_too_long_whatever_the_text():
    random = np.random.default_rng(0)
    for most in (80, 200, 800):
        words = ["w" * n for n in random.integers(1, 40, size=3_000)]
        rows, at = [], 0
        while at < len(words):
            lines = [" ".join(words[at + 7 * n : at + 7 * n + 7]) for n in range(random.integers(1, 6))]
            at += 7 * len(lines)
            rows.append(paragraph(*lines, opens=bool(random.random() < 0.1)))
        passages = list(pack(rows, most))
        joined = ["\n\n".join("\n".join(line.text for line in lines) for lines in passage) for passage in passages]
        assert max(map(len, joined)) <= most
        assert " ".join(joined).split() == words
        assert np.mean(list(map(len, joined))) > most / 3


def test_a_line_without_end_takes_time_by_its_length_and_not_by_its_square():
    """Two million letters: copying the rest for each part would move ten gigabytes."""
    parts = list(break_line(TextLine(text="word " * 400_000), 200))
    assert sum(len(part.text.split()) for part in parts) == 400_000
