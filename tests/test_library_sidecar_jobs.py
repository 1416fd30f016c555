"""Somebody's own words are written beside the photos, and nothing else; another library reads them back."""

import os

import numpy as np
import pytest
from library_help import House, paint
from xmp_samples import alt, bag, packet

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.xmp.packet import read_xmp
from deepseek_mm.parse.xmp.sidecars import write_sidecar
from index.people import NewFace
from index.region import Rating, StatedFacts

PARSE = ParseConfig()
FACTS = StatedFacts(description="The tower", stars=4, is_favourite=True, albums=("Trip", "a/b"), people=("Anna",))


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path, photos):
    house = House(tmp_path / "library")
    house.done(house.library.add([photos]))
    yield house
    house.close()


def source(house: House, name: str):
    return next(each for each in house.store.sources(limit=99) if each.name == name)


def write(house: House, *ids: int, **how):
    job = house.done(house.library.sidecars.begin(ids, **how))
    return job.result["written"], job.result["unchanged"], house.failed(job)


def say_something(house: House) -> None:
    red, blue = source(house, "red.png"), source(house, "blue.png")
    house.library.describe(red, "The leaning tower")
    house.store.curation.rate([red.id], stars=5, is_favourite=True)
    house.store.curation.put_into(house.store.curation.make_album("Pisa"), [blue.id, red.id])


def test_people_who_were_named_are_written_and_nobody_else(house, photos):
    people, vectors_FD = house.store.people, np.eye(128, dtype=np.float32)
    for name, n in (("red.png", 0), ("blue.png", 0), ("green.png", 1)):
        people.add(source(house, name).id, [NewFace(box=(0.1, 0.2, 0.5, 0.6), score=0.9, vector_D=vectors_FD[n])])
    people.group(0.1)
    (anna,) = people.list_people()  # of the other face there is one photo only
    people.name(anna.id, "Anna")
    assert write(house) == (2, 0, {})
    assert read_xmp((photos / "red.png.xmp").read_bytes()).people == ("Anna",)


def test_what_was_said_comes_back_in_a_fresh_library(house, photos, tmp_path):
    say_something(house)
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    assert write(house) == (2, 0, {})
    assert write(house) == (0, 2, {})
    assert {name: (photos / name).read_bytes() for name in before} == before
    assert sorted({path.name for path in photos.iterdir()} - before.keys()) == ["blue.png.xmp", "red.png.xmp"]
    fresh = House(tmp_path / "fresh")
    fresh.done(fresh.library.add([photos]))
    red = source(fresh, "red.png")
    assert fresh.store.curation.ratings_of([red.id]) == {red.id: Rating(stars=5, is_favourite=True)}
    assert [(album.name, album.sources) for album in fresh.store.curation.albums()] == [("Pisa", 2)]
    notes = [region.text for region in fresh.store.regions_of([red.id])[red.id] if region.kind == "note"]
    assert notes == ["The leaning tower"]
    fresh.close()


def test_reading_ones_own_sidecar_again_changes_nothing(house, photos):
    say_something(house)
    write(house)
    red = source(house, "red.png")
    house.store.curation.rate([red.id], stars=2)
    house.done(house.library.add([photos]))
    assert house.store.curation.ratings_of([red.id])[red.id].stars == 2
    notes = [region.text for region in house.store.regions_of([red.id])[red.id] if region.kind == "note"]
    assert notes == ["The leaning tower"]


def test_a_dry_run_counts_and_writes_nothing_and_chosen_photos_alone_are_written(house, photos):
    say_something(house)
    assert write(house, dry_run=True) == (2, 0, {})
    assert list(photos.glob("*.xmp")) == []
    assert write(house, source(house, "blue.png").id, source(house, "green.png").id) == (1, 0, {})
    assert [path.name for path in photos.glob("*.xmp")] == ["blue.png.xmp"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_cannot_be_written_is_told(house, photos):
    say_something(house)
    photos.chmod(0o555)
    written, _, failed = write(house)
    photos.chmod(0o755)
    assert written == 0
    assert all("chmod u+w" in reason or "Permission" in reason for reason in failed.values())


def test_a_disk_that_does_not_take_it_is_told_and_the_old_sidecar_stays(house, photos, monkeypatch):
    say_something(house)
    (photos / "red.png.xmp").write_text(packet(bag("dc:subject", "marble")))

    def refuse(*given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "fsync", refuse)
    written, _, failed = write(house)
    assert (written, sorted(failed)) == (0, [str(photos / "blue.png"), str(photos / "red.png")])
    assert all("Permission denied" in reason for reason in failed.values())
    assert (photos / "red.png.xmp").read_text() == packet(bag("dc:subject", "marble"))
    assert not list(photos.glob(".*"))


def test_an_existing_sidecar_keeps_all_that_is_not_ours(photos):
    other = alt("dc:description", "old") + bag("dc:subject", "marble")
    other += bag("lr:hierarchicalSubject", "Places|Pisa", "Albums|Old")
    sidecar = photos / "red.xmp"
    sidecar.write_text(packet(other, 'exif:GPSLatitude="43,43.38N" exif:GPSLongitude="10,23.79E" xmp:Rating="2"'))
    assert write_sidecar(str(photos / "red.png"), FACTS, PARSE)
    facts = read_xmp(sidecar.read_bytes())
    assert (facts.description, facts.stars, facts.is_favourite) == ("The tower", 4, True)
    assert (facts.keywords, facts.people, facts.albums) == (("marble", "Pisa"), ("Anna",), ("Trip", "a/b"))
    assert round(facts.latitude, 3) == 43.723
    assert ">non<" in sidecar.read_text()
    assert not write_sidecar(str(photos / "red.png"), FACTS, PARSE)


def test_photos_of_one_name_get_sidecars_of_their_own(photos):
    (photos / "red.xmp").write_text(packet(bag("dc:subject", "marble")))
    assert write_sidecar(str(photos / "red.png"), FACTS, PARSE, shared=True)
    assert read_xmp((photos / "red.png.xmp").read_bytes()).keywords == ("marble",)
    assert (photos / "red.xmp").read_text() == packet(bag("dc:subject", "marble"))


@pytest.mark.parametrize("content", ["<a", "<a/>", '<!DOCTYPE x [<!ENTITY a "b">]>' + packet()])
def test_a_sidecar_that_cannot_be_read_is_never_overwritten(house, photos, content):
    say_something(house)
    (photos / "red.png.xmp").write_text(content)
    written, _, failed = write(house)
    assert (written, list(failed)) == (1, [str(photos / "red.png")])
    assert "no XMP that can be read" in failed[str(photos / "red.png")]
    assert (photos / "red.png.xmp").read_text() == content
