"""The History tab's handlers over a real history."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_app import paper
from page_caller import ActingAs, services_of
from past_help import keep, kite, turn

from deepseek_mm.config import Config
from deepseek_mm.services import history_service
from ui.ask.ask_handlers import AskHandlers
from ui.ask.chat import Talk
from ui.history import history_handlers as module
from ui.history.history_handlers import (
    EXPORT_S,
    UNDO_S,
    ConversationList,
    HistoryHandlers,
    HistoryState,
    exports,
)
from ui.words import ENGLISH

ME, OTHER = "m" * 43, "o" * 43


@pytest.fixture
def remembering(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    assistant = paper(Config(data=tmp_path / "library"))
    services = services_of(assistant)
    asking = AskHandlers(services=services, words=ENGLISH)
    yield ActingAs(HistoryHandlers(services=services, ask_handlers=asking, words=ENGLISH))
    assistant.close()


@pytest.fixture
def history(remembering):
    return remembering.ask_handlers.assistant.history


def opened(remembering: HistoryHandlers, number: int) -> HistoryState:
    return remembering.act(HistoryState(), ("open", str(number)), ME)


def questions(past: HistoryState) -> list[str]:
    return [exchange.question for exchange in past.talk.exchanges]


def titles(listing: ConversationList) -> list[str]:
    return [row.title for row in listing.rows]


def test_the_list_is_this_browsers_own_pinned_first_then_newest(remembering, history):
    keep(history, ME, "old", pinned=True)
    keep(history, ME, "middle")
    keep(history, ME, "new")
    keep(history, OTHER, "theirs")
    listing = remembering.listing("", 30, ME)
    assert titles(listing) == ["old", "new", "middle"]
    assert (listing.total, listing.notice) == (3, "")


def test_a_page_of_the_list_says_how_many_there_are_in_all(remembering, history):
    for n in range(5):
        keep(history, ME, str(n))
    listing = remembering.listing("", 2, ME)
    assert (titles(listing), listing.total) == (["4", "3"], 5)


def test_a_search_finds_words_of_questions_answers_and_titles(remembering, history, tmp_path):
    keep(history, ME, "Wind", turn("What flies?", cites=[kite(tmp_path)]))
    keep(history, ME, "Water", turn("What swims?"))
    assert titles(remembering.listing(" a kite ", 30, ME)) == ["Wind"]
    assert titles(remembering.listing("what", 30, ME)) == ["Water", "Wind"]
    assert remembering.listing("what", 1, ME).total == 2
    assert remembering.listing("goat", 30, ME) == ConversationList(text="goat")


@pytest.mark.parametrize("kept", [None, "", "guess"])
def test_a_page_without_a_secret_gets_a_sentence_not_the_command_lines_conversations(remembering, history, kept):
    number = keep(history, "", "Is it red?")
    assert remembering.listing("", 30, kept) == ConversationList(notice=ENGLISH.no_session)
    for act in ("open", "delete", "import", "title", "json"):
        assert remembering.act(HistoryState(), (act, str(number)), kept) == HistoryState(notice=ENGLISH.no_session)
    assert remembering.refresh(HistoryState(), kept) == HistoryState()
    assert len(history.conversations(session="", limit=9)) == 1


def test_another_browsers_conversation_is_none_for_this_one(remembering, history):
    mine, theirs = opened(remembering, keep(history, ME, "mine")), keep(history, OTHER, "theirs")
    for act in ("open", "delete"):
        after = remembering.act(mine, (act, str(theirs)), ME)
        assert after.notice.startswith(f"no conversation {theirs} here")
        assert replace(after, notice="") == mine  # and nothing else has changed
    assert history.num_turns(theirs, session=OTHER) == 1


@pytest.mark.parametrize("what", ["", "x", "-1", "1" * 400, "\u0663", "<b>"])
def test_a_press_that_names_nothing_ends_as_a_sentence(remembering, what):
    after = remembering.act(HistoryState(), ("open", what), ME)
    assert "here" in after.notice
    assert after.about is None


def test_a_press_that_means_nothing_changes_nothing(remembering, history):
    past = opened(remembering, keep(history, ME, "mine"))
    assert remembering.act(past, ("__class__", "1"), ME) == past
    for act in ("title", "pin", "delete", "json"):
        assert remembering.act(HistoryState(), (act, ""), ME).notice == ENGLISH.history_idle


def test_a_long_conversation_opens_with_its_newest_twenty_and_goes_back_on_demand(remembering, history):
    past = opened(remembering, keep(history, ME, "long", *(turn(f"q{n}") for n in range(45))))
    assert (questions(past), past.talk.earlier) == ([f"q{n}" for n in range(25, 45)], 25)
    past = remembering.act(past, ("earlier", ""), ME)
    assert (questions(past)[0], past.talk.earlier) == ("q5", 5)
    past = remembering.act(past, ("earlier", ""), ME)
    assert (questions(past), past.talk.earlier) == ([f"q{n}" for n in range(45)], 0)


def test_a_title_is_changed_in_place_and_an_empty_one_leaves_it(remembering, history):
    past = remembering.act(opened(remembering, keep(history, ME, "old")), ("rename", ""), ME)
    assert past.renaming
    assert not remembering.act(past, ("unname", ""), ME).renaming
    named = remembering.act(past, ("title", "  a new\nname "), ME)
    assert (named.renaming, named.about.title) == (False, "a new name")
    assert titles(remembering.listing("", 9, ME)) == ["a new name"]
    assert remembering.act(named, ("title", " "), ME).about.title == "a new name"
    assert not remembering.act(HistoryState(), ("rename", ""), ME).renaming


def test_a_pin_puts_it_first_and_comes_off_again(remembering, history):
    old = keep(history, ME, "old")
    keep(history, ME, "new")
    pinned = remembering.act(opened(remembering, old), ("pin", ""), ME)
    assert pinned.about.pinned
    assert titles(remembering.listing("", 9, ME)) == ["old", "new"]
    assert not remembering.act(pinned, ("pin", ""), ME).about.pinned
    assert titles(remembering.listing("", 9, ME)) == ["new", "old"]


def test_a_deletion_asks_nothing_and_can_be_undone(remembering, history):
    past = opened(remembering, keep(history, ME, "mine"))
    gone = remembering.act(past, ("delete", ""), ME)
    assert (gone.about, gone.talk, gone.gone.about.title) == (None, Talk(), "mine")
    assert remembering.listing("", 9, ME).total == 0
    back = remembering.act(gone, ("undo", ""), ME)
    assert (back.about, back.talk, back.gone, back.said) == (past.about, past.talk, None, "It is back: mine")
    assert remembering.listing("", 9, ME).total == 1


def test_deleting_another_row_leaves_the_open_one_open(remembering, history):
    other, past = keep(history, ME, "other"), opened(remembering, keep(history, ME, "mine"))
    gone = remembering.act(past, ("delete", str(other)), ME)
    assert (gone.about.title, gone.gone.about.title) == ("mine", "other")
    assert titles(remembering.listing("", 9, ME)) == ["mine"]


def test_the_way_back_stays_until_the_next_deletion_or_ten_minutes(remembering, history):
    now = [1000.0]
    remembering = ActingAs(replace(remembering.wrapped, clock=lambda: now[0]))
    one, two, three = (keep(history, ME, title) for title in ("one", "two", "three"))
    past = remembering.act(HistoryState(), ("delete", str(one)), ME)
    past = remembering.act(past, ("open", str(three)), ME)
    assert past.gone.about.title == "one"
    past = remembering.act(past, ("delete", str(two)), ME)
    assert past.gone.about.title == "two"
    now[0] += UNDO_S - 1
    assert remembering.refresh(past, ME).gone is not None
    now[0] += 1
    assert remembering.refresh(past, ME).gone is None
    assert remembering.act(past, ("undo", ""), ME).notice == ENGLISH.past_deleted_for_good


@pytest.mark.parametrize(("kind", "ending"), [("markdown", ".md"), ("html", ".html"), ("json", ".json")])
def test_an_export_lies_where_the_page_serves_from_under_a_name_that_cannot_be_guessed(
    remembering, history, kind, ending
):
    past = opened(remembering, keep(history, ME, "What flies?"))
    files = [Path(remembering.act(past, (kind, ""), ME).file) for _ in range(2)]
    assert [file.name for file in files] == ["What flies_" + ending] * 2
    assert "What flies?" in files[0].read_text()
    assert {file.parent.parent for file in files} == {exports()}
    assert len({file.parent.name for file in files}) == 2
    assert all(len(file.parent.name) == 32 for file in files)


def test_the_next_press_forgets_the_file_and_an_old_export_does_not_stay_on_disk(remembering, history):
    past = remembering.act(opened(remembering, keep(history, ME, "mine")), ("json", ""), ME)
    assert past.said == "Saved as mine.json."
    old = Path(past.file)
    os.utime(old.parent, (time.time() - EXPORT_S - 1,) * 2)
    after = remembering.act(past, ("markdown", ""), ME)
    assert not old.exists()
    assert Path(after.file).exists()
    assert remembering.act(after, ("pin", ""), ME).file == ""


def test_a_conversation_exported_deleted_and_imported_is_the_same(remembering, history, tmp_path):
    number = keep(history, ME, "Kites", turn("What flies?", cites=[kite(tmp_path)], rating="up"), turn("And now?"))
    before = opened(remembering, number)
    file = remembering.act(before, ("json", ""), ME).file
    remembering.act(before, ("delete", ""), ME)
    after = remembering.act(HistoryState(), ("import", file), ME)
    assert after.said == "Imported: Kites"
    assert after.about.id != number
    assert questions(after) == questions(before)
    assert titles(remembering.listing("", 9, ME)) == ["Kites"]
    for new, old in zip(after.talk.exchanges, before.talk.exchanges, strict=True):
        assert (new.answer.text, new.rating, new.answer.seconds) == (old.answer.text, old.rating, old.answer.seconds)
    new, old = (past.talk.exchanges[0].answer.citations[0].region for past in (after, before))
    assert (new.box_px, new.labels, new.source.width_px) == (old.box_px, old.labels, old.source.width_px)
    assert remembering.ask_handlers.assistant.picture(new.source).size == (640, 480)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no whole JSON"), (b"\x89PNG", "no whole JSON"), (b"[]", "no conversation of this program")],
)
def test_a_file_that_is_no_export_ends_as_a_sentence(remembering, tmp_path, data, said):
    file = tmp_path / "notes.json"
    file.write_bytes(data)
    after = remembering.act(HistoryState(), ("import", str(file)), ME)
    assert said in after.notice
    assert after.about is None


def test_a_changed_export_is_refused_and_nothing_of_it_stays(remembering, history, tmp_path):
    past = remembering.act(opened(remembering, keep(history, ME, "mine")), ("json", ""), ME)
    whole = json.loads(Path(past.file).read_bytes())
    whole["payload"]["title"] = "theirs"
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(whole))
    assert "damaged or was changed" in remembering.act(past, ("import", str(file)), ME).notice
    assert titles(remembering.listing("", 9, ME)) == ["mine"]


def test_a_file_larger_than_the_page_takes_is_neither_written_nor_read(remembering, history, monkeypatch, tmp_path):
    past = opened(remembering, keep(history, ME, "mine"))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    monkeypatch.setattr(history_service, "MAX_BYTES", 100)
    assert "at most 100" in remembering.act(past, ("json", ""), ME).notice
    file = tmp_path / "large.json"
    file.write_bytes(b" " * 200)
    assert "at most 100" in remembering.act(past, ("import", str(file)), ME).notice


def test_coming_back_to_the_tab_shows_what_was_asked_meanwhile(remembering, history):
    number = keep(history, ME, "mine", *(turn(f"q{n}") for n in range(25)))
    past = remembering.act(opened(remembering, number), ("earlier", ""), ME)
    assert remembering.refresh(past, ME) == past  # unchanged: all 25 are still there
    list(remembering.ask_handlers.ask({"text": "Is it red?", "files": []}, past.talk, ME, "page"))
    assert questions(remembering.refresh(past, ME))[-1] == "Is it red?"


def test_coming_back_to_the_tab_closes_what_is_gone(remembering, history):
    past = opened(remembering, keep(history, ME, "mine"))
    history.delete(past.about.id, session=ME)
    assert remembering.refresh(past, ME) == HistoryState()
    assert remembering.refresh(past, OTHER) == HistoryState()


def test_a_conversation_goes_on_in_the_ask_tab_or_it_is_said_why_not(remembering, history):
    past = opened(remembering, keep(history, ME, "mine"))
    assert remembering.resume(past, ME).talk == past.talk
    assert remembering.resume(past, OTHER).notice.startswith("no conversation")
    assert remembering.resume(HistoryState(), ME).notice == ENGLISH.history_idle


def test_a_citation_is_found_by_its_turn_and_number(remembering, history, tmp_path):
    one = kite(tmp_path)
    cites = [replace(one, number=2), replace(one, number=7)]
    talk = opened(remembering, keep(history, ME, "mine", turn("q", cites=cites))).talk
    answer = talk.exchanges[0].answer
    assert talk.find_citation(f"{answer.turn}:7") == (answer, 1)
    for what in (f"{answer.turn}:1", "0:7", "7", ":", "x:y", f"{answer.turn}:7:7"):
        assert (talk.find_citation(what) or (None, -1))[1] == -1
