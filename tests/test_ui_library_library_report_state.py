"""What the Library tab sees of the library, over a real one whose towers know colours."""

from dataclasses import replace
from pathlib import Path

import pytest
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm import LOCAL
from ui.library.library_report import COUNT_S, WATCH, look
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def assistant(tmp_path):
    """Its library works on nothing: what is begun waits."""
    assistant = build(tmp_path / "library")
    yield assistant
    assistant.close()


@pytest.fixture
def red(tmp_path) -> Path:
    return paint(tmp_path / "photos", "red.png", "red")


def test_what_is_in_the_library_is_counted_now_and_then_while_something_runs(assistant, red):
    job = assistant.library.add([red])
    seen = look(services_of(assistant), LOCAL, ENGLISH)
    assert seen.busy
    put(assistant, red)
    assert look(services_of(assistant), LOCAL, ENGLISH, seen).facts == seen.facts
    long_ago = replace(seen.counted, at_s=seen.counted.at_s - 2 * COUNT_S)
    assert look(services_of(assistant), LOCAL, ENGLISH, replace(seen, counted=long_ago)).head.startswith("1 file")
    assistant.library.jobs.cancel(job.id)
    assert look(services_of(assistant), LOCAL, ENGLISH, seen).head.startswith("1 file")


def test_the_head_says_what_is_being_done_as_long_as_it_is(assistant, red):
    assistant.library.add([red])
    assert look(services_of(assistant), LOCAL, ENGLISH).head == "0 files"
    task = assistant.library.jobs.claim(["index"])
    task.report(3, total=9)
    assert look(services_of(assistant), LOCAL, ENGLISH).head == "0 files · at work: 3 / 9"
    assert look(services_of(assistant), LOCAL, CHINESE).far == "正在处理：3 / 9"
    task.finish("done", "1 added")
    assert look(services_of(assistant), LOCAL, ENGLISH).head == "0 files"


def test_a_watched_folder_shows_its_files_and_the_last_change_in_it(assistant, red, tmp_path):
    put(assistant, red)
    assistant.library.watch(red.parent)
    assert "1 file known" in look(services_of(assistant), LOCAL, ENGLISH).watched
    elsewhere = paint(tmp_path / "photos2", "blue.png", "blue")  # the other folder's name only begins alike
    assistant.library.add([elsewhere])
    assistant.library.jobs.claim(["index"]).finish("done", "1 added")
    assert "last change" not in look(services_of(assistant), LOCAL, ENGLISH).watched
    job = assistant.library.add([red])
    assistant.library.jobs.claim(["index"]).finish("done", "1 added")
    ended_at = assistant.library.jobs.get(job.id).ended_at
    assert (
        f"last change taken in {ended_at.astimezone():%Y-%m-%d %H:%M}"
        in look(services_of(assistant), LOCAL, ENGLISH).watched
    )
    assert assistant.library.unwatch(red.parent)


def test_a_watch_is_no_work_unless_it_broke_off(assistant, red):
    job = assistant.library.watch(red.parent)
    seen = look(services_of(assistant), LOCAL, ENGLISH)
    assert (seen.busy, ENGLISH.work_none in seen.running, ENGLISH.ended_none in seen.ended) == (False, True, True)
    assistant.library.jobs.claim([WATCH]).finish("failed", "the disk is <gone>")
    assert "the disk is &lt;gone&gt;" in look(services_of(assistant), LOCAL, ENGLISH).ended
    assert job.title in look(services_of(assistant), LOCAL, ENGLISH).news


def test_what_was_taken_out_is_offered_back(assistant, red):
    put(assistant, red)
    assert look(services_of(assistant), LOCAL, ENGLISH).taken == ""
    token = assistant.library.take_out([red]).token
    assert f'data-what="{token}"' in look(services_of(assistant), LOCAL, ENGLISH).taken


def test_backups_are_listed_the_newest_first(assistant, tmp_path):
    folder = tmp_path / "library" / "backups"
    folder.mkdir()
    for name in ("2026-01-02-000000.deepseek-mm", "2026-03-01-000000.deepseek-mm", "notes.txt"):
        (folder / name).touch()
    shown = look(services_of(assistant), LOCAL, ENGLISH).backups
    assert 0 < shown.index("2026-03-01") < shown.index("2026-01-02")
    assert "notes" not in shown
