"""A stranger's regular expression is looked for within limits that end nothing but its own process."""

import time

import pytest

from deepseek_mm.answering.code_edits import pattern_search
from deepseek_mm.answering.code_edits.pattern_search import MOST_FOUND, search_lines
from deepseek_mm.errors import BadQuestion

TEXTS = {"a.py": "one\ntwo = 2\n", "b.py": "a" * 200 + "!\ntwo\n"}


def test_lines_that_fit_are_told_with_file_and_row_and_not_without_end():
    assert search_lines(r"^tw[o]", TEXTS) == [("a.py", 2, "two = 2"), ("b.py", 2, "two")]
    assert len(search_lines("x", {"many.py": "x\n" * 1_000})) == MOST_FOUND


def test_an_expression_that_takes_for_ever_ends_its_own_process_only(monkeypatch):
    quick = pattern_search.PROGRAM.replace("RLIMIT_CPU, (3, 3)", "RLIMIT_CPU, (1, 1)")
    assert quick != pattern_search.PROGRAM
    monkeypatch.setattr(pattern_search, "PROGRAM", quick)
    began = time.process_time()
    with pytest.raises(BadQuestion, match="plainer"):
        search_lines("(a+)+$", TEXTS)
    assert time.process_time() - began < 0.5  # here


@pytest.mark.parametrize("pattern", ["", "(", "x" * 301, "[z-a]"])
def test_what_is_no_expression_is_refused_with_a_reason(pattern):
    with pytest.raises(BadQuestion):
        search_lines(pattern, TEXTS)
