"""A conversation as the page holds it."""

from datetime import UTC, datetime

from deepseek_mm.history import Turn
from deepseek_mm.types import Answer
from ui.ask.chat import ChatExchange, Talk, Upload, exchange_of, talk_of


def turn(number: int, question: str, **more) -> Turn:
    given = {"image_name": "", "image_path": "", "more": (), "rating": "", "boxes": ()} | more
    return Turn(
        id=number, conversation=7, asked_at=datetime(2026, 5, 1, tzinfo=UTC), question=question,
        answer=Answer(text=question.lower(), turn=number), settings={}, fingerprint="f", **given,
    )  # fmt: skip


def test_an_answer_replaces_the_last_one_and_brings_the_conversation():
    talk = Talk(earlier=3).with_exchange(ChatExchange(question="A?", answer=Answer(text="", state="running")))
    talk = talk.with_answer(Answer(text="yes", conversation=7))
    assert (talk.conversation, talk.earlier) == (7, 3)
    assert [e.answer.text for e in talk.exchanges] == ["yes"]
    assert talk.with_answer(Answer(text="no")).conversation == 7


def test_a_talk_out_of_the_history_keeps_pictures_thumbs_and_what_came_before():
    turns = [
        turn(11, "A?"),
        turn(12, "B?", image_name="me.jpg", image_path="/up/me.jpg", more=(("", "/up/b.jpg"),), rating="up"),
    ]
    talk = talk_of(turns, earlier=5)
    assert (talk.conversation, talk.earlier) == (7, 5)
    assert [e.question for e in talk.exchanges] == ["A?", "B?"]
    assert talk.exchanges[1].uploads == (
        Upload(name="me.jpg", path="/up/me.jpg"),
        Upload(name="b.jpg", path="/up/b.jpg"),
    )
    assert [e.rating for e in talk.exchanges] == ["", "up"]
    assert talk_of([]) == Talk()


def test_an_exchange_is_found_by_its_turn_and_turn_zero_is_nobodys():
    talk = talk_of([turn(11, "A?"), turn(12, "B?")])
    assert talk.find(12).question == "B?"
    assert talk.find(13) is None
    assert talk.with_exchange(ChatExchange(question="C?", answer=Answer(text=""))).find(0) is None


def test_the_talk_before_a_question_ends_right_before_it_and_edits_nothing():
    talk = Talk(
        conversation=7, exchanges=tuple(map(exchange_of, [turn(1, "A"), turn(2, "B"), turn(3, "C")])), editing=2
    )
    assert [e.question for e in talk.before(2).exchanges] == ["A"]
    assert talk.before(2).editing == 0
    assert len(talk.before(10**18).exchanges) == 3


def test_one_exchange_changes_and_the_others_stay():
    talk = talk_of([turn(1, "A"), turn(2, "B")]).with_changes(2, rating="down")
    assert [e.rating for e in talk.exchanges] == ["", "down"]
