"""What people say of photos belongs to the bytes: it outlives moves, changes and another store."""

from dataclasses import replace

import pytest
from index_help import note_copy, open_store, photo, regions_for, rows

from index import Filter, Region
from index.region import Album, Rating
from index.store import RegionStore


def add(store: RegionStore, n: int, *, digest: str = "", path: str = "", collection="library"):
    source = replace(photo(n, collection=collection), digest=digest or f"bytes{n}")
    source = replace(source, path=path) if path else source
    return store.add(source, regions_for(source, 2), rows(2, seed=n))


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        for n in range(4):
            add(store, n)
        yield store


def names(store: RegionStore, where: Filter, order="added") -> list[str]:
    return [source.name for source in store.sources(where, limit=9, order=order)]


def test_favourites_and_stars_are_found_by_lists_and_searches(store):
    assert store.curation.rate([1, 3, 99], is_favourite=True) == 2
    assert store.curation.rate([3], stars=4) == 1
    assert store.curation.ratings_of([1, 2, 3]) == {1: Rating(is_favourite=True), 3: Rating(is_favourite=True, stars=4)}
    assert names(store, Filter(is_favourite=True)) == ["2.jpg", "0.jpg"]
    assert names(store, Filter(stars=4)) == ["2.jpg"]
    assert names(store, Filter(stars=5)) == []
    hits = store.search_many(rows(1), k=9, where=Filter(is_favourite=True))[0]
    assert {hit.region.source.id for hit in hits} == {1, 3}


def test_what_is_taken_back_is_found_no_more_even_where_it_was_looked_for_before(store):
    store.curation.rate([1], is_favourite=True, stars=2)
    assert store.counts(where=Filter(is_favourite=True)).sources == 1
    store.curation.rate([1], is_favourite=False)
    assert store.counts(where=Filter(is_favourite=True)).sources == 0
    assert store.search_many(rows(1), k=9, where=Filter(is_favourite=True)) == [[]]
    assert store.counts(where=Filter(stars=1)).sources == 1
    store.curation.rate([1], stars=0)
    assert store.curation.ratings_of([1]) == {}


def test_there_are_five_stars_and_no_more(store):
    with pytest.raises(ValueError, match="0 to 5"):
        store.curation.rate([1], stars=6)


def test_an_album_keeps_its_order_and_a_photo_is_in_several(store):
    pisa, best = store.curation.make_album("Pisa"), store.curation.make_album("Best")
    assert store.curation.make_album("pisa") == pisa
    assert store.curation.put_into(pisa, [3, 1]) == 2
    assert store.curation.put_into(pisa, [1, 2]) == 1
    store.curation.put_into(best, [2])
    assert names(store, Filter(album="PISA"), "album") == ["2.jpg", "0.jpg", "1.jpg"]
    assert store.curation.albums_of(2) == ["Best", "Pisa"]
    assert store.curation.order(pisa, [2, 4]) == 1
    assert names(store, Filter(album="Pisa"), "album") == ["1.jpg", "2.jpg", "0.jpg"]
    assert store.curation.take_from(pisa, [2, 4]) == 1
    assert names(store, Filter(album="Pisa"), "album") == ["2.jpg", "0.jpg"]
    assert store.curation.albums_of(2) == ["Best"]


def test_the_first_photo_is_the_cover_until_another_is_chosen(store):
    album = store.curation.make_album("Pisa")
    assert store.curation.albums() == [Album(id=album, name="Pisa", sources=0)]
    store.curation.put_into(album, [3, 1])
    assert store.curation.albums()[0].cover.id == 3
    assert store.curation.set_cover(album, 1)
    assert not store.curation.set_cover(album, 4)
    assert store.curation.albums()[0].cover.id == 1
    store.curation.take_from(album, [1])
    (told,) = store.curation.albums()
    assert (told.sources, told.cover.id) == (1, 3)


def test_albums_are_renamed_and_deleted_and_photos_stay(store):
    one, two = store.curation.make_album("One"), store.curation.make_album("Two")
    store.curation.put_into(one, [1])
    assert not store.curation.rename_album(one, "two")
    assert not store.curation.rename_album(99, "three")
    assert store.curation.rename_album(one, "ONE")
    assert store.curation.delete_album(one)
    assert not store.curation.delete_album(one)
    assert [album.id for album in store.curation.albums()] == [two]
    assert store.curation.put_into(one, [1]) == 0
    assert store.counts().sources == 4


def test_a_file_that_is_edited_in_place_keeps_what_was_said_of_it(store):
    album = store.curation.make_album("Best")
    store.curation.put_into(album, [1])
    store.curation.set_cover(album, 1)
    store.curation.rate([1], is_favourite=True)
    edited = add(store, 0, digest="other bytes")
    assert store.curation.ratings_of([edited.id]) == {edited.id: Rating(is_favourite=True)}
    assert store.curation.albums()[0].cover.id == edited.id


def test_of_two_copies_of_which_one_is_edited_the_other_keeps_it(store):
    note_copy(store, 1, "/copy.jpg", size_bytes=1, modified_ns=1)
    store.curation.rate([1], is_favourite=True)
    edited = add(store, 0, digest="other bytes")
    assert names(store, Filter(is_favourite=True)) == ["copy.jpg"]
    assert store.curation.ratings_of([edited.id]) == {}


def test_a_photo_that_was_forgotten_and_comes_back_is_known_until_it_is_forgotten_for_good(store):
    store.curation.rate([1, 2], stars=3)
    store.remove([1])
    back = add(store, 0)
    assert store.curation.ratings_of([back.id]) == {back.id: Rating(stars=3)}
    store.remove([back.id])
    assert store.curation.forget(["bytes0", "bytes1"]) == 1
    assert store.curation.ratings_of([add(store, 0).id, 2]) == {2: Rating(stars=3)}


def test_pictures_of_questions_are_nobodys_favourites(store):
    upload = add(store, 7, collection="uploads")
    assert store.curation.rate([upload.id], is_favourite=True) == 0
    assert store.curation.put_into(store.curation.make_album("Best"), [upload.id]) == 0


def test_another_store_takes_over_what_it_does_not_know_better(store, tmp_path):
    album = store.curation.make_album("Pisa")
    store.curation.put_into(album, [3, 1])
    store.curation.rate([2], is_favourite=True)
    with open_store(tmp_path / "other") as other:
        for n in (2, 1, 0):
            add(other, n)
        other.curation.put_into(other.curation.make_album("mine"), [1])
        other.curation.rate([2], stars=5)
        for _ in range(2):  # a second time adds nothing
            other.curation.join(store.curation)
        assert names(other, Filter(album="Pisa"), "album") == ["2.jpg", "0.jpg"]
        assert names(other, Filter(is_favourite=True)) == []  # 1.jpg was rated in the other store already
        assert names(other, Filter(stars=5)) == ["1.jpg"]
        assert [(each.name, each.sources) for each in other.curation.albums()] == [("mine", 1), ("Pisa", 2)]


def test_albums_come_back_with_a_backup(store, tmp_path):
    store.curation.put_into(store.curation.make_album("Pisa"), [1])
    store.copy_to(tmp_path / "backup.db")
    store.curation.delete_album(1)
    store.exchange(tmp_path / "backup.db")
    assert names(store, Filter(album="Pisa")) == ["0.jpg"]


def place(source, text: str) -> Region:
    return Region(source=source, kind="place", box_px=(0, 0, 1, 1), text=text)


def test_months_places_and_things_are_counted_with_a_photo_for_each(store):
    old = replace(photo(0), path="/old.jpg", digest="old", taken_at=None)
    store.add(old, regions_for(old, 1, labels=("dog",)), rows(1, seed=9))
    for source_id, text in ((1, "Pisa, Tuscany, Italy"), (2, "Pisa, Tuscany, Italy"), (3, "Bath, England")):
        (source,) = store.sources(Filter(source_ids=(source_id,)), limit=1)
        store.extend(source_id, [place(source, text)], rows(1, seed=source_id), mark="words")
    assert store.months() == [(2024, 1, 4), (0, 0, 1)]
    assert store.places() == [("Bath, England", 1, 3), ("Pisa, Tuscany, Italy", 2, 2)]
    assert store.things(5) == [("dog", 1, 5)]
    assert names(store, Filter(place="pisa")) == ["1.jpg", "0.jpg"]
    assert names(store, Filter(place="Italy")) == ["1.jpg", "0.jpg"]
    assert names(store, Filter(place="Ital")) == []
