"""What stands in a sidecar or inside a photo is searched, and a sidecar that changes is read again."""

import os
import zipfile
from datetime import datetime

import pytest
from fakes import picture
from library_help import House, paint
from xmp_samples import alt, bag, mwg, packet

from deepseek_mm.ingest.photo_words import PhotoWords
from deepseek_mm.parse.unread import explain_unread
from index import Filter
from index.region import Rating

NOTES = Filter(kinds=("note",))
WHERE = "<exif:GPSLatitude>43,43.38N</exif:GPSLatitude><exif:GPSLongitude>10,23.79E</exif:GPSLongitude>"
TOLD = alt("dc:title", "The leaning tower") + bag("dc:subject", "marble", "Tuscany") + WHERE


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def index(house: House, photos) -> None:
    assert house.done(house.library.add([photos])).state == "done"


def source(house: House, name: str):
    return next(each for each in house.store.sources(limit=99) if each.name == name)


def notes(house: House, name: str) -> list[str]:
    found = source(house, name).id
    return [region.text for region in house.store.regions_of([found])[found] if region.kind == "note"]


def look(house: House, name: str) -> list[int]:
    """The ids of what was seen in a photo."""
    found = source(house, name).id
    return [region.id for region in house.store.regions_of([found])[found] if region.kind in ("whole", "part")]


def test_a_sidecar_says_what_when_where_and_how_good(house, photos):
    (photos / "red.png.xmp").write_text(packet(TOLD, 'xmp:Rating="4" exif:DateTimeOriginal="2019-05-04T12:30:00"'))
    index(house, photos)
    red = source(house, "red.png")
    assert notes(house, "red.png") == ["The leaning tower", "marble, Tuscany"]
    assert [hit.region.source.name for hit in house.store.search_words("marble", k=9, where=NOTES)] == ["red.png"]
    assert (red.taken_at, round(red.latitude, 3)) == (datetime(2019, 5, 4, 12, 30), 43.723)
    assert [group.name.split(",")[0] for group in house.store.places()] == ["Pisa"]
    assert house.store.curation.ratings_of([red.id]) == {red.id: Rating(stars=4)}
    (told,) = house.store.statements.read_of([red.id])[red.id]
    assert (told.origin, told.told_by) == ("sidecar", str(photos / "red.png.xmp"))


def test_who_is_named_in_a_part_of_a_photo_is_a_note_on_that_part(house, photos):
    (photos / "blue.xmp").write_text(packet(mwg("Anna", x=0.5, y=0.5, w=0.5, h=0.25)))
    index(house, photos)
    blue = source(house, "blue.png")
    (hit,) = house.store.search_words("Anna", k=1, where=NOTES)
    assert notes(house, "blue.png") == ["people: Anna", "Anna"]
    boxes = [region.box_px for region in house.store.regions_of([blue.id])[blue.id] if region.text == "Anna"]
    wide, high = blue.width_px, blue.height_px
    assert boxes == [(round(wide * 0.25), round(high * 0.375), round(wide * 0.75), round(high * 0.625))]
    assert hit.region.source.name == "blue.png"


def test_a_sidecar_that_comes_changes_or_goes_is_noticed_and_the_photo_is_not_looked_at_again(house, photos):
    index(house, photos)
    whole, sidecar = look(house, "red.png"), photos / "red.png.xmp"
    for text, told in ((TOLD, ["The leaning tower", "marble, Tuscany"]), (alt("dc:title", "Pisa"), ["Pisa"])):
        sidecar.write_text(packet(text))
        index(house, photos)
        assert notes(house, "red.png") == told
    assert source(house, "red.png").latitude is None
    sidecar.unlink()
    index(house, photos)
    assert (notes(house, "red.png"), look(house, "red.png")) == ([], whole)


def test_stars_that_were_given_here_stay_whatever_a_sidecar_says(house, photos):
    index(house, photos)
    red = source(house, "red.png").id
    house.store.curation.rate([red], stars=2)
    (photos / "red.png.xmp").write_text(packet("", 'xmp:Rating="5"'))
    index(house, photos)
    assert house.store.curation.ratings_of([red]) == {red: Rating(stars=2)}


def test_what_stands_inside_a_photo_counts_and_its_camera_counts_more(house, photos):
    body = packet(TOLD, 'xmp:Rating="3" exif:DateTimeOriginal="2019-05-04T12:30:00"').encode()
    exif = picture("red").getexif()
    exif[0x0132] = "2020:01:02 03:04:05"
    picture("red").save(photos / "dated.jpg", exif=exif, xmp=body)
    picture("blue").save(photos / "undated.jpg", xmp=body)
    index(house, photos)
    dated, undated = source(house, "dated.jpg"), source(house, "undated.jpg")
    assert (dated.taken_at, undated.taken_at) == (datetime(2020, 1, 2, 3, 4, 5), datetime(2019, 5, 4, 12, 30))
    assert notes(house, "undated.jpg") == ["The leaning tower", "marble, Tuscany"]
    assert house.store.curation.ratings_of([dated.id])[dated.id].stars == 3


def test_sidecars_are_read_in_archives_and_are_nobodys_unread_files(house, photos, tmp_path):
    archive = tmp_path / "trip.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(photos / "red.png", "a/red.png")
        target.writestr("a/red.xmp", packet(TOLD))
        target.writestr("a/red.AAE", "cut")
    job = house.done(house.library.add([archive]))
    assert "The leaning tower" in notes(house, "red.png")
    assert job.result["left_out"] == [[f"{archive}!/a/red.AAE", explain_unread("red.AAE")]]


def test_a_hostile_sidecar_costs_its_photo_nothing(house, photos):
    (photos / "red.png.xmp").write_bytes(b"<a>" * 100_000)
    (photos / "blue.png.xmp").write_bytes(b"x" * 5_000_000)
    os.mkfifo(photos / "green.png.xmp")
    index(house, photos)
    index(house, photos)
    assert house.names() == ["blue.png", "green.png", "red.png", "yellow.png"]
    assert notes(house, "red.png") == notes(house, "blue.png") == []


def test_what_is_told_of_a_photo_stays_where_its_file_cannot_be_read_now(house, photos):
    picture("red").save(photos / "told.jpg", xmp=packet(alt("dc:title", "The tower")).encode())
    index(house, photos)
    told = source(house, "told.jpg")
    (photos / "told.jpg").rename(photos / "away.txt")
    house.store.statements.mark_stale([told.path], ["words"])
    words = PhotoWords(store=house.store, space=house.space, config=house.config.parse, stopping=lambda: False)
    assert words.add_all() == 1
    assert notes(house, "told.jpg") == ["The tower"]
