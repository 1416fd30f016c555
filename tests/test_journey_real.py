"""The same journey with everything in earnest: the shipped models, the bundled photos, the real page."""

import shutil
import signal
from collections.abc import Callable, Iterator

import pytest
from browsing import Visitor
from playwright.sync_api import expect
from serving import ROOT, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHOTOS = ROOT / "examples" / "photos"
ALL = sorted(path.name for path in PHOTOS.iterdir() if path.suffix in (".jpg", ".png"))
FEW = ("cat.jpg", "coffee.jpg", "dogs-window.jpg", "cap-yellow.jpg", "fig-red-bowl.jpg", "shop-melons-price.jpg")


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Served]]:
    """Starts the page on one library, at first as a user does; whatever still runs at the end is ended."""
    servers: list[Served] = []

    def on_port(port: str = "0") -> Served:
        script, bundled = ROOT / "tests" / "first_start_app.py", str(tmp_path / "bundled")
        first = not servers
        servers.append(Served(tmp_path / "library", "--port", port, script=script, cold=first, BUNDLED=bundled))
        return servers[-1]

    yield on_port
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize(
    "names", [FEW, pytest.param(ALL, marks=pytest.mark.campaign(times=1, only=True))], ids=["few", "all"]
)
def test_a_first_start_answers_about_bundled_and_uploaded_photos_and_remembers(chromium, start, tmp_path, names):
    (tmp_path / "bundled").mkdir()
    for name in names:
        shutil.copy(PHOTOS / name, tmp_path / "bundled")
    first = start()
    visitor = Visitor(chromium, first.url, photos=len(names))
    assert any(f"{len(names)} of {len(names)}" in line for line in first.lines)  # it told of its progress

    visitor.page.locator(".starters .offers button").first.click(timeout=120_000)  # the first visit's one click
    visitor.done(1)
    begun = visitor.questions.first.inner_text()
    expect(visitor.page.locator(".evidence .shots li").first).to_be_visible()
    visitor.ask("Is there a cat?")
    visitor.done()
    expect(visitor.said()).to_contain_text("cat.jpg")
    visitor.page.get_by_role("button", name="[1] cat - cat.jpg").first.click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.locator(".stage img")).to_be_visible()
    visitor.page.keyboard.press("Escape")

    visitor.ask("What is in this photo?", PHOTOS / "coffee.jpg")
    visitor.done()
    expect(visitor.said()).to_contain_text("cup")

    visitor.ask("Which one shows a dog?", PHOTOS / "cat.jpg", PHOTOS / "dogs-window.jpg")
    visitor.done()
    expect(visitor.said()).to_contain_text("dogs-window.jpg")

    visitor.tab("Search")
    box = visitor.page.get_by_role("textbox", name="What to look for")
    box.fill("a cup of coffee")
    box.press("Enter")
    expect(visitor.page.locator(".grid .caption").first).to_contain_text("coffee.jpg")

    first.end(signal.SIGKILL)
    second = start(first.url.rsplit(":", 1)[1])
    visitor.open(second.url)
    assert not any("indexing" in line for line in second.lines)
    visitor.tab("History")
    visitor.page.locator(".past-list button.row").filter(has_text=begun).click()
    expect(visitor.answers.nth(1)).to_contain_text("cat.jpg")
    assert visitor.hosts() == {second.url.split("/")[2]}
    assert visitor.no_sideways()
