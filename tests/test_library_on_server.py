"""What asks for a library's databases finds them on a server as it does in files."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.cli.doctor import storage_server
from deepseek_mm.config import Config, IndexConfig
from deepseek_mm.database_places import keep_in_files, mark_folder, place_of, space_of, space_places
from deepseek_mm.dates import Ages
from deepseek_mm.errors import Conflict, LibraryError, NothingThere
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.library.backup import copy_index, exchange_index
from deepseek_mm.library.dropped_files import taken_out, tidy
from deepseek_mm.library.health import find_on_server, sizes
from deepseek_mm.library.space_change import find_space, largest_index, list_spaces, remove_space
from deepseek_mm.parse.folder import find_files
from deepseek_mm.settings import Settings
from deepseek_mm.storage.places import ServerPlace, open_database
from deepseek_mm.storage.server_schemas import ServerSchemas
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.types import Question
from index import Region, Source
from index.database import STORE
from index.places import known_paths
from index.store import RegionStore

pytestmark = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture
def config(server, tmp_path):
    return Config(data=tmp_path, storage=StorageConfig(url=server.url(), prefix=f"s{abs(hash(str(tmp_path))) % 10**9}"))


def open_store(config: Config, name: str = "toy") -> RegionStore:
    fingerprint = (name[0] * 64).replace("t", "a")
    home = f"{name}-{fingerprint[:8]}"
    return RegionStore(
        config.data / "spaces" / home,
        space_name=name,
        fingerprint=fingerprint,
        dim=8,
        config=IndexConfig(),
        place=space_of(config, home).place,
    )


def add(store: RegionStore, path: str, text: str = "a kite") -> None:
    source = Source(path=path, digest=path, width_px=8, height_px=8)
    store.add(source, [Region(source=source, kind="whole", box_px=(0, 0, 8, 8), text=text)], np.eye(8)[[0]])


def as_user(config: Config, name: str) -> Config:
    url = config.storage.url.replace("postgres@", f"{name}@")
    return replace(config, storage=replace(config.storage, url=url))


def test_a_dropped_file_that_only_a_server_knows_stays(config):
    known, lost = (config.data / "added" / "2026-01-02" / name for name in ("known.png", "lost.png"))
    known.parent.mkdir(parents=True)
    for file in (known, lost):
        file.write_bytes(b"x")
    with open_store(config) as store, closing(Jobs(place_of(config, "jobs"))) as jobs:
        add(store, str(known))
        away = replace(config, storage=StorageConfig(url="postgresql://nobody@127.0.0.1:1/nothing"))
        assert tidy(away, jobs, older_s=-1, ages=Ages()) == 0  # it cannot be asked
        assert tidy(config, jobs, older_s=-1, ages=Ages()) == 1
        assert (known.exists(), lost.exists()) == (True, False)
        store.take_out([str(known)], config.data / "trash" / "one.db") if (config.data / "trash").mkdir() is None else 0
        assert taken_out(config) == {"2026-01-02/known.png"}


def test_indexes_of_a_server_are_listed_by_name_and_size_and_one_that_is_not_searched_can_be_removed(config):
    with open_store(config, "bright") as other:
        add(other, "/b.jpg")
    with open_store(config) as store:
        add(store, "/a.jpg")
        assert [(each.name, each.in_use, each.size_bytes > 0) for each in list_spaces(config, store)] == [
            ("bright-bbbbbbbb", False, True),
            ("toy-aaaaaaaa", True, True),
        ]
        assert sorted(known_paths(each.place for each in space_places(config))) == ["/a.jpg", "/b.jpg"]
        assert largest_index(config, store) == "bright-bbbbbbbb"
        place = find_space(config, "bright-bbbbbbbb").place
        with RegionStore.open_known(config.data / "any", IndexConfig(), place=place) as known:
            assert known.counts().sources == 1
        with pytest.raises(Conflict, match="searched now"):
            remove_space(find_space(config, "toy-aaaaaaaa"), store)
        with pytest.raises(NothingThere, match="no index"):
            find_space(config, "none-00000000")
        assert remove_space(find_space(config, "bright-bbbbbbbb"), store) > 0
        assert [each.name for each in space_places(config)] == ["toy-aaaaaaaa"]


def test_an_index_of_a_server_goes_into_a_backup_and_comes_out_of_it(config, tmp_path):
    with open_store(config, "bright") as store:
        add(store, "/b.jpg")
    place = space_of(config, "bright-bbbbbbbb").place
    copy_index(place, tmp_path / "copy.db")
    other = ServerPlace(url=place.url, name=f"{config.storage.prefix}_space_cccccccc")
    exchange_index(other, tmp_path / "copy.db")
    assert known_paths([other]) == ["/b.jpg"]
    with closing(open_database(other, STORE)) as database, database.reading() as session:
        made = "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE 'vectors_by%%'"
        assert session.connection().exec_driver_sql(made).scalar() == 1


def test_where_a_text_stands_on_a_server_is_told_by_its_table_and_how_large_all_is(config):
    with open_store(config) as store:
        add(store, "/secret's/a.jpg", text="nothing")
        schema = space_of(config, "toy-aaaaaaaa").place.name
        assert [(each.path, each.count) for each in find_on_server("secret's", config)] == [(f"{schema}.sources", 1)]
        assert next(each.size_bytes for each in sizes(config) if each.name == "index") > 8192
        assert store.health().traces.overwrites


def test_a_library_for_a_trial_keeps_files_whatever_the_settings_say(config, tmp_path):
    assert place_of(keep_in_files(config, tmp_path / "trial"), "history") == tmp_path / "trial" / "history.db"


def test_the_folder_of_a_library_on_a_server_is_no_folder_of_photos(config, tmp_path):
    (config.data / "uploads").mkdir()
    (config.data / "uploads" / "question.png").write_bytes(b"x")
    assert len(find_files([tmp_path], config.parse).files) == 1
    mark_folder(config)
    with pytest.raises(NothingThere):
        find_files([tmp_path], config.parse)


def test_a_user_without_the_right_to_make_schemas_opens_those_that_are_there(config):
    jobs = Jobs(place_of(config, "jobs"))
    with closing(jobs), jobs._database.writing() as session:
        name = f"{config.storage.prefix}_jobs"
        for statement in (
            "CREATE ROLE worker LOGIN",
            f"GRANT USAGE ON SCHEMA {name} TO worker",
            f"GRANT ALL ON ALL TABLES IN SCHEMA {name} TO worker",
            f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {name} TO worker",
        ):
            session.connection().exec_driver_sql(statement)
    with closing(Jobs(place_of(as_user(config, "worker"), "jobs"))) as again:
        assert again.add("index", {}).id == 1


def test_a_user_who_may_only_read_reads_and_is_told_what_to_ask_for_when_something_is_to_be_written(config):
    history = History(place_of(config, "history"))
    with closing(history), history._database.writing() as session:
        name = f"{config.storage.prefix}_history"
        for statement in (
            "CREATE ROLE reader LOGIN",
            f"GRANT USAGE ON SCHEMA {name} TO reader",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO reader",
        ):
            session.connection().exec_driver_sql(statement)
    with closing(History(place_of(as_user(config, "reader"), "history"))) as history:
        assert history.conversations(session="s", limit=9) == []
        with pytest.raises(LibraryError, match="SELECT, INSERT, UPDATE, DELETE ON ALL TABLES"):
            history.begin(Question(text="why?", session="s"), image_path="", settings={}, fingerprint="")


def test_doctor_looks_at_the_server_its_extensions_and_its_user(config, server):
    with open_store(config):
        pass
    found = {each.name: each for each in storage_server(settings_of(config))}
    assert {name: each.state for name, each in found.items()} == {
        "storage server": "ok",
        "its extensions": "ok",
        "its user": "ok",
    }
    assert "PostgreSQL 17" in found["storage server"].detail
    away = replace(config, storage=StorageConfig(url="postgresql://nobody@127.0.0.1:1/nothing"))
    (told,) = storage_server(settings_of(away))
    assert told.state == "fail"
    assert "Check that the server runs" in told.detail
    assert list(storage_server(settings_of(Config()))) == []


def settings_of(config: Config) -> Settings:
    return Settings(config=config, origin={}, file=config.data / "config.toml")


def test_schemas_change_their_names_all_at_once_or_not_at_all(config, server):
    with closing(Jobs(place_of(config, "jobs"))), ServerSchemas(server.url()) as schemas:
        name = f"{config.storage.prefix}_jobs"
        with pytest.raises(Exception, match="does not exist"):
            schemas.rename({name: f"{name}_new", "nowhere": "somewhere"})
        assert schemas.list_names(name) == [name]
