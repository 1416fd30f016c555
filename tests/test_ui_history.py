"""The History tab's handlers, on paper."""

from datetime import UTC, datetime

import pytest
from fake_app import paper

from deepseek_mm.config import Config
from deepseek_mm.history import Conversation
from ui.asking import Asking
from ui.edges import Thumbs, new_session
from ui.history import Remembering, line
from ui.running import Running
from ui.talk import Talk
from ui.words import ENGLISH

ME, OTHER = new_session(), new_session()


@pytest.fixture
def remembering(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    asking = Asking(assistant=assistant, running=Running(), thumbs=Thumbs(tmp_path / "small"), words=ENGLISH)
    yield Remembering(assistant=assistant, asking=asking, words=ENGLISH)
    assistant.close()


def ask(remembering: Remembering, text: str, kept: str = ME) -> int:
    *_, last = remembering.asking.ask({"text": text}, Talk(), kept, "page")
    return last.talk.conversation


def test_conversations_come_newest_first_and_only_ones_own(remembering):
    old, new = ask(remembering, "Is it red?"), ask(remembering, "Is it green?")
    ask(remembering, "Is it blue?", OTHER)
    choices, more = remembering.choices(ME, 20)
    assert [number for _, number in choices] == [new, old]
    assert [text.split(" (")[0] for text, _ in choices] == ["Is it green?", "Is it red?"]
    assert not more


def test_older_conversations_are_announced_and_not_listed(remembering):
    for n in range(3):
        ask(remembering, f"Is it red {n}?")
    choices, more = remembering.choices(ME, 2)
    assert (len(choices), more) == (2, True)


@pytest.mark.parametrize("kept", [None, "", "guess"])
def test_a_page_without_a_secret_sees_no_conversations_not_even_the_command_lines(remembering, kept):
    ask(remembering, "Is it red?")
    assert remembering.choices(kept, 20) == ([], False)


def test_a_conversation_is_read_by_its_owner_and_nobody_else(remembering):
    number = ask(remembering, "Is it red?")
    assert [e.question for e in remembering.read(number, ME).talk.exchanges] == ["Is it red?"]
    theirs = remembering.read(number, OTHER)
    assert theirs.talk == Talk()
    assert theirs.notice
    assert remembering.read(None, ME).talk == Talk()


def test_deleting_removes_ones_own_and_refuses_the_rest(remembering):
    number = ask(remembering, "Is it red?")
    assert remembering.delete(number, OTHER) != ENGLISH.deleted
    assert len(remembering.choices(ME, 20)[0]) == 1
    assert remembering.delete(number, ME) == ENGLISH.deleted
    assert remembering.choices(ME, 20) == ([], False)


def test_a_line_has_title_and_local_time():
    at = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)
    conversation = Conversation(id=1, title="Is it red?", started_at=at, last_at=at, num_turns=1)
    assert line(conversation, ENGLISH) == f"Is it red? ({at.astimezone():%Y-%m-%d %H:%M})"
