"""The list of what is in the library, a page at a time."""

import pytest
from index_help import note_copy
from page_caller import services_of
from rag_house import build, paint, put

from deepseek_mm import SearchFilter
from index import Region, Source
from ui.library import library_grid
from ui.library.library_grid import LibraryLister, LibraryListing, bare, exhibits, select_regions
from ui.words import ENGLISH

NAMES = [f"{n}.png" for n in range(7)]


@pytest.fixture
def lister(tmp_path, monkeypatch):
    """Seven photos, two on a page, four shown at once."""
    monkeypatch.setattr(library_grid, "PAGE", 2)
    monkeypatch.setattr(library_grid, "MOST", 4)
    assistant = build(tmp_path / "library")
    put(
        assistant, *(paint(tmp_path / "photos", name, "red", patch) for name, patch in zip(NAMES, PATCHES, strict=True))
    )
    yield LibraryLister(services=services_of(assistant), words=ENGLISH)
    assistant.close()


PATCHES = ("", "green", "blue", "white", "black", "yellow", "purple")


def names(shown: LibraryListing) -> list[str]:
    return [region.source.name for region in shown.regions]


def test_a_page_is_shown_first_and_one_more_each_time_until_the_list_is_long_enough(lister):
    first = lister.first(SearchFilter(), "name")
    assert (names(first), first.total, first.is_growing) == (NAMES[:2], 7, True)
    second = lister.more(first, "2")
    assert (names(second), second.token, second.is_growing) == (NAMES[:4], first.token, False)
    assert lister.more(second, "4") is second


@pytest.mark.parametrize("num", ["0", "4", "", "x", None])
def test_the_same_page_is_never_added_twice(lister, num):
    first = lister.first(SearchFilter(), "name")
    assert lister.more(first, num) is first


def test_one_turns_to_the_files_after_the_list_and_back_but_never_beyond(lister):
    first = lister.first(SearchFilter(), "name")
    later = lister.turn(first, 1)
    assert (later.start, names(later)) == (4, NAMES[4:6])
    assert names(lister.more(later, "2")) == NAMES[4:]
    assert lister.turn(later, 1) is later
    assert names(lister.turn(later, -1)) == NAMES[:2]
    assert lister.turn(first, -1) is first


def test_an_order_that_the_page_never_offered_is_the_usual_one(lister):
    assert lister.first(SearchFilter(), "by smell").order == "added"
    assert names(lister.first(SearchFilter(), "added")) == [NAMES[6], NAMES[5]]


def test_collections_are_counted_and_one_is_shown_alone(lister, tmp_path):
    lister.assistant.library.assign([tmp_path / "photos" / "3.png", tmp_path / "photos" / "4.png"], "Trip")
    shown = lister.first(SearchFilter(collection="Trip"), "name")
    assert (names(shown), shown.total, shown.collections) == (["3.png", "4.png"], 2, (("Trip", 2),))


def test_a_list_is_renewed_as_long_as_it_was_and_with_the_same_token(lister, tmp_path):
    long = lister.more(lister.first(SearchFilter(), "name"), "2")
    lister.assistant.library.take_out([tmp_path / "photos" / "0.png"])
    now = lister.renew(long)
    assert (names(now), now.total, now.token) == (NAMES[1:5], 6, long.token)
    assert lister.renew(now) == now


def test_a_list_whose_place_is_gone_begins_at_its_beginning(lister):
    late = lister.turn(lister.first(SearchFilter(), "name"), 1)
    lister.assistant.library.take_out([region.source.path for region in lister.more(late, "2").regions])
    assert names(lister.renew(late)) == NAMES[:2]


def test_a_library_that_cannot_be_read_is_told_in_place_of_the_list(lister, monkeypatch):
    def broken(**options):
        raise ValueError("the disk is gone")

    monkeypatch.setattr(lister.assistant.store, "kinds", broken)
    shown = lister.first(SearchFilter())
    assert (shown.regions, shown.notice) == ((), ENGLISH.bug)


def test_only_files_of_the_list_can_be_picked_and_all_their_places_count(lister, tmp_path):
    shown = lister.first(SearchFilter(), "name")
    first, second = shown.regions
    assert select_regions(shown.regions, f"99,{second.source.id},x") == [second]
    copy = tmp_path / "photos" / "copy.png"
    note_copy(lister.assistant.store, first.source.id, str(copy), size_bytes=1, modified_ns=1)
    assert lister.paths([first]) == [first.source.path, str(copy)]


def test_a_file_stands_in_the_large_view_under_its_name_and_without_a_number(lister):
    each = exhibits(lister.first(SearchFilter(), "name").regions)[0]
    assert (each.caption, each.citation.number) == ("0.png", 0)


@pytest.mark.parametrize(("kind", "of"), [("photo", "whole"), ("document", "text"), ("code", "code"), ("odd", "whole")])
def test_a_file_in_which_nothing_was_found_is_listed_all_the_same(kind, of):
    source = Source(path="/a", kind=kind, width_px=3, height_px=2)
    assert bare(source) == Region(source=source, kind=of, box_px=(0, 0, 3, 2))
