"""Services keep to what a caller may name and change, whoever calls them: routes, page, tools, command line."""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from chat_server import chat_server
from rag_house import paint
from service import STRANGER, house_in

from deepseek_mm.accounts.permissions import COMMAND_LINE, LOCAL
from deepseek_mm.api.tasks import caller_of
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, ConfigError, Conflict, Forbidden, NothingThere
from deepseek_mm.jobs import JobRequest
from deepseek_mm.services import build_services
from deepseek_mm.services.services import PhotoExample
from deepseek_mm.settings_file import SettingsFile
from index import Source
from index.region import LibraryViewer

DIARY = b"dear diary"


@pytest.fixture
def house(tmp_path):
    """Callers from elsewhere may name what lies in the folder `shared`."""
    with house_in(tmp_path) as house:
        (tmp_path / "shared").mkdir()
        serve = ServeConfig(roots=str(tmp_path / "shared"))
        house.assistant.config = replace(house.assistant.config, serve=serve)
        yield house


@pytest.fixture
def services(house):
    photos = house.folder / "photos"
    services = build_services(house.assistant, house.file, photos=photos)
    return replace(services, library=replace(services.library, stop_answers=house.stop_answers))


def jobs(house):
    return house.assistant.library.jobs.find(limit=-1)


def test_from_elsewhere_only_shared_files_are_taken_in_and_watched(house, services):
    secret = paint(house.folder / "secret", "secret.png", "red")
    os.symlink(house.folder / "secret", house.folder / "shared" / "way-out")
    for path in (str(secret), str(secret.parent), f"{house.folder}/shared/way-out", "/etc/passwd", "/etc/none", "~"):
        with pytest.raises(Forbidden, match="in none of the folders"):
            services.library.add(STRANGER, [path])
        with pytest.raises(Forbidden, match="in none of the folders"):
            services.library.watch(STRANGER, path)
    assert jobs(house) == []
    shared = paint(house.folder / "shared", "ours.png", "green")
    assert services.library.add(STRANGER, [str(shared)]).payload["paths"] == [str(shared)]
    assert services.library.add(LOCAL, [str(secret)]).payload["paths"] == [str(secret)]


def test_from_elsewhere_the_librarys_own_folder_is_nobodys_though_a_root_contains_it(house, services):
    config = house.assistant.config
    house.assistant.config = replace(config, serve=ServeConfig(roots=str(house.folder)))
    upload = paint(config.data / "uploads" / "ab", "others.png", "red")
    (config.data / "keys.json").write_text("{}")
    os.symlink(config.data / "uploads", house.folder / "shared" / "way-in")
    own = (str(upload), f"{config.data}/uploads", f"{config.data}/keys.json", f"{config.data}/none")
    for path in (*own, f"{house.folder}/shared/way-in"):
        with pytest.raises(Forbidden, match="the library's own folder"):
            services.library.add(STRANGER, [path])
        with pytest.raises(Forbidden, match="the library's own folder"):
            services.library.watch(STRANGER, path)
    with pytest.raises(Forbidden, match="the library's own folder"):
        services.library.backup(STRANGER, f"{config.data}/rules.txt")
    assert jobs(house) == []
    assert services.library.add(LOCAL, [str(upload)]).payload["paths"] == [str(upload)]


def test_one_path_that_may_not_be_named_keeps_all_others_out(house, services):
    shared = paint(house.folder / "shared", "ours.png", "green")
    upload = paint(house.folder / "arriving", "new.png", "blue")
    with pytest.raises(Forbidden):
        services.library.add(STRANGER, [str(shared), "/etc/passwd"], uploads=[str(upload)])
    assert jobs(house) == []
    assert not (house.assistant.config.data / "added").exists()


def test_uploads_and_paths_go_in_together_and_nothing_is_nothing(house, services):
    upload = paint(house.folder / "arriving", "new.png", "blue")
    job = services.library.add(LOCAL, [str(house.photos[0])], uploads=[str(upload)])
    assert [os.path.basename(path) for path in job.payload["paths"]] == ["new.png", "red.png"]
    with pytest.raises(BadFile, match="Name a file"):
        services.library.add(LOCAL)


def test_the_programs_own_photos_are_everybodys_and_lie_in_no_shared_folder(house, services):
    assert services.library.add_examples(STRANGER).payload["paths"] == [str(house.folder / "photos")]
    with pytest.raises(NothingThere):
        build_services(house.assistant, house.file).library.add_examples(LOCAL)


def test_a_backup_from_elsewhere_goes_into_a_shared_folder_and_over_no_file_of_others(house, services):
    diary = house.folder / "shared" / "diary"
    diary.write_bytes(DIARY)
    with pytest.raises(Conflict):
        services.library.backup(STRANGER, str(diary))
    for path in (house.folder / "mine", house.assistant.config.data / "keys.json", "/etc/cron.d/mine"):
        with pytest.raises(Forbidden):
            services.library.backup(STRANGER, str(path))
    job = services.library.backup(STRANGER, str(house.folder / "shared" / "new.deepseek-mm"))
    assert house.work({"id": job.id})["state"] == "done"
    assert (house.folder / "shared" / "new.deepseek-mm").is_file()
    assert diary.read_bytes() == DIARY


def test_from_elsewhere_only_the_librarys_own_backups_are_restored(house, services):
    assert house.work({"id": services.library.backup(STRANGER).id})["state"] == "done"
    (own,) = services.library.list_backups(STRANGER)
    copy = house.folder / "shared" / "copy.deepseek-mm"  # others write here: it could hold any path
    copy.write_bytes(own.read_bytes())
    with pytest.raises(Forbidden, match="only a caller on this machine"):
        services.library.restore(STRANGER, str(copy))
    assert house.hushed == []
    for named in (own.name, str(own)):
        assert services.library.restore(STRANGER, named).payload["file"] == str(own)
    assert services.library.restore(LOCAL, str(copy)).payload["file"] == str(copy)
    assert house.hushed == ["hush"] * 3


def test_deleting_everything_takes_the_conversations_of_all_callers(house, services):
    house.asked(who=LOCAL)
    house.asked(who=STRANGER)
    weak = replace(STRANGER, rights=STRANGER.rights - {"settings"})
    with pytest.raises(Forbidden):
        services.library.delete_everything(weak)
    assert (services.history.count_conversations(LOCAL), services.history.count_conversations(STRANGER)) == (1, 1)
    assert services.library.delete_everything(STRANGER) == 0
    assert (services.history.count_conversations(LOCAL), services.history.count_conversations(STRANGER)) == (0, 0)


def test_a_task_of_somebody_is_steered_by_nobody_through_the_librarys_jobs(house, services):
    task = house.assistant.library.jobs.add("task.ask", {}, asked=JobRequest(by=LOCAL.session))
    for act in (services.library.find_job, services.library.cancel_job, services.library.retry_job):
        with pytest.raises(NothingThere, match="none of the library's"):
            act(STRANGER, task.id)
    assert services.library.list_jobs(STRANGER, kinds=("task.ask",)) == []
    assert house.assistant.library.jobs.get(task.id).state == "waiting"


def test_work_on_the_whole_library_names_no_file_that_is_hidden_from_who_looks(house, services, tmp_path):
    jobs, own = house.assistant.library.jobs, str(tmp_path / "diary.png")
    source = Source(path=own, digest="diary", collection="Diary", width_px=8, height_px=8)
    house.assistant.store.add(source, [], np.zeros((0, house.assistant.retriever.space.dim), np.float32))
    job = jobs.add("read text", {})
    task = jobs.claim(["read text"])
    task.report(1, 2, own)
    task.fail(own, "it is torn")
    task.fail("/elsewhere.png", "it is gone")
    for hidden, message, items in ((), own, [own, "/elsewhere.png"]), (["Diary"], "", ["/elsewhere.png"]):
        caller = replace(STRANGER, viewer=LibraryViewer(hidden=frozenset(hidden)))
        (listed,) = services.library.list_jobs(caller, states=("running",))
        assert (listed.message, services.library.find_job(caller, job.id).message) == (message, message)
        assert [each.item for each in services.library.list_failures(caller, job.id)] == items
        assert [each.item for each in services.library.list_failures(caller, job.id, offset=1)] == items[1:]


def test_what_a_task_takes_in_is_judged_again_when_its_turn_comes(house, services):
    """Between the asking and the doing a folder can become a link."""
    caller = caller_of(SimpleNamespace(payload={"local": False}, asker=STRANGER.session))
    assert not caller_of(SimpleNamespace(payload={}, asker=STRANGER.session)).local
    shared = paint(house.folder / "shared" / "trip", "ours.png", "green")
    assert services.library.add(caller, [str(shared.parent)])
    shared.unlink()
    shared.parent.rmdir()
    os.symlink("/etc", house.folder / "shared" / "trip")
    with pytest.raises(Forbidden):
        services.library.add(caller, [str(shared.parent)])


def test_settings_that_open_doors_are_changed_on_this_machine_alone(house, services):
    for name, value in {"lm.url": "http://127.0.0.1:9/v1", "serve.roots": "/", "lm.api_key_for": "http://evil"}.items():
        with pytest.raises(Forbidden, match="only a caller on this machine"):
            services.settings.change(STRANGER, {"rag.num_regions": 3, name: value})
    with pytest.raises(ConfigError, match="no setting 'data'"):
        services.settings.change(LOCAL, {"data": "/tmp"})
    assert services.settings.read(STRANGER).origin == house.file.read().origin
    assert "rag.num_regions" not in services.settings.read(STRANGER).origin
    services.settings.change(STRANGER, {"rag.num_regions": 3})
    assert house.assistant.config.rag.num_regions == 3
    services.settings.restore_defaults(STRANGER)
    assert house.assistant.config.rag.num_regions == 6


def test_what_a_flag_fixes_is_changed_by_nobody(house):
    flags = {"data": str(house.assistant.config.data), "lm.url": "http://127.0.0.1:9/v1"}
    services = build_services(house.assistant, SettingsFile(flags, environ={}, cwd=house.folder))
    with pytest.raises(Conflict, match="Start without it"):
        services.settings.change(LOCAL, {"lm.url": ""})
    with pytest.raises(Conflict, match="Start without it"):
        services.models.list_models(LOCAL, "http://127.0.0.1:9/v1")


def test_a_server_is_looked_at_for_this_machine_only_and_without_its_key(services, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with chat_server(models=("kite-7b",), key="") as server:
        assert services.models.list_models(LOCAL, server.url) == ["kite-7b"]
        assert services.models.check_address(LOCAL, f"{server.url}/") == server.url
        before = list(server.seen)
        for act in (services.models.list_models, services.models.check_address):
            with pytest.raises(Forbidden):
                act(STRANGER, server.url)
    assert server.seen == before
    assert all("authorization" not in headers for headers in server.seen)
    assert len(before) == 1


def test_a_browser_has_conversations_of_its_own_whatever_its_caller_is(house, services):
    browser = LOCAL.with_session("s" * 43)
    mine = house.asked(who=browser).conversation
    assert [each.id for each in services.history.list_conversations(browser, limit=9)] == [mine]
    for other in (LOCAL, COMMAND_LINE, STRANGER, browser.with_session("t" * 43)):
        assert services.history.list_conversations(other, limit=9) == []
        for act in (services.history.find_conversation, services.history.delete, services.history.list_turns):
            with pytest.raises(NothingThere):
                act(other, mine)
        with pytest.raises(NothingThere):
            services.history.export(other, mine, "json")


def test_a_lesson_is_about_a_photo_of_the_library_by_its_id(services):
    with pytest.raises(NothingThere, match="no file 999 in the library"):
        services.learning.teach(LOCAL, [PhotoExample(source=999, words="a kite")])
