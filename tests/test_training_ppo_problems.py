"""Puzzles: what is cut out, what a model sees of it, and who may learn from it."""

import json
from dataclasses import replace

import pytest
from ppo_help import PUZZLE, Letters

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.training.corpus.items import choose_split
from deepseek_mm.training.ppo import problems as made
from deepseek_mm.training.ppo.problems import (
    BATCH,
    MOST_KEPT,
    CandidateJudge,
    CandidateVerdict,
    CodeProblem,
    NoveltyMemory,
    Puzzle,
    binds_nothing_new,
    compute_reward,
    encode_gap,
    is_python,
    make_puzzles,
    measure_gap,
    read_mbpp,
    read_records,
    split_assertions,
    write_records,
)
from deepseek_mm.training.ppo.sandbox_program import compute_outcome, run_call, run_test

CODE = "def f(a):\n    b = a\n    b += 1\n    return b"
PROBLEM = CodeProblem(name="mbpp 600", source="mbpp 600", head='"""Add."""\n', code=CODE, tests=("assert f(1) == 2",))


@pytest.fixture
def long_enough(monkeypatch):
    monkeypatch.setattr(made, "LONGEST_ANSWER", 40)  # letters are more than tokens


def rows(*numbers):
    row = {"text": "Add one.", "code": CODE, "test_list": ["assert f(1) == 2", "assert f(2) == 3"]}
    return "".join(json.dumps(row | {"task_id": number}) + "\n" for number in numbers)


def test_tasks_that_judge_models_are_not_read(tmp_path):
    file = tmp_path / "mbpp.jsonl"
    file.write_text(rows(11, 510, 511, 974, 975))
    assert [problem.name for problem in read_mbpp(file)] == ["mbpp 511", "mbpp 974"]


def test_a_preparation_belongs_to_every_test():
    assert split_assertions("import math\nassert f(1)\nassert g(\n  2)") == (
        "import math\n",
        ["assert f(1)", "assert g(\n  2)"],
    )


@pytest.mark.usefixtures("long_enough")
def test_no_test_stands_in_what_a_model_reads():
    found = make_puzzles(PROBLEM, Letters())
    assert found
    assert all("assert" not in puzzle.prompt and "== 2" not in puzzle.prompt for puzzle in found)


@pytest.mark.usefixtures("long_enough")
def test_every_gap_is_filled_by_its_own_answer():
    for puzzle in make_puzzles(PROBLEM, Letters()):
        assert puzzle.program(puzzle.answer) == f'"""Add."""\n{CODE}\n'
        assert puzzle.cut(puzzle.answer + "\n") == puzzle.answer
        assert not puzzle.prompt.endswith(("\n", " "))


@pytest.mark.usefixtures("long_enough")
def test_a_line_whose_new_name_stands_behind_the_gap_is_not_asked_for():
    lines = CODE.split("\n")
    assert not binds_nothing_new(lines, 1)  # what b is called cannot be known
    assert binds_nothing_new(lines, 2)
    assert not binds_nothing_new(["    for x in y:"], 0)
    assert binds_nothing_new(["def f(x):", "    if x == 2:"], 1)
    assert "mbpp 600:1" not in {puzzle.name for puzzle in make_puzzles(PROBLEM, Letters())}


@pytest.mark.usefixtures("long_enough")
def test_the_rest_of_a_function_is_harder_than_a_line():
    levels = {puzzle.name: puzzle.level for puzzle in make_puzzles(PROBLEM, Letters())}
    assert levels["mbpp 600:2-4"] == 3
    assert levels["mbpp 600:3"] == 2  # more than ten letters


@pytest.mark.parametrize(
    ("level", "text", "kept", "over"),
    [
        (1, "\n    return a", "\n    return a", False),
        (1, "\n    return a\n", "\n    return a", True),
        (1, " + 1\n    b", " + 1", True),
        (3, "\n    b = 1\n    return b", "\n    b = 1\n    return b", False),
        (3, "\n    return b\n\n", "\n    return b", True),
        (3, "\n    return b\nprint(b)", "\n    return b", True),
        (3, "\n", "", False),
    ],
)
def test_an_answer_ends_where_its_gap_does(level, text, kept, over):
    puzzle = replace(PUZZLE, level=level)
    assert (puzzle.cut(text), puzzle.is_over(text)) == (kept, over)


@pytest.mark.usefixtures("long_enough")
def test_a_gap_that_is_too_long_is_left_out(monkeypatch):
    assert measure_gap(PUZZLE, Letters()) is not None
    monkeypatch.setattr(made, "LONGEST_PROMPT", 10)
    assert measure_gap(PUZZLE, Letters()) is None


@pytest.mark.usefixtures("long_enough")
def test_an_answer_has_the_line_end_that_ends_it():
    prompt, answer = encode_gap(PUZZLE, Letters())
    assert Letters().decode(prompt) == PUZZLE.prompt
    assert Letters().decode(answer) == PUZZLE.answer + "\n"


@pytest.mark.usefixtures("long_enough")
def test_who_may_learn_from_a_problem_is_what_the_corpus_says():
    other = next(n for n in range(511, 900) if choose_split(f"mbpp {n}") != choose_split("mbpp 600"))
    apart = CodeProblem(name="b", source=f"mbpp {other}", head="", code=CODE, tests=())
    assert PROBLEM.may_be_learned != apart.may_be_learned
    assert all(puzzle.seen == PROBLEM.may_be_learned for puzzle in make_puzzles(PROBLEM, Letters()))


def test_rows_come_back_as_they_were_written_and_others_are_refused(tmp_path):
    write_records(tmp_path / "puzzles", [PUZZLE])
    write_records(tmp_path / "problems", [PROBLEM])
    assert read_records(tmp_path / "puzzles", Puzzle) == [PUZZLE]
    assert read_records(tmp_path / "problems", CodeProblem) == [PROBLEM]
    with pytest.raises(BadFile, match="is not what `train ppo` wrote"):
        read_records(tmp_path / "problems", Puzzle)
    with pytest.raises(NothingThere, match="--stage problems"):
        read_records(tmp_path / "none", Puzzle)


def test_a_gap_filled_with_nothing_is_still_python():
    assert PUZZLE.empty_answer == "\n    pass"


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
    assert BATCH > 1


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
