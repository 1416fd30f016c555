"""Files of tasks: both shapes, gzip, and rows that are none."""

import gzip
import json

import pytest

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.evaluation.code_score import cut_all_holes, cut_holes, read_tasks

HUMANEVAL = {
    "task_id": "HumanEval/7",
    "prompt": 'def add(a, b):\n    """Add."""\n',
    "canonical_solution": "    # adds\n    c = a + b\n\n    return c\n",
    "test": "def check(f):\n    assert f(1, 2) == 3",
    "entry_point": "add",
}
MBPP = {
    "task_id": 12,
    "text": "Double it.",
    "code": "import math\r\ndef double(a):\r\n\treturn 2 * a\r\n",
    "test_list": ["assert double(2) == 4"],
    "test_setup_code": "",
}


def write(tmp_path, *rows, name="tasks.jsonl"):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.jsonl.gz"])
def test_both_shapes_become_programs_that_run(tmp_path, name):
    tasks = read_tasks(write(tmp_path, HUMANEVAL, "", MBPP, name=name))
    assert [task.name for task in tasks] == ["HumanEval/7", "12"]
    for task in tasks:
        exec(task.program(task.solution), {})  # raises where its tests do not pass
        with pytest.raises((AssertionError, NameError, TypeError)):
            exec(task.program("    return None\n" if task.head.startswith("def") else "def double(a): ..."), {})


def test_a_task_of_mbpp_shows_its_tests_and_one_of_humaneval_its_signature(tmp_path):
    human, mbpp = read_tasks(write(tmp_path, HUMANEVAL, MBPP))
    assert human.prompt == HUMANEVAL["prompt"]
    assert mbpp.prompt == '"""\nDouble it.\nassert double(2) == 4\n"""\n'
    assert "\ndef " in human.stops
    assert "\ndef " not in mbpp.stops  # an import may come first


def test_tasks_are_chosen_by_their_numbers(tmp_path):
    file = write(tmp_path, HUMANEVAL, MBPP)
    assert [task.name for task in read_tasks(file, first=8)] == ["12"]
    with pytest.raises(NothingThere, match="no task from 100 to 200"):
        read_tasks(file, first=100, last=200)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ({"text": "x"}, "task_id"),
        (MBPP | {"test_list": "assert"}, "test_list must be a list"),
        (MBPP | {"test_list": []}, "test_list must be a list"),
        (MBPP | {"code": None}, "code must be a text, and is None"),
        (HUMANEVAL | {"test": 7}, "test must be a text"),
    ],
)
def test_a_row_that_is_no_task_is_named_with_its_line_and_what_is_wrong(tmp_path, row, says):
    with pytest.raises(BadFile, match=rf"line 2 is no row .*{says}"):
        read_tasks(write(tmp_path, MBPP, row))


def test_a_file_that_is_absent_or_no_text_is_told_so(tmp_path):
    with pytest.raises(NothingThere, match="Give a JSONL file"):
        read_tasks(tmp_path / "none.jsonl")
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"{}" * 100)[:20])
    (tmp_path / "raw.jsonl").write_bytes(b"\xff\xfe")
    for name in ("half.gz", "raw.jsonl"):
        with pytest.raises(BadFile, match="Copy it again"):
            read_tasks(tmp_path / name)


def test_a_hole_is_a_whole_line_and_its_own_line_closes_it(tmp_path):
    tasks = read_tasks(write(tmp_path, HUMANEVAL, MBPP))
    holes = list(cut_all_holes(tasks, most=0, seed=0))
    assert [(hole.name, hole.line) for hole in holes] == [
        ("HumanEval/7:1", "    c = a + b"),
        ("HumanEval/7:3", "    return c"),
        ("12:2", "    return 2 * a"),
    ]
    for hole in holes:
        exec(hole.program(hole.line), {})
        assert hole.before + hole.line + hole.after == hole.task.head + hole.task.solution
        with pytest.raises((AssertionError, NameError, IndentationError)):
            exec(hole.program(""), {})


def test_holes_are_drawn_by_a_seed_and_always_the_same(tmp_path):
    rows = [HUMANEVAL | {"task_id": f"HumanEval/{n}"} for n in range(20)]
    tasks = read_tasks(write(tmp_path, *rows))
    drawn = [[hole.number for hole in cut_all_holes(tasks, most=1, seed=seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {1, 3}
    assert len(cut_holes(tasks[0], most=9, seed=0)) == 2
