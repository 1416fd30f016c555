"""The history: nothing that arrived is lost, and nobody reads another's conversation."""

import os
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from history_samples import ANSWER, KITE, KITE_PHOTO, ask, count, stored
from sqlalchemy import Engine, event

from deepseek_mm.errors import LibraryError, NothingThere
from deepseek_mm.history import Conversation, History
from deepseek_mm.types import Answer, Citation, Question
from index import Label


def test_the_sample_answer_differs_from_the_defaults_in_every_field():
    """Guards the round trip below: a field that a record gains must be stored as well."""
    for record in (ANSWER, KITE, KITE_PHOTO):
        left_out = (
            "conversation",
            "turn",
            "trace",
            "unread",
            "verdict",
            "worked",
            "offers",
            "signals",
            "symbol",
            "leader",
        )  # from trace on told, not kept
        plain = {f.name: f.default for f in fields(record) if f.name not in left_out}
        assert [name for name, default in plain.items() if getattr(record, name) == default] == []


def test_an_answer_comes_back_equal_after_a_restart(history, path):
    conversation, turn = ask(history)
    history.finish(turn, ANSWER)
    history.close()
    (kept,) = History(path).turns(conversation, session="")
    assert kept.answer == replace(ANSWER, conversation=conversation, turn=turn)


def test_a_turn_keeps_the_question_the_upload_the_settings_and_the_models(history):
    question = Question(text="is <b>this</b> a kite? \u2603\x00", image_name="kite.png")
    settings = {"rag": {"num_regions": 6}, "data": Path("library"), "names": ["a", None, 0.5]}
    before = datetime.now(UTC)
    conversation, _ = history.begin(question, image_path="/u/ab.png", settings=settings, fingerprint="f" * 64)
    (turn,) = history.turns(conversation, session="")
    assert (turn.question, turn.image_name, turn.image_path) == (question.text, "kite.png", "/u/ab.png")
    assert turn.settings == settings | {"data": "library"}
    assert turn.fingerprint == "f" * 64
    assert before <= turn.asked_at <= datetime.now(UTC)
    assert turn.answer == Answer(text="", state="running", conversation=conversation, turn=turn.id)


def test_numbers_from_numpy_come_back_as_plain_numbers(history):
    numpys = replace(KITE, box_px=tuple(np.array([1, 2, 30, 40])), labels=(Label(name="kite", score=np.float32(0.5)),))
    plain = replace(KITE, box_px=(1, 2, 30, 40), labels=(Label(name="kite", score=0.5),))
    citation = Citation(number=np.int64(1), region=numpys, score=np.float32(0.25))
    conversation, turn = ask(history)
    history.finish(turn, Answer(text="x", citations=(citation,), confidence=np.float32(0.5), found=np.bool_(True)))
    answer = history.turns(conversation, session="")[0].answer
    assert answer.citations == (Citation(number=1, region=plain, score=0.25),)
    assert isinstance(answer.citations[0].score, float)


def test_a_file_name_that_is_no_utf8_is_kept(history):
    name = os.fsdecode(b"caf\xe9.jpg")
    region = replace(KITE, source=replace(KITE_PHOTO, path=name))
    conversation, turn = ask(history, image_name=name)
    history.finish(turn, replace(ANSWER, citations=(Citation(number=1, region=region, score=0.5),)))
    (kept,) = history.turns(conversation, session="")
    assert (kept.image_name, kept.answer.citations[0].region.source.path) == (name, name)


def test_the_text_grows_while_the_turn_runs_and_no_late_word_changes_a_finished_one(history):
    conversation, turn = ask(history)
    for text in ("A", "A red", "A red kite"):
        history.progress(turn, text)
        assert history.turns(conversation, session="")[0].answer.text == text
    history.finish(turn, Answer(text="A red kite [1]."))
    history.progress(turn, "A red")
    assert history.turns(conversation, session="")[0].answer.text == "A red kite [1]."


def test_finishing_twice_replaces_the_citations_instead_of_adding_them(history, path):
    conversation, turn = ask(history)
    history.finish(turn, ANSWER)
    history.finish(turn, replace(ANSWER, citations=ANSWER.citations[:1], checks=()))
    assert len(history.turns(conversation, session="")[0].answer.citations) == 1
    assert (count(path, "citations"), count(path, "checks")) == (1, 0)


def test_a_finished_answer_may_not_still_be_running(history):
    _, turn = ask(history)
    with pytest.raises(AssertionError, match="done, stopped or failed"):
        history.finish(turn, Answer(text="A", state="running"))


def test_a_conversation_goes_on_with_its_turns_in_order(history):
    conversation, first = ask(history, "one")
    same, second = ask(history, "two", conversation=conversation)
    assert same == conversation
    turns = history.turns(conversation, session="")
    assert [(turn.id, turn.question) for turn in turns] == [(first, "one"), (second, "two")]


def test_conversations_are_listed_newest_first_with_title_and_number_of_turns(history):
    old, _ = ask(history, "old  question\nof two lines")
    new, _ = ask(history, "", image_name="kite.png")
    assert [c.id for c in history.conversations(session="", limit=9)] == [new, old]
    ask(history, "again", conversation=old)
    first, second = history.conversations(session="", limit=9)
    assert (first.id, first.title, first.num_turns) == (old, "old question of two lines", 2)
    assert (second.id, second.title, second.num_turns) == (new, "kite.png", 1)
    assert first.started_at < second.started_at == second.last_at < first.last_at
    assert first.last_at.utcoffset() == timedelta(0)


def test_a_page_of_conversations_starts_at_the_offset(history):
    made = [ask(history, str(n))[0] for n in range(5)]
    page = history.conversations(session="", limit=2, offset=1)
    assert [c.id for c in page] == [made[3], made[2]]
    assert isinstance(page[0], Conversation)


def test_one_conversation_reads_as_it_stands_in_the_list_and_only_to_its_owner(history):
    number, _ = ask(history, "what flies?", session="anna")
    ask(history, "how high?", session="anna", conversation=number)
    history.pin(number, True, session="anna")
    (listed,) = history.conversations(session="anna", limit=9)
    assert history.conversation(number, session="anna") == listed
    assert (listed.num_turns, listed.pinned) == (2, True)
    with pytest.raises(NothingThere, match=f"no conversation {number} here"):
        history.conversation(number, session="ben")
    history.delete(number, session="anna")
    with pytest.raises(NothingThere):
        history.conversation(number, session="anna")


def test_two_sessions_see_nothing_of_each_other(history):
    mine, turn = ask(history, "mine", session="anna's secret")
    theirs, _ = ask(history, "theirs", session="ben's secret")
    assert [c.id for c in history.conversations(session="anna's secret", limit=9)] == [mine]
    assert [c.id for c in history.conversations(session="ben's secret", limit=9)] == [theirs]
    assert history.conversations(session="", limit=9) == []
    for stranger in ("ben's secret", ""):
        with pytest.raises(NothingThere, match=f"no conversation {mine} here"):
            history.turns(mine, session=stranger)
        with pytest.raises(NothingThere, match="choose one from the history"):
            history.delete(mine, session=stranger)
        with pytest.raises(NothingThere, match=f"no conversation {mine} here"):
            ask(history, "let me in", session=stranger, conversation=mine)
    assert [t.id for t in history.turns(mine, session="anna's secret")] == [turn]


def test_an_unknown_conversation_reads_like_a_foreign_one(history):
    mine, _ = ask(history, session="anna")
    with pytest.raises(NothingThere) as foreign:
        ask(history, conversation=mine, session="ben")
    with pytest.raises(NothingThere) as unknown:
        ask(history, conversation=77, session="ben")
    assert str(foreign.value).replace(str(mine), "77") == str(unknown.value)


def test_the_secret_of_a_session_is_nowhere_in_the_file(history, path):
    ask(history, session="correct horse battery staple")
    history.close()
    assert b"what flies?" in stored(path)
    assert b"battery" not in stored(path)


def test_a_folder_that_is_a_file_is_refused_with_a_next_step(tmp_path):
    (tmp_path / "library").write_text("I am a file")
    with pytest.raises(LibraryError, match=r"cannot use the history at .*--data FOLDER"):
        History(tmp_path / "library" / "history.db")


def test_odd_letters_in_the_folder_are_no_obstacle(tmp_path):
    path = tmp_path / "100% of #1? \u2603" / "history.db"
    ask(History(path))
    assert path.exists()
    assert len(History(path).conversations(session="", limit=9)) == 1


def test_a_task_that_is_begun_again_answers_the_same_turn(history):
    question = Question(text="a dog?", session="me", task="t1")
    begin = {"image_path": "", "settings": {}, "fingerprint": ""}
    conversation, turn = history.begin(question, **begin)
    history.finish(turn, Answer(text="half of it", state="stopped"))
    assert history.begin(question, **begin) == (conversation, turn)
    assert [(t.answer.state, t.answer.text) for t in history.turns(conversation, session="me")] == [("running", "")]
    other = history.begin(Question(text="a dog?", session="me", task="t2"), **begin)
    plain = [history.begin(Question(text="a dog?", session="me"), **begin) for _ in range(2)]
    assert len({(conversation, turn), other, *plain}) == 4


def test_the_end_of_a_turn_looks_up_nothing_that_it_cannot_have(history):
    _, turn = ask(history)
    said = []

    def note(connection, cursor, statement, *rest):
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        history.finish(turn, ANSWER)
        first = list(said)
        history.finish(turn, ANSWER)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert [statement for statement in first if "FROM citations" in statement or "FROM checks" in statement] == []
    assert any("FROM citations" in statement for statement in said[len(first) :])  # of one that has ended it does
