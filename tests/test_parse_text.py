"""Text files: any encoding, passages with their lines, and bytes that are no text."""

import codecs
import hashlib
import os

import pytest
from made_files import picture_bytes, read, refusal, written

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.text import decode_text, paragraphs

GERMAN = "Der \u00c4rger \u00fcber die sch\u00f6ne Gr\u00f6\u00dfe der Stra\u00dfe war gro\u00df."
SPANISH = "Los ni\u00f1os comieron pi\u00f1as en el jard\u00edn ma\u00f1ana."
POLISH = "Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144, powiedzia\u0142 kr\u00f3l."
RUSSIAN = "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!"
JAPANESE = "\u3053\u308c\u306f\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3067\u3059\u3002"
CHINESE = "\u8fd9\u662f\u4e00\u4e2a\u4e2d\u6587\u6587\u672c\u6587\u4ef6\u3002"
GREEK = "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5"
MARKDOWN = """# Boats

A boat floats.
It has a hull.

## Sails

```
# no heading
x = 1
```

Oars
----
Wood.
"""


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, "plain", "cat \U0001f408"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_in_any_of_its_forms_is_read(text, encoding):
    assert decode_text(text.encode(encoding), name="a.txt") == text


def test_both_orders_of_utf16_are_told_by_their_mark():
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert decode_text(mark + RUSSIAN.encode(encoding), name="a.txt") == RUSSIAN


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (SPANISH, "latin-1"),
        ("caf\u00e9 cr\u00e8me", "cp1252"),
        ("na\u00efve \u2013 \u201cquoted\u201d text\u2019s", "cp1252"),
        (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", "cp1251"),
        (RUSSIAN, "koi8-r"),
        (GREEK, "cp1253"),
        (JAPANESE, "shift_jis"),
        (CHINESE, "gb18030"),
    ],
)
def test_older_encodings_are_told_by_the_language_they_make(text, encoding):
    assert decode_text(text.encode(encoding), name="a.txt") == text


def test_a_long_text_in_an_old_encoding_is_judged_by_its_beginning_and_read_to_its_end():
    text = (GERMAN + "\n") * 40_000
    assert decode_text(text.encode("cp1252"), name="a.txt") == text


def test_every_kind_of_line_end_is_one():
    assert decode_text(b"a\r\nb\rc\nd\r\n", name="a.txt") == "a\nb\nc\nd\n"


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + bytes(200), os.urandom(5_000), b"\x00\x01" * 50, "words".encode("utf-16-le"), picture_bytes()],
)
@pytest.mark.parametrize("name", ["a.txt", "a.py", "a.html"])
def test_bytes_that_are_no_text_are_refused_whatever_they_are_called(tmp_path, name, data):
    path = written(tmp_path / name, data if data[:4] != b"\x89PNG" else b"x" + data)
    assert refusal(path) == (
        f"{path} is no text, whatever its name says: it begins with {path.read_bytes()[:16]!r}. "
        "Give it its right ending"
    )


def test_one_stray_byte_does_not_make_a_text_unreadable(tmp_path):
    text = b"a long letter\n" * 100
    assert "long letter" in read(written(tmp_path / "a.txt", text + b"\0" + text))[1][0].text


@pytest.mark.parametrize("data", [b"\n\n  \t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_of_blanks_holds_no_text(tmp_path, data):
    path = written(tmp_path / "a.md", data)
    assert refusal(path) == f"{path} holds no text: {len(data)} bytes of blanks. Leave it out, or copy it again"


def test_a_short_text_is_one_passage_with_all_its_lines(tmp_path):
    source, (piece,) = read(written(tmp_path / "a.txt", "one\ntwo\n\nthree\n"))
    assert (source.kind, source.format, source.width_px, source.note) == ("document", "text", 0, "")
    assert (piece.kind, piece.text, piece.lines) == ("text", "one\ntwo\n\nthree", (1, 4))
    assert (piece.image, piece.box_px, piece.page) == (None, (0, 0, 0, 0), 0)


def test_markdown_is_split_at_its_headings_and_each_passage_knows_its_lines(tmp_path):
    source, pieces = read(written(tmp_path / "a.md", MARKDOWN))
    assert source.format == "markdown"
    assert [(piece.lines, piece.text.split("\n")[0]) for piece in pieces] == [
        ((1, 4), "# Boats"),
        ((6, 11), "## Sails"),
        ((13, 15), "Oars"),
    ]


def test_a_passage_knows_its_section_and_the_headings_above_it(tmp_path):
    text = "before\n\n# Boats\n\n## Sails ##\n\nred\n\n```\n# no heading\n```\n\n### Of silk\nx\n\nRopes\n-----\ny\n"
    pieces = read(written(tmp_path / "a.md", text))[1]
    assert [(piece.symbol.kind, piece.symbol.path) if piece.symbol else None for piece in pieces] == [
        None,
        ("section", "Boats.Sails"),
        ("section", "Boats.Sails.Of silk"),
        ("section", "Boats.Ropes"),
    ]


def test_what_stands_on_the_lines_of_a_passage_is_its_text(tmp_path):
    lines = [f"line {n} " + "word " * (n % 9) if n % 7 else "" for n in range(1, 400)]
    _, pieces = read(written(tmp_path / "a.txt", "\n".join(lines)), ParseConfig(chunk_chars=200))
    assert len(pieces) > 20
    for piece in pieces:
        first, last = piece.lines
        assert piece.text.split() == " ".join(lines[first - 1 : last]).split()
        assert len(piece.text) <= 200


def test_a_line_under_words_is_a_heading_and_a_line_under_a_line_is_not():
    text = "Title\n=====\nwords\n\n-----\n-----\n"
    assert [(block.opens, len(block.lines)) for block in paragraphs(text)] == [(True, 3), (False, 2)]


def test_of_a_very_long_text_the_beginning_is_read_and_that_is_said(tmp_path):
    config = ParseConfig(max_chars=1_000)
    source, pieces = read(written(tmp_path / "a.txt", "word " * 500), config)
    assert source.note == "Only the first 1,000 of its 2,500 letters are read (parse.max_chars)."
    assert sum(len(piece.text.split()) for piece in pieces) == 200


def test_a_short_function_is_one_piece_with_all_its_lines(tmp_path):
    code = "def f():\n\tx = '\u00e9'\n\n\treturn x\n"
    source, (piece,) = read(written(tmp_path / "a.py", code))
    assert (source.kind, source.format) == ("code", "python")
    assert (piece.kind, piece.text, piece.lines) == ("code", code.rstrip(), (1, 4))
    assert read(written(tmp_path / "b.go", "package a"))[1][0].lines == (1, 1)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.ts", "typescript"),
        ("a.rs", "rust"),
        ("a.cpp", "cpp"),
        ("a.SQL", "sql"),
        ("a.yml", "yaml"),
        ("Makefile", "make"),
    ],
)
def test_the_language_of_code_is_told_by_its_name(tmp_path, name, language):
    assert read(written(tmp_path / name, "x"))[0].format == language


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.html", "a.md", "a.eml", "a.rtf"])
def test_megabytes_of_one_line_are_read_up_to_the_limit_in_passages_of_the_usual_length(tmp_path, name):
    heads = {"a.eml": b"From: a@b.org\r\n\r\n", "a.rtf": rb"{\rtf1 "}
    source, pieces = read(written(tmp_path / name, heads.get(name, b"") + b"all the boats, " * 290_000))
    assert "Only the first 4,000,000 of its " in source.note
    assert len(pieces) > 4_000
    assert max(len(piece.text) for piece in pieces) <= ParseConfig().chunk_chars


PRICES = "\u9879\u76ee;\u4ef7\u683c\n\u623f\u79df;3000 \u5143\n\u7535\u8d39;120 \u5143\n\u6c34\u8d39;45 \u5143\n"


@pytest.mark.parametrize("separator", [";", "\t", ",", "|"])
@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-8-sig", "big5"])
def test_a_table_in_another_encoding_keeps_its_rows_whatever_separates_them(tmp_path, encoding, separator):
    text = PRICES.replace(";", separator)
    text = text.replace("\u9879", "\u9805").replace("\u4ef7", "\u50f9") if encoding == "big5" else text
    text = text.replace("\u7535", "\u96fb").replace("\u8d39", "\u8cbb") if encoding == "big5" else text
    _, (piece,) = read(written(tmp_path / "a.csv", text.encode(encoding)))
    assert piece.text == text.strip()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["name,price\nTea,2.50\n", "\u59d3\u540d,\u91d1\u989d\n\u5f20\u4e09,88\n\u674e\u56db,92\n"]
)
def test_utf16_is_known_without_its_mark_by_the_zeros_of_commas_and_line_ends(text, encoding):
    assert decode_text(text.encode(encoding), name="a.csv") == text


@pytest.mark.parametrize("data", [b"\0\1" * 40, b"ab\0\0" * 20, bytes(range(256)) * 2, b"\0a" * 31 + b"\0"])
def test_bytes_with_zeros_that_are_no_utf16_are_still_refused(data):
    with pytest.raises(BadFile, match="is no text"):
        decode_text(data, name="a.csv")


def test_of_a_long_text_no_more_bytes_are_held_than_hold_the_letters_that_are_read(tmp_path):
    path = written(tmp_path / "a.csv", b"one,two,three," * 100_000)
    file = open_file(path, ParseConfig(max_chars=2_000))
    assert (len(file.data), file.size_bytes) == (8_000, 1_400_000)
    assert file.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    source, pieces = read(path, ParseConfig(max_chars=1_000))
    assert sum(len(piece.text) for piece in pieces) == 1_000
    assert source.note == "Only the first 1,000 letters are read (parse.max_chars)."
