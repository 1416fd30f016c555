"""What other files say of photos holds where nothing was said here, and what was said here stays."""

from dataclasses import replace
from datetime import datetime

import pytest
from index_help import open_store, photo, regions_for, rows

from index import Filter
from index.region import MonthCount, PhotoStatement, Rating, StatedBox, StatedFacts
from index.statements import SIDECAR
from index.store import RegionStore

MADE = datetime(2024, 1, 1)  # what the camera of photo 0 says
MAY = datetime(2019, 5, 4, 12, 30)


def add(store: RegionStore, n: int, **fields):
    source = replace(photo(n), **({"digest": f"bytes{n}"} | fields))
    return store.add(source, regions_for(source, 1), rows(1, seed=n), marks=("words", "text"))


def told(n: int, origin="takeout", **facts) -> PhotoStatement:
    return PhotoStatement(digest=f"bytes{n}", origin=origin, told_by=f"/photos/{n}.json", facts=StatedFacts(**facts))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        add(store, 0)
        add(store, 1, taken_at=None)
        yield store


def source(store: RegionStore, n: int):
    return store.source_with(f"bytes{n}")


def test_an_undated_photo_gets_the_date_that_is_told_and_shows_in_its_month(store):
    assert store.months()[-1] == MonthCount(0, 0, 1)
    changes = store.statements.note([told(1, taken_at=MAY, latitude=43.7, longitude=10.4)])
    assert (changes.noted, changes.dates, changes.places) == (1, 1, 1)
    assert (source(store, 1).taken_at, source(store, 1).latitude) == (MAY, 43.7)
    assert MonthCount(2019, 5, 1) in store.months()
    assert [each.digest for each in store.sources(order="oldest", limit=1)] == ["bytes1"]


def test_a_time_in_utc_yields_to_the_local_time_of_the_camera_unless_no_zone_explains_it(store):
    store.statements.note([told(0, taken_at=datetime(2024, 1, 1, 13, 59))])
    assert source(store, 0).taken_at == MADE
    store.statements.note([told(0, taken_at=datetime(2024, 1, 1, 14, 1))])
    assert source(store, 0).taken_at == datetime(2024, 1, 1, 14, 1)


def test_a_sidecar_fills_in_what_the_camera_left_open_and_a_program_that_tells_local_time_is_believed(store):
    store.statements.note([told(0, SIDECAR, taken_at=MAY, latitude=1.0, longitude=2.0), told(1, SIDECAR, taken_at=MAY)])
    assert (source(store, 0).taken_at, source(store, 0).longitude, source(store, 1).taken_at) == (MADE, 2.0, MAY)
    store.statements.note([told(0, "digikam", taken_at=MAY, latitude=3.0, longitude=4.0)])
    assert (source(store, 0).taken_at, source(store, 0).longitude) == (MAY, 4.0)


def test_what_is_told_outlives_a_photo_that_is_read_again_and_the_camera_is_not_forgotten(store):
    store.statements.note([told(0, SIDECAR, latitude=1.0, longitude=2.0), told(0, "immich", taken_at=MAY)])
    add(store, 0)
    assert (source(store, 0).taken_at, source(store, 0).latitude) == (MAY, 1.0)
    assert store.statements.read(["bytes0"])["bytes0"]["camera"].facts.taken_at == MADE
    assert store.statements.withdraw(["/photos/0.json"]) == 1
    assert (source(store, 0).taken_at, source(store, 0).latitude) == (MAY, None)


def test_ratings_and_albums_that_are_told_come_once_and_what_is_said_here_stays(store):
    first = told(1, stars=4, is_favourite=True, albums=("Pisa", "Best"))
    assert store.statements.note([first])[3:] == (1, 2)
    assert store.statements.note([first]) == (0, 0, 0, 0, 0)
    (pisa,) = (album.id for album in store.curation.albums() if album.name == "Pisa")
    store.curation.rate([2], is_favourite=False)
    store.curation.take_from(pisa, [2])
    store.statements.note([replace(first, told_by="/elsewhere.json")])
    assert store.curation.ratings_of([2]) == {2: Rating(stars=4)}
    assert store.curation.albums_of(2) == ["Best"]
    store.statements.note([told(1, stars=5, is_favourite=True, albums=("Pisa", "Best"))])
    assert store.curation.ratings_of([2]) == {2: Rating(stars=5)}


def test_a_rating_of_before_is_not_overwritten(store):
    store.curation.rate([2], stars=2)
    store.statements.note([told(1, stars=5, is_favourite=True)])
    assert store.curation.ratings_of([2]) == {2: Rating(is_favourite=True, stars=2)}


def test_more_than_five_stars_are_refused(store):
    with pytest.raises(ValueError, match="stars=6 must be 0 to 5"):
        store.statements.note([told(1, stars=6)])


def test_a_photo_of_which_something_new_is_told_needs_its_passes_again(store):
    statement = told(1, title="Tower", people=("Anna",), boxes=(StatedBox("Ben", 0.1, 0.2, 0.3, 0.4),))
    store.statements.note([statement], stale=["words"])
    assert [each.id for each in store.sources_without_mark("words", limit=9)] == [2]
    assert store.sources_without_mark("text", limit=9) == []
    assert store.statements.read_of([1, 2]) == {1: (), 2: (statement,)}
    assert statement.facts.names == ("Anna", "Ben")


def test_what_is_told_of_bytes_goes_with_a_file_that_was_edited_in_place(store):
    store.statements.note([told(0, "immich", taken_at=MAY, title="Tower")])
    edited = replace(photo(0), digest="other bytes")
    store.add(edited, regions_for(edited, 1), rows(1, seed=9))
    assert store.source_with("other bytes").taken_at == MAY
    assert store.statements.read(["bytes0"]) == {}


def test_forgotten_bytes_have_no_statements_and_another_store_takes_them_over(store, tmp_path):
    store.statements.note([told(0, title="Tower"), told(1, taken_at=MAY)])
    store.remove([1])
    store.curation.forget(["bytes0", "bytes1"])
    assert list(store.statements.read(["bytes0", "bytes1"])) == ["bytes1"]
    with open_store(tmp_path / "new") as new:
        add(new, 1, taken_at=None)
        new.statements.join(store.statements)
        assert source(new, 1).taken_at == MAY


def test_files_that_told_something_are_listed_by_their_folders(store):
    store.statements.note([told(0, SIDECAR), replace(told(1, SIDECAR), told_by="/other/1.xmp", size_bytes=7)])
    assert store.statements.read_files(SIDECAR, ["/other"]) == {"/other/1.xmp": (7, 0)}
    assert store.statements.read_files(SIDECAR, ["/oth"]) == {}


def test_photos_are_found_by_their_names_without_the_ending(store):
    for name in ("x.jpg", "x.dng", "x.y.jpg", "xx.jpg"):
        add(store, 5, path=f"/a/{name}", digest=name)
    assert sorted(store.statements.named_like("/a/x")) == ["/a/x.dng", "/a/x.jpg"]
    assert store.sources(Filter(path="/a/"), limit=9)
