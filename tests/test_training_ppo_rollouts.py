"""Answers that are drawn: what is kept of them is what the whole model thinks of them."""

import torch
from ppo_help import PUZZLE, Letters, policy, puzzles

from deepseek_mm.training.ppo.policy import AnswerTree, read_groups
from deepseek_mm.training.ppo.problems import LONGEST_ANSWER
from deepseek_mm.training.ppo.rollouts import AnswerWriter, draw_tokens


@torch.no_grad()
def test_states_kept_while_writing_are_those_of_reading_the_answer_again():
    mine = policy(moved=True)
    for rollout in AnswerWriter(mine, Letters()).write(puzzles(3), 4, seed=0):
        group = rollout.group
        tree = AnswerTree(group)
        texts = [(group.prompt, answer) for answer in group.answers]
        for places, again in zip(tree.places, read_groups(mine, texts), strict=True):
            mine_TD = group.lower_TD[[*range(tree.start - 1), *places]]
            assert torch.allclose(mine_TD, again.lower_TD, atol=1e-4)


def test_answers_come_in_the_order_of_their_puzzles_whatever_their_lengths():
    asked = puzzles(12)
    rollouts = AnswerWriter(policy(), Letters()).write([*asked, PUZZLE], 2, seed=0)
    assert [rollout.puzzle for rollout in rollouts] == [*asked, PUZZLE]
    assert all(Letters().decode(r.group.prompt) == r.puzzle.prompt for r in rollouts)


def test_every_answer_ends_in_time_and_only_there():
    for rollout in AnswerWriter(policy(), Letters()).write(puzzles(6), 8, seed=1):
        assert len(rollout.group.answers) == len(rollout.texts) == 8
        for answer in rollout.group.answers:
            text, before = Letters().decode(answer), Letters().decode(answer[:-1])
            assert len(answer) == LONGEST_ANSWER or answer[-1] == 511 or rollout.puzzle.is_over(text)
            assert not rollout.puzzle.is_over(before)


def test_a_seed_draws_the_same_and_another_seed_something_else():
    writer = AnswerWriter(policy(), Letters())
    first, again, other = (writer.write([PUZZLE], 4, seed=seed)[0].group.answers for seed in (1, 1, 2))
    assert first == again != other


def test_the_likeliest_answer_does_not_depend_on_chance():
    writer = AnswerWriter(policy(), Letters())
    one, two = (writer.write([PUZZLE], 3, seed=seed, greedy=True)[0].group.answers for seed in (1, 2))
    assert one[-1] == two[-1]
    assert one[:-1] != two[:-1]
    alone = writer.write([PUZZLE], 1, seed=3, greedy=True)[0].group.answers
    assert alone == [one[-1]]


def test_tokens_are_drawn_as_often_as_they_are_likely():
    chance = torch.Generator().manual_seed(0)
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]]).log()
    first, second = draw_tokens(logits, [4000, 3], chance)
    shares = torch.tensor(first).bincount(minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([0.7, 0.2, 0.1]), atol=0.03)
    assert second == [2, 2, 2]
