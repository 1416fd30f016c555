"""Which receipts are above a number, and what all of them come to."""

import re
from decimal import Decimal

import pytest
from document_house import LETTER, fill_documents, spoken

from deepseek_mm.answering.documents.amounts import AmountLimit, answer_limit, answer_sum, read_limit
from deepseek_mm.answering.documents.document_search import DocumentFinder

RECEIPTS = {
    "receipt-hardware.txt": "Miller Hardware\n\nDrill: 59.00\n\nTotal: 63.20 EUR",
    "receipt-books.txt": "City Bookshop\n\nAtlas: 34.90\n\nTotal: 41.40 EUR",
    "receipt-cafe.txt": "Cafe Lindner\n\nTotal: 11.80 EUR",
    "receipt-torn.txt": "A receipt\n\nthe rest is torn off",
}


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("receipts"), RECEIPTS, LETTER) as store:
        yield DocumentFinder(store=store)


def told(draft) -> list[str]:
    """Its sentences."""
    return [f"{part.strip().rstrip('.')}." for part in re.split(r"\.(?:\s|$)", spoken(draft)) if part.strip()]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Which receipt is above 50?", ("50", "", False, False)),
        ("receipts of at least 50 euros", ("50", "EUR", False, True)),
        ("which bills are under 1,000 EUR", ("1000", "EUR", True, False)),
        ("Welche Quittungen sind \u00fcber 40 Euro?", ("40", "EUR", False, False)),
        ("\u54ea\u4e9b\u53d1\u7968\u8d85\u8fc7100\u5143\uff1f", ("100", "CNY", False, False)),
    ],
)
def test_a_limit_is_read_with_its_side_and_its_unit(text, limit):
    value, unit, below, inclusive = limit
    assert read_limit(text) == AmountLimit(value=Decimal(value), unit=unit, below=below, inclusive=inclusive)


@pytest.mark.parametrize("text", ["which receipt is from May?", "is it over 50 m high?", "receipts from 3 to 5 over"])
def test_what_names_no_kind_of_document_or_no_one_number_has_no_limit(text):
    assert read_limit(text) is None


def test_those_above_are_told_with_their_totals_and_what_says_none_is_counted(finder):
    assert told(answer_limit("Which receipts are over 40?", finder, "en")) == [
        "2 of 3 documents [1][2].",
        "receipt-hardware.txt: 63.20 EUR [1].",
        "receipt-books.txt: 41.40 EUR [2].",
        "No amount that I can read stands in 1 more.",
    ]


def test_those_below_come_with_the_least_first(finder):
    assert told(answer_limit("receipts under 50 euros", finder, "en"))[1:3] == [
        "receipt-cafe.txt: 11.80 EUR [1].",
        "receipt-books.txt: 41.40 EUR [2].",
    ]


def test_an_amount_on_the_limit_passes_only_where_it_may_be_reached(finder):
    assert "2 of 3" in told(answer_limit("receipts of at least 41.40 euros", finder, "en"))[0]
    assert "1 of 3" in told(answer_limit("receipts over 41.40 euros", finder, "en"))[0]


def test_where_none_passes_all_that_were_compared_are_told(finder):
    lines = told(answer_limit("Which receipts are over 100 euros?", finder, "en"))
    assert lines[0] == "None of these 3 documents [1][2][3]."
    assert len(lines) == 5


def test_amounts_in_another_unit_are_not_compared(finder):
    assert answer_limit("which receipts are over 10 dollars?", finder, "en") is None


def test_a_total_is_read_as_a_till_prints_it(tmp_path):
    tills = {
        "receipt-a.txt": "Miller\nDrill  59.00\nTotal  63.20 EUR\nPaid by card",
        "receipt-b.txt": "Books\nTotal  41.40 EUR",
    }
    with fill_documents(tmp_path, tills) as store:
        lines = told(answer_limit("Which receipt is above 50?", DocumentFinder(store=store), "en"))
    assert lines == ["1 of 2 documents [1].", "receipt-a.txt: 63.20 EUR [1]."]


def test_what_all_come_to_is_added_up_with_every_amount(finder):
    lines = told(answer_sum("How much do all my receipts come to in total?", finder, "en"))
    assert lines[0] == "116.40 EUR in 3 documents [1][2][3]."
    assert {line.partition(" [")[0] for line in lines[1:4]} == {
        "receipt-hardware.txt: 63.20 EUR",
        "receipt-books.txt: 41.40 EUR",
        "receipt-cafe.txt: 11.80 EUR",
    }
    assert answer_sum("what is the total of the receipt?", finder, "en") is None  # of one
