"""Photos get the words of their files' names, and of documents beside them that name the file."""

import pytest
from library_help import House, paint

from index import Filter

WORDS = Filter(kinds=("name", "note"))


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "holiday in rome")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def words(house: House, name: str) -> list[tuple[str, str]]:
    source = next(source for source in house.store.sources(limit=99) if source.name == name)
    regions = house.store.regions_of([source.id])[source.id]
    return [(region.kind, region.text) for region in regions if region.kind in WORDS.kinds]


def test_a_photo_is_found_by_the_words_of_its_name_and_of_its_folder(house, photos):
    (photos / "red.png").rename(photos / "IMG_12-red-kite.png")
    house.done(house.library.add([photos]))
    assert words(house, "IMG_12-red-kite.png") == [("name", "red kite"), ("name", "holiday in rome")]
    hits = house.store.search_words("kite", k=9, where=WORDS)
    assert [hit.region.source.name for hit in hits] == ["IMG_12-red-kite.png"]


def test_a_row_of_a_document_beside_it_describes_a_photo_and_one_of_another_folder_does_not(house, photos, tmp_path):
    (photos / "list.md").write_text("| file | what |\n|---|---|\n| blue.png | the sea at noon | Ada |\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "list.md").write_text("green.png: a lawn\n")
    house.done(house.library.add([photos, tmp_path / "elsewhere"]))
    assert ("note", "the sea at noon") in words(house, "blue.png")
    assert [kind for kind, _ in words(house, "green.png")] == ["name", "name"]


def test_a_document_that_comes_later_or_changes_describes_photos_that_are_there(house, photos):
    house.done(house.library.add([photos]))
    (photos / "list.txt").write_text("blue.png: the sea at noon\n")
    house.done(house.library.add([photos]))
    assert ("note", "the sea at noon") in words(house, "blue.png")
    (photos / "list.txt").write_text("blue.png: the lake\n")
    house.done(house.library.add([photos]))
    assert [text for kind, text in words(house, "blue.png") if kind == "note"] == ["the lake"]


def test_a_library_of_before_gets_its_names_when_it_opens_although_its_files_are_gone(tmp_path, photos):
    house = House(tmp_path / "library")
    house.done(house.library.add([photos]))
    with house.store._database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM marks WHERE name = 'words'")
        session.connection().exec_driver_sql("DELETE FROM regions WHERE kind IN ('name', 'note')")
    house.close()
    for file in photos.iterdir():
        file.unlink()
    again = House(tmp_path / "library")
    (job,) = again.library.jobs.find(kinds=("name photos",), limit=9)
    assert again.done(job).message == "4 photos can be found by their words"
    assert ("name", "blue") in words(again, "blue.png")
    again.close()
