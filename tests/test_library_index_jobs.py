"""The two passes that fill the shelves, what is copied or gone, and folders that are watched."""

import shutil
import threading
import zipfile

import pytest
from export_samples import said_by_google, write_all
from fakes import picture
from library_help import COLOURS, House, Sign, paint

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.types import PhotoDescription
from deepseek_mm.vision.description import Description
from index import Filter, Region


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library")
    yield house
    house.close()


def test_a_folder_is_taken_in_and_the_job_tells_what_became_of_it(house, photos):
    (photos / "broken.png").write_text("no picture")
    job = house.done(house.library.add([photos]))
    assert (job.state, job.done, job.total) == ("done", 5, 5)
    assert job.message == "4 added, 0 replaced, 0 unchanged, 1 not read"
    assert (job.result["added"], job.result["vanished"]) == (4, [])
    assert list(house.failed(job)) == [str(photos / "broken.png")]
    assert house.names() == [f"{colour}.png" for colour in sorted(COLOURS)]


def test_a_retry_takes_in_only_what_failed_once_it_is_mended(house, photos):
    (photos / "broken.png").write_text("no picture")
    job = house.done(house.library.add([photos]))
    picture("white").save(photos / "broken.png")
    again = house.done(house.library.jobs.retry(job.id))
    assert again.message == "1 added, 0 replaced, 0 unchanged"
    assert "broken.png" in house.names()


def test_the_text_in_pictures_is_read_in_a_second_pass_and_only_once(tmp_path, photos):
    house = House(tmp_path / "library", reader=Sign())
    picture("red", size=(40, 64)).save(photos / "high.png")
    house.done(house.library.add([photos]))
    found = house.store.regions_of([source.id for source in house.store.sources(limit=9)])
    texts = [region for regions in found.values() for region in regions if region.kind == "text"]
    assert [(region.text, region.box_px) for region in texts] == [("blue", (2, 4, 20, 10))] * 4
    hits = house.store.search_many(house.space.embed_texts(["blue"]), k=9, where=Filter(kinds=("text",)))[0]
    assert len(hits) == 4
    house.done(house.library.jobs.add("read text", {}))
    assert house.store.counts(where=Filter(kinds=("text",))).regions == 4
    house.close()


def test_boxes_of_text_in_a_reduced_photo_are_in_the_pixels_of_the_original(tmp_path, photos):
    house = House(tmp_path / "library", reader=Sign())
    picture("red", size=(3200, 2400)).save(photos / "large.png")
    house.done(house.library.add([photos / "large.png"]))
    (source,) = house.store.sources(limit=1)
    *_, text = house.store.regions_of([source.id])[source.id]
    assert (text.kind, text.box_px) == ("text", (4, 8, 40, 20))
    house.close()


def test_reading_text_can_be_switched_off(tmp_path, photos):
    house = House(tmp_path / "library", reader=Sign(), read_text=False)
    house.done(house.library.add([photos]))
    assert house.library.jobs.find(kinds=("read text",), limit=9) == []
    house.close()


def test_a_photo_that_is_gone_before_its_text_is_read_waits_for_another_time(tmp_path, photos):
    house = House(tmp_path / "library", reader=Sign(), read_text=False)
    house.done(house.library.add([photos]))
    (photos / "red.png").rename(photos / "away")
    job = house.done(house.library.jobs.add("read text", {}))
    assert (job.message, list(house.failed(job))) == ("4 files looked at, 3 texts found", [str(photos / "red.png")])
    (photos / "away").rename(photos / "red.png")
    assert house.done(house.library.jobs.add("read text", {})).message == "1 files looked at, 1 texts found"
    house.close()


def test_files_that_are_gone_are_reported_and_taken_out_only_if_wished(house, photos):
    house.done(house.library.add([photos]))
    (photos / "red.png").unlink()
    job = house.done(house.library.add([photos]))
    assert job.message == "0 added, 0 replaced, 3 unchanged, 1 no longer there"
    assert job.result["vanished"] == [str(photos / "red.png")]
    assert "red.png" in house.names()
    job = house.done(house.library.add([photos], forget=True))
    assert "1 paths that are gone were taken out" in job.message
    assert "red.png" not in house.names()


def test_a_folder_below_the_one_that_was_indexed_that_is_gone_as_a_whole_is_handled_like_its_files(house, photos):
    house.done(house.library.add([photos.parent]))
    picture("white").save(photos.parent / "white.png")
    shutil.rmtree(photos)
    assert house.done(house.library.add([photos])).state == "done"
    assert len(house.names()) == 4
    house.done(house.library.add([photos], forget=True))
    assert house.names() == []


def test_a_path_that_never_was_there_is_a_failed_item(house, photos):
    job = house.done(house.library.add([photos, photos / "nowhere"]))
    assert house.failed(job) == {str(photos / "nowhere"): f"no file or folder at {photos / 'nowhere'}. Check the name"}
    assert len(house.names()) == 4


def test_a_copy_is_stored_once_and_both_places_are_remembered(house, photos):
    shutil.copy(photos / "red.png", photos / "a-copy.png")
    job = house.done(house.library.add([photos]))
    assert job.message == "4 added, 0 replaced, 0 unchanged, 1 copies of known files"
    (source,) = [each for each in house.store.sources(limit=9) if each.name == "a-copy.png"]
    assert house.store.places_of([source.id])[source.id] == (str(photos / "a-copy.png"), str(photos / "red.png"))
    (photos / "a-copy.png").unlink()
    house.done(house.library.add([photos], forget=True))
    assert "red.png" in house.names()


def test_text_code_and_the_files_in_an_archive_go_in_beside_photos(house, photos):
    (photos / "note.md").write_text("# Kites\n\nA red kite over the beach.\n")
    (photos / "kite.py").write_text("def fly():\n    return 'up'\n")
    with zipfile.ZipFile(photos / "more.zip", "w") as archive:
        archive.write(photos / "green.png", "inner/twin.png")
        archive.writestr("inner/poem.txt", "green is the grass")
    house.done(house.library.add([photos]))
    kinds = {source.name: (source.kind, source.format) for source in house.store.sources(limit=99)}
    assert kinds["note.md"] == ("document", "markdown")
    assert kinds["kite.py"] == ("code", "python")
    assert kinds["poem.txt"] == ("document", "text")
    source = house.store.source_at(f"{photos}/more.zip!/inner/poem.txt")
    (region,) = house.store.regions_of([source.id])[source.id]
    assert (region.kind, region.text, region.lines) == ("text", "green is the grass", (1, 1))
    twin = house.store.source_at(f"{photos}/more.zip!/inner/twin.png")
    assert twin.id == house.store.source_at(str(photos / "green.png")).id


def test_taking_out_a_folder_leaves_the_files_and_the_rest(house, photos):
    house.done(house.library.add([photos]))
    assert house.library.forget([photos / "red.png", photos / "nowhere"]) == 1
    assert (photos / "red.png").exists()
    assert house.library.forget([photos]) == 3
    assert house.names() == []


def test_a_file_that_comes_into_a_watched_folder_is_taken_in_by_itself(house, photos):
    house.library.watch(photos)
    pause = threading.Event()

    def stored(name: str) -> bool:
        for _ in range(300):
            if name in house.names():
                return True
            pause.wait(0.1)
        return False

    assert stored("red.png")
    picture("white").save(photos / "later.png")
    assert stored("later.png")
    assert house.library.unwatch(photos)
    assert house.library.list_watched() == []
    assert not house.library.unwatch(photos)


def test_only_a_folder_can_be_watched(house, photos):
    with pytest.raises(BadFile, match="Name a folder"):
        house.library.watch(photos / "red.png")


def test_an_unknown_job_is_told_as_such(house):
    with pytest.raises(NothingThere):
        house.library.jobs.cancel(77)


@pytest.mark.parametrize("way", ["files", "export"])
def test_new_files_do_not_wait_for_the_text_of_those_before(tmp_path, photos, way):
    class Slow(Sign):
        """Reading one picture takes until the next photos are in the library."""

        def read(self, image):
            if not queued:
                begin = house.library.add if way == "files" else house.library.importing.begin
                queued.append(begin([tmp_path / "more"]))
            return super().read(image)

    told = {} if way == "files" else {"late.png.json": said_by_google(1_556_973_000)}
    (tmp_path / "more").mkdir()
    write_all(tmp_path / "more", told)
    picture("white").save(tmp_path / "more" / "late.png")
    queued = []
    house = House(tmp_path / "library", reader=Slow())
    house.done(house.library.add([photos]))
    reads = house.library.jobs.find(kinds=("read text",), limit=9)
    assert house.done(queued[0]).state == "done"
    assert reads[-1].message == "1 files looked at, 1 texts found"
    assert house.store.num_without_mark("text") == 0
    house.close()


def test_files_go_into_a_collection_and_stay_there_when_they_are_read_again(house, photos):
    house.done(house.library.add([photos / "red.png"], collection=" Holidays "))
    house.done(house.library.add([photos]))
    assert house.store.collections() == {"Holidays": 1, "library": 3}
    house.done(house.library.add([photos], anew=True))
    assert house.store.collections() == {"Holidays": 1, "library": 3}
    house.done(house.library.add([photos], collection="All"))
    assert house.store.collections() == {"All": 4}
    with pytest.raises(BadFile, match="no collection can be called uploads"):
        house.library.add([photos], collection="uploads")


class Poet:
    """Describes pictures by their middle, and has nothing to say of blue ones."""

    def use_beams(self, beams: int) -> None:
        """It follows one sentence."""

    def __init__(self):
        self.seen = 0

    def describe_many(self, pictures):
        return [self._describe(picture.image.convert("RGB")) for picture in pictures]

    def _describe(self, image):
        self.seen += 1
        red, green, blue = image.getpixel((image.width // 2, image.height // 2))
        text = "" if blue > max(red, green) else "A red kite" if red > green else "A field"
        return Description(text, "caption", 1.0)


def regions_of(house):
    found = house.store.regions_of([source.id for source in house.store.sources(limit=9)])
    return [region for regions in found.values() for region in regions]


def captions(house):
    return {r.source.name: (r.id, r.text) for r in regions_of(house) if r.kind == "caption"}


def test_photos_are_described_once_and_are_found_by_what_was_said(tmp_path, photos):
    poet = Poet()
    house = House(tmp_path / "library", describer=poet, read_text=False)
    house.done(house.library.add([photos]))
    assert captions(house)["red.png"][1] == "A red kite"
    assert (len(captions(house)), poet.seen) == (3, 4)  # nothing is said of the blue one
    assert all(region.machine_made for region in regions_of(house) if region.kind == "caption")
    hit, *_ = house.store.search_many(house.space.embed_texts(["kite"]), k=9, where=Filter(kinds=("caption",)))[0]
    assert hit.region.source.name == "red.png"
    job = house.done(house.library.jobs.add("read text", {"read": False}))
    assert (poet.seen, job.message) == (4, "0 photos described")
    house.close()


def test_somebody_s_own_words_take_the_place_of_the_description(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.add([photos]))
    (source,) = (source for source in house.store.sources(limit=9) if source.name == "red.png")
    before = captions(house)
    house.library.describe(source, "  the   sun\nover the sea ")
    assert captions(house) == {name: said for name, said in before.items() if name != "red.png"}
    (mine,) = (region for region in regions_of(house) if region.kind == "note")
    assert (mine.text, mine.source.name, mine.machine_made) == ("the sun over the sea", "red.png", False)
    assert house.library.description_of(source) == PhotoDescription(text="the sun over the sea")
    hits = house.store.search_many(house.space.embed_texts(["sun"]), k=1, where=Filter(kinds=("note",)))[0]
    assert hits[0].region.source.name == "red.png"
    house.library.describe(source, "a red wall")
    assert [region.text for region in regions_of(house) if region.kind == "note"] == ["a red wall"]
    with pytest.raises(BadFile, match="needs words"):
        house.library.describe(source, " \n")
    house.library.forget([source.path])
    with pytest.raises(NothingThere, match="Index it again"):
        house.library.describe(source, "gone")
    house.close()


def test_own_words_are_taken_back_one_after_the_other_until_the_machine_s_stand_there_again(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.add([photos]))
    (source,) = (source for source in house.store.sources(limit=9) if source.name == "red.png")
    with pytest.raises(BadFile, match="nobody has described red.png"):
        house.library.undo_description(source)
    for words in ("the sun", "a wall", "a wall"):  # the same once more is no change
        house.library.describe(source, words)
    house.library.undo_description(source)
    assert house.library.description_of(source) == PhotoDescription(text="the sun")
    house.library.undo_description(source)
    assert house.library.description_of(source) == PhotoDescription(text="A red kite", machine_made=True)
    assert house.library.learning.list_descriptions() == {}
    hits = house.store.search_many(house.space.embed_texts(["kite"]), k=2, where=Filter(kinds=("caption",)))[0]
    assert {hit.region.source.name for hit in hits} == {"red.png", "yellow.png"}
    with pytest.raises(BadFile, match="own words"):
        house.library.undo_description(source)
    house.close()


def test_own_words_of_a_photo_that_nobody_had_described_are_taken_back_to_nothing(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.add([photos]))
    (source,) = (source for source in house.store.sources(limit=9) if source.name == "blue.png")
    house.library.describe(source, "the sea")
    house.library.undo_description(source)
    assert house.library.description_of(source) == PhotoDescription()
    house.close()


def test_own_words_outlive_a_photo_that_is_read_anew(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.add([photos]))
    (source,) = (source for source in house.store.sources(limit=9) if source.name == "red.png")
    house.library.describe(source, "the sun over the sea")
    house.done(house.library.add([photos], anew=True))
    (anew,) = (source for source in house.store.sources(limit=9) if source.name == "red.png")
    assert anew.id != source.id
    assert house.library.description_of(anew) == PhotoDescription(text="the sun over the sea")
    assert "red.png" not in captions(house)
    hits = house.store.search_many(house.space.embed_texts(["sun"]), k=1, where=Filter(kinds=("note",)))[0]
    assert hits[0].region.source.name == "red.png"
    house.library.undo_description(anew)
    assert house.library.description_of(anew) == PhotoDescription(text="A red kite", machine_made=True)
    house.close()


def test_own_words_stay_when_a_document_describes_the_photo_too(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.add([photos]))
    (source,) = (source for source in house.store.sources(limit=9) if source.name == "red.png")
    house.library.describe(source, "the sun over the sea")
    (photos / "about.md").write_text("| file | what |\n|---|---|\n| red.png | a wall in Pisa |")
    house.done(house.library.add([photos]))
    notes = {region.text for region in regions_of(house) if region.kind == "note"}
    assert notes == {"the sun over the sea", "a wall in Pisa"}
    house.close()


def test_a_library_of_before_is_described_anew_and_its_own_words_become_notes(tmp_path, photos):
    house = House(tmp_path / "library", describer=Poet(), read_text=False, describe=False)
    house.done(house.library.add([photos]))
    box = (0, 0, 64, 48)
    for source in house.store.sources(limit=9):
        said = "my wall" if source.name == "red.png" else "A man in a red shirt"
        region = Region(source=source, kind="caption", box_px=box, text=said)
        house.store.extend(source.id, [region], house.space.embed_texts([said]), mark="caption")
        if said == "my wall":
            house.library.learning.teach([{"image": source.path, "words": said}])
    house.close()
    house = House(tmp_path / "library", describer=Poet(), read_text=False)
    house.done(house.library.jobs.add("read text", {"read": False}))
    assert {name: text for name, (_, text) in captions(house).items()} == {
        "green.png": "A field",
        "yellow.png": "A red kite",
    }
    assert [region.text for region in regions_of(house) if region.kind == "note"] == ["my wall"]
    house.close()
