"""Files that were moved or renamed keep all that is known of them, and what was said of them."""

import os
import shutil

import pytest
from fakes import picture
from jobs_help import eventually
from library_help import COLOURS, House, paint

from deepseek_mm.types import Answer, Citation, Question
from index import Filter, Label, Region

NOTHING_NEW = "0 added, 0 replaced, "


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path, photos):
    house = House(tmp_path / "library")
    house.done(house.library.add([photos]))
    yield house
    house.close()


def ids(house) -> dict[str, int]:
    """Name of a file -> the id of its source, which stays as long as nothing is read anew."""
    return {source.name: source.id for source in house.store.sources(limit=99)}


def paths(house) -> set[str]:
    return {source.path for source in house.store.sources(limit=99)}


def source_named(house, name: str):
    return next(source for source in house.store.sources(limit=99) if source.name == name)


def test_a_renamed_file_is_the_same_source_with_the_words_of_its_new_name(house, photos):
    before = ids(house)
    (photos / "red.png").rename(photos / "kite over rome.png")
    job = house.done(house.library.add([photos]))
    assert job.message == f"{NOTHING_NEW}3 unchanged, 1 moved or renamed"
    before["kite over rome.png"] = before.pop("red.png")
    assert ids(house) == before
    names = house.store.search_words("rome", k=9, where=Filter(kinds=("name",)))
    assert [hit.region.source.name for hit in names] == ["kite over rome.png"]
    assert house.store.search_words("red", k=9, where=Filter(kinds=("name",))) == []


def test_a_new_place_that_is_indexed_before_the_old_one_is_looked_at_takes_everything_over(house, photos, tmp_path):
    before, red = ids(house), source_named(house, "red.png")
    house.library.describe(red, "our kite")
    house.store.curation.rate([red.id], stars=5)
    photos.rename(tmp_path / "elsewhere")
    job = house.done(house.library.add([tmp_path / "elsewhere"]))
    assert job.message == f"{NOTHING_NEW}0 unchanged, 4 moved or renamed"
    assert ids(house) == before
    assert paths(house) == {str(tmp_path / "elsewhere" / f"{colour}.png") for colour in COLOURS}
    assert house.library.description_of(source_named(house, "red.png")).text == "our kite"
    assert house.store.curation.ratings_of([red.id])[red.id].stars == 5
    assert house.library.learning.list_descriptions() == {str(tmp_path / "elsewhere" / "red.png"): "our kite"}


def test_a_copy_beside_a_file_that_is_still_there_is_no_move(house, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "elsewhere")
    job = house.done(house.library.add([tmp_path / "elsewhere"]))
    assert job.message == f"{NOTHING_NEW}0 unchanged, 4 copies of known files"
    assert paths(house) == {str(photos / f"{colour}.png") for colour in COLOURS}


def test_files_that_exchanged_their_names_keep_what_is_theirs(house, photos):
    before = ids(house)
    for name, other in (("red", "aside"), ("green", "red"), ("blue", "green"), ("aside", "blue")):
        (photos / f"{name}.png").rename(photos / f"{other}.png")
    for path in photos.iterdir():
        os.utime(path, ns=(1, 1))
    job = house.done(house.library.add([photos]))
    assert job.message == f"{NOTHING_NEW}1 unchanged, 3 moved or renamed"
    assert ids(house) == {
        "blue.png": before["red.png"],
        "red.png": before["green.png"],
        "green.png": before["blue.png"],
        "yellow.png": before["yellow.png"],
    }


def test_a_file_that_moved_on_before_another_took_its_name_is_not_read_anew(house, photos):
    before = ids(house)
    (photos / "red.png").rename(photos / "was red.png")
    picture("white").save(photos / "red.png")
    job = house.done(house.library.add([photos]))
    assert job.message == "0 added, 1 replaced, 3 unchanged, 1 moved or renamed"
    assert ids(house)["was red.png"] == before["red.png"]
    assert ids(house)["red.png"] != before["red.png"]


def test_a_file_whose_new_bytes_have_copies_keeps_its_path(house, photos):
    for path in (photos / "red.png", photos / "white.png", photos / "very white.png"):
        picture("white").save(path)
    job = house.done(house.library.add([photos]))
    assert job.message == "0 added, 1 replaced, 3 unchanged, 2 copies of known files"
    assert house.store.places_of([source_named(house, "red.png").id]) == {
        source_named(house, "red.png").id: tuple(
            str(photos / name) for name in ("red.png", "very white.png", "white.png")
        )
    }


def test_a_file_that_was_edited_in_place_keeps_what_people_said_of_it(house, photos):
    red = source_named(house, "red.png")
    house.library.describe(red, "our kite")
    house.library.assign([red.path], "trips")
    house.store.curation.rate([red.id], is_favourite=True)
    picture("white").save(photos / "red.png")
    assert house.done(house.library.add([photos])).message == "0 added, 1 replaced, 3 unchanged"
    edited = source_named(house, "red.png")
    assert edited.digest != red.digest
    assert edited.collection == "trips"
    assert house.library.description_of(edited).text == "our kite"
    assert house.store.curation.ratings_of([edited.id])[edited.id].is_favourite


def test_a_conversation_cites_a_file_where_it_lies_now_and_other_bytes_where_they_were(house, photos):
    red, blue = source_named(house, "red.png"), source_named(house, "blue.png")
    regions = house.store.leading([red.id, blue.id])
    cited = tuple(Citation(number=n, region=regions[each], score=1.0) for n, each in enumerate((red.id, blue.id), 1))
    asked = Question(text="what are they?")
    more = [("b", red.path)]
    conversation, turn = house.history.begin(asked, image_path=red.path, settings={}, fingerprint="", more=more)
    house.history.finish(turn, Answer(text="red [1] and blue [2]", citations=cited))
    picture("white").save(photos / "blue.png")
    house.done(house.library.add([photos]))
    for name in ("red", "blue"):
        (photos / f"{name}.png").rename(photos / f"new {name}.png")
    house.done(house.library.add([photos]))
    (told,) = house.history.turns(conversation, session="")
    assert [each.region.source.name for each in told.answer.citations] == ["new red.png", "blue.png"]
    assert (told.image_path, told.more) == (str(photos / "new red.png"), (("b", str(photos / "new red.png")),))


def test_a_file_that_is_gone_is_forgotten_only_once_it_was_not_found_where_others_wait(house, photos, tmp_path):
    before = ids(house)
    (photos / "red.png").unlink()
    (tmp_path / "elsewhere").mkdir()
    (photos / "blue.png").rename(tmp_path / "elsewhere" / "sea.png")
    house.library.stop()
    jobs = [house.library.add([photos], forget=True), house.library.add([tmp_path / "elsewhere"], forget=True)]
    house.library.start()
    told = [house.done(job).message for job in jobs]
    assert "once it is known that it lies nowhere else" in told[0]
    assert "1 moved or renamed" in told[1]
    assert ids(house) == {name: before[name] for name in ("green.png", "yellow.png")} | {"sea.png": before["blue.png"]}


def test_what_is_no_pass_over_the_name_is_not_made_again(house, photos):
    red = source_named(house, "red.png")
    sign = Region(source=red, kind="text", box_px=(0, 0, 4, 4), text="stop", labels=(Label(name="sign", score=1.0),))
    house.store.extend(red.id, [sign], house.space.embed_texts(["stop"]), mark="seen")
    (photos / "red.png").rename(photos / "street.png")
    house.done(house.library.add([photos]))
    assert "stop" in [region.text for region in house.store.regions_of([red.id])[red.id]]
    assert red.id not in [source.id for source in house.store.sources_without_mark("seen", limit=9)]


def test_a_folder_that_is_watched_follows_its_files(house, photos, tmp_path):
    house.library.watch(photos)
    before = ids(house)
    (photos / "trip").mkdir()
    (photos / "red.png").rename(photos / "trip" / "kite.png")
    eventually(lambda: ids(house).get("kite.png") == before["red.png"])
    assert len(paths(house)) == 4
