"""Who said what, was against it and why: by names, with the sentence that says it."""

import pytest
from document_house import MINUTES, fill_documents, spoken

from deepseek_mm.answering.documents.document_search import DOCUMENTS, DocumentFinder
from deepseek_mm.answering.documents.speakers import answer_speakers


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("minutes"), MINUTES) as store:
        yield DocumentFinder(store=store)


def ask(finder, text, language="en"):
    return answer_speakers(text, finder, finder.store.sources(DOCUMENTS, limit=99), [], language)


@pytest.mark.parametrize(
    ("text", "speaker", "words"),
    [
        ("who was against the fence, and why?", "Chloe", "the old fence can be repaired"),
        ("who was agianst the new fence", "Chloe", "the old fence can be repaired"),
        ("why did deniz vote no", "Deniz", "He thinks that the reserve is too small."),
        ("what did anna say about the budget", "Anna", "budget of 4,200 euros"),
        ("what did Anna say about the fence?", "Anna", "since the fence fell over twice"),
        ("who said that the tools are included", "Boris", "the tools are included"),
        ("what were chloes objections", "Chloe", "against it"),
        ("who suggested a rain barrel", "Deniz", "Deniz suggested a rain barrel."),
        ("did anyone object to the rain barrel", "Nobody", "Nobody objected."),
        ("who was against moving the launch", "Jon", "The fair starts on 6 May."),
        ("what does pryia think about the translations", "Priya", "The translations are not ready."),
        ("谁反对更换电梯？为什么？", "王强", "因为一楼住户很少使用电梯"),
        ("谁反对停车位", "李娜", "孩子们没有地方玩了"),
        ("赵敏为什么支持换电梯", "赵敏", "老人上下楼很不方便"),
        ("张伟提出了什么", "张伟", "总费用为38万元"),
    ],
)
def test_who_said_it_is_told_by_name_with_the_quotation(finder, text, speaker, words):
    draft = ask(finder, text, "zh" if text[0] > "z" else "en")
    assert len(draft.claims) == 1
    assert draft.claims[0].text.startswith(speaker)
    assert words in draft.claims[0].text
    assert draft.claims[0].numbers == (1,)


def test_all_who_objected_are_named_and_nobody_is_not(finder):
    told = spoken(ask(finder, "who objected"))
    assert "Deniz" in told
    assert "Chloe" in told
    assert "Nobody" not in told


@pytest.mark.parametrize(
    "text",
    [
        "what does the contract say about pets",
        "who is the landlord",
        "what did i say",
        "what did Mallory say about the fence",
        "who was against the swimming pool",
        "who is against the wall in this photo",
        "when is the next meeting",
    ],
)
def test_what_nobody_said_is_left_to_others(finder, text):
    assert ask(finder, text) is None
