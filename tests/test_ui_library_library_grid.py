"""The list of files on its tab: which updates its presses become."""

import gradio as gr
import pytest
from page_caller import ActingAs, services_of, undescribed
from rag_house import build, paint, put

from deepseek_mm import SearchFilter
from ui.library import library_grid
from ui.library.library_grid import LibraryGrid, LibraryLister, LibraryListing
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import ENGLISH


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Three photos, two on a page."""
    monkeypatch.setattr(library_grid, "PAGE", 2)
    assistant = build(tmp_path / "library")
    put(assistant, *(paint(tmp_path / "photos", f"{name}.png", name) for name in ("blue", "green", "red")))
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    with gr.Blocks():
        lister = LibraryLister(services=services_of(assistant), words=ENGLISH)
        viewer = Viewer.place(pictures, ENGLISH, undescribed)
        yield ActingAs(LibraryGrid.place(lister, pictures, viewer, offer=True))
    assistant.close()


def shown(shelf: LibraryGrid, updates) -> list[str]:
    return [region.source.name for region in updates[shelf.listing].regions]


def test_more_of_the_list_is_drawn_once_for_each_time_it_is_asked_for(shelf):
    first = shelf.lister.first(SearchFilter(), "name")
    assert shown(shelf, shelf.press("more", "2", first)) == ["blue.png", "green.png", "red.png"]
    assert shelf.listing not in shelf.press("more", "7", first)


def test_a_press_on_a_file_opens_it_large_with_its_neighbours(shelf):
    first = shelf.lister.first(SearchFilter(), "name")
    updates = shelf.press("open", "1", first)
    viewed = updates[shelf.viewer.viewed]
    assert (viewed.at.caption, len(viewed.exhibits), viewed.turn) == ("green.png", 2, 0)
    assert ENGLISH.score.partition("{")[0] not in updates[shelf.viewer.html]
    assert shelf.viewer.viewed not in shelf.press("open", "9", first)


def test_a_collection_is_shown_beside_the_other_filters_and_all_are_cleared_at_once(shelf, tmp_path):
    shelf.lister.assistant.library.assign([tmp_path / "photos" / "red.png"], "Trip")
    first = shelf.lister.first(SearchFilter(kind="photos"), "name")
    updates = shelf.press("collection", "Trip", first)
    assert updates[shelf.listing].filters == SearchFilter(kind="photos", collection="Trip")
    assert shown(shelf, updates) == ["red.png"]
    cleared = shelf.press("unfilter", "", updates[shelf.listing])
    assert cleared[shelf.listing].filters == SearchFilter()
    assert (cleared[shelf.fields["kind"]], cleared[shelf.fields["folder"]]) == ("", "")


def test_what_has_not_changed_is_not_drawn_again(shelf, tmp_path):
    first = shelf.lister.first(SearchFilter(), "name")
    assert shelf.renew(first) == {}
    shelf.lister.assistant.library.take_out([tmp_path / "photos" / "blue.png"])
    assert shown(shelf, shelf.renew(first)) == ["green.png", "red.png"]


def test_an_empty_library_is_drawn_with_its_offer(shelf, tmp_path):
    shelf.lister.assistant.library.take_out([tmp_path / "photos"])
    assert 'data-act="bundled"' in shelf.renew(LibraryListing())[shelf.html]
