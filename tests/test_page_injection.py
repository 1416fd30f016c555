"""Thirty nasty texts, wherever the page shows what it was told: no script runs, no request leaves."""

from collections.abc import Iterator

import pytest
from browsing import Visitor
from fakes import picture
from nasty import TEXTS
from playwright.sync_api import expect
from serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = pytest.mark.campaign(times=1, only=True)


@pytest.fixture(scope="module")
def visitor(chromium, tmp_path_factory) -> Iterator[Visitor]:
    """One page for all: what an earlier text had planted would show at a later one."""
    data = tmp_path_factory.mktemp("served") / "library"
    with serving(data, SAYS="ECHO [1]. ECHO", PAUSE_S="0", NASTY="1") as server:
        yield Visitor(chromium, server.url, photos=None)


def is_safe(visitor: Visitor) -> bool:
    return visitor.page.evaluate("window.hit") is None and visitor.hosts() == {visitor.page.url.split("/")[2]}


@pytest.mark.parametrize(
    "n",  # a third of them here: a visit of the page takes a second and a half
    [pytest.param(n, marks=[LONG] if n % 3 else []) for n in range(len(TEXTS))],
)
def test_a_nasty_text_stays_a_text_everywhere(visitor, n, tmp_path):
    text = TEXTS[n]
    upload = tmp_path / f"{text.replace('/', '_')[:80]}.png"
    picture("white").save(upload)  # a colour that no photo has
    visitor.tab("Ask")
    visitor.press("New conversation")
    expect(visitor.answers).to_have_count(0)
    visitor.expected = 1
    visitor.ask(f"nasty{n} {text}", upload)  # a question, an answer, a check, a label, a file's name, a note
    visitor.done()
    shown = " ".join(text.split())
    expect(visitor.questions.first).to_contain_text(shown)
    expect(visitor.said()).to_contain_text(shown)
    visitor.page.get_by_text("Why this answer").click()
    visitor.page.locator("button.cite").first.hover()
    visitor.page.locator("button.cite").first.click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.locator(".passage")).to_contain_text(shown)
    visitor.page.keyboard.press("Escape")
    visitor.tab("Search")
    box = visitor.page.get_by_role("textbox", name="What to look for")
    box.fill(f"nasty{n} {text}")
    box.press("Enter")
    expect(visitor.page.locator(".grid .caption").first).to_be_visible()
    visitor.page.locator(".grid button.look").first.hover()
    visitor.tab("History")  # the title is the question
    expect(visitor.page.get_by_text(f"nasty{n} ").locator("visible=true").first).to_be_visible()
    assert is_safe(visitor)


def test_nothing_was_complained_about_in_the_console(visitor):
    assert visitor.errors == []
