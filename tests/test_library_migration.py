"""A library moves between files and a server with all that it holds, and goes on after a kill at any moment."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.cli.migration import describe_setting, tell_files
from deepseek_mm.cli.parser import build_parser, import_command
from deepseek_mm.config import Config, IndexConfig
from deepseek_mm.database_places import place_of, space_places
from deepseek_mm.errors import BadQuestion, Conflict, LibraryError, NothingThere
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.library import migration
from deepseek_mm.library.migration import FileCounts, LibraryMove
from deepseek_mm.storage import replication
from deepseek_mm.storage.file_store import FileStore
from deepseek_mm.storage.replication import pair_rows
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Question
from index import Region, Source
from index.database import VectorDamaged
from index.store import RegionStore

needs_server = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")
SPACE = {"space_name": "toy", "fingerprint": "f" * 64, "dim": 8}
HOME = "toy-ffffffff"
KILLED = """
import os, sys, threading
from test_library_migration import files_in, move, there
origin = files_in(sys.argv[1])
threading.Timer(float(sys.argv[3]), lambda: os.kill(os.getpid(), 9)).start()
move(origin, there(origin, sys.argv[2]))
"""


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture
def files(tmp_path):
    config = files_in(tmp_path)
    with open_store(config) as store:
        for n in range(20):
            add(store, n)
        store.remove([20])
    with closing(Jobs(place_of(config, "jobs"))) as jobs:
        jobs.add("index", {"n": 1})
    with closing(Accounts(place_of(config, "accounts"))) as accounts:
        accounts.add_identity("https://id.home", "1", "anna", "owner")
    with closing(History(place_of(config, "history"))) as history:
        question = Question(text="what is it?", session="s", image_name="caf\udce9.jpg \0 \ue0db")
        history.begin(question, image_path="", settings={"b": 1, "a": [0.1]}, fingerprint="")
    return config


def files_in(folder) -> Config:
    return Config(data=Path(folder))


def there(config: Config, url: str, prefix: str = "") -> Config:
    return replace(config, storage=StorageConfig(url=url, prefix=prefix or f"of_{config.data.name[-12:].strip('_')}"))


@pytest.fixture
def on_server(files, server):
    return there(files, server.url(), prefix=f"m{abs(hash(str(files.data))) % 10**9}")


def open_store(config: Config) -> RegionStore:
    place = (
        next((each.place for each in space_places(config) if each.name == HOME), None) if config.storage.url else None
    )
    return RegionStore(config.data / "spaces" / HOME, **SPACE, config=IndexConfig(), place=place)


def add(store: RegionStore, n: int, text: str = "") -> int:
    source = Source(path=f"/photos/{n}.jpg", digest=f"photo-{n}", width_px=8, height_px=8)
    vector = np.random.default_rng(n).normal(size=(1, 8)).astype(np.float32)
    return store.add(
        source, [Region(source=source, kind="whole", box_px=(0, 0, 8, 8), text=text or f"kite {n}")], vector
    ).id


def move(origin: Config, target: Config, **more):
    return LibraryMove(origin=origin, target=target, **({"hold": lambda data: nullcontext()} | more)).run()


def paths(config: Config) -> list[str]:
    with open_store(config) as store:
        return [source.path for source in store.walk(limit=99)]


def checksums(report) -> dict[tuple[str, str], tuple[int, str]]:
    return {(copy.name, each.name): (each.rows, each.checksum) for copy in report.copies for each in copy.tables}


def test_rows_are_paired_by_their_keys_and_gaps_are_told():
    ones, others = ([{"id": n} for n in ids] for ids in ((1, 2, 4), (2, 3, 4, 5)))
    paired = pair_rows(iter(ones), iter(others), lambda row: (row["id"],))
    told = [(one and one["id"], other and other["id"]) for one, other in paired]
    assert told == [(1, None), (2, 2), (None, 3), (4, 4), (None, 5)]


@needs_server
def test_files_are_sent_to_the_store_on_the_way_there_and_uploads_come_back(files, server, tmp_path):
    (tmp_path / "shared").mkdir()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("b.txt", "in an archive")
    kept = {"a.txt": b"dropped", "z.zip": archive.getvalue()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in kept.items()}
    places = {name: tmp_path / "added" / digests[name] / name for name in kept}
    for name, place in places.items():
        place.parent.mkdir(parents=True)
        place.write_bytes(kept[name])
    inside = hashlib.sha256(b"in an archive").hexdigest()
    with open_store(files) as store:
        for path, digest in ((places["a.txt"], digests["a.txt"]), (f"{places['z.zip']}!/b.txt", inside)):
            store.add(Source(path=str(path), digest=digest), [], np.zeros((0, 8), np.float32))
    shared = {"files": f"file://{tmp_path}/shared"}
    goal = there(files, server.url(), prefix=f"f{abs(hash(str(files.data))) % 10**9}")
    goal = replace(goal, storage=replace(goal.storage, **shared))
    back = replace(files, storage=StorageConfig(**shared))
    report = move(back, goal)
    assert report.files == FileCounts(moved=2, absent=19)  # the 19 were never files
    assert "2 sent to file://" in tell_files(report.files, goal)
    with places["z.zip"].open("rb") as data:  # as whoever drops it does
        FileStore.of(goal.storage).write_once(digests["z.zip"], data)
    shutil.rmtree(tmp_path / "added")
    assert move(goal, back, set_aside=True).files == FileCounts(moved=2)
    assert {name: place.read_bytes() for name, place in places.items()} == kept


@needs_server
def test_all_of_a_library_comes_to_a_server_and_back_and_ids_go_on(files, on_server):
    gone = move(files, on_server)
    assert checksums(gone)[HOME, "vectors"][0] == 19
    assert not gone.waits_for
    with open_store(on_server) as store:
        assert len(store.search_words("kite", k=99)) == 19
        assert store.problems() == []
        assert add(store, 50) == 21  # 20 was given, and removed
    with closing(Accounts(place_of(on_server, "accounts"))) as accounts:
        assert [each.name for each in accounts.all()] == ["anna"]
    back = move(on_server, files, set_aside=True)
    assert paths(files) == [*(f"/photos/{n}.jpg" for n in range(19)), "/photos/50.jpg"]
    assert (files.data / "before-moving-1" / "history.db").exists()
    assert back.aside.endswith("before-moving-1")
    assert not (files.data / "moving").exists()
    same = [name for name in checksums(gone) if name[0] in ("accounts", "jobs")]
    assert all(checksums(gone)[name] == checksums(back)[name] for name in same)
    with open_store(files) as store:
        assert store.problems() == []
        assert add(store, 51) == 22
    with closing(History(place_of(files, "history"))) as history:
        assert [turn.image_name for turn in history.turns(1, session="s")] == ["caf\udce9.jpg \0 \ue0db"]


@needs_server
def test_what_a_migration_has_copied_is_kept_when_it_is_broken_off_and_the_next_one_goes_on(
    files, on_server, monkeypatch
):
    monkeypatch.setattr(replication, "PIECE", 4)
    for most in (3, 60):
        calls = iter(range(most))

        def stop(*told, calls=calls):
            if next(calls, None) is None:
                raise KeyboardInterrupt

        try:
            report = move(files, on_server, told=stop)
        except KeyboardInterrupt:
            assert space_places(on_server) == []  # nothing has its place before all of it is there
        else:
            break
    else:
        report = move(files, on_server)
    assert all(each.equal for copy in report.copies for each in copy.tables)
    assert paths(on_server) == paths(files)


@needs_server
def test_what_is_written_to_the_old_place_meanwhile_comes_along(files, on_server, monkeypatch):
    monkeypatch.setattr(replication, "PIECE", 4)
    wrote = []

    def write(database, what, *told):
        if database == HOME and what == "regions" and not wrote:
            wrote.append(what)
            with open_store(files) as store:
                store.remove([2, 3])
                store.remove_places(["/photos/5.jpg"])
                add(store, 7, text="a kite that was read anew")
                add(store, 60)

    report = move(files, on_server, told=write)
    assert wrote
    assert paths(on_server) == paths(files)
    assert "/photos/60.jpg" in paths(on_server)
    assert all(each.equal and not each.written for copy in report.copies for each in copy.tables)
    with open_store(on_server) as store:
        assert len(store.search_words("anew", k=9)) == 1
        assert store.problems() == []


@needs_server
def test_while_the_page_is_open_all_is_copied_and_takes_its_place_once_it_is_ended(files, on_server):
    @contextmanager
    def refuse(data):
        raise LibraryError(f"the library {data} is served by process 7 already. End that one")
        yield

    report = move(files, on_server, hold=refuse)
    assert "process 7" in report.waits_for
    assert space_places(on_server) == []
    with open_store(files) as store:
        add(store, 61)
    again = move(files, on_server)
    assert not again.waits_for
    assert paths(on_server) == paths(files)


@pytest.mark.campaign(times=1, only=True)
@needs_server
def test_while_processes_of_any_machine_use_a_server_nothing_leaves_it(files, on_server, tmp_path):
    move(files, on_server)
    back = files_in(tmp_path / "back")
    with closing(Jobs(place_of(on_server, "jobs"))) as jobs, jobs._database.writing() as session:
        session.connection().exec_driver_sql("DROP TABLE IF EXISTS processes")
        session.connection().exec_driver_sql("CREATE TABLE processes (seen_at timestamptz)")
        session.connection().exec_driver_sql("INSERT INTO processes VALUES (clock_timestamp())")
    assert "1 processes use the library" in move(on_server, back).waits_for
    with closing(Jobs(place_of(on_server, "jobs"))) as jobs, jobs._database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM processes")
    assert not move(on_server, back).waits_for
    assert paths(back) == paths(files)


@needs_server
def test_a_library_that_is_there_already_is_refused_and_makes_room_when_it_is_told_to(files, on_server):
    move(files, on_server)
    with pytest.raises(Conflict, match="--set-aside"):
        move(files, on_server)
    with open_store(files) as store:
        add(store, 62)
    report = move(files, on_server, set_aside=True)
    assert "_aside_1_" in report.aside
    assert "/photos/62.jpg" in paths(on_server)
    with pytest.raises(Conflict, match=r"store\.db.*--set-aside"):
        move(on_server, files)


@pytest.mark.campaign(times=1, only=True)
@needs_server
def test_a_kill_while_files_take_their_places_is_made_good_by_the_next_run(files, on_server, tmp_path, monkeypatch):
    move(files, on_server)
    back, calls = files_in(tmp_path / "back"), iter(range(2))

    def sync_or_die(path):
        if next(calls, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migration, "sync_file", sync_or_die)
        with pytest.raises(KeyboardInterrupt):
            move(on_server, back)
    assert len(list(back.data.glob("*.db"))) == 2
    with closing(Jobs(place_of(on_server, "jobs"))) as jobs:
        jobs.add("index", {"n": 2})
    assert not move(on_server, back).waits_for
    assert not (back.data / "moving").exists()
    assert paths(back) == paths(files)
    with closing(Jobs(place_of(back, "jobs"))) as jobs:
        assert len(jobs.find(limit=9)) == 2


@needs_server
def test_a_vector_that_is_not_what_was_written_stops_it_and_nothing_takes_its_place(files, on_server):
    with open_store(files) as store, store._database.writing() as session:
        session.connection().exec_driver_sql("UPDATE vectors SET checksum = checksum + 1 WHERE region_id = 3")
    with pytest.raises(VectorDamaged, match="region 3.*library repair"):
        move(files, on_server)
    assert space_places(on_server) == []


def test_a_migration_to_where_the_library_lies_or_from_nothing_says_what_to_do(tmp_path):
    with pytest.raises(BadQuestion, match="already"):
        move(files_in(tmp_path), files_in(tmp_path))


@needs_server
def test_a_place_without_a_library_says_how_to_name_another(tmp_path, server):
    with pytest.raises(NothingThere, match="--data FOLDER"):
        move(files_in(tmp_path), there(files_in(tmp_path), server.url()))


@needs_server
def test_the_command_tells_tables_and_what_to_set(files, server):
    config = there(files, server.url(), prefix="command")
    words = ["library", "migrate", "--data", str(files.data), "--to", server.url(), "--set", "storage.prefix=command"]
    code, said = run([*words, "--json"])
    told = json.loads(said)
    assert code == 0
    assert told["moved"]
    assert told["settings"]["storage.url"] == server.url()
    assert {"database": HOME, "table": "sources", "rows": 19}.items() <= next(
        each for each in told["tables"] if each["table"] == "sources"
    ).items()
    assert paths(config) == paths(files)
    assert f"url = '{server.url()}'" in describe_setting(config)
    assert "take url out of [storage]" in describe_setting(files)


def run(words: list[str]) -> tuple[int, str]:
    desk = Desk(out=io.StringIO(), err=io.StringIO(), environ={})
    args = build_parser([import_command("library")]).parse_args(words)
    return args.command.run(args, desk), desk.out.getvalue()


@pytest.mark.campaign(times=1, only=True)
@needs_server
def test_a_migration_that_is_killed_at_any_moment_ends_the_same(files, server, tmp_path):
    with open_store(files) as store:
        for n in range(100, 1_500):
            add(store, n)
    config = there(files, server.url())
    for tenths in range(0, 30, 3):
        words = [sys.executable, "-c", KILLED, str(files.data), server.url(), str(2 + tenths / 10)]
        code = subprocess.run(words, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False).returncode
        if code != -signal.SIGKILL:
            break
    if not space_places(config):
        move(files, config)
    with open_store(config) as store, open_store(files) as before:
        assert store.counts() == before.counts()
        assert store.problems() == []
