"""A big folder over a server: batches that any worker takes, seen as one job, and machines that see different files."""

import io
import signal
import threading
import time
from _thread import interrupt_main
from contextlib import closing, suppress
from subprocess import CalledProcessError
from threading import Timer
from types import SimpleNamespace

import pytest
from cluster_help import ServerHouse, make_settings, paint_many, start_worker
from jobs_help import eventually

from deepseek_mm.__main__ import main
from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.cli.doctor import workers
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, ConfigError, LibraryError, OutOfReach
from deepseek_mm.jobs.table import machine_name
from deepseek_mm.library import batches
from deepseek_mm.library.batches import is_visible, refuse_unseen
from deepseek_mm.library.library_worker import LibraryWorker
from deepseek_mm.services.library_service import LibraryService
from deepseek_mm.settings import Settings
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.terminal import STOPPED, USER_ERROR, Desk

needs_server = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture
def open_house(server, tmp_path, request):
    houses = []
    prefix = f"t{abs(hash(request.node.name)) % 10**12}"

    def open_one(name: str, **how) -> ServerHouse:
        houses.append(ServerHouse(server.url(), tmp_path / name, prefix=prefix, **how))
        return houses[-1]

    yield open_one
    for house in houses:
        house.close()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "SHARED_FROM", 8)
    monkeypatch.setattr(batches, "ALONE_FROM", 8)
    monkeypatch.setattr(batches, "LEAST_FILES", 3)


def as_worker(house: ServerHouse, name: str):
    return LibraryWorker.of(house.config, ["gpu"], name=name).admit(house.space).working(house.library)


@needs_server
def test_two_workers_share_a_folder_and_the_job_tells_of_all_files_as_one(open_house, small_batches, tmp_path):
    server_, one, other = (open_house(name, workers=True, seconds=0.02) for name in ("server", "one", "other"))
    server_.library.start()
    folder = paint_many(tmp_path / "photos", 16)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    (folder / "twin.png").write_bytes((folder / "0000.png").read_bytes())
    with as_worker(one, "one"), as_worker(other, "other"):
        job = server_.done(server_.library.add([folder]))
    assert (job.state, job.done, job.total, job.num_failed) == ("done", 18, 18, 1)
    assert (job.result["added"], job.result["copies"]) in ((16, 1), (17, 0))  # by one, or by two at the same time
    assert "1 not read" in job.message
    assert len(server_.names()) == 16  # the twin is one of them
    assert min(one.space.looks, other.space.looks) > 0
    assert [each.item for each in server_.jobs.failures(job.id, limit=9)] == [str(folder / "broken.png")]
    again = server_.jobs.retry(job.id)
    assert again.payload["only"] == [str(folder / "broken.png")]


@needs_server
def test_one_worker_alone_takes_all_batches_and_nothing_is_read_twice(open_house, small_batches, tmp_path):
    house = open_house("server")
    house.library.start()
    folder = paint_many(tmp_path / "photos", 10)
    job = house.done(house.library.add([folder]))
    assert (job.state, job.done, job.result["added"], house.space.looks) == ("done", 10, 10, 10)
    assert house.jobs.sum_parts(job.id).num_open == 0
    job = house.done(house.library.add([folder]))
    assert (job.result["unchanged"], house.space.looks) == (10, 10)


@needs_server
def test_a_cancel_ends_the_batches_of_all_and_what_was_stored_stays(open_house, small_batches, tmp_path):
    server_, one = open_house("server", workers=True), open_house("one", seconds=0.05)
    server_.library.start()
    folder = paint_many(tmp_path / "photos", 30)
    with as_worker(one, "one"):
        job = server_.library.add([folder])
        eventually(lambda: server_.jobs.get(job.id).done > 4, within_s=30)
        server_.jobs.cancel(job.id)
        job = server_.done(job)
    assert job.state == "cancelled"
    assert 0 < len(server_.names()) < 30
    assert server_.jobs.claim(["index files"]) is None


@needs_server
def test_files_of_a_batch_that_vanished_are_told_and_end_nothing(open_house, small_batches, tmp_path, monkeypatch):
    house = open_house("server")
    folder = paint_many(tmp_path / "photos", 9)
    add_parts = house.jobs.add_parts

    def add_and_remove(task, kind, payloads):
        add_parts(task, kind, payloads)
        (folder / "0005.png").unlink()

    monkeypatch.setattr(house.jobs, "add_parts", add_and_remove)
    house.library.start()
    job = house.done(house.library.add([folder]))
    assert (job.state, job.result["added"]) == ("done", 8)
    (failed,) = house.jobs.failures(job.id, limit=9)
    assert failed.reason.startswith(f"{folder / '0005.png'} cannot be seen from {machine_name()}.")


@needs_server
def test_what_another_machine_does_not_see_is_never_taken_out(open_house, tmp_path, monkeypatch):
    house = open_house("server")
    house.library.start()
    folder = paint_many(tmp_path / "photos", 3)
    house.done(house.library.add([folder]))
    (folder / "0001.png").unlink()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("deepseek_mm.library.index_jobs.machine_name", lambda: "attic")
        job = house.done(house.library.add([folder], forget=True))
    assert "1 files cannot be seen from attic, and stay" in job.message
    assert len(house.names()) == 3
    house.done(house.library.add([folder], forget=True))
    assert len(house.names()) == 2


def test_batches_are_smaller_towards_the_end_and_hold_every_file_once():
    files = [f"{n}.jpg" for n in range(1_500)]
    for takers in (1, 2, 8):
        found = list(batches.cut(files, takers))
        sizes = [len(some) for some in found]
        assert [path for some in found for path in some] == files
        assert (sizes[0], max(sizes), sizes == sorted(sizes, reverse=True)) == (64, 64, True)
        assert max(sizes[-takers:]) <= 4
    assert len(list(batches.cut(files[:150], 2))) < 20


@needs_server
def test_work_is_given_out_where_others_are_there_to_take_it(open_house, monkeypatch, tmp_path):
    monkeypatch.setattr(batches, "SHARED_FROM", 4)
    house, folder = open_house("one"), paint_many(tmp_path / "photos", 6)
    work = batches.SharedWork(task=SimpleNamespace(), jobs=house.jobs, take=lambda task: "", payload={})
    files = [str(path) for path in sorted(folder.iterdir())]
    with as_worker(house, "one"):
        assert house.jobs.count_takers("gpu") == 1
        assert work.share(files, 0, 6) is None
        with as_worker(open_house("two"), "two"):
            assert (house.jobs.count_takers("gpu"), house.jobs.count_takers("cpu")) == (2, 0)


def test_a_folder_that_only_the_asking_machine_saw_is_left_to_others(tmp_path):
    folder = paint_many(tmp_path / "photos", 1)
    mount = tmp_path / "mount"
    mount.mkdir()
    assert [is_visible(str(path)) for path in (folder, folder / "0000.png", mount, tmp_path / "gone")] == [
        True,
        True,
        False,
        False,
    ]
    refuse_unseen([str(folder)])
    with pytest.raises(OutOfReach, match="Mount the folder there"):
        refuse_unseen([str(folder), str(mount)])


@needs_server
def test_a_server_that_leaves_work_to_workers_does_none_of_it_and_the_doctor_says_who_is_there(open_house, tmp_path):
    house = open_house("server", workers=True)
    house.library.start()
    job = house.library.add([paint_many(tmp_path / "photos", 1)])
    time.sleep(0.7)
    assert house.jobs.get(job.id).state == "waiting"
    settings = Settings(config=house.config, origin={}, file=tmp_path / "none")
    server_, verdict = workers(settings)
    assert (server_.name, verdict.state, verdict.detail) == ("server", "warn", "none is there")
    assert f"on {machine_name()}, version " in server_.detail
    service = LibraryService(assistant=SimpleNamespace(config=house.config, library=house.library), stop_answers=list)
    with as_worker(open_house("one", seconds=1.0), "attic"):
        eventually(lambda: house.jobs.get(job.id).state == "running", within_s=10)
        assert [(each.description.name, each.jobs) for each in service.list_processes(LOCAL)] == [
            (machine_name(), ()),
            ("attic", (job.id,)),
        ]
        house.done(job)
        found = list(workers(settings))
    assert [each.name for each in found] == ["server", "worker", "workers"]
    assert found[1].detail.startswith(f"attic on {machine_name()}, version ")
    assert (found[2].state, " does gpu, since " in found[1].detail) == ("ok", True)


@needs_server
def test_the_command_works_until_it_is_told_to_end_and_refuses_other_weights(open_house, tmp_path):
    house, said = open_house("one"), io.StringIO()
    url, prefix = house.config.storage.url, house.config.storage.prefix
    words = ["worker", "--queues", "gpu", "--url", url, "--name", "attic", "--set", f"storage.prefix={prefix}"]

    def load(config, progress, *, admit, **given):
        admit(house.space)
        Timer(0.5, interrupt_main).start()
        return SimpleNamespace(library=house.library, close=lambda: None)

    desk = Desk(out=said, err=said, load=load, environ={}, cwd=tmp_path)
    assert main(words, desk) == STOPPED
    assert said.getvalue().splitlines() == [
        "attic does the work of the queues gpu; Ctrl-C ends it, others go on then",
        "stopped",
    ]
    house.space = SimpleNamespace(fingerprint="0" * 64)
    assert main(words, desk) == USER_ERROR
    assert "the weights here have the fingerprint 00000000" in said.getvalue()


def test_a_worker_needs_a_server_and_queues_that_there_are(tmp_path):
    with pytest.raises(ConfigError, match="a worker needs a library on a server"):
        LibraryWorker.of(Config(data=tmp_path), ["gpu"])
    config = make_settings(tmp_path, StorageConfig(url="postgresql://nobody@127.0.0.1:1/nothing", prefix="c"))
    with pytest.raises(BadQuestion, match="no queue is called 'tpu'. There are: cpu, gpu"):
        LibraryWorker.of(config, ["gpu", "tpu"])


@needs_server
@pytest.mark.campaign(times=1, only=True)
def test_a_worker_tells_what_it_is_at_until_it_is_told_to_end(open_house, monkeypatch, tmp_path):
    monkeypatch.setattr("deepseek_mm.library.library_worker.LOOK_S", 0.05)
    house, said, ends = open_house("one", seconds=0.2), [], threading.Event()
    worker = LibraryWorker.of(house.config, ["gpu"], name="one").admit(house.space)
    with worker.working(house.library):
        watching = threading.Thread(target=worker.watch, args=(ends, said.append))
        watching.start()
        folder = paint_many(tmp_path / "photos", 3)
        house.done(house.library.add([folder]))
        ends.set()
        watching.join()
    assert said[:1] == [f"at work: Index {folder}"]


@needs_server
@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(server, tmp_path, how):
    house = ServerHouse(server.url(), tmp_path / "server", workers=True)
    folder = paint_many(tmp_path / "photos", 300)
    with closing(house):
        house.library.start()
        workers = [start_worker(house, tmp_path / name, seconds=0.02, name=name) for name in ("one", "other")]
        try:
            assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
            job = house.library.add([folder])
            eventually(lambda: house.jobs.get(job.id).done > 100)
            workers[0].send_signal(how)
            workers[0].wait(20)
            job = house.done(job)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        assert (job.state, job.num_failed, len(set(house.names())), len(house.names())) == ("done", 0, 300, 300)


@needs_server
@pytest.mark.campaign(times=1, only=True)
def test_a_database_that_is_killed_and_comes_back_loses_and_doubles_nothing(tmp_path):
    folder = paint_many(tmp_path / "photos", 300)
    with postgres_server() as own, closing(ServerHouse(own.url(), tmp_path / "server", workers=True)) as house:
        house.library.start()
        workers = [start_worker(house, tmp_path / name, seconds=0.02, name=name) for name in ("one", "other")]
        try:
            assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
            job = house.library.add([folder])
            for least in (60, 160):
                eventually(lambda least=least: done_by_now(house, job.id) > least)
                own.kill()
                eventually(lambda: starts(own))  # once those that it had started have ended
            eventually(lambda: done_by_now(house, job.id) >= 300)
            eventually(lambda: house.jobs.get(job.id).is_ended)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        job = house.jobs.get(job.id)
        assert (job.state, job.num_failed, len(set(house.names())), len(house.names())) == ("done", 0, 300, 300)


def starts(server) -> bool:
    with suppress(CalledProcessError):
        server.start()
        return True
    return False


def done_by_now(house: ServerHouse, job_id: int) -> int:
    with suppress(LibraryError):
        return house.jobs.get(job_id).done
    return 0
