"""What is known of a photo when somebody looks at it: from files that Pillow wrote, and from the index."""

from dataclasses import replace

import pytest
from fakes import picture
from library_help import House, Sign
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from deepseek_mm.config import ParseConfig
from deepseek_mm.library import photo_facts
from deepseek_mm.library.photo_facts import PhotoFacts, PhotoFactsReader
from deepseek_mm.parse.image_metadata import Exposure
from deepseek_mm.types import PhotoDescription
from index import Label, Region, Source

TAKEN = Exposure(camera="Nikon Z 6", lens="NIKKOR Z 50mm", seconds=0.5, f_number=1.8, iso=100, focal_mm=50)
PISA = {1: "N", 2: (43, 43, 0), 3: "E", 4: (10, 24, 0)}


def camera_notes() -> Image.Exif:
    exif = Image.Exif()
    exif.update({0x010F: "Nikon", 0x0110: "Z 6"})
    exif.get_ifd(0x8769).update(
        {0x829A: IFDRational(1, 2), 0x829D: IFDRational(18, 10), 0x8827: 100, 0x920A: 50, 0xA434: "NIKKOR Z 50mm"}
    )
    exif.get_ifd(0x8825).update(PISA)
    return exif


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_the_exposure_is_read_from_a_photo_of_any_format_that_carries_notes(tmp_path, name):
    picture("red").save(tmp_path / name, exif=camera_notes())
    assert PhotoFactsReader(ParseConfig()).read_exposure(Source(path=str(tmp_path / name))) == TAKEN


def test_a_file_is_read_once_until_it_changes_and_one_that_is_gone_says_nothing(tmp_path, monkeypatch):
    path, reads = tmp_path / "a.jpg", []
    picture("red").save(path, exif=camera_notes())
    read = photo_facts.read_exposure
    monkeypatch.setattr(photo_facts, "read_exposure", lambda *given: reads.append(1) or read(*given))
    reader, source = PhotoFactsReader(ParseConfig()), Source(path=str(path), modified_ns=1)
    assert [reader.read_exposure(source) for _ in range(2)] == [TAKEN, TAKEN]
    assert len(reads) == 1
    picture("red").save(path)
    assert reader.read_exposure(replace(source, modified_ns=2)) == Exposure()
    path.unlink()
    assert reader.read_exposure(replace(source, modified_ns=3)) == Exposure()


def test_a_photo_has_its_place_its_lines_its_parts_and_every_path(tmp_path):
    house = House(tmp_path / "library", reader=Sign())
    folder = tmp_path / "photos"
    folder.mkdir()
    picture("blue", size=(64, 48)).save(folder / "b.jpg", exif=camera_notes())
    (folder / "copy.jpg").write_bytes((folder / "b.jpg").read_bytes())
    house.done(house.library.add([folder]))
    (source,) = house.store.sources(limit=9)
    parts = [
        Region(source=source, box_px=(n, 0, n + 9, 9), labels=(Label(name=name, score=score),))
        for n, (name, score) in enumerate((("cup", 0.4), ("kite", 0.9)))
    ]
    house.store.extend(source.id, parts, house.space.embed_texts(["cup", "kite"]), mark="parts")
    found = house.library.read_facts(source)
    assert found.place == "Pisa, Tuscany, Italy, Europe"
    assert (found.exposure, found.lines) == (TAKEN, ("blue",))
    assert [part.label for part in found.parts if part.label in ("cup", "kite")] == ["kite", "cup"]
    assert found.paths == (str(folder / "b.jpg"), str(folder / "copy.jpg"))
    house.close()


def test_a_document_only_says_where_it_lies_and_a_picture_that_was_brought_only_how_it_was_taken(tmp_path):
    house = House(tmp_path / "library")
    picture("red").save(tmp_path / "mine.jpg", exif=camera_notes())
    brought = Source(path=str(tmp_path / "mine.jpg"), collection="uploads")
    assert house.library.read_facts(brought) == PhotoFacts(exposure=TAKEN, paths=(brought.path,))
    page = Source(path="/a/bill.pdf", kind="document")
    assert house.library.read_facts(page) == PhotoFacts(paths=("/a/bill.pdf",))
    assert house.library.read_facts(page).said == PhotoDescription()
    house.close()
