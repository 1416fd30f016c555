"""The text of programs: what is read is written the same, and what is wrong is pointed at."""

import pytest

from deepseek_mm.errors import BadProgram
from deepseek_mm.logic.programs import (
    CALLS,
    MAX_CHARS,
    CallNode,
    NumberNode,
    WordNode,
    calls_of,
    check,
    is_program,
    read,
)

CUPS = 'count(both(filter(all(), "cup", "red"), relate("left of", the(filter(all(), "laptop")))))'


def test_a_program_reads_back_as_it_was_written():
    assert str(read(CUPS)) == CUPS
    assert str(read(f"\n {CUPS.replace(', ', ',')} ")) == CUPS
    assert read("more(count(all()), 3)") == CallNode(
        "more", (CallNode("count", (CallNode("all", (), 11),), 5), NumberNode(3, 19)), 0
    )


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", 1, "more must follow"),
        ("count", 6, r"\( is missing after count"),
        ("count(all()", 12, r"\) is missing"),
        ("count(all()) 7", 14, "the program has ended"),
        ("count(;)", 7, "';\\)' is no part of a program"),
        ('filter(all(), "dog)', 15, "is no part of a program"),
        ("count(,)", 7, "belongs here, not ','"),
    ],
)
def test_where_a_text_goes_wrong_is_pointed_at(text, place, why):
    with pytest.raises(BadProgram, match=f"character {place}: .*{why}") as caught:
        read(text)
    assert str(caught.value).splitlines()[-1] == " " * (place + 1) + "^"


def test_endless_programs_are_refused():
    with pytest.raises(BadProgram, match="Shorten it"):
        read("count(" * MAX_CHARS)
    with pytest.raises(BadProgram, match="lie in each other"):
        read("not(" * 40 + "exist(all())" + ")" * 40)


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("fly(all())", 1, "there is no call 'fly'. There are all, filter"),
        ("count()", 1, "count takes things, and 0 things are given"),
        ("count(3)", 7, "count takes things here, and this gives number"),
        ('relate("upon", the(all()))', 8, 'relate knows left of, .*, not "upon"'),
        ("exist(the(all()))", 7, "exist takes things here, and this gives thing"),
        ("filter(all())", 1, "filter takes things, word, and 1 things"),
    ],
)
def test_what_does_not_fit_together_is_pointed_at(text, place, why):
    with pytest.raises(BadProgram, match=f"character {place}: {why}"):
        check(read(text), text)
    assert not is_program(read(text))


def test_a_filter_takes_any_number_of_words():
    assert check(read('filter(all(), "a", "b", "c")')) == "things"
    assert not is_program(WordNode("red"))


def test_inner_calls_come_first():
    names = " ".join(call.name for call in calls_of(read(CUPS)))
    assert names == "all filter all filter the relate both count"


def test_every_call_says_what_it_does():
    assert all(signature.says for signature in CALLS.values())
