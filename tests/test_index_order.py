"""Lists of sources: in five orders, a page at a time, as sorting them in Python gives them."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import pytest
from index_help import fill, note_copy, open_store, photo, regions_for, rows
from sqlalchemy.dialects import sqlite
from storage_contract import only_files

from index import Filter, Region, Source, places, queries
from index.region import UPLOADS

DAY_NS = 86_400 * 10**9
ORDERS = ("added", "newest", "oldest", "name", "size")


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def put(store, name, *, taken_at=None, modified_ns=0, size_bytes=0, **more) -> Source:
    source = Source(path=name, taken_at=taken_at, modified_ns=modified_ns, size_bytes=size_bytes, **more)
    return store.add(source, [], rows(0))


def names(store, order, **how) -> list[str]:
    return [source.name for source in store.sources(order=order, limit=99, **how)]


def test_sources_are_listed_by_each_order_and_equals_by_the_order_in_which_they_came(store):
    put(store, "/z/10.jpg", taken_at=datetime(1970, 1, 5), modified_ns=9 * DAY_NS, size_bytes=5)
    put(store, "/a/B.txt", kind="document", modified_ns=3 * DAY_NS, size_bytes=9)
    put(store, "/m/2.jpg", taken_at=datetime(1970, 1, 2), modified_ns=8 * DAY_NS, size_bytes=5)
    put(store, "/y/a.txt", kind="document", modified_ns=3 * DAY_NS, size_bytes=1)
    assert names(store, "added") == ["a.txt", "2.jpg", "B.txt", "10.jpg"]
    assert names(store, "newest") == ["10.jpg", "a.txt", "B.txt", "2.jpg"]
    assert names(store, "oldest") == ["2.jpg", "B.txt", "a.txt", "10.jpg"]
    assert names(store, "name") == ["2.jpg", "10.jpg", "a.txt", "B.txt"]
    assert names(store, "size") == ["B.txt", "2.jpg", "10.jpg", "a.txt"]


def test_a_photo_without_a_date_comes_last_whatever_its_file_says_and_whichever_way_it_is_sorted(store):
    put(store, "/copied today.jpg", modified_ns=20_000 * DAY_NS)
    put(store, "/1999.jpg", taken_at=datetime(1999, 7, 1), modified_ns=5 * DAY_NS)
    put(store, "/no time.txt", kind="document")
    put(store, "/2001.jpg", taken_at=datetime(2001, 7, 1))
    assert names(store, "newest") == ["2001.jpg", "1999.jpg", "no time.txt", "copied today.jpg"]
    assert names(store, "oldest") == ["1999.jpg", "2001.jpg", "copied today.jpg", "no time.txt"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("where", [Filter(), Filter(folder="/photos/1"), Filter(label="cat")])
def test_pages_laid_side_by_side_are_the_whole_list(store, order, where):
    fill(store, range(10), labels=["cat"])
    fill(store, range(10, 15), labels=["dog"])
    whole = store.sources(where, order=order, limit=99)
    assert [
        source for at in range(0, 18, 3) for source in store.sources(where, order=order, limit=3, offset=at)
    ] == whole
    assert {source.name for source in whole} == {
        photo(n).name for n in range(15) if (not where.folder or n % 3 == 1) and (not where.label or n < 10)
    }


@pytest.mark.parametrize("order", ORDERS)
def test_uploads_are_in_no_list_unless_they_are_asked_for(store, order):
    put(store, "/a.jpg")
    put(store, "/b.jpg", collection=UPLOADS)
    assert names(store, order) == ["a.jpg"]
    assert names(store, order, where=Filter(collection=UPLOADS)) == ["b.jpg"]


def test_a_photo_that_claims_an_impossible_year_is_stored_and_sorted(store):
    for name, year in (("late.jpg", 9999), ("early.jpg", 1)):
        put(store, f"/{name}", taken_at=datetime(year, 1, 1))
    assert names(store, "newest") == ["late.jpg", "early.jpg"]


def test_a_file_with_a_new_time_or_a_new_place_is_sorted_by_it(store):
    first = put(store, "/1.txt", kind="document", modified_ns=1 * DAY_NS)
    put(store, "/2.txt", kind="document", modified_ns=2 * DAY_NS)
    store.touch("/1.txt", modified_ns=3 * DAY_NS)
    assert names(store, "newest") == ["1.txt", "2.txt"]
    note_copy(store, first.id, "/9.txt", size_bytes=0, modified_ns=DAY_NS)
    store.remove_places(["/1.txt"])
    assert names(store, "newest") == ["2.txt", "9.txt"]
    assert names(store, "name") == ["2.txt", "9.txt"]


def test_a_folder_does_not_hold_a_file_that_is_named_like_the_next_one(store):
    """The range of paths below "/photos/1" ends where "/photos/10" begins."""
    put(store, "/photos/1/a.jpg")
    put(store, "/photos/10")
    copy = replace(photo(3), path="/elsewhere.jpg")
    kept = store.add(copy, [], rows(0))
    note_copy(store, kept.id, "/photos/1/copy.jpg", size_bytes=0, modified_ns=0)
    assert names(store, "added", where=Filter(folder="/photos/1")) == ["elsewhere.jpg", "a.jpg"]


@only_files
def test_a_late_page_of_any_order_is_read_from_an_index_without_sorting(store):
    """Sorting 100,000 rows for one page of 60 is what makes a page slow; SQLite says how it would go about it."""
    connection = sqlite3.connect(store.folder / "store.db")
    dates = ("date_us DESC NULLS LAST, id DESC", "date_us NULLS LAST, id")
    for order in (*dates, "sort_name, id", "size_bytes DESC, id DESC"):
        query = f"SELECT id FROM sources WHERE collection != 'uploads' ORDER BY {order} LIMIT 60 OFFSET 99000"
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert [line.startswith("SCAN sources USING COVERING INDEX sources_by_") for line in plan] == [True]
    connection.close()


@only_files
def test_what_is_looked_up_by_its_number_or_path_is_read_by_an_index_and_not_row_by_row(store):
    """A search looks up some dozens of rows; reading all of a table for each makes it slower with every file."""
    asked = (*queries.REGIONS.values(), queries.SOURCES, queries.VISIBLE, queries.LABELS, queries.SYMBOLS)
    asked += (queries.CALLS, queries.VECTORS, queries.LABELLED, places.KNOWN)
    with closing(sqlite3.connect(store.folder / "store.db")) as connection:
        for query in asked:
            words = str(query.compile(dialect=sqlite.dialect()))
            plan = connection.execute(f"EXPLAIN QUERY PLAN {words}", ["[1, 2]"] * words.count("?"))
            steps = [row[3] for row in plan if not row[3].startswith("SCAN json_each")]
            assert [step for step in steps if step.startswith("SCAN")] in ([], ["SCAN CONSTANT ROW"]), words


def test_the_whole_picture_stands_for_a_source_or_else_its_first_region(store):
    of = photo(1)
    part, whole = regions_for(of, 2)[1], regions_for(of, 1)[0]
    late = store.add(of, [part, whole], rows(2))
    pages = store.add(
        photo(2), [Region(source=photo(2), kind="page", box_px=(0, 0, 9, 9), page=n) for n in (1, 2)], rows(2)
    )
    bare = put(store, "/empty.txt")
    leading = store.leading([late.id, pages.id, bare.id, 99])
    assert {source_id: (each.kind, each.page) for source_id, each in leading.items()} == {
        late.id: ("whole", 0),
        pages.id: ("page", 1),
    }
    parts = store.leading([late.id, pages.id], kinds=("part", "text"))
    assert {source_id: each.kind for source_id, each in parts.items()} == {late.id: "part"}
