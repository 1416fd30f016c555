"""A source is stored once, however many copies of its file there are, and lives as long as one of them."""

from dataclasses import replace

import pytest
from index_help import fill, found, note_copy, open_store, photo, regions_for, rows

from index import Filter, Region, Source
from index.database import BadFileName
from index.region import FoundFile, Stamp

COPY = {"size_bytes": 7, "modified_ns": 9}


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def kept(store):
    """Photo 1, which also lies at /copies/a.jpg and /copies/b.jpg."""
    (source,) = fill(store, [1])
    for name in ("b", "a"):
        note_copy(store, source.id, f"/copies/{name}.jpg", **COPY)
    return source


def test_a_source_is_found_at_each_of_its_paths_with_that_paths_size_and_time(store, kept):
    assert store.source_at(kept.path) == kept
    assert store.source_at("/copies/b.jpg") == replace(kept, path="/copies/b.jpg", **COPY)
    assert store.source_at("/copies/c.jpg") is None


def test_all_paths_are_remembered_its_own_first_then_by_name(store, kept):
    assert store.places_of([kept.id, 99]) == {kept.id: (kept.path, "/copies/a.jpg", "/copies/b.jpg"), 99: ()}


def test_when_its_own_path_goes_the_next_takes_its_place_and_the_regions_stay(store, kept):
    before = store.regions_of([kept.id])[kept.id]
    assert store.remove_places([kept.path]) == 1
    (source,) = store.sources(limit=9)
    assert source == replace(kept, path="/copies/a.jpg", **COPY)
    assert [region.id for region in store.regions_of([kept.id])[kept.id]] == [region.id for region in before]
    assert store.places_of([kept.id]) == {kept.id: ("/copies/a.jpg", "/copies/b.jpg")}


def test_a_source_goes_with_its_last_path_and_not_before(store, kept):
    assert store.remove_places(["/copies/a.jpg", "/nowhere.jpg"]) == 1
    assert store.remove_places([kept.path]) == 1
    assert len(found(store, rows(1)[0])) == 3
    assert store.remove_places(["/copies/b.jpg"]) == 1
    assert store.counts().sources == 0
    assert found(store, rows(1)[0]) == []


def test_all_paths_forgotten_at_once_take_the_source_with_them(store, kept):
    assert store.remove_places(["/copies/a.jpg", kept.path, "/copies/b.jpg"]) == 3
    assert store.counts().sources == 0


def test_a_file_that_changes_leaves_its_copies_what_they_were(store, kept):
    changed = store.add(replace(photo(1), digest="new"), regions_for(photo(1)), rows(3, seed=5))
    assert store.places_of([kept.id, changed.id]) == {
        kept.id: ("/copies/a.jpg", "/copies/b.jpg"),
        changed.id: (kept.path,),
    }


def test_a_copy_that_becomes_another_file_is_no_copy_any_more(store, kept):
    changed = store.add(replace(photo(2), path="/copies/a.jpg"), [], rows(0))
    assert store.places_of([kept.id]) == {kept.id: (kept.path, "/copies/b.jpg")}
    assert store.source_at("/copies/a.jpg").id == changed.id


def test_a_path_becomes_a_copy_of_another_file_and_its_old_source_goes(store, kept):
    (other,) = fill(store, [2])
    note_copy(store, kept.id, other.path, **COPY)
    assert store.source_at(other.path).id == kept.id
    assert store.counts().sources == 1


def test_a_folder_filter_finds_a_photo_by_any_of_its_paths_whenever_they_were_added(store):
    (source,) = fill(store, [1])
    copies, query = Filter(folder="/copies"), rows(1)[0]
    assert found(store, query, where=copies) == []
    note_copy(store, source.id, "/copies/a.jpg", **COPY)
    assert len(found(store, query, where=copies)) == 3
    assert [s.id for s in store.sources(where=copies, limit=9)] == [source.id]
    store.remove_places(["/copies/a.jpg"])
    assert found(store, query, where=copies) == []


def test_a_source_is_known_by_its_bytes_within_its_collection(store):
    mine = store.add(replace(photo(1), digest="abc"), [], rows(0))
    store.add(replace(photo(2, collection="uploads"), digest="abc"), [], rows(0))
    assert store.source_with("abc") == mine
    assert store.source_with("abc", collection="uploads").path == photo(2).path
    assert store.source_with("abd") is None


def test_a_path_that_is_no_text_is_refused(store, kept):
    with pytest.raises(BadFileName, match="Rename the file"):
        note_copy(store, kept.id, "/copies/\udcff.jpg", **COPY)


def text_region(source) -> Region:
    return Region(source=source, kind="text", box_px=(1, 2, 3, 4), text="MILK 1.5 %", page=2, lines=(5, 9))


def test_a_later_pass_adds_regions_once_and_is_noted(store):
    (source,) = fill(store, [1])
    assert store.extend(source.id, [text_region(source)], rows(1, seed=8), mark="ocr")
    assert not store.extend(source.id, [text_region(source)], rows(1, seed=8), mark="ocr")
    *_, added = store.regions_of([source.id])[source.id]
    assert (added.kind, added.text, added.page, added.lines) == ("text", "MILK 1.5 %", 2, (5, 9))
    assert found(store, rows(1, seed=8)[0], k=1) == [added.id]
    assert store.counts(where=Filter(kinds=("text",))).regions == 1


def test_a_pass_over_a_source_that_is_gone_adds_nothing(store):
    (source,) = fill(store, [1])
    store.remove([source.id])
    assert not store.extend(source.id, [text_region(source)], rows(1), mark="ocr")
    assert store.counts().regions == 0


def test_sources_that_a_pass_has_not_seen_are_listed_from_the_oldest(store):
    first, second, third = fill(store, [1, 2, 3])
    store.extend(second.id, [], rows(0), mark="ocr")
    store.extend(third.id, [], rows(0), mark="faces")
    assert [s.id for s in store.sources_without_mark("ocr", limit=9)] == [first.id, third.id]
    assert [s.id for s in store.sources_without_mark("ocr", limit=1)] == [first.id]
    assert [s.id for s in store.sources_without_mark("ocr", limit=9, after=first.id)] == [third.id]


def test_a_walk_goes_over_all_sources_from_the_oldest_and_misses_none_that_come_and_go(store):
    first, second, third = fill(store, [1, 2, 3])
    assert [s.id for s in store.walk(limit=2)] == [first.id, second.id]
    store.remove([first.id])
    (late,) = fill(store, [4])
    assert [s.id for s in store.walk(limit=9, after=second.id)] == [third.id, late.id]
    assert [s.id for s in store.walk(Filter(folder="/photos/0"), limit=9)] == [third.id]
    assert store.walk(limit=9, after=late.id) == []


def test_a_file_that_is_read_anew_has_its_passes_before_it_again(store):
    (source,) = fill(store, [1])
    store.extend(source.id, [], rows(0), mark="ocr")
    (again,) = fill(store, [1])
    assert [s.id for s in store.sources_without_mark("ocr", limit=9)] == [again.id]


def test_the_stamps_of_a_collection_name_every_path_with_what_its_file_was_like(store, kept):
    fill(store, [2], count=1)
    store.add(replace(photo(3, collection="uploads"), digest="zz"), [], rows(0))
    assert store.stamps() == {
        kept.path: Stamp(kept.size_bytes, kept.modified_ns, kept.digest),
        "/copies/a.jpg": Stamp(7, 9, kept.digest),
        "/copies/b.jpg": Stamp(7, 9, kept.digest),
        photo(2).path: Stamp(0, 0, "photo-2"),
    }
    assert list(store.stamps(collection="uploads")) == [photo(3).path]


def test_a_touched_file_has_a_new_time_and_the_same_regions(store, kept):
    for path in (kept.path, "/copies/a.jpg"):
        store.touch(path, modified_ns=77)
    assert {path: stamp.modified_ns for path, stamp in store.stamps().items()} == {
        kept.path: 77,
        "/copies/a.jpg": 77,
        "/copies/b.jpg": 9,
    }
    assert store.counts().regions == 3


def test_the_same_bytes_added_again_replace_the_old_source_and_keep_every_place(store):
    old = store.add(replace(photo(1), digest="same"), regions_for(photo(1)), rows(3, seed=1))
    note_copy(store, old.id, "/copies/a.jpg", **COPY)
    new = store.add(replace(photo(2), digest="same"), regions_for(photo(2)), rows(3, seed=2))
    assert store.places_of([old.id, new.id]) == {old.id: (), new.id: (photo(2).path, "/copies/a.jpg", photo(1).path)}
    assert (store.counts().sources, store.counts().regions) == (1, 3)


def test_reading_a_file_anew_keeps_its_copies(store, kept):
    store.remove_places([kept.path])
    first = store.add(replace(photo(1), digest="same"), [], rows(0))
    note_copy(store, first.id, "/copies/c.jpg", **COPY)
    again = store.add(replace(photo(1), digest="same"), regions_for(photo(1)), rows(3))
    assert store.places_of([again.id]) == {again.id: (photo(1).path, "/copies/c.jpg")}


def test_a_place_of_a_source_that_another_process_replaced_or_removed_is_not_noted(store, kept):
    """Two processes with the same file at hand: each has looked the source up before the other changed it."""
    own = store.source_at("/photos/1/1.jpg")
    note_copy(store, own.id, own.path, **COPY)  # it is its own path by now, and stays so
    assert store.source_at(own.path).id == own.id
    store.remove([own.id])
    late = FoundFile(path="/copies/late.jpg", digest=own.digest, **COPY)
    assert store.note_found([late], gone=(), stale={}) == []
    assert store.source_at("/copies/late.jpg") is None
    assert store.problems() == []


def test_a_named_collection_is_part_of_the_library_and_can_be_searched_alone(store):
    one, two = fill(store, [1, 2])
    (upload,) = fill(store, [3])
    store.add(replace(photo(3, collection="uploads"), path=upload.path), [], rows(0))
    note_copy(store, two.id, "/copies/a.jpg", **COPY)
    store.collect(["/copies/a.jpg", "/nowhere.jpg", upload.path], "holidays")
    assert store.collections() == {"holidays": 1, "library": 1}
    assert [source.id for source in store.sources(where=Filter(collection="holidays"), limit=9)] == [two.id]
    assert {source.id for source in store.sources(limit=9)} == {one.id, two.id}
    assert len(found(store, rows(1)[0], where=Filter(collection="holidays"))) == 3
    assert list(store.stamps(collection="holidays")) == [two.path, "/copies/a.jpg"]


def test_the_same_bytes_are_stored_once_in_the_library_whatever_its_parts_are_called(store):
    old = store.add(replace(photo(1), digest="same"), [], rows(0))
    new = store.add(replace(photo(2, collection="holidays"), digest="same"), [], rows(0))
    assert store.source_with("same") == new
    assert store.places_of([old.id, new.id]) == {old.id: (), new.id: (photo(2).path, photo(1).path)}


def test_the_same_bytes_that_come_again_stay_in_the_collection_that_somebody_put_them_into(store):
    """As where a watched folder is read while a backup is restored: the bytes were unknown when they were looked up."""
    store.add(replace(photo(1, collection="private"), digest="same"), [], rows(0))
    new = store.add(replace(photo(2), digest="same"), [], rows(0))
    assert new.collection == "private"
    assert store.source_with("same") == new
    named = store.add(replace(photo(3, collection="holidays"), digest="same"), [], rows(0))
    assert store.source_with("same") == named
    assert store.collections() == {"holidays": 1}


def test_stamps_can_be_asked_for_some_paths_and_what_lies_below_them_only(store):
    for path in ("/a/1.jpg", "/a/b/2.jpg", "/a.zip!/in/3.jpg", "/a1.jpg", "/a0", "/c.jpg", "/a.zip"):
        store.add(Source(path=path), [], rows(0))
    kept = store.source_at("/c.jpg")
    note_copy(store, kept.id, "/a/copy.jpg", **COPY)

    def within(*paths: str) -> list[str]:
        return sorted(store.stamps(within=paths))

    assert within("/a") == within("/a/") == ["/a/1.jpg", "/a/b/2.jpg", "/a/copy.jpg"]
    assert within("/a.zip") == ["/a.zip", "/a.zip!/in/3.jpg"]
    assert within("/a/b", "/a/b/2.jpg", "/c.jpg") == ["/a/b/2.jpg", "/c.jpg"]
    assert within("/") == sorted(store.stamps())
    assert within() == within("/nowhere") == []
    assert store.stamps(within=["/a/copy.jpg"]) == {"/a/copy.jpg": Stamp(7, 9, "")}


def test_a_collection_that_is_renamed_is_found_by_its_new_name_and_joins_one_of_that_name(store):
    one, two, three = fill(store, [1, 2, 3])
    assert store.collect([one.path], "Alps") == store.collect([two.path], "Sea") == 1
    assert store.collect([one.path], "Alps") == 0
    query = rows(1)[0]
    assert len(found(store, query, where=Filter(collection="Alps"))) == 3
    assert store.rename_collection("Alps", "Sea") == 1
    assert found(store, query, where=Filter(collection="Alps")) == []
    assert len(found(store, query, where=Filter(collection="Sea"))) == 6
    assert store.collections() == {"Sea": 2, "library": 1}
    assert store.rename_collection("Alps", "Sea") == 0
    assert store.source_at(three.path) == three


def test_kinds_count_sources_and_leave_the_uploads_out(store):
    fill(store, [1, 2])
    store.add(Source(path="/a.py", kind="code"), [], rows(0))
    store.add(replace(photo(4, collection="uploads"), kind="document"), [], rows(0))
    assert list(store.kinds().items()) == [("photo", 2), ("code", 1)]
    assert store.kinds(where=Filter(collection="uploads")) == {"document": 1}
