"""Workbooks: sheets as tables with their cells as they are shown, and workbooks that are odd or damaged."""

import io
import re
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import pytest
from made_files import read, refusal, written, zip_bytes
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from deepseek_mm.config import ParseConfig


def xlsx_bytes(fill: Callable[[Worksheet], object], *more: Callable[[Worksheet], object]) -> bytes:
    """A workbook whose sheets are filled by these."""
    book, file = Workbook(), io.BytesIO()
    fill(book.active)
    for each in more:
        each(book.create_sheet())
    book.save(file)
    return file.getvalue()


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with one part changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, change(old.read(each)) if each == name else old.read(each))
    return file.getvalue()


def rows(*values: tuple) -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        for row in values:
            sheet.append(row)

    return fill


FIRST = "xl/worksheets/sheet1.xml"


def test_each_sheet_is_a_table_below_its_name_with_cells_as_they_are_shown(tmp_path):
    def fill(sheet: Worksheet) -> None:
        sheet.title = "Costs"
        rows(("what", "price", "paid", "share", "due"), ("oar", 12.0, True, 0.19, date(2024, 5, 3)))(sheet)
        sheet.append(("raft | big", 0.1 + 0.2, False, 1, datetime(2024, 5, 3, 18, 20)))
        sheet["B2"].number_format, sheet["D2"].number_format = '#,##0.00 "EUR"', "0%"

    source, pieces = read(written(tmp_path / "a.xlsx", xlsx_bytes(fill, rows(("anna", 7)))))
    assert (source.kind, source.format, source.note) == ("document", "xlsx", "")
    assert [(piece.page, piece.symbol.kind, piece.symbol.signature, piece.text) for piece in pieces] == [
        (
            1,
            "sheet",
            "Costs",
            "# Costs\n\nwhat | price | paid | share | due\noar | 12 EUR | True | 19% | 2024-05-03\n"
            "raft / big | 0.3 | False | 1 | 2024-05-03 18:20",
        ),
        (2, "sheet", "Sheet", "# Sheet\n\nanna | 7"),
    ]


def test_a_million_empty_rows_cost_a_few_seconds_and_no_letters(tmp_path):
    empty = b"".join(b'<row r="%d"><c r="A%d" s="0"/></row>' % (n, n) for n in range(2, 1_000_000))
    last = b'<row r="1048576"><c r="B1048576"><v>7</v></c></row></sheetData>'
    data = changed(xlsx_bytes(rows(("oar", 12))), FIRST, lambda part: part.replace(b"</sheetData>", empty + last))
    before = time.monotonic()
    _, (piece,) = read(written(tmp_path / "a.xlsx", data))
    assert piece.text == "# Sheet\n\noar | 12\n\n7"
    assert time.monotonic() - before < 45


def test_a_size_that_is_claimed_and_not_there_is_not_believed(tmp_path):
    def claim(part: bytes) -> bytes:
        return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', part)

    data = changed(xlsx_bytes(rows(("oar", 12))), FIRST, claim)
    assert read(written(tmp_path / "a.xlsx", data))[1][0].text == "# Sheet\n\noar | 12"


def test_formulas_without_values_are_counted_and_those_with_values_are_read(tmp_path):
    data = xlsx_bytes(rows(("oar", 12), ("sum", "=SUM(B1:B1)"), ("double", "=B1*2")))
    source, (piece,) = read(written(tmp_path / "a.xlsx", data))
    assert piece.text == "# Sheet\n\noar | 12\nsum\ndouble"
    assert source.note == "2 of its formulas have no value. Open it in Excel or LibreOffice and save it again."
    with_values = changed(data, FIRST, lambda part: re.sub(rb"<v\s*/>|<v></v>", b"<v>24</v>", part))
    source, (piece,) = read(written(tmp_path / "b.xlsx", with_values))
    assert (source.note, piece.text) == ("", "# Sheet\n\noar | 12\nsum | 24\ndouble | 24")


def test_a_workbook_of_formulas_alone_says_that_they_were_never_calculated(tmp_path):
    path = written(tmp_path / "a.xlsx", xlsx_bytes(rows(("=1+1",))))
    assert refusal(path) == (
        f"{path} holds no values: its formulas were never calculated. Open it in Excel or LibreOffice and save it again"
    )
    path = written(tmp_path / "b.xlsx", xlsx_bytes(rows()))
    assert refusal(path) == f"{path} holds no text. Open it in Excel or LibreOffice and save it again"


def test_a_cell_that_was_merged_downwards_stands_in_each_of_its_rows_and_across_once(tmp_path):
    def fill(sheet: Worksheet) -> None:
        rows(("Prices", None, None), ("food", "bread", 3), (None, "milk", 1), ("rent", "flat", 900))(sheet)
        sheet.merge_cells("A1:C1")
        sheet.merge_cells("A2:A3")

    _, (piece,) = read(written(tmp_path / "a.xlsx", xlsx_bytes(fill)))
    assert piece.text == "# Sheet\n\nPrices\n\nfood | bread | 3\nfood | milk | 1\nrent | flat | 900"


def test_tables_apart_by_empty_rows_stay_apart_and_empty_columns_go(tmp_path):
    values = ((None, None, "a", None, "b"), (None, None, 1, None, 2), (), (), ("c",))
    _, (piece,) = read(written(tmp_path / "a.xlsx", xlsx_bytes(rows(*values))))
    assert piece.text == "# Sheet\n\na | b\n1 | 2\n\nc"


def test_of_a_large_workbook_the_beginning_is_read_and_that_is_said(tmp_path):
    data = xlsx_bytes(rows(*((f"item {n}", n) for n in range(2_000))), rows(("never", 1)))
    source, pieces = read(written(tmp_path / "a.xlsx", data), ParseConfig(max_chars=3_000))
    assert 2_500 < sum(len(piece.text) for piece in pieces) <= 3_000
    assert not any("never" in piece.text for piece in pieces)
    assert source.note == "Only the first 3,000 of its letters are read (parse.max_chars)."


def test_macros_of_a_workbook_are_told_and_never_run(tmp_path):
    file = io.BytesIO(xlsx_bytes(rows(("oar", 12))))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"Sub AutoOpen()")
    source, _ = read(written(tmp_path / "a.xlsm", file.getvalue()))
    assert source.note == "It brings macros along: they were not read, and are never run."


def test_a_locked_a_damaged_and_another_file_say_what_they_are(tmp_path):
    path = written(tmp_path / "a.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600))
    assert (
        refusal(path) == f"{path} is locked with a password, or an old .xls file. Save it as .xlsx without a password"
    )
    whole = xlsx_bytes(rows(("oar", 12)))
    for data in (
        whole[: len(whole) // 2],
        zip_bytes({"a.txt": b"words"}),
        changed(whole, FIRST, lambda part: part[:-60]),
    ):
        said = refusal(written(tmp_path / "b.xlsx", data))
        assert said.startswith(f"{tmp_path / 'b.xlsx'} is no Excel workbook, or it is damaged: ")
        assert said.endswith(". Save it again in Excel")


@pytest.mark.parametrize("script", ["\u623f\u79df", "\u05e1\u05e4\u05d9\u05e0\u05d4", '=HYPERLINK("x")'[1:]])
def test_cells_in_any_script_are_kept_as_they_are(tmp_path, script):
    _, (piece,) = read(written(tmp_path / "a.xlsx", xlsx_bytes(rows((script, 3)))))
    assert piece.text == f"# Sheet\n\n{script} | 3"


def test_titles_above_a_table_and_texts_below_each_other_are_paragraphs(tmp_path):
    values = (("Our prices", None), (None, "of May"), ("oar", 12), ("sail", None), (), ("One text.",), ("Another.",))
    _, (piece,) = read(written(tmp_path / "a.xlsx", xlsx_bytes(rows(*values))))
    assert piece.text == "# Sheet\n\nOur prices\n\nof May\n\noar | 12\nsail\n\nOne text.\n\nAnother."
