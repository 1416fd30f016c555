"""Google Takeout in all spellings: every photo finds the file that speaks of it, and nobody else's."""

import zipfile
from datetime import datetime

import pytest
from export_samples import ITALY, said_by_google, small_photo, write_all

from deepseek_mm.config import ParseConfig
from deepseek_mm.imports import read_plan
from deepseek_mm.imports.takeout import NO_PHOTO, NO_TELLER, TRASHED, find_teller

PARSE = ParseConfig()
SEEN = 1_556_973_000  # 2019-05-04 12:30:00 UTC
LONG = "a_very_long_name_of_a_photo_that_somebody_gave_it"  # 49 letters


@pytest.mark.parametrize(
    ("name", "teller"),
    [
        ("IMG.jpg", "IMG.jpg"),
        ("IMG.jpg", "IMG.jpg.supplemental-metadata"),
        ("IMG_20200920_131207.jpg", "IMG_20200920_131207.jpg.supplemental-metadata"),
        ("PXL_20230607_063000139.NIGHT.jpg", "PXL_20230607_063000139.NIGHT.jpg.supplemental-"),
        ("0123456789012345678901234567890123456789.jpg", "0123456789012345678901234567890123456789.jpg.s"),
        ("01234567890123456789012345678901234567890.jpg", "01234567890123456789012345678901234567890.jpg."),
        (f"{LONG}.jpg", LONG[:46]),
        ("IMG(1).jpg", "IMG.jpg(1)"),
        ("IMG(1).jpg", "IMG(1).jpg"),
        ("IMG(12).jpg", "IMG.jpg.supplemental-metadata(12)"),
        ("0123456789012345678901234567890123456789(2).jpg", "0123456789012345678901234567890123456789.jpg.s(2)"),
        ("IMG.jpg", "IMG.jpg.suppl"),
        ("IMG.jpg", "IMG"),
        ("IMG-edited.jpg", "IMG.jpg"),
        ("IMG-bearbeitet.jpg", "IMG.jpg.supplemental-metadata"),
        ("IMG-\u7f16\u8f91.jpg", "IMG.jpg"),
        ("IMG-edited(1).jpg", "IMG.jpg(1)"),
        ("0123456789012345678901234567890123456789-edited.jpg", "0123456789012345678901234567890123456789.jp"),
        ("no ending", "no ending"),
    ],
)
def test_a_photo_finds_the_file_that_speaks_of_it_whatever_its_name_was_cut_to(name, teller):
    others = ("IMG_1.jpg", "IMH.jpg", "IMG.png.supplemental-metadata", "IMG.jpg(3)", "metadata")
    assert find_teller(name, dict.fromkeys((*others, teller))) == teller


def test_the_film_of_a_live_photo_takes_what_is_said_of_the_photo():
    assert (
        find_teller("IMG.MP4", {"IMH.HEIC": 1, "IMG.HEIC.supplemental-metadata": 1}) == "IMG.HEIC.supplemental-metadata"
    )
    assert find_teller("IMG.MP4", {"IMG.HEIC": 1, "IMG.MP4": 1}) == "IMG.MP4"


@pytest.mark.parametrize(
    ("name", "told"),
    [("IMG.jpg", ["IMG.jpg(1)"]), ("IMG(1).jpg", ["IMG.jpg"]), ("IMG.jpg", ["IMG_2.jpg"]), ("IMG.jpg", ["IMG.png"]),
     ("IMG_12.jpg", ["IMG_1.jpg"]), ("IMG.jpg", ["I"])],
)  # fmt: skip
def test_what_speaks_of_another_photo_is_nobody_elses(name, told):
    assert find_teller(name, dict.fromkeys(told)) == ""


def test_what_is_said_is_read_field_by_field_and_nonsense_is_nothing(tmp_path):
    good = said_by_google(
        SEEN, where=ITALY, description=" The\ntower ", favorited=True, people=[{"name": "Anna"}, {"name": ""}, "Ben", 7]
    )
    bad = {"photoTakenTime": {"timestamp": "soon"}, "geoData": {"latitude": 99, "longitude": "x"}, "people": 3}
    exif = said_by_google(-86_400) | {"geoDataExif": ITALY}
    files = {"a.jpg": b"", "b.jpg": b"", "c.jpg": b""} | {"a.jpg.json": good, "b.jpg.json": bad, "c.jpg.json": exif}
    a, b, c = (photo.facts for photo in read_plan([write_all(tmp_path / "x", files)], PARSE).photos)
    assert (a.description, a.people, a.is_favourite) == ("The tower", ("Anna", "Ben"), True)
    assert (a.taken_at, a.latitude, a.longitude) == (datetime(2019, 5, 4, 12, 30), 43.723, 10.3966)
    assert (b.taken_at, b.latitude, b.people, b.title) == (None, None, (), "")
    assert (c.taken_at, c.latitude) == (datetime(1969, 12, 31), 43.723)


def test_albums_are_folders_with_a_file_of_their_own_and_years_are_none(tmp_path):
    said = said_by_google(SEEN)
    files = {
        "Takeout/Google Fotos/Fotos von 2019/a.jpg": small_photo(1),
        "Takeout/Google Fotos/Fotos von 2019/a.jpg.json": said,
        "Takeout/Google Fotos/Fotos von 2019/Metadaten.json": {"title": "Fotos von 2019"},
        "Takeout/Google Fotos/Pisa/a.jpg": small_photo(1),
        "Takeout/Google Fotos/Pisa/a.jpg.json": said,
        "Takeout/Google Fotos/Pisa/Metadaten.json": {"title": "Pisa 2019", "access": "protected"},
        "Takeout/Google Fotos/Rom/b.jpg": small_photo(2),
        "Takeout/Google Fotos/Rom/metadata.json": {"albumData": {"title": "Rom"}},
        "Takeout/Google Fotos/print-subscriptions.json": {},
        "Takeout/archive_browser.html": "x",
    }
    plan = read_plan([write_all(tmp_path / "x", files)], PARSE)
    assert plan.kind == "takeout"
    assert [photo.facts.albums for photo in plan.photos] == [(), ("Pisa 2019",), ("Rom",)]
    assert plan.silent_photos == ()
    assert [reason for _, reason in plan.left_out] == [NO_TELLER]


def test_an_export_in_several_archives_is_one(tmp_path):
    first, second = tmp_path / "takeout-001.zip", tmp_path / "takeout-002.zip"
    with zipfile.ZipFile(first, "w") as target:
        target.writestr("Takeout/Google Photos/Photos from 2019/a.jpg", small_photo(1))
        target.writestr("Takeout/Google Photos/Photos from 2019/../../evil.jpg", small_photo(2))
    with zipfile.ZipFile(second, "w") as target:
        write = target.writestr
        write("Takeout/Google Photos/Photos from 2019/a.jpg.json", '{"photoTakenTime": {"timestamp": "0"}}')
    (photo,) = read_plan([first, second], PARSE).photos
    assert photo.path == f"{first}!/Takeout/Google Photos/Photos from 2019/a.jpg"
    assert photo.told_by == f"{second}!/Takeout/Google Photos/Photos from 2019/a.jpg.json"
    assert photo.facts.taken_at == datetime(1970, 1, 1)
    assert read_plan([tmp_path], PARSE).photos == (photo,)


def test_what_is_not_taken_is_told_with_its_reason(tmp_path):
    files = {
        "a.jpg": small_photo(1),
        "gone.jpg.json": said_by_google(SEEN),
        "b.jpg": small_photo(2),
        "b.jpg.json": said_by_google(SEEN) | {"trashed": True},
        "c.jpg": small_photo(3),
        "note.bin": b"\0",
        "part.tgz": b"x",
        "d.jpg": b"x",
        "d.jpg.json": b"[" * 100_000,
    }
    home = write_all(tmp_path / "x", files)
    plan = read_plan([home], PARSE)
    reasons = {path.removeprefix(f"{home}/"): reason for path, reason in plan.left_out}
    assert [path.removeprefix(f"{home}/") for path in plan.silent_photos] == ["a.jpg", "c.jpg", "d.jpg"]
    assert (reasons["gone.jpg.json"], reasons["b.jpg"], reasons["d.jpg.json"]) == (NO_PHOTO, TRASHED, NO_TELLER)
    assert set(reasons) == {"gone.jpg.json", "b.jpg", "d.jpg.json", "note.bin", "part.tgz"}
