"""What each language's files are split into."""

import pytest
from code_samples import SAMPLES

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.code.languages import LANGUAGES, grammar_of
from deepseek_mm.parse.formats import File, named_format
from deepseek_mm.parse.workers.loop import read_contents


def file_of(name: str, data: bytes) -> File:
    form = named_format(name)
    assert form is not None
    return File(path=f"/repo/{name}", data=data, digest="", size_bytes=len(data), modified_ns=0, format=form)


def pieces(name: str, text: str, **numbers):
    file = file_of(name, text.encode())
    return list(read_contents(file, ParseConfig(**numbers)).pieces)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_becomes_what_it_defines_with_lines_docs_and_calls(language):
    name, text, expected = SAMPLES[language]
    found = [
        (symbol.kind, symbol.path, piece.lines, symbol.doc, symbol.calls)
        for piece in pieces(name, text)
        if (symbol := piece.symbol)
    ]
    assert found == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_that_says_something_is_in_a_piece(language):
    name, text, _ = SAMPLES[language]
    kept = "\n".join(piece.text for piece in pieces(name, text))
    assert all(line.strip() in kept for line in text.split("\n") if any(map(str.isalnum, line)))


def test_a_language_without_a_row_has_no_grammar_and_none_is_fetched():
    assert grammar_of("kotlin") is None
    assert [piece.symbol for piece in pieces("a.kt", "fun a() = 1\n")] == [None]
