"""What narrows an act down becomes a filter of the index, or stays a word that is looked for."""

from datetime import datetime

import pytest
from rag_house import build, paint

from deepseek_mm.jobs import follow
from deepseek_mm.retrieval.act_filters import read_bounds
from deepseek_mm.types import Act, ActFilters

NOW = datetime(2026, 11, 29)


@pytest.fixture
def store(tmp_path):
    paint(tmp_path / "holidays", "kite.png", "red", "")
    assistant = build(tmp_path / "data")
    assistant.library.start()
    job = assistant.library.add([tmp_path / "holidays"])
    list(follow(assistant.library.jobs, job.id))
    yield assistant.store
    assistant.close()


def find(text: str, subject: str = "", **filters: str) -> Act:
    return Act(kind="find", text=text, subject=subject, filters=ActFilters(**filters))


def test_a_date_bounds_when_the_photos_were_taken(store):
    bounds = read_bounds(find("photos from 2019", date="2019"), store, NOW)
    assert (bounds.where.taken_after, bounds.where.taken_before) == (datetime(2019, 1, 1), datetime(2020, 1, 1))
    assert (bounds.phrase, bounds.act.subject) == ("from 2019", "")


def test_a_type_of_file_is_followed_and_no_word_to_look_for(store):
    bounds = read_bounds(find("only the pngs please", kind="pngs"), store, NOW)
    assert bounds.where.formats == ("png",)
    assert (bounds.phrase, bounds.act.subject) == ("of type PNG", "")


def test_a_folder_that_is_named_as_one_is_followed_by_its_path(store):
    bounds = read_bounds(find("the folder holidays", collection="holidays"), store, NOW)
    assert bounds.phrase == "in the folder holidays"
    assert store.counts(where=bounds.where).sources == 1


def test_a_collection_that_the_library_lacks_is_a_word_unless_it_is_called_one(store):
    loose = read_bounds(find("kites of my hobby", "kites", collection="hobby"), store, NOW)
    assert loose.phrase == ""
    told = read_bounds(find("kites in the album hobby", "kites", collection="hobby"), store, NOW)
    assert told.phrase == "in the collection hobby"
    assert store.counts(where=told.where).sources == 0


def test_an_album_and_favourites_bound_what_is_found(store):
    (photo,) = store.sources(limit=1)
    store.curation.put_into(store.curation.make_album("Hobby"), [photo.id])
    told = read_bounds(find("kites in the album hobby", "kites", collection="hobby"), store, NOW)
    assert (told.where.album, told.phrase, told.act.subject) == ("Hobby", "in the album Hobby", "kites")
    store.curation.rate([photo.id], is_favourite=True)
    told = read_bounds(find("my favourite kites", "favourite kites"), store, NOW)
    assert (told.where.is_favourite, told.phrase, told.act.subject) == (True, "among your favourites", "kites")


def test_a_label_narrows_where_the_question_says_tagged(store):
    told = read_bounds(find("photos tagged dad", label="dad"), store, NOW)
    assert (told.where.label, told.phrase) == ("dad", "tagged dad")
    assert read_bounds(find("photos of dad", label="dad"), store, NOW).phrase == ""
    assert read_bounds(find("标签为山羊的照片", label="山羊"), store, NOW).where.label == "goat"
