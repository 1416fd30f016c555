"""The page as somebody with README's key sees it, in Debian's Chromium: it asks, and what it may not do says so."""

from collections.abc import Iterator

import pytest
from browsing import chromium_of
from fakes import picture
from playwright.sync_api import Browser, Page, expect
from serving import ROOT, serving

from deepseek_mm.accounts.keys import Keys
from ui.words import ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_of() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page that wants keys, and a key of each kind."""
    data = tmp_path_factory.mktemp("rights") / "library"
    data.mkdir()
    keys = Keys(data)
    known = {rights: keys.add(rights.replace(",", "-"), rights.split(",")) for rights in ("page", "ask,page")}
    flags = ("--port", "0", "--set", "serve.keys=always")
    with serving(data, *flags, script=ROOT / "tests" / "library_app.py") as server:
        yield server, known


def enter(chromium: Browser, served, rights: str) -> Page:
    server, keys = served
    page = chromium.new_context().new_page()
    page.goto(f"{server.url}/login?next=/en/")
    page.locator("input[name=key]").fill(keys[rights])
    page.locator("button").first.click()
    expect(page.locator(".head[data-ready]")).to_be_attached()
    return page


def test_a_key_that_asks_uploads_a_picture_and_is_told_what_it_may_not_do(chromium, served, tmp_path):
    page = enter(chromium, served, "ask,page")
    expect(page.locator(".head")).to_contain_text("This key may not change the library or see or change settings.")
    picture("red").save(tmp_path / "kite.png")
    page.locator(".box input[type=file]").first.set_input_files(str(tmp_path / "kite.png"))
    thumbnail = page.locator(".box .thumbnail-item img")
    expect(thumbnail).to_have_count(1)
    assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    box = page.get_by_role("textbox", name="Your question")
    box.fill("What is it?")
    box.press("Enter")
    expect(page.locator(".answered .foot")).to_contain_text("Answered in")
    page.get_by_role("tab", name=ENGLISH.library).click()
    page.get_by_role("button", name=ENGLISH.care).click()
    page.get_by_role("button", name=ENGLISH.verify, exact=True).click()
    expect(page.get_by_text("lacks the right library")).to_be_visible()
    expect(page.locator(".head")).to_contain_text("This key may not change the library")


def test_a_key_for_the_page_alone_opens_it_and_sees_nothing(chromium, served):
    page = enter(chromium, served, "page")
    expect(page.locator(".head")).to_contain_text("This key may not ask or search")
    expect(page.locator(".head")).not_to_contain_text("files")
    for tab in (ENGLISH.library, ENGLISH.history, ENGLISH.settings):  # opening one is no press that is refused aloud
        page.get_by_role("tab", name=tab).click()
    expect(page.get_by_text("lacks the right")).to_have_count(0)
    page.get_by_role("button", name=ENGLISH.set_save, exact=True).click()
    expect(page.get_by_text("lacks the right settings")).to_be_visible()
