"""The Library tab: which updates its handlers become."""

from types import SimpleNamespace

import gradio as gr
import pytest
from page_caller import ActingAs, services_of, undescribed
from rag_house import build, paint, put

from deepseek_mm import LOCAL
from deepseek_mm.errors import LibraryError
from ui.edges import ActionResult
from ui.gateway.events import Press
from ui.library.library_grid import LibraryListing
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_report import LibraryState
from ui.library.library_tab import LATER_S, LISTS, SOON_S, LibraryTab
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import ENGLISH

NEW = (LibraryState(), LibraryListing())  # a page that has not looked yet


@pytest.fixture
def tab(tmp_path):
    """A tab whose library works on nothing: what is begun waits."""
    assistant = build(tmp_path / "library")
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    with gr.Blocks():
        shelving = LibraryHandlers(services=services_of(assistant), words=ENGLISH)
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        yield ActingAs(
            LibraryTab.place(shelving, pictures, viewer, top=gr.HTML(), head=lambda caller, state: state.upper())
        )
    assistant.close()


def look(tab: LibraryTab, seen: LibraryState = NEW[0], listing: LibraryListing = NEW[1], *, opened: bool = True):
    return tab._look(seen, listing, opened)


def fill(tab: LibraryTab, tmp_path) -> None:
    tab.handlers.add(None, str(paint(tmp_path / "photos", "red.png", "red")))


def test_the_first_look_fills_every_part_and_the_head(tab):
    updates = look(tab)
    assert {tab.parts[name] for name in LISTS if name not in ("taken", "backups", "processes")} < set(updates)
    assert updates[tab.top] == "0 FILES"


def test_a_second_look_sends_nothing_that_has_not_changed(tab):
    first = look(tab)
    assert set(look(tab, first[tab.seen], first[tab.shelf.listing])) == {tab.seen}


def test_the_page_looks_more_often_while_something_is_being_done(tab, tmp_path):
    seen = look(tab)[tab.seen]
    fill(tab, tmp_path)
    updates = look(tab, seen)
    assert (updates[tab.timer].value, updates[tab.timer].active) == (SOON_S, True)
    assert tab.parts["running"] in updates
    assert tab.parts["ended"] not in updates
    (job,) = tab.handlers.assistant.library.jobs.find(limit=9)
    tab.handlers.assistant.library.jobs.cancel(job.id)
    assert look(tab, updates[tab.seen])[tab.timer].value == LATER_S


def test_the_timer_runs_while_the_tab_is_open_or_something_is_being_done(tab, tmp_path):
    closed = tab._turn(*NEW, SimpleNamespace(value=ENGLISH.search))
    assert (closed[tab.timer].active, closed[tab.opened]) == (False, False)
    opened = tab._turn(*NEW, SimpleNamespace(value=ENGLISH.library))
    assert (opened[tab.timer].value, opened[tab.timer].active, opened[tab.opened]) == (LATER_S, True, True)
    assert not tab.wake().active
    fill(tab, tmp_path)
    assert tab.wake().active
    again = tab._turn(opened[tab.seen], LibraryListing(), SimpleNamespace(value=ENGLISH.library))
    assert again[tab.timer].value == SOON_S
    assert tab.parts["ended"] not in again
    elsewhere = tab._turn(again[tab.seen], LibraryListing(), SimpleNamespace(value=ENGLISH.ask))
    assert (elsewhere[tab.timer].value, elsewhere[tab.timer].active) == (LATER_S, True)
    tab.handlers.act("cancel", str(tab.handlers.assistant.library.jobs.find(limit=1)[0].id))
    assert not look(tab, again[tab.seen], opened=False)[tab.timer].active


def test_what_is_new_in_the_library_appears_in_the_list_unless_its_reader_has_gone_down(tab, tmp_path):
    seen = look(tab)[tab.seen]
    put(tab.handlers.assistant, paint(tmp_path / "photos", "red.png", "red"))
    assert "red.png" in look(tab, seen)[tab.shelf.html]
    assert tab.shelf.html not in look(tab, seen, LibraryListing(start=480))
    assert tab.shelf.html not in look(tab, seen, opened=False)


def test_a_list_that_came_late_is_drawn_anew_though_the_head_was_told_already(tab, tmp_path):
    old = look(tab)[tab.shelf.listing]  # made before the photo was there, and delivered after the head counted it
    put(tab.handlers.assistant, paint(tmp_path / "photos", "red.png", "red"))
    seen = look(tab)[tab.seen]
    assert "red.png" in look(tab, seen, old)[tab.shelf.html]


def test_a_library_that_cannot_be_read_is_told_and_looked_at_again(tab, monkeypatch):
    def broken(**options):
        raise LibraryError("the disk <is> gone")

    monkeypatch.setattr(tab.handlers.assistant.library.jobs, "find", broken)
    updates = look(tab, LibraryState(far="5 files"))
    assert "the disk &lt;is&gt; gone" in updates[tab.parts["running"]]
    assert updates[tab.seen] == LibraryState()  # so that the next look that works fills everything


def test_an_answer_empties_the_fields_only_if_it_went_well(tab):
    wrong = tab._answer(ActionResult(text="No.", wrong=True), *NEW, ["path"])
    assert tab.parts["path"] not in wrong
    assert 'role="alert"' in wrong[tab.parts["said"]].value
    right = tab._answer(ActionResult(text="Yes."), *NEW, ["path"])
    assert right[tab.parts["path"]] is None
    assert 'role="status"' in right[tab.parts["said"]].value


def pressed(tab: LibraryTab, **event):
    return tab._act(*NEW, True, Press(None, event))


def test_a_button_in_a_list_acts_on_what_its_card_named(tab, tmp_path):
    fill(tab, tmp_path)
    (job,) = tab.handlers.assistant.library.jobs.find(limit=9)
    updates = pressed(tab, act="cancel", what=str(job.id))
    assert ENGLISH.cancelled in updates[tab.parts["said"]].value
    assert not updates[tab.seen].busy
    assert 'role="alert"' in pressed(tab)[tab.parts["said"]].value


def test_what_is_said_is_escaped(tab):
    updates = pressed(tab, act="unwatch", what="/<b>")
    assert "/&lt;b&gt; is no longer watched" in updates[tab.parts["said"]].value


def test_a_backup_that_is_chosen_stands_in_the_field_and_nothing_is_restored_yet(tab):
    assert pressed(tab, act="choose", what="/lib/x.deepseek-mm") == {tab.parts["restore_path"]: "/lib/x.deepseek-mm"}
    assert tab.handlers.assistant.library.jobs.find(limit=1) == []


@pytest.fixture
def listing(tab, tmp_path) -> LibraryListing:
    """Two files in the list, by name."""
    put(tab.handlers.assistant, *(paint(tmp_path / "photos", f"{name}.png", name) for name in ("green", "red")))
    return tab.shelf.lister.first(LibraryListing().filters, "name")


def changed(tab: LibraryTab, listing: LibraryListing, act: str, text: str = "", what: object = None):
    numbers = ",".join(str(region.source.id) for region in listing.regions) if what is None else what
    return tab._change(Press(None, {"act": act, "what": numbers, "text": text}), LibraryState(), listing)


def test_the_chosen_files_are_taken_out_and_put_back_and_the_list_follows(tab, listing):
    out = changed(tab, listing, "take_out", what=str(listing.regions[0].source.id))
    assert "1 file was taken out." in out[tab.parts["said"]].value
    assert [each.source.name for each in out[tab.shelf.listing].regions] == ["red.png"]
    assert out[tab.shelf.listing].token != listing.token  # nothing is chosen any more
    (taken,) = tab.handlers.assistant.library.list_taken()
    back = tab._act(out[tab.seen], out[tab.shelf.listing], True, Press(None, {"act": "undo", "what": taken.token}))
    assert len(back[tab.shelf.listing].regions) == 2
    assert back[tab.parts["taken"]] == ""


def test_the_chosen_files_go_into_a_collection_which_is_renamed_and_left(tab, listing):
    put_in = changed(tab, listing, "assign", "Trip")
    assert put_in[tab.shelf.listing].collections == (("Trip", 2),)
    trip = tab.shelf.press(LOCAL, "collection", "Trip", put_in[tab.shelf.listing])[tab.shelf.listing]
    renamed = changed(tab, trip, "rename", " The  Trip ", what="Trip")[tab.shelf.listing]
    assert (renamed.filters.collection, len(renamed.regions)) == ("The Trip", 2)
    left = changed(tab, renamed, "leave")
    assert "stay in the library" in left[tab.parts["said"]].value
    assert left[tab.shelf.listing].total == 0


@pytest.mark.parametrize(
    ("act", "text", "what", "said"),
    [
        ("take_out", "", "99", ENGLISH.list_gone),
        ("assign", " ", None, ENGLISH.collection_which),
        ("rename", "x", "Nothing", "no collection is called"),
        ("format", "", None, ENGLISH.bug),
        ("bundled", "", None, "no photos come with this program"),
    ],
)
def test_what_cannot_be_done_to_the_chosen_is_said_and_they_stay_chosen(tab, listing, act, text, what, said):
    updates = changed(tab, listing, act, text, what)
    assert said in updates[tab.parts["said"]].value.replace("&#x27;", "'")
    assert 'role="alert"' in updates[tab.parts["said"]].value
    assert updates.get(tab.shelf.listing, listing).token == listing.token
