"""Stop texts against a reference that reads the whole answer one character at a time."""

import random

import pytest

from deepseek_mm.lm.tokenizer import StopWatcher, count_unfinished, find_first_stop


def said(pieces, stops):
    """What a reader sees of the answer, and whether it was ended."""
    watch, shown = StopWatcher(stops), ""
    for piece in pieces:
        text, ended = watch.feed(piece)
        shown += text
        if ended:
            return shown, True
    return shown + watch.rest(), False


def brute_force(answer, stops):
    """The shortest beginning that ends with a stop text, less the longest such one."""
    for end in range(1, len(answer) + 1):
        complete = [stop for stop in stops if answer[:end].endswith(stop)]
        if complete:
            return answer[: end - max(map(len, complete))], True
    return answer, False


def cut(answer, random_):
    """The answer in pieces of random lengths, empty ones too."""
    while answer:
        length = random_.choice([0, 1, 1, 2, 3, 8])
        yield answer[:length]
        answer = answer[length:]


def test_random_answers_in_random_pieces_show_what_a_character_wise_reader_would():
    random_ = random.Random(0)
    ended = 0
    for _ in range(5000):
        answer = "".join(random_.choices("ab\n", k=random_.randrange(30)))
        stops = ["".join(random_.choices("ab\n", k=random_.randrange(1, 6))) for _ in range(random_.randrange(4))]
        expected = brute_force(answer, stops)
        assert said(cut(answer, random_), stops) == expected, (answer, stops)
        ended += expected[1]
    assert 1000 < ended < 4000


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["Hello", "\n", "Us", "er:", " more"], ["Hello", "", "", ""]),
        (["Hello\nUs", "e it"], ["Hello", "\nUse it"]),
        (["a\n", "\n", "User: b"], ["a", "\n", ""]),
    ],
)
def test_what_may_become_a_stop_text_is_held_back_and_nothing_else_is(pieces, shown):
    watch = StopWatcher(["\nUser:"])
    assert [text for text, _ in map(watch.feed, pieces[: len(shown)])] == shown


def test_a_held_text_is_given_out_when_the_answer_ends_otherwise():
    watch = StopWatcher(["<end>"])
    assert watch.feed("a <en") == ("a ", False)
    assert (watch.rest(), watch.rest()) == ("<en", "")


def test_the_stop_text_that_is_complete_first_ends_the_answer_not_the_one_that_began_first():
    assert said(["xabcd"], ["abcd", "bc"]) == ("xa", True)
    assert said(["xabc"], ["abc", "bc"]) == ("x", True)  # both at once: the longest


def test_characters_of_several_bytes_are_held_back_like_any_other():
    assert said(["日", "本", "語 ", "終", "り"], ["終り"]) == ("日本語 ", True)


def test_without_stop_texts_nothing_is_held_back():
    assert StopWatcher([]).feed("anything at all") == ("anything at all", False)
    assert (find_first_stop("abc", []), count_unfinished("abc", [])) == (None, 0)


def test_a_repetition_of_a_stop_texts_start_is_held_at_its_last_possible_place():
    assert count_unfinished("aab aab aa", ["aab!"]) == 2
    assert said(["aaaa", "ab"], ["aab"]) == ("aaa", True)
