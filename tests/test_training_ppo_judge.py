"""Candidates in the sandbox, their verdicts and their rewards."""

from dataclasses import replace

import pytest
from ppo_help import PUZZLE

from deepseek_mm.training.ppo import judge as judging
from deepseek_mm.training.ppo.judge import (
    MOST_KEPT,
    CandidateJudge,
    CandidateVerdict,
    NoveltyMemory,
    compute_reward,
    is_python,
)
from deepseek_mm.training.ppo.sandbox_program import compute_outcome, run_call, run_test

CANDIDATES = {
    PUZZLE.answer: (True, True),
    "\n    return 2": (True, False),
    "\n    return (": (False, False),
    "\n    while True: pass": (False, False),
    "\n    raise SystemExit": (False, False),
    "\n    import os; os._exit(0)": (False, False),
    "\n    pass\nimport sys; sys.exit(0)": (False, False),
    "\n    print(a); return a + 1": (True, True),
}


@pytest.fixture(scope="module")
def told():
    """One sandbox for all of them; each candidate twice."""
    judge = CandidateJudge()
    verdicts = judge.judge([(PUZZLE, text) for text in (*CANDIDATES, *CANDIDATES)])
    return judge, dict(zip((*CANDIDATES, *CANDIDATES), verdicts, strict=True))


@pytest.mark.parametrize("text", CANDIDATES)
def test_each_candidate_gets_its_own_verdict_whatever_the_others_do(told, text):
    assert told[1][text].passed == CANDIDATES[text]


def test_a_candidate_that_is_no_python_is_not_run_and_none_is_run_twice(told):
    judge, verdicts = told
    assert not verdicts["\n    return ("].parses
    assert judge.runs == len(CANDIDATES) - 1
    judge.judge([(PUZZLE, PUZZLE.answer)])
    assert judge.runs == len(CANDIDATES) - 1
    assert (verdicts["\n    return 2"].share, verdicts["\n    return 2"].right) == (0.5, False)


def test_jobs_that_a_sandbox_did_not_come_to_are_failures(monkeypatch):
    class Cut:
        def run(self, code, *, text):
            return type("Ran", (), {"stdout": "[1, 1]\n"})()

    judge = CandidateJudge(Cut())
    other = replace(PUZZLE, name="another")
    assert [v.right for v in judge.judge([(PUZZLE, "\n    return a + 1"), (other, "\n    return a + 1")])] == [
        True,
        False,
    ]
    assert judging.BATCH > 1


def test_a_program_tells_which_tests_held():
    job = {"program": "def f(a):\n    return a + 1\n", "tests": ["assert f(1) == 2", "assert f(1) == 3", "f("]}
    assert compute_outcome(job) == [1, 0, 0]


def test_a_test_that_leaves_has_not_passed():
    assert run_test("raise SystemExit", {}) == 0
    assert run_test("assert True", {}) == 1


def test_calls_tell_what_can_be_written_down_and_read_again():
    names = {"f": lambda a: a}
    assert run_call("f([1, 'b'])", names) == "[1, 'b']"
    assert run_call("f", names) is None  # a function cannot be written down
    assert run_call("1 / 0", names) is None
    assert run_call("'a' * 1000", names) is None
    assert compute_outcome({"program": "def f(a): return a", "calls": ["f(1)", "g(1)"]}) == ["1", None]


def test_tests_of_one_candidate_do_not_see_each_other():
    job = {"program": "a = 1", "tests": ["a = 2", "assert a == 1"]}
    assert compute_outcome(job) == [1, 1]


def test_a_share_is_of_all_tests():
    assert CandidateVerdict(parses=True, passed=(True, False, False, False)).share == 0.25
    assert not is_python("def f(:")
    assert not is_python("\0")
    assert is_python("x = '\\d'")  # Python warns of it, and it is Python


@pytest.mark.parametrize(
    ("parses", "share", "novelty", "worth"),
    [
        (False, 0.0, 1.0, 0.0),
        (True, 0.0, 1.0, 0.3),
        (True, 0.5, 1.0, 0.55),
        (True, 1.0, 0.0, 0.8),
        (True, 1.0, 1.0, 1.0),
    ],
)
def test_novelty_is_paid_only_when_every_test_passes(parses, share, novelty, worth):
    assert compute_reward(parses=parses, share=share, novelty=novelty) == pytest.approx(worth)


def test_what_is_no_python_earns_nothing_whatever_else_is_said_of_it():
    assert compute_reward(parses=False, share=1.0, novelty=1.0) == 0.0


def test_the_first_sample_is_new_and_its_copy_is_not():
    novelty = NoveltyMemory()
    assert novelty.distance("a", "return x + 1") == 1.0
    assert novelty.distance("a", "  return x+1\n") == 0.0  # spaces make nothing new
    assert novelty.distance("b", "return x + 1") == 1.0  # of another puzzle


def test_distance_is_to_the_nearest_of_all_samples():
    novelty = NoveltyMemory({"a": ["return x + 1", "pass"]})
    # four of four words and signs but one are the same: likeness 2 * 3 / 8
    assert novelty.distance("a", "return x + 2") == pytest.approx(1 - 2 * 3 / 8)


def test_no_more_samples_are_kept_than_new_ones_can_be_compared_with():
    novelty = NoveltyMemory()
    for number in range(MOST_KEPT + 5):
        novelty.distance("a", f"return {number}")
    assert len(novelty.seen["a"]) == MOST_KEPT
