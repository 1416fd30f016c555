"""Markdown in which nothing of the data is Markdown, judged by a reader of CommonMark."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from sharing_help import Home, cite, keep, talk

from deepseek_mm.sharing.renderers import CHINESE, ENGLISH, citation_line, line, lines
from deepseek_mm.types import Answer, Citation
from index import Label, Region, Source

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TEXTS = [
    "# no heading",
    "no heading\n===",
    "no heading\n---",
    "- no list",
    "+ no list",
    "* no list",
    "1. no list",
    "12) no list",
    "> no quote",
    "    no code",
    "\tno code",
    "```no fence```",
    "~~~\nno fence",
    "`no code`",
    "*no* _em_ **phasis** ~~none~~",
    "[no](javascript:alert(1)) link",
    "[no]: http://example.com 'reference'",
    "![no picture](http://example.com/x.png)",
    "<http://example.com>",
    "<script>alert(1)</script>",
    "<!-- no comment",
    "&lt;script&gt; &amp; &#60;",
    "a | b\n--|--\nc | d",
    "back\\slash \\* and \\",
    "two  \nlines",
    "***",
    "___",
    "a\u2028# b\x0b# c\r# d",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_typed_is_read_as_text_and_says_the_same(text):
    tokens = READER.parse("> " + "\n> ".join(lines(text)))
    assert [token.type for token in tokens if token.level] == ["paragraph_open", "inline", "paragraph_close"]
    (inline,) = [token for token in tokens if token.type == "inline"]
    assert {child.type for child in inline.children} <= {"text", "hardbreak", "text_special"}
    said = "".join(child.content if child.type != "hardbreak" else "\n" for child in inline.children)
    assert said == "\n".join(" ".join(each.split()) for each in text.splitlines())


@pytest.mark.parametrize("address", ["http://example.com", "www.example.com", "alice@example.com", "mailto:a"])
def test_a_bare_address_is_broken_for_readers_that_make_links_of_them(address):
    assert address not in line(f"see {address} there")
    (inline,) = [token for token in READER.parse(line(address)) if token.type == "inline"]
    assert "".join(child.content for child in inline.children) == address


def test_signs_that_turn_text_around_or_steer_a_terminal_are_left_out():
    assert line("a\u202eb\x1b[31mc\x00") == "a b \\[31mc"


def test_the_whole_conversation_reads_as_written_down_here(tmp_path):
    home = Home(tmp_path)
    assert home.export(keep(home), "markdown").decode() == (
        "# Kites: what flies?\n\n*2026-11-25 12:00 UTC*\n\n"
        "## Question 1\n\n*2026-11-25 12:00 UTC*\n\n> What flies?\\\n> Say it twice \u2603\n\n"
        "### Answer\n\nA red kite \\[2\\], as the note says \\[1\\].\n\n"
        "### Evidence\n\n- \\[1\\] **todo.txt**: kite; lines 5 to 9; score 0.62\n"
        "- \\[2\\] **kite.png**: kite; score 0.62; box 200, 100, 1000, 500\n\n"
        "## Question 2\n\n*2026-11-26 08:30 UTC*\n\n> And here?\n\n"
        "- Picture: My picture.png\n- Picture: lost.png\n\n"
        "### Answer\n\nGrass \\[1\\].\n\n*The answer was stopped.*\n\n"
        "### Evidence\n\n- \\[1\\] **mine.png**: kite; score 0.62; box 0, 0, 32, 24\n"
    )


def test_a_machine_s_sentence_is_marked_and_somebody_s_own_words_are_not():
    source = Source(path="/a.jpg")
    machine, own = (
        Region(source=source, kind=kind, box_px=(0, 0, 9, 9), text="a kite") for kind in ("caption", "note")
    )
    said = [citation_line(Citation(number=1, region=region, score=0.5), ENGLISH) for region in (machine, own)]
    assert ["said by a machine" in each for each in said] == [True, False]


def test_our_own_words_are_chinese_where_that_is_asked_for(tmp_path):
    home = Home(tmp_path)
    text = home.export(keep(home), "markdown", language="zh").decode()
    assert "## \u95ee\u9898 1" in text
    assert "Evidence" not in text


def test_a_label_is_named_in_the_language_of_the_export():
    region = Region(source=Source(path="/a.jpg"), box_px=(0, 0, 9, 9), labels=(Label(name="dog", score=0.9),))
    cited = Citation(number=1, region=region, score=0.5)
    assert "dog;" in citation_line(cited, ENGLISH)
    assert "\u72d7;" in citation_line(cited, CHINESE)


def test_a_label_and_a_file_name_are_text_too(tmp_path):
    home = Home(tmp_path)
    source = Source(path="/photos/**bold** [x](y) <i>.png")
    cited = cite(1, source, labels=(Label(name="# [a](b)", score=1.0),), kind="part")
    turn = replace(talk(home)[0], answer=Answer(text="x", citations=(cited,)), boxes=())
    tokens = READER.parse(home.export(keep(home, [turn], title="# <b>*t*"), "markdown").decode())
    ours = {"strong_open", "strong_close", "em_open", "em_close"}
    kinds = {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {"text", "text_special", "hardbreak", "softbreak"} | ours
    told = [token for token in tokens if token.type == "inline"][-1]
    assert "".join(child.content for child in told.children).startswith("[1] **bold** [x](y) <i>.png: # [a](b); score")
    assert [child.type for child in told.children].count("strong_open") == 1
