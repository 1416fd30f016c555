"""The Photos tab in Chromium: the timeline, choosing, albums, favourites, sharing; people; imports; drives that are
away.

In both languages and widths, with axe.

One server with made photos of three months; what one visitor puts into an album the next one sees.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from axe import grave
from export_samples import said_by_google, small_photo, write_all
from past_reader import Reader
from PIL import Image, ImageOps
from playwright.sync_api import expect
from serving import ROOT, Served

from ui.words import CHINESE, ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
SLOW_MS = 240_000
DAYS = [datetime(2024, 5, n % 28 + 1, 12) for n in range(40)] + [datetime(2023, 12, 24, 18), datetime(2019, 1, 2, 9)]
PLACE = {1: "N", 2: (43.0, 43.0, 22.0), 3: "E", 4: (10.0, 23.0, 47.0)}  # Pisa, as EXIF writes it


def dated(day: datetime) -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{day:%Y:%m:%d %H:%M:%S}"
    return exif


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    folder = home / "photos"
    folder.mkdir()
    for n, day in enumerate(DAYS):
        exif = dated(day)
        if n < 2:
            exif.get_ifd(0x8825).update(PLACE)
        colour = (37 * n % 256, 91 * n % 256, 53 * n % 256)
        Image.new("RGB", (160 + n, 120), colour).save(folder / f"photo-{n:02}.jpg", exif=exif)
    somebody = Image.open(ROOT / "examples" / "photos" / "astronaut.jpg")
    ImageOps.mirror(somebody).save(folder / "again.jpg", exif=dated(DAYS[-1]))
    server = Served(home / "library", "--port", "0", "--set", "lm.name=none", script=ROOT / "app.py")
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture(scope="module")
def filled(served, chromium) -> Served:
    one = Reader(chromium, served.url, photos=None, locale="en-US")
    before = int(one.page.locator(".head .state").inner_text().split()[0])
    one.tab(ENGLISH.library)
    one.page.get_by_role("textbox", name=ENGLISH.add_path).fill(str(served.data.parent / "photos"))
    one.press("Index")
    expect(one.page.locator(".head .state")).to_contain_text(f"{before + len(DAYS) + 1} files", timeout=SLOW_MS)
    one.context.close()
    return served


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_photos_are_looked_through_chosen_put_into_an_album_and_shared(chromium, filled, words, width):
    one = Reader(
        chromium, f"{filled.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True,
        accept_downloads=True,
    )  # fmt: skip
    page, name = one.page, f"Trip {words.language} {width}"
    one.tab(words.photos_tab)
    month = "May 2024" if words is ENGLISH else "2024年5月"
    expect(page.locator(".sheet h3").first).to_have_text(month)
    expect(page.locator(".frame img").first).to_be_visible()
    assert one.no_sideways()
    assert grave(page) == []

    scrubber = page.get_by_role("slider", name=words.photos_scrub)
    scrubber.focus()
    page.keyboard.press("End")
    expect(page.locator(".sheet h3").last).to_have_text(words.photos_undated)  # the bundled photos
    page.keyboard.press("Home")
    first = page.locator('.frame[data-number="0"]')
    expect(first.locator("img")).to_be_visible()

    first.hover()
    first.get_by_role("checkbox").click()
    page.locator('.frame[data-number="3"] button.look').click(modifiers=["Shift"])
    bar = page.locator(".picked").locator("visible=true")
    expect(bar.locator(".count")).to_have_text(words.selected.replace("{count}", "4"))
    assert grave(page) == []
    bar.get_by_role("combobox", name=words.photos_album, exact=True).fill(name)
    bar.get_by_role("button", name=words.photos_album_put).click()
    expect(page.get_by_text(words.photos_album_has.partition("{photos}")[0].format(name=name))).to_be_visible()

    one.press(words.photos_albums)
    page.locator(".group-card", has_text=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".frame img")).to_have_count(4)
    assert grave(page) == []
    one.press(words.photos_choose_all)
    with page.expect_download() as shared:
        bar.get_by_role("button", name=words.photos_share_page).click()
    file = filled.data.parent / shared.value.suggested_filename
    shared.value.save_as(file)
    friend = one.context.new_page()
    friend.goto(file.as_uri())
    expect(friend.locator("img")).to_have_count(4)
    assert not re.search(r"(?:src|href)=\"https?:|Pisa", file.read_text())
    friend.close()

    page.locator(".frame button.look").first.click()
    dialog = page.get_by_role("dialog")
    heart = dialog.locator("[data-act=favourite]")
    if heart.get_attribute("aria-pressed") == "true":  # of the visitor before
        heart.click()
        expect(heart).to_have_attribute("aria-pressed", "false")
    heart.click()
    expect(heart).to_have_attribute("aria-label", words.photos_favourite_off)
    expect(dialog.get_by_text(name)).to_be_visible()
    assert grave(page) == []
    page.keyboard.press("Escape")
    one.press(words.photos_favourites)
    expect(page.locator(".frame img").first).to_be_visible()
    one.press(words.photos_places)
    page.locator(".group-card", has_text=words.name("Pisa")).click()
    expect(page.locator(".frame img")).to_have_count(2)
    one.press(words.photos_things)
    assert one.no_sideways()
    assert grave(page) == []
    assert one.errors == []
    one.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_an_export_of_another_program_is_looked_at_before_it_is_taken_in(chromium, filled, words, width, tmp_path):
    place, number = f"Takeout {words.language} {width}", len(words.language) * 1000 + width + ord(words.language[0])
    told = said_by_google(1_556_973_000, where={"latitude": 43.723, "longitude": 10.3966}, favorited=True)
    files = {
        f"{place}/a.jpg": small_photo(number),
        f"{place}/a.jpg.json": told,
        f"{place}/metadata.json": {"title": place},
    }
    folder = write_all(tmp_path / "takeout", files)
    one = Reader(chromium, f"{filled.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    page = one.page
    one.tab(words.library)
    field = page.get_by_role("textbox", name=words.import_path)
    if not field.is_visible():
        page.locator(".label-wrap", has_text=words.import_title).click()
    field.fill(str(folder))
    one.press(words.import_look)
    expect(page.get_by_text("Google Photos").locator("visible=true").first).to_be_visible(timeout=SLOW_MS)
    assert one.no_sideways()
    assert grave(page) == []
    one.press(words.import_begin)
    one.tab(words.photos_tab)
    card = page.locator(".group-card", has_text=place)
    for _ in range(60):
        one.press(words.photos_albums)
        page.wait_for_timeout(1000)
        if card.count():
            break
    card.click()
    expect(page.locator(".frame img")).to_have_count(1)
    page.locator(".frame button.look").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-act=favourite]")).to_have_attribute("aria-pressed", "true")
    expect(dialog).to_contain_text(words.name("Pisa"))
    page.keyboard.press("Escape")
    assert one.errors == []
    one.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_people_are_switched_on_named_searched_and_deleted(chromium, filled, words, width):
    one = Reader(chromium, f"{filled.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    page, name = one.page, f"Eileen {words.language} {width}"
    one.tab(words.photos_tab)
    one.press(words.photos_people)
    expect(page.get_by_text(words.people_consent)).to_be_visible()
    assert grave(page) == []
    one.press(words.people_on)
    expect(page.get_by_text(words.people_began)).to_be_visible()
    card = page.locator(".group-card", has_text=words.people_who)
    for _ in range(120):  # what is found meanwhile is seen when the view is opened anew
        one.press(words.photos_people)
        page.wait_for_timeout(1000)
        if card.count():
            break
    assert one.no_sideways()
    assert grave(page) == []
    card.first.click()
    expect(page.locator(".frame img")).to_have_count(2)
    page.get_by_role("textbox", name=words.people_name).fill(name)
    one.press(words.people_name_give)
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert one.no_sideways()
    assert grave(page) == []
    one.tab(words.search)
    box = page.get_by_role("textbox", name=words.search_label).locator("visible=true")
    box.fill(f'person:"{name}"')
    box.press("Enter")
    expect(page.locator(".grid li")).to_have_count(2)
    one.tab(words.photos_tab)
    one.press(words.photos_people)
    one.press(words.people_off)
    expect(page.get_by_text(words.people_off_sure).first).to_be_visible()
    one.press(words.people_off)
    expect(page.get_by_text(words.people_deleted)).to_be_visible()
    expect(page.locator(".group-card", has_text=name)).to_have_count(0)
    assert one.errors == []
    one.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_photos_of_a_drive_that_is_away_are_marked_and_come_back(chromium, filled, words, width):
    photos, away = filled.data.parent / "photos", filled.data.parent / "away"
    one = Reader(chromium, f"{filled.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    page = one.page
    photos.rename(away)
    try:
        page.wait_for_timeout(3000)
        one.tab(words.photos_tab)
        one.press(words.photos_places)
        page.locator(".group-card", has_text=words.name("Pisa")).first.click()
        grey = page.locator(".frame.away button.look").first
        expect(grey).to_have_attribute("aria-label", re.compile(f", {words.offline}"))
        assert one.no_sideways()
        assert grave(page) == []
        one.context.close()
    finally:
        away.rename(photos)
    again = Reader(chromium, f"{filled.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    again.page.wait_for_timeout(3000)
    again.tab(words.photos_tab)
    again.press(words.photos_places)
    again.page.locator(".group-card", has_text=words.name("Pisa")).first.click()
    expect(again.page.locator(".frame img").first).to_be_visible()
    expect(again.page.locator(".frame.away")).to_have_count(0)
    assert again.errors == []
    again.context.close()
