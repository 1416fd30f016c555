"""A library is indexed in another space beside the one that is searched, and nothing of it is lost on the way."""

from dataclasses import replace

import pytest
from fakes import ColourSpace
from jobs_help import eventually
from rag_house import build, paint

from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.library.space_change import ALL, CHANGE_SPACE, SpaceChange, find_space, list_spaces, remove_space
from deepseek_mm.vision.pipeline import VisionPipeline
from index.store import RegionStore


class OtherSpace(ColourSpace):
    name, fingerprint = "other", "f" * 64


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path / "library", home="spaces/colours") as assistant:
        yield assistant


@pytest.fixture
def change(assistant, tmp_path):
    """The handler, and the names that it kept."""
    kept = []

    def opens(name):
        if name != "other":
            raise BadQuestion(f"no folder at {name}")
        space, folder = OtherSpace(), tmp_path / "library" / "spaces" / "other-ffffffff"
        folder.mkdir(exist_ok=True)
        store = RegionStore(
            folder, space_name=space.name, fingerprint=space.fingerprint, dim=32, config=assistant.config.index
        )
        return VisionPipeline(space, assistant.config.see), store

    handler = SpaceChange(filling=assistant.library.filling, opens=opens, keep=kept.append)
    handler_kept = replace(handler)
    assistant.library.work_on({CHANGE_SPACE: handler_kept.run})
    assistant.library.start()
    return handler_kept, kept


def finish(assistant, job):
    eventually(lambda: assistant.library.jobs.get(job.id).is_ended)
    return assistant.library.jobs.get(job.id)


def photos(tmp_path, *names):
    return [paint(tmp_path / "photos", f"{name}.png", name) for name in names]


def test_every_file_is_indexed_in_the_other_space_with_its_collection_and_own_words(assistant, change, tmp_path):
    handler, kept = change
    red, green, blue = photos(tmp_path, "red", "green", "blue")
    finish(assistant, assistant.library.add([red, green]))
    finish(assistant, assistant.library.add([blue], collection="sea"))
    known = {source.name: source for source in assistant.store.sources(ALL, limit=9)}
    assistant.library.filling.reword(known["red.png"], "the door of my aunt")
    green.unlink()
    done = finish(assistant, assistant.library.jobs.add(CHANGE_SPACE, {"space": "other"}, title="x"))
    assert (done.state, done.num_failed, kept) == ("done", 1, ["other"])
    assert "2 of 3 files are indexed in other" in done.message
    _, store = handler.opens("other")
    found = {source.name: source.collection for source in store.sources(ALL, limit=9)}
    assert found == {"red.png": "library", "blue.png": "sea"}
    red_there = next(source for source in store.sources(ALL, limit=9) if source.name == "red.png")
    assert "the door of my aunt" in [region.text for region in store.regions_of([red_there.id])[red_there.id]]
    store.close()


def test_what_is_there_already_is_not_read_again(assistant, change, tmp_path):
    handler, kept = change
    finish(assistant, assistant.library.add(photos(tmp_path, "red", "green")))
    for _ in range(2):
        done = finish(assistant, assistant.library.jobs.add(CHANGE_SPACE, {"space": "other"}, title="x"))
    assert done.state == "done"
    _, store = handler.opens("other")
    assert [source.id for source in store.sources(ALL, order="name", limit=9)] == [2, 1]
    store.close()


def test_where_it_cannot_be_opened_the_job_says_why_and_no_setting_changes(assistant, change):
    _, kept = change
    done = finish(assistant, assistant.library.jobs.add(CHANGE_SPACE, {"space": "gone"}, title="x"))
    assert (done.state, done.message, kept) == ("failed", "no folder at gone", [])


def test_indexes_are_listed_with_their_size_and_the_one_that_is_not_searched_can_be_removed(
    assistant, change, tmp_path
):
    handler, _ = change
    finish(assistant, assistant.library.add(photos(tmp_path, "red")))
    finish(assistant, assistant.library.jobs.add(CHANGE_SPACE, {"space": "other"}, title="x"))
    spaces = list_spaces(assistant.config, assistant.store)
    assert [(each.name, each.in_use) for each in spaces] == [("colours", True), ("other-ffffffff", False)]
    assert all(each.size_bytes > 0 for each in spaces)
    with pytest.raises(Conflict, match="colours is searched now"):
        remove_space(find_space(assistant.config, "colours"), assistant.store)
    with pytest.raises(NothingThere, match="no index '../..'"):
        find_space(assistant.config, "../..")
    other = find_space(assistant.config, "other-ffffffff")
    assert remove_space(other, assistant.store) == spaces[1].size_bytes
    assert [each.name for each in list_spaces(assistant.config, assistant.store)] == ["colours"]
