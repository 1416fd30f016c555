"""How much of a growing text is told: hand-worked texts, words as tokens, and any way of growing."""

from hypothesis import given
from hypothesis import strategies as st

from deepseek_mm.api.openai.replies import LimitedText


def words(text):
    return len(text.split())


def told(states, stops=(), most=None):
    """All that was told of a text that grows through these states, why it ended, and what it is then."""
    telling = LimitedText(stops, most, words)
    said = ""
    for state in states:
        said += telling.extend(state)
        if telling.over:
            break
    return said + telling.finish(states[-1]), telling.reason, telling.text


def test_a_text_that_only_grows_is_told_once():
    assert told(["a", "a dog", "a dog runs"]) == ("a dog runs", "stop", "a dog runs")


def test_a_text_that_turns_out_otherwise_is_told_again_at_its_end():
    assert told(["a", "a dog", "no dog"]) == ("a dog\n\nno dog", "stop", "no dog")


def test_the_beginning_of_a_stop_text_is_held_back_until_it_is_none():
    telling = LimitedText(["END."], None, words)
    assert [telling.extend(state) for state in ("a EN", "a END", "a ENDING")] == ["a ", "", "ENDING"]
    assert told(["a EN", "a END. more"], ["END."]) == ("a ", "stop", "a ")
    assert told(["a EN"], ["END."]) == ("a EN", "stop", "a EN")


def test_no_more_tokens_are_told_than_allowed_and_exactly_so_many_is_an_end():
    assert told(["a b", "a b c"], most=2) == ("a b", "length", "a b")
    assert told(["a b", "a b c"], most=3) == ("a b c", "stop", "a b c")


def test_letters_are_told_where_the_first_word_is_too_long_already():
    telling = LimitedText([], 3, len)
    assert (telling.extend("kite"), telling.reason) == ("kit", "length")


@given(st.text("ab ", max_size=20), st.lists(st.integers(0, 20)), st.sampled_from(["ab", "b a", "aa"]))
def test_however_a_text_grows_the_same_of_it_is_told(text, cuts, stop):
    states = [text[:cut] for cut in sorted(cuts)] + [text]
    assert told(states, [stop])[0] == told([text], [stop])[0] == text.partition(stop)[0]
