"""Rows of examples: read in order, bounded by a split, refused with the line that is wrong."""

import json

import pytest

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.retrieval import read_rows


def written(path, *lines: str):
    path.write_text("\n".join(lines))
    return path


def even(row) -> int | None:
    return row["n"] if row["n"] % 2 == 0 else None


def test_wanted_rows_come_in_order_and_empty_lines_are_passed_over(tmp_path):
    file = written(tmp_path / "rows.jsonl", *(json.dumps({"n": n}) for n in (4, 3)), "", json.dumps({"n": 2}))
    assert read_rows(file, even, shape="{n}", split="") == [4, 2]


@pytest.mark.parametrize("line", ["no json", '{"m": 1}', "[1]", '{"n": "two"}'])
def test_a_row_of_another_shape_is_named_by_its_line(tmp_path, line):
    file = written(tmp_path / "rows.jsonl", '{"n": 2}', "", line)
    with pytest.raises(NothingThere, match=r"line 3 is no row \{n\}: .*Mend or remove it"):
        read_rows(file, even, shape="{n}", split="")


def test_an_absent_file_and_a_split_that_no_row_has_say_what_to_give(tmp_path):
    with pytest.raises(NothingThere, match=r"Give a JSONL file of rows \{n\} with --data"):
        read_rows(tmp_path / "rows.jsonl", even, shape="{n}", split="")
    with pytest.raises(NothingThere, match="no row with split 'dev'"):
        read_rows(written(tmp_path / "rows.jsonl", '{"n": 1}'), even, shape="{n}", split="dev")
