"""Exports of Apple Photos, Immich and digiKam: who is recognised, and what comes along of each."""

import os
import sqlite3
from datetime import datetime

import pytest
from export_samples import said_by_google, small_photo, write_all, write_digikam
from xmp_samples import alt, bag, mwg, packet

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.imports import find_export, read_plan
from deepseek_mm.imports.apple import EDIT_LEFT_OUT, name_album
from deepseek_mm.imports.digikam import ABSENT, HIDDEN, NOT_READ, name_albums
from index.region import StatedFacts

PARSE = ParseConfig()
MAY = datetime(2019, 5, 4, 12, 30)
DATED = 'exif:DateTimeOriginal="2019-05-04T12:30:00+02:00"'


def plan_of(home):
    """File below the export -> what is said of it, and what is left out -> why."""
    plan = read_plan([home], PARSE)
    facts = {photo.path.removeprefix(f"{home}/"): photo.facts for photo in plan.photos}
    return facts, {path.removeprefix(f"{home}/"): reason for path, reason in plan.left_out}


def test_apple_photos_exports_sidecars_edited_copies_and_folders_that_are_albums_or_moments(tmp_path):
    said = packet(alt("dc:title", "The tower") + mwg("Anna", x=0.5, y=0.5, w=0.2, h=0.2), DATED)
    files = {
        "Trip/IMG_0001.HEIC": b"x",
        "Trip/IMG_0001.xmp": said,
        "Trip/IMG_E0001.JPG": small_photo(1),
        "Trip/IMG_0001.AAE": "<plist/>",
        "Pisa, 4 May 2019/IMG_0002.JPG": small_photo(2),
        "IMG_0003.JPG": small_photo(3),
    }
    facts, left_out = plan_of(write_all(tmp_path / "x", files))
    tower = StatedFacts(title="The tower", people=("Anna",), taken_at=MAY, albums=("Trip",))
    assert facts["Trip/IMG_0001.HEIC"] == facts["Trip/IMG_E0001.JPG"] == tower
    assert facts["Pisa, 4 May 2019/IMG_0002.JPG"] == facts["IMG_0003.JPG"] == StatedFacts()
    assert left_out == {"Trip/IMG_0001.AAE": EDIT_LEFT_OUT}


@pytest.mark.parametrize(
    ("folder", "album"),
    [("Trip", "Trip"), ("a/Summer  2019", "Summer 2019"), ("4 May 2019", ""), ("Pisa, May 4, 2019", ""), ("2019", ""),
     ("2019-05-04", ""), ("", "")],
)  # fmt: skip
def test_folders_with_the_name_of_a_day_are_no_albums(folder, album):
    assert name_album(folder) == album


def test_immich_go_writes_what_immich_knows_beside_each_photo(tmp_path):
    said = {
        "fileName": "a.jpg", "dateTaken": "2019-05-04T12:30:00+02:00", "latitude": 43.723, "longitude": 10.3966,
        "description": "It leans", "albums": [{"title": "Trip"}, {"title": ""}], "tags": [{"name": "Italy"}],
        "rating": 4, "favorited": True,
    }  # fmt: skip
    files = {
        "2019/a.jpg": small_photo(1), "2019/a.jpg.JSON": said, "2019/a.jpg.xmp": packet(bag("dc:subject", "Pisa")),
        "2019/b.jpg": small_photo(2), "2019/b.jpg.JSON": said | {"trashed": True},
    }  # fmt: skip
    home = write_all(tmp_path / "x", files)
    facts, left_out = plan_of(home)
    assert find_export([home], PARSE) == "immich"
    assert list(facts) == ["2019/a.jpg"]
    assert facts["2019/a.jpg"] == StatedFacts(
        description="It leans", keywords=("Italy", "Pisa"), albums=("Trip",), taken_at=MAY, latitude=43.723,
        longitude=10.3966, stars=4, is_favourite=True,
    )  # fmt: skip
    assert left_out == {"2019/b.jpg": "lies in the trash there"}


def test_immich_export_lays_links_into_folders_of_albums(tmp_path):
    sidecar = packet(alt("dc:description", "It leans"), 'xmp:Rating="5"')
    files = {"library/a.jpg": small_photo(1), "library/a.jpg.xmp": sidecar, "manifest.jsonl": "{}"}
    home = write_all(tmp_path / "x", files)
    for album in ("Trip", "Best"):
        (home / "albums" / album).mkdir(parents=True)
        os.symlink(home / "library/a.jpg", home / "albums" / album / "a.jpg")
    facts, left_out = plan_of(home)
    assert facts == {"library/a.jpg": StatedFacts(description="It leans", stars=5, albums=("Best", "Trip"))}
    assert left_out == {}


def test_digikam_says_everything_in_its_database(tmp_path):
    home = write_digikam(tmp_path / "Pictures")
    facts, left_out = plan_of(home)
    assert facts["Trips/Pisa/b.jpg"] == StatedFacts(
        title="The tower", description="It leans", keywords=("Italy",), people=("Anna",), albums=("Pisa",),
        taken_at=MAY, latitude=43.723, longitude=10.3966, stars=4, is_favourite=True,
    )  # fmt: skip
    assert facts["a.jpg"] == StatedFacts(keywords=("Places",))
    assert left_out == {"Trips/Pisa/hidden.jpg": HIDDEN, "Trips/Pisa/gone.jpg": ABSENT, "c.xyz": NOT_READ}


def test_a_database_that_is_open_elsewhere_or_none_of_digikams_is_refused_and_never_written(tmp_path):
    home = write_digikam(tmp_path / "Pictures")
    before = (home / "digikam4.db").read_bytes()
    read_plan([home], PARSE)
    assert (home / "digikam4.db").read_bytes() == before
    assert sorted(path.name for path in home.iterdir()) == ["Trips", "a.jpg", "c.xyz", "digikam4.db"]
    (home / "digikam4.db-wal").write_bytes(b"x")
    with pytest.raises(BadFile, match="Close digiKam"):
        read_plan([home], PARSE)
    (home / "digikam4.db-wal").unlink()
    for content in (b"no database", b"SQLite format 3\0" + b"\xff" * 5000):
        (home / "digikam4.db").write_bytes(content)
        with pytest.raises(BadFile, match="no database of digiKam"):
            read_plan([home], PARSE)


def test_a_table_that_is_a_view_and_a_path_that_climbs_do_no_harm(tmp_path):
    home = write_digikam(tmp_path / "Pictures")
    with sqlite3.connect(home / "digikam4.db") as connection:
        connection.execute("UPDATE Albums SET relativePath = '/../../etc' WHERE id = 2")
    connection.close()
    facts, left_out = plan_of(home)
    assert list(facts) == ["a.jpg"]
    assert left_out["etc/b.jpg"] == ABSENT
    with sqlite3.connect(home / "digikam4.db") as connection:
        connection.executescript("DROP TABLE Tags; CREATE VIEW Tags AS SELECT 1 id, 0 pid, 'x' name")
    connection.close()
    with pytest.raises(BadFile, match="no table Tags"):
        read_plan([home], PARSE)


def test_a_database_names_no_folder_that_nobody_named(tmp_path):
    secret = write_all(tmp_path / "secret", {"a.jpg": small_photo(7), "Trips/Pisa/b.jpg": small_photo(8)})
    home = write_all(
        tmp_path / "shared", {"digikam4.db": write_digikam(tmp_path / "x").joinpath("digikam4.db").read_bytes()}
    )
    with sqlite3.connect(home / "digikam4.db") as connection:
        connection.execute("UPDATE AlbumRoots SET identifier = ?", [f"volumeid:?path={home}/../secret"])
    connection.close()
    assert read_plan([home], PARSE).photos == ()
    assert [photo.path for photo in read_plan([home, secret], PARSE).photos] == [
        f"{secret}/Trips/Pisa/b.jpg", f"{secret}/a.jpg",
    ]  # fmt: skip


def test_albums_of_one_name_in_two_folders_are_called_by_their_whole_way():
    names = name_albums(["/", "/a/Pisa", "/b/Pisa", "/c/Rome"])
    assert names == {"/": "", "/a/Pisa": "a / Pisa", "/b/Pisa": "b / Pisa", "/c/Rome": "Rome"}


def test_each_program_is_recognised_and_a_folder_of_photos_is_nobodys(tmp_path):
    takeout = write_all(tmp_path / "t", {"a.jpg": small_photo(1), "a.jpg.json": said_by_google(1)})
    apple = write_all(tmp_path / "a", {"IMG_0001.jpg": small_photo(1), "IMG_0001.AAE": ""})
    assert [find_export([home], PARSE) for home in (takeout, apple)] == ["takeout", "apple"]
    with pytest.raises(BadFile, match="no export of"):
        find_export([write_all(tmp_path / "n", {"a.jpg": small_photo(1), "data.json": {"a": 1}})], PARSE)
