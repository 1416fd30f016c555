"""A library whose files lie in a store: what is there, who can read it once the original is away, and what goes.

Every test is made over a shared folder; the campaign makes it over a bucket as well.
"""

import hashlib
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from fakes import picture
from file_store_help import BUCKET, bucket_server, list_bucket
from library_help import COLOURS, House, paint

from deepseek_mm.answering.uploads import UploadStore
from deepseek_mm.errors import NothingThere, OutOfReach, TransientError
from deepseek_mm.library import dropped_files
from deepseek_mm.library.dropped_files import keep_dropped
from deepseek_mm.parse.document import read_original
from deepseek_mm.sharing.zip_export import pack_chosen
from deepseek_mm.storage import stored_files
from deepseek_mm.storage.absent_files import find_copy, stat_absent
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.types import Citation, Question
from deepseek_mm.vision.pipeline import AnalysisCache
from index import Region


@pytest.fixture(scope="module")
def bucket():
    with bucket_server() as url:
        yield url


class Shared:
    """A library of a folder, and the part of a store that is its own."""

    def __init__(self, tmp_path: Path, bucket: str = "") -> None:
        self.folder, self.bucket, self.prefix = tmp_path, bucket, f"{tmp_path.name}/"
        url = f"s3://{BUCKET}/{self.prefix}" if bucket else f"file://{tmp_path}/shared"
        (tmp_path / "shared").mkdir()
        storage = StorageConfig(files=url, files_endpoint=bucket)
        self.house = House(tmp_path / "library", read_text=False, storage=storage)
        self.files = self.house.library.files

    def keys(self) -> list[str]:
        """All that is in the store, as another program lists it."""
        if self.bucket:
            return [key.removeprefix(self.prefix) for key in list_bucket(self.bucket) if key.startswith(self.prefix)]
        root = self.folder / "shared"
        return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]

    def kept(self) -> list[str]:
        """Checksums of the files in the store."""
        return sorted(key.split("/")[-1] for key in self.keys() if key.startswith("files/"))

    def add(self, *paths: Path):
        return self.house.done(self.house.library.add(paths))

    def drop(self, name: str, data: bytes) -> Path:
        file = self.folder / "sent" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        (kept,) = keep_dropped([str(file)], self.house.config.data, self.files)
        shutil.rmtree(file.parent)
        return kept


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.campaign(times=1, only=True))])
def shared(request, tmp_path):
    made = Shared(tmp_path, request.getfixturevalue("bucket") if request.param == "bucket" else "")
    yield made
    made.house.close()


def digests(folder: Path) -> list[str]:
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())


def test_photos_of_a_folder_are_in_the_bucket_once_they_are_known_and_stay_where_they_are(shared):
    photos = paint(shared.folder / "photos")
    shutil.copy(photos / "red.png", photos / "again.png")
    assert shared.add(photos).state == "done"
    assert shared.kept() == sorted(set(digests(photos)))
    assert len(shared.kept()) == len(COLOURS)
    assert not (shared.house.config.data / "fetched").exists()  # what is here is read here
    source = shared.house.store.source_at(str(photos / "blue.png"))
    assert shared.house.library.quarantine.read_page(source.path, 0).size == picture("blue").size


def test_a_photo_whose_folder_is_away_is_read_from_the_bucket(shared):
    photos = paint(shared.folder / "photos")
    before = (photos / "blue.png").read_bytes()
    shared.add(photos)
    photos.rename(shared.folder / "elsewhere")
    path = str(photos / "blue.png")
    assert read_original(path, shared.house.config.parse) == before
    known = shared.house.store.source_at(path)
    assert stat_absent(path) == (known.size_bytes, known.modified_ns)
    health = shared.house.library.health()
    assert health.gone == 0
    copy = Path(find_copy(path))
    assert copy.read_bytes() == before
    assert copy.stat().st_mtime_ns == known.modified_ns
    shared.house.library.close()
    with pytest.raises(NothingThere):
        read_original(path, shared.house.config.parse)


def test_a_path_that_the_library_does_not_know_is_brought_by_nobody(shared):
    shared.add(paint(shared.folder / "photos"))
    absent = str(shared.folder / "photos" / "absent.png")
    assert find_copy(absent) == ""
    assert stat_absent(absent) is None
    with pytest.raises(NothingThere, match="no file at"):
        read_original(absent, shared.house.config.parse)


def test_what_was_dropped_on_one_machine_is_taken_in_and_read_on_another(shared):
    data = (paint(shared.folder / "photos") / "red.png").read_bytes()
    kept = shared.drop("red.png", data)
    assert shared.kept() == [hashlib.sha256(data).hexdigest()]
    assert kept.parent.name == shared.kept()[0]
    shutil.rmtree(shared.house.config.data / "added")  # the other machine has another folder
    assert shared.add(kept).state == "done"
    assert shared.house.names() == ["red.png"]
    shutil.rmtree(shared.house.config.data / "added")
    assert read_original(str(kept), shared.house.config.parse) == data


def test_members_of_an_archive_that_was_dropped_are_read_where_the_archive_is_not(shared, tmp_path):
    photos = paint(shared.folder / "photos")
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.write(photos / "green.png", "in/green.png")
    kept = shared.drop("holiday.zip", (tmp_path / "holiday.zip").read_bytes())
    shutil.rmtree(shared.house.config.data / "added")
    shared.add(kept)
    shutil.rmtree(shared.house.config.data / "added")
    (source,) = shared.house.store.sources(limit=9)
    assert source.path == f"{kept}!/in/green.png"
    assert read_original(source.path, shared.house.config.parse) == (photos / "green.png").read_bytes()


def test_a_file_goes_from_the_bucket_with_the_last_that_refers_to_it_and_not_before(shared):
    photos = paint(shared.folder / "photos")
    twin = shared.folder / "twin"
    twin.mkdir()
    shutil.copy(photos / "red.png", twin / "red.png")
    shared.add(photos, twin)
    red = hashlib.sha256((photos / "red.png").read_bytes()).hexdigest()
    shared.files.store.save_copy(red, "512.jpg", b"small")
    shared.house.library.forget([photos])
    assert shared.kept() == [red]
    shared.house.library.forget([twin])
    assert shared.keys() == []


def test_what_was_taken_out_stays_in_the_bucket_until_it_cannot_be_put_back(shared):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    token = shared.house.library.take_out([photos / "red.png"]).token
    assert len(shared.kept()) == len(COLOURS)
    shared.house.library.put_back(token)
    shared.house.library.take_out([photos / "red.png"])
    shared.house.library.purge(older_s=-1)
    assert shared.kept() == sorted(
        set(digests(photos)) - {hashlib.sha256((photos / "red.png").read_bytes()).hexdigest()}
    )


def test_bytes_that_a_file_has_no_more_go_when_the_new_ones_are_known(shared):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    picture("blue").resize((31, 33)).save(photos / "red.png")
    shared.add(photos)
    assert shared.kept() == digests(photos)


def test_deleting_everything_leaves_an_empty_bucket(shared):
    shared.add(paint(shared.folder / "photos"))
    shared.drop("a.txt", b"some words")
    shared.house.library.delete_everything()
    assert shared.kept() == []


def test_a_bucket_that_is_away_loses_nothing_and_the_job_goes_on_when_it_is_back(shared, monkeypatch):
    away = [True]
    has = shared.files.store.has

    def has_or_not(digest):
        if away[0]:
            away[0] = False
            raise TransientError("the server does not answer")
        return has(digest)

    monkeypatch.setattr(shared.files.store, "has", has_or_not)
    assert shared.add(paint(shared.folder / "photos")).state == "done"
    assert len(shared.kept()) == len(shared.house.names()) == len(COLOURS)


def test_repair_sends_what_the_bucket_lacks_and_removes_what_nobody_knows(shared, monkeypatch):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    shared.files.store.remove(shared.kept()[0])
    lost = shared.drop("lost.txt", b"words")
    shutil.rmtree(lost.parent)
    check = shared.house.done(shared.house.library.verify())
    assert [reason for reason in shared.house.failed(check).values() if "on other machines" in reason]
    monkeypatch.setattr(stored_files, "ON_ITS_WAY_S", -1.0)
    assert shared.house.done(shared.house.library.repair()).num_failed == 0
    assert shared.kept() == digests(photos)


def test_what_is_kept_here_is_bounded_and_the_rest_is_fetched_again(shared, monkeypatch):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    photos.rename(shared.folder / "elsewhere")
    monkeypatch.setattr(shared.files, "_most_bytes", 2 * (shared.folder / "elsewhere" / "red.png").stat().st_size + 9)
    for colour in COLOURS:
        read_original(str(photos / f"{colour}.png"), shared.house.config.parse)
    here = sorted(path.name for path in (shared.house.config.data / "fetched").rglob("*.png"))
    assert len(here) == 1 or here == sorted([f"{COLOURS[-2]}.png", f"{COLOURS[-1]}.png"])
    assert read_original(str(photos / "red.png"), shared.house.config.parse)


def test_copies_elsewhere_are_places_and_not_moves_where_this_machine_lacks_the_folder(shared):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    photos.rename(shared.folder / "of another machine")
    mine = shared.folder / "mine"
    mine.mkdir()
    shutil.copy(shared.folder / "of another machine" / "red.png", mine / "red.png")
    shared.add(mine)
    source = shared.house.store.source_at(str(mine / "red.png"))
    assert shared.house.store.places_of([source.id])[source.id] == (str(photos / "red.png"), str(mine / "red.png"))


def test_nobody_can_say_what_is_used_then_nothing_goes(shared, monkeypatch):
    photos = paint(shared.folder / "photos")
    shared.add(photos)

    def refuse(config):
        raise dropped_files.LibraryError("no answer")

    monkeypatch.setattr(dropped_files, "list_stores", refuse)
    shared.house.library.forget([photos])
    assert len(shared.kept()) == len(COLOURS)


def test_pictures_of_questions_are_read_and_brought_at_another_machine_and_go_with_their_last_question(shared):
    house = shared.house
    eyes, analyses = house.library.filling.eyes, AnalysisCache(house.library.quarantine.read_page)
    shelf = UploadStore(house.config, eyes=eyes, store=house.store, analyses=analyses, files=shared.files)
    ((kept,),) = shelf.place_many([Question(text="what is it?", image=picture("red"))])
    path = kept.source.path
    assert shared.kept() == [kept.source.digest]
    before = Path(path).read_bytes()
    shutil.rmtree(Path(path).parent)
    assert shelf.again(path).image.size == picture("red").size
    assert not Path(path).exists()
    shared.files.bring([path, str(house.config.data / "uploads" / "unknown.png"), "/elsewhere/a.png"])
    assert Path(path).read_bytes() == before
    shelf.remove({path})
    assert shared.kept() == []


def test_a_file_of_another_machine_is_packed_into_a_zip_as_it_is(shared):
    photos = paint(shared.folder / "photos")
    before = (photos / "red.png").read_bytes()
    shared.add(photos)
    (photos / "red.png").unlink()
    source = shared.house.store.source_at(str(photos / "red.png"))
    cited = Citation(number=1, region=Region(source=source, box_px=(0, 0, 9, 9)), score=1.0)
    *_, packed = pack_chosen([cited], shared.folder / "zips", picture=None, gone="gone")
    with zipfile.ZipFile(packed.file) as archive:
        assert archive.read("red.png") == before


def test_what_was_fetched_and_not_read_again_goes_within_a_day(shared, monkeypatch):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    photos.rename(shared.folder / "elsewhere")
    copy = Path(find_copy(str(photos / "red.png")))
    shared.house.library.purge()
    assert copy.exists()
    monkeypatch.setattr(stored_files, "READ_AGAIN_S", -1.0)
    shared.house.library.purge()
    assert not copy.parent.exists()
    assert Path(find_copy(str(photos / "red.png"))).exists()


def test_a_machine_that_cannot_put_a_file_where_it_is_called_to_be_leaves_it_to_others(shared):
    kept = shared.drop("a.txt", b"some words")
    shutil.rmtree(kept.parent)
    kept.parent.write_text("no folder can be made here")
    with pytest.raises(OutOfReach, match="cannot be made here"):
        shared.files.bring([str(kept)])


def test_nothing_is_deleted_while_the_store_is_away(shared, monkeypatch):
    shared.add(paint(shared.folder / "photos"))

    def refuse():
        raise TransientError("the server does not answer")

    monkeypatch.setattr(shared.files.store, "clear", refuse)
    with pytest.raises(TransientError):
        shared.house.library.delete_everything()
    assert shared.house.names() == sorted(f"{colour}.png" for colour in COLOURS)


def test_files_on_a_drive_that_is_away_are_offline_and_can_be_read_all_the_same(shared):
    photos = paint(shared.folder / "photos")
    shared.add(photos)
    photos.rename(shared.folder / "unplugged")
    drives, path = shared.house.library.drives, str(photos / "red.png")
    drives._looked_s = float("-inf")
    assert (drives.list_offline([path]), drives.list_unreadable([path])) == ({path}, set())
    assert drives.find_barrier(path) == ""


def test_a_photo_that_cannot_be_decoded_leaves_nothing_in_the_store(shared):
    photos = paint(shared.folder / "photos")
    whole = (photos / "red.png").read_bytes()
    (photos / "red.png").write_bytes(whole[: len(whole) // 2])
    job = shared.add(photos)
    assert (job.state, job.num_failed) == ("done", 1)
    (photos / "red.png").unlink()
    assert shared.kept() == digests(photos)


def test_files_are_sent_while_others_are_looked_at_and_known_only_when_they_are_there(shared, monkeypatch):
    sending, most, write = [], [0], shared.files.store.write_once

    def write_slowly(digest, data):
        sending.append(digest)
        most[0] = max(most[0], len(sending))
        time.sleep(0.2)
        assert shared.house.store.source_with(digest) is None
        write(digest, data)
        sending.remove(digest)

    monkeypatch.setattr(shared.files.store, "write_once", write_slowly)
    assert shared.add(paint(shared.folder / "photos")).num_failed == 0
    assert most[0] > 1
    assert len(shared.kept()) == len(shared.house.names()) == len(COLOURS)


def test_nothing_is_put_outside_the_library_whatever_a_path_says(shared):
    digest = shared.drop("a.txt", b"some words").parent.name
    outside = shared.folder / "mine" / "added" / digest / "a.txt"
    shared.files.bring([str(outside), f"{shared.house.config.data}/../mine/added/{digest}/a.txt"])
    assert not outside.parent.exists()
    assert find_copy(str(outside)) == ""
