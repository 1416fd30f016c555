"""Replays as callers ask for them: one at a time, each caller their own, out of a bundle as long as that is kept."""

import threading

import pytest
from fakes import Parrot
from jobs_help import eventually
from rag_house import build
from replays import exported, house, talk

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.errors import BadFile, Conflict, Forbidden, NothingThere
from deepseek_mm.services import replay_service
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.services.replay_service import BUNDLES, KEPT_S, ReplayService, ReplayState
from deepseek_mm.storage.files import atomic_write

STRANGER = Caller(name="stranger", rights=frozenset({"ask"}), session="key:stranger")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled")
    with house(folder) as assistant:
        return exported(assistant, talk(assistant, folder))


@pytest.fixture
def empty(tmp_path):
    """The service of an empty library."""
    with build(tmp_path / "empty", lm=Parrot("It is red [1].")) as assistant:
        yield ReplayService.of(assistant, HistoryService(assistant=assistant))


def finish(service, caller=LOCAL):
    eventually(lambda: not service.find_replay(caller).is_active, within_s=30)
    return service.find_replay(caller)


def test_a_conversation_of_the_library_is_answered_again_over_it_and_is_the_same(tmp_path):
    with house(tmp_path) as assistant:
        service = ReplayService.of(assistant, HistoryService(assistant=assistant))
        number = talk(assistant, tmp_path, session=LOCAL.session)
        assert service.begin(LOCAL, number).conversation == number
        done = finish(service)
        assert (done.step, done.total, done.num_same, done.is_same, done.place) == ("done", 3, 3, True, "library")
        assert (done.models, done.left_out, done.message) == ((), (), "")
        assert len(assistant.history.conversations(session=LOCAL.session, limit=9)) == 1


def test_a_bundle_is_taken_in_described_and_answered_again_over_its_files(empty, data):
    number = empty.take_in(LOCAL, data)
    facts = empty.describe_bundle(LOCAL, number)
    assert (facts.from_bundle, facts.num_turns, facts.num_files, facts.place) == (True, 3, 1, "bundle")
    assert (facts.models, facts.left_out) == ((), ())
    assert "cores" in facts.machine
    empty.begin(LOCAL, number)
    done = finish(empty)
    assert (done.step, done.num_same, done.place, done.files) == ("done", 3, "bundle", (1, 1))


def test_what_is_no_bundle_is_taken_in_as_an_export_as_json_or_refused(empty, tmp_path):
    with pytest.raises(BadFile, match="no whole JSON"):
        empty.take_in(LOCAL, b"neither")
    with pytest.raises(BadFile, match="replayable bundle"):
        empty.take_in(LOCAL, b"PK\3\4")
    with house(tmp_path) as assistant:
        history = HistoryService(assistant=assistant)
        number = talk(assistant, tmp_path, session=LOCAL.session)
        plain = history.export(LOCAL, number, "json").data
    number = empty.take_in(LOCAL, plain)
    assert not empty.describe_bundle(LOCAL, number).from_bundle


def test_a_bundle_is_kept_for_an_hour_and_then_the_conversation_stands_for_itself(empty, data):
    number = empty.take_in(LOCAL, data)
    (file,) = (empty.replay.assistant.config.data / BUNDLES).iterdir()
    late = ReplayService(history=empty.history, replay=empty.replay, clock=lambda: file.stat().st_mtime + KEPT_S + 1)
    assert empty.describe_bundle(LOCAL, number).from_bundle
    assert not late.describe_bundle(LOCAL, number).from_bundle
    assert not file.exists()


def test_a_strangers_conversation_does_not_exist_and_neither_does_its_replay(empty, data):
    number = empty.take_in(LOCAL, data)
    for act in (empty.begin, empty.describe_bundle):
        with pytest.raises(NothingThere):
            act(STRANGER, number)
    empty.begin(LOCAL, number, over="library")
    assert empty.find_replay(STRANGER) == ReplayState()
    assert empty.stop_replay(STRANGER) == ReplayState()
    assert finish(empty).step == "done"


def test_whoever_may_not_add_files_may_not_have_a_bundles_files_taken_in(empty, data):
    number = empty.take_in(STRANGER, data)
    with pytest.raises(Forbidden, match="library"):
        empty.begin(STRANGER, number)
    empty.begin(STRANGER, number, over="library")
    assert finish(empty, STRANGER).step == "done"


def test_one_waits_for_another_and_one_that_is_stopped_keeps_what_was_compared(empty, data, monkeypatch):
    number, hold, asked = empty.take_in(LOCAL, data), threading.Event(), threading.Event()
    ask = replay_service.open_room.__wrapped__.__globals__["ReplayRoom"].ask_again

    def wait_after_first(self, turn, stop):
        if asked.is_set():
            hold.wait(10)
        asked.set()
        return ask(self, turn, stop)

    monkeypatch.setattr("deepseek_mm.services.conversation_replay.ReplayRoom.ask_again", wait_after_first)
    empty.begin(LOCAL, number, over="library")
    eventually(lambda: len(empty.find_replay(LOCAL).turns) == 1)
    with pytest.raises(Conflict, match="is being answered again"):
        empty.begin(LOCAL, number)
    assert empty.stop_replay(LOCAL).step == "stopping"
    hold.set()
    done = finish(empty)
    assert (done.step, len(done.turns), done.is_same) == ("stopped", 1, False)


def test_what_breaks_ends_the_replay_with_its_reason(empty, data, monkeypatch):
    number = empty.take_in(LOCAL, data)

    def breaks(*_, **__):
        raise RuntimeError("no memory")

    monkeypatch.setattr(replay_service, "open_room", breaks)
    empty.begin(LOCAL, number)
    assert (finish(empty).step, finish(empty).message) == ("failed", "RuntimeError: no memory")


def test_a_kept_bundle_that_was_damaged_meanwhile_is_refused(empty, data):
    number = empty.take_in(LOCAL, data)
    (file,) = (empty.replay.assistant.config.data / BUNDLES).iterdir()
    atomic_write(file, data[:-1])
    with pytest.raises(BadFile):
        empty.begin(LOCAL, number)
