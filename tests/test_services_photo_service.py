"""Photos are looked through by anybody who may ask, and ordered by whoever may change the library."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.errors import BadQuestion, Conflict, Forbidden, NothingThere
from deepseek_mm.services.photo_service import PhotoService
from index.region import Rating

LIBRARIAN = Caller(name="me", session="key:me", rights=frozenset(("ask", "library")))
READER = Caller(name="reader", session="key:reader", rights=frozenset(("ask",)))
CHANGES = {
    "rate": ((1,), {"stars": 3}),
    "put_into_album": ("Pisa", [1]),
    "take_from_album": (1, [1]),
    "order_album": (1, [1]),
    "change_album": (1,),
    "delete_album": (1,),
}


@pytest.fixture
def photos(tmp_path):
    with build(tmp_path / "library") as assistant:
        put(assistant, *(paint(tmp_path, f"{n}.png", colour) for n, colour in enumerate(("red", "green", "blue"), 1)))
        yield PhotoService(assistant=assistant)


def names(photos: PhotoService, view: str, **how) -> list[str]:
    return [source.name for source in photos.list_photos(READER, photos.read_view(READER, view), **how)]


def test_a_view_is_bound_by_operators_alone(photos):
    photos.rate(LIBRARIAN, [2], is_favourite=True, stars=5)
    assert names(photos, "") == ["3.png", "2.png", "1.png"]
    assert names(photos, "is:favourite stars:4") == ["2.png"]
    assert photos.count_months(READER, photos.read_view(READER, "is:favourite")) == [(0, 0, 1)]
    with pytest.raises(BadQuestion, match="'dogs' bounds no photos"):
        photos.read_view(READER, "dogs is:favourite")


def test_an_album_is_made_filled_ordered_renamed_and_deleted(photos):
    album = photos.put_into_album(LIBRARIAN, "  My   trip ", [3, 1])
    assert (album.name, album.sources, album.cover.id) == ("My trip", 2, 3)
    assert photos.put_into_album(LIBRARIAN, "my TRIP", [2]).sources == 3
    photos.order_album(LIBRARIAN, album.id, [2])
    assert names(photos, 'album:"my trip"', order="album") == ["2.png", "3.png", "1.png"]
    assert photos.take_from_album(LIBRARIAN, album.id, [3]) == 1
    photos.put_into_album(LIBRARIAN, "Other", [])
    with pytest.raises(Conflict, match="an album called Other already"):
        photos.change_album(LIBRARIAN, album.id, name="Other")
    with pytest.raises(NothingThere, match="the photo 3 is not in My trip"):
        photos.change_album(LIBRARIAN, album.id, cover=3)
    assert photos.change_album(LIBRARIAN, album.id, name="Pisa", cover=1).cover.id == 1
    assert photos.list_albums_of(READER, 1) == ["Pisa"]
    photos.delete_album(LIBRARIAN, album.id)
    with pytest.raises(NothingThere, match=f"no album {album.id}"):
        photos.find_album(READER, album.id)
    assert names(photos, "") == ["3.png", "2.png", "1.png"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_an_album_has_a_name_of_a_sensible_length(photos, name):
    with pytest.raises(BadQuestion, match="1 to 120 letters"):
        photos.put_into_album(LIBRARIAN, name, [1])


def test_stars_are_zero_to_five_and_concern_photos_that_are_there(photos):
    with pytest.raises(BadQuestion, match="stars=6 must be 0 to 5"):
        photos.rate(LIBRARIAN, [1], stars=6)
    with pytest.raises(NothingThere, match="none of these"):
        photos.rate(LIBRARIAN, [99], stars=3)
    photos.rate(LIBRARIAN, [1, 99], stars=3)
    assert photos.read_ratings(READER, [1, 2]) == {1: Rating(stars=3)}


@pytest.mark.parametrize("name", CHANGES)
def test_who_may_only_ask_changes_nothing(photos, name):
    given = CHANGES[name]
    args, more = given if isinstance(given[-1], dict) else (given, {})
    with pytest.raises(Forbidden):
        getattr(photos, name)(READER, *args, **more)


def test_a_shared_page_holds_the_photos_and_neither_folders_nor_places_unless_asked(photos, tmp_path):
    photos.assistant.library.describe(photos.find_photos(READER, [1])[1], "A <red> door")
    place = replace(photos.assistant.store.leading([1])[1], id=0, kind="place", labels=(), text="Pisa, Italy")
    photos.assistant.store.extend(1, [place], np.ones((1, photos.assistant.eyes.space.dim), np.float32), mark="place")
    page = photos.share_page(READER, [2, 1, 99], title="Tür", language="zh")
    text = page.data.decode()
    assert (page.name, page.media_type) == ("Tür.html", "text/html")
    assert text.count("data:image/jpeg;base64,") == 2
    assert text.index('alt="2.png"') < text.index("A &lt;red&gt; door")
    assert str(tmp_path) not in text
    assert "Pisa" not in text
    assert "Pisa" in photos.share_page(READER, [1], places=True).data.decode()


def test_files_are_packed_without_their_coordinates(photos, tmp_path):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (43.0, 43.0, 22.0)
    exif[ExifTags.Base.Make] = "Camera"
    Image.new("RGB", (64, 48), "red").save(tmp_path / "there.jpg", exif=exif)
    put(photos.assistant, tmp_path / "there.jpg")
    packed = {}
    for coordinates in (False, True):
        with zipfile.ZipFile(photos.pack_files(READER, [4], coordinates=coordinates)) as archive:
            assert archive.namelist() == ["there.jpg", "found.csv"]
            packed[coordinates] = Image.open(io.BytesIO(archive.read("there.jpg"))).getexif()
    assert {exif[ExifTags.Base.Make] for exif in packed.values()} == {"Camera"}
    assert not any(packed[False].get_ifd(ExifTags.IFD.GPSInfo).values())
    assert packed[True].get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (43.0, 43.0, 22.0)


def test_too_many_photos_and_none_are_no_file(photos):
    with pytest.raises(BadQuestion, match="501 photos are too many"):
        photos.share_page(READER, list(range(501)))
    with pytest.raises(NothingThere, match="none of these"):
        photos.pack_files(READER, [])
