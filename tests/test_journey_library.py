"""The library's journey in a real browser: fill, watch the work, mend a failure, search, empty.

The page runs as a process of its own over a real library; only the towers are small (library_app).
"""

import re

import pytest
from fakes import picture
from made_files import pdf_bytes
from playwright.sync_api import Page, expect
from serving import ROOT, Served
from test_journey import WAIT_MS, Visitor, chromium  # noqa: F401  a fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NASTY = "${window.hit=1}{{7}}<img src=x onerror=hit=1>.png"  # a file's name
COLOURS = ("red", "green", "blue", "yellow", "orange", "purple")


@pytest.fixture
def served(tmp_path):
    server = Served(tmp_path / "library", script=ROOT / "tests" / "library_app.py", SECONDS="0.4")
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def photos(tmp_path):
    """Six photos, a document, and two files that are broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for colour in COLOURS:
        picture(colour, size=(320, 240), patch="white").save(folder / f"{colour}.png")
    (folder / "bill.pdf").write_bytes(pdf_bytes([(50, 450, "Total amount due: 42 EUR")]))
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / NASTY).write_bytes(b"")
    return folder


def name_a_path(page: Page, path: object, button: str) -> None:
    page.get_by_role("textbox", name="Or name a file or folder").fill(str(path))
    page.get_by_role("button", name=button, exact=True).click()


def search(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="What to look for")
    box.fill(text)
    box.press("Enter")


def test_a_folder_is_indexed_mended_searched_and_everything_deleted(chromium, served, photos):  # noqa: F811
    visitor = Visitor(chromium, served.url, photos=0)
    page = visitor.page
    visitor.tab("Library")
    name_a_path(page, photos, "Index")
    bar = page.get_by_role("progressbar", name=f"Index {photos}")
    expect(bar).to_be_visible(timeout=WAIT_MS)
    expect(bar).to_have_attribute("max", "9", timeout=WAIT_MS)
    visitor.tab("Search")  # the page answers meanwhile
    search(page, "red")
    expect(page.get_by_text(re.compile("nearest|Nothing found"))).to_be_visible(timeout=WAIT_MS)
    visitor.tab("Library")
    ended = page.locator(".job.done").filter(has_text=f"Index {photos}")
    expect(ended).to_contain_text("7 added", timeout=WAIT_MS)
    expect(page.locator(".head")).to_contain_text("7 files", timeout=WAIT_MS)

    ended.get_by_text("2 could not be done").click()
    expect(ended).to_contain_text("broken.png is no picture")
    expect(ended).to_contain_text(NASTY)
    picture("black", size=(320, 240)).save(photos / "broken.png")
    ended.get_by_role("button", name="Retry the failed").click()
    expect(page.locator(".job.done").first).to_be_visible()
    expect(page.locator(".head")).to_contain_text("8 files", timeout=WAIT_MS)

    visitor.tab("Search")
    search(page, "black")
    found = page.get_by_role("button", name=re.compile(r"^\[1\] .*broken\.png"))
    expect(found).to_be_visible(timeout=WAIT_MS)
    found.click()
    expect(page.locator(".photo img").locator("visible=true")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="More like this").click()
    expect(page.get_by_text(re.compile(r"^Like \[1\] .*broken\.png\."))).to_be_visible(timeout=WAIT_MS)
    search(page, "zeppelin")
    expect(page.get_by_text("Nothing found that is certain")).to_be_visible(timeout=WAIT_MS)

    visitor.tab("Settings")
    page.get_by_role("button", name="Delete everything").first.click()
    page.get_by_role("textbox", name="Type these words").fill("delete everything")
    page.get_by_role("button", name="Delete everything").last.click()
    expect(page.get_by_text("The library is empty.")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("header.head")).to_contain_text("0 files, 0 regions", timeout=WAIT_MS)
    visitor.tab("Search")
    expect(page.locator(".thumbs").locator("visible=true")).to_have_count(0)
    assert (photos / "red.png").exists()
    assert page.evaluate("window.hit") is None
    assert visitor.hosts() == {served.url.split("/")[2]}
    late = "403 (Forbidden)"  # a thumbnail that was still on its way when everything was deleted
    assert [error for error in visitor.errors if late not in error] == []


def test_dropped_files_are_indexed_and_a_folder_is_watched_on_a_phone(chromium, served, tmp_path):  # noqa: F811
    visitor = Visitor(chromium, served.url, width=390, height=844, photos=0)
    page = visitor.page
    picture("red", size=(320, 240)).save(tmp_path / "Sommer (1).png")
    visitor.tab("Library")
    page.locator("input[type=file]").last.set_input_files(str(tmp_path / "Sommer (1).png"))
    expect(page.get_by_text("Sommer (1)").first).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Index", exact=True).click()
    expect(page.locator("header.head")).to_contain_text("1 files", timeout=WAIT_MS)
    assert [path.name for path in (served.data / "added").glob("*/*")] == ["Sommer (1).png"]

    (tmp_path / "watched").mkdir()
    name_a_path(page, tmp_path / "watched", "Watch this folder")
    expect(page.locator("ul.watched")).to_contain_text(str(tmp_path / "watched"), timeout=WAIT_MS)
    picture("blue", size=(320, 240)).save(tmp_path / "watched" / "new.png")
    expect(page.locator(".head")).to_contain_text("2 files", timeout=WAIT_MS)
    assert visitor.no_sideways()
    page.get_by_role("button", name="Stop watching").click()
    expect(page.get_by_text("No folder is watched.")).to_be_visible(timeout=WAIT_MS)
    assert visitor.errors == []
