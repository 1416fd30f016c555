"""Notebooks: cells with their numbers, and the lines of the file that an editor opens."""

import json

import pytest
from test_parse_code_languages import pieces

from deepseek_mm.errors import BadFile

CELLS = [
    {"cell_type": "markdown", "metadata": {}, "source": ["# Sales\n", "of the \u00e4rea"]},
    {
        "cell_type": "code",
        "metadata": {},
        "outputs": [{"text": ["SECRET OUTPUT"]}],
        "source": ["%matplotlib inline\n", "total = add(1)"],
    },
    {"cell_type": "code", "metadata": {}, "outputs": [], "source": []},
    {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "source": ["def add(n):\n", "    return sum(n)\n", "\n", "add(2)"],
    },
]


def notebook(cells, **more) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more, indent=1)


def told(found):
    return [(piece.kind, piece.symbol.kind, piece.symbol.path, piece.text) for piece in found]


def test_each_cell_is_a_piece_that_names_it_and_functions_are_found_in_it():
    assert told(pieces("a.ipynb", notebook(CELLS))) == [
        ("text", "section", "cell 1.Sales", "# Sales\nof the \u00e4rea"),
        ("code", "section", "cell 2", "%matplotlib inline\ntotal = add(1)"),
        ("code", "function", "cell 4.add", "def add(n):\n    return sum(n)"),
        ("code", "section", "cell 4", "add(2)"),
    ]


@pytest.mark.parametrize("plain", [True, False])
def test_lines_are_those_of_the_file_on_disk(plain):
    text = json.dumps({"cells": CELLS}, indent=1, ensure_ascii=plain)
    rows = text.split("\n")
    for piece in pieces("a.ipynb", text):
        written = "\n".join(rows[piece.lines[0] - 1 : piece.lines[1]])
        first, last = piece.text.split("\n")[0], piece.text.split("\n")[-1]
        assert json.dumps(first, ensure_ascii=plain)[1:-1] in written
        assert json.dumps(last, ensure_ascii=plain)[1:-1] in written


def test_a_notebook_on_one_line_or_of_version_three_is_read_without_lines():
    old = json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "a = 1"}]}]})
    assert told(pieces("a.ipynb", old)) == [("code", "section", "cell 1", "a = 1")]
    assert pieces("a.ipynb", old)[0].lines == (0, 0)


def test_a_language_without_a_grammar_is_cut_by_lines_and_keeps_its_cell():
    text = notebook(CELLS[1:2], metadata={"kernelspec": {"language": "julia"}})
    assert told(pieces("a.ipynb", text)) == [("code", "section", "cell 1", "%matplotlib inline\ntotal = add(1)")]


def test_no_more_letters_are_read_than_the_setting_allows():
    assert sum(len(piece.text) for piece in pieces("a.ipynb", notebook(CELLS), max_chars=20)) <= 20


@pytest.mark.parametrize(
    "text", ["[1", "[1]", '{"cells": 3}', '{"cells": [{}]}', '"words"', notebook([]), notebook(CELLS[2:3])]
)
def test_what_is_no_notebook_or_holds_nothing_is_refused_with_the_reason(text):
    with pytest.raises(BadFile, match=r"/repo/a\.ipynb (is no Jupyter notebook|has no cell).*\. (Save|Leave)"):
        pieces("a.ipynb", text)
