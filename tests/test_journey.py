"""The journey in a real browser: come back after the server's end, stay apart, begin anew, be told what was wrong.

The page runs as a process of its own, with the history that it has in earnest and an assistant on paper (fake_app).
"""

import re
import signal
import time

import pytest
from browsing import Visitor
from playwright.sync_api import expect
from serving import ROOT, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def listed(visitor: Visitor, title: str):
    """The conversation's button in the History tab."""
    return visitor.page.locator(".past-list button.row").filter(has_text=title)


LONG = pytest.mark.campaign(only=True)  # two servers and a browser each


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize(
    "sig", [pytest.param(signal.SIGTERM, marks=LONG), pytest.param(signal.SIGINT, marks=LONG), signal.SIGKILL]
)
def test_a_conversation_survives_the_end_of_the_server_in_mid_answer(chromium, tmp_path, sig):
    first = Served(tmp_path / "library", PAUSE_S="1.0")
    visitor = Visitor(chromium, first.url)
    visitor.ask("Is it red?")
    expect(visitor.said()).to_contain_text("It is")
    start = time.monotonic()
    code = first.end(sig)
    assert code == (-9 if sig == signal.SIGKILL else 0)
    assert time.monotonic() - start < 5  # 0.3 s on an idle machine; the answer would have taken longer
    assert first.lines[1:] in ([], ["stopped"])  # and no stack trace
    second = Served(tmp_path / "library", "--port", first.url.rsplit(":", 1)[1])
    try:
        visitor.open(second.url)  # the page shows again what it had shown, as far as it had come
        expect(visitor.said()).to_have_text(re.compile(r"^It is.*\(stopped\)$", re.DOTALL))
        visitor.ask("Is it green?")
        visitor.done(2)
        visitor.tab("History")
        expect(listed(visitor, "Is it red?")).to_have_count(1)
    finally:
        second.end()


@pytest.mark.campaign(times=1, only=True)
def test_two_browsers_never_see_each_other(chromium, served):
    one, two = Visitor(chromium, served.url), Visitor(chromium, served.url)
    one.ask("Is it red?")
    two.ask("Is it green?")
    one.done()
    two.done()
    for visitor, own, other in ((one, "Is it red?", "Is it green?"), (two, "Is it green?", "Is it red?")):
        expect(visitor.questions).to_have_text([own])
        visitor.tab("History")
        expect(listed(visitor, own)).to_have_count(1)
        expect(listed(visitor, other)).to_have_count(0)


@pytest.mark.campaign(times=1, only=True)
def test_a_new_conversation_starts_empty_even_in_mid_answer(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="0.5")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.said()).to_contain_text("It is")
        visitor.press("New conversation")
        expect(visitor.answers).to_have_count(0)
        time.sleep(2)
        expect(visitor.answers).to_have_count(0)
        visitor.press("Show me something red.")
        expect(visitor.said()).to_contain_text("It is")
        expect(visitor.answers).to_have_count(1)
    finally:
        server.end()


@pytest.mark.campaign(times=1, only=True)
def test_a_question_sent_right_after_new_conversation_is_answered_in_it(chromium, tmp_path):
    server = Served(tmp_path / "library", PAUSE_S="0.5")
    try:
        visitor = Visitor(chromium, server.url)
        visitor.ask("Is it red?")
        expect(visitor.said()).to_contain_text("It is")
        visitor.press("New conversation")
        visitor.ask("Is it green?")  # nothing is waited for
        visitor.done(1)
        expect(visitor.questions).to_have_text(["Is it green?"])
        visitor.tab("History")
        expect(listed(visitor, "Is it")).to_have_count(2)
    finally:
        server.end()


@pytest.mark.parametrize(
    ("text", "content", "said"),
    [("", b"", "empty"), ("x" * 100_000, b"", "100000 characters"), ("What?", b"no picture", "notes.png")],
)
@pytest.mark.campaign(times=1, only=True)
def test_a_bad_question_gets_a_sentence_and_stays_in_the_box(chromium, served, tmp_path, text, content, said):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    visitor = Visitor(chromium, served.url)
    visitor.ask(text, *([path] if content else []))
    expect(visitor.page.get_by_role("alert")).to_contain_text(said)
    expect(visitor.page.get_by_role("textbox", name="Your question")).to_have_value(text)
    assert "Traceback" not in "\n".join(served.lines)


def test_every_control_in_the_browser_has_a_name(chromium, served):
    visitor = Visitor(chromium, served.url)
    visitor.ask("red green blue")
    visitor.done()
    for tab in ("Ask", "Search", "Library", "History", "Settings"):
        visitor.tab(tab)
        nameless = visitor.page.evaluate(
            """() => [...document.querySelectorAll("button, input, textarea, select, [role=tab]")]
              .filter(e => e.checkVisibility() && e.type !== "file")
              .filter(e => !(e.getAttribute("aria-label") || e.innerText.trim() || e.labels?.length))
              .map(e => e.outerHTML.slice(0, 200))"""
        )
        assert nameless == [], tab


@pytest.mark.campaign(times=1, only=True)
def test_a_second_server_says_who_holds_library_and_port(served, tmp_path):
    port = served.url.rsplit(":", 1)[1]
    for data, said in ((served.data, "DATA="), (tmp_path / "other", "PORT=")):
        second = Served(data, "--port", port)
        assert second.ended(120) == 2
        (line,) = second.lines
        assert f"process {served.process.pid}" in line
        assert said in line


def test_the_app_script_names_what_it_can_do():
    server = Served(ROOT / "library", "--help", script=ROOT / "app.py", cold=True)
    assert server.ended(120) == 0
    assert "--port" in "\n".join(server.lines)


@pytest.mark.campaign(times=1, only=True)
def test_a_page_that_lost_its_server_goes_on_once_it_is_back(chromium, tmp_path):
    first = Served(tmp_path / "library")
    visitor = Visitor(chromium, first.url)
    visitor.ask("Is it red?")
    visitor.done()
    first.end(signal.SIGKILL)
    second = Served(tmp_path / "library", "--port", first.url.rsplit(":", 1)[1])
    try:
        assert second.url == first.url
        visitor.page.wait_for_timeout(4_000)  # nobody reloads: the page looks for its server by itself
        expect(visitor.questions).to_have_text(["Is it red?"])
        expect(visitor.page.locator(".head[data-ready]")).to_be_attached()
        visitor.ask("Is it green?")
        visitor.done(2)
    finally:
        second.end()
