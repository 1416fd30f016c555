"""Documents are laid side by side: what differs first, each value with its citation, and what only one of them says."""

import pytest
from document_house import LETTER, OFFERS, QUOTES_ZH, fill_documents, spoken

from deepseek_mm.answering.documents.comparison import compare_documents
from deepseek_mm.answering.documents.document_search import DOCUMENTS, DocumentFinder


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("offers"), OFFERS, QUOTES_ZH, LETTER) as store:
        yield DocumentFinder(store=store)


def compare(finder, text, *, before=(), language="en"):
    return compare_documents(text, finder, before, language)


@pytest.mark.parametrize(
    "text",
    [
        "compare the two offers",
        "what is the differnce between both quotes",
        "difference between the keller and the nordholz offer",
        "compare offer-keller.pdf with offer-nordholz.docx",
        "compare keller and nordholz",
    ],
)
def test_what_differs_is_told_first_and_each_value_is_cited(finder, text):
    draft = compare(finder, text)
    lines = spoken(draft).splitlines()
    assert lines[0].strip() == "offer-keller.pdf and offer-nordholz.docx side by side, what differs first."
    assert lines[1].strip() == "Total: offer-keller.pdf 5,690.00 EUR [1]. offer-nordholz.docx 6,190.00 EUR [2]."
    assert lines[2].strip() == (
        'Warranty: offer-keller.pdf 5 years [3]. offer-nordholz.docx "The warranty is 10 years on tiles and work" [2].'
    )
    text_of = {entry.number: entry.region.text for entry in draft.evidence}
    assert "5,690.00" in text_of[1]
    assert "6,190.00" in text_of[2]


def test_what_is_the_same_and_what_only_one_says_comes_last(finder):
    lines = [line.strip() for line in spoken(compare(finder, "compare the two offers")).splitlines()]
    assert lines[-3:] == [
        "The same in all of them: Gutters 840.00 [1][2].",
        "Only in offer-keller.pdf: Date 12 March 2024; Scaffolding 1,250.00 [1].",
        "Only in offer-nordholz.docx: Insulation 1,400.00 EUR [2].",
    ]


def test_only_the_facts_that_are_asked_for_are_compared(finder):
    lines = spoken(compare(finder, "compare the delivery times of the two offers")).splitlines()
    assert len(lines) == 2
    assert "offer-keller.pdf 4 weeks" in lines[1]


@pytest.mark.parametrize(
    "text", ["which offer is cheaper", "wich of the offers is cheapest", "how much cheaper is keller than nordholz"]
)
def test_the_cheaper_one_is_named_with_both_totals_and_the_difference(finder, text):
    assert spoken(compare(finder, text)) == (
        "offer-keller.pdf is cheaper: 5,690.00 EUR [1]. offer-nordholz.docx 6,190.00 EUR [2]. "
        "The difference is 500.00 EUR [1][2]."
    )


def test_times_are_compared_in_days_whatever_their_unit(finder):
    told = spoken(compare(finder, "who gives the better warranty, keller or nordholz"))
    assert told.startswith("Warranty: longer in offer-nordholz.docx")
    assert spoken(compare(finder, "which offer delivers faster")).startswith(
        "Delivery time: shorter in offer-keller.pdf"
    )


def test_chinese_quotes_are_compared_by_their_tables(finder):
    told = spoken(compare(finder, "比较两份报价", language="zh"))
    assert "合计：报价单-华强.md 17400元 [1]。 报价单-金石.md 16500元 [2]。" in told
    assert "橱柜：报价单-华强.md 12800 元 [1]。 报价单-金石.md 11900 元 [2]。" in told
    assert "相同之处：台面 4600 元" in told
    cheaper = spoken(compare(finder, "哪份报价更便宜", language="zh"))
    assert cheaper == "报价单-金石.md 更便宜：16500元 [1]。 报价单-华强.md 17400元 [2]。 相差 900 元 [1][2]。"


def test_documents_of_the_last_answer_are_meant_where_none_is_named(finder):
    before = [source for source in finder.store.sources(DOCUMENTS, limit=99) if source.name.startswith("offer")]
    assert "is cheaper" in spoken(compare(finder, "and which one is cheaper", before=before))
    assert compare(finder, "and which one is cheaper") is None


def test_documents_of_two_kinds_are_compared_with_each_other(finder):
    assert "letter-insurance.pdf and offer-keller.pdf" in spoken(
        compare(finder, "compare the letter with the keller offer")
    )


def test_that_only_one_is_found_is_said(finder):
    draft = compare(finder, "compare the two letters")
    assert draft.refused
    assert "only letter-insurance.pdf" in spoken(draft)


@pytest.mark.parametrize(
    "text",
    [
        "compare the two photos",
        "which photo is brighter",
        "difference between net and total in the offer of keller",
        "hello",
    ],
)
def test_other_questions_are_left_to_others(finder, text):
    assert compare(finder, text) is None
