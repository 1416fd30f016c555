"""Conversations in the list and page by page: titles, pins, branches, retries, and one out of an export."""

from dataclasses import replace

import pytest
from history_samples import ANSWER, BOX, ask, run_sql, told

from deepseek_mm.errors import NothingThere
from deepseek_mm.history import History
from deepseek_mm.history.records import IMPORTED, NAME_CHARS, TITLE_CHARS, title_of
from deepseek_mm.types import Answer, Question


def titles(history: History, **asked) -> list[str]:
    return [c.title for c in history.conversations(session="", limit=99, **asked)]


def talk(history: History, *questions: str) -> tuple[int, list[int]]:
    """A conversation of several turns: its id and theirs."""
    conversation, first = told(history, questions[0])
    return conversation, [first, *(told(history, q, conversation=conversation)[1] for q in questions[1:])]


def test_a_long_title_is_cut_at_a_word_and_an_endless_word_in_the_middle():
    assert title_of("what  is\nthis") == "what is this"
    assert title_of("word " * 30) == "word " * 10 + "word..."  # eleven words and the dots are 57
    assert title_of("x" * 100_000) == "x" * (TITLE_CHARS - 3) + "..."


def test_a_conversation_takes_the_name_that_its_user_gives_on_one_line(history):
    conversation, _ = ask(history, "what flies?")
    history.rename(conversation, " Kites\n over  <b>Bern</b> ", session="")
    assert titles(history) == ["Kites over <b>Bern</b>"]
    history.rename(conversation, "x" * 1000, session="")
    assert [len(title) for title in titles(history)] == [NAME_CHARS]


def test_an_empty_name_leaves_the_title_as_it_was(history):
    conversation, _ = ask(history, "what flies?")
    history.rename(conversation, " \n ", session="")
    assert titles(history) == ["what flies?"]


def test_pinned_conversations_stand_above_newer_ones_until_they_are_unpinned(history):
    ids = [ask(history, name)[0] for name in ("old", "middle", "new")]
    for conversation in ids[:2]:
        history.pin(conversation, True, session="")
    assert titles(history) == ["middle", "old", "new"]
    assert [c.pinned for c in history.conversations(session="", limit=9)] == [True, True, False]
    history.pin(ids[1], False, session="")
    assert titles(history) == ["old", "new", "middle"]


def test_renaming_and_pinning_do_not_make_a_conversation_newer(history):
    conversation, _ = ask(history)
    (before,) = history.conversations(session="", limit=9)
    history.rename(conversation, "kites", session="")
    history.pin(conversation, True, session="")
    assert history.conversations(session="", limit=9) == [replace(before, title="kites", pinned=True)]


def test_the_number_of_conversations_is_that_of_the_whole_list(history):
    for n in range(5):
        ask(history, f"question {n}")
    ask(history, "of another", session="ben")
    assert (history.count(session=""), history.count(session="ben"), history.count(session="eve")) == (5, 1, 0)


def test_turns_come_page_by_page_from_the_newest_backwards(history):
    conversation, ids = talk(history, *"abcde")
    other, _ = talk(history, "x")

    def page(**asked) -> list[str]:
        return [turn.question for turn in history.turns(conversation, session="", **asked)]

    assert page() == list("abcde")
    assert page(last=2) == ["d", "e"]
    assert page(last=2, before=ids[3]) == ["b", "c"]
    assert page(last=9, before=ids[1]) == ["a"]
    assert page(before=ids[2]) == ["a", "b"]
    assert page(last=2, before=ids[0]) == page(last=0) == []
    assert (history.num_turns(conversation, session=""), history.num_turns(other, session="")) == (5, 1)


def test_a_turn_keeps_its_further_pictures_in_their_order(history):
    more = [("b.png", "/u/2/b.png"), ("caf\udce9.jpg", "/u/1/caf\udce9.jpg"), ("b.png", "")]
    conversation, _ = history.begin(
        Question(text="which?"), image_path="/u/a.png", settings={}, fingerprint="", more=more
    )
    (turn,) = history.turns(conversation, session="")
    assert (turn.image_path, turn.more) == ("/u/a.png", tuple(more))


def test_a_branch_copies_the_turns_before_the_place_and_knows_its_parent(history):
    conversation, ids = talk(history, "one", "two", "three")
    branch = history.branch(conversation, before=ids[2], session="")
    copies = history.turns(branch, session="")
    originals = history.turns(conversation, session="")
    assert [turn.question for turn in copies] == ["one", "two"]
    assert {turn.id for turn in copies}.isdisjoint(ids)
    for copy, original in zip(copies, originals, strict=False):
        answer = replace(original.answer, conversation=branch, turn=copy.id)
        assert copy == replace(original, id=copy.id, conversation=branch, answer=answer)
    newest, oldest = history.conversations(session="", limit=9)
    assert (newest.id, newest.parent, newest.title, newest.num_turns) == (branch, conversation, "one", 2)
    assert (oldest.id, oldest.parent, oldest.num_turns) == (conversation, 0, 3)


def test_what_was_asked_of_code_stays_about_code_in_a_branch_too(history):
    conversation, turn = told(history, about="code")
    told(history, "and where?", conversation=conversation, about="code", session="")
    branch = history.branch(conversation, before=turn + 1, session="")
    assert [turn.about for turn in history.turns(branch, session="")] == ["code"]


def test_a_branch_before_the_first_turn_has_nothing_to_copy_and_is_not_made(history):
    conversation, ids = talk(history, "one", "two")
    assert history.branch(conversation, before=ids[0], session="") is None
    assert history.count(session="") == 1


def test_a_branch_keeps_states_but_what_still_runs_is_copied_as_stopped(history):
    conversation, _ = told(history, "one", replace(ANSWER, state="failed"))
    _, running = ask(history, "two", conversation=conversation)
    history.progress(running, "A red")
    branch = history.branch(conversation, before=running + 1, session="")
    states = [(turn.answer.state, turn.answer.text) for turn in history.turns(branch, session="")]
    assert states == [("failed", ANSWER.text), ("stopped", "A red")]
    assert history.turns(conversation, session="")[1].answer.state == "running"


def test_feedback_and_pin_stay_with_the_conversation_that_was_branched_off(history):
    conversation, (turn,) = talk(history, "one")
    history.rate(turn, "up", session="")
    history.correct(turn, BOX, session="")
    history.pin(conversation, True, session="")
    branch = history.branch(conversation, before=turn + 1, session="")
    (copy,) = history.turns(branch, session="")
    assert (copy.rating, copy.boxes) == ("", ())
    assert [c.pinned for c in history.conversations(session="", limit=9) if c.id == branch] == [False]
    assert [t.id for t in history.feedback()] == [turn]


def test_a_branch_outlives_the_conversation_it_was_branched_off(history):
    conversation, (turn,) = talk(history, "one")
    branch = history.branch(conversation, before=turn + 1, session="")
    history.delete(conversation, session="")
    history.purge(0)
    assert [turn.question for turn in history.turns(branch, session="")] == ["one"]
    assert [c.parent for c in history.conversations(session="", limit=9)] == [conversation]


def test_only_the_last_turn_makes_room_for_a_retry(history):
    conversation, (first, last) = talk(history, "one", "two")
    assert not history.drop_last(conversation, first, session="")
    assert history.drop_last(conversation, last, session="")
    assert not history.drop_last(conversation, last, session="")
    assert [turn.id for turn in history.turns(conversation, session="")] == [first]
    _, again = ask(history, "two", conversation=conversation)
    assert again > last


def test_the_last_turn_of_another_conversation_is_not_dropped(history):
    mine, _ = talk(history, "mine")
    _, (other,) = talk(history, "other")
    assert not history.drop_last(mine, other, session="")
    assert history.count(session="") == 2


def test_an_adopted_conversation_is_equal_to_the_one_that_went_out(history):
    conversation, ids = talk(history, "one", "two")
    history.rate(ids[0], "down", session="")
    history.correct(ids[1], BOX, session="")
    question, more = Question(text="three", image_name="a.png", conversation=conversation), [("b.png", "/u/b.png")]
    _, third = history.begin(question, image_path="/u/a.png", settings={"k": 6}, fingerprint="ff", more=more)
    history.finish(third, ANSWER)
    went_out, (listed,) = history.turns(conversation, session=""), history.conversations(session="", limit=9)
    history.delete(conversation, session="")
    adopted = history.adopt(went_out, title=listed.title, pinned=True, session="")
    came_in = history.turns(adopted, session="")
    for new, old in zip(came_in, went_out, strict=True):
        assert new.id > old.id
        answer = replace(old.answer, conversation=adopted, turn=new.id)
        settings = {**old.settings, IMPORTED: True}  # from then on it is known where it came from
        assert new == replace(old, id=new.id, conversation=adopted, answer=answer, settings=settings)
    assert history.conversations(session="", limit=9) == [replace(listed, id=adopted, pinned=True)]


def test_an_adopted_turn_that_was_still_running_is_stopped(history, path):
    conversation, _ = ask(history)
    adopted = history.adopt(history.turns(conversation, session=""), title="kites", session="anna")
    assert run_sql(path, "SELECT state FROM turns ORDER BY id") == [
        ("running",),
        ("stopped",),
    ]  # before anybody reads it
    assert [turn.answer.state for turn in history.turns(adopted, session="anna")] == ["stopped"]


def test_a_hundred_adopted_turns_keep_their_order(history):
    conversation, _ = ask(history)
    (turn,) = history.turns(conversation, session="")
    many = [replace(turn, question=str(n), answer=Answer(text=str(-n))) for n in range(100)]
    adopted = history.turns(history.adopt(many, title="many", session=""), session="")
    assert [(turn.question, turn.answer.text) for turn in adopted] == [(str(n), str(-n)) for n in range(100)]


def test_nothing_can_be_done_to_the_conversation_of_another_session(history):
    mine, turn = told(history, session="anna")
    before = history.turns(mine, session="anna"), history.conversations(session="anna", limit=9)
    deeds = (
        lambda: history.num_turns(mine, session="ben"),
        lambda: history.rename(mine, "ben's", session="ben"),
        lambda: history.pin(mine, True, session="ben"),
        lambda: history.delete(mine, session="ben"),
        lambda: history.undelete(mine, session="ben"),
        lambda: history.branch(mine, before=turn + 1, session="ben"),
        lambda: history.drop_last(mine, turn, session="ben"),
        lambda: history.rate(turn, "up", session="ben"),
        lambda: history.correct(turn, BOX, session="ben"),
    )
    for deed in deeds:
        with pytest.raises(NothingThere):
            deed()
    assert (history.turns(mine, session="anna"), history.conversations(session="anna", limit=9)) == before
    assert history.count(session="ben") == 0


def test_the_uploads_are_those_that_any_turn_still_names(history):
    more = [("b.png", "/u/b.png"), ("c.png", "")]
    gone, _ = history.begin(Question(text="x"), image_path="/u/a.png", settings={}, fingerprint="", more=more)
    ask(history, "no picture")
    told(history)  # cites a picture of the uploads, and one citation of it is enough
    cited = ANSWER.citations[0].region.source.path
    assert history.uploads() == {"/u/a.png", "/u/b.png", cited}
    history.delete(gone, session="")
    assert history.uploads() == {"/u/a.png", "/u/b.png", cited}  # it can be brought back
    history.purge(0)
    assert history.uploads() == {cited}
