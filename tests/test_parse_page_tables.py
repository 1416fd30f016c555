"""Rows of tables on a page keep their cells; running text does not become a table."""

import pytest
from made_files import pdf_bytes, read, written

from deepseek_mm.parse.page_tables import join_cells
from deepseek_mm.parse.text import TextLine

COLUMNS = (40, 180, 240, 310)


def rows_at(top: int, *rows: tuple[str, ...]) -> list[tuple[float, float, str]]:
    """Words of a PDF in columns, below one another."""
    return [
        (x, top - 16 * n, cell) for n, row in enumerate(rows) for x, cell in zip(COLUMNS, row, strict=False) if cell
    ]


def line(text: str, left: int, top: int) -> TextLine:
    return TextLine(text=text, box_px=(left, top, left + 8 * len(text), top + 10))


def texts(*lines: list[TextLine]) -> list[str]:
    return [each.text for each in join_cells(lines)]


def test_cells_of_a_pdf_stand_apart_and_empty_ones_keep_their_column(tmp_path):
    words = rows_at(
        400,
        ("Item", "Qty", "Each", "Amount"),
        ("Fuse box, 12 ways", "1", "189.00", "189.00"),
        ("Total", "", "", "410.00"),
    )
    text = read(
        written(tmp_path / "a.pdf", pdf_bytes([*words, (40, 300, "Payable within thirty days of this date.")]))
    )[1][1].text
    assert text.split("\n\n")[0].split("\n") == [
        "Item | Qty | Each | Amount",
        "Fuse box, 12 ways | 1 | 189.00 | 189.00",
        "Total |  |  | 410.00",
    ]
    assert text.endswith("Payable within thirty days of this date.")


def test_no_word_of_a_turned_page_is_lost(tmp_path):
    words = rows_at(400, ("Item", "Qty"), ("Tea", "2"), ("Cake", "1"))
    for degrees in (90, 180):
        pieces = read(written(tmp_path / "a.pdf", pdf_bytes(words, turned=degrees)))[1]
        text = " ".join(piece.text for piece in pieces)
        assert all(word in text for word in ("Item", "Qty", "Tea", "Cake"))


def test_words_that_run_over_are_a_row_of_their_own_within_the_table():
    lines = texts(
        [line("Chair", 0, 0), line("2", 200, 0)],
        [line("Table", 0, 14), line("1", 200, 14)],
        [line("of oak", 0, 26)],
        [line("Lamp", 0, 40), line("3", 200, 40)],
    )
    assert lines == ["Chair | 2", "Table | 1", "of oak |", "Lamp | 3"]


def test_one_line_with_a_gap_is_no_table():
    assert texts([line("Anna Smith", 0, 0), line("1 May", 300, 0)], [line("Dear Bo,", 0, 30)]) == [
        "Anna Smith 1 May",
        "Dear Bo,",
    ]


def test_cells_that_come_as_lines_beside_one_another_are_one_row():
    lines = texts([line("Tea", 0, 0)], [line("2.50", 200, 1)], [line("Cake", 0, 20)], [line("3.00", 200, 20)])
    assert lines == ["Tea | 2.50", "Cake | 3.00"]


def test_two_columns_of_text_are_read_one_after_the_other():
    left, right = "This is the left column of the text", "and here goes the right one of it all"
    lines = texts(*([line(left, 0, 14 * n), line(right, 400, 14 * n)] for n in range(5)))
    assert lines == [left] * 5 + [right] * 5


@pytest.mark.parametrize("lines", [[], [[]], [[line("a", 0, 0)]]])
def test_pages_with_nothing_or_one_line_stay_as_they_are(lines):
    assert [each.text for each in join_cells(lines)] == [each.text for row in lines for each in row]
