"""PPO's pieces against hand-worked numbers, and a tiny policy that learns to say a letter."""

import math
from dataclasses import replace

import pytest
import torch
from ppo_help import PUZZLE, Letters, Likes, policy, puzzles

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.loop import RunFolder, read_learned, read_log
from deepseek_mm.training.ppo import learner
from deepseek_mm.training.ppo import policy as policies
from deepseek_mm.training.ppo.learner import (
    SAMPLES,
    Learner,
    PPOConfig,
    Rounds,
    TrajectorySteps,
    centre_rewards,
    choose_puzzles,
    compute_explained_variance,
    compute_gae,
    compute_level_shares,
    compute_means,
    compute_ppo_loss,
    draw_minibatches,
    use_changes,
)
from deepseek_mm.training.ppo.policy import AnswerWriter, Rollout, TokenScores
from deepseek_mm.training.ppo.problems import CandidateVerdict


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
    monkeypatch.setattr(policies, "LONGEST_ANSWER", 3)
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


def test_numbers_that_make_no_sense_are_refused_by_name():
    with pytest.raises(ConfigError, match="trajectories"):
        PPOConfig(trajectories=8, answers=16)
    assert PPOConfig().trajectories == 2_048


CONFIG = PPOConfig(rounds=2, trajectories=12, answers=4, minibatch=2, rate=1e-2)
PUZZLES = puzzles(9)


@pytest.fixture
def short_answers(monkeypatch):
    monkeypatch.setattr(policies, "LONGEST_ANSWER", 2)


def begun(folder, *, config=CONFIG, letter="\u0100"):
    mine = policy()
    journal = RunFolder(folder, {"rounds": config.rounds})
    return Rounds(Learner(mine, config), AnswerWriter(mine, Letters()), Likes(letter), journal)


class Killed(Exception):
    """In the middle of a round."""


@pytest.mark.usefixtures("short_answers")
def test_a_run_that_was_killed_in_a_round_equals_an_undisturbed_one(tmp_path, monkeypatch):
    begun(tmp_path / "whole").run(PUZZLES, lambda line: None)
    first = begun(tmp_path / "killed")
    first.run_round(PUZZLES, 0)
    monkeypatch.setattr(learner.RunFolder, "save", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        first.run_round(PUZZLES, 1)  # its log line and its samples are there already
    monkeypatch.undo()
    monkeypatch.setattr(policies, "LONGEST_ANSWER", 2)
    begun(tmp_path / "killed").run(PUZZLES, lambda line: None)
    whole, again = read_learned(tmp_path / "whole"), read_learned(tmp_path / "killed")
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    texts = [(tmp_path / name / SAMPLES).read_text() for name in ("whole", "killed")]
    assert texts[0] == texts[1]
    assert [line["step"] for line in RunFolder(tmp_path / "killed", {}).read_log()] == [1, 2]


@pytest.mark.usefixtures("short_answers")
def test_a_finished_run_does_nothing_more(tmp_path):
    begun(tmp_path).run(PUZZLES, lambda line: None)
    again = begun(tmp_path)
    again.run(PUZZLES, lambda line: pytest.fail("nothing is left"))
    assert again.judge.runs == 0


@pytest.mark.usefixtures("short_answers")
def test_other_settings_need_another_folder(tmp_path):
    begun(tmp_path).run(PUZZLES, lambda line: None)
    with pytest.raises(ConfigError, match="begun with other settings"):
        begun(tmp_path, config=replace(CONFIG, rounds=3))


@pytest.mark.usefixtures("short_answers")
def test_every_round_shows_samples_with_what_they_earned(tmp_path):
    said = []
    begun(tmp_path).run(PUZZLES, said.append)
    rows = read_log(tmp_path / SAMPLES)
    assert {row["round"] for row in rows} == {1, 2}
    assert set(rows[0]) == {"round", "puzzle", "prompt", "wanted", "text", "reward", "right"}
    assert said[0].startswith("round 1: reward ")
    assert rows[0]["puzzle"] in said[0]


def test_puzzles_get_harder_and_are_the_same_for_a_seed_and_round():
    many = puzzles(300)
    config = PPOConfig(rounds=5, trajectories=640, answers=16)
    first, again, last = (choose_puzzles(many, config, number) for number in (0, 0, 4))
    assert first == again != last
    assert len(first) == len({puzzle.name for puzzle in first}) == 40
    assert sum(p.level for p in last) > sum(p.level for p in first)
    assert sum(compute_level_shares(2, 5).values()) == pytest.approx(1.0)


def test_nothing_is_learned_from_problems_that_are_kept_for_tests():
    mixed = [replace(puzzle, seen=n % 2 == 0) for n, puzzle in enumerate(puzzles(40))]
    assert all(puzzle.seen for puzzle in choose_puzzles(mixed, CONFIG, 0))


def test_a_level_that_is_used_up_is_made_up_for_by_others():
    easy = [puzzle for puzzle in puzzles(60) if puzzle.level == 1]
    assert len(choose_puzzles(easy, PPOConfig(trajectories=160, answers=16), 0)) == 10


def test_means_are_over_all_answers():
    right, wrong = CandidateVerdict(parses=True, passed=(True,)), CandidateVerdict(parses=False, passed=(False,))
    verdicts = [right, wrong, right, right]
    told = compute_means([verdicts, [wrong] * 4], [[1.0, 0, 0.8, 1.0], [0.0] * 4])
    assert told == {"reward": 0.35, "pass_rate": 0.375, "syntax": 0.375, "solved": 0.5}


@pytest.mark.usefixtures("short_answers")
def test_what_is_new_is_paid_once_in_a_run(tmp_path):
    run = begun(tmp_path)
    rollout = Rollout(puzzle=PUZZLES[0], group=None, texts=["return 1", "return 1", "return x"])
    right = CandidateVerdict(parses=True, passed=(True,))
    first = run.compute_rewards(rollout, [right, right, CandidateVerdict(parses=True, passed=(False,))])
    assert first == pytest.approx([1.0, 0.8, 0.3])
    assert run.compute_rewards(rollout, [right] * 3)[:2] == pytest.approx([0.8, 0.8])
