"""The list of files as HTML."""

from datetime import datetime

import pytest
from PIL import Image

from deepseek_mm import SearchFilter
from index import Region, Source
from ui.library.library_grid import MOST, LibraryListing, browse, facts
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

NASTY = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def pictures(tmp_path) -> PagePictures:
    return PagePictures(tmp_path, lambda source, page: Image.new("RGB", (8, 8)))


def region(n: int, name: str = "a.jpg", **more) -> Region:
    source = Source(id=n, path=f"/photos/{name}", width_px=400, height_px=200, **more)
    return Region(source=source, kind="whole", box_px=(0, 0, 400, 200))


def html(pictures, words=ENGLISH, *, offer: bool = True, **listing) -> str:
    regions = listing.pop("regions", (region(31), region(12, "b.jpg")))
    listing = {"total": len(regions)} | listing
    return browse(LibraryListing(regions=regions, **listing), pictures, words, offer=offer)


def test_each_file_has_a_photo_to_open_and_a_box_to_choose_it_by_its_number(pictures):
    page = html(pictures)
    assert 'data-act="open" data-what="1" aria-label="b.jpg"' in page
    assert 'data-number="12" aria-label="Select b.jpg"' in page
    assert page.count("<li") == page.count("<img") == 2
    assert "--ratio:2.000" in page


@pytest.mark.parametrize(
    ("words", "one", "many"), [(ENGLISH, ">1 file<", ">2 files<"), (CHINESE, ">1 个文件<", ">2 个文件<")]
)
def test_the_number_of_files_reads_well_for_one_and_for_many(pictures, words, one, many):
    assert one in html(pictures, words, regions=(region(1),))
    assert many in html(pictures, words)


def test_a_list_that_goes_on_has_a_button_which_says_how_many_are_shown(pictures):
    assert 'data-act="more" data-what="2"' in html(pictures, total=3)
    assert 'data-act="more"' not in html(pictures)


def test_a_list_as_long_as_it_gets_leads_to_what_comes_before_and_after(pictures):
    page = html(pictures, regions=(region(1),) * MOST, start=MOST, total=100_000)
    assert f"{MOST + 1:,} to {2 * MOST:,} of 100,000 files" in page
    assert 'data-act="earlier"' in page
    assert f">The next {MOST}<" in page
    last = html(pictures, start=MOST, total=MOST + 2)
    assert ('data-act="earlier"' in last, 'data-act="later"' in last) == (True, False)


def test_an_empty_library_says_what_to_do_and_offers_the_bundled_photos(pictures):
    page = html(pictures, regions=())
    assert "Drop files" in page
    assert 'data-act="bundled"' in page
    assert "<ul" not in page
    assert "data-act" not in html(pictures, regions=(), offer=False)


def test_filters_that_let_nothing_through_can_be_cleared(pictures):
    page = html(pictures, regions=(), filters=SearchFilter(folder="/nowhere"))
    assert ENGLISH.list_none in page
    assert 'data-act="unfilter"' in page
    assert "bundled" not in page


def test_collections_stand_above_with_their_numbers_and_the_chosen_one_can_be_renamed(pictures):
    names = (("Home", 1200), ("Trip", 2))
    page = html(pictures, collections=names)
    assert ">Home (1,200)<" in page
    assert 'data-act="rename"' not in page
    assert ENGLISH.collection_leave not in page
    chosen = html(pictures, collections=names, filters=SearchFilter(collection="Trip"))
    assert 'data-act="rename" data-what="Trip"' in chosen
    assert 'data-what="Trip" aria-pressed="true"' in chosen
    assert ENGLISH.collection_leave in chosen


def test_a_library_that_cannot_be_read_is_told_instead(pictures):
    assert html(pictures, notice="the disk is gone") == '<p role="alert" class="notice">the disk is gone</p>'


def test_under_a_file_stand_its_day_its_size_and_its_collection():
    taken = region(1, taken_at=datetime(2024, 5, 31, 12), size_bytes=3_200_000, collection="Trip", modified_ns=1)
    assert facts(taken, ENGLISH) == "2024-05-31 · 3.2\u00a0MB · Trip"
    day_ns = int(datetime(2023, 1, 2, 12).timestamp() * 1e9)
    assert facts(region(1, modified_ns=day_ns), ENGLISH) == "no date"  # when its file was made says nothing of a photo
    assert facts(region(1, modified_ns=day_ns, kind="document"), CHINESE) == "文件日期 2023-01-02"
    assert facts(region(1, kind="document"), ENGLISH) == ""


def test_names_from_outside_never_become_html(pictures):
    filters = SearchFilter(collection=NASTY)
    page = html(pictures, regions=(region(1, NASTY, collection=NASTY),), collections=((NASTY, 1),), filters=filters)
    assert page.count("<img") == 1
    assert "onerror=alert(1)>" not in page
