"""Proposals against a reference that compares lists; the acceptance rule against greedy decoding of a toy model."""

import random

import pytest

from deepseek_mm.lm.engine.prompt_lookup import LONGEST, SHORTEST, DraftLength, accept, propose


def plainly(tokens, most):
    """The proposal by looking at every earlier place, latest first."""
    for length in range(LONGEST, SHORTEST - 1, -1):
        for start in range(len(tokens) - length - 1, -1, -1):
            if tokens[start : start + length] == tokens[-length:]:
                longer = list(tokens)
                while len(longer) < len(tokens) + most:
                    longer.append(longer[start + length + len(longer) - len(tokens)])
                return longer[len(tokens) :]
    return []


def toy(tokens):
    """A model: the next token depends on the last two, and repeats itself sooner or later."""
    return (3 * tokens[-1] + 5 * tokens[-2] + len(tokens) // 40) % 11


def test_what_followed_the_same_tokens_last_time_is_proposed():
    assert propose([1, 2, 3, 4, 5, 9, 2, 3], 2) == [4, 5]
    assert propose([7, 2, 3, 4, 8, 2, 3, 5, 2, 3], 1) == [5]  # the later of two places
    assert propose([1, 2, 3, 4, 6, 8, 3, 4, 7, 2, 3, 4], 1) == [6]  # a longer match goes before a later one


def test_nothing_is_proposed_when_the_last_tokens_are_new():
    assert propose([1, 2, 3, 4, 5], 8) == propose([5, 1, 5], 8) == propose([], 8) == propose([1], 8) == []
    assert propose([1, 2, 1, 2], 0) == []


def test_what_repeats_itself_is_proposed_to_go_on_so():
    assert propose([4, 4, 4, 4, 4, 4, 4], 3) == [4, 4, 4]
    assert propose([9, 1, 2, 3, 1, 2, 3, 1, 2], 5) == [3, 1, 2, 3, 1]


@pytest.mark.parametrize("values", [[0, 1, 2], [0, 1, 256, 257, 65536, 65537, 2**24]])
def test_proposals_are_those_of_a_plain_search_also_when_bytes_of_neighbours_look_alike(values):
    random_ = random.Random(0)
    some = 0
    for _ in range(3000):
        tokens = random_.choices(values, k=random_.randrange(40))
        most = random_.randrange(6)
        assert propose(tokens, most) == plainly(tokens, most), tokens
        some += bool(propose(tokens, most))
    assert some > 500


def test_tokens_count_up_to_the_first_wrong_guess_and_the_models_own_word_comes_after_them():
    assert accept([5, 6, 7], [5, 6, 7, 8]) == [5, 6, 7, 8]
    assert accept([5, 6, 7], [5, 9, 7, 8]) == [5, 9]
    assert accept([5, 6, 7], [1, 6, 7, 8]) == [1]
    assert accept([], [3]) == [3]


@pytest.mark.parametrize("seed", range(20))
def test_the_answer_is_the_greedy_one_whatever_is_proposed(seed):
    random_ = random.Random(seed)
    prompt = random_.choices(range(11), k=20)
    greedy, guessed, steps = list(prompt), list(prompt), 0
    while len(greedy) < 220:
        greedy.append(toy(greedy))
    while len(guessed) < 220:
        draft = propose(guessed, 6) or random_.choices(range(11), k=random_.randrange(4))
        chosen = [toy(guessed + draft[:n]) for n in range(len(draft) + 1)]
        guessed += accept(draft, chosen)
        steps += 1
    assert guessed[:220] == greedy
    assert steps < 200


def test_courage_grows_with_success_and_failures_are_followed_by_longer_and_longer_pauses():
    courage = DraftLength(16)
    lengths = []
    for right in (4, 8, 16):
        lengths.append(courage.length())
        courage.record(lengths[-1], right)
    assert lengths == [4, 8, 16]
    pauses = []
    for _ in range(4):
        while (length := courage.length()) == 0:
            pauses[-1] += 1
        courage.record(length, 0)
        pauses.append(0)
    assert pauses[:3] == [1, 2, 4]


def test_a_proposal_that_was_partly_right_ends_the_distrust_but_not_the_caution():
    courage = DraftLength(8)
    courage.record(courage.length(), 0)
    assert courage.length() == 0
    assert courage.length() == 2
    courage.record(2, 1)
    assert courage.length() == 2


def test_courage_is_bounded_by_what_the_model_can_check_at_once():
    courage = DraftLength(2)
    courage.record(courage.length(), 2)
    assert courage.length() == 2
    assert DraftLength(0).length() == 0
