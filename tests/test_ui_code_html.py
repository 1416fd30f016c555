"""The text of an answer in pieces: sentences, code within them, blocks of code."""

import json

import pytest

from ui.code_html import LIMITS, CodeBlock, block, pieces, run_words, sentences
from ui.words import CHINESE, ENGLISH

PYTHON = CodeBlock(language="python", code="print(1)\n\nprint(2)")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Plain. Words.\n\nTwo lines.", ["Plain. Words.\n\nTwo lines."]),
        ("So:\n```python\nprint(1)\n\nprint(2)\n```\nThat is it.", ["So:", PYTHON, "That is it."]),
        ("```python\nprint(1)\n\nprint(2)\n```", [PYTHON]),
        ("```\na\n```\n\nand\n\n~~~\n```sh\nls\n```", [
            CodeBlock(language="", code="a"), "and\n\n~~~", CodeBlock(language="sh", code="ls")]),
        ("So:\n```Py title=x\nprint(", ["So:", CodeBlock(language="py", code="print(", whole=False)]),
        ("an ```inline``` one", ["an ```inline``` one"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_falls_into_prose_and_blocks_which_may_be_unfinished(text, parts):
    assert list(pieces(text)) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is `a.b. c!` [1]. And `x? y`.", ["It is `a.b. c!` [1]. ", "And `x? y`."]),
        ("A lone ` mark. Two.", ["A lone ` mark. ", "Two."]),
        ("`a. b", ["`a. ", "b"]),
    ],
)
def test_no_sentence_ends_within_a_piece_of_code(text, parts):
    assert sentences(text) == parts
    assert "".join(sentences(text)) == text


def test_only_a_whole_block_in_a_language_that_runs_here_has_a_run_button():
    assert 'data-run="python"' in block(PYTHON, "1:0", ENGLISH, runs=True)
    assert 'data-run="bash"' in block(CodeBlock(language="sh", code="ls"), "1:0", ENGLISH, runs=True)
    for other in (
        CodeBlock(language="json", code="{}"),
        CodeBlock(language="", code="x"),
        CodeBlock(language="py", code="", whole=False),
    ):
        assert "data-run=" not in block(other, "1:0", ENGLISH, runs=True)
    read = block(PYTHON, "1:0", ENGLISH, runs=False)
    assert "data-run=" not in read
    assert 'data-copy="print(1)' in read


def test_code_in_a_block_is_never_markup():
    html = block(CodeBlock(language="<b>", code="<script>hit = 1</script>"), '"><i>', ENGLISH, runs=True)
    assert "<script>" not in html
    assert "<b>" not in html
    assert 'data-key="&quot;&gt;&lt;i&gt;"' in html


def test_the_script_is_told_every_word_and_every_limit_in_the_language_of_the_page():
    for words in (ENGLISH, CHINESE):
        told = json.loads(run_words(words))
        assert set(told.pop("limits")) == set(LIMITS)
        assert all(told.values())
