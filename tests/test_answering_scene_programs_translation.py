"""Programs by a language model: only those that hold together and say what the question says."""

from threading import Event

import pytest
from fakes import Parrot
from rag_house import photo_of

from deepseek_mm.answering.scene_programs import MOST_TOKENS, SHOWN, run_question, translate_question
from deepseek_mm.errors import ModelFailed
from deepseek_mm.logic.english import program_of

ASKED = "Tell me the number of cups that stand left of the lamp, please"
RIGHT = 'count(both(filter(all(), "cup"), relate("left of", the(filter(all(), "lamp")))))'


class Listening(Parrot):
    def stream(self, messages, *, max_tokens, stop):
        self.most = max_tokens
        yield from super().stream(messages, max_tokens=max_tokens, stop=stop)


class Broken(Parrot):
    def stream(self, messages, *, max_tokens, stop):
        raise ModelFailed("it broke. Ask again")


def test_the_grammar_knows_what_is_shown_and_not_what_is_asked():
    assert all(program_of(shown) for shown in SHOWN)
    assert program_of(ASKED) is None


def test_a_program_that_says_what_is_asked_is_taken():
    model = Listening(f"{RIGHT}\nuser: more")
    assert str(translate_question(ASKED, model, Event())) == RIGHT
    assert model.most == MOST_TOKENS
    (told,) = model.heard
    assert told[-1].text == ASKED
    assert len(told) == 2 + 2 * len(SHOWN)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "I cannot do that.",
        "count(cups)",
        'count(filter(all(), "cup")',
        'count(filter(all(), "dog"))',  # nobody asked for a dog
        'count(both(filter(all(), "cup"), relate("behind", the(filter(all(), "lamp")))))',  # nor what is behind
        "count(all())",  # the question names things, and this none
        "1",
    ],
)
def test_what_does_not_hold_together_or_says_something_else_is_left_out(said):
    assert translate_question(ASKED, Parrot(said)) is None


def test_a_filter_that_was_forgotten_is_put_back_and_nothing_is_read_behind_the_first_call():
    said = 'count(all(), "cup"), count(all(), "cup"), count('
    assert str(translate_question("I wonder how many cups there are", Parrot(said))) == 'count(filter(all(), "cup"))'


def test_words_that_hold_each_by_itself_are_told_apart():
    said = 'count(filter(all(), "red cup"))'
    assert (
        str(translate_question("I wonder how many red cups there are", Parrot(said)))
        == 'count(filter(all(), "red", "cup"))'
    )


def test_a_program_that_leaves_out_what_is_asked_for_is_left_out():
    assert translate_question("I wonder how many red cups there are", Parrot('count(filter(all(), "red"))')) is None


def test_a_model_that_breaks_has_no_program():
    assert translate_question(ASKED, Broken("")) is None


def test_it_is_asked_only_where_the_grammar_knows_none_and_is_named():
    regions = photo_of(("cup", (0, 0, 50, 50), "red", 0.9), ("lamp", (200, 0, 260, 50), "red", 0.9))[0].siblings
    asked = []

    def translate(question):
        asked.append(question)
        return translate_question(question, Parrot(RIGHT))

    worked = run_question(ASKED, regions, "1", least=0.3, translate=translate)
    assert (worked.answer, worked.agrees, worked.by_model) == ("1", "agrees", True)
    worked = run_question("How many cups are there?", regions, "1", least=0.3, translate=translate)
    assert (worked.answer, worked.by_model) == ("1", False)
    assert asked == [ASKED]
