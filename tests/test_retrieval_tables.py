"""Tables are rebuilt from passages: header, rows, and where each row stands."""

import pytest
from table_documents import DOCUMENTS, page_of, passages_of

from deepseek_mm.retrieval.quantities import FigureStyle
from deepseek_mm.retrieval.tables import DocumentTable, find_tables, read_cell

PRICES = "Item | Price\nTea | 2.50\nCoffee | 3.00"


def tables_in(text: str, name: str = "a.md", *, size: int = 100_000) -> list[DocumentTable]:
    return find_tables(passages_of(text, name, size=size))


def cells(table: DocumentTable) -> list[tuple[str, ...]]:
    return [row.cells for row in table.rows]


def test_a_table_of_markdown_has_its_header_its_rows_and_their_lines() -> None:
    (table,) = tables_in("# Bar\n\nPrices in euros:\n| Item | Price |\n|---|---:|\n| **Tea** | 2.50 |\n| a \\| b | |")
    assert table.header == ("Item", "Price")
    assert [(row.cells, row.line) for row in table.rows] == [(("Tea", "2.50"), 6), (("a | b", ""), 7)]
    assert table.title == "Bar Prices in euros:"


def test_a_table_goes_on_over_passages_and_each_row_knows_its_own() -> None:
    text = "Item | Price\n" + "\n".join(f"Part {n} | {n}.50" for n in range(40))
    passages = passages_of(text, "a.docx", size=200)
    (table,) = find_tables(reversed(passages))
    assert len(passages) > 3
    assert [row.cells[0] for row in table.rows] == [f"Part {n}" for n in range(40)]
    assert all(row.cells[0] in row.region.text for row in table.rows)


def test_a_header_that_is_printed_on_each_page_is_left_out_there() -> None:
    pages = [page_of(f"Bill\n\nItem | Price\nTea {n} | 2.50\nCake {n} | 3.00\n\nPage {n}", n) for n in (1, 2)]
    (table,) = find_tables(pages)
    assert [row.cells[0] for row in table.rows] == ["Tea 1", "Cake 1", "Tea 2", "Cake 2"]
    assert [row.region.page for row in table.rows] == [1, 1, 2, 2]


def test_rows_on_the_next_page_without_a_header_belong_to_the_table_before() -> None:
    (table,) = find_tables([page_of(PRICES, 1), page_of("Milk | 1.20\nJuice | 2.80", 2)])
    assert [row.cells[0] for row in table.rows] == ["Tea", "Coffee", "Milk", "Juice"]


def test_another_heading_begins_another_table() -> None:
    first, second = tables_in(f"{PRICES}\n\n## Cakes\n\nCake | Price\nApple | 4.00")
    assert (first.header, second.header) == (("Item", "Price"), ("Cake", "Price"))
    assert second.title == "Cakes"


def test_words_that_run_over_into_the_next_row_are_put_together() -> None:
    (table,) = tables_in("Item | Qty | Price\nChair with | 2 | 80.00\nblack legs | |\nTable | 1 | 120.00")
    assert cells(table) == [("Chair with black legs", "2", "80.00"), ("Table", "1", "120.00")]


def test_a_line_above_the_header_is_the_title_of_a_sheet() -> None:
    (table,) = tables_in("Costs 2026,,\n,,\nwhat,who,euros\nbus,Ann,3\ntram,Bo,4", "costs.csv")
    assert (table.title, table.header) == ("Costs 2026", ("what", "who", "euros"))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('name,price\n"Smith, Ann","1,200.50"\n"Li ""Bo""",7', ("Smith, Ann", "1,200.50")),
        ("name;price\nTea;2,50\nCake;3,00", ("Tea", "2,50")),
        ("name\tprice\nTea\t2,50\nCake\t3,00", ("Tea", "2,50")),
        ("sep=;\nname;price\nTea;2,50\nCake;3,00", ("Tea", "2,50")),
        ('name,price\n"Tea,2\nCake,3', ('"Tea', "2")),  # a quotation mark that is never closed
    ],
)
def test_separated_values_are_read_whatever_separates_them(text: str, row: tuple[str, ...]) -> None:
    (table,) = tables_in(text, "a.csv")
    assert table.header == ("name", "price")
    assert table.rows[0].cells == row


def test_a_quoted_cell_over_two_lines_keeps_the_next_rows_line() -> None:
    (table,) = tables_in('name,note,price\nAnn,"two\nlines",12\nBo,x,7', "a.csv")
    assert [(row.cells[1], row.line) for row in table.rows] == [("two lines", 2), ("x", 4)]


def test_labelled_lines_are_a_table_of_two_columns() -> None:
    (table,) = tables_in(
        "Deposit: 3,540 EUR\n\u62bc\u91d1\uff1a3540\u5143\uff0c\u79df\u91d1\uff1a1180\u5143\nOpen at 9:30\nSee https://a.b"
    )
    assert table.labelled
    assert cells(table) == [
        ("Deposit", "3,540 EUR"),
        ("\u62bc\u91d1", "3540\u5143"),
        ("\u79df\u91d1", "1180\u5143"),
    ]


def test_items_of_lists_with_amounts_are_labelled_by_what_they_are() -> None:
    (table,) = tables_in("- 500 g flour\n- 2 eggs\n* Hotel - 236 EUR\nBus ....... 12.50\nPage 3\nRoom 12")
    assert cells(table) == [("flour", "500 g"), ("eggs", "2"), ("Hotel", "236 EUR"), ("Bus", "12.50")]


@pytest.mark.parametrize("text", ["", "Just words.", "a | b", "| only one |\n| column |", "---\n---", "|\n|\n|"])
def test_what_is_no_table_gives_none(text: str) -> None:
    assert tables_in(text) == []
    assert tables_in(text, "a.csv") == []


def test_rows_with_too_many_or_too_few_cells_are_made_to_fit() -> None:
    (table,) = tables_in("a | b | c\n1 | 2 | 3\n4\n5 | 6 | 7 | 8\n9 | 10 | 11".replace("4\n", "4 | \n"))
    assert cells(table) == [("1", "2", "3"), ("4", "", ""), ("5", "6", "7 8"), ("9", "10", "11")]


def test_tables_of_several_documents_stay_apart() -> None:
    both = [*passages_of(PRICES, "a.md", 1), *passages_of(PRICES, "b.md", 2)]
    assert [table.source.name for table in find_tables(both)] == ["a.md", "b.md"]


@pytest.mark.parametrize(
    ("cell", "value", "unit"),
    [
        ("1,385.00", "1385.00", ""),
        ("68.40 EUR", "68.40", "EUR"),
        ("\u00a53,540", "3540", "CNY"),
        ("12 %", "12", "%"),
        ("1 180,50 kr", "1180.50", "kr"),
        ("-54.20", "-54.20", ""),
        ("1.2\u4e07\u5143", "12000.0", "CNY"),
        ("2 teaspoons", "2", ""),
    ],
)
def test_a_cell_knows_its_number(cell: str, value: str, unit: str) -> None:
    number = read_cell(cell, FigureStyle()).number
    assert number is not None
    assert (str(number.value), number.unit) == (value, unit)


@pytest.mark.parametrize("cell", ["", "OD600", "hotel two nights", "Fuse box, 12 ways", "3-5", "30-91-77", "n/a"])
def test_a_cell_that_is_no_number_is_none(cell: str) -> None:
    assert read_cell(cell, FigureStyle()).number is None


def test_figures_are_read_as_their_document_writes_them() -> None:
    (german,) = tables_in("Was | Betrag\nZug | 1.385,00\nBus | 1.200", "a.md")
    assert str(german.value(german.rows[1], 1).number.value) == "1200"  # type: ignore[union-attr]
    (english,) = tables_in("What | Share\nZug | 1.385\nBus | 0.25", "a.md")
    assert str(english.value(english.rows[0], 1).number.value) == "1.385"  # type: ignore[union-attr]


def test_every_document_of_the_questions_has_a_table() -> None:
    assert [name for name, text in DOCUMENTS.items() if not tables_in(text, name)] == []
