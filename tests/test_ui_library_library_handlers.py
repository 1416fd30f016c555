"""The Library tab's handlers, over a real library whose towers know colours."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import picture
from page_caller import ActingAs, services_of
from rag_house import build, paint, put

from deepseek_mm import LOCAL, Services
from deepseek_mm.errors import Forbidden
from deepseek_mm.library.web_fetcher import FetchedFile
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_report import WATCH, LibraryState, look
from ui.words import ENGLISH, count_noun

PATIENCE_S = 30


class StopCounter:
    """Counts how often the answers under way were stopped."""

    times = 0

    def __call__(self) -> None:
        self.times += 1


def counting_stops(assistant) -> Services:
    services = services_of(assistant)
    return replace(services, library=replace(services.library, stop_answers=StopCounter()))


@pytest.fixture
def shelving(tmp_path):
    assistant = build(tmp_path / "library", home="spaces/colours")
    yield ActingAs(LibraryHandlers(services=counting_stops(assistant), words=ENGLISH))
    assistant.close()


@pytest.fixture
def photos(tmp_path) -> Path:
    for colour in ("red", "green"):
        paint(tmp_path / "photos", f"{colour}.png", colour)
    return tmp_path / "photos"


def seen(shelving: LibraryHandlers) -> LibraryState:
    return look(shelving.services, LOCAL, ENGLISH)


def settled(shelving: LibraryHandlers) -> LibraryState:
    """The first look at which nothing is being done any more."""
    until_s = time.monotonic() + PATIENCE_S
    while (now := seen(shelving)).busy and time.monotonic() < until_s:
        time.sleep(0.02)
    assert not now.busy
    return now


def names(shelving: LibraryHandlers) -> set[str]:
    return {source.name for source in shelving.assistant.store.sources(limit=99)}


def test_a_folder_is_indexed_in_the_background_and_told_about(shelving, photos):
    said = shelving.add(None, f' "{photos}" ')
    assert (said.wrong, said.text) == (False, ENGLISH.added.format(title=f"Index {photos}"))
    waiting = seen(shelving)
    assert waiting.busy
    assert ENGLISH.waiting in waiting.running
    shelving.assistant.library.start()
    now = settled(shelving)
    assert names(shelving) == {"red.png", "green.png"}
    assert "2 added" in now.ended
    assert now.head == "2 files"
    assert ENGLISH.work_none in now.running


def test_dropped_files_are_kept_in_the_library_and_indexed_from_there(shelving, tmp_path):
    dropped = paint(tmp_path / "cache", "kite.png", "red")
    assert not shelving.add([str(dropped)], "").wrong
    dropped.unlink()
    shelving.assistant.library.start()
    settled(shelving)
    (source,) = shelving.assistant.store.sources(limit=9)
    assert Path(source.path).is_relative_to(tmp_path / "library" / "added")
    assert source.name == "kite.png"


def test_a_pasted_link_is_fetched_kept_and_indexed(shelving, tmp_path):
    page = FetchedFile(name="about kites.html", data=b"<h1>Kites</h1><p>They fly in the wind.</p>")
    library = replace(shelving.services.library, fetch={"https://far.example/kites": page}.__getitem__)
    handlers = ActingAs(LibraryHandlers(services=replace(shelving.services, library=library), words=ENGLISH))
    assert not handlers.add(None, " https://far.example/kites ", "Reading").wrong
    shelving.assistant.library.start()
    settled(shelving)
    (source,) = shelving.assistant.store.sources(limit=9)
    assert (source.name, source.kind, source.collection) == ("about kites.html", "document", "Reading")
    assert Path(source.path).is_relative_to(tmp_path / "library" / "added")


def test_links_are_fetched_for_callers_from_elsewhere_only_where_that_is_allowed(shelving):
    caller = replace(LOCAL, local=False)
    with pytest.raises(Forbidden, match="switch on serve.fetch_urls"):
        shelving.services.library.add(caller, links=["https://far.example/kites"])


@pytest.mark.parametrize(("path", "said"), [("", ENGLISH.add_nothing), ("/nowhere/at/all", "/nowhere/at/all")])
def test_adding_nothing_or_what_is_not_there_is_told_at_once(shelving, path, said):
    answer = shelving.add([], path)
    assert answer.wrong
    assert said in answer.text
    assert not seen(shelving).busy


def test_what_failed_is_listed_and_tried_again_by_its_button(shelving, photos):
    (photos / "broken.png").write_bytes(b"no picture")
    shelving.assistant.library.start()
    shelving.add(None, str(photos))
    assert "broken.png" in settled(shelving).ended
    (job, *_) = shelving.assistant.library.jobs.find(kinds=("index",), limit=1)
    picture("blue").save(photos / "broken.png")
    assert shelving.act("retry", str(job.id)).text == ENGLISH.retried
    settled(shelving)
    assert "broken.png" in names(shelving)
    (again, *_) = shelving.assistant.library.jobs.find(kinds=("index",), limit=1)
    assert "nothing failed in job" in shelving.act("retry", str(again.id)).text


def test_a_waiting_job_is_cancelled_by_its_button(shelving, photos):
    shelving.add(None, str(photos))
    (job,) = shelving.assistant.library.jobs.find(limit=9)
    assert not shelving.act("cancel", str(job.id)).wrong
    now = seen(shelving)
    assert not now.busy
    assert "cancelled" in now.ended


@pytest.mark.parametrize(
    ("act", "what"), [("cancel", "99"), ("cancel", "x"), ("retry", "-1"), ("format the disk", "1"), (None, None)]
)
def test_buttons_that_the_page_never_made_do_nothing_and_say_so(shelving, act, what):
    assert shelving.act(act, what).wrong


def test_a_watched_folder_is_listed_apart_from_the_work(shelving, photos):
    assert str(photos) in shelving.watch(str(photos)).text
    now = seen(shelving)
    assert f'data-what="{photos}"' in now.watched
    assert not now.busy
    assert {job.kind for job in shelving.assistant.library.jobs.find(limit=9)} == {WATCH}
    assert not shelving.act("unwatch", str(photos)).wrong
    assert seen(shelving).watched == f'<p class="hint">{ENGLISH.watched_none}</p>'


def test_only_a_folder_can_be_watched(shelving, photos):
    assert shelving.watch(" ").text == ENGLISH.watch_which
    answer = shelving.watch(str(photos / "red.png"))
    assert answer.wrong
    assert "red.png is no folder" in answer.text


def test_files_are_taken_out_and_stay_on_the_disk(shelving, photos):
    shelving.assistant.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    said = shelving.take_out(str(photos))
    assert (said.text, said.shown) == ("2 files were taken out.", False)  # the line with the undo shows it
    assert names(shelving) == set()
    assert (photos / "red.png").exists()
    assert shelving.take_out("").text == ENGLISH.take_out_which
    again = shelving.take_out(str(photos))
    assert (again.wrong, again.text) == (True, ENGLISH.taken_out_none.format(path=photos))


def test_several_takings_are_undone_one_by_one_and_none_twice(shelving, photos):
    put(shelving.assistant, photos / "red.png", photos / "green.png")
    shelving.take_out(str(photos / "red.png"))
    shelving.take_out(str(photos / "green.png"))
    newest, oldest = (each.token for each in shelving.assistant.library.list_taken())
    assert shelving.act("undo", newest).text == count_noun(ENGLISH.put_back, 1)
    assert names(shelving) == {"green.png"}
    assert shelving.act("undo", newest).wrong
    assert not shelving.act("undo", oldest).wrong
    assert names(shelving) == {"red.png", "green.png"}
    assert seen(shelving).taken == ""


def test_files_go_into_a_collection_that_is_renamed_and_left_again(shelving, photos):
    put(shelving.assistant, photos / "red.png", photos / "green.png")
    store, red = shelving.assistant.store, str(photos / "red.png")
    assert shelving.collect([red], " Summer  2024 ").text == "1 file put into Summer 2024."
    assert store.collections() == {"Summer 2024": 1, "library": 1}
    assert shelving.collect([red], " ").text == ENGLISH.collection_which
    assert "uploads" in shelving.collect([red], "uploads").text
    assert shelving.rename("Summer 2024", " Winter").text == ENGLISH.collection_renamed.format(name="Winter")
    assert shelving.rename("Winter", "").wrong
    assert "no collection is called 'Spring'" in shelving.rename("Spring", "Fall").text
    assert not shelving.release([red], "Winter").wrong
    assert store.collections() == {"library": 2}


def test_the_bundled_photos_are_something_to_begin_with(shelving, photos):
    assert shelving.add_bundled().wrong
    begun = replace(shelving.wrapped, services=services_of(shelving.assistant, photos=photos))
    assert not begun.add_bundled(LOCAL).wrong
    assert shelving.is_busy()
    shelving.assistant.library.start()
    settled(shelving)
    assert names(shelving) == {"red.png", "green.png"}
    assert not shelving.is_busy()


def test_a_check_lists_what_is_gone_and_a_repair_takes_it_out_if_wished(shelving, photos):
    shelving.assistant.library.start()
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
    shelving.assistant.library.start()
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
    assert shelving.services.library.stop_answers.times == 2  # nobody writes into what is exchanged


def test_a_backup_that_is_not_there_cannot_be_restored(shelving):
    assert shelving.restore("").text == ENGLISH.restore_which
    assert "no backup at /nowhere" in shelving.restore("/nowhere").text


@pytest.mark.parametrize("typed", ["", "delete", "yes", "delete everything!"])
def test_nothing_is_deleted_before_the_words_are_typed(shelving, photos, typed):
    shelving.assistant.library.start()
    shelving.add(None, str(photos))
    settled(shelving)
    answer = shelving.empty(typed)
    assert answer.wrong
    assert ENGLISH.empty_word in answer.text
    assert len(names(shelving)) == 2


def test_deleting_everything_takes_dropped_files_with_it(shelving, tmp_path):
    shelving.assistant.library.start()
    shelving.add([str(paint(tmp_path / "cache", "kite.png", "red"))], "")
    settled(shelving)
    assert shelving.empty("delete everything").text == ENGLISH.emptied
    assert not (tmp_path / "library" / "added").exists()
    now = seen(shelving)
    assert now.head == "0 files"
    assert ENGLISH.ended_none in now.ended
