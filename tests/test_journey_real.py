"""The same journey with everything in earnest: the shipped models, the bundled photos, the real page."""

import re
import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from serving import ROOT, Served
from test_journey import WAIT_MS, Visitor, chromium  # noqa: F401  a fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHOTOS = ROOT / "examples" / "photos"
NUM_PHOTOS = sum(path.suffix in (".jpg", ".png") for path in PHOTOS.iterdir())


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[str], Served]]:
    """Starts the page on one library; whatever still runs at the end is ended."""
    servers: list[Served] = []

    def on_port(port: str = "0") -> Served:
        servers.append(Served(tmp_path / "library", "--port", port, script=ROOT / "app.py"))
        return servers[-1]

    yield on_port
    for server in servers:
        server.process.kill()
        server.process.wait()


def test_a_first_start_answers_about_bundled_and_uploaded_photos_and_remembers(chromium, start):  # noqa: F811
    first = start()
    visitor = Visitor(chromium, first.url, photos=NUM_PHOTOS)
    assert any(f"{NUM_PHOTOS} of {NUM_PHOTOS}" in line for line in first.lines)  # it told of its progress

    visitor.ask("Is there a cat?")
    visitor.done()
    expect(visitor.answers.first).to_contain_text("cat.jpg [1]")
    visitor.page.get_by_role("button", name="[1] cat - cat.jpg").click()
    expect(visitor.page.locator(".photo img").locator("visible=true")).to_be_visible(timeout=WAIT_MS)

    visitor.ask("What is in this photo?", PHOTOS / "coffee.jpg")
    expect(visitor.answers).to_have_count(2, timeout=WAIT_MS)
    visitor.done()
    expect(visitor.answers.last).to_contain_text("cup", timeout=WAIT_MS)

    visitor.tab("Search")
    box = visitor.page.get_by_role("textbox", name="What to look for")
    box.fill("a cup of coffee")
    box.press("Enter")
    expect(visitor.page.get_by_role("button", name=re.compile(r"^\[1\] .*coffee\.jpg"))).to_be_visible(timeout=WAIT_MS)

    first.end(signal.SIGKILL)
    second = start(first.url.rsplit(":", 1)[1])
    visitor.open(second.url)
    assert not any("indexing" in line for line in second.lines)
    visitor.tab("History")
    visitor.page.get_by_role("radio", name=re.compile("Is there a cat?")).click()
    expect(visitor.answers.first).to_contain_text("cat.jpg [1]", timeout=WAIT_MS)
    assert visitor.hosts() == {second.url.split("/")[2]}
    assert visitor.no_sideways()
