"""The History tab answers a conversation again, and takes bundles in: its handlers over a library of painted photos."""

from pathlib import Path

import pytest
from jobs_help import eventually
from page_caller import ActingAs, services_of
from past_help import keep, turn
from replays import QUESTIONS, exported, house, talk

from ui.ask.ask_handlers import AskHandlers
from ui.history.history_handlers import HistoryHandlers, HistoryState
from ui.words import ENGLISH

ME = "m" * 43


@pytest.fixture
def remembering(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    with house(tmp_path / "mine", photos=("green",)) as assistant:
        services = services_of(assistant)
        asking = AskHandlers(services=services, words=ENGLISH)
        yield ActingAs(HistoryHandlers(services=services, ask_handlers=asking, words=ENGLISH))


@pytest.fixture
def history(remembering):
    return remembering.ask_handlers.assistant.history


def opened(remembering: HistoryHandlers, number: int) -> HistoryState:
    return remembering.act(HistoryState(), ("open", str(number)), ME)


@pytest.fixture
def talked(tmp_path):
    """A bundle of two questions over a library of painted photos."""
    with house(tmp_path / "theirs") as assistant:
        number = talk(assistant, tmp_path / "theirs")
        yield exported(assistant, number)


def test_a_bundle_that_is_imported_is_open_and_says_what_came_along(remembering, talked, tmp_path):
    file = tmp_path / "kite.replay.zip"
    file.write_bytes(talked)
    past = remembering.act(HistoryState(), ("import", str(file)), ME)
    assert past.notice == ""
    assert [exchange.question for exchange in past.talk.exchanges] == list(QUESTIONS)
    assert (past.bundle.num_files, past.bundle.place, past.bundle.models) == (1, "bundle", ())
    assert remembering.act(past, ("again_close", ""), ME).bundle is None


def test_the_open_conversation_is_answered_again_and_what_differs_is_shown_until_it_is_closed(remembering, history):
    past = opened(remembering, keep(history, ME, "Is it red?", turn("Is it red?"), turn("And blue?")))
    past = remembering.act(past, ("again", ""), ME)
    assert (past.notice, past.replay.total, past.replay.conversation) == ("", 2, past.about.id)
    eventually(lambda: not remembering.look(past, ME).replay.is_active)
    past = remembering.look(past, ME)
    assert (past.replay.step, len(past.replay.turns)) == ("done", 2)
    assert opened(remembering, past.about.id).replay == past.replay
    other = opened(remembering, keep(history, ME, "other"))
    assert other.replay.step == "none"
    assert remembering.act(past, ("again_close", ""), ME).replay.step == "none"
    assert remembering.look(past, None).replay.step == "none"


def test_nothing_is_answered_again_where_nothing_is_open(remembering):
    for act in ("again", "again_stop"):
        assert remembering.act(HistoryState(), (act, ""), ME).notice == ENGLISH.history_idle


def test_a_conversation_leaves_as_a_bundle(remembering, history):
    past = opened(remembering, keep(history, ME, "Is it red?", turn("Is it red?")))
    past = remembering.act(past, ("replay", ""), ME)
    assert past.said == "Saved as Is it red_.replay.zip."
    assert Path(past.file).read_bytes().startswith(b"PK")
