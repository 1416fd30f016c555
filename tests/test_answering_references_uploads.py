"""Uploads that nobody names any more go; all others stay."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import ColourSpace, Parrot, picture
from rag_house import build

from deepseek_mm.answering import uploads as uploads_module
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadPicture
from deepseek_mm.parse.document import read_photo
from deepseek_mm.types import Question
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
    monkeypatch.setattr("deepseek_mm.answering.uploads.sync_file", lambda path: order.append(path.name))
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


class Watched(ColourSpace):
    """Counts the pictures that its tower gets."""

    looked = 0

    def look_many(self, images):
        for look in super().look_many(images):
            self.looked += 1
            yield look


def test_a_question_s_picture_passes_the_tower_once_and_its_next_question_s_neither(tmp_path, monkeypatch):
    space = Watched()
    with build(tmp_path / "library", space=space) as house:
        image = picture("green", patch="red")
        first = house.ask(Question(text="Is there a kite?", image=image, image_name="a.png"))
        monkeypatch.setattr(uploads_module, "read_photo", None)  # who decodes it again breaks here
        monkeypatch.setattr("deepseek_mm.ingest.quarantine.read_page", None)
        house.ask(Question(text="Where is it?", conversation=first.conversation))
        house.ask(Question(text="What colour is the kite?", image=image, image_name="a.png"))
        assert space.looked == 1


def test_a_picture_that_was_decoded_with_its_source_is_not_decoded_again(tmp_path, monkeypatch):
    path = tmp_path / "kite.png"
    picture("green", patch="red").save(path)
    photo = read_photo(path, max_pixels=10**6)
    given = {"image": photo.image, "image_name": "kite.png", "image_path": str(path)}
    with build(tmp_path / "one") as house:
        usual = house.ask(Question(text="Is there a kite?", **given))
    monkeypatch.setattr(uploads_module, "read_photo", None)
    with build(tmp_path / "two") as house:
        answer = house.ask(Question(text="Is there a kite?", **given, image_source=photo.source))
        kept, before = answer.citations[0].region.source, usual.citations[0].region.source
        assert (answer.text, kept.name, kept.collection) == (usual.text, "kite.png", "uploads")
        assert (kept.digest, kept.size_bytes, kept.width_px) == (before.digest, before.size_bytes, before.width_px)
        assert Path(kept.path).is_relative_to(tmp_path / "two" / "uploads")
        assert kept.modified_ns == Path(kept.path).stat().st_mtime_ns


def test_a_file_that_changed_since_it_was_decoded_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "kite.png"
    picture("red").save(path)
    photo = read_photo(path, max_pixels=10**6)
    picture("blue").save(path)
    given = {"image": photo.image, "image_name": "kite.png", "image_path": str(path), "image_source": photo.source}
    with build(tmp_path / "library") as house:
        answer = house.ask(Question(text="What colours are there?", **given))
    assert "blue" in answer.text


def test_a_kept_picture_over_a_smaller_limit_is_refused_as_a_new_one_is(tmp_path):
    question = Question(text="Is there a kite?", image=picture("red"), image_name="a.png")
    with build(tmp_path / "library") as house:
        house.ask(question)
        house.shelf.config = replace(house.config, parse=replace(house.config.parse, max_pixels=1_000))
        with pytest.raises(BadPicture, match="1,000"):
            house.ask(question)
