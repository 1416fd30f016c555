"""A model comes whole or not at all, whatever the hub, the connection and the disk do; and no byte comes twice."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import huggingface_hub
import pytest
from hub_help import FAST, NAME, SIZE, WEIGHTS, begin_anew, download, environ_of, model_files, parts
from hub_server import TOKEN, Fault, hub_server
from jobs_help import eventually

from deepseek_mm.config import HubConfig
from deepseek_mm.errors import BadCheckpoint, Cancelled, Forbidden, LibraryError, NothingThere, ServerError
from deepseek_mm.hub import WANTED, explain_absence, in_cache
from deepseek_mm.hub.cache import repository_folder, snapshot_folder
from deepseek_mm.models import transfer


@pytest.fixture(scope="module")
def shared():
    with hub_server() as server:
        yield server


@pytest.fixture
def hub(shared, tmp_path, monkeypatch):
    return begin_anew(shared, monkeypatch, tmp_path / "hub")


@pytest.fixture
def environ(hub, tmp_path):
    return environ_of(hub, tmp_path)


def test_a_model_comes_with_its_data_and_without_code_or_pickles(hub, environ):
    folder = download(environ)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["config.json", "tokenizer.json", "chat_template.jinja", WEIGHTS]
    )
    assert (folder / WEIGHTS).read_bytes() == model_files()[WEIGHTS]
    assert in_cache(NAME) == folder
    assert hub.num_asked("evil") == hub.num_asked("pytorch_model") == 0


def test_what_is_here_is_not_asked_for_again(hub, environ):
    folder = download(environ)
    asked = len(hub.asked)
    assert download(environ) == folder
    assert len(hub.asked) == asked


def test_other_programs_find_the_model_in_the_cache_and_download_nothing(hub, environ):
    folder = download(environ)
    sent = dict(hub.sent)
    assert huggingface_hub.snapshot_download(NAME, endpoint=hub.url, allow_patterns=list(WANTED)) == str(folder)
    assert huggingface_hub.hf_hub_download(NAME, WEIGHTS, endpoint=hub.url) == str(folder / WEIGHTS)
    assert dict(hub.sent) == sent
    assert {file.path for file in huggingface_hub.get_cached_repo_tree(NAME)} == set(model_files())
    assert huggingface_hub.scan_cache_dir().warnings == []


def test_what_another_program_has_fetched_is_compared_and_not_fetched_again(hub, environ):
    theirs = huggingface_hub.snapshot_download(NAME, endpoint=hub.url, allow_patterns=list(WANTED))
    sent = dict(hub.sent)
    assert str(in_cache(NAME)) == theirs
    assert str(download(environ)) == theirs
    assert dict(hub.sent) == sent


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_a_hub_that_has_no_time_now_is_asked_again(hub, environ, status):
    hub.faults = [Fault(on=on, status=status) for on in ("/revision/", "/tree/", "/resolve/", "/cdn/")]
    assert download(environ) == in_cache(NAME)
    assert hub.sent[WEIGHTS] == SIZE


def test_the_hub_is_left_alone_as_long_as_it_asks_for(hub, environ, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer.TransferWatch, "sleep", lambda self, seconds: waits.append(seconds))
    hub.faults = [Fault(on="/cdn/", status=429, retry_after="2"), Fault(on="/cdn/", status=503)]
    download(environ)
    assert waits == [2.0, 0.04]  # the second one is the second fruitless attempt in a row: twice the first pause


def test_a_hub_that_asks_for_an_hour_is_given_up_and_can_be_resumed(hub, environ):
    hub.faults = [Fault(on="/cdn/", status=429, retry_after="3600")]
    with pytest.raises(ServerError, match=r"asks for patience .* for 3600 s more.*goes on from there"):
        download(environ)
    assert in_cache(NAME) is None
    assert download(environ) == in_cache(NAME)


def test_a_hub_that_stays_away_is_given_up_after_the_attempts_of_the_setting(hub, environ):
    hub.faults = [Fault(on="/cdn/", status=503, times=99)]
    with pytest.raises(ServerError, match=r"does not work now \(status 503\), 4 times in a row"):
        download(environ)
    assert hub.num_asked("/cdn/") == FAST.retries + 1


def test_a_connection_that_breaks_goes_on_at_the_byte_where_it_broke(hub, environ):
    hub.faults = [Fault(on="/cdn/", breaks_at=0.6), Fault(on="/cdn/", breaks_at=0.6)]
    folder = download(environ)
    assert (folder / WEIGHTS).read_bytes() == model_files()[WEIGHTS]
    assert hub.starts(WEIGHTS) == [0, int(SIZE * 0.6), int(SIZE * 0.6) + int((SIZE - int(SIZE * 0.6)) * 0.6)]
    assert hub.sent[WEIGHTS] == SIZE


def test_a_hub_that_cannot_begin_in_the_middle_gives_the_file_once_more(hub, environ):
    hub.faults = [Fault(on="/cdn/", breaks_at=0.6), Fault(on="/cdn/", whole=True)]
    folder = download(environ)
    assert (folder / WEIGHTS).read_bytes() == model_files()[WEIGHTS]
    assert hub.starts(WEIGHTS) == [0, 0]


def test_a_connection_that_falls_silent_is_made_anew(hub, environ):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.6)]
    config = HubConfig(backoff_s=0.01, silence_s=0.3, spare_mb=0)
    assert download(environ, config=config) == in_cache(NAME)


def test_bytes_that_were_spoiled_on_the_way_are_fetched_again(hub, environ):
    hub.faults = [Fault(on="/cdn/", spoils=True)]
    folder = download(environ)
    assert (folder / WEIGHTS).read_bytes() == model_files()[WEIGHTS]


@pytest.mark.parametrize("on", ["/cdn/", "config.json"])
def test_a_file_with_another_hash_than_the_hub_says_is_never_kept(hub, environ, on):
    hub.faults = [Fault(on=on, spoils=True, times=9)]
    with pytest.raises(ServerError, match="other bytes than it says, so it was not kept"):
        download(environ)
    assert in_cache(NAME) is None
    assert parts() == []
    hub.faults.clear()
    assert download(environ) == in_cache(NAME)


def test_a_download_that_is_stopped_leaves_no_model_and_goes_on_where_it_was(hub, environ):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.005)]
    told: list[int] = []
    with pytest.raises(Cancelled):
        download(environ, told=told, stopping=lambda: any(isinstance(n, int) and n > SIZE // 3 for n in told))
    here = sum(part.stat().st_size for part in parts())
    assert SIZE // 4 < here < SIZE
    assert in_cache(NAME) is None
    assert "was not downloaded" in explain_absence(NAME)
    download(environ)
    assert hub.starts(WEIGHTS) == [0, here]


def test_progress_counts_every_byte_once_and_begins_where_it_was(hub, environ):
    hub.faults = [Fault(on="/cdn/", breaks_at=0.5)]
    told: list[int] = []
    download(environ, told=told)
    counts = [each for each in told if isinstance(each, int)]
    assert counts == sorted(counts)
    assert counts[-1] == sum(len(data) for path, data in model_files().items() if not path.endswith((".py", ".bin")))


def test_two_at_a_time_download_one_model_once(hub, environ):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.01)]
    said: list[object] = []
    with ThreadPoolExecutor(2) as pool:
        one, other = [pool.submit(download, environ, told=said) for _ in range(2)]
        assert one.result() == other.result() == in_cache(NAME)
    assert "another process downloads this; waiting for it" in said
    assert dict(hub.sent) == {path: len(model_files()[path]) for path in hub.sent}
    assert hub.num_asked("/revision/") == 1


def test_who_waits_for_another_download_can_be_stopped(hub, environ):
    hub.faults = [Fault(on="/cdn/", chunk_s=0.05)]
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(download, environ, stopping=stop.is_set)
        eventually(lambda: hub.num_asked("/cdn/"))
        with pytest.raises(Cancelled):
            download(environ, stopping=lambda: True)
        stop.set()
        with pytest.raises(Cancelled):
            first.result()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"private": True}, rf"no model {NAME} for everybody.* models token"),
        ({"gated": True}, rf"accepted its terms\. Accept them at http://127.*/{NAME}, then .* models token"),
    ],
)
def test_a_model_that_is_not_for_everybody_says_how_it_can_be_had(hub, environ, options, message):
    hub.put(NAME, model_files(), **options)
    with pytest.raises(Forbidden, match=message):
        download(environ)


def test_a_token_opens_a_private_model_and_is_told_to_the_hub_alone(hub, environ):
    hub.put(NAME, model_files(), private=True)
    hub.tokens["cdn"].clear()
    assert download(environ | {"HF_TOKEN": TOKEN}) == in_cache(NAME)
    assert hub.tokens["cdn"] == {""}


def test_a_name_or_revision_that_the_hub_does_not_have_says_so(hub, environ):
    with pytest.raises(NothingThere, match=rf"no revision {'0' * 40} of {NAME}.* models update {NAME}"):
        download(environ, revision="0" * 40)
    hub.repositories.clear()
    with pytest.raises(NothingThere, match=f"has no model {NAME} "):
        download(environ | {"HF_TOKEN": TOKEN})


def test_nobody_there_is_a_sentence_with_a_next_step(environ, tmp_path):
    with pytest.raises(ServerError, match=r"connection to http://127\.0\.0\.1:9 failed .* 4 times in a row"):
        download({**environ, "HF_ENDPOINT": "http://127.0.0.1:9"})


def test_a_file_that_vanishes_from_the_hub_names_the_newest_commit_as_the_way_out(hub, environ):
    commit = hub.put(NAME, model_files())
    hub.faults = [Fault(on="/cdn/", status=503, times=4)]
    with pytest.raises(ServerError):
        download(environ)
    del hub.repositories[NAME].commits[commit][WEIGHTS]
    with pytest.raises(NothingThere, match=rf"no file {WEIGHTS} in commit {commit} .* models update {NAME}"):
        download(environ)
    newer = hub.put(NAME, model_files(seed=2))
    assert download(environ) == snapshot_folder(repository_folder(NAME), newer)


def test_a_file_that_vanishes_from_the_disk_makes_the_model_absent_and_comes_alone(hub, environ):
    folder = download(environ)
    os.remove((folder / WEIGHTS).resolve())
    assert in_cache(NAME) is None
    assert f"lacks 1 files, such as {WEIGHTS}" in explain_absence(NAME)
    hub.sent.clear()
    assert download(environ) == folder == in_cache(NAME)
    assert dict(hub.sent) == {WEIGHTS: SIZE}


def test_a_file_that_was_cut_short_on_the_disk_is_not_taken_for_whole(hub, environ):
    folder = download(environ)
    os.truncate((folder / WEIGHTS).resolve(), SIZE // 2)
    assert in_cache(NAME) is None
    download(environ)
    assert (folder / WEIGHTS).read_bytes() == model_files()[WEIGHTS]


def test_a_download_goes_on_with_the_commit_that_it_began_though_the_hub_has_a_newer_one(hub, environ):
    began = hub.repositories[NAME].main
    hub.faults = [Fault(on="/cdn/", breaks_at=0.5), Fault(on="/cdn/", status=503, times=9)]
    with pytest.raises(ServerError):
        download(environ)
    hub.faults.clear()
    newer = hub.put(NAME, model_files(seed=2))
    assert download(environ).name == began
    assert hub.starts(WEIGHTS) == [0, SIZE // 2]
    assert download(environ).name == began  # and stays there until somebody wants the newest
    assert download(environ, newest=True).name == newer
    assert in_cache(NAME).name == newer
    assert in_cache(f"{NAME}@{began}").name == began


def test_a_commit_that_is_named_is_found_by_the_name_alone_where_no_other_is_here(hub, environ):
    older, newer = hub.repositories[NAME].main, hub.put(NAME, model_files(seed=2))
    assert download(environ, revision=older) == in_cache(NAME)
    assert download(environ, newest=True).name == newer
    assert download(environ, revision=older).name == older
    assert in_cache(NAME).name == newer


def test_a_newer_commit_brings_only_the_files_that_changed(hub, environ):
    download(environ)
    hub.put(NAME, model_files() | {"config.json": b'{"model_type": "qwen2"}'})
    hub.sent.clear()
    download(environ, newest=True)
    assert list(hub.sent) == ["config.json"]


def test_a_repository_without_weights_that_are_data_is_refused_before_anything_comes(hub, environ):
    files = model_files()
    del files[WEIGHTS]
    hub.put(NAME, files)
    with pytest.raises(BadCheckpoint, match=r"only pytorch_model\.bin, and such weights are never read"):
        download(environ)
    assert not hub.sent


def test_patterns_never_reach_what_could_run_as_code(hub, environ):
    folder = download(environ, wanted=("*",))
    assert not (folder / "modeling_evil.py").exists()
    assert not (folder / "pytorch_model.bin").exists()


@pytest.mark.parametrize("path", ["../../evil.json", "/etc/evil.json", "a/../../b.json", "a\\b.json", "new\nline.json"])
def test_a_list_with_a_name_that_leads_elsewhere_is_refused(hub, environ, path, tmp_path):
    hub.put(NAME, model_files() | {path: b"{}"})
    with pytest.raises(ServerError, match="a file that cannot be one"):
        download(environ)
    assert not hub.sent


def test_a_disk_that_is_too_small_is_told_before_anything_comes(hub, environ, monkeypatch):
    config = HubConfig(spare_mb=1_000_000, backoff_s=0.01)
    with pytest.raises(LibraryError, match=r"needs 0 MB more in .*hub\.spare_mb.*HF_HOME"):
        download(environ, config=config)
    assert not hub.sent


def test_a_disk_that_is_full_in_the_middle_says_so_and_the_download_goes_on_afterwards(hub, environ, monkeypatch):
    real, written = os.write, []

    def write(handle: int, data: bytes) -> int:
        if sum(written) > SIZE // 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(real(handle, data))
        return written[-1]

    with monkeypatch.context() as full:
        full.setattr(transfer.os, "write", write)
        with pytest.raises(LibraryError, match=r"the disk is full\. Free some space.*HF_HOME.*goes on from there"):
            download(environ)
    assert in_cache(NAME) is None
    here = sum(part.stat().st_size for part in parts())
    assert download(environ) == in_cache(NAME)
    assert hub.starts(WEIGHTS) == [0, here]


def test_a_disk_without_links_keeps_the_files_themselves(hub, environ, monkeypatch):
    def refuse(self, target) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(transfer.Path, "symlink_to", refuse)
    folder = download(environ)
    assert not (folder / WEIGHTS).is_symlink()
    assert in_cache(NAME) == folder == download(environ)
    assert hub.sent[WEIGHTS] == SIZE


def test_a_list_on_many_pages_is_read_to_its_end(hub, environ):
    hub.put(NAME, model_files() | {f"part{number}/vocab.txt": b"%d" % number for number in range(10)})
    folder = download(environ)
    assert len(list(folder.glob("part*/vocab.txt"))) == 10


def test_the_hub_learns_nothing_about_the_machine(hub, environ):
    hub.agents.clear()
    download(environ)
    assert hub.agents == {"deepseek-mm"}


def test_a_process_that_is_to_stay_offline_asks_nobody(hub, environ, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NothingThere, match="HF_HUB_OFFLINE is set"):
        download(environ)
    assert not hub.asked
