"""The Library tab's handlers, over a real library whose towers know colours."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import picture
from rag_house import build, paint, put

from ui.shelving import WATCH, Look, Shelving, size_of
from ui.words import ENGLISH

PATIENCE_S = 30


class Hush:
    """Counts how often the answers under way were ended."""

    times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def shelving(tmp_path):
    assistant = build(tmp_path / "library", home="spaces/colours")
    yield Shelving(assistant=assistant, words=ENGLISH, hush=Hush())
    assistant.close()


@pytest.fixture
def photos(tmp_path) -> Path:
    for colour in ("red", "green"):
        paint(tmp_path / "photos", f"{colour}.png", colour)
    return tmp_path / "photos"


def settled(shelving: Shelving) -> Look:
    """The first look at which nothing is being done any more."""
    until_s = time.monotonic() + PATIENCE_S
    while (look := shelving.look()).busy and time.monotonic() < until_s:
        time.sleep(0.02)
    assert not look.busy
    return look


def names(shelving: Shelving) -> set[str]:
    return {source.name for source in shelving.assistant.store.sources(limit=99)}


def test_a_folder_is_indexed_in_the_background_and_told_about(shelving, photos):
    said = shelving.add(None, f' "{photos}" ')
    assert (said.wrong, said.text) == (False, ENGLISH.added.format(title=f"Index {photos}"))
    waiting = shelving.look()
    assert waiting.busy
    assert ENGLISH.waiting in waiting.running
    shelving.library.start()
    look = settled(shelving)
    assert names(shelving) == {"red.png", "green.png"}
    assert "2 added" in look.ended
    assert look.head.startswith("2 files, ")
    assert ENGLISH.work_none in look.running


def test_dropped_files_are_kept_in_the_library_and_indexed_from_there(shelving, tmp_path):
    dropped = paint(tmp_path / "cache", "kite.png", "red")
    assert not shelving.add([str(dropped)], "").wrong
    dropped.unlink()
    shelving.library.start()
    settled(shelving)
    (source,) = shelving.assistant.store.sources(limit=9)
    assert Path(source.path).is_relative_to(tmp_path / "library" / "added")
    assert source.name == "kite.png"


@pytest.mark.parametrize(("path", "said"), [("", ENGLISH.add_nothing), ("/nowhere/at/all", "/nowhere/at/all")])
def test_adding_nothing_or_what_is_not_there_is_told_at_once(shelving, path, said):
    answer = shelving.add([], path)
    assert answer.wrong
    assert said in answer.text
    assert not shelving.look().busy


def test_what_failed_is_listed_and_tried_again_by_its_button(shelving, photos):
    (photos / "broken.png").write_bytes(b"no picture")
    shelving.library.start()
    shelving.add(None, str(photos))
    assert "broken.png" in settled(shelving).ended
    (job, *_) = shelving.library.jobs.find(kinds=("index",), limit=1)
    picture("blue").save(photos / "broken.png")
    assert shelving.act("retry", str(job.id)).text == ENGLISH.retried
    settled(shelving)
    assert "broken.png" in names(shelving)
    (again, *_) = shelving.library.jobs.find(kinds=("index",), limit=1)
    assert shelving.act("retry", str(again.id)).text == ENGLISH.retry_none


def test_a_waiting_job_is_cancelled_by_its_button(shelving, photos):
    shelving.add(None, str(photos))
    (job,) = shelving.library.jobs.find(limit=9)
    assert not shelving.act("cancel", str(job.id)).wrong
    look = shelving.look()
    assert not look.busy
    assert "cancelled" in look.ended


@pytest.mark.parametrize(
    ("act", "what"), [("cancel", "99"), ("cancel", "x"), ("retry", "-1"), ("format the disk", "1"), (None, None)]
)
def test_buttons_that_the_page_never_made_do_nothing_and_say_so(shelving, act, what):
    assert shelving.act(act, what).wrong


def test_a_watched_folder_is_listed_apart_from_the_work(shelving, photos):
    assert str(photos) in shelving.watch(str(photos)).text
    look = shelving.look()
    assert f'data-what="{photos}"' in look.watched
    assert not look.busy
    assert {job.kind for job in shelving.library.jobs.find(limit=9)} == {WATCH}
    assert not shelving.act("unwatch", str(photos)).wrong
    assert shelving.look().watched == f'<p class="hint">{ENGLISH.watched_none}</p>'


def test_what_is_in_the_library_is_counted_now_and_then_while_something_runs(shelving, photos):
    shelving.add(None, str(photos))
    seen = shelving.look()
    put(shelving.assistant, photos / "red.png")
    assert shelving.look(seen).facts == seen.facts
    assert shelving.look(replace(seen, counted_at=seen.counted_at - 60)).head.startswith("1 files")
    shelving.act("cancel", str(shelving.library.jobs.find(limit=1)[0].id))
    assert shelving.look(seen).head.startswith("1 files")


def test_a_watch_that_broke_off_is_listed_with_its_reason(shelving, photos):
    job = shelving.library.watch(photos)
    shelving.library.jobs.claim([WATCH]).finish("failed", "the disk is <gone>")
    look = shelving.look()
    assert "the disk is &lt;gone&gt;" in look.ended
    assert job.title in look.ended
    assert ENGLISH.watched_none in look.watched


def test_only_a_folder_can_be_watched(shelving, photos):
    assert shelving.watch(" ").text == ENGLISH.watch_which
    answer = shelving.watch(str(photos / "red.png"))
    assert answer.wrong
    assert "red.png is no folder" in answer.text


def test_files_are_taken_out_and_stay_on_the_disk(shelving, photos):
    shelving.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    assert shelving.take_out(str(photos)).text == ENGLISH.taken_out.format(count=2)
    assert names(shelving) == set()
    assert (photos / "red.png").exists()
    assert shelving.take_out("").wrong


def test_a_check_lists_what_is_gone_and_a_repair_takes_it_out_if_wished(shelving, photos):
    shelving.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    (photos / "red.png").unlink()
    assert not shelving.verify().wrong
    assert "red.png" in settled(shelving).ended
    shelving.repair(False)
    settled(shelving)
    assert names(shelving) == {"red.png", "green.png"}
    shelving.repair(True)
    settled(shelving)
    assert names(shelving) == {"green.png"}


def test_a_backup_without_a_name_lies_in_the_library_and_can_be_restored(shelving, photos, tmp_path):
    shelving.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    shelving.backup("")
    settled(shelving)
    (backup,) = (tmp_path / "library" / "backups").iterdir()
    shelving.empty(" Delete  EVERYTHING ")
    assert names(shelving) == set()
    assert not shelving.restore(str(backup)).wrong
    settled(shelving)
    assert names(shelving) == {"red.png", "green.png"}
    assert shelving.hush.times == 2  # nobody writes into what is exchanged


def test_a_backup_that_is_not_there_cannot_be_restored(shelving):
    assert shelving.restore("").text == ENGLISH.restore_which
    assert "no backup at /nowhere" in shelving.restore("/nowhere").text


@pytest.mark.parametrize("typed", ["", "delete", "yes", "delete everything!"])
def test_nothing_is_deleted_before_the_words_are_typed(shelving, photos, typed):
    shelving.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    answer = shelving.empty(typed)
    assert answer.wrong
    assert ENGLISH.empty_word in answer.text
    assert len(names(shelving)) == 2


def test_deleting_everything_takes_dropped_files_with_it(shelving, tmp_path):
    shelving.library.start()
    shelving.add([str(paint(tmp_path / "cache", "kite.png", "red"))], "")
    settled(shelving)
    assert shelving.empty("delete everything").text == ENGLISH.emptied
    assert not (tmp_path / "library" / "added").exists()
    look = shelving.look()
    assert look.head == "0 files, 0 regions"
    assert ENGLISH.ended_none in look.ended


def test_the_size_leaves_the_cache_of_the_page_out(tmp_path):
    for name, size in (("history.db", 10), ("page/small.jpg", 1000), ("uploads/page/a.jpg", 5)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert size_of(tmp_path) == 15
