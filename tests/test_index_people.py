"""People in photos: found by lists and searches, named, joined, told apart, and gone without a trace."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_help import note_copy, open_store, photo, regions_for, rows
from storage_contract import only_files

from index import Filter
from index.people import FACES_MARK, NewFace
from index.store import RegionStore

LIMIT = 0.5
ANNA, BEN, ZOE = (np.eye(3, 8, dtype=np.float32)[n] for n in range(3))


def add(store: RegionStore, n: int, *faces: np.ndarray, digest: str = ""):
    source = replace(photo(n), digest=digest or f"bytes{n}")
    source = store.add(source, regions_for(source, 2), rows(2, seed=n))
    store.people.add(source.id, [face(vector, at=0.1 * k) for k, vector in enumerate(faces)])
    return source


def face(vector: np.ndarray, *, at: float = 0.1, size: float = 0.1) -> NewFace:
    return NewFace(box=(at, 0.2, at + size, 0.2 + size), score=0.9, vector_D=vector)


@pytest.fixture
def store(tmp_path):
    """Anna is in the photos 1 to 3, Ben in 2 to 4, Zoe in 4 alone."""
    with open_store(tmp_path) as store:
        add(store, 0, ANNA)
        add(store, 1, ANNA, BEN)
        add(store, 2, ANNA * 1.1, BEN)
        add(store, 3, BEN, ZOE)
        store.people.group(LIMIT)
        yield store


def sources(store: RegionStore, *people: str) -> list[int]:
    return sorted(source.id for source in store.sources(Filter(people=people), limit=9))


def name_both(store: RegionStore) -> tuple[int, int]:
    anna, ben = (person.id for person in sorted(store.people.list_people(), key=lambda person: person.id))
    assert store.people.name(anna, "Anna")
    assert store.people.name(ben, "Ben")
    return anna, ben


def test_unnamed_people_are_listed_from_two_photos_on_with_the_largest_face_as_cover(store):
    add(store, 4, ANNA)
    store.people.add(5, [])
    store.people.group(LIMIT)
    people = store.people.list_people()
    assert [(person.name, person.sources) for person in people] == [("", 4), ("", 3)]
    assert people[0].cover.id == 1
    assert people[0].box == pytest.approx((0.0, 0.2, 0.1, 0.3))


def test_photos_of_one_and_of_both_are_found_by_name_by_number_and_by_vectors(store):
    anna, ben = name_both(store)
    assert sources(store, "anna") == [1, 2, 3]
    assert sources(store, "Anna", "Ben") == [2, 3]
    assert sources(store, f"#{ben}") == [2, 3, 4]
    assert sources(store, "Clara") == sources(store, "#999") == sources(store, "") == []
    hits = store.search_many(rows(1), k=9, where=Filter(people=("Anna", "Ben")))[0]
    assert {hit.region.source.id for hit in hits} == {2, 3}


def test_a_new_photo_of_somebody_known_is_found_by_their_name_even_where_it_was_looked_for_before(store):
    name_both(store)
    assert sources(store, "Anna") == [1, 2, 3]
    add(store, 7, ANNA)
    store.people.group(LIMIT)
    assert sources(store, "Anna") == [1, 2, 3, 5]


def test_a_name_is_given_once_and_named_people_come_first_in_its_order(store):
    anna, ben = name_both(store)
    assert not store.people.name(ben, "ANNA")
    assert not store.people.name(99, "Clara")
    store.people.name(anna, "Zoe")
    assert [person.name for person in store.people.list_people()] == ["Ben", "Zoe"]
    assert store.people.names() == ["Ben", "Zoe"]


def test_two_who_are_one_are_merged_and_stay_so_when_faces_are_grouped_anew(store):
    anna, ben = name_both(store)
    assert store.people.merge(anna, ben)
    assert not store.people.merge(anna, anna)
    assert not store.people.merge(anna, 99)
    store.people.group(LIMIT)
    assert sources(store, "Anna") == [1, 2, 3, 4]
    assert store.people.names() == ["Anna"]


def test_somebody_without_a_name_takes_the_name_of_who_is_merged_into_them(store):
    anna, ben = sorted(person.id for person in store.people.list_people())
    store.people.name(ben, "Ben")
    assert store.people.merge(anna, ben)
    assert store.people.find(anna).name == "Ben"


def test_who_is_not_this_person_never_comes_back_to_them(store):
    anna, _ = name_both(store)
    assert store.people.refuse(anna, [3]) == 1
    store.people.group(LIMIT)
    assert sources(store, "Anna") == [1, 2]
    add(store, 7, ANNA)
    store.people.group(LIMIT)
    assert sources(store, "Anna") == [1, 2, 5]


def test_faces_of_a_photo_are_told_from_left_to_right_with_name_and_distance(store):
    name_both(store)
    first, second = store.people.faces_of([3])[3]
    assert (first.name, second.name) == ("Anna", "Ben")
    # of Anna's faces at 1, 1 and 1.1 the middle is at 1.0333: this one is 0.0667 from it
    assert first.distance == pytest.approx(1.1 - 3.1 / 3, abs=1e-5)
    assert second.distance == pytest.approx(0.0, abs=1e-6)
    assert store.people.faces_of([4])[4][1].name == ""


def test_reading_a_photo_again_adds_no_face_and_marks_it(store):
    store.people.add(1, [face(ZOE)])
    assert len(store.people.faces_of([1])[1]) == 1
    assert not store.people.add(99, [face(ZOE)])
    assert store.num_without_mark(FACES_MARK, where=Filter()) == 0


@only_files
def test_a_person_is_removed_with_all_vectors_and_no_byte_of_them_stays(store, tmp_path):
    anna, _ = name_both(store)
    assert b"Anna" in bytes_of(tmp_path)
    assert ANNA.tobytes() in bytes_of(tmp_path)
    assert store.people.remove(anna) == 3
    assert sources(store, "Anna") == []
    assert b"Anna" not in bytes_of(tmp_path)
    assert ANNA.tobytes() not in bytes_of(tmp_path)
    assert BEN.tobytes() in bytes_of(tmp_path)


def test_faces_of_a_photo_that_left_the_library_go_with_it_and_so_does_who_has_no_other(store, tmp_path):
    store.people.name(store.people.faces_of([4])[4][1].person, "Zoe")
    store.remove([4])
    assert store.people.purge() == 2
    assert store.people.names() == []
    assert ZOE.tobytes() not in bytes_of(tmp_path)
    assert store.people.purge() == 0


def test_faces_outlive_a_move_of_the_file(store):
    name_both(store)
    note_copy(store, 1, "/elsewhere/0.jpg", size_bytes=1, modified_ns=1)
    store.remove_places([photo(0).path])
    assert store.people.purge() == 0
    assert sources(store, "Anna") == [1, 2, 3]


def test_all_faces_can_be_deleted_and_are_read_anew_when_somebody_wishes(store, tmp_path):
    name_both(store)
    assert store.people.clear() == 7
    assert store.people.list_people() == []
    assert store.num_without_mark(FACES_MARK, where=Filter()) == 4
    assert not {vector.tobytes() for vector in (ANNA, BEN, ZOE)} & {
        part for part in (ANNA.tobytes(), BEN.tobytes(), ZOE.tobytes()) if part in bytes_of(tmp_path)
    }


def test_what_is_known_of_people_comes_along_into_another_store(store, tmp_path):
    name_both(store)
    with open_store(tmp_path / "other") as other:
        source = replace(photo(9), digest="bytes1")
        other.add(source, regions_for(source, 2), rows(2))
        other.people.join(store.people)
        assert other.people.names() == ["Anna", "Ben"]
        assert [face.name for face in other.people.faces_of([1])[1]] == ["Anna", "Ben"]
        other.people.join(store.people)
        assert len(other.people.faces_of([1])[1]) == 2


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
