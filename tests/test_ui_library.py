"""The Library tab: which updates its handlers become."""

from types import SimpleNamespace

import gradio as gr
import pytest
from rag_house import build, paint

from deepseek_mm.errors import LibraryError
from ui.library import LATER_S, LISTS, SOON_S, LibraryTab
from ui.shelving import Look, Said, Shelving
from ui.words import ENGLISH


@pytest.fixture
def tab(tmp_path):
    """A tab whose library works on nothing: what is begun waits."""
    assistant = build(tmp_path / "library")
    with gr.Blocks():
        top = gr.HTML()
        shelving = Shelving(assistant=assistant, words=ENGLISH, hush=lambda: None)
        yield LibraryTab.place(shelving, top=top, head=str.upper)
    assistant.close()


def fill(tab: LibraryTab, tmp_path) -> None:
    tab.shelving.add(None, str(paint(tmp_path / "photos", "red.png", "red")))


def test_the_first_look_fills_every_part_and_the_head(tab):
    updates = tab._look(Look())
    assert {tab.parts[name] for name in LISTS} < set(updates)
    assert updates[tab.top] == "0 FILES, 0 REGIONS"


def test_a_second_look_sends_nothing_that_has_not_changed(tab):
    seen = tab._look(Look())[tab.seen]
    assert set(tab._look(seen)) == {tab.seen}


def test_the_page_looks_more_often_while_something_is_being_done(tab, tmp_path):
    seen = tab._look(Look())[tab.seen]
    fill(tab, tmp_path)
    updates = tab._look(seen)
    assert (updates[tab.timer].value, updates[tab.timer].active) == (SOON_S, True)
    assert tab.parts["running"] in updates
    assert tab.parts["ended"] not in updates
    (job,) = tab.shelving.library.jobs.find(limit=9)
    tab.shelving.library.jobs.cancel(job.id)
    assert tab._look(updates[tab.seen])[tab.timer].value == LATER_S


def test_the_timer_runs_only_while_the_tab_is_open(tab, tmp_path):
    assert not tab._turn(Look(), SimpleNamespace(value=ENGLISH.search))[tab.timer].active
    opened = tab._turn(Look(), SimpleNamespace(value=ENGLISH.library))
    assert (opened[tab.timer].value, opened[tab.timer].active) == (LATER_S, True)
    fill(tab, tmp_path)
    again = tab._turn(opened[tab.seen], SimpleNamespace(value=ENGLISH.library))
    assert again[tab.timer].value == SOON_S
    assert tab.parts["ended"] not in again


def test_a_library_that_cannot_be_read_is_told_and_looked_at_again(tab, monkeypatch):
    def broken(**options):
        raise LibraryError("the disk <is> gone")

    monkeypatch.setattr(tab.shelving.library.jobs, "find", broken)
    updates = tab._look(Look(head="5 files"))
    assert "the disk &lt;is&gt; gone" in updates[tab.parts["running"]]
    assert updates[tab.seen] == Look()  # so that the next look that works fills everything


def test_an_answer_empties_the_fields_only_if_it_went_well(tab):
    wrong = tab._answer(Look(), Said(text="No.", wrong=True), ["path"])
    assert tab.parts["path"] not in wrong
    assert 'role="alert"' in wrong[tab.parts["said"]].value
    right = tab._answer(Look(), Said(text="Yes."), ["path"])
    assert right[tab.parts["path"]] is None
    assert 'role="status"' in right[tab.parts["said"]].value


def test_a_button_in_a_list_acts_on_what_its_card_named(tab, tmp_path):
    fill(tab, tmp_path)
    (job,) = tab.shelving.library.jobs.find(limit=9)
    updates = tab._listed(Look(), SimpleNamespace(act="cancel", what=str(job.id)))
    assert ENGLISH.cancelled in updates[tab.parts["said"]].value
    assert not updates[tab.seen].busy
    assert 'role="alert"' in tab._listed(Look(), SimpleNamespace())[tab.parts["said"]].value


def test_what_is_said_is_escaped(tab):
    updates = tab._listed(Look(), SimpleNamespace(act="unwatch", what="/<b>"))
    assert "/&lt;b&gt; is no longer watched" in updates[tab.parts["said"]].value
