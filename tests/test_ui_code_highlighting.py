"""Code in colours."""

import re
from html import unescape

import pytest

from ui.code_html import MOST, highlight_code

PYTHON = '''@cached
def area(r: float) -> float:
    """Two
    lines."""
    return 3.14 * r  # <b>
'''


def plain(lines: list[str]) -> list[str]:
    return [unescape(re.sub(r"</?i[^>]*>", "", line)) for line in lines]


def test_keywords_strings_comments_numbers_and_what_is_defined_have_colours():
    lines = highlight_code(PYTHON, "python")
    assert plain(lines) == PYTHON.split("\n")
    assert '<i class="f">@cached</i>' in lines[0]
    assert '<i class="k">def</i> <i class="f">area</i>' in lines[1]
    assert '<i class="n">3.14</i>' in lines[4]
    assert '<i class="c"># &lt;b&gt;</i>' in lines[4]


def test_a_string_over_two_lines_is_coloured_in_both_and_no_tag_spans_them():
    lines = highlight_code(PYTHON, "python")
    assert [line.count("<i") - line.count("</i") for line in lines] == [0] * len(lines)
    assert 'class="s"' in lines[2]
    assert 'class="s"' in lines[3]


@pytest.mark.parametrize("language", ["", "klingon", "text"])
def test_code_in_a_language_that_is_not_known_stays_plain(language):
    assert highlight_code("a < b\n", language) == ["a &lt; b", ""]


@pytest.mark.parametrize("code", ["", "\n", "\n\n\n", "x = 1", "\tx\r\n", "    \n  y", '"""', "\x00\ud83d"])
@pytest.mark.parametrize("language", ["python", "json", "html"])
def test_there_are_as_many_lines_as_in_the_code(code, language):
    assert len(highlight_code(code, language)) == code.count("\n") + 1


def test_what_is_very_long_is_not_coloured():
    assert highlight_code("def x" * MOST, "python") == ["def x" * MOST]
