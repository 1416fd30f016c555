"""The journey in a real browser: start, ask, look, upload, search, come back after a restart, and stay apart.

The page runs as a process of its own, with the history that it has in earnest and an assistant on paper (fake_app).
"""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import picture
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import ROOT, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT_MS = 30_000
NASTY = (
    'red <img src="http://evil.example/a.png" onerror="window.hit=1"> ![b](http://evil.example/b.png) [c](javascript:0)'
)
SAYS = (
    "It is a thing [1]. <script>window.hit=1</script> <img src=http://evil.example/c> ![d](http://evil.example/d.png)"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """One server for all whom a shared library does not disturb: every visitor is a browser of its own."""
    server = Served(tmp_path_factory.mktemp("served") / "library")
    yield server
    server.process.kill()
    server.process.wait()


class Visitor:
    """One browser profile with one page, and what it asked for and complained about."""

    def __init__(self, browser: Browser, url: str, *, width: int = 1280, height: int = 800, photos: int = 3) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.photos = f"{photos} files"
        self.asked_for: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked_for.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.open(url)

    def open(self, url: str) -> None:
        self.page.goto(url)
        expect(self.page.get_by_role("tab", name="Ask")).to_be_visible(timeout=WAIT_MS)
        expect(self.page.locator(".head")).to_contain_text(self.photos, timeout=WAIT_MS)  # the load event is through

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def ask(self, text: str, file: Path | None = None) -> None:
        if file:
            self.page.locator(".box input[type=file]").first.set_input_files(str(file))
            expect(self.page.locator(".box .thumbnail-item, .box .thumbnail-wrapper").first).to_be_visible(
                timeout=WAIT_MS
            )
        box = self.page.get_by_role("textbox", name="Your question")
        box.fill(text)
        box.press("Enter")

    def done(self) -> None:
        expect(self.page.locator(".foot").first).to_contain_text("Answered in", timeout=WAIT_MS)

    @property
    def answers(self):
        return self.page.get_by_test_id("bot").locator("visible=true")

    def hosts(self) -> set[str]:
        return {url.split("/")[2] for url in self.asked_for if url.startswith("http")}

    def no_sideways(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_question_streams_and_its_citation_leads_to_the_box_on_the_photo(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.ask("Is it red?")
    expect(visitor.answers).to_have_count(1, timeout=WAIT_MS)
    texts = {visitor.answers.first.inner_text() for _ in range(60) if not time.sleep(0.02)}
    assert len(texts) > 1  # it grew while we looked
    visitor.done()
    expect(visitor.answers.first).to_have_text("It is a thing [1] that one can see from afar.")
    visitor.page.get_by_role("button", name="[1] red thing - kite.jpg").click()
    photo = visitor.page.get_by_alt_text("[1] red thing - kite.jpg").locator("visible=true").first
    expect(photo).to_be_visible(timeout=WAIT_MS)
    expect(visitor.page.locator(".photo img")).to_be_visible(timeout=WAIT_MS)
    visitor.page.get_by_role("button", name="Why this answer").click()
    expect(visitor.page.locator("table.why tr.dropped")).to_contain_text("a picture has no sound")
    sizes = visitor.page.eval_on_selector_all(
        ".thumbs img", "all => all.map(i => Math.max(i.naturalWidth, i.naturalHeight))"
    )
    assert sizes
    assert max(sizes) <= 512
    assert visitor.errors == []


def test_a_picture_is_uploaded_and_asked_about_and_a_search_finds_its_like(chromium, served, tmp_path):
    path = tmp_path / "mine.png"
    picture("green", size=(900, 600)).save(path)
    visitor = Visitor(chromium, served.url)
    visitor.ask("What is it?", path)
    visitor.done()
    expect(visitor.page.get_by_role("button", name="[1] green thing - grass.jpg")).to_be_visible()
    visitor.tab("Search")
    visitor.page.get_by_role("textbox", name="What to look for").fill("red green")
    visitor.page.get_by_role("textbox", name="What to look for").press("Enter")
    expect(visitor.page.get_by_text("The 2 nearest, best first.")).to_be_visible(timeout=WAIT_MS)
    visitor.page.get_by_role("button", name="[2] green thing - grass.jpg").click()
    expect(visitor.page.locator(".photo img").locator("visible=true")).to_be_visible(timeout=WAIT_MS)
    visitor.page.get_by_role("textbox", name="What to look for").fill("purple")
    visitor.page.get_by_role("textbox", name="What to look for").press("Enter")
    expect(visitor.page.get_by_text("Nothing found.")).to_be_visible(timeout=WAIT_MS)


def test_a_picture_is_pasted_into_the_question(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.page.get_by_role("textbox", name="Your question").focus()
    visitor.page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(64, 48), pen = canvas.getContext("2d");
          pen.fillStyle = "rgb(30, 60, 220)"; pen.fillRect(0, 0, 64, 48);
          const file = new File([await canvas.convertToBlob()], "pasted.png", { type: "image/png" });
          const data = new DataTransfer(); data.items.add(file);
          document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }"""
    )
    expect(visitor.page.locator(".box img").first).to_be_visible(timeout=WAIT_MS)
    visitor.ask("What is it?")
    visitor.done()
    expect(visitor.page.get_by_role("button", name=re.compile(r"\[1\] blue thing"))).to_be_visible()


def test_stop_really_stops_and_keeps_the_words(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="1.0")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.answers.first).to_contain_text("It", timeout=WAIT_MS)
        visitor.page.get_by_role("button", name="Stop").click()
        expect(visitor.answers.first).to_contain_text("(stopped)", timeout=5_000)  # ten words would take ten seconds
        expect(visitor.page.get_by_role("button", name="Stop")).to_be_hidden()
    finally:
        server.end()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_conversation_survives_the_end_of_the_server_in_mid_answer(chromium, tmp_path, sig):
    first = Served(tmp_path / "library", PAUSE_S="1.0")
    visitor = Visitor(chromium, first.url)
    visitor.ask("Is it red?")
    expect(visitor.answers.first).to_contain_text("It is", timeout=WAIT_MS)
    start = time.monotonic()
    code = first.end(sig)
    assert code == (-9 if sig == signal.SIGKILL else 0)
    assert time.monotonic() - start < 5  # 0.3 s on an idle machine; the answer would have taken longer
    assert first.lines[1:] in ([], ["stopped"])  # and no stack trace
    second = Served(tmp_path / "library", "--port", first.url.rsplit(":", 1)[1])
    try:
        visitor.open(second.url)
        visitor.tab("History")
        visitor.page.get_by_role("radio", name=re.compile("Is it red?")).click()
        expect(visitor.answers.first).to_have_text(re.compile(r"^It is.*\(stopped\)$"), timeout=WAIT_MS)
        visitor.page.get_by_role("button", name="Continue in Ask").click()
        expect(visitor.page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
        visitor.ask("Is it green?")
        visitor.done()
        expect(visitor.answers).to_have_count(2)
        visitor.tab("History")
        expect(visitor.page.get_by_role("radio")).to_have_count(1, timeout=WAIT_MS)
    finally:
        second.end()


def test_two_browsers_never_see_each_other(chromium, served):
    one, two = Visitor(chromium, served.url), Visitor(chromium, served.url)
    one.ask("Is it red?")
    two.ask("Is it green?")
    one.done()
    two.done()
    for visitor, own in ((one, "Is it red?"), (two, "Is it green?")):
        expect(visitor.page.get_by_test_id("user").locator("visible=true")).to_have_text([own])
        visitor.tab("History")
        expect(visitor.page.get_by_role("radio", name=re.compile(re.escape(own)))).to_be_visible(timeout=WAIT_MS)
        expect(visitor.page.get_by_role("radio")).to_have_count(1)


def test_a_refresh_in_mid_answer_loses_nothing(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="0.2")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.answers.first).to_contain_text("It is", timeout=WAIT_MS)
        visitor.open(server.url)
        time.sleep(2.5)
        visitor.tab("History")
        visitor.page.get_by_role("radio", name=re.compile("Is it red?")).click()
        expect(visitor.answers.first).to_have_text("It is a thing [1] that one can see from afar.", timeout=WAIT_MS)
    finally:
        server.end()


def test_a_conversation_is_deleted_after_a_second_thought_only(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.ask("Is it red?")
    visitor.done()
    visitor.tab("History")
    visitor.page.get_by_role("radio").first.click()
    visitor.page.get_by_role("button", name="Delete", exact=True).click()
    visitor.page.get_by_role("button", name="Keep it").click()
    expect(visitor.page.get_by_role("radio")).to_have_count(1)
    visitor.page.get_by_role("button", name="Delete", exact=True).click()
    visitor.page.get_by_role("button", name="Yes, delete it").click()
    expect(visitor.page.get_by_text("The conversation is deleted.")).to_be_visible(timeout=WAIT_MS)
    expect(visitor.page.get_by_role("radio")).to_have_count(0)


def test_a_new_conversation_starts_empty_even_in_mid_answer(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="0.5")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.answers.first).to_contain_text("It is", timeout=WAIT_MS)
        visitor.page.get_by_role("button", name="New conversation").click()
        expect(visitor.answers).to_have_count(0, timeout=WAIT_MS)
        time.sleep(2)
        expect(visitor.answers).to_have_count(0)
        visitor.page.get_by_text("Show me something red.").click()
        expect(visitor.answers.first).to_contain_text("It is", timeout=WAIT_MS)
        expect(visitor.answers).to_have_count(1)
    finally:
        server.end()


def test_a_question_sent_right_after_new_conversation_is_answered_in_it(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="0.5")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.answers.first).to_contain_text("It is", timeout=WAIT_MS)
        visitor.page.get_by_role("button", name="New conversation").click()
        visitor.ask("Is it green?")  # nothing is waited for
        visitor.done()
        expect(visitor.page.get_by_test_id("user").locator("visible=true")).to_have_text(["Is it green?"])
        visitor.tab("History")
        expect(visitor.page.get_by_role("radio")).to_have_count(2, timeout=WAIT_MS)
    finally:
        server.end()


def test_script_in_question_answer_label_and_file_name_does_nothing_and_fetches_nothing(chromium, tmp_path):
    server = Served(tmp_path / "library", SAYS=SAYS, PAUSE_S="0")
    nasty = tmp_path / '"><img src=x onerror=hit=1>.png'
    picture("blue").save(nasty)
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask(NASTY)
        visitor.done()
        visitor.page.get_by_role("button", name="New conversation").click()
        expect(visitor.answers).to_have_count(0, timeout=WAIT_MS)  # the page is new before the next question is typed
        visitor.ask("blue ${window.hit=1} {{constructor}}", nasty)
        visitor.done()
        visitor.page.get_by_role("button", name=re.compile(r"\[1\] blue thing")).click()
        expect(visitor.page.locator(".photo img")).to_be_visible(timeout=WAIT_MS)
        expect(visitor.answers.first).to_contain_text("<script>window.hit=1</script>")
        visitor.page.get_by_role("button", name="Why this answer").click()
        visitor.tab("History")
        visitor.page.get_by_role("radio").last.click()
        expect(visitor.page.get_by_test_id("user").locator("visible=true").first).to_contain_text("<img src=")
        time.sleep(1)
        assert visitor.page.evaluate("window.hit") is None
        assert visitor.hosts() == {server.url.split("/")[2]}
    finally:
        server.end()


@pytest.mark.parametrize(
    ("text", "content", "said"),
    [("", b"", "empty"), ("x" * 100_000, b"", "100000 characters"), ("What?", b"no picture", "notes.png")],
)
def test_a_bad_question_gets_a_sentence_and_stays_in_the_box(chromium, served, tmp_path, text, content, said):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    visitor = Visitor(chromium, served.url)
    visitor.ask(text, path if content else None)
    expect(visitor.page.get_by_role("alert")).to_contain_text(said, timeout=WAIT_MS)
    expect(visitor.page.get_by_role("textbox", name="Your question")).to_have_value(text)
    assert "Traceback" not in "\n".join(served.lines)


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_page_never_scrolls_sideways_and_asks_only_its_own_server(chromium, served, size):
    visitor = Visitor(chromium, served.url, width=size[0], height=size[1])
    states = [visitor.no_sideways()]
    visitor.ask("red green blue " + "long" * 60)
    visitor.done()
    states.append(visitor.no_sideways())
    visitor.page.locator(".thumbs button").first.click()
    expect(visitor.page.locator(".photo img")).to_be_visible(timeout=WAIT_MS)
    visitor.page.get_by_role("button", name="Why this answer").click()
    states.append(visitor.no_sideways())
    visitor.tab("Search")
    visitor.page.get_by_role("textbox", name="What to look for").fill("red green blue")
    visitor.page.get_by_role("textbox", name="What to look for").press("Enter")
    expect(visitor.page.get_by_text("The 3 nearest, best first.")).to_be_visible(timeout=WAIT_MS)
    for thumbnail in visitor.page.locator(".thumbs button").locator("visible=true").all():
        box = thumbnail.bounding_box()
        assert box["x"] + box["width"] <= size[0]
    states.append(visitor.no_sideways())
    visitor.page.get_by_role("button", name="Filters").click()
    visitor.page.locator(".thumbs button").locator("visible=true").last.click()
    expect(visitor.page.get_by_role("button", name="More like this")).to_be_visible(timeout=WAIT_MS)
    states.append(visitor.no_sideways())
    visitor.tab("History")
    states.append(visitor.no_sideways())
    visitor.page.get_by_role("radio").first.click()
    expect(visitor.answers.first).to_be_visible(timeout=WAIT_MS)
    states.append(visitor.no_sideways())
    assert states == [True] * len(states)
    assert visitor.hosts() == {served.url.split("/")[2]}
    assert visitor.errors == []


def test_every_control_in_the_browser_has_a_name(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.ask("red green blue")
    visitor.done()
    nameless = visitor.page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, [role=tab]")]
          .filter(e => e.checkVisibility())
          .filter(e => !(e.getAttribute("aria-label") || e.innerText.trim() || e.labels?.length))
          .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_a_second_server_says_who_holds_library_and_port(served, tmp_path):
    port = served.url.rsplit(":", 1)[1]
    for data, said in ((served.data, "DATA="), (tmp_path / "other", "PORT=")):
        second = Served(data, "--port", port)
        assert second.process.wait(120) == 2
        (line,) = second.lines
        assert f"process {served.process.pid}" in line
        assert said in line


def test_the_app_script_names_what_it_can_do():
    server = Served(ROOT / "library", "--help", script=ROOT / "app.py")
    assert server.process.wait(120) == 0
    assert "--port" in "\n".join(server.lines)
