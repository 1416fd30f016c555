"""Tables of words: what each takes is checked before anything is opened, and stands in --help."""

import pytest

from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands, number_in
from deepseek_mm.errors import BadQuestion

WORDS = {
    "list": Subcommand(help="show all", run=1),
    "add": Subcommand(help="take one in", run=2, takes="NAME"),
    "right": Subcommand(help="say what is right", run=3, takes="TURN ANSWER"),
    "drop": Subcommand(help="take some out", run=4, takes="PATH ..."),
}


@pytest.mark.parametrize(
    ("name", "given"), [("list", ()), ("add", ("a",)), ("right", ("1", "b")), ("drop", ("a",)), ("drop", ("a", "b"))]
)
def test_a_word_with_what_it_takes_is_found(name, given):
    assert choose_subcommand("shelf", name, WORDS, given) is WORDS[name]


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        ("list", ("x",), "shelf list takes nothing: python -m deepseek_mm shelf list"),
        ("add", (), "shelf add needs NAME: python -m deepseek_mm shelf add NAME"),
        ("add", ("a", "b"), "shelf add needs NAME"),
        ("right", ("1",), "shelf right needs TURN ANSWER"),
        ("drop", (), "shelf drop needs PATH ..."),
    ],
)
def test_a_word_with_too_little_or_too_much_says_how_it_is_written(name, given, complaint):
    with pytest.raises(BadQuestion) as caught:
        choose_subcommand("shelf", name, WORDS, given)
    assert str(caught.value).startswith(complaint)


def test_a_number_is_read_and_what_is_none_is_refused_with_the_command_that_lists_them():
    assert number_in("12", of="a job", see="library jobs") == 12
    with pytest.raises(BadQuestion) as caught:
        number_in("first", of="a job", see="library jobs")
    assert str(caught.value) == "'first' is no number of a job. See them with: python -m deepseek_mm library jobs"


def test_the_help_lists_every_word_with_what_it_takes():
    assert describe_subcommands(WORDS) == (
        "list: show all; add NAME: take one in; right TURN ANSWER: say what is right; drop PATH ...: take some out"
    )
