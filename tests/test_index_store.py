"""What the store promises, against brute force over its own vectors."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from index_help import DIM, LABELS, brute_force, fill, found, open_store, photo, regions_for, rows
from storage_contract import CLOSE

from index import EVERYTHING, Counts, Filter, Label, LabelCount, Region, Source, queries
from index.database import BadFileName, NotStored
from index.store import NewSource


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def random_library(store, generator) -> None:
    """Photos of both collections with random labels; some are removed again, some replaced."""
    for n in range(30):
        collection = "uploads" if generator.random() < 0.2 else "library"
        kind, form = [("photo", "jpeg"), ("photo", "heic"), ("document", "pdf")][generator.integers(3)]
        source = replace(photo(n, collection=collection), kind=kind, format=form)
        labels = [name for name in LABELS if generator.random() < 0.4]
        count = int(generator.integers(0, 5))
        store.add(source, regions_for(source, count, labels=labels), rows(count, seed=n))
    some = [source.id for source in store.sources(where=Filter(collection=None), limit=100)]
    store.remove([int(n) for n in generator.choice(some, 4, replace=False)])
    fill(store, range(3), seed=7)


def random_filter(generator) -> Filter:
    def maybe(value, otherwise):
        return value if generator.random() < 0.35 else otherwise

    day = datetime(2024, 1, 1 + int(generator.integers(30)))
    return Filter(
        collection=[None, "library", "uploads"][generator.integers(3)],
        kinds=maybe(("whole",), maybe(("part", "whole"), ())),
        source_ids=maybe(tuple(int(n) for n in generator.integers(1, 35, 8)), ()),
        label=maybe(str(generator.choice(LABELS)), ""),
        source_kinds=maybe(("photo",), maybe(("document", "code"), ())),
        formats=maybe(("jpeg", "pdf"), ()),
        folder=maybe(f"/photos/{generator.integers(3)}", ""),
        taken_after=maybe(day, None),
        taken_before=maybe(day, None),
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("exact_up_to", [1000, 0], ids=["exact", "graph"])
def test_a_filtered_search_returns_what_brute_force_returns(tmp_path, seed, exact_up_to):
    generator = np.random.default_rng(seed)
    with open_store(tmp_path, exact_up_to=exact_up_to) as store:
        random_library(store, generator)
        for n in range(40):
            query, where, k = rows(1, seed=500 + n)[0], random_filter(generator), int(generator.integers(1, 30))
            assert found(store, query, k=k, where=where) == brute_force(store, query, k=k, where=where)
            store.settle()


@pytest.mark.parametrize("seed", range(3))
def test_every_filter_follows_every_change_of_a_store_that_stays_open(store, seed):
    generator = np.random.default_rng(seed)
    filters = [EVERYTHING, Filter(kinds=("part",)), Filter(label="dog"), Filter(folder="/photos/1")]
    for n in range(25):
        if n % 4 == 3:  # the oldest, the newest, or one between
            sources = store.sources(limit=100)
            store.remove([sources[[0, -1, len(sources) // 2][generator.integers(3)]].id])
        else:
            fill(store, generator.integers(0, 20, 2).tolist(), seed=n, labels=["dog"] if n % 3 else [])
        for where in filters:
            query = rows(1, seed=n)[0]
            assert found(store, query, k=7, where=where) == brute_force(store, query, k=7, where=where)


def test_many_queries_are_answered_in_their_order_each_best_first(store):
    fill(store, range(5))
    queries = rows(4, seed=9)
    together = store.search_many(queries, k=6)
    assert [[hit.region.id for hit in hits] for hits in together] == [found(store, q, k=6) for q in queries]
    assert all(a.score >= b.score for hits in together for a, b in zip(hits, hits[1:], strict=False))


def test_a_region_is_found_by_its_own_vector_with_everything_that_was_stored(store):
    source = Source(
        path='/photos/<script>alert("1")</script>.jpg',
        digest="d" * 64,
        size_bytes=2**40,
        modified_ns=1_700_000_000_123_456_789,
        width_px=4000,
        height_px=3000,
        taken_at=datetime(2024, 5, 6, 7, 8, 9),
        latitude=-33.5,
        longitude=151.25,
    )
    labels = (Label(name="dog", score=0.75), Label(name="perro \u00f1", score=0.5))
    region = Region(source=source, kind="part", box_px=(1, 2, 3000, 2999), labels=labels, colours=("red", "grey"))
    stored = store.add(source, [region], rows(1))

    hit = store.search_many(3 * rows(1), k=1)[0][0]
    assert hit.score == pytest.approx(1, abs=CLOSE)
    assert stored.id > 0
    assert hit.region == Region(
        id=hit.region.id, source=stored, kind="part", box_px=(1, 2, 3000, 2999), labels=labels, colours=("red", "grey")
    )
    assert store.source_at(source.path) == hit.region.source == stored


def test_an_empty_store_finds_nothing_and_counts_nothing(store):
    assert store.search_many(rows(2), k=3) == [[], []]
    assert store.counts() == Counts(sources=0, regions=0)
    assert store.sources(limit=5) == store.labels(5) == []
    assert store.source_at("/nowhere.jpg") is None
    assert store.remove([1, 2]) == 0
    assert store.vectors_of([]).shape == (0, DIM)


def test_uploads_stay_out_of_a_search_unless_they_are_asked_for(store):
    fill(store, [1])
    upload = store.add(photo(2, collection="uploads"), regions_for(photo(2)), rows(3, seed=2))
    query = rows(3, seed=2)[0]
    assert upload not in {hit.region.source for hit in store.search_many(query[None], k=9)[0]}
    assert store.search_many(query[None], k=9, where=Filter(collection="uploads"))[0][0].region.source == upload
    assert store.counts() == Counts(sources=1, regions=3)
    assert store.counts(where=Filter(collection=None)) == Counts(sources=2, regions=6)


def test_a_removed_source_is_gone_from_the_very_next_search(store):
    kept, gone = fill(store, [1, 2])
    query = rows(3, seed=2)[0]
    assert gone in {hit.region.source for hit in store.search_many(query[None], k=9)[0]}
    assert store.remove([gone.id, 999]) == 1
    assert {hit.region.source for hit in store.search_many(query[None], k=9)[0]} == {kept}
    assert store.regions_of([gone.id]) == {gone.id: ()}
    assert store.counts() == Counts(sources=1, regions=3)


def test_a_path_that_is_added_again_leaves_no_old_region(store):
    first = fill(store, [1])[0]
    old = store.regions_of([first.id])[first.id]
    second = store.add(photo(1), regions_for(photo(1), 2), rows(2, seed=77))
    assert second.id > first.id
    assert store.counts() == Counts(sources=1, regions=2)
    assert {region.source for region in (hit.region for hit in store.search_many(rows(1), k=9)[0])} == {second}
    with pytest.raises(NotStored, match=f"no region {old[0].id} in the index"):
        store.vectors_of([old[0].id])


def test_several_files_are_stored_at_once_each_with_its_own_and_known_paths_are_replaced(store):
    old = fill(store, [2])[0]
    store.curation.rate([old.id], stars=4)
    sizes = {1: 2, 2: 3, 3: 0}
    files = [
        NewSource(
            source=replace(photo(n), digest=f"new {n}"),
            regions=regions_for(photo(n), count, labels=["dog"]),
            vectors_ND=rows(count, seed=n),
            marks=["read"] * (n == 3),
        )
        for n, count in sizes.items()
    ]
    stored = store.add_many(files)
    assert [source.path for source in stored] == [photo(n).path for n in sizes]
    regions = store.regions_of([source.id for source in stored])
    assert [len(regions[source.id]) for source in stored] == [2, 3, 0]
    for source, file in zip(stored, files, strict=True):
        for region, vector_D in zip(regions[source.id], file.vectors_ND, strict=True):
            assert (region.source, store.search_many(vector_D[None], k=1)[0][0].region.id) == (source, region.id)
    assert store.counts() == Counts(sources=3, regions=5)
    assert store.curation.ratings_of([stored[1].id])[stored[1].id].stars == 4
    assert [source.id for source in store.sources_without_mark("read", limit=9)] == [s.id for s in stored[:2]]
    assert store.add_many([]) == []


def test_of_files_with_bytes_that_are_known_already_one_stands_for_all(store):
    old = fill(store, [1])[0]
    again = NewSource(source=photo(5), regions=regions_for(photo(5), 1), vectors_ND=rows(1))
    new = replace(again, source=replace(photo(6), digest=old.digest))
    stored = store.add_many([again, new])
    assert store.places_of([each.id for each in stored]) == {
        stored[0].id: (photo(5).path,),
        stored[1].id: (photo(6).path, old.path),
    }
    assert store.counts().sources == 2


def test_ids_are_never_given_twice(store):
    first = fill(store, [1])[0]
    highest = store.regions_of([first.id])[first.id][-1].id
    store.remove([first.id])
    second = fill(store, [2])[0]
    assert second.id > first.id
    assert store.regions_of([second.id])[second.id][0].id > highest


def test_the_regions_of_sources_come_with_the_whole_picture_first(store):
    source = photo(1)
    mixed = [*regions_for(source, 3)[1:], regions_for(source, 1)[0]]  # the whole picture comes last
    a = store.add(source, mixed, rows(3))
    b = store.add(photo(2), [], rows(0))
    regions = store.regions_of([b.id, a.id])
    assert list(regions) == [b.id, a.id]
    assert regions[b.id] == ()
    assert [(region.kind, region.box_px[0]) for region in regions[a.id]] == [("whole", 0), ("part", 1), ("part", 2)]


def test_vectors_come_in_the_order_asked_and_belong_to_their_regions(store):
    source = store.add(photo(1), regions_for(photo(1), 3), rows(3))
    by_place = {region.box_px[0]: region.id for region in store.regions_of([source.id])[source.id]}
    order = [2, 0, 2]
    np.testing.assert_allclose(store.vectors_of([by_place[n] for n in order]), rows(3)[order], atol=CLOSE)


def test_sources_are_paged_newest_first_and_filtered_by_what_their_regions_carry(store):
    fill(store, range(4), labels=["cat"])
    fill(store, range(4, 6), labels=["dog"])
    names = [source.name for page in (0, 2, 4, 6) for source in store.sources(limit=2, offset=page)]
    assert names == ["5.jpg", "4.jpg", "3.jpg", "2.jpg", "1.jpg", "0.jpg"]
    cats = store.sources(where=Filter(label="cat", folder="/photos/0"), limit=10)
    assert [source.name for source in cats] == ["3.jpg", "0.jpg"]


def test_the_commonest_labels_count_sources_not_regions(store):
    fill(store, [1], count=5, labels=["dog"])
    fill(store, [2, 3], count=1, labels=["cat", "kite"])
    store.add(photo(4, collection="uploads"), regions_for(photo(4), 1, labels=["dog"]), rows(1))
    assert store.labels(2) == [LabelCount("cat", 2), LabelCount("kite", 2)]
    assert store.labels(9)[-1] == LabelCount("dog", 1)
    assert store.labels(9, where=Filter(collection="uploads")) == [LabelCount("dog", 1)]


@pytest.mark.parametrize("folder", ["/photos/1", "/photos/1/", "/photos/x/../1"])
def test_a_folder_holds_what_lies_below_it_and_not_its_namesakes(store, folder):
    for path in ("/photos/1/a.jpg", "/photos/1/deep/b.jpg", "/photos/10/c.jpg", "/photos/1", "/photos/1.jpg"):
        store.add(Source(path=path), [], rows(0))
    inside = {source.path for source in store.sources(where=Filter(folder=folder), limit=9)}
    assert inside == {"/photos/1/a.jpg", "/photos/1/deep/b.jpg"}
    assert len(store.sources(where=Filter(folder="/"), limit=9)) == 5


def test_thousands_of_ids_fit_into_one_call(store):
    source = fill(store, [1])[0]
    many = list(range(1, 100_000))
    assert len(store.regions_of(many)[source.id]) == 3
    assert len(found(store, rows(1)[0], where=Filter(source_ids=tuple(many)))) == 3
    assert store.remove(many) == 1


def test_wrong_input_is_refused_and_nothing_is_stored(store):
    with pytest.raises(ValueError, match="3 regions need as many vectors, got 2"):
        store.add(photo(1), regions_for(photo(1), 3), rows(2))
    with pytest.raises(ValueError, match=r"expected vectors of shape \(N, 16\), got \(3, 8\)"):
        store.add(photo(1), regions_for(photo(1), 3), rows(3, dim=8))
    with pytest.raises(BadFileName, match="not valid UTF-8. Rename the file"):
        store.add(Source(path="/photos/\udce9.jpg"), [], rows(0))
    with pytest.raises(ValueError, match="k=0 must be at least 1"):
        store.search_many(rows(1), k=0)
    assert store.counts(where=Filter(collection=None)) == Counts(sources=0, regions=0)


def test_file_types_are_counted_commonest_first_and_the_filter_holds(store):
    for n, form in enumerate(("png", "jpeg", "jpeg", "", "pdf")):
        source = replace(photo(n), format=form, kind="document" if form == "pdf" else "photo")
        store.add(source, regions_for(source, 1), rows(1, seed=n))
    assert list(store.formats().items()) == [("jpeg", 2), ("pdf", 1), ("png", 1)]
    assert store.formats(where=Filter(source_kinds=("document",))) == {"pdf": 1}


def test_several_searches_at_once_find_what_each_finds_alone(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(5), labels=["dog"])
        asked = [(rows(2, seed=3), 4, EVERYTHING), (rows(1, seed=4), 2, Filter(kinds=("whole",)))]
        assert store.search_each(asked) == [store.search_many(x, k=k, where=where) for x, k, where in asked]
        assert store.search_each([]) == []
        with pytest.raises(ValueError, match="k=0"):
            store.search_each([(rows(1), 0, EVERYTHING)])


def test_a_search_in_numbers_finds_the_same_and_regions_that_are_gone_by_then_are_left_out(store):
    sources = fill(store, range(5))
    asked = [(rows(2, seed=3), 4, EVERYTHING), (rows(1, seed=4), 2, Filter(kinds=("whole",)))]
    near, hits = store.near_each(asked), store.search_each(asked)
    assert [[[hit.region.id for hit in row] for row in each] for each in hits] == [ids.tolist() for _, ids in near]
    assert [[[hit.score for hit in row] for row in each] for each in hits] == [scores.tolist() for scores, _ in near]
    assert store.hits(near) == hits
    store.remove([hits[0][0][0].region.source.id])
    left = [hit.region.source.id for each in store.hits(near) for row in each for hit in row]
    assert set(left) < {source.id for source in sources}


def test_inside_a_snapshot_nothing_comes_or_goes_and_afterwards_all_is_seen(store):
    first, query = fill(store, range(2))[0], rows(1)[0]
    with store.snapshot():
        before = (found(store, query), store.counts(), store.latest())
        store.remove([first.id])
        fill(store, range(2, 6))
        with store.snapshot():  # one inside another is the same
            assert (found(store, query), store.counts(), store.latest()) == before
        assert store.vectors_of([1]).shape == (1, DIM)
        with ThreadPoolExecutor(1) as other:
            assert other.submit(store.counts).result() == Counts(sources=5, regions=15)
    assert store.counts() == Counts(sources=5, regions=15)
    assert found(store, query) == brute_force(store, query, k=10, where=EVERYTHING)
    with pytest.raises(NotStored):
        store.vectors_of([1])


def test_reading_all_vectors_never_holds_more_than_some_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(queries, "READ_ROWS", 100)
    with open_store(tmp_path, dim=512) as store:
        store.add(photo(1), regions_for(photo(1), 3000), rows(3000, dim=512))
        with store._database.reading() as session:
            tracemalloc.start()
            try:
                held = sum(len(ids) for ids, _ in queries.vectors_after(session, 0, 512))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    assert held == 3000
    assert peak < 3000 * 2048 / 4
