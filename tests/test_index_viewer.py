"""A viewer knows nothing of a collection that is hidden from them, whatever they ask of a store; ratings are one's own.

The questions are asked of every public method that a store has: one that is new fails the first test until it stands in
one of the tables here.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index_help import open_store, photo, regions_for, rows

from index import Filter, Symbol
from index.curation import Curation
from index.people import NewFace, People
from index.region import EVERYBODY, Label, LibraryViewer, PhotoStatement, StatedFacts, view_as
from index.statements import Statements
from index.store import RegionStore

SECRET = "secret"
BEN, ANNA = LibraryViewer(owner="ben", hidden=frozenset((SECRET,))), LibraryViewer(owner="anna")
FACE = np.eye(1, 8, dtype=np.float32)[0]
Ask = Callable[[RegionStore], Any]
READS: dict[str, Ask] = {
    "at_line": lambda store: store.at_line("hidden_place.jpg", 3),
    "busiest": lambda store: store.busiest(limit=9),
    "callers": lambda store: store.callers("hidden_helper"),
    "collections": lambda store: store.collections(),
    "companions": lambda store: store.companions([1, 2]),
    "counts": lambda store: store.counts(),
    "formats": lambda store: store.formats(),
    "has_regions": lambda store: store.has_regions(Filter(collection=SECRET)),
    "has_sources": lambda store: store.has_sources(Filter(collection=SECRET)),
    "hits": lambda store: store.hits(store.near_each([(rows(2, seed=2), 9, Filter())])),
    "is_hidden": lambda store: store.is_hidden("/photos/hidden_place.jpg"),
    "kinds": lambda store: store.kinds(),
    "labels": lambda store: store.labels(9),
    "latest": lambda store: store.latest(),
    "leading": lambda store: store.leading([1, 2]),
    "months": lambda store: store.months(),
    "near_each": lambda store: store.near_each([(rows(2, seed=2), 9, Filter())])[0][1].tolist(),
    "num_without_mark": lambda store: store.num_without_mark("read"),
    "openings": lambda store: store.openings([1, 2]),
    "places": lambda store: store.places(),
    "places_of": lambda store: store.places_of([1, 2]),
    "regions_of": lambda store: store.regions_of([1, 2]),
    "search_each": lambda store: store.search_each([(rows(2, seed=2), 9, Filter())]),
    "search_many": lambda store: store.search_many(rows(2, seed=2), k=9),
    "search_words": lambda store: store.search_words("hidden words", k=9),
    "source_at": lambda store: store.source_at("/photos/hidden_place.jpg"),
    "source_with": lambda store: store.source_with("hidden bytes"),
    "sources": lambda store: store.sources(limit=9),
    "sources_without_mark": lambda store: store.sources_without_mark("read", limit=9),
    "stamps": lambda store: store.stamps(),
    "symbol_names": lambda store: store.symbol_names("hidden", limit=9),
    "symbols": lambda store: store.symbols("hidden_helper"),
    "things": lambda store: store.things(9),
    "vectors_of": lambda store: [store.vectors_of([n]).tolist() for n in (1, 2, 3) if n < 3 or sees_all(store)],
    "walk": lambda store: store.walk(limit=9),
    "curation.albums": lambda store: store.curation.albums(),
    "curation.albums_of": lambda store: store.curation.albums_of(2),
    "curation.name_albums": lambda store: store.curation.name_albums(),
    "curation.ratings_of": lambda store: store.curation.ratings_of([1, 2]),
    "people.faces_of": lambda store: store.people.faces_of([1, 2]),
    "people.find": lambda store: store.people.find(1),
    "people.list_people": lambda store: store.people.list_people(),
    "people.names": lambda store: store.people.names(),
    "statements.read_of": lambda store: store.statements.read_of([1, 2]),
}
WORK = [
    "accept",
    "add",
    "add_many",
    "begin_ids_above",
    "cache_fault",
    "close",
    "copy_to",
    "count_phrase",
    "exchange",
    "exchange_of_many",
    "exchange_regions",
    "extend",
    "fault",
    "health",
    "note_found",
    "num_lost",
    "open_known",
    "problems",
    "read_only",
    "remove",
    "remove_places",
    "rename_path",
    "renew_cache",
    "restore",
    "settle",
    "snapshot",
    "take_out",
    "touch",
    "clear",
    "curation.join",
    "curation.forget",
    "curation.forget_owner",
    "people.add",
    "people.clear",
    "people.group",
    "people.has_faces",
    "people.join",
    "people.purge",
    "statements.join",
    "statements.mark_stale",
    "statements.named_like",
    "statements.note",
    "statements.read",
    "statements.read_files",
    "statements.withdraw",
]
CHANGES: dict[str, Ask] = {  # none of it may touch what is hidden
    "collect": lambda store: store.collect(["/photos/hidden_place.jpg"], "open"),
    "rename_collection": lambda store: store.rename_collection(SECRET, "open"),
    "curation.rate": lambda store: store.curation.rate([2], stars=1),
    "curation.put_into": lambda store: store.curation.put_into(store.curation.make_album("Own"), [2]),
    "curation.take_from": lambda store: store.curation.take_from(1, [2]),
    "curation.order": lambda store: store.curation.order(1, [2]),
    "curation.set_cover": lambda store: store.curation.set_cover(1, 2),
    "people.refuse": lambda store: store.people.refuse(1, [2]),
}
BY_ID = [
    "curation.make_album",
    "curation.rename_album",
    "curation.delete_album",
    "people.name",
    "people.merge",
    "people.remove",
]  # what the services have looked up first, as the caller may see it


def sees_all(store: RegionStore) -> bool:
    return store.source_at("/photos/hidden_place.jpg") is not None


@pytest.fixture(scope="module")
def read_only(tmp_path_factory):
    """One store for all questions that change nothing."""
    yield from fill(tmp_path_factory.mktemp("store"))


@pytest.fixture
def store(tmp_path):
    yield from fill(tmp_path)


def fill(folder: Path) -> Iterator[RegionStore]:
    """A photo of everybody's, and one of Anna's with a face, a place, a name in code, an album and stars; and the
    video of the first one, which is hers as well.
    """
    with open_store(folder) as store:
        open_one = store.add(
            replace(photo(1), digest="open bytes", format="jpeg"), regions_for(photo(1), 2), rows(2, seed=1)
        )
        hidden = replace(
            photo(2), path="/photos/hidden_place.jpg", digest="hidden bytes", collection=SECRET, format="png"
        )
        whole, part = regions_for(hidden, 2)
        symbol = Symbol(name="hidden_helper", kind="function", parent="", calls=("hidden_helper",))
        regions = [
            replace(whole, labels=(Label(name="hidden thing", score=0.9),)),
            replace(part, kind="text", text="hidden words", lines=(1, 5), symbol=symbol),
            replace(part, kind="place", text="Hidden City"),
        ]
        stored = store.add(hidden, regions, rows(3, seed=2))
        assert (open_one.id, stored.id) == (1, 2)
        video = replace(
            photo(1), path="/photos/1/1.mov", kind="photo", digest="video bytes", format="mov", duration_ms=2000
        )
        store.add(replace(video, collection=SECRET), regions_for(video, 1), rows(1, seed=3))
        store.people.add(2, [NewFace(box=(0.1, 0.1, 0.2, 0.2), score=0.9, vector_D=FACE)])
        store.people.group(0.5)
        store.people.name(1, "Hidden Person")
        store.curation.put_into(store.curation.make_album("Hidden album"), [2])
        store.curation.rate([2], stars=4)
        told = StatedFacts(title="Hidden title")
        store.statements.note([PhotoStatement(digest="hidden bytes", origin="sidecar", told_by="x.xmp", facts=told)])
        yield store


def public_methods() -> set[str]:
    own = {name for name, _ in inspect.getmembers(RegionStore) if not name.startswith("_")}
    parts = {"curation": Curation, "people": People, "statements": Statements}
    return own | {f"{part}.{name}" for part, kind in parts.items() for name in vars(kind) if not name.startswith("_")}


def test_every_method_of_a_store_stands_in_one_of_the_tables():
    assert public_methods() - {*READS, *WORK, *CHANGES, *BY_ID} == set()


@pytest.mark.parametrize("name", READS)
def test_what_is_hidden_shows_in_no_answer_and_does_in_that_of_others(read_only, name):
    with view_as(ANNA):
        shown = repr(READS[name](read_only))
    with view_as(BEN):
        told = repr(READS[name](read_only)).casefold()
    assert told != shown.casefold(), "the question asks of what is hidden"
    assert "hidden" not in told
    assert SECRET not in told


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_hidden_is_not_changed(store, name):
    def look() -> list[Any]:
        parts = (store.sources(limit=9), store.curation.ratings_of([2]), store.people.faces_of([2]))
        return [*parts, [album for album in store.curation.albums() if album.name != "Own"]]

    before = look()
    with view_as(BEN):
        assert not CHANGES[name](store)
    assert look() == before


def test_a_filter_that_was_limited_stays_so_where_nobody_says_who_reads(store):
    with view_as(BEN):
        seen = replace(Filter(), viewer=BEN)
    assert [source.id for source in store.sources(seen, limit=9)] == [1]
    assert [hit.region.source.id for hit in store.search_many(rows(1, seed=2), k=9, where=seen)[0]] == [1, 1]


def test_work_in_the_background_does_away_with_nothing_that_whoever_asks_last_may_not_see(store):
    with view_as(BEN):
        store.search_many(rows(1), k=9)
        assert store.people.purge() == 0
        assert store.curation.forget(["hidden bytes"]) == 0
        store.renew_cache()
    assert len(store.search_many(rows(1, seed=2), k=9)[0]) == 6
    assert store.people.names() == ["Hidden Person"]
    assert store.curation.ratings_of([2])


def test_a_rating_is_ones_own_and_else_that_of_the_house(store):
    store.curation.rate([1], is_favourite=True, stars=3)
    with view_as(ANNA):
        assert store.curation.ratings_of([1])[1].is_favourite
        store.curation.rate([1], is_favourite=False)
        store.curation.rate([2], is_favourite=True)
        assert [source.id for source in store.sources(Filter(is_favourite=True), limit=9)] == [2]
        assert store.curation.ratings_of([1])[1].stars == 3
    with view_as(LibraryViewer(owner="cleo")):
        assert [source.id for source in store.sources(Filter(is_favourite=True), limit=9)] == [1]
    assert [source.id for source in store.sources(Filter(is_favourite=True), limit=9)] == [1]
    with view_as(ANNA):
        store.curation.rate([2], is_favourite=False)
        store.curation.rate([1], is_favourite=False, stars=0)
        assert store.curation.ratings_of([1])[1].stars == 0, "who disagrees with the house says so"
        assert store.sources(Filter(stars=1), limit=9)[0].id == 2


def test_albums_and_names_know_who_made_them(store):
    with view_as(ANNA):
        store.curation.make_album("Mine")
        store.people.name(1, "Zoe")
    assert {album.name: album.owner for album in store.curation.albums()} == {"Hidden album": "", "Mine": "anna"}
    assert store.people.find(1).owner == "anna"
    with view_as(EVERYBODY):
        assert store.people.names() == ["Zoe"]
