"""An export that is taken in brings its photos, albums, dates, places and favourites; again it changes nothing."""

import json
import shutil
import zipfile
from datetime import datetime, timedelta

import pytest
from export_samples import ITALY, made_takeout, said_by_google, small_photo, write_all
from library_help import House

from deepseek_mm.errors import BadFile, NothingThere
from index import Filter
from index.region import Rating

SEEN = 1_556_973_000  # 2019-05-04 12:30:00 UTC
MANY = 40


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


@pytest.fixture
def takeout(tmp_path):
    return write_all(tmp_path / "takeout", dict(made_takeout(MANY)))


def take_in(house: House, *paths, **how):
    job = house.done(house.library.importing.begin(paths, **how))
    assert job.state == "done", job.message
    return job


def check_all(house: House, count: int) -> None:
    """Every photo of a made Takeout is there once, with all that is said of it."""
    sources = house.store.sources(order="oldest", limit=count + 1)
    begin = datetime(2017, 7, 14, 2, 40)
    assert [source.taken_at for source in sources] == [begin + timedelta(days=n) for n in range(count)]
    assert [source.latitude for source in sources] == [40 + n / 1000 if n % 2 == 0 else None for n in range(count)]
    ratings = house.store.curation.ratings_of([source.id for source in sources])
    assert [n for n, source in enumerate(sources) if source.id in ratings] == list(range(0, count, 5))
    inside = {album.name: album.sources for album in house.store.curation.albums()}
    assert inside == {f"Album {n}": len(range(4 * n, count, 40)) for n in range(10)}


def test_a_takeout_arrives_with_all_its_albums_dates_places_and_favourites(house, takeout):
    job = take_in(house, takeout)
    check_all(house, MANY)
    assert (job.result["added"], job.result["copies"]) == (MANY, MANY // 4)
    assert (job.result["noted"], job.result["dates"], job.result["places"]) == (MANY, MANY, MANY // 2)
    assert [(month.year, month.month) for month in house.store.months()] == [(2017, 8), (2017, 7)]


@pytest.mark.campaign(times=1, only=True)
def test_a_takeout_of_two_thousand_photos_arrives_whole(house, tmp_path):
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w") as target:
        for name, content in made_takeout(2_000):
            target.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    take_in(house, tmp_path / "takeout.zip")
    check_all(house, 2_000)


def test_a_dry_run_says_the_same_numbers_and_changes_nothing(house, takeout):
    before = house.library.importing.preview([takeout])
    assert (before.kind, before.files, before.new, before.unmatched) == ("takeout", MANY + MANY // 4, 50, 0)
    assert (before.dates, before.places, before.favourites) == (50, 30, 10)
    assert (len(before.albums), before.albums["Album 0"], len(before.new_albums)) == (10, 1, 10)
    assert house.store.counts().sources == 0
    assert house.store.curation.albums() == []
    take_in(house, takeout)
    after = house.library.importing.preview([takeout])
    assert (after.new, after.known, after.new_albums) == (0, 50, ())


def test_a_second_run_changes_nothing_and_what_was_said_here_meanwhile_stays(house, takeout):
    take_in(house, takeout)
    first = house.store.sources(order="oldest", limit=1)[0]
    (album,) = (each.id for each in house.store.curation.albums() if each.name == "Album 0")
    house.store.curation.rate([first.id], is_favourite=False, stars=3)
    house.store.curation.take_from(album, [first.id])
    house.store.curation.rename_album(album, "Mine")
    again = take_in(house, takeout)
    assert [again.result[name] for name in ("added", "noted", "dates", "rated", "albums")] == [0, 0, 0, 0, 0]
    assert house.store.curation.ratings_of([first.id]) == {first.id: Rating(stars=3)}
    assert sorted(each.name for each in house.store.curation.albums())[-1] == "Mine"


def test_what_was_rated_and_dated_before_stays_as_it_is(house, tmp_path):
    photo = small_photo(1, exif="2019:05:04 14:30:00")
    files = {"a.jpg": photo, "a.jpg.json": said_by_google(SEEN, where=ITALY, favorited=True, description="The tower")}
    home = write_all(tmp_path / "x", files)
    house.done(house.library.add([home / "a.jpg"]))
    (known,) = house.store.sources(limit=2)
    house.store.curation.rate([known.id], stars=2)
    job = take_in(house, home)
    (source,) = house.store.sources(limit=2)
    assert (source.id, source.taken_at) == (known.id, datetime(2019, 5, 4, 14, 30))  # local: UTC is no other time
    assert house.store.curation.ratings_of([source.id]) == {source.id: Rating(is_favourite=True, stars=2)}
    assert (job.result["unchanged"], job.result["dates"], job.result["places"]) == (1, 0, 1)
    assert [group.name.split(",")[0] for group in house.store.places()] == ["Pisa"]
    (hit,) = house.store.search_words("tower", k=2, where=Filter(kinds=("note",)))
    assert hit.region.source.id == source.id


def test_an_import_that_was_interrupted_goes_on_and_loses_nothing(house, takeout, monkeypatch):
    noted = []
    note = type(house.store.statements).note

    def break_off(self, statements, **how):
        if not noted:
            noted.append(statements)
            raise MemoryError("the power went")
        return note(self, statements, **how)

    monkeypatch.setattr(type(house.store.statements), "note", break_off)
    assert house.done(house.library.importing.begin([takeout])).state == "failed"
    take_in(house, takeout)
    check_all(house, MANY)


def test_photos_that_are_taken_out_and_come_back_are_dated_as_before(house, takeout):
    take_in(house, takeout)
    token = house.library.take_out([takeout]).token
    house.library.put_back(token)
    check_all(house, MANY)


def test_a_photo_that_cannot_be_read_is_a_failed_item_and_the_others_arrive(house, tmp_path):
    files = {"a.jpg": small_photo(1), "a.jpg.json": said_by_google(SEEN), "b.jpg": b"no photo"}
    job = take_in(house, write_all(tmp_path / "x", files))
    assert list(house.failed(job)) == [str(tmp_path / "x" / "b.jpg")]
    assert [source.taken_at for source in house.store.sources(limit=3)] == [datetime(2019, 5, 4, 12, 30)]


def test_what_is_no_export_is_refused_and_a_kind_can_be_named(house, tmp_path):
    home = write_all(tmp_path / "x", {"trip/a.jpg": small_photo(1)})
    with pytest.raises(BadFile, match="no export of digiKam, Google Photos, Immich, Apple Photos.*--kind"):
        house.library.importing.begin([home])
    with pytest.raises(BadFile, match="kind='picasa'"):
        house.library.importing.preview([home], kind="picasa")
    with pytest.raises(NothingThere):
        house.library.importing.begin([tmp_path / "nowhere"])
    take_in(house, home, kind="apple")
    assert [album.name for album in house.store.curation.albums()] == ["trip"]


def test_an_export_without_a_photo_is_done_with_nothing(house, tmp_path):
    job = take_in(house, write_all(tmp_path / "x", {"a.jpg.json": said_by_google(SEEN)}))
    assert job.result["num_left_out"] == 1
    shutil.rmtree(tmp_path / "x")
