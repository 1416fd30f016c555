"""Answers of one prompt in one row think what each of them thinks alone."""

import torch
from lm_help import decoder
from ppo_help import PUZZLE, Letters, policy, puzzles

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.weights import TALL, THIN, merge_changes
from deepseek_mm.training.ppo.policy import AnswerGroup, AnswerTree, AnswerWriter, draw_tokens, read_groups
from deepseek_mm.training.ppo.problems import LONGEST_ANSWER

PROMPT = [5, 6, 7]
ANSWERS = [[1, 2, 3], [1, 2, 4, 5], [9], [1, 2, 3]]


def lower_of(mine, group_ids):
    """What the lower layers make of a text, computed alone."""
    ids = torch.tensor([group_ids])
    attend = FullTextAttention(mine.decoder.shape, torch.ones_like(ids))
    return mine.decoder(mine.decoder.embed(ids), attend, layers=mine.lower, final=False)[0][0]


def group_of(mine, prompt, answers):
    """The states of a tree, each taken from its own answer alone."""
    bare = AnswerGroup(prompt=prompt, answers=answers, lower_TD=torch.empty(0))
    tree = AnswerTree(bare)
    states = torch.zeros(tree.size, mine.decoder.shape.width)
    states[: len(prompt)] = lower_of(mine, prompt)
    for answer, places in zip(answers, tree.places, strict=True):
        alone = lower_of(mine, prompt + answer[:-1])
        states[places] = alone[len(prompt) - 1 :]
    return AnswerGroup(prompt=prompt, answers=answers, lower_TD=states)


def alone(mine, prompt, answer):
    """Log probabilities of one answer's tokens, by the whole decoder."""
    ids = torch.tensor([prompt + answer[:-1]])
    hidden, _ = mine.decoder(mine.decoder.embed(ids), FullTextAttention(mine.decoder.shape, torch.ones_like(ids)))
    told = mine.logits(hidden[0, len(prompt) - 1 :]).log_softmax(-1)
    return told.gather(-1, torch.tensor(answer)[:, None])[:, 0]


def test_what_answers_begin_with_alike_stands_once():
    tree = AnswerTree(AnswerGroup(prompt=PROMPT, answers=ANSWERS, lower_TD=torch.empty(0)))
    assert tree.positions == [0, 1, 2, 3, 4, 5]  # three of the prompt, 1, 2, and 4 of the second answer
    assert tree.places == [[2, 3, 4], [2, 3, 4, 5], [2], [2, 3, 4]]
    assert tree.before_TT()[5].tolist() == [True] * 6
    assert tree.before_TT()[3].tolist() == [True, True, True, True, False, False]


def test_branches_do_not_see_each_other():
    tree = AnswerTree(AnswerGroup(prompt=PROMPT, answers=[[1, 2], [3, 4]], lower_TD=torch.empty(0)))
    assert tree.before_TT()[4].tolist() == [True, True, True, False, True]


@torch.no_grad()
def test_answers_in_a_row_have_the_probabilities_that_each_has_alone():
    mine = policy(moved=True)
    groups = [group_of(mine, PROMPT, ANSWERS), group_of(mine, [8, 8, 8, 8, 8, 4], [[3, 1], [2, 2, 2]])]
    told = mine.score_answers(groups)
    wanted = torch.cat([alone(mine, g.prompt, answer) for g in groups for answer in g.answers])
    assert torch.allclose(told.logprob_A, wanted, atol=1e-5)
    assert told.value_A.shape == told.entropy_A.shape == wanted.shape


@torch.no_grad()
def test_texts_that_are_read_think_as_those_that_were_written():
    mine = policy()
    texts = [(PROMPT, [1, 2, 3]), ([4] * 9, [7, 8]), ([1], [2])]
    for (prompt, answer), group in zip(texts, read_groups(mine, texts, rows=2), strict=True):
        assert torch.allclose(group.lower_TD, lower_of(mine, prompt + answer[:-1]), atol=1e-5)


@torch.no_grad()
def merged_changes(trained):
    return {name: value for name, value in trained.items() if name.endswith((THIN, TALL))}


def test_merged_changes_make_a_plain_decoder_that_says_the_same():
    mine, plain = policy(moved=True), decoder().float()
    plain.load_state_dict(merge_changes(plain.state_dict(), merged_changes(mine.parameters_by_name)))
    ids = torch.tensor([PROMPT])
    states = [
        each(each.embed(ids), FullTextAttention(each.shape, torch.ones_like(ids)))[0] for each in (plain, mine.decoder)
    ]
    assert torch.allclose(*states, atol=1e-5)


def test_only_changes_of_the_last_layers_and_the_value_head_learn():
    mine = policy(last=2)
    learning = {name for name, p in mine.named_parameters() if p.requires_grad}
    assert len(learning) == len(mine.parameters_by_name)
    assert {name.split(".")[1] for name in mine.changes} == {"2", "3"}
    assert mine.lower == range(2)


def test_a_new_policy_is_the_model_it_was_made_of():
    before = policy(seed=1).score_answers([next(read_groups(policy(), [([1, 2], [3, 4])]))])
    again = policy(seed=2).score_answers([next(read_groups(policy(), [([1, 2], [3, 4])]))])
    assert torch.equal(before.logprob_A, again.logprob_A)
    assert before.value_A.tolist() == [0.0, 0.0]
    assert Letters().decode(Letters()(PUZZLE.prompt)["input_ids"]) == PUZZLE.prompt


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
