"""Rounds: puzzles get harder, samples are kept, and a run that was killed goes on as if nothing had been."""

import json

import pytest
import torch
from ppo_help import Letters, Likes, policy, puzzles

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.loop import RunFolder, read_learned, read_log
from deepseek_mm.training.ppo import rollouts, rounds
from deepseek_mm.training.ppo.judge import CandidateVerdict
from deepseek_mm.training.ppo.learner import Learner, PPOConfig
from deepseek_mm.training.ppo.rollouts import AnswerWriter, Rollout
from deepseek_mm.training.ppo.rounds import (
    SAMPLES,
    Rounds,
    choose_puzzles,
    compute_level_shares,
    compute_means,
    find_right_answers,
)

CONFIG = PPOConfig(rounds=2, trajectories=12, answers=4, minibatch=2, rate=1e-2)
PUZZLES = puzzles(9)


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST_ANSWER", 2)


def begun(folder, *, config=CONFIG, method="ppo", letter="\u0100"):
    mine = policy()
    journal = RunFolder(folder, {"rounds": config.rounds, "method": method})
    return Rounds(Learner(mine, config), AnswerWriter(mine, Letters()), Likes(letter), journal, method=method)


class Killed(Exception):
    """In the middle of a round."""


def test_a_run_that_was_killed_in_a_round_equals_an_undisturbed_one(tmp_path, monkeypatch):
    begun(tmp_path / "whole").run(PUZZLES, lambda line: None)
    first = begun(tmp_path / "killed")
    first.run_round(PUZZLES, 0)
    monkeypatch.setattr(rounds.RunFolder, "save", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        first.run_round(PUZZLES, 1)  # its log line and its samples are there already
    monkeypatch.undo()
    monkeypatch.setattr(rollouts, "LONGEST_ANSWER", 2)
    begun(tmp_path / "killed").run(PUZZLES, lambda line: None)
    whole, again = read_learned(tmp_path / "whole"), read_learned(tmp_path / "killed")
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    texts = [(tmp_path / name / SAMPLES).read_text() for name in ("whole", "killed")]
    assert texts[0] == texts[1]
    assert [line["step"] for line in RunFolder(tmp_path / "killed", {}).read_log()] == [1, 2]


def test_a_finished_run_does_nothing_more(tmp_path):
    begun(tmp_path).run(PUZZLES, lambda line: None)
    again = begun(tmp_path)
    again.run(PUZZLES, lambda line: pytest.fail("nothing is left"))
    assert again.judge.runs == 0


def test_other_settings_need_another_folder(tmp_path):
    begun(tmp_path).run(PUZZLES, lambda line: None)
    with pytest.raises(ConfigError, match="begun with other settings"):
        begun(tmp_path, method="rejection")


def test_every_round_shows_samples_with_what_they_earned(tmp_path):
    said = []
    begun(tmp_path).run(PUZZLES, said.append)
    rows = read_log(tmp_path / SAMPLES)
    assert {row["round"] for row in rows} == {1, 2}
    assert set(rows[0]) == {"round", "puzzle", "prompt", "wanted", "text", "reward", "right"}
    assert said[0].startswith("round 1: reward ")
    assert rows[0]["puzzle"] in said[0]


def test_rejection_repeats_only_what_was_right(tmp_path):
    run = begun(tmp_path, method="rejection", letter="")  # everything is right
    run.run_round(PUZZLES, 0)
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["pass_rate"] == 1.0
    assert line["tokens_read"] < line["tokens"]
    assert line["updates"] == CONFIG.update_epochs * 2
    none = begun(tmp_path / "none", method="rejection", letter="nothing has this")
    none.run_round(PUZZLES, 0)
    assert json.loads((tmp_path / "none" / "log.jsonl").read_text())["updates"] == 0


def test_puzzles_get_harder_and_are_the_same_for_a_seed_and_round():
    many = puzzles(300)
    config = PPOConfig(rounds=5, trajectories=640, answers=16)
    first, again, last = (choose_puzzles(many, config, number) for number in (0, 0, 4))
    assert first == again != last
    assert len(first) == len({puzzle.name for puzzle in first}) == 40
    assert sum(p.level for p in last) > sum(p.level for p in first)
    assert sum(compute_level_shares(2, 5).values()) == pytest.approx(1.0)


def test_nothing_is_learned_from_problems_that_are_kept_for_tests():
    from dataclasses import replace

    mixed = [replace(puzzle, seen=n % 2 == 0) for n, puzzle in enumerate(puzzles(40))]
    assert all(puzzle.seen for puzzle in choose_puzzles(mixed, CONFIG, 0))


def test_a_level_that_is_used_up_is_made_up_for_by_others():
    easy = [puzzle for puzzle in puzzles(60) if puzzle.level == 1]
    assert len(choose_puzzles(easy, PPOConfig(trajectories=160, answers=16), 0)) == 10


def test_right_answers_are_repeated_once_each_and_means_are_over_all():
    right, wrong = CandidateVerdict(parses=True, passed=(True,)), CandidateVerdict(parses=False, passed=(False,))
    rollout = Rollout(puzzle=PUZZLES[0], group=None, texts=["a", "b", "a", "c"])
    verdicts = [right, wrong, right, right]
    assert find_right_answers(rollout, verdicts) == [2, 3]
    told = compute_means([verdicts, [wrong] * 4], [[1.0, 0, 0.8, 1.0], [0.0] * 4])
    assert told == {"reward": 0.35, "pass_rate": 0.375, "syntax": 0.375, "solved": 0.5}


def test_what_is_new_is_paid_once_in_a_run(tmp_path):
    run = begun(tmp_path)
    rollout = Rollout(puzzle=PUZZLES[0], group=None, texts=["return 1", "return 1", "return x"])
    right = CandidateVerdict(parses=True, passed=(True,))
    first = run.compute_rewards(rollout, [right, right, CandidateVerdict(parses=True, passed=(False,))])
    assert first == pytest.approx([1.0, 0.8, 0.3])
    assert run.compute_rewards(rollout, [right] * 3)[:2] == pytest.approx([0.8, 0.8])
