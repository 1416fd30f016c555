"""What was taken out can be put back for a while, and then nothing of it is left."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import picture
from library_help import House, Sign, everything, paint
from test_library_backup import holders_of

from deepseek_mm.config import LibraryConfig
from deepseek_mm.dates import Ages
from deepseek_mm.errors import BadFile, ConfigError, LibraryError, NothingThere
from deepseek_mm.library import Taken
from deepseek_mm.library.trash import Trash
from index import Filter

SECRET = "only-we-know-this"


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / SECRET)


@pytest.fixture
def house(tmp_path, photos):
    house = House(tmp_path / "library", reader=Sign())
    house.done(house.library.add([photos]))
    yield house
    house.close()


def vector_of(house: House, path: Path) -> bytes:
    """The bytes of the first vector of a file."""
    source = house.store.source_at(str(path))
    region = house.store.regions_of([source.id])[source.id][0]
    return np.asarray(house.store.vectors_of([region.id]), "<f4").tobytes()


def trash_of(house: House) -> list[str]:
    return sorted(path.name for path in (house.config.data / "trash").glob("*"))


def test_what_was_taken_out_is_gone_and_comes_back_with_everything_that_was_known(house, photos):
    before = everything(house)
    taken = house.library.take_out([photos / "red.png", photos / "nowhere.png"])
    assert taken == Taken(token=taken.token, num_sources=1)
    assert house.names() == ["blue.png", "green.png", "yellow.png"]
    assert trash_of(house) == [f"{taken.token}.db"]
    assert house.library.put_back(taken.token) == 1
    assert everything(house) == before
    assert trash_of(house) == []
    assert house.done(house.library.verify()).message == "everything agrees"


def test_a_folder_is_taken_out_and_put_back_whole_and_its_files_stay_where_they_are(house, photos):
    before = everything(house)
    taken = house.library.take_out([photos])
    assert taken.num_sources == 4
    assert house.names() == []
    assert len(list(photos.iterdir())) == 4
    house.library.put_back(taken.token)
    assert everything(house) == before


def test_taking_out_what_is_not_known_leaves_no_trash(house):
    assert house.library.take_out(["/nowhere"]) == Taken(token="", num_sources=0)
    assert trash_of(house) == []


@pytest.mark.parametrize("token", ["", "0123456789abcdef", "../history", "x" * 16])
def test_a_token_that_nothing_belongs_to_is_refused_with_the_next_step(house, token):
    with pytest.raises(NothingThere, match="gone for good by now. Add the files again"):
        house.library.put_back(token)


def test_what_was_put_back_cannot_be_put_back_again(house, photos):
    taken = house.library.take_out([photos])
    house.library.put_back(taken.token)
    with pytest.raises(NothingThere):
        house.library.put_back(taken.token)
    assert len(house.names()) == 4


def test_a_file_that_was_indexed_again_wins_over_the_trash(house, photos):
    taken = house.library.take_out([photos / "red.png", photos / "blue.png"])
    picture("purple").save(photos / "red.png")
    house.done(house.library.add([photos / "red.png"]))
    now = house.store.source_at(str(photos / "red.png"))
    assert house.library.put_back(taken.token) == 1
    assert house.store.source_at(str(photos / "red.png")) == now
    assert len(house.names()) == 4


@pytest.mark.parametrize("jump_s", [601.0, -3600.0])
def test_trash_goes_when_it_is_old_and_also_when_the_clock_was_set_back(house, photos, jump_s):
    clock = [0.0]
    trash = Trash(house.config.data, house.store, ages=Ages(lambda: clock[0], lambda: clock[0]))
    taken = trash.take([str(photos / "red.png")])
    made_s = (house.config.data / "trash" / f"{taken.token}.db").stat().st_mtime
    clock[0] = made_s + 599
    assert trash.purge(600) == 0
    clock[0] = made_s + jump_s
    assert trash.purge(600) == 1
    assert trash_of(house) == []


def test_nothing_is_left_of_what_was_purged_in_any_file_of_the_library(tmp_path, house, photos):
    vector = vector_of(house, photos / "red.png")
    house.library.take_out([photos / "red.png"])
    assert any(name.endswith(".db") for name in holders_of(vector, house.config.data))
    house.library.purge(older_s=-1)
    assert holders_of(b"red.png", house.config.data / "spaces") == []
    assert holders_of(vector, house.config.data) == []
    assert trash_of(house) == []


def test_old_trash_goes_at_the_next_taking_and_at_the_next_start(tmp_path, house, photos):
    first = house.library.take_out([photos / "red.png"])
    aged = house.config.data / "trash" / f"{first.token}.db"
    os.utime(aged, (0, 0))
    second = house.library.take_out([photos / "blue.png"])
    assert trash_of(house) == [f"{second.token}.db"]
    os.utime(aged.with_name(f"{second.token}.db"), (0, 0))
    house.close()
    again = House(tmp_path / "library")
    assert trash_of(again) == []
    again.close()


def test_a_restart_in_between_does_not_take_the_undo_away(tmp_path, house, photos):
    before = everything(house)
    taken = house.library.take_out([photos])
    house.close()
    again = House(tmp_path / "library")
    assert again.library.put_back(taken.token) == 4
    assert everything(again) == before
    again.close()


def test_deleting_everything_empties_the_trash_down_to_the_last_byte(house, photos):
    vector = vector_of(house, photos / "red.png")
    taken = house.library.take_out([photos])
    house.library.delete_everything()
    assert holders_of(SECRET.encode(), house.config.data) == []
    assert holders_of(vector, house.config.data) == []
    with pytest.raises(NothingThere):
        house.library.put_back(taken.token)


def test_a_backup_leaves_out_what_was_taken_out_and_restoring_empties_the_trash(house, photos, tmp_path):
    dropped = drop(house, photos / "red.png")
    house.done(house.library.add([dropped]))
    house.library.forget([photos / "red.png"])
    content = dropped.read_bytes()
    taken = house.library.take_out([dropped])
    assert house.done(house.library.backup(tmp_path / "all.backup")).state == "done"
    whole = (tmp_path / "all.backup").read_bytes()
    assert b"red.png" not in whole
    assert content not in whole
    assert b"green.png" in whole
    house.done(house.library.restore(tmp_path / "all.backup"))
    assert trash_of(house) == []
    assert not dropped.exists()
    with pytest.raises(NothingThere):
        house.library.put_back(taken.token)


def test_a_restore_that_is_refused_leaves_the_trash_alone(house, photos, tmp_path):
    taken = house.library.take_out([photos / "red.png"])
    (tmp_path / "torn.backup").write_bytes(b"PK torn")
    assert house.done(house.library.restore(tmp_path / "torn.backup")).state == "failed"
    assert house.library.put_back(taken.token) == 1


def test_trash_that_cannot_be_written_is_said_and_everything_stays(house, photos):
    (house.config.data / "trash").write_text("in the way")
    with pytest.raises(LibraryError, match="nothing was taken out, for .*trash cannot be written"):
        house.library.take_out([photos / "red.png"])
    assert len(house.names()) == 4


def drop(house: House, file: Path) -> Path:
    """The file as the page keeps it when it is dropped there."""
    target = house.config.data / "added" / "2026-01-02" / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
    return target


def test_a_dropped_file_stays_while_it_can_be_put_back_and_goes_when_it_cannot(house, photos):
    dropped = drop(house, photos / "red.png")
    picture("purple").save(dropped)
    house.done(house.library.add([dropped]))
    taken = house.library.take_out([dropped])
    house.library.purge()
    assert dropped.exists()
    house.library.put_back(taken.token)
    house.library.purge(older_s=-1)
    assert dropped.exists()
    house.library.take_out([dropped])
    house.library.purge(older_s=-1)
    assert not dropped.exists()
    assert not dropped.parent.exists()
    assert len(list(photos.iterdir())) == 4


def test_a_collection_is_given_to_a_folder_and_the_search_sees_it_at_once(house, photos):
    query_D = house.space.embed_texts(["red"])

    def in_collection(name: str) -> set[str]:
        hits = house.store.search_many(query_D, k=99, where=Filter(collection=name))[0]
        return {hit.region.source.name for hit in hits}

    assert in_collection("Paint") == set()
    assert house.library.assign([photos / "red.png", photos / "blue.png"], " Paint ") == 2
    assert in_collection("Paint") == {"red.png", "blue.png"}
    assert house.library.assign([photos], "Paint") == 2
    assert len(in_collection("Paint")) == 4
    assert house.library.assign([photos / "red.png"], "library") == 1
    assert in_collection("Paint") == {"blue.png", "green.png", "yellow.png"}
    assert house.library.rename_collection("Paint", "Colours") == 3
    assert (in_collection("Paint"), len(in_collection("Colours"))) == (set(), 3)


def test_a_collection_renamed_to_another_joins_it_and_to_library_is_dissolved(house, photos):
    house.library.assign([photos / "red.png"], "Warm")
    house.library.assign([photos / "blue.png"], "Cold")
    assert house.library.rename_collection("Cold", "Warm") == 1
    assert house.store.collections() == {"Warm": 2, "library": 2}
    assert house.library.rename_collection("Warm", "Warm") == 0
    assert house.library.rename_collection("Warm", "library") == 2
    assert house.store.collections() == {"library": 4}


def test_names_that_no_collection_can_have_are_refused_with_the_reason(house, photos):
    for name, reason in (
        ("uploads", "no collection can be called uploads"),
        ("  ", "needs a name"),
        ("\udcff", "UTF-8"),
    ):
        with pytest.raises(BadFile, match=reason):
            house.library.assign([photos], name)
        with pytest.raises(BadFile, match=reason):
            house.library.rename_collection("Paint", name)
    with pytest.raises(BadFile, match="library is not a collection"):
        house.library.rename_collection("library", "Paint")
    with pytest.raises(NothingThere, match="no collection is called 'Paint'. Those there are: none yet"):
        house.library.rename_collection("Paint", "Colours")
    assert house.store.collections() == {"library": 4}


def test_how_long_undo_is_kept_must_be_a_sensible_number():
    with pytest.raises(ConfigError, match="library.undo_s=-1"):
        LibraryConfig(undo_s=-1)


def test_what_can_be_put_back_is_told_newest_first_and_no_longer_than_it_can(house, photos):
    first, second = (house.library.take_out([photos / f"{name}.png"]) for name in ("red", "green"))
    house.library.take_out(["/nowhere"])
    assert house.library.list_taken() == [second, first]
    os.utime(house.config.data / "trash" / f"{first.token}.db", (0, 0))
    assert house.library.list_taken() == [second]
    house.library.put_back(second.token)
    assert house.library.list_taken() == []
