"""Ten things that people do with a photo library, through the page alone, with the shipped models.

One server for all of them. The library is a person's: photos with dates and places, and a video that moves over three.
Tasks run in this order, and each is somebody's own visit; those that move files come last.
"""

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from holiday_photos import keep_photo, make_holidays
from playwright.sync_api import Locator, expect
from serving import ROOT, Served
from test_people_tasks import SLOW_MS, Person

from ui.words import ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
NOW = datetime.now()
YEAR = NOW.year - (NOW.month < 9)  # of the last summer that is over


class PhotoLibraryUser(Person):
    """Somebody with a photo library."""

    def open_photos(self, view: str = "") -> None:
        """Go to the Photos tab, and to one of its views."""
        self.tab(ENGLISH.photos_tab)
        if view:
            self.press(view)

    @property
    def frames(self) -> Locator:
        """The tiles of the view that is open."""
        return self.page.locator(".frame img").locator("visible=true")

    @property
    def bar(self) -> Locator:
        """What can be done with photos that are chosen."""
        return self.page.locator(".picked").locator("visible=true")

    def find(self, text: str) -> Locator:
        """The tiles of a search that has ended."""
        tiles = self.search(text)
        self.page.wait_for_timeout(1500)
        return tiles

    def put_into_album(self, name: str) -> None:
        """What is chosen."""
        self.bar.get_by_role("combobox", name=ENGLISH.photos_album, exact=True).fill(name)
        self.bar.get_by_role("button", name=ENGLISH.photos_album_put).click()
        told = ENGLISH.photos_album_has.partition("{photos}")[0].format(name=name)
        expect(self.page.get_by_text(told).locator("visible=true").first).to_be_visible()

    def open_album(self, name: str, *, photos: int) -> None:
        """In the Photos tab."""
        self.open_photos(ENGLISH.photos_albums)
        self.page.locator(".group-card", has_text=name).click()
        expect(self.frames).to_have_count(photos)

    def say_hits(self, *names: str) -> None:
        """Wait until the search shows these files and no others."""
        captions = self.page.locator(".grid .caption").locator("visible=true")
        expect(captions).to_have_count(len(names), timeout=SLOW_MS)
        for name in names:
            expect(captions.filter(has_text=name)).to_have_count(1)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home, chromium) -> Iterator[Served]:
    make_holidays(home / "holidays", YEAR)
    server = Served(home / "library", "--port", "0", "--set", "lm.name=none", script=ROOT / "app.py")
    one = PhotoLibraryUser(chromium, server.url, photos=None, locale="en-US")
    before = one.num_files()
    one.tab(ENGLISH.library)
    one.page.get_by_role("textbox", name=ENGLISH.add_path).fill(str(home / "holidays"))
    one.press("Index")
    expect(one.page.locator(".head .state")).to_contain_text(f"{before + 11} files", timeout=SLOW_MS)
    one.context.close()
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def person(chromium, served) -> Iterator[PhotoLibraryUser]:
    one = PhotoLibraryUser(chromium, served.url, photos=None, locale="en-US", accept_downloads=True)
    yield one
    assert one.errors == []
    one.context.close()


def test_last_summers_lake_photos_are_found_and_three_of_them_shared(person, tmp_path):
    person.find("lake photos last summer")
    captions = person.page.locator(".grid .caption").locator("visible=true")
    expect(captions.filter(has_text="lake-1.jpg")).to_have_count(1)
    expect(captions.filter(has_text="lake-old.jpg")).to_have_count(0)
    picks = person.page.locator("ul.grid .pick").locator("visible=true")
    for n in range(3):
        picks.nth(n).check()
    person.put_into_album("Lake")
    person.open_album("Lake", photos=3)
    person.press(ENGLISH.photos_choose_all)
    with person.page.expect_download() as shared:
        person.bar.get_by_role("button", name=ENGLISH.photos_share_page).click()
    shared.value.save_as(tmp_path / "lake.html")
    friend = person.context.new_page()
    friend.goto((tmp_path / "lake.html").as_uri())
    expect(friend.locator("img")).to_have_count(3)


def test_everything_from_pisa_without_people(person):
    person.find("place:Pisa -person")
    person.say_hits("tower.jpg", "flowers.jpg")


def test_the_video_where_dogs_are_seen_starts_there(person):
    person.find("the video with the dogs").first.click()
    expect(person.dialog.get_by_role("heading", level=2)).to_contain_text("clip.webm")
    video = person.dialog.locator("video")
    expect(video).to_be_visible()
    expect(video).to_have_js_property("readyState", 4)
    at_s = video.evaluate("(video) => video.currentTime")
    assert 2.5 <= at_s <= 6.5  # dogs are there from 3 s to 6 s


def test_an_album_is_made_gets_a_cover_and_is_shared_without_places(person, tmp_path):
    person.open_photos(ENGLISH.photos_places)
    person.page.locator(".group-card", has_text="Pisa").click()
    expect(person.frames).to_have_count(3)
    person.press(ENGLISH.photos_choose_all)
    person.put_into_album("Italy")
    person.open_album("Italy", photos=3)
    person.press(ENGLISH.photos_choose_all)
    with person.page.expect_download() as shared:
        person.bar.get_by_role("button", name=ENGLISH.photos_share_zip).click()
    with zipfile.ZipFile(shared.value.path()) as archive:
        photos = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert len(photos) == 3
        assert all(b"GPS" not in archive.read(name)[:4096] for name in photos)


def test_favourites_are_marked_and_asked_for(person):
    person.find("tower.jpg").first.click()
    person.dialog.locator("[data-act=favourite]").click()
    expect(person.dialog.locator("[data-act=favourite]")).to_have_attribute("aria-pressed", "true")
    person.page.keyboard.press("Escape")
    person.tab(ENGLISH.ask)
    person.ask("Show my favourite photos")
    person.done()
    expect(person.said()).to_contain_text("tower")


def test_where_a_photo_was_taken_is_asked(person):
    person.ask("Where was friend.jpg taken?")
    person.done()
    expect(person.said()).to_contain_text("Pisa, Italy")


def test_christmas_is_reached_by_the_slider(person):
    person.open_photos()
    scrubber = person.page.get_by_role("slider", name=ENGLISH.photos_scrub)
    scrubber.focus()
    for _ in range(12):
        if person.page.locator(".sheet h3", has_text=f"December {YEAR - 1}").count():
            break
        person.page.keyboard.press("ArrowRight")
        person.page.wait_for_timeout(200)
    expect(person.page.locator(".sheet h3", has_text=f"December {YEAR - 1}")).to_be_visible()


def test_a_folder_is_dropped_from_the_desktop_and_becomes_a_collection(person, tmp_path):
    folder = tmp_path / "Birthday party"
    keep_photo(folder, "cake.jpg", "coffee.jpg", datetime(YEAR, 3, 1))
    keep_photo(folder / "more", "guests.jpg", "astronaut.jpg", datetime(YEAR, 3, 1))
    (folder / ".hidden").write_text("x")
    person.tab(ENGLISH.library)
    person.unfold(ENGLISH.add_path)
    area = person.page.locator(".drop").locator("visible=true").first
    box = area.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    client = person.context.new_cdp_session(person.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        client.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    expect(person.page.locator(".dropped-into input, .dropped-into textarea").first).to_have_value("Birthday party")
    expect(area).to_contain_text("guests")
    person.press("Index")
    expect(person.page.get_by_role("button", name=re.compile(r"^Birthday party"))).to_be_visible(timeout=SLOW_MS)


def test_a_backup_is_made_and_restored_as_a_trial(person):
    person.tab(ENGLISH.library)
    person.unfold(ENGLISH.backup_path)
    person.press(ENGLISH.backup)
    expect(person.page.locator(".head .state")).not_to_contain_text("at work", timeout=SLOW_MS)
    person.press(ENGLISH.backup_check)
    expect(person.page.get_by_text(re.compile("restored", re.I)).locator("visible=true").first).to_be_visible(
        timeout=SLOW_MS
    )


def test_a_renamed_folder_keeps_its_album_and_an_unplugged_one_is_offline_until_it_is_back(person, home):
    moved, away = home / "italy of last year", home / "unplugged"
    (home / "holidays" / "italy").rename(moved)
    person.tab(ENGLISH.library)
    person.unfold(ENGLISH.add_path)
    person.page.get_by_role("textbox", name=ENGLISH.add_path).fill(str(moved))
    person.press("Index")
    expect(person.page.get_by_text(re.compile("4 moved")).first).to_be_visible(timeout=SLOW_MS)
    person.open_album("Italy", photos=3)
    moved.rename(away)
    person.page.wait_for_timeout(3000)
    person.page.reload()
    person.find("place:Pisa")
    expect(person.page.get_by_text(ENGLISH.offline).locator("visible=true").first).to_be_visible()
    away.rename(moved)
    person.page.wait_for_timeout(3000)
    person.page.reload()
    person.find("place:Pisa")
    expect(person.page.get_by_text(ENGLISH.offline).locator("visible=true")).to_have_count(0)
