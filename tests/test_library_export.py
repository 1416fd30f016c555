"""Everything leaves as a folder, and a fresh library takes all of it back."""

import json

import pytest
from export_samples import ITALY, said_by_google, small_photo, write_all
from history_samples import told
from library_help import House, paint

from deepseek_mm.errors import Conflict
from deepseek_mm.imports import find_export
from deepseek_mm.types import Answer
from index import Filter
from index.region import Rating


@pytest.fixture
def photos(tmp_path):
    photos = paint(tmp_path / "photos")
    (photos / "notes.md").write_text("# Pisa\n\nThe tower leans to the south.\n")
    (photos / "deep").mkdir()
    (photos / "deep" / "red.png").write_bytes(small_photo(1))
    said = said_by_google(1_556_973_000, where=ITALY, description="It leans")
    return write_all(photos, {"t/a.jpg": small_photo(2), "t/a.jpg.json": said}) and photos


@pytest.fixture
def house(tmp_path, photos):
    house = House(tmp_path / "library")
    house.done(house.library.importing.begin([photos / "t"]))
    house.done(house.library.add([photos], collection=""))
    yield house
    house.close()


def source(house: House, name: str):
    return next(each for each in house.store.sources(limit=99) if each.path.endswith(name))


def say_something(house: House) -> None:
    red, blue, green = (source(house, f"photos/{name}.png") for name in ("red", "blue", "green"))
    house.library.describe(red, "The leaning tower")
    house.store.curation.rate([red.id], stars=5, is_favourite=True)
    album = house.store.curation.make_album("Pisa")
    house.store.curation.put_into(album, [blue.id, red.id, green.id])
    house.store.curation.set_cover(album, green.id)
    house.store.collect([source(house, "notes.md").path], "Texts")
    told(house.history, "Where is the tower?", Answer(text="In Pisa."), session="")


def export(house: House, folder):
    job = house.done(house.library.exporting.begin(folder, session=""))
    assert (job.state, house.failed(job)) == ("done", {})
    return job


def known(house: House) -> dict[str, tuple]:
    """Everything that was said, by the bytes of the files."""
    sources = [each for each in house.store.sources(limit=99) if each.format != "json"]
    ratings = house.store.curation.ratings_of([each.id for each in sources])
    return {
        each.digest: (
            each.collection, each.taken_at, each.latitude, ratings.get(each.id, Rating()),
            house.library.description_of(each), house.store.curation.albums_of(each.id),
        )
        for each in sources
    }  # fmt: skip


def test_a_fresh_library_takes_all_of_it_back(house, tmp_path):
    say_something(house)
    job = export(house, tmp_path / "out")
    assert (job.result["albums"], job.result["conversations"]) == (1, 1)
    assert find_export([tmp_path / "out"], house.config.parse) == "export"
    fresh = House(tmp_path / "fresh")
    taken = fresh.done(fresh.library.importing.begin([tmp_path / "out"], conversations=True))
    assert (taken.state, fresh.failed(taken)) == ("done", {})
    assert known(fresh) == known(house)
    order = [each.name for each in fresh.store.sources(Filter(album="Pisa"), order="album", limit=9)]
    assert order == ["blue.png", "red.png", "green.png"]
    assert fresh.store.curation.albums()[0].cover.name == "green.png"
    (talk,) = fresh.history.conversations(session="", limit=9)
    assert talk.title == "Where is the tower?"
    (hit,) = fresh.store.search_words("leans", k=1, where=Filter(kinds=("note",)))
    assert hit.region.source.name == "a.jpg"
    again = fresh.done(fresh.library.importing.begin([tmp_path / "out"], conversations=True))
    assert [again.result[name] for name in ("added", "noted", "albums")] == [0, 0, 0]
    assert (len(fresh.history.conversations(session="", limit=9)), known(fresh)) == (1, known(house))
    fresh.close()


def test_files_lie_by_month_and_kind_with_sidecars_and_no_name_twice(house, tmp_path):
    say_something(house)
    out = tmp_path / "out"
    export(house, out)
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert "files/2019-05/a.jpg" in names
    assert {"files/undated/red.png", "files/undated/red (2).png"} <= {*names}
    assert "files/document/notes.md" in names
    assert len([name for name in names if name.endswith(".xmp")]) == 3
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    export(house, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before


def test_a_sidecar_that_cannot_be_changed_costs_its_photo_nothing(house, tmp_path, photos):
    say_something(house)
    (photos / "red.png.xmp").write_text("<a")
    job = house.done(house.library.exporting.begin(tmp_path / "out", session=""))
    assert list(house.failed(job)) == [str(photos / "red.png")]
    listed = json.loads((tmp_path / "out" / "library.json").read_text())["files"]
    assert [row["words"] for row in listed if row["path"] == str(photos / "red.png")] == ["The leaning tower"]


def test_a_folder_with_other_things_is_left_alone(house, tmp_path, photos):
    with pytest.raises(Conflict, match="other things"):
        house.library.exporting.begin(photos, session="")
    (tmp_path / "empty").mkdir()
    assert house.library.exporting.begin(tmp_path / "empty", session="").kind == "export library"


def test_a_listing_that_leads_out_of_its_folder_brings_nothing_from_there(house, tmp_path):
    out = tmp_path / "out"
    export(house, out)
    listing = json.loads((out / "library.json").read_text())
    listing["files"] = [{"file": "../photos/red.png", "kind": "photo", "facts": {"stars": 99, "title": 3}}, {"file": 7}]
    listing["albums"] = [{"name": "x", "photos": "y"}]
    (out / "library.json").write_text(json.dumps(listing))
    preview = house.library.importing.preview([out])
    assert (preview.files, preview.num_left_out) == (0, 1)
