"""The words that answer, with their sentence or row, in the language of whoever asks."""

from types import SimpleNamespace

import pytest

from deepseek_mm.answering.documents.quotations import (
    choose_answer,
    complete_question,
    locate_pieces,
    quote_around,
    write_claim,
)
from deepseek_mm.embeddings.passage_reader import AnswerSpan, Reading
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Answer, Evidence, Question, Request
from index import Region, Source

LEASE = """3. Rent
The deposit is three months' rent, 3,540 euros, payable in
three parts. Dogs are not allowed. A cat needs written permission.

| item | euros |
| rent | 1,180 |
| heating | 145 |
"""


def entry(text: str, name: str = "lease.pdf", page: int = 2) -> Evidence:
    source = Source(path=f"/docs/{name}", kind="document")
    return Evidence(
        number=1, region=Region(source=source, kind="text", box_px=(0, 0, 9, 9), text=text, page=page), score=1
    )


def span(words: str, text: str = LEASE) -> AnswerSpan:
    return AnswerSpan(text.index(words), text.index(words) + len(words), 0.9)


def tell(words: str, act: Act, language: str = "en", text: str = LEASE) -> str:
    answer = choose_answer("?", [entry(text)], [Reading(0.9, (span(words, text),))], [0])
    assert answer is not None
    return write_claim(answer, act, 1, language).text


def act(text: str, form: str = "name") -> Act:
    return Act(kind="document", text=text, form=form)  # type: ignore[arg-type]


def test_a_sentence_goes_over_wrapped_lines_and_a_row_stands_alone():
    pieces = [LEASE[a:b] for a, b in locate_pieces(LEASE)]
    assert "The deposit is three months' rent, 3,540 euros, payable in\nthree parts." in pieces
    assert "| rent | 1,180 |" in pieces


def test_a_short_answer_stands_before_its_sentence():
    told = tell("3,540 euros", act("how much is the deposit"))
    assert told.startswith('3,540 euros: lease.pdf, page 2, says: "The deposit is three months')
    assert "payable in three parts." in told


def test_a_row_is_quoted_below_the_head_of_its_table():
    assert quote_around(LEASE, span("145")) == "| item | euros | / | heating | 145 |"


def test_a_row_of_another_table_is_no_head():
    text = "a,b,c,d\n1,2,3,4\n\n| x | y |\n| 5 | 6 |"
    assert quote_around(text, span("5", text)) == "| x | y | / | 5 | 6 |"


@pytest.mark.parametrize(
    ("words", "question", "said"),
    [
        ("Dogs are not allowed", "can we have a dog", "No: lease.pdf"),
        ("A cat needs written permission", "can we have a cat", "lease.pdf"),  # neither yes nor no
        ("Dogs are not allowed", "are dogs not allowed", "lease.pdf"),
        ("Dogs are not allowed", "can we smoke", "lease.pdf"),  # it speaks of something else
    ],
)
def test_what_is_denied_is_answered_by_no_and_a_condition_by_itself(words, question, said):
    assert tell(words, act(question, "yes_no")).startswith(said)


def test_chinese_questions_are_answered_in_chinese():
    assert tell("3,540 euros", act("押金多少"), "zh").startswith("3,540 euros：lease.pdf 第 2 页写道：“The deposit")
    assert tell("Dogs are not allowed", act("能养狗吗", "yes_no"), "zh").startswith("不可以：")


def test_passages_without_words_answer_nothing():
    assert choose_answer("?", [entry(LEASE)], [Reading(0.0, ())], [0]) is None


def followed(text: str, subject: str) -> QuestionContext:
    asked = Act(kind="sum", text="how much is the rent per month", subject="the rent")
    answer = Answer(text="", request=Request(acts=(asked,), language="en", chance=1.0))
    turn = SimpleNamespace(question=asked.text, answer=answer)
    own = Act(kind="sum", text=text, subject=subject)
    return QuestionContext(question=Question(text=text), program=parse(text), act=own, turns=(turn,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "subject", "whole"),
    [
        ("and the deposit?", "the deposit", "how much is the deposit per month"),
        ("what about heating?", "heating", "how much is heating per month"),
        ("when is it due?", "", "when is it due?"),
    ],
)
def test_half_a_question_is_completed_by_the_one_before(text, subject, whole):
    assert complete_question(followed(text, subject)) == whole


def test_half_a_chinese_question_takes_over_what_was_asked():
    asked = Act(kind="document", text="房租一个月多少钱")
    answer = Answer(text="", request=Request(acts=(asked,), language="zh", chance=1.0))
    turn = SimpleNamespace(question=asked.text, answer=answer)
    own = Act(kind="document", text="那押金呢")
    case = QuestionContext(question=Question(text=own.text), program=parse(own.text), act=own, turns=(turn,))  # type: ignore[arg-type]
    assert complete_question(case) == "押金多少钱"


def test_a_part_of_an_address_grows_to_the_whole():
    text = "Write to nadia.haddad@example.org. Account 30-91-77 00512288."
    assert tell("example.org", act("what is her mail"), text=text).startswith("nadia.haddad@example.org: ")
    assert tell("91", act("which account"), text=text).startswith("30-91-77: ")


def test_of_a_long_paragraph_the_line_that_answers_is_quoted():
    lines = [f"Firm number {n} in the town of Oldham, department of tests and measurements" for n in range(9)]
    text = "\n".join(lines)
    assert quote_around(text, span("number 4", text)) == lines[4]


def test_of_a_long_line_what_stands_around_the_answer_is_quoted():
    text = "x " * 300 + "the answer" + " y" * 300
    quoted = quote_around(text, span("the answer", text))
    assert "the answer" in quoted
    assert quoted.startswith("...")
    assert quoted.endswith("...")
    assert len(quoted) < 310


def test_chinese_is_quoted_shorter_than_english():
    text = "\u6c34" * 250 + "\u7532\u4e59" + "\u706b" * 250
    assert "\u7532\u4e59" in quote_around(text, span("\u7532\u4e59", text))
    assert len(quote_around(text, span("\u7532\u4e59", text))) < 150


@pytest.mark.parametrize(
    ("first", "second", "complete"),
    [
        ("\u623f\u4e1c\u53eb\u5565", "\u7535\u8bdd\u591a\u5c11", "\u623f\u4e1c\u53eb\u7535\u8bdd\u591a\u5c11"),
        (
            "\u5979\u4f1a\u65e5\u8bed\u5417",
            "\u4ec0\u4e48\u6c34\u5e73",
            "\u5979\u4f1a\u65e5\u8bed\u4ec0\u4e48\u6c34\u5e73",
        ),
    ],
)
def test_the_second_of_two_questions_is_about_what_the_first_was(first, second, complete):
    acts = (act(first), act(second))
    case = QuestionContext(
        question=Question(text=f"{first} {second}"), program=parse(second), act=acts[1], request=Request(acts=acts)
    )
    assert complete_question(case) == complete


def test_an_answer_ends_with_its_paragraph():
    text = "Lessor: Chen, phone 138\n\nLessee: Lin, phone 159"
    told = tell("138\n\nLessee: Lin, phone 159", act("which phone number"), text=text)
    assert told.startswith('138: lease.pdf, page 2, says: "Lessor: Chen, phone 138"')


def test_a_day_of_the_calendar_is_told_where_the_likelier_words_are_a_period():
    text = "The lease runs until 14 March 2027. The deposit is returned within 7 days."
    reading = Reading(0.9, (span("7 days", text), span("14 March 2027", text)))
    told = {q: choose_answer(q, [entry(text)], [reading], [0]) for q in ("when does it end?", "how long does it take?")}
    assert {q: answer and answer.text.rstrip(".") for q, answer in told.items()} == {
        "when does it end?": "14 March 2027",
        "how long does it take?": "7 days",
    }
