"""Puzzles: what is cut out, what a model sees of it, and who may learn from it."""

import json
from dataclasses import replace

import pytest
from ppo_help import PUZZLE, Letters

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.training.corpus.items import choose_split
from deepseek_mm.training.ppo import problems as made
from deepseek_mm.training.ppo.problems import (
    CodeProblem,
    binds_nothing_new,
    encode_gap,
    make_puzzles,
    measure_gap,
    read_mbpp,
    read_problems,
    read_puzzles,
    split_assertions,
    write_records,
)

CODE = "def f(a):\n    b = a\n    b += 1\n    return b"
PROBLEM = CodeProblem(name="mbpp 600", source="mbpp 600", head='"""Add."""\n', code=CODE, tests=("assert f(1) == 2",))


@pytest.fixture(autouse=True)
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


def test_no_test_stands_in_what_a_model_reads():
    found = make_puzzles(PROBLEM, Letters())
    assert found
    assert all("assert" not in puzzle.prompt and "== 2" not in puzzle.prompt for puzzle in found)


def test_every_gap_is_filled_by_its_own_answer():
    for puzzle in make_puzzles(PROBLEM, Letters()):
        assert puzzle.program(puzzle.answer) == f'"""Add."""\n{CODE}\n'
        assert puzzle.cut(puzzle.answer + "\n") == puzzle.answer
        assert not puzzle.prompt.endswith(("\n", " "))


def test_a_line_whose_new_name_stands_behind_the_gap_is_not_asked_for():
    lines = CODE.split("\n")
    assert not binds_nothing_new(lines, 1)  # what b is called cannot be known
    assert binds_nothing_new(lines, 2)
    assert not binds_nothing_new(["    for x in y:"], 0)
    assert binds_nothing_new(["def f(x):", "    if x == 2:"], 1)
    assert "mbpp 600:1" not in {puzzle.name for puzzle in make_puzzles(PROBLEM, Letters())}


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


def test_a_gap_that_is_too_long_is_left_out(monkeypatch):
    assert measure_gap(PUZZLE, Letters()) is not None
    monkeypatch.setattr(made, "LONGEST_PROMPT", 10)
    assert measure_gap(PUZZLE, Letters()) is None


def test_an_answer_has_the_line_end_that_ends_it():
    prompt, answer = encode_gap(PUZZLE, Letters())
    assert Letters().decode(prompt) == PUZZLE.prompt
    assert Letters().decode(answer) == PUZZLE.answer + "\n"


def test_who_may_learn_from_a_problem_is_what_the_corpus_says():
    other = next(n for n in range(511, 900) if choose_split(f"mbpp {n}") != choose_split("mbpp 600"))
    apart = CodeProblem(name="b", source=f"mbpp {other}", head="", code=CODE, tests=())
    assert PROBLEM.may_be_learned != apart.may_be_learned
    assert all(puzzle.seen == PROBLEM.may_be_learned for puzzle in make_puzzles(PROBLEM, Letters()))


def test_rows_come_back_as_they_were_written_and_others_are_refused(tmp_path):
    write_records(tmp_path / "puzzles", [PUZZLE])
    write_records(tmp_path / "problems", [PROBLEM])
    assert read_puzzles(tmp_path / "puzzles") == [PUZZLE]
    assert read_problems(tmp_path / "problems") == [PROBLEM]
    with pytest.raises(BadFile, match="is not what `train ppo` wrote"):
        read_puzzles(tmp_path / "problems")
    with pytest.raises(NothingThere, match="--stage problems"):
        read_puzzles(tmp_path / "none")


def test_a_gap_filled_with_nothing_is_still_python():
    assert PUZZLE.empty_answer == "\n    pass"
