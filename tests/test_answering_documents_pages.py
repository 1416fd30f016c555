"""What stands on a page: its headings and first sentences; a page that is not there is told with how many there are."""

import pytest
from document_house import LETTER, MINUTES, fill_documents, spoken

from deepseek_mm.answering.documents.document_search import DocumentFinder
from deepseek_mm.answering.documents.pages import answer_page


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("pages"), LETTER, MINUTES) as store:
        yield DocumentFinder(store=store)


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        (
            "what is on page 2",
            "en",
            'letter-insurance.pdf, page 2, says: "Excess / Your contract has an excess of 150 euros.',
        ),
        ("whats on the third page of the letter", "en", 'page 3, says: "What to do next / Please send the invoice'),
        ("last page of letter-insurance.pdf", "en", 'page 3, says: "What to do next'),
        ("what does slide 2 say", "en", 'strategy.pptx, slide 2, says: "Where we stand / Revenue grew by 12 percent'),
        ("第三页写了什么", "zh", "letter-insurance.pdf 第 3 页写道：“What to do next"),
        ("保险信的第2页写了什么", "zh", "第 2 页写道：“Excess"),
        ("第二张幻灯片讲了什么", "zh", "strategy.pptx"),
    ],
)
def test_a_page_is_told_by_its_heading_and_first_sentences(finder, text, language, told):
    draft = answer_page(text, finder, (), language)
    assert told in spoken(draft)
    assert draft.claims[0].numbers == (1,)


def test_a_page_that_is_not_there_is_told_with_how_many_there_are(finder):
    draft = answer_page("page 9 of the letter", finder, (), "en")
    assert draft.refused
    assert draft.text == "letter-insurance.pdf has 3 pages; there is no number 9."
    assert "共有 2 张幻灯片，没有第 7 页" in answer_page("第七张幻灯片", finder, (), "zh").text


def test_a_document_without_pages_and_one_spoken_of_before_are_known(finder):
    assert "not divided into pages" in answer_page("page 1 of the garden minutes", finder, (), "en").text
    before = [finder.store.source_at("/documents/letter-insurance.pdf")]
    assert "page 2" in spoken(answer_page("and page 2?", finder, before, "en"))


@pytest.mark.parametrize(
    "text", ["what is the excess on page 2 of the letter", "how many pages", "page 2 of the photo"]
)
def test_a_question_about_something_on_a_page_is_left_to_others(finder, text):
    assert answer_page(text, finder, (), "en") is None


def test_a_book_is_meant_by_the_name_of_its_file_alone(finder, monkeypatch):
    assert [each.source.name for each in finder.find_named("the letter about insurance")] == ["letter-insurance.pdf"]
    monkeypatch.setattr("deepseek_mm.answering.documents.document_search.BOOK", 0)
    assert finder.find_named("the letter about insurance") == []
    assert [each.source.name for each in finder.find_named("letter-insurance.pdf")] == ["letter-insurance.pdf"]
