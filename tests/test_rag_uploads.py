"""Uploads that nobody names any more go; all others stay."""

import os
import time
from pathlib import Path

import pytest
from fakes import Parrot, picture
from rag_house import build

from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.records import Question
from index import Filter

HOUR_S = 3600.0


@pytest.fixture
def house(tmp_path) -> Assistant:
    with build(tmp_path / "library", lm=Parrot("It is red [1].")) as assistant:
        yield assistant


def asked(house: Assistant, colour: str, conversation: int | None = None) -> tuple[int, Path]:
    """The conversation, and the file of the picture that was asked about."""
    question = Question(
        text="What colour is it?", image=picture(colour), image_name=f"{colour}.png", conversation=conversation
    )
    answer = house.ask(question)
    (*_, turn) = house.history.turns(answer.conversation, session="")
    return answer.conversation, Path(turn.image_path)


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def uploads(house: Assistant) -> list[str]:
    return [source.name for source in house.store.sources(Filter(collection="uploads"), limit=99)]


def test_a_deleted_conversations_picture_goes_once_it_cannot_be_undone(house):
    gone, path = asked(house, "red")
    _, stays = asked(house, "green")
    age(path, 2 * HOUR_S)
    age(stays, 2 * HOUR_S)
    house.history.delete(gone, session="")
    house.tidy()
    assert path.exists()  # it can still be undone
    house.history.purge(older_s=-1)
    house.tidy()
    assert not path.exists()
    assert not path.parent.exists()
    assert stays.exists()
    assert uploads(house) == ["green.png"]


def test_a_picture_whose_question_is_about_to_be_asked_stays(house):
    _, path = asked(house, "red")
    young = path.with_name("young.png")
    young.write_bytes(path.read_bytes())
    assert house.shelf.tidy(set(), older_s=HOUR_S) == 0
    assert young.exists()


@pytest.mark.parametrize("jump_s", [2 * HOUR_S, -2 * HOUR_S])
def test_a_clock_that_jumped_keeps_nothing_for_ever(house, jump_s):
    _, path = asked(house, "red")
    age(path, jump_s)
    assert house.shelf.tidy(set(), older_s=HOUR_S) == 1
    assert not path.exists()


def test_a_library_that_was_moved_keeps_the_pictures_that_its_turns_name_by_old_paths(house):
    _, path = asked(house, "red")
    age(path, 2 * HOUR_S)
    old = f"/somewhere/else/uploads/{path.parent.name}/{path.name}"
    assert house.shelf.tidy({old}, older_s=HOUR_S) == 0
    assert path.exists()


def test_the_picture_that_two_conversations_name_stays_with_the_other(house):
    first, path = asked(house, "red")
    _, same = asked(house, "red")
    assert path == same
    age(path, 2 * HOUR_S)
    house.history.delete(first, session="")
    house.history.purge(older_s=-1)
    house.tidy()
    assert path.exists()


def test_a_picture_is_held_by_the_disk_before_its_question_is_written_down(house, monkeypatch):
    order = []
    monkeypatch.setattr("deepseek_mm.rag.uploads.sync_file", lambda path: order.append(path.name))
    begin = house.history.begin
    monkeypatch.setattr(house.history, "begin", lambda *args, **how: order.append("begin") or begin(*args, **how))
    asked(house, "red")
    assert order == ["red.png", "begin"]


def test_a_half_file_that_a_crash_of_the_machine_left_is_written_again(house):
    _, path = asked(house, "red")
    data = path.read_bytes()
    path.write_bytes(b"")
    asked(house, "red")
    assert path.read_bytes() == data
