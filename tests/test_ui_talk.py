"""A conversation as messages."""

from datetime import UTC, datetime

import pytest

from deepseek_mm.history import Turn
from deepseek_mm.records import Answer
from ui.talk import Exchange, Talk, messages, plain, said, talk_of
from ui.words import ENGLISH


def turn(question: str, answer: Answer, image_path: str = "") -> Turn:
    return Turn(
        id=1, conversation=7, asked_at=datetime(2026, 5, 1, tzinfo=UTC), question=question, image_name="me.jpg",
        image_path=image_path, answer=answer, settings={}, fingerprint="f",
    )  # fmt: skip


def test_an_answer_replaces_the_last_one_and_brings_the_conversation():
    talk = Talk().asked(Exchange(question="A?", answer=Answer(text="", state="running")))
    talk = talk.answered(Answer(text="yes", conversation=7))
    assert talk.conversation == 7
    assert [e.answer.text for e in talk.exchanges] == ["yes"]
    assert talk.answered(Answer(text="no")).conversation == 7


def test_every_exchange_is_two_messages():
    talk = Talk(exchanges=tuple(Exchange(question=q, answer=Answer(text=q.lower())) for q in ("A", "B")))
    assert [(m["role"], m["content"]) for m in messages(talk, ENGLISH)] == [
        ("user", ["A"]),
        ("assistant", "a"),
        ("user", ["B"]),
        ("assistant", "b"),
    ]


def test_a_picture_comes_before_its_question_and_has_its_name():
    exchange = Exchange(question="What?", answer=Answer(text="x"), picture="/tmp/t.jpg", picture_name="me.jpg")
    first = messages(Talk(exchanges=(exchange,)), ENGLISH)[0]["content"]
    assert first == [{"path": "/tmp/t.jpg", "alt_text": "me.jpg"}, "What?"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("&lt;b&gt; stays as typed", "&amp;lt;b&amp;gt; stays as typed"),
        ("&#60;img src=x>", "&amp;#60;img src=x>"),
        ("Tom & Jerry; 1 > 0", "Tom & Jerry; 1 > 0"),
    ],
)
def test_text_reaches_the_chat_without_a_way_to_become_html(text, html):
    assert plain(text) == html
    talk = Talk(exchanges=(Exchange(question=text, answer=Answer(text=text)),))
    assert [m["content"] for m in messages(talk, ENGLISH)] == [[html], html]


def test_an_answer_that_is_not_whole_says_how_it_ended():
    assert said(Answer(text="It is", state="stopped"), ENGLISH) == "It is (stopped)"
    assert said(Answer(text="It is", state="failed"), ENGLISH) == "It is (not finished)"
    assert said(Answer(text="It is", state="running"), ENGLISH) == "It is"
    assert said(Answer(text="", state="running"), ENGLISH) == ENGLISH.looking
    assert said(Answer(text=""), ENGLISH) == ENGLISH.silent


def test_a_conversation_out_of_the_history_can_go_on():
    turns = [turn("A?", Answer(text="a")), turn("B?", Answer(text="b", state="stopped"), "/uploads/b.jpg")]
    talk = talk_of(turns, lambda path: f"small{path}")
    assert talk.conversation == 7
    assert [e.picture for e in talk.exchanges] == ["", "small/uploads/b.jpg"]


def test_an_upload_that_is_gone_is_named_instead_of_shown():
    talk = talk_of([turn("A?", Answer(text="a"), "/uploads/b.jpg")], lambda path: "")
    assert messages(talk, ENGLISH)[0]["content"] == ["[me.jpg]", "A?"]
