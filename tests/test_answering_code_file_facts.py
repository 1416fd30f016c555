"""What a file of Python says of itself, read without running it."""

import pytest

from deepseek_mm.answering.code.file_facts import BranchFact, DefaultFact, RaiseFact, read_facts

FERRY = '''"""Ferries and when they go."""

import logging
from datetime import time

T = TypeVar("T")
log = logging.getLogger(__name__)
SEATS = 120  # of the large one
# knots; above it
# the harbour complains
SPEED = 2 * 6
TRIES = 1 + SEATS // 60


class NoFerry(Exception):
    """None goes any more."""


class TooLate(NoFerry):
    pass


class Ferry:
    """One of them."""

    length = 40
    """Metres from bow to stern."""

    def board(self, people: int, *, late: bool = False, reason=None) -> int:
        """How many find a seat."""
        if people < 0:
            raise ValueError("nobody is less than nobody")
        if late:
            self.wait()
        for _ in range(1 + TRIES):
            people -= 1
        return min(people, SEATS)


def next_one(now, limit=5):  # minutes
    try:
        return find(now)
    except KeyError as error:
        raise NoFerry(f"none after {now}") from error
'''


@pytest.fixture(scope="module")
def facts():
    return read_facts(FERRY)


def test_constants_have_their_comment_and_what_is_made_for_types_is_none(facts):
    assert [(each.name, each.value, each.comment, each.owner) for each in facts.constants] == [
        ("SEATS", "120", "of the large one", ""),
        ("SPEED", "2 * 6", "the harbour complains", ""),
        ("TRIES", "1 + SEATS // 60", "", ""),
        ("length", "40", "Metres from bow to stern.", "Ferry"),
    ]
    assert facts.constant("SEATS").line == 8


def test_a_function_tells_what_it_gives_back_raises_and_does_under_conditions(facts):
    board = next(each for each in facts.functions if each.path == "Ferry.board")
    assert board.returns == ("min(people, SEATS)",)
    assert board.raises == (
        RaiseFact(error="ValueError", condition="people < 0", words="'nobody is less than nobody'", line=32),
    )
    assert board.branches == (BranchFact(condition="late", done="self.wait()", line=33),)
    assert board.defaults == (DefaultFact(name="late", value="False", line=29),)
    assert (board.name, board.lines, board.doc) == ("board", (29, 37), "How many find a seat.")


def test_rounds_of_a_loop_are_counted_through_constants_that_follow_from_others(facts):
    assert [each.rounds for each in facts.functions if each.rounds] == [(("range(1 + TRIES)", "4"),)]


def test_an_error_raised_for_another_says_so_and_a_default_has_its_comment(facts):
    found = next(each for each in facts.functions if each.path == "next_one")
    assert [(each.error, each.condition) for each in found.raises] == [("NoFerry", "KeyError came up")]
    assert found.defaults == (DefaultFact(name="limit", value="5", line=40, comment="minutes"),)


def test_classes_are_errors_by_what_they_are_based_on(facts):
    assert [(each.name, each.is_error) for each in facts.classes] == [
        ("NoFerry", True), ("TooLate", False), ("Ferry", False),
    ]  # fmt: skip
    assert facts.imports == ("logging", "datetime")


HOSTILE = {
    "syntax": "def (",
    "nul": "x = 1\0",
    "deep": "(" * 5000,
    "signs": f"a = {'-' * 200_000}1",
    "long": "x" * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_python_or_means_harm_has_no_facts(text):
    assert read_facts(text).functions == ()


def test_numbers_that_would_take_long_are_not_computed():
    facts = read_facts(
        "A = 9 ** 9 ** 9\nB = 1 / 0\nC = 'a' * 10 ** 9\n\n\ndef f():\n    for _ in range(A):\n        pass\n"
    )
    assert facts.functions[0].rounds == ()
