"""PPO's pieces against hand-worked numbers, and a tiny policy that learns to say a letter."""

import math

import pytest
import torch
from ppo_help import PUZZLE, Letters, policy

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.ppo import rollouts
from deepseek_mm.training.ppo.learner import (
    Learner,
    PPOConfig,
    TrajectorySteps,
    centre_rewards,
    compute_explained_variance,
    compute_gae,
    compute_ppo_loss,
    draw_minibatches,
    use_changes,
)
from deepseek_mm.training.ppo.policy import TokenScores
from deepseek_mm.training.ppo.rollouts import AnswerWriter


def test_advantages_of_a_hand_worked_episode():
    rewards, values = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.5, 0.25, 0.5])
    # deltas: 0 + 0.9 * 0.25 - 0.5 = -0.275; 0 + 0.9 * 0.5 - 0.25 = 0.2; 1 - 0.5 = 0.5
    # A3 = 0.5; A2 = 0.2 + 0.9 * 0.8 * 0.5 = 0.56; A1 = -0.275 + 0.72 * 0.56 = 0.1282
    advantages, returns = compute_gae(rewards, values, gamma=0.9, lam=0.8)
    assert advantages.tolist() == pytest.approx([0.1282, 0.56, 0.5])
    assert returns.tolist() == pytest.approx([0.6282, 0.81, 1.0])


def test_with_lambda_one_an_advantage_is_what_came_minus_what_was_expected():
    advantages, returns = compute_gae(torch.tensor([0.0, 0.0, 0.8]), torch.tensor([0.1, 0.2, 0.3]), gamma=1.0, lam=1.0)
    assert advantages.tolist() == pytest.approx([0.7, 0.6, 0.5])
    assert returns.tolist() == pytest.approx([0.8, 0.8, 0.8])


def test_a_reward_is_compared_with_what_other_answers_to_the_prompt_got():
    # others' means: (0 + 0.5) / 2, (1 + 0.5) / 2, (1 + 0) / 2
    assert centre_rewards([1.0, 0.0, 0.5]) == pytest.approx([0.75, -0.75, 0.0])
    assert centre_rewards([0.8, 0.8]) == pytest.approx([0.0, 0.0])  # nothing to learn where all are as good
    assert centre_rewards([0.3]) == [0.3]


@pytest.mark.parametrize("plain", [False, True])
def test_an_easy_prompt_is_no_reason_to_say_more_of_the_same_unless_rewards_are_taken_plainly(plain):
    mine = policy()
    learner = Learner(mine, PPOConfig(plain=plain, value_steps=0))
    groups = [each.group for each in AnswerWriter(mine, Letters()).write([PUZZLE, PUZZLE], 4, seed=0)]
    rewards = [[1.0] * 4, [0.0, 0.0, 0.5, 0.5]]
    told = []
    learner._make_steps = lambda groups, rewards, *, same: (
        told.append(rewards) or Learner._make_steps(learner, groups, rewards, same=same)
    )
    learner.update(groups, rewards, 0)
    assert told[0] == (rewards if plain else [[0.0] * 4, pytest.approx([-1 / 3, -1 / 3, 1 / 3, 1 / 3])])


def steps(logprobs, advantages, *, refs=None, values=0.0, returns=0.0):
    logprobs = torch.tensor(logprobs)
    return TrajectorySteps(
        logprobs_A=logprobs,
        ref_logprobs_A=logprobs if refs is None else torch.tensor(refs),
        values_A=torch.full_like(logprobs, values),
        advantages_A=torch.tensor(advantages),
        returns_A=torch.full_like(logprobs, returns),
    )


def said(logprobs, *, entropy=0.0, value=0.0):
    logprobs = torch.tensor(logprobs, requires_grad=True)
    return TokenScores(logprobs, torch.full_like(logprobs, entropy).detach(), torch.full_like(logprobs, value).detach())


def test_a_ratio_beyond_the_clip_pulls_no_further():
    config = PPOConfig(clip_coef=0.2, ent_coef=0, vf_coef=0, kl_coef=0)
    new = said([math.log(0.9), math.log(0.5)])  # ratios 1.8 and 1
    loss, told = compute_ppo_loss(new, steps([math.log(0.5), math.log(0.5)], [1.0, 1.0]), config)
    loss.backward()
    assert loss.item() == pytest.approx(-(1.2 + 1.0) / 2)
    assert new.logprob_A.grad.tolist() == pytest.approx([0.0, -0.5])
    assert told["clipfrac"] == 0.5
    assert told["approx_kl"] == pytest.approx((0.8 - math.log(1.8)) / 2)


def test_a_bad_step_that_became_likelier_is_pushed_back_beyond_the_clip_too():
    config = PPOConfig(clip_coef=0.2, ent_coef=0, vf_coef=0, kl_coef=0)
    new = said([math.log(0.9)])
    loss, _ = compute_ppo_loss(new, steps([math.log(0.5)], [-1.0]), config)
    loss.backward()
    assert loss.item() == pytest.approx(1.8)
    assert new.logprob_A.grad[0] > 0


def test_entropy_is_wanted_and_distance_to_the_reference_is_not():
    config = PPOConfig(ent_coef=0.5, vf_coef=0, kl_coef=0.25)
    old = steps([-1.0], [0.0], refs=[-2.0])
    loss, told = compute_ppo_loss(said([-1.0], entropy=0.6), old, config)
    apart = math.exp(-1.0) - 1 + 1.0
    assert told["kl_ref"] == pytest.approx(apart)
    assert loss.item() == pytest.approx(-0.3 + 0.25 * apart)


def test_a_value_that_ran_away_is_held_by_the_clip():
    config = PPOConfig(clip_coef=0.2, ent_coef=0, vf_coef=1, kl_coef=0)
    loss, _ = compute_ppo_loss(said([-1.0], value=1.0), steps([-1.0], [0.0], values=0.0, returns=1.0), config)
    assert loss.item() == pytest.approx(0.5 * 0.8**2)  # the clipped value, 0.2, is the worse one


def test_explained_variance_is_one_for_the_returns_themselves_and_zero_for_a_constant():
    returns = torch.tensor([0.0, 1.0, 2.0])
    assert compute_explained_variance(returns, returns) == pytest.approx(1.0)
    assert compute_explained_variance(torch.ones(3), returns) == pytest.approx(0.0)
    assert compute_explained_variance(returns, torch.ones(3)) == 0.0


def test_minibatches_hold_every_group_once_in_an_order_of_their_own():
    first, again, other = (list(draw_minibatches(7, 3, seed)) for seed in ("a", "a", "b"))
    assert sorted(sum(first, [])) == list(range(7))
    assert [len(each) for each in first] == [3, 3, 1]
    assert first == again != other


def test_a_policy_comes_to_say_what_is_rewarded(monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST_ANSWER", 3)
    mine, shares = policy(last=3), []
    learner = Learner(mine, PPOConfig(rate=2e-2, minibatch=1, clip_coef=0.5, target_kl=10, kl_coef=0))
    for number in range(6):
        drawn = AnswerWriter(mine, Letters()).write([PUZZLE], 48, seed=number)
        rewards = [[float(answer[0] < 128) for answer in each.group.answers] for each in drawn]
        shares.append(sum(map(sum, rewards)) / 48)
        learner.update([each.group for each in drawn], rewards, number)
    assert shares[0] < 0.5
    assert shares[-1] > shares[0] + 0.2


def test_updates_end_early_when_the_policy_has_moved_too_far():
    mine = policy()
    learner = Learner(mine, PPOConfig(rate=5e-2, minibatch=1, update_epochs=9, target_kl=1e-6))
    drawn = AnswerWriter(mine, Letters()).write([PUZZLE], 8, seed=0)
    told = learner.update([each.group for each in drawn], [[1.0, 0.0] * 4], 0)
    assert told["updates"] < 9


def test_the_reference_stays_where_the_run_began():
    mine = policy(moved=True)
    learner = Learner(mine, PPOConfig(rate=1e-2, minibatch=1))
    before = {name: p.detach().clone() for name, p in mine.changes.items()}
    drawn = AnswerWriter(mine, Letters()).write([PUZZLE], 4, seed=0)
    told = [learner.update([each.group for each in drawn], [[1.0, 0.0, 1.0, 0.0]], number) for number in (0, 1)]
    assert all(torch.equal(learner.reference[name], value) for name, value in before.items())
    assert any(not torch.equal(p, before[name]) for name, p in mine.changes.items())
    assert told[1]["kl_ref"] > 0


def test_a_policy_speaks_as_another_and_is_itself_again():
    mine, other = policy(), policy(moved=True)
    group = AnswerWriter(mine, Letters()).write([PUZZLE], 2, seed=0)[0].group
    with torch.no_grad():
        own, theirs = mine.score_answers([group]).logprob_A, other.score_answers([group]).logprob_A
        with use_changes(mine, other.changes):
            assert torch.allclose(mine.score_answers([group]).logprob_A, theirs)
        assert torch.equal(mine.score_answers([group]).logprob_A, own)


def test_imitation_makes_what_it_repeats_likelier():
    mine = policy()
    learner = Learner(mine, PPOConfig(rate=1e-2, minibatch=1, update_epochs=4))
    group = AnswerWriter(mine, Letters()).write([PUZZLE], 2, seed=0)[0].group
    with torch.no_grad():
        before = mine.score_answers([group]).logprob_A.mean()
    learner.imitate([group], 0)
    with torch.no_grad():
        assert mine.score_answers([group]).logprob_A.mean() > before + 0.1


def test_numbers_that_make_no_sense_are_refused_by_name():
    with pytest.raises(ConfigError, match="trajectories"):
        PPOConfig(trajectories=8, answers=16)
    assert PPOConfig().trajectories == 2_048
