"""What is set aside comes back just as it was, and whatever was indexed meanwhile wins."""

from dataclasses import replace

import numpy as np
import pytest
from index_help import fill, found, note_copy, open_store, photo, regions_for, rows
from sqlalchemy import text
from storage_contract import CLOSE, only_files

from index import Filter, Region
from index.database import OtherStore
from index.region import UPLOADS
from index.trash import write

COPY = {"size_bytes": 7, "modified_ns": 9}


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as store:
        yield store


@pytest.fixture
def file(tmp_path):
    return tmp_path / "trash" / "one.db"


def known(store) -> dict[str, tuple]:
    """All that a store holds but the ids of regions, vectors as bytes."""
    sources = store.sources(Filter(collection=None), limit=999)
    regions = store.regions_of([source.id for source in sources])
    return {
        source.path: (
            source,
            store.places_of([source.id])[source.id],
            [replace(region, id=0) for region in regions[source.id]],
            store.vectors_of([region.id for region in regions[source.id]]).tobytes(),
            source.id
            in [each.id for each in store.sources_without_mark("ocr", where=Filter(collection=None), limit=999)],
        )
        for source in sources
    }


def furnish(store) -> None:
    """Five photos of everything that can be known: labels, copies, marks, texts, a collection, an upload."""
    one, two, _ = fill(store, [1, 2, 3], labels=["dog", "cat"])
    note_copy(store, one.id, "/copies/b.jpg", **COPY)
    note_copy(store, one.id, "/copies/a.jpg", **COPY)
    text = Region(source=two, kind="text", box_px=(1, 2, 3, 4), text="MILK", page=2, lines=(5, 9))
    store.extend(two.id, [text], rows(1, seed=8), mark="ocr")
    store.collect([two.path], "Alps")
    rich = replace(photo(4), digest="d" * 64, format="heic", latitude=1.5, longitude=-2.5, note="A note.", size_bytes=5)
    store.add(rich, regions_for(rich), rows(3, seed=4))
    store.add(photo(5, collection=UPLOADS), regions_for(photo(5), 1), rows(1, seed=5))


EVERY = ["/photos/1/1.jpg", "/photos/2/2.jpg", "/photos/0/3.jpg", "/photos/1/4.jpg", "/copies/a.jpg", "/copies/b.jpg"]


@pytest.mark.parametrize(
    "paths", [EVERY, EVERY[:1], EVERY[1:2], EVERY[3:4], EVERY[4:5], EVERY[:2], ["/copies/b.jpg", "/photos/2/2.jpg"]]
)
def test_what_was_taken_comes_back_exactly_as_it_was_and_in_its_place(store, file, paths):
    furnish(store)
    before, order = known(store), store.sources(limit=99)
    num = store.take_out(paths, file)
    gone = known(store)
    assert not {place for _, places, *_ in gone.values() for place in places} & set(paths)
    assert store.restore(file) == num
    assert known(store) == before
    assert store.sources(limit=99) == order
    assert store.problems() == []


def test_a_search_finds_no_more_what_was_taken_and_finds_it_again_as_near_as_before(store, file):
    furnish(store)
    query_D = rows(3, seed=2)[1]
    before = store.search_many(query_D[None], k=20)[0]
    store.take_out([photo(2).path], file)
    assert photo(2).path not in [hit.region.source.path for hit in store.search_many(query_D[None], k=20)[0]]
    store.restore(file)
    after = store.search_many(query_D[None], k=20)[0]
    np.testing.assert_allclose([hit.score for hit in after], [hit.score for hit in before], atol=CLOSE)
    assert [replace(hit.region, id=0) for hit in after] == [replace(hit.region, id=0) for hit in before]
    assert len(found(store, query_D, where=Filter(collection="Alps"), k=20)) == 4


def test_a_place_that_comes_back_is_found_in_its_folder_at_once(store, file):
    """Nothing was added but a path, and a remembered answer to the filter would not have it."""
    furnish(store)
    query_D, copies = rows(3, seed=1)[0], Filter(folder="/copies")
    both = ["/copies/a.jpg", "/copies/b.jpg"]
    assert len(found(store, query_D, where=copies)) == 3
    store.take_out(both, file)
    assert found(store, query_D, where=copies) == []
    assert store.restore(file) == 1
    assert len(found(store, query_D, where=copies)) == 3


def test_ids_of_regions_are_given_once_however_often_something_comes_back(store, file):
    fill(store, [1, 2])
    seen = set(found(store, rows(1)[0]))
    for _ in range(3):
        store.take_out([photo(1).path, photo(2).path], file)
        store.restore(file)
        now = set(found(store, rows(1)[0]))
        assert len(now) == 6
        assert not now & seen
        seen |= now
    assert max(seen) == 24


def test_a_file_that_was_indexed_again_meanwhile_wins(store, file):
    fill(store, [1, 2])
    store.take_out([photo(1).path, photo(2).path], file)
    again = store.add(photo(1), regions_for(photo(1), 1), rows(1, seed=77))
    assert store.restore(file) == 1
    (region,) = store.regions_of([again.id])[again.id]
    np.testing.assert_allclose(store.vectors_of([region.id]), rows(1, seed=77), atol=CLOSE)
    assert store.counts().sources == 2
    assert store.restore(file) == 0


def test_bytes_that_lie_elsewhere_by_now_are_not_stored_twice(store, file):
    same = replace(photo(1), digest="same")
    store.add(same, regions_for(same), rows(3))
    store.take_out([same.path], file)
    moved = store.add(replace(same, path="/moved/1.jpg"), regions_for(same), rows(3))
    assert store.restore(file) == 1
    assert store.places_of([moved.id]) == {moved.id: ("/moved/1.jpg", same.path)}
    assert store.counts().sources == 1


def test_an_upload_with_the_same_bytes_is_another_source(store, file):
    same = replace(photo(1), digest="same")
    store.add(same, [], rows(0))
    store.take_out([same.path], file)
    store.add(replace(same, path="/uploads/1.jpg", collection=UPLOADS), [], rows(0))
    assert store.restore(file) == 1
    assert store.source_at(same.path).collection == "library"


def test_places_that_went_one_after_the_other_come_back_in_any_order(store, file):
    furnish(store)
    before = known(store)
    files = [file.with_name(f"{n}.db") for n in range(3)]
    for path, each in zip(("/photos/1/1.jpg", "/copies/a.jpg", "/copies/b.jpg"), files, strict=True):
        assert store.take_out([path], each) == 1
    assert store.source_at("/copies/b.jpg") is None
    assert store.restore(files[1]) == 1
    (alone,) = [entry for entry in known(store).values() if entry[0].id == 1]
    assert alone[1] == ("/copies/a.jpg",)
    assert alone[2:] == (
        [replace(r, source=alone[0]) for r in before["/photos/1/1.jpg"][2]],
        *before["/photos/1/1.jpg"][3:],
    )
    for each in (files[2], files[0]):
        assert store.restore(each) == 1
    assert known(store) == before


def test_nothing_is_written_where_nothing_was_known(store, file):
    assert store.take_out(["/nowhere.jpg"], file) == 0
    assert not file.exists()


def test_a_kill_between_the_two_steps_loses_nothing_and_doubles_nothing(store, file):
    """The file is there and the store has forgotten nothing: putting it back finds all of it known."""
    furnish(store)
    before = known(store)
    with store._database.reading() as session:
        assert write(session, EVERY, file) == 4
    assert known(store) == before
    assert store.restore(file) == 0
    assert known(store) == before


def test_a_file_that_cannot_be_written_leaves_the_store_as_it_is(store, tmp_path):
    fill(store, [1])
    (tmp_path / "in-the-way").touch()
    with pytest.raises(OSError, match="in-the-way"):
        store.take_out([photo(1).path], tmp_path / "in-the-way" / "one.db")
    assert store.counts().sources == 1


def test_only_the_finished_file_is_left_beside_no_draft_and_no_log(store, file):
    fill(store, [1])
    store.take_out([photo(1).path], file)
    assert [path.name for path in file.parent.iterdir()] == ["one.db"]
    store.restore(file)
    assert [path.name for path in file.parent.iterdir()] == ["one.db"]


def test_what_was_taken_from_a_content_that_is_gone_is_refused(store, file):
    fill(store, [1])
    store.take_out([photo(1).path], file)
    store.clear()
    with pytest.raises(OtherStore, match="nothing was changed"):
        store.restore(file)
    assert store.counts().sources == 0


@only_files
def test_a_vector_that_was_damaged_before_it_was_taken_out_is_still_known_as_damaged_when_it_is_back(store, file):
    (source,) = fill(store, [1], count=1)
    with store._database.writing() as session:
        session.execute(text("UPDATE vectors SET checksum = checksum + 1"))
    (damaged,) = store.problems()
    assert "is not what was written" in damaged.detail
    assert store.take_out([source.path], file) == 1
    assert store.problems() == []
    assert store.restore(file) == 1
    (back,) = store.problems()
    assert "is not what was written" in back.detail
