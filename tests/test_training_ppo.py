"""`train ppo`: its stages in order, each of them once, and its lessons."""

import argparse
from dataclasses import replace

import pytest
import torch
from ppo_help import PUZZLE, Letters, Likes, policy, puzzles

from deepseek_mm.errors import NothingThere
from deepseek_mm.training import ppo
from deepseek_mm.training.loop import RunFolder, read_learned
from deepseek_mm.training.ppo import (
    DRAWN,
    UNSEEN,
    MeasuredRun,
    Solved,
    compute_figures,
    compute_rates,
    measure,
    read_outcomes,
    write_outcomes,
    write_ppo_report,
)
from deepseek_mm.training.ppo import policy as policies
from deepseek_mm.training.ppo.learner import WARM_STEPS, PPOConfig, make_lessons, split_ids, warm_up
from deepseek_mm.training.ppo.policy import AnswerWriter
from deepseek_mm.training.ppo.problems import CodeProblem
from deepseek_mm.training.report import read_report

PROBLEM = CodeProblem(name="mbpp 600", source="mbpp 600", head='"""Add."""\n', code="def f(a):\n    return a", tests=())


def parsed(*words):
    parser = argparse.ArgumentParser()
    ppo.add_arguments(parser)
    return parser.parse_args(words)


def test_all_stages_run_in_order_with_every_seed(monkeypatch, tmp_path):
    ran = []
    stages = {name: lambda args, name=name: ran.append(name) for name in ppo.STAGE_OF}
    monkeypatch.setattr(ppo, "STAGE_OF", stages)
    monkeypatch.setattr(ppo, "learn", lambda args: ran.append(f"ppo {args.seed}"))
    assert ppo.run(parsed("--seeds", "2", "--out", str(tmp_path))) == 0
    assert ran == ["problems", "warm", "ppo 0", "ppo 1", "measure", "report"]


def test_a_stage_that_lacks_what_an_earlier_one_makes_says_so(tmp_path):
    with pytest.raises(NothingThere, match="--stage problems"):
        ppo.run(parsed("--stage", "measure", "--out", str(tmp_path)))


def test_puzzles_that_exist_are_not_made_again(tmp_path):
    (tmp_path / ppo.PUZZLES).write_text("")
    assert ppo.run(parsed("--stage", "problems", "--out", str(tmp_path), "--text", "nowhere")) == 0


def test_every_number_of_the_recipe_is_a_flag():
    args = parsed("--rounds", "3", "--clip-coef", "0.1", "--rank", "4", "--warm-steps", "5", "--kl-coef", "0.5")
    config = ppo.choose_config(ppo.PPOConfig(), args)
    assert (config.rounds, config.clip_coef, config.kl_coef, args.warm_steps) == (3, 0.1, 0.5, 5)
    assert ppo.choose_config(ppo.PolicyConfig(), args).rank == 4


def test_a_puzzle_is_sound_if_its_answer_passes_and_nothing_in_its_place_does_not():
    idle = replace(PUZZLE, name="idle", answer="\n    pass  # return")
    assert ppo.select_sound([PUZZLE, idle], Likes("return")) == [PUZZLE, idle]
    assert ppo.select_sound([PUZZLE, idle], Likes("a")) == []  # "pass" has an a
    assert ppo.select_sound([PUZZLE], Likes("z")) == []
    assert ppo.select_sound([PUZZLE], Likes("")) == []  # a line that is not needed at all


def test_a_lesson_is_what_follows_the_signature():
    prompt, rest = split_ids(PROBLEM, Letters())
    assert Letters().decode(prompt) == '"""Add."""\ndef f(a):'
    assert Letters().decode(rest) == "\n    return a\n\n\n"


def test_lessons_are_of_problems_that_may_be_learned_from():
    mine = policy()
    kept = [replace(PROBLEM, source=f"mbpp {n}") for n in range(511, 560)]
    found = make_lessons(mine, kept, Letters(), most=100, seed=0)
    assert len(found) == sum(problem.may_be_learned for problem in kept) < len(kept)
    assert len(make_lessons(mine, kept, Letters(), most=3, seed=0)) == 3


def test_a_warm_up_makes_solutions_likelier_and_leaves_the_value_head_alone(tmp_path):
    mine = policy()
    groups = make_lessons(mine, [replace(PROBLEM, source="mbpp 600")] * 4, Letters(), most=4, seed=0)
    assert groups
    with torch.no_grad():
        before = mine.score_answers(groups).logprob_A.mean()
    steps = replace(WARM_STEPS, steps=8, rate=2e-2)
    warm_up(mine, groups, RunFolder(tmp_path, {"a": 1}), steps=steps, batch=2)
    with torch.no_grad():
        assert mine.score_answers(groups).logprob_A.mean() > before + 0.2
    assert not mine.value.weight.any()
    assert set(read_learned(tmp_path)) == set(mine.changes)


def outcomes(*drawn, rounds=4):
    """Two puzzles of one problem and so on: how many of ten passed."""
    rows = [
        Solved(f"mbpp {600 + n // 2}:{n}", level=1 + n % 2, drawn=each, greedy=each > 4) for n, each in enumerate(drawn)
    ]
    return MeasuredRun(rounds=rounds, solved=tuple(rows))


def test_rates_are_percent_of_all_puzzles_and_of_each_level():
    told = compute_rates(outcomes(10, 0, 5, 1).solved)
    assert told["pass_rate"] == pytest.approx(40.0)
    assert (told["greedy"], told["pass_at_n"]) == (50.0, 75.0)
    assert (told["pass_rate_level_1"], told["pass_rate_level_2"]) == (75.0, 5.0)


def test_a_gain_is_the_mean_of_the_seeds_less_the_warm_up():
    told = compute_figures(outcomes(2, 2), [outcomes(4, 4), outcomes(6, 6, rounds=6)])
    assert told["ppo_pass_rate_before"] == 20.0
    assert told["ppo_pass_rate_after"] == 50.0
    assert told["ppo_pass_rate_gain"] == 30.0
    assert (told["ppo_pass_rate_after_lowest"], told["ppo_pass_rate_after_highest"]) == (40.0, 60.0)
    assert told["ppo_pass_rate_after_deviation"] == pytest.approx(14.142)
    assert (told["ppo_seeds"], told["ppo_rounds"], told["ppo_test_problems"]) == (2, 5, 1)


def run_of(folder, told, *, rounds=2):
    journal = RunFolder(folder, {})
    for number in range(rounds):
        journal.log(number + 1, reward=0.5, pass_rate=0.4)
    write_outcomes(folder, told)


def test_a_report_has_its_figures_and_plot_and_says_how_it_was_measured(tmp_path):
    run_of(tmp_path / "warm", outcomes(2, 2))
    run_of(tmp_path / "ppo-0", outcomes(4, 4))
    path = tmp_path / "reports" / "ppo.json"
    told = write_ppo_report(tmp_path, path, command="python -m deepseek_mm train ppo", config=PPOConfig())
    assert read_report(path) == told
    assert "4096 trajectories in all" in told.notes[1]
    assert (path.parent / UNSEEN).read_text() == "mbpp 600\n"
    assert 1_000 < path.with_suffix(".png").stat().st_size < 100_000


def test_without_a_measured_run_there_is_no_report(tmp_path):
    run_of(tmp_path / "warm", outcomes(2, 2))
    with pytest.raises(NothingThere, match="nothing was measured in .* --stage measure"):
        write_ppo_report(tmp_path, tmp_path / "ppo.json", command="python -m deepseek_mm train ppo", config=PPOConfig())
    assert read_outcomes(tmp_path) is None


def test_what_was_measured_comes_back_as_it_was(tmp_path):
    write_outcomes(tmp_path, outcomes(1, 2))
    assert read_outcomes(tmp_path) == outcomes(1, 2)


def test_every_puzzle_is_measured_with_ten_answers(monkeypatch):
    monkeypatch.setattr(policies, "LONGEST_ANSWER", 2)
    asked = [*puzzles(3), PUZZLE]
    told = measure(AnswerWriter(policy(), Letters()), Likes(""), asked)
    assert [each.name for each in told] == [puzzle.name for puzzle in asked]
    assert all(each.drawn == DRAWN and each.greedy for each in told)
