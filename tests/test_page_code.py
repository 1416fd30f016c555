"""The Code tab as its visitors use it, in Debian's Chromium: one way through all of it."""

from pathlib import Path

import pytest
from axe import grave
from browsing import Visitor
from playwright.sync_api import expect
from serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
APP = Path(__file__).parent / "code_app.py"


@pytest.fixture
def visitor(chromium, tmp_path):
    with serving(tmp_path / "library", script=APP) as server:
        visitor = Visitor(chromium, server.url, width=390, color_scheme="dark", bypass_csp=True)
        yield visitor
        assert visitor.errors == []
        visitor.context.close()


def test_a_question_about_code_leads_to_the_cited_lines_and_its_programs_run(visitor):
    page = visitor.page
    visitor.tab("Code")
    box = page.get_by_label("Your question about the code")  # a text box, and a combo box while names are proposed
    page.get_by_role("button", name="Who calls checked?").click()
    expect(box).to_have_value("Who calls `checked`?")
    box.fill("Where is @Order.to")
    box.press("End")
    box.press_sequentially("t")
    expect(page.get_by_role("option")).to_have_text(["@Order.total"])
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("Where is @Order.total ")
    visitor.expected = 1
    box.press_sequentially("defined?")
    box.press("Enter")
    visitor.done()
    expect(visitor.said()).to_contain_text("Order.total is defined in orders.py:9-14")
    page.get_by_role("button", name="orders.py:9-14", exact=True).click()
    lines = page.get_by_role("dialog").locator(".listing .hit")
    expect(lines).to_have_count(6)
    expect(lines.first).to_have_attribute("data-n", "9")
    expect(lines.first).to_be_in_viewport()
    assert grave(page) == []
    page.keyboard.press("Escape")
    box.fill("show an example")
    box.press("Enter")
    expect(visitor.answers).to_have_count(2)
    visitor.press("Run it")
    expect(page.locator(".ran")).to_contain_text("42")
    expect(page.locator(".ran")).to_contain_text("exit 0 after")
    expect(page.locator(".ran .walls summary")).to_contain_text("hold here")
    assert visitor.no_sideways()
    assert grave(page) == []


@pytest.mark.campaign(times=1, only=True)
def test_a_conversation_about_code_goes_on_after_a_reload_and_from_the_history(visitor):
    page = visitor.page

    def ask(text: str, answers: int) -> None:
        box = page.get_by_label("Your question about the code")
        box.fill(text)
        box.press("Enter")
        visitor.done(answers)

    visitor.tab("Code")
    ask("Where is Order.total defined?", 1)
    page.reload()
    expect(page.locator(".head[data-ready]")).to_be_attached()
    visitor.tab("Code")
    ask("Who calls it?", 2)
    expect(visitor.said()).to_contain_text("is called by report")
    visitor.press("New conversation")
    expect(page.locator(".talk.fresh").locator("visible=true")).to_be_visible()
    visitor.tab("History")
    page.locator("button.row").first.click()
    page.locator(".past-right button.place").first.click()
    expect(page.get_by_role("dialog").locator(".listing .hit").first).to_have_attribute("data-n", "9")
    page.keyboard.press("Escape")
    visitor.press("Continue in Code")
    expect(page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")
    ask("Explain it", 3)


@pytest.mark.campaign(times=1, only=True)
def test_a_program_that_never_ends_is_stopped_and_leaves_the_next_answer_alone(visitor):
    page = visitor.page
    visitor.tab("Code")
    box = page.get_by_label("Your question about the code")
    box.fill("show an endless example")
    box.press("Enter")
    visitor.done(1)
    visitor.press("Run it")
    expect(page.locator(".ran")).to_contain_text("Running behind walls")
    box.fill("Who calls checked?")
    box.press("Enter")
    visitor.done(2)
    visitor.press("Stop it")
    expect(page.locator(".ran")).to_contain_text("stopped after")
    expect(page.get_by_role("button", name="Run again")).to_be_enabled()
