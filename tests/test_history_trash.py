"""Deleting can be undone for ten minutes; then no byte of the conversation remains."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from history_samples import ANSWER, ask, count, run_sql, stored, told
from storage_contract import only_files

from deepseek_mm.errors import NothingThere
from deepseek_mm.history import History
from deepseek_mm.history.log import UNDO_S
from deepseek_mm.types import Answer

PARTS = ("conversations", "turns", "citations", "checks")


def ago(path: Path, conversation: int, seconds: float) -> None:
    """Let the conversation have been deleted that long ago."""
    moment = (datetime.now(UTC) - timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(" ")
    run_sql(path, "UPDATE conversations SET deleted_at = ? WHERE id = ?", moment, conversation)


def test_a_deleted_conversation_is_seen_nowhere(history):
    gone, turn = told(history, "what flies?")
    kept, _ = told(history, "what swims?")
    history.rate(turn, "up", session="")
    history.delete(gone, session="")
    assert [c.id for c in history.conversations(session="", limit=9)] == [kept]
    assert [c.id for c in history.conversations(session="", limit=9, text="what")] == [kept]
    assert (history.count(session=""), history.count(session="", text="flies"), history.feedback()) == (1, 0, [])
    deeds = (
        lambda: history.turns(gone, session=""),
        lambda: history.num_turns(gone, session=""),
        lambda: history.rename(gone, "back", session=""),
        lambda: history.delete(gone, session=""),
        lambda: history.branch(gone, before=turn + 1, session=""),
        lambda: history.rate(turn, "down", session=""),
        lambda: ask(history, "more", conversation=gone),
    )
    for deed in deeds:
        with pytest.raises(NothingThere):
            deed()


def test_an_undeleted_conversation_is_back_as_it_was(history):
    conversation, turn = told(history)
    history.rate(turn, "up", session="")
    history.pin(conversation, True, session="")
    before = history.conversations(session="", limit=9, text="flies"), history.turns(conversation, session="")
    history.delete(conversation, session="")
    history.undelete(conversation, session="")
    assert (history.conversations(session="", limit=9, text="flies"), history.turns(conversation, session="")) == before


def test_an_answer_that_ends_while_its_conversation_is_deleted_is_whole_when_that_is_undone(history):
    conversation, turn = ask(history)
    history.delete(conversation, session="")
    history.progress(turn, "A red")
    history.finish(turn, ANSWER)
    history.undelete(conversation, session="")
    (back,) = history.turns(conversation, session="")
    assert back.answer == replace(ANSWER, conversation=conversation, turn=turn)


def test_purging_takes_turns_citations_and_checks_and_leaves_the_others(history, path):
    gone, _ = told(history)
    kept, _ = told(history)
    history.delete(gone, session="")
    history.purge()
    assert [count(path, table) for table in PARTS] == [2, 2, 4, 4]  # not yet
    history.purge(0)
    assert [count(path, table) for table in PARTS] == [1, 1, 2, 2]
    assert [c.id for c in history.conversations(session="", limit=9)] == [kept]


@pytest.mark.parametrize("when", ["at the next start", "at the next deletion", "when it is to come back"])
def test_a_conversation_goes_for_good_when_its_time_is_over(history, path, when):
    late, young, other = (told(history, name)[0] for name in ("late", "young", "other"))
    history.delete(late, session="")
    history.delete(young, session="")
    ago(path, late, UNDO_S + 1)
    ago(path, young, UNDO_S - 60)
    if when == "at the next start":
        History(path).close()
    elif when == "at the next deletion":
        history.delete(other, session="")
    else:
        with pytest.raises(NothingThere, match=f"no conversation {late} here"):
            history.undelete(late, session="")
    assert run_sql(path, "SELECT id FROM conversations ORDER BY id") == [(young,), (other,)]
    history.undelete(young, session="")
    assert [t.question for t in history.turns(young, session="")] == ["young"]


@only_files
def test_after_the_purge_no_byte_of_the_conversation_remains(history, path):
    """Neither its text nor the trigrams that the word index made of it."""
    told(history, "what swims?")
    answer = replace(ANSWER, text="A Zyabcabc [2].", checks=())
    conversation, _ = told(history, "where is Qvabcabc?", answer)
    history.rename(conversation, "Jxabcabc", session="")
    traces = (b"Zyabcabc", b"Qvabcabc", b"Jxabcabc", b"zya", b"qva", b"jxa")
    assert [trace in stored(path) for trace in traces] == [True] * 6
    history.delete(conversation, session="")
    history.purge(0)
    assert [trace in stored(path) for trace in traces] == [False] * 6
    assert b"what swims?" in stored(path)
    assert history.count(session="", text="swims") == 1


def test_a_late_answer_to_a_purged_turn_lands_in_no_other(history):
    gone, late = ask(history, "gone")
    history.delete(gone, session="")
    history.purge(0)
    new, turn = ask(history, "new")
    history.progress(late, "late")
    history.finish(late, Answer(text="late"))
    assert (new, turn) != (gone, late)
    assert [t.answer.text for t in history.turns(new, session="")] == [""]


def test_a_conversation_that_was_never_deleted_may_be_undeleted(history):
    conversation, _ = ask(history)
    history.undelete(conversation, session="")
    assert history.count(session="") == 1


@only_files
def test_what_a_session_has_is_erased_at_once_to_the_last_byte_and_others_keep_theirs(history, path):
    """Neither texts nor trigrams, of conversations that wait to be removed either; saved searches go, too."""
    told(history, "what swims?")
    answer = replace(ANSWER, text="A Zyabcabc [2].", checks=())
    told(history, "where is Qvabcabc?", answer, session="user:1")
    late, _ = told(history, "who is Jxabcabc?", session="user:1")
    history.delete(late, session="user:1")
    history.save_search("Wkabcabc", "Wkabcabc", {}, session="user:1")
    traces = (b"Zyabcabc", b"Qvabcabc", b"Jxabcabc", b"Wkabcabc", b"zya", b"qva", b"jxa")
    assert [trace in stored(path) for trace in traces] == [True] * 7
    gone = history.erase("user:1")
    assert (gone.conversations, gone.turns, gone.searches) == (2, 2, 1)
    assert gone.questions == ("where is Qvabcabc?", "who is Jxabcabc?")
    assert [trace in stored(path) for trace in traces] == [False] * 7
    assert history.count(session="", text="swims") == 1
    assert history.erase("user:1").conversations == 0
