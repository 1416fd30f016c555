"""The installed page in a browser: what is shared stands in the question box, and a server that is away is told."""

import base64

import pytest
from browsing import Visitor
from fakes import picture
from playwright.sync_api import expect
from serving import serving

from ui.words import in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHARE = """async ([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const chosen = new DataTransfer();
  if (base64) chosen.items.add(new File([bytes], name, { type: "image/png" }));
  const way = { action: "/share", method: "POST", enctype: "multipart/form-data" };
  const form = Object.assign(document.createElement("form"), way);
  const files = Object.assign(document.createElement("input"), { type: "file", name: "pictures", files: chosen.files });
  form.append(files);
  document.body.append(form);
  form.submit();
}"""


def visit(chromium, url, language="en"):
    """Somebody whose browser has the page's worker."""
    visitor = Visitor(chromium, f"{url}/{language}/", service_workers="allow")
    visitor.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    return visitor


def encoded(tmp_path):
    picture("red").save(tmp_path / "red.png")
    return base64.b64encode((tmp_path / "red.png").read_bytes()).decode()


@pytest.mark.campaign(times=1, only=True)
def test_the_browser_would_install_the_page(chromium, served):
    visitor = visit(chromium, served.url)
    tools = visitor.context.new_cdp_session(visitor.page)
    errors = tools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {each["errorId"] for each in errors} <= {"in-incognito"}
    manifest = tools.send("Page.getAppManifest")
    assert (manifest["url"].rpartition("/")[2], manifest["errors"]) == ("manifest.webmanifest?language=en", [])


@pytest.mark.campaign(times=1, only=True)
def test_a_picture_that_is_shared_stands_in_the_box_and_the_server_was_not_sent_it(chromium, served, tmp_path):
    visitor = visit(chromium, served.url)
    visitor.page.evaluate(SHARE, ["red.png", encoded(tmp_path)])
    expect(visitor.page.locator(".box .thumbnail-item, .box [data-testid*=thumbnail]").first).to_be_visible()
    assert visitor.page.url == f"{served.url}/en/"
    box = visitor.page.get_by_role("textbox", name="Question")
    box.fill("Is it red?")
    box.press("Enter")
    expect(visitor.page.locator(".answered .foot").first).to_be_visible()
    assert visitor.page.evaluate("() => caches.keys()") == []


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_holds_no_picture_is_told_in_the_language_of_the_page(chromium, served, language):
    visitor = visit(chromium, served.url, language)
    visitor.context.add_cookies([{"name": "language", "value": language, "url": served.url}])
    visitor.page.evaluate(SHARE, ["", ""])
    expect(visitor.page.get_by_text(in_language(language).share_empty)).to_be_visible()
    visitor.page.goto(f"{served.url}/{language}/?shared=1")  # nothing was shared
    expect(visitor.page.get_by_text(in_language(language).share_gone)).to_be_visible()


@pytest.mark.campaign(times=1, only=True)
def test_a_server_that_is_away_is_told_in_both_languages_and_the_page_comes_back_with_it(chromium, tmp_path):
    with serving(tmp_path / "library") as server:
        url = server.url
        visitor = visit(chromium, url)
        server.end()
        visitor.page.goto(f"{url}/en/")
        expect(visitor.page.get_by_text("The server cannot be reached")).to_be_visible()
        expect(visitor.page.get_by_text("\u65e0\u6cd5\u8fde\u63a5\u670d\u52a1\u5668")).to_be_visible()
    with serving(tmp_path / "library", "--port", url.rpartition(":")[2]):
        visitor.page.get_by_role("link", name="Try again").click()
        expect(visitor.page.locator(".head[data-ready]")).to_be_attached()
