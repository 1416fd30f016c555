"""Word documents: headings, paragraphs and tables in order, and documents that are none."""

import io
import zipfile

import pytest
from docx import Document
from made_files import docx_bytes, read, refusal, written, zip_bytes

from deepseek_mm.config import ParseConfig


def test_headings_paragraphs_and_tables_come_in_the_order_they_are_read(tmp_path):
    document = Document()
    document.add_heading("Boats", 0)
    document.add_paragraph("A boat floats.")
    document.add_heading("Sails", 2)
    table = document.add_table(2, 3)
    for row, words in zip(table.rows, (("name", "area", "use"), ("jib", "9", "wind")), strict=True):
        for cell, word in zip(row.cells, words, strict=True):
            cell.text = word
    table.cell(1, 1).merge(table.cell(1, 2))
    document.add_paragraph("")
    document.add_paragraph("The end.")
    document.save(tmp_path / "a.docx")
    source, pieces = read(tmp_path / "a.docx")
    assert (source.kind, source.format) == ("document", "docx")
    assert [piece.text.split("\n\n") for piece in pieces] == [
        ["# Boats", "A boat floats."],
        ["## Sails", "name | area | use\njib | 9 wind |", "The end."],
    ]
    assert {(piece.kind, piece.lines, piece.page) for piece in pieces} == {("text", (0, 0), 0)}


def test_equal_cells_are_all_kept_and_a_cell_over_rows_is_said_in_each(tmp_path):
    document = Document()
    table = document.add_table(3, 3)
    for row, words in zip(table.rows, (("day", "am", "pm"), ("1", "0.05", "0.05"), ("", "7|8", "")), strict=True):
        for cell, word in zip(row.cells, words, strict=True):
            cell.text = word
    table.cell(1, 0).merge(table.cell(2, 0))
    document.save(tmp_path / "a.docx")
    (piece,) = read(tmp_path / "a.docx")[1]
    assert piece.text == "day | am | pm\n1 | 0.05 | 0.05\n1 | 7/8 |"


def test_a_long_document_is_cut_into_passages_and_past_the_limit_left_out(tmp_path):
    path = written(tmp_path / "a.docx", docx_bytes(*(f"Paragraph {n}. " + "word " * 30 for n in range(50))))
    source, pieces = read(path, ParseConfig(max_chars=4_000, chunk_chars=400))
    assert 400 >= max(len(piece.text) for piece in pieces) > 300
    assert source.note.startswith("Only the first 4,000 of its 8,")


def test_a_document_of_blanks_is_refused_with_another_way(tmp_path):
    path = written(tmp_path / "a.docx", docx_bytes("", " "))
    assert refusal(path) == f"{path} holds no text. Save it as PDF to have its pictures read"


@pytest.mark.parametrize("members", [{}, {"a.txt": b"words"}, {"[Content_Types].xml": b"<Types"}])
def test_a_packed_file_that_is_no_document_says_so(tmp_path, members):
    data = zip_bytes(members or {"a": b""})
    path = written(tmp_path / "a.docx", data)
    assert refusal(path).startswith(f"{path} is no Word document, or it is damaged: ")
    assert refusal(path).endswith("Save it again in Word")


def test_a_document_that_was_cut_anywhere_is_refused(tmp_path):
    whole = docx_bytes("words")
    for length in (10, 100, len(whole) // 2, len(whole) - 30):
        assert "is no Word document, or it is damaged" in refusal(written(tmp_path / "a.docx", whole[:length]))


def test_a_document_whose_text_is_damaged_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_bytes("words"))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-20] if name == "word/document.xml" else old.read(name))
    assert "is no Word document, or it is damaged" in refusal(written(tmp_path / "a.docx", file.getvalue()))


def test_a_document_that_would_unpack_to_far_more_is_a_bomb(tmp_path):
    path = written(tmp_path / "a.docx", zip_bytes({"word/document.xml": b" " * 30_000_000}))
    assert refusal(path) == f"{path} would unpack to 30,000,000 bytes, as only a bomb does. Save it again in Word"


def test_a_document_must_stay_within_the_limit_of_a_file_also_when_unpacked(tmp_path):
    path = written(tmp_path / "a.docx", docx_bytes("words"))
    size = path.stat().st_size
    assert refusal(path, ParseConfig(max_bytes=size)).endswith(
        f"bytes, and parse.max_bytes allows {size:,}. Save it without its pictures, or raise parse.max_bytes"
    )


def test_a_document_that_defines_words_by_words_does_not_grow_in_memory(tmp_path):
    """A "billion laughs": ten levels of entities, each ten of the one below. They are never written out."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_bytes("words"))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                data = data.replace(b"<w:document", f'<!DOCTYPE x [<!ENTITY e0 "ha">{levels}]><w:document'.encode(), 1)
                data = data.replace(b">words<", b">words &e9;<")
            new.writestr(name, data)
    path = written(tmp_path / "a.docx", file.getvalue())
    assert "is no Word document, or it is damaged" in refusal(path)


def with_body(xml: str) -> bytes:
    """A Word document with this XML before its own text."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_bytes("words"))) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"<w:body>", b"<w:body>" + xml.encode(), 1))
    return file.getvalue()


def test_letters_breaks_and_what_was_put_in_are_read_and_what_was_deleted_is_not(tmp_path):
    body = (
        "<w:p><w:r><w:t>one</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t><w:br w:type='page'/></w:r>"
        "<w:ins><w:r><w:t> four</w:t></w:r></w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:t> five</w:t></w:r></w:hyperlink><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>six</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    (piece,) = read(written(tmp_path / "a.docx", with_body(body)))[1]
    assert piece.text == "one\ttwo\nthree four five\n\nsix\n\nwords"


@pytest.mark.parametrize("name", ["gridSpan", "gridBefore", "gridAfter"])
def test_columns_that_a_table_claims_to_cover_are_bounded(tmp_path, name):
    claim = f'<w:{name} w:val="900000000"/>'
    of_row, of_cell = ("", claim) if name == "gridSpan" else (f"<w:trPr>{claim}</w:trPr>", "")
    cell = "<w:tc><w:tcPr>{}</w:tcPr><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    body = f"<w:tbl><w:tr>{of_row}{cell.format(of_cell, 'left')}{cell.format('', 'right')}</w:tr></w:tbl>"
    (piece,) = read(written(tmp_path / "a.docx", with_body(body)))[1]
    assert "left" in piece.text
    assert piece.text.count("|") <= 70


def test_a_document_of_very_many_styles_and_paragraphs_is_read_in_linear_time(tmp_path):
    body = "<w:p><w:pPr><w:pStyle w:val='Heading1'/></w:pPr><w:r><w:t>A title</w:t></w:r></w:p>" * 20_000
    _, pieces = read(written(tmp_path / "a.docx", with_body(body)))
    assert sum(piece.text.count("# A title") for piece in pieces) == 20_000
