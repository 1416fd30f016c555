"""Scores of programs and lines, by a model on paper; the estimate of pass@k against counting."""

import json
import math
from itertools import combinations

import pytest
from test_evaluation_code_score_tasks import HUMANEVAL, MBPP, write
from test_lm_infilling import Scripted

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.code_score import (
    CodeBench,
    PassRate,
    SandboxRunner,
    cut_all_holes,
    evaluate_code,
    open_journal,
    pass_at_k,
    read_tasks,
)

BROKEN = MBPP | {"task_id": 13, "test_list": ["assert double(2) == 5"]}


class Here:
    """`Runs` by exec: these programs are ours."""

    def __init__(self):
        self.count = 0

    def passes(self, programs):
        self.count += len(programs)
        return [self.one(program) for program in programs]

    def one(self, program):
        try:
            exec(program, {})
        except Exception:  # noqa: BLE001  whatever it is, it does not pass
            return False
        return True


def bench(lm, runs, kept=None):
    return CodeBench(lm=lm, runs=runs, journal=open_journal(kept, {"seed": 0}), progress=lambda line: None)


def score(tmp_path, lm, runs=None, *, rows=(HUMANEVAL, MBPP, BROKEN), kept=None, **options):
    tasks = read_tasks(write(tmp_path, *rows))
    holes = lambda fit: cut_all_holes(fit, most=0, seed=0)  # noqa: E731
    return evaluate_code(bench(lm, runs or Here(), kept), tasks, holes, **options)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 4), (4, 0, 2), (4, 4, 2), (5, 4, 2), (3, 3, 3)])
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_one_that_passes(n, c, k):
    choices = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_a_share_has_the_error_of_a_binomial():
    assert PassRate(passed=36, n=100).describe() == " 36.0 % (+- 4.8; 36 of 100)"
    assert math.isnan(PassRate(passed=0, n=0).percent)


def test_a_line_chosen_by_what_follows_is_scored_beside_the_likeliest_and_none(tmp_path):
    lm = Scripted("\n    c = 0\n", "\n    c = a + b\n", **{"a + b": 1.0})
    report = score(tmp_path, lm, rows=[HUMANEVAL], parts=["lines"])
    assert {name: share.passed for name, share in report.lines.items()} == {"filled": 1, "greedy": 0, "left out": 0}
    assert {share.n for share in report.lines.values()} == {2}
    assert report.pass_1.n == 0
    assert json.loads(report.json())["single_line"]["filled"]["percent"] == 50


def test_programs_are_scored_by_their_tests_and_the_drawn_ones_by_the_estimate(tmp_path):
    lm = Scripted("def double(a):\n    return a + a\n", "def double(a):\n    return 1\n", "oh no")
    report = score(tmp_path, lm, rows=[MBPP], parts=["programs"], drawn=(2, 0.8))
    assert (report.pass_1.passed, report.pass_1.n) == (1, 1)
    assert report.pass_k == {1: 0.0, 2: 0.0}
    assert {sampling.temperature for _, sampling in lm.asked} == {0.0, 0.8}


def test_a_function_that_is_gone_on_with_is_shown_without_the_new_line_that_its_next_token_brings(tmp_path):
    assert HUMANEVAL["prompt"].endswith("\n")
    lm = Scripted("\n" + HUMANEVAL["canonical_solution"])
    report = score(tmp_path, lm, rows=[HUMANEVAL], parts=["programs"], drawn=(0, 0.8))
    assert [shown for shown, _ in lm.asked] == [HUMANEVAL["prompt"].rstrip("\n")]
    assert (report.pass_1.passed, report.pass_1.n) == (1, 1)


def test_a_task_whose_own_solution_fails_here_is_left_out_and_named(tmp_path):
    report = score(tmp_path, Scripted("x"), parts=["lines"])
    assert report.unfit == ("13",)
    assert "1 tasks left out" in report.table()
    assert report.lines["filled"].n == 3


def test_what_was_done_is_not_done_again_and_a_torn_line_is(tmp_path):
    kept, lm = tmp_path / "kept.jsonl", Scripted("\n    return 2 * a\n")
    first = score(tmp_path, lm, rows=[MBPP], kept=kept)
    asked, runs = lm.closed, Here()
    assert score(tmp_path, lm, runs, rows=[MBPP], kept=kept) == first
    assert (lm.closed, runs.count) == (asked, 0)
    kept.write_text(kept.read_text()[:-9])
    assert score(tmp_path, lm, runs, rows=[MBPP], kept=kept) == first
    assert runs.count > 0


def test_results_of_other_settings_are_not_mixed_in(tmp_path):
    file = tmp_path / "kept.jsonl"
    open_journal(file, {"seed": 0})
    with pytest.raises(ConfigError, match="Name another with --keep"):
        open_journal(file, {"seed": 1})


def test_programs_run_in_the_sandbox(tmp_path):
    from deepseek_mm.config import SandboxConfig

    runs = SandboxRunner(SandboxConfig())
    assert runs.passes(["assert 1 + 1 == 2", "assert 1 + 1 == 3", f"open('{tmp_path}')"]) == [True, False, False]
