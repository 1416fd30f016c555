"""`import`: what another program has exported, first as a dry run, then for good."""

import json

import pytest
from export_samples import ITALY, said_by_google, small_photo, write_all
from test_main_index import Shop


@pytest.fixture
def takeout(tmp_path):
    said = said_by_google(1_556_973_000, where=ITALY, favorited=True)
    files = {
        "Pisa/a.jpg": small_photo(1), "Pisa/a.jpg.json": said, "Pisa/metadata.json": {"title": "Pisa"},
        "b.jpg": small_photo(2), "gone.jpg.json": said,
    }  # fmt: skip
    return str(write_all(tmp_path / "takeout", files))


def test_a_dry_run_lists_what_would_happen_and_the_import_does_it(tmp_path, takeout):
    shop = Shop(tmp_path)
    assert shop("import", takeout, "--dry-run") == 0
    assert shop.out.splitlines()[:4] == [
        "Google Photos: 2 photos and videos, 2 new, 0 known",
        "of them 1 with a date, 1 with a place, 1 favourites, 0 with stars, 0 described, 0 with people",
        "album Pisa: 1 (new)",
        "1 of which nothing is said",
    ]
    assert "1 files are not taken" in shop.out
    assert shop.stored() == 0
    assert shop("import", takeout) == 0
    assert "2 added" in shop.out
    assert "1 dates set, 1 places set, 1 favourites and stars taken over, 1 put into albums" in shop.out
    assert shop("import", takeout, "--dry-run", "--json") == 0
    told = json.loads(shop.out)
    assert (told["known"], told["new"], told["new_albums"]) == (2, 0, [])


def test_what_is_nobodys_export_is_refused_with_the_next_step(tmp_path):
    shop = Shop(tmp_path)
    home = str(write_all(tmp_path / "x", {"trip/a.jpg": small_photo(1)}))
    assert shop("import", home) == 2
    assert "--kind" in shop.err
    assert shop("import", home, "--kind", "apple", "--json") == 0
    assert json.loads(shop.out)["albums"] == 1


def test_what_was_said_is_written_beside_the_photos_on_wish(tmp_path, takeout):
    shop = Shop(tmp_path)
    shop("import", takeout)
    assert shop("sidecars", "write", "--dry-run", "--json") == 0
    assert json.loads(shop.out)["written"] == 1
    assert not list(tmp_path.rglob("*.xmp"))
    assert shop("sidecars", "write") == 0
    assert shop.out == "1 sidecars written, 0 were as they should be\n"
    assert [path.name for path in tmp_path.rglob("*.xmp")] == ["a.jpg.xmp"]


def test_everything_is_exported_and_taken_back_by_another_library(tmp_path, takeout):
    shop = Shop(tmp_path)
    shop("import", takeout)
    out = str(tmp_path / "out")
    assert shop("export", out) == 0
    assert shop.out == f"2 files, 1 albums and 0 conversations are in {out}\n"
    assert shop("import", out, "--dry-run", "--json") == 0
    told = json.loads(shop.out)
    assert (told["kind"], told["known"], told["favourites"]) == ("export", 2, 1)
    assert shop("export", takeout) == 2
    assert "Name a new or an empty folder" in shop.err
