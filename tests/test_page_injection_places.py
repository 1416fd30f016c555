"""Sixty things that give orders, on the page of a real library and in what leaves it: no script runs, nothing is asked
for from elsewhere. Exports are opened in the same browser, Markdown as a reader shows it that lets HTML through.
"""

import io
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from browsing import Visitor
from injections import INJECTIONS, ORDERS, file_of
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, expect
from serving import ROOT, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
MARKUP = (
    "image",
    "link",
    "html",
    "style",
    "svg",
    "mermaid",
    "latex",
    "template",
    "bidi",
    "cited",
)  # that a page may run
WAIT_S = 120.0


@dataclass
class Place:
    """The page, its API, and who came to the server that orders name."""

    url: str
    http: httpx.Client
    came: list[str]
    places: dict[str, str]

    def orders(self) -> list[str]:
        """The orders that are markup."""
        return [ORDERS[name].replace("@URL@", self.places["@URL@"]) for name in MARKUP]

    def send(self, method: str, path: str, **body: object) -> httpx.Response:
        told = self.http.request(method, path, json=body or None)
        assert told.is_success, (path, told.status_code, told.text[:300])
        return told


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Place]:
    """A library of all of them, with albums, collections, searches and conversations whose names are orders."""
    came: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self):
            came.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            """Say nothing."""

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("page")
    places = {"@URL@": f"http://127.0.0.1:{elsewhere.server_port}", "@MARK@": str(folder / "mark")}
    (folder / "files").mkdir()
    for each in INJECTIONS:
        file_of(each, folder / "files", places)
    script = ROOT / "tests" / "library_app.py"
    with (
        serving(folder / "library", script=script, SECONDS="0") as server,
        httpx.Client(base_url=server.url, timeout=WAIT_S, trust_env=False) as http,
    ):
        place = Place(server.url, http, came, places)
        job = place.send("POST", "/library/paths", paths=[str(folder / "files")]).json()["id"]
        with http.stream("GET", f"/library/jobs/{job}", headers={"Accept": "text/event-stream"}) as told:
            told.read()
        yield place
    elsewhere.shutdown()
    assert not (folder / "mark").exists()


@pytest.fixture(scope="module")
def visitor(chromium: Browser, place: Place) -> Visitor:
    return Visitor(chromium, place.url, photos=None)


def is_safe(visitor: Visitor, place: Place) -> bool:
    """No script ran, and nothing was asked of anybody else."""
    asked = {url for url in visitor.asked_for if url.startswith("http") and not url.startswith(place.url)}
    return visitor.page.evaluate("window.hit") is None and asked == set() and place.came == []


def test_names_of_albums_collections_and_searches_are_text_on_the_page(place, visitor):
    photos = [each["id"] for each in place.send("GET", "/library/sources?limit=60&kind=photos").json()["items"]]
    for number, order in enumerate(place.orders()):
        name = re.sub(r"\s+", " ", order)[:60]
        place.send("POST", "/albums", name=name, sources=photos[:2])
        place.send("POST", "/library/collections", sources=[photos[number]], name=name)
        place.send("POST", "/search/saved", name=name, text=order[:200])
        place.send("PUT", f"/library/sources/{photos[number]}/description", text=order[:200])
    visitor.page.reload()
    for tab in ("Library", "Photos", "Search", "History", "Ask"):
        visitor.tab(tab)
        visitor.page.wait_for_timeout(1500)
        assert is_safe(visitor, place), tab
    visitor.tab("Photos")
    for view in ("Things", "Places", "Albums"):
        visitor.press(view)
        visitor.page.wait_for_timeout(1500)
        assert is_safe(visitor, place), view
    shown = visitor.page.locator("body").inner_text()
    assert len([each for each in place.send("GET", "/albums").json() if each["name"][:12] in shown]) > 2


@pytest.mark.parametrize("number", range(len(MARKUP)), ids=MARKUP)
def test_an_order_that_is_asked_searched_and_found_stays_text(place, visitor, number):
    order = place.orders()[number]
    visitor.tab("Ask")
    visitor.press("New conversation")
    expect(visitor.answers).to_have_count(0)
    visitor.expected = 1
    visitor.ask(f"What do my documents say about {order}?")
    visitor.done()
    visitor.tab("Search")
    box = visitor.page.get_by_role("textbox", name="What to look for")
    box.fill(order)
    box.press("Enter")
    visitor.page.wait_for_timeout(1500)
    look = visitor.page.locator(".grid button.look").locator("visible=true")
    if look.count():
        look.first.click()
        dialog = visitor.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        visitor.page.wait_for_timeout(800)
        visitor.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    visitor.tab("History")  # the title is the question
    visitor.page.wait_for_timeout(800)
    assert is_safe(visitor, place)


def opened(chromium: Browser, path: Path, html: str) -> tuple[object, list[str]]:
    """What a page that left the house did when it was opened: `window.hit`, and what it asked for."""
    path.write_text(html)
    page, asked = chromium.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(500)
    hit = page.evaluate("window.hit")
    page.close()
    return hit, [url for url in asked if not url.startswith(("file:", "data:image/", "blob:"))]


@pytest.mark.parametrize("order", ["html", "style", "svg"])
def test_the_browser_notices_what_is_not_inert(place, chromium, tmp_path, order):
    text = ORDERS[order].replace("@URL@", "http://evil.example")
    hit, asked = opened(chromium, tmp_path / "x.html", f"<html><body>{text}</body></html>")
    assert (hit, asked) != (None, [])


def test_what_leaves_the_house_is_inert_too(place, chromium, tmp_path):
    photos = [each["id"] for each in place.send("GET", "/library/sources?limit=60&kind=photos").json()["items"]]
    made: dict[str, str] = {}
    for number, order in enumerate(place.orders()):
        told = place.send("POST", "/ask", question=f"Which photo is red? {order}").json()
        place.send("PATCH", f"/history/{told['conversation']}", title=order[:100])
        address = f"/history/{told['conversation']}/export"
        made[f"page-{number}"] = place.http.get(address, params={"kind": "html"}).text
        made[f"marks-{number}"] = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
            place.http.get(address, params={"kind": "markdown"}).text
        )
        shared = place.send("POST", "/photos/share", sources=photos[:12], title=order[:60])
        made[f"album-{number}"] = shared.text
    assert all(len(html) > 200 for html in made.values())
    told = {name: opened(chromium, tmp_path / f"{name}.html", html) for name, html in made.items()}
    assert {name: what for name, what in told.items() if what != (None, [])} == {}
    assert place.came == []
    with zipfile.ZipFile(io.BytesIO(place.send("POST", "/library/zip", sources=photos[:20]).content)) as files:
        names = files.namelist()
        table = files.read("found.csv").decode("utf-8-sig")
    assert [name for name in names if name.startswith("/") or ".." in Path(name).parts] == []
    assert [line for line in table.splitlines() if line.startswith(("=", "+", "-", "@"))] == []  # nor does a sheet run


def test_nothing_was_complained_about_in_the_console(visitor):
    assert visitor.errors == []
