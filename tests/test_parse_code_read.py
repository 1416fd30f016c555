"""Files of code that are long, broken, odd, or of a language that nobody knows: nothing of them is lost."""

import sys

import pytest
from test_parse_code_languages import file_of, pieces

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.code import pieces as read
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.pieces import module_name
from deepseek_mm.parse.workers.loop import read_contents

LONG = "def long(x):\n    '''Adds.'''\n" + "".join(f"    x = step_{n}(x)\n" for n in range(270)) + "    return x\n"
CLOSURE = "def outer():\n" + "    a = 1\n" * 30 + "    def inner():\n        return b()\n" + "    a = 2\n" * 30


def contents_of(name: str, data: bytes):
    file = file_of(name, data)
    return read_contents(file, ParseConfig())


def kinds(found):
    return [(piece.symbol.kind, piece.symbol.path, piece.lines) if piece.symbol else piece.lines for piece in found]


def test_a_long_function_is_cut_into_parts_that_keep_their_lines_and_their_own_calls():
    found = pieces("a.py", LONG)
    rows = LONG.split("\n")
    assert [piece.symbol.kind for piece in found] == ["function", "block", "block"]
    assert {piece.symbol.path for piece in found} == {"long"}
    assert [piece.symbol.doc for piece in found] == ["Adds.", "", ""]
    assert all(len(piece.text) <= 2_000 for piece in found)
    for before, piece in zip([None, *found], found, strict=False):
        assert piece.text == "\n".join(rows[piece.lines[0] - 1 : piece.lines[1]])
        assert before is None or piece.lines[0] == before.lines[1] + 1
        assert piece.symbol.calls == tuple(
            line.split(" = ")[1][:-3] for line in piece.text.split("\n") if " = " in line
        )


def test_what_is_defined_inside_a_function_is_a_piece_only_where_the_function_is_long():
    assert kinds(pieces("a.py", CLOSURE)) == [("function", "outer", (1, 63))]
    found = kinds(pieces("a.py", CLOSURE, code_chars=500))
    assert ("function", "outer.inner", (32, 33)) in found
    assert [kind for kind, path, _ in found if path == "outer"] == ["function", "block"]


def test_a_class_shows_its_members_signatures_and_each_member_is_a_piece_of_its_own():
    outline, member = pieces(
        "a.py", "class A:\n    x = 1\n\n    def f(self,\n          n: int) -> int:\n        return n\n"
    )
    assert outline.text == "class A:\n    x = 1\n\n    def f(self, n: int) -> int ..."
    assert (outline.lines, member.lines) == ((1, 6), (4, 6))


def test_a_syntax_error_costs_neither_lines_nor_the_other_definitions():
    text = "def good():\n    return 1\n\ndef bad(:\n    x = = 2\n\nclass Fine:\n    def f(self): return (\n"
    found = pieces("a.py", text)
    assert "good" in [piece.symbol.name for piece in found]
    kept = "\n".join(piece.text for piece in found)
    assert all(line.strip() in kept for line in text.split("\n"))


def test_a_module_without_a_line_of_its_own_has_only_what_it_defines():
    assert kinds(pieces("a.py", "def f(): pass\n")) == [("function", "f", (1, 1))]


def test_what_follows_the_definitions_is_a_block_of_the_module_with_its_own_lines():
    text = "import os\n\ndef f(): pass\n\nif os:\n    f()\n"
    assert kinds(pieces("a.py", text)) == [("module", "a", (1, 1)), ("function", "f", (3, 3)), ("block", "a", (5, 6))]


@pytest.mark.parametrize("text", ["fun f() = 1\n\n" * 400, "x" * 5_000, "a\n" * 3_000])
def test_a_language_without_a_grammar_is_cut_by_lines_and_complete(text):
    found = pieces("a.kt", text)
    assert all(len(piece.text) <= 2_000 and piece.symbol is None for piece in found)
    assert "".join(piece.text for piece in found).replace("\n", "") == text.replace("\n", "")
    assert found[-1].lines[1] == len(text.rstrip("\n").split("\n"))


def test_a_file_too_long_for_a_parser_is_cut_by_lines_and_the_rest_is_told(monkeypatch):
    monkeypatch.setattr(read, "MOST_PARSED", 20)
    assert kinds(pieces("a.py", "def f():\n    return 1000\n")) == [(1, 2)]


def test_a_missing_grammar_is_named_in_the_note_and_the_file_is_cut_by_lines(monkeypatch):
    grammar_of.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    contents = contents_of("a.go", b"package a\n")
    assert [piece.lines for piece in contents.pieces] == [(1, 1)]
    assert "needs the package tree-sitter-go. Install it with: pip install" in contents.note
    grammar_of.cache_clear()


def test_a_grammar_that_breaks_leaves_the_file_cut_by_lines(monkeypatch, caplog):
    def broken(data, grammar):
        raise ValueError("no tree")

    monkeypatch.setattr(read, "outline_of", broken)
    assert kinds(pieces("a.py", "def f():\n    return 1\n")) == [(1, 2)]
    assert "could not be split by its syntax" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "def f():\n" + " " * 400 + "x\n",
        "{" * 20_000 + "}" * 20_000,
        "class A:\n" * 500,
        "'''" + "a\n" * 900,
    ],
)
@pytest.mark.parametrize("name", ["a.py", "a.c", "a.json", "a.yaml", "a.sh"])
def test_deep_and_senseless_nesting_is_survived(name, text):
    assert all(piece.lines[0] <= piece.lines[1] for piece in pieces(name, text))


def test_bytes_that_are_no_text_are_refused_and_a_stray_zero_is_not():
    with pytest.raises(BadFile, match="is no text, whatever its name says"):
        contents_of("a.py", b"\x00\x01\x02" * 100)
    (piece,) = contents_of("a.py", b"def f():\n    return '" + b"x" * 400 + b"\0'\n").pieces
    assert (piece.symbol.name, piece.lines) == ("f", (1, 2))


def test_letters_that_are_not_valid_utf8_are_read_by_what_they_look_like():
    (piece,) = contents_of("a.py", "# Gr\u00f6\u00dfe der Fl\u00e4che\ndef f(): pass\n".encode("cp1252")).pieces
    assert piece.symbol.doc == "Gr\u00f6\u00dfe der Fl\u00e4che"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/r/rag/assistant.py", "assistant"),
        ("/r/rag/__init__.py", "rag"),
        ("/web/index.ts", "web"),
        ("/index.js", "index"),
    ],
)
def test_a_file_that_stands_for_its_folder_has_the_folders_name(path, name):
    assert module_name(path) == name
