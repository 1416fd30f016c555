"""`train ppo`: its stages in order, each of them once, and its lessons."""

import argparse
from dataclasses import replace

import pytest
import torch
from ppo_help import PUZZLE, Letters, Likes, policy

from deepseek_mm.errors import NothingThere
from deepseek_mm.training import ppo
from deepseek_mm.training.loop import RunFolder, read_learned
from deepseek_mm.training.ppo.problems import CodeProblem
from deepseek_mm.training.ppo.rounds import WARM_STEPS, make_lessons, split_ids, warm_up

PROBLEM = CodeProblem(name="mbpp 600", source="mbpp 600", head='"""Add."""\n', code="def f(a):\n    return a", tests=())


def parsed(*words):
    parser = argparse.ArgumentParser()
    ppo.add_arguments(parser)
    return parser.parse_args(words)


def test_all_stages_run_in_order_with_every_seed_and_the_other_method(monkeypatch, tmp_path):
    ran = []
    stages = {name: lambda args, name=name: ran.append(name) for name in ppo.STAGE_OF}
    monkeypatch.setattr(ppo, "STAGE_OF", stages)
    monkeypatch.setattr(ppo, "learn", lambda args: ran.append(f"{args.method} {args.seed}"))
    assert ppo.run(parsed("--seeds", "2", "--out", str(tmp_path))) == 0
    assert ran == ["problems", "warm", "ppo 0", "ppo 1", "rejection 0", "measure", "report"]


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
