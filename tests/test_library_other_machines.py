"""Machines with folders of their own, PostgreSQL, and a bucket between them: what one has, the others look at."""

import hashlib
import shutil
import zipfile

import pytest
from cluster_help import ServerHouse, paint_many
from file_store_help import BUCKET, bucket_server, list_bucket
from other_machine import can_be_another, other_machine

from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.library import batches
from deepseek_mm.library.dropped_files import keep_dropped
from deepseek_mm.library.library_worker import LibraryWorker
from deepseek_mm.parse.document import read_original

pytestmark = pytest.mark.skipif(not (has_postgres() and can_be_another()), reason="needs postgresql-17 and root")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="module")
def bucket():
    with bucket_server() as url:
        yield url


@pytest.fixture
def house(server, bucket, tmp_path, request):
    prefix = f"t{abs(hash(request.node.name)) % 10**12}"
    files = {"files": f"s3://{BUCKET}/{prefix}", "files_endpoint": bucket}
    made = ServerHouse(server.url(), tmp_path / "library", prefix=prefix, workers=True, **files)
    made.library.start()
    yield made
    made.close()


def kept(house: ServerHouse) -> list[str]:
    begin = house.config.storage.files.removeprefix(f"s3://{BUCKET}/") + "/files/"
    keys = list_bucket(house.config.storage.files_endpoint)
    return sorted(key.split("/")[-1] for key in keys if key.startswith(begin))


def test_what_is_dropped_at_a_server_is_taken_in_by_a_worker_on_another_machine(house, tmp_path):
    photos = paint_many(tmp_path / "sent", 3)
    with zipfile.ZipFile(photos / "more.zip", "w") as archive:
        archive.write(photos / "0002.png", "inside.png")
    dropped = keep_dropped(
        [str(photos / name) for name in ("0000.png", "0001.png", "more.zip")], house.config.data, house.library.files
    )
    with other_machine(house, tmp_path / "elsewhere", unseen=photos):
        job = house.done(house.library.add(dropped))
    assert (job.state, job.num_failed) == ("done", 0)
    assert house.names() == ["0000.png", "0001.png", "inside.png"]
    assert sorted(path.name for path in (tmp_path / "elsewhere" / "added").rglob("*.*")) == sorted(
        path.name for path in dropped
    )
    shutil.rmtree(house.config.data / "added")
    for source in house.store.sources(limit=9):
        assert hashlib.sha256(read_original(source.path, house.config.parse)).hexdigest() == source.digest
    house.library.forget(dropped)
    assert kept(house) == [hashlib.sha256((photos / "more.zip").read_bytes()).hexdigest()]  # a job names it


@pytest.mark.campaign(times=1, only=True)
def test_a_folder_of_one_machine_is_looked_at_by_workers_that_do_not_see_it(house, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "SHARED_FROM", 8)
    monkeypatch.setattr(batches, "LEAST_FILES", 3)
    photos = paint_many(tmp_path / "photos", 24)
    (photos / "0003.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    one = ServerHouse(
        house.config.storage.url,
        house.config.data,
        seconds=0.2,
        prefix=house.config.storage.prefix,
        files=house.config.storage.files,
        files_endpoint=house.config.storage.files_endpoint,
    )
    worker = LibraryWorker.of(one.config, ["gpu"], name="one").admit(one.space)
    with other_machine(house, tmp_path / "elsewhere", unseen=photos), worker.working(one.library):
        job = house.done(house.library.add([photos]))
    one.close()
    assert (job.state, job.result["added"], job.num_failed) == ("done", 24, 0)
    fetched = list((tmp_path / "elsewhere" / "fetched").rglob("*.png"))
    assert len(fetched) == 24 - one.space.looks > 0
    assert house.store.num_without_mark("words") == 0  # a machine that sees a folder reads the words beside its photos
    photos.rename(tmp_path / "away")
    assert kept(house) == sorted(source.digest for source in house.store.sources(limit=99))
    for source in house.store.sources(limit=99):
        assert hashlib.sha256(read_original(source.path, house.config.parse)).hexdigest() == source.digest
