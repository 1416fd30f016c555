"""What belongs together on the page: one tile with a badge, the others in the large view, all taken out at once."""

import pytest
from page_caller import services_of
from PIL import Image
from rag_house import build, put

from deepseek_mm import LOCAL, SearchFilter
from index import Source
from ui.library.library_grid import LibraryLister, browse
from ui.photos.photo_groups import read_badges, render_companions
from ui.photos.photo_views import PhotosView
from ui.photos.photos_tab import PhotosHandlers
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

SHOTS = ("20231207_101605_001.jpg", "20231207_101605_002.jpg", "20231207_101605_003.jpg")


@pytest.fixture
def assistant(tmp_path):
    with build(tmp_path / "library") as assistant:
        for n, name in enumerate((*SHOTS, "other.jpg")):
            Image.new("RGB", (64, 48), (0, 200, 20 * n)).save(tmp_path / name)
            put(assistant, tmp_path / name)
        yield assistant


@pytest.fixture
def pictures(assistant, tmp_path):
    pictures = PagePictures(tmp_path / "small", assistant.picture)
    pictures.companions = assistant.store.companions
    return pictures


def test_the_timeline_shows_and_counts_a_burst_once_with_a_badge(assistant, pictures):
    handlers = PhotosHandlers.over(services_of(assistant), CHINESE, pictures)
    html = handlers.render(LOCAL, PhotosView())
    assert CHINESE.photos_count[0].format(count=2) in html
    listed = handlers.tiles.list_items(LOCAL, handlers.services.photos.list_photos(LOCAL))
    assert {item["name"]: item["group"] for item in listed} == {SHOTS[0]: "连拍 3 张", "other.jpg": ""}


def test_the_library_lists_a_burst_once_says_how_many_belong_to_it_and_takes_out_all_of_it(assistant, pictures):
    lister = LibraryLister(services=services_of(assistant), words=ENGLISH)
    listing = lister.first(SearchFilter(), "name")
    html = browse(listing, pictures, ENGLISH, offer=False)
    assert "2 files, and 2 that belong to them" in html
    assert html.count("Burst of 3") == 2  # the badge, and the tile's name
    first = [region for region in listing.regions if region.source.name == SHOTS[0]]
    assert sorted(path.rpartition("/")[2] for path in lister.paths(first)) == sorted(SHOTS)


def test_a_badge_says_what_a_group_is_and_a_photo_of_its_own_has_none(assistant, pictures):
    sources = assistant.store.sources(limit=9)
    assert set(read_badges(sources, pictures, ENGLISH).values()) == {"Burst of 3"}
    assert len(read_badges(sources, pictures, ENGLISH)) == 3
    assert read_badges([Source(path="/a.txt", kind="document", id=1)], pictures, ENGLISH) == {}


def test_each_companion_is_a_press_away_and_its_name_is_no_html():
    leader = Source(id=1, path="/p/a.heic", format="heic")
    others = [Source(id=2, path="/p/<b>a.mov", format="mov"), Source(id=3, path="/p/a.dng", format="dng")]
    html = render_companions(leader, others, ENGLISH)
    assert 'data-act="companion" data-what="2"' in html
    assert "&lt;b&gt;a.mov" in html
    assert "<b>" not in html
    assert "<h3>Belongs together \u00b7 Live \u00b7 RAW</h3>" in html
    assert render_companions(leader, [], ENGLISH) == ""
