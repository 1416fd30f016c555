"""The unfinished last word of the search box gets proposals, and a help line names every operator."""

import pytest

from deepseek_mm.language.search_filters import OPERATORS
from deepseek_mm.language.search_syntax import SEARCH_HELP, read_box, suggest

KNOWN = {"in": ("my trip", "work"), "label": ("dog",)}


def texts(text: str) -> list[str]:
    return [each.text for each in suggest(text, known=KNOWN)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("horse ty", ["horse type:"]),
        ("b", ["before:"]),
        ("co", ["in:", "colour:"]),  # "collection" and "color" are other names
        ("x type:pd", ["x type:pdf "]),
        ("x is:", ["x is:photo ", "x is:video ", "x is:document ", "x is:code ", "x is:favourite "]),
        ("x in:t", ['x in:"my trip" ']),
        ('x in:"my', ['x in:"my trip" ']),
        ("colour:gr", ["colour:green ", "colour:grey "]),
        ("马 标", ["马 label:"]),
        ("标签:", ["标签:狗 "]),
        ("颜色:红", ["颜色:红色 "]),
        ("horse", []),
        ("horse ", []),
        ("nothing:x", []),
        ("", []),
    ],
)
def test_a_beginning_is_completed_to_what_it_may_become(text, expected):
    assert texts(text) == expected


def test_proposals_say_what_they_narrow_and_are_never_many():
    (only,) = suggest("type:pd")
    assert (only.insert, only.help) == ("type:pdf", "only files of this type")
    assert len(suggest("type:", known={})) == 8


def test_the_help_line_names_every_operator_and_each_example_is_understood():
    assert all(row.example in SEARCH_HELP for row in OPERATORS)
    for row in OPERATORS:
        assert read_box(f"horse {row.example}").text == "horse"
