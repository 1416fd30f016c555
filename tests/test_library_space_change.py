"""A library is indexed in another space beside the one that is searched, and nothing of it is lost on the way."""

import threading
from types import SimpleNamespace

import pytest
from fakes import ColourSpace, Parrot
from jobs_help import eventually
from rag_house import build, paint, put
from storage_contract import URL, only_files, place_of

from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.library import space_change
from deepseek_mm.library.index_jobs import CAPTION, DESCRIBED, MARK
from deepseek_mm.library.space_change import (
    ALL,
    CHANGE_SPACE,
    SpaceChange,
    find_older_index,
    find_space,
    list_spaces,
    remove_space,
    take_over_lost,
)
from deepseek_mm.types import Query, Question
from index import Filter, Region
from index.region import Rating
from index.store import RegionStore

UPLOADED, LIBRARY_PHOTOS = Filter(collection="uploads"), Filter()


@only_files
def test_what_an_earlier_version_has_indexed_is_offered_until_something_is_indexed(assistant, tmp_path):
    assert find_older_index(assistant.config, assistant.store) == ""
    for name in ("colours-11111111", "other-22222222"):  # an earlier version's, and that of another space
        (tmp_path / "library" / "spaces" / name).mkdir()
        (tmp_path / "library" / "spaces" / name / "store.db").write_bytes(b"x")
    assert find_older_index(assistant.config, assistant.store) == "colours-11111111"
    put(assistant, paint(tmp_path, "red.png", "red"))
    assert find_older_index(assistant.config, assistant.store) == ""


class OtherSpace(ColourSpace):
    """Its vectors are those of colours turned round: one of each space have nothing in common."""

    name, fingerprint = "other", "f" * 64

    def look_many(self, images):
        for look in super().look_many(images):
            yield ImageEmbedding(vector_D=look.vector_D[::-1].copy(), grid_HWD=look.grid_HWD[..., ::-1].copy())

    def embed_texts(self, texts):
        return super().embed_texts(texts)[:, ::-1].copy()


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path / "library", home="spaces/colours-00000000", lm=Parrot("[1].")) as assistant:
        yield assistant


@pytest.fixture
def change(assistant, tmp_path):
    """The handler at work, and the names that it kept."""
    kept, folder = [], tmp_path / "library" / "spaces" / "other-ffffffff"

    def opens(name):
        if name != "other":
            raise BadQuestion(f"no folder at {name}")
        folder.mkdir(parents=True, exist_ok=True)
        known = {"space_name": OtherSpace.name, "fingerprint": OtherSpace.fingerprint, "dim": 32}
        store = RegionStore(folder, config=assistant.config.index, place=place_of(folder), **known)
        return assistant.eyes.with_index_space(OtherSpace()), store

    handler = SpaceChange(library=assistant.library, opens=opens, keep=kept.append, use=assistant.use_space)
    assistant.library.crew.add({CHANGE_SPACE: handler.run})
    assistant.library.start()
    return SimpleNamespace(handler=handler, kept=kept, folder=folder, opens=opens)


def finish(assistant, job):
    eventually(lambda: assistant.library.jobs.get(job.id).is_ended)
    return assistant.library.jobs.get(job.id)


def change_space(assistant, name="other"):
    return finish(assistant, assistant.library.jobs.add(CHANGE_SPACE, {"space": name}, title="x"))


def photos(tmp_path, *names):
    return [paint(tmp_path / "photos", f"{name}.png", name) for name in names]


def by_name(store):
    return {source.name: source for source in store.sources(ALL, limit=99)}


def test_every_file_is_searched_in_the_other_space_with_its_collection_and_all_its_words(assistant, change, tmp_path):
    red, green, blue = photos(tmp_path, "red", "green", "blue")
    twin = tmp_path / "photos" / "twin.png"
    twin.write_bytes(blue.read_bytes())
    finish(assistant, assistant.library.add([red, green]))
    finish(assistant, assistant.library.add([blue, twin], collection="sea"))
    before = assistant.store
    known, width = by_name(before), assistant.eyes.space.dim
    assistant.library.filling.reword(known["red.png"], "the door of my aunt")
    whole = (0, 0, 64, 48)
    said = [Region(source=known["blue.png"], kind=CAPTION, box_px=whole, text="a machine saw the sea")]
    vectors_ND = assistant.eyes.space.embed_texts(["sea"])
    before.exchange_regions(known["blue.png"].id, said, vectors_ND, mark=DESCRIBED)
    read = [Region(source=known["blue.png"], kind="text", box_px=(1, 2, 30, 40), text="no swimming")]
    before.exchange_regions(
        known["blue.png"].id, read, vectors_ND, mark=MARK
    )  # whether or not that pass was there before
    assert width == vectors_ND.shape[1]
    assistant.ask(Question(text="What is in the picture?", image_path=str(red)))  # the library has the same bytes
    green.unlink()

    done = change_space(assistant)
    assert (done.state, done.num_failed, change.kept) == ("done", 1, ["other"])
    assert "4 of 5 files are indexed in other, which is searched now" in done.message
    assert [source.name for source in assistant.store.walk(UPLOADED, limit=9)] == ["picture.png"]
    assert assistant.store.folder == change.folder
    there = {source.name: source for source in assistant.store.walk(LIBRARY_PHOTOS, limit=9)}
    assert {name: source.collection for name, source in there.items()} == {"red.png": "library", "blue.png": "sea"}
    assert assistant.store.places_of([there["blue.png"].id])[there["blue.png"].id] == (str(blue), str(twin))
    texts = {name: [r.text for r in assistant.store.regions_of([s.id])[s.id]] for name, s in there.items()}
    assert "the door of my aunt" in texts["red.png"]
    assert {"a machine saw the sea", "no swimming"} <= set(texts["blue.png"])
    (told,) = [r for r in assistant.store.regions_of([there["blue.png"].id])[there["blue.png"].id] if r.kind == "text"]
    assert told.box_px == (1, 2, 30, 40)
    assert {source.id for source in there.values()}.isdisjoint({source.id for source in known.values()})


def test_searches_answers_uploads_and_work_go_on_in_the_other_space_without_a_restart(assistant, change, tmp_path):
    red, green = photos(tmp_path, "red", "green")
    finish(assistant, assistant.library.add([red]))
    assert change_space(assistant).state == "done"
    finish(assistant, assistant.library.add([green]))
    assert set(by_name(assistant.store)) == {"red.png", "green.png"}
    found = assistant.find(Query(text="green"), k=1)
    assert [match.region.source.name for match in found.matches] == ["green.png"]
    assert found.matches[0].score > 0.9
    pictured = assistant.find(Query(image=assistant.picture(by_name(assistant.store)["red.png"])), k=1)
    assert [match.region.source.name for match in pictured.matches] == ["red.png"]
    assert assistant.eyes.space.name == "colours"  # that looks goes on, for the small models know its cells alone
    (whole,) = [
        r for r in assistant.store.regions_of([found.matches[0].region.source.id]).popitem()[1] if r.kind == "whole"
    ]
    assert "grass" in [label.name for label in whole.labels]
    assert assistant.about()["space"] == "other"
    assert assistant.config.encoder.name == "other"
    answer = assistant.ask(Question(text="What is in the picture?", image_path=str(green)))
    assert answer.state == "done"
    assert all(source.collection == "uploads" for source in assistant.store.walk(UPLOADED, limit=9))
    assert URL or [each.in_use for each in list_spaces(assistant.config, assistant.store)] == [False, True]


def test_what_people_do_while_files_are_indexed_is_not_lost(assistant, change, tmp_path, monkeypatch):
    red, green, blue = photos(tmp_path, "red", "green", "blue")
    finish(assistant, assistant.library.add([red, green]))
    reached, go_on = threading.Event(), threading.Event()
    catch_up = space_change.StoreCopy.catch_up

    def wait_first(copy, *, last=False):
        ended = catch_up(copy, last=last)
        if not last:
            reached.set()
            go_on.wait(10)
        return ended

    monkeypatch.setattr(space_change.StoreCopy, "catch_up", wait_first)
    job = assistant.library.jobs.add(CHANGE_SPACE, {"space": "other"}, title="x")
    assert reached.wait(10)
    finish(assistant, assistant.library.add([blue]))
    assistant.library.assign([str(red)], "doors")
    here = by_name(assistant.store)
    assistant.library.describe(here["red.png"], "the door of my aunt")
    assistant.store.curation.rate([here["red.png"].id, here["green.png"].id], stars=4)
    assistant.library.forget([green])
    go_on.set()
    assert finish(assistant, job).state == "done"
    there = by_name(assistant.store)
    assert {name: source.collection for name, source in there.items()} == {"red.png": "doors", "blue.png": "library"}
    assert assistant.library.description_of(there["red.png"]).text == "the door of my aunt"
    assert assistant.store.curation.ratings_of([each.id for each in there.values()]) == {
        there["red.png"].id: Rating(stars=4)
    }
    finish(assistant, assistant.library.add([green]))
    assert assistant.store.counts(where=Filter(stars=1)).sources == 1  # what was forgotten comes back without its stars


def test_an_index_of_earlier_gets_what_was_added_since_and_loses_what_was_taken_out(assistant, change, tmp_path):
    red, green, blue = photos(tmp_path, "red", "green", "blue")
    finish(assistant, assistant.library.add([red, green]))
    old = change.opens("other")[1]
    eyes = assistant.eyes.with_index_space(OtherSpace())
    space_change.replace(assistant.library.filling, eyes=eyes, store=old).open_intake("").take([str(red), str(blue)])
    ids = {source.name: source.id for source in by_name(old).values()}
    old.close()
    assert change_space(assistant).state == "done"
    there = by_name(assistant.store)
    assert set(there) == {"red.png", "green.png"}
    assert there["red.png"].id == ids["red.png"]  # it was not read again


def test_where_it_cannot_be_opened_the_job_says_why_and_the_old_one_is_searched(assistant, change):
    before = assistant.store
    done = change_space(assistant, "gone")
    assert (done.state, done.message, change.kept) == ("failed", "no folder at gone", [])
    assert assistant.store is before


@only_files
def test_the_files_of_an_index_that_cannot_be_searched_are_indexed_in_the_space_of_now(assistant, change, tmp_path):
    red, green = photos(tmp_path, "red", "green")
    finish(assistant, assistant.library.add([red]))
    lost = change.opens("other")[1]
    eyes = assistant.eyes.with_index_space(OtherSpace())
    space_change.replace(assistant.library.filling, eyes=eyes, store=lost).open_intake("sea").take([str(green)])
    lost.close()
    job = take_over_lost(assistant.library, "other")
    assert finish(assistant, job).message.startswith("2 files are indexed now, 1 were known before")
    assert {name: s.collection for name, s in by_name(assistant.store).items()} == {
        "red.png": "library",
        "green.png": "sea",
    }
    assert change.kept == []


def test_a_library_with_one_index_has_none_to_take_over(assistant):
    assert take_over_lost(assistant.library, "other") is None


@only_files
def test_indexes_are_listed_with_their_size_and_the_one_that_is_not_searched_can_be_removed(
    assistant, change, tmp_path
):
    finish(assistant, assistant.library.add(photos(tmp_path, "red")))
    change_space(assistant)
    spaces = list_spaces(assistant.config, assistant.store)
    assert [(each.name, each.in_use) for each in spaces] == [("colours-00000000", False), ("other-ffffffff", True)]
    assert all(each.size_bytes > 0 for each in spaces)
    with pytest.raises(Conflict, match="other-ffffffff is searched now"):
        remove_space(find_space(assistant.config, "other-ffffffff"), assistant.store)
    with pytest.raises(NothingThere, match="no index '../..'"):
        find_space(assistant.config, "../..")
    assistant.close_stores_before()
    old = find_space(assistant.config, "colours-00000000")
    assert 0 < remove_space(old, assistant.store) <= spaces[0].size_bytes  # its log went when it was closed
    assert [each.name for each in list_spaces(assistant.config, assistant.store)] == ["other-ffffffff"]
