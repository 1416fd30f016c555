"""Questions out of captions: what is asked is answered by them."""

from collections import Counter
from random import Random

from deepseek_mm.training.question_generation import QuestionGenerator, read_captions

CAPTIONS = (
    ("A black dog is running through the water .", "Two dogs play in a lake ."),
    ("A man wearing a red shirt rides a bike .", "A man is riding a bicycle on the street ."),
    ("Three children are playing on the beach .", "Kids playing in the sand ."),
)


def test_what_captions_say():
    told = read_captions(CAPTIONS[0])
    assert {"dog", "water", "lake"} <= told.nouns
    assert ("dog", "black") in told.coloured
    assert ("dog", "2") in told.counted
    assert ("dog", "running", "") in {(who, verb, "") for who, verb, _ in told.doing}
    assert {"water", "lake"} <= told.places


def test_one_word_for_many_spellings():
    assert "child" in read_captions(CAPTIONS[2]).nouns


def test_nothing_that_a_caption_names_is_denied_and_nothing_else_affirmed():
    asking = QuestionGenerator(CAPTIONS)
    for photo, told in enumerate(asking.facts):
        for seed in range(20):
            for pair in asking.ask_about(photo, Random(seed)):
                if pair.kind == "presence":
                    named = [noun for noun in asking.known if noun in pair.question.replace("?", "").split()]
                    assert all((noun in told.nouns) == (pair.answer == "yes") for noun in named if len(named) == 1)


def test_yes_and_no_are_about_as_frequent():
    asking = QuestionGenerator(CAPTIONS)
    pairs = [pair for photo in range(3) for seed in range(50) for pair in asking.ask_about(photo, Random(seed))]
    answers = Counter(pair.answer for pair in pairs if pair.kind == "presence")
    assert 0.5 < answers["yes"] / answers["no"] < 2.0


def test_the_same_chance_asks_the_same():
    asking = QuestionGenerator(CAPTIONS)
    assert asking.ask_about(1, Random(7)) == asking.ask_about(1, Random(7))
