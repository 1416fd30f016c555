"""No result is lost on a busy machine: while the stream of results is being closed (ui/scripts/stream.js), and when
several views of one event arrive at once (ui/gateway/events.py)."""

import pytest
from browsing import WAIT_MS, Visitor
from fakes import picture
from late_news import LATE_NEWS
from playwright.sync_api import expect

from ui.gateway.events import edits

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.campaign(times=1, only=True)
def test_what_is_sent_while_the_stream_is_being_closed_is_answered(chromium, served):
    page = chromium.new_page()
    page.set_default_timeout(WAIT_MS)
    page.add_init_script(LATE_NEWS.replace("KIND", "close_stream"))
    page.goto(served.url)
    expect(page.locator(".head[data-ready]")).to_be_attached()
    page.get_by_role("tab", name="Search").click()
    box = page.get_by_role("textbox", name="What to look for")
    for n, (colour, name) in enumerate([("red", "kite"), ("green", "grass")] * 2):
        box.fill(colour)
        box.press("Enter")
        found = page.locator("ul.grid li").filter(has_text=f"{name}.jpg")
        expect(found, f"the search number {n} is answered").to_have_count(1)


@pytest.mark.campaign(times=1, only=True)
def test_a_photo_that_was_closed_stays_closed_when_the_end_of_its_event_says_it_again(chromium, served, tmp_path):
    visitor = Visitor(chromium, served.url)
    picture("red").save(tmp_path / "red.png")
    visitor.ask("Is it red?", tmp_path / "red.png")
    visitor.done()
    visitor.page.evaluate("() => {" + LATE_NEWS.replace("KIND", "process_completed") + "}")
    dialog, cited = visitor.page.get_by_role("dialog"), visitor.page.locator("button.cite").first
    cited.click()
    expect(dialog).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    visitor.page.wait_for_timeout(4000)  # the late news is through
    expect(dialog).to_be_hidden()
    cited.click()
    expect(dialog).to_be_visible()
    assert visitor.errors == []


LATE_ANSWER = """
const plain = window.fetch;  // results come before the page knows what they belong to
window.fetch = async (...args) => {
  const response = await plain(...args);
  if ((args[0]?.url ?? String(args[0])).includes("queue/join")) await new Promise((go) => setTimeout(go, 700));
  return response;
};
"""


@pytest.mark.campaign(times=1, only=True)
def test_the_box_is_empty_after_a_question_whose_views_all_come_at_once(chromium, served, tmp_path):
    visitor = Visitor(chromium, served.url)
    visitor.context.add_init_script(LATE_ANSWER)
    visitor.open(served.url)
    for n in range(3):
        photo = tmp_path / f"{n}.png"
        picture("white").save(photo)
        visitor.press("New conversation")
        expect(visitor.answers).to_have_count(0)
        visitor.ask("What is white?", photo)
        visitor.done()
        expect(visitor.page.locator(".box .thumbnail-item")).to_have_count(0)
        expect(visitor.page.get_by_role("textbox", name="Your question")).to_have_value("")


def test_edits_make_the_new_value_without_a_path_into_the_old():
    for old, new in [("a", "ab"), ("ab", "a"), ({"text": ""}, {"files": []}), (None, 0), ([1], [1, 2])]:
        ((action, path, value),) = edits(old, new)
        assert path == []
        assert (old + value if action == "append" else value) == new
    assert edits({"text": ""}, {"text": ""}) == []


@pytest.mark.campaign(times=1, only=True)
def test_a_page_that_is_left_may_complain_of_that_and_of_nothing_else(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.ask("Is it red?")
    visitor.page.wait_for_timeout(30)
    visitor.open(served.url)  # Gradio says that its connection errored out
    assert visitor.errors == []
    visitor.page.evaluate("console.error('a mistake')")
    assert visitor.errors == ["a mistake"]
