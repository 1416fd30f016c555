"""Rich text: letters of every kind, tables, what is passed over, and files that are damaged."""

import pytest
from made_files import read, refusal, written

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile

HEAD = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset134 SimSun;}}{\*\generator Old;}\f0 "


def text(tmp_path, body: bytes) -> str:
    _, pieces = read(written(tmp_path / "a.rtf", HEAD + body + b"}"))
    return "\n\n".join(piece.text for piece in pieces)


def test_words_are_read_without_their_looks_and_paragraphs_stay_apart(tmp_path):
    assert text(tmp_path, rb"It costs {\b 40} euros.\par\pard\qc Valid until\line June.\par") == (
        "It costs 40 euros.\n\nValid until\n\nJune."
    )


@pytest.mark.parametrize(
    ("written_as", "letters"),
    [
        (rb"Caf\'e9", "Caf\u00e9"),
        (b"Caf\xe9", "Caf\u00e9"),  # eight bits, as some programs write it
        (rb"\u20320?\u22909?", "\u4f60\u597d"),
        (rb"\u-10179?\u-8704?", "\U0001f600"),  # two halves of one letter
        (rb"\f1\'c4\'e3\'ba\'c3", "\u4f60\u597d"),  # GBK, by its font
        (rb"\u1513?\u1500?\u1493?\u1501?", "\u05e9\u05dc\u05d5\u05dd"),
    ],
)
def test_letters_of_any_script_are_read_however_they_are_written(tmp_path, written_as, letters):
    assert text(tmp_path, written_as) == letters


def test_rows_of_a_table_follow_each_other_with_their_cells_apart(tmp_path):
    row = rb"\trowd\cellx1000\cellx2000 %s\cell %s\cell\row"
    assert text(tmp_path, rb"Prices\par" + row % (b"oar", b"12") + row % (b"raft", b"90") + rb"\pard End\par") == (
        "Prices\n\noar | 12\nraft | 90\n\nEnd"
    )


def test_pictures_in_a_text_are_passed_over(tmp_path):
    assert text(tmp_path, rb"before {\pict\pngblip 89504e470d0a} after") == "before after"
    assert text(tmp_path, rb"before {\pict\bin6 }}{\\x} after") == "before after"


def test_a_text_of_a_picture_alone_is_refused_with_another_way(tmp_path):
    path = written(tmp_path / "a.rtf", HEAD + rb"{\pict\pngblip 89504e47}}")
    assert refusal(path) == f"{path} holds no text. Save it as PDF to have its pictures read"


def test_a_text_cut_anywhere_keeps_what_is_there(tmp_path):
    whole = HEAD + rb"First words of it.\par\u20320? and \'e9 \bin99999999999 more\par}"
    for length in range(len(HEAD) + 20, len(whole)):
        _, pieces = read(written(tmp_path / "a.rtf", whole[:length]))
        assert pieces[0].text.startswith("First words of it.")


@pytest.mark.parametrize("body", [rb"\u99999999999? x", rb"\ansicpg99999 \'e9", b"{" * 100_000, b"}" * 50 + b"x"])
def test_what_makes_no_sense_is_read_or_refused_in_a_sentence(tmp_path, body):
    path = written(tmp_path / "a.rtf", HEAD + body)
    try:
        said = read(path)[0].path
    except BadFile as error:
        said = str(error)
    assert said.startswith(str(path))


def test_of_a_long_text_the_beginning_is_read(tmp_path):
    source, pieces = read(written(tmp_path / "a.rtf", HEAD + b"boat " * 400 + b"}"), ParseConfig(max_chars=1_000))
    assert sum(len(piece.text) for piece in pieces) <= 1_000
    assert source.note == "Only the first 1,000 of its 1,999 letters are read (parse.max_chars)."
