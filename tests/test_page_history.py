"""The History tab as its visitors use it: every control once, in Debian's Chromium."""

from collections.abc import Iterator

import pytest
from axe import grave
from late_news import LATE_NEWS
from past_help import days_ago, kite, turn
from past_reader import Reader
from playwright.sync_api import expect
from serving import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "library", PAUSE_S="0") as server:
        yield server


def test_an_empty_history_leads_to_the_first_question_which_then_stands_under_today(reader):
    reader.past(rows=0)
    reader.press("Ask the first question")
    expect(reader.page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    reader.ask("Is it red?")
    reader.done()
    reader.past(rows=1)
    expect(reader.page.locator(".past h2")).to_have_text(["Today"])
    expect(reader.page.get_by_role("status").filter(has_text="1 conversation")).to_be_visible()


def test_conversations_are_found_by_any_word_as_one_types(reader, served, tmp_path):
    reader.talked(served, "Wind", turn("What flies?", cites=[kite(tmp_path)]))
    reader.lived(served, "Water", "Fire")
    reader.past(rows=3)
    reader.find.press_sequentially("kit", delay=20)
    expect(reader.titles).to_have_text(["Wind"])
    expect(reader.page.get_by_text("1 found")).to_be_visible()
    reader.find.fill("kitten")
    expect(reader.page.get_by_text("No conversation holds all of these words.")).to_be_visible()
    reader.press("Show all conversations")
    expect(reader.rows).to_have_count(3)
    expect(reader.find).to_have_value("")


def test_a_title_is_changed_by_enter_and_left_by_escape(reader, served):
    reader.lived(served, "Kites", "Ponds")
    reader.past(rows=2)
    reader.read("Kites")
    reader.press("Rename")
    field = reader.page.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    field.fill("Dragons")
    field.press("Escape")
    expect(reader.title).to_have_text("Kites")
    reader.press("Rename")
    expect(field).to_be_focused()
    expect(field).to_have_value("Kites")
    reader.page.keyboard.type("Dragons")  # the old title was selected
    reader.page.keyboard.press("Enter")
    expect(reader.title).to_have_text("Dragons")
    expect(reader.titles).to_have_text(["Ponds", "Dragons"])
    expect(reader.page.get_by_role("button", name="Rename")).to_be_focused()
    reader.press("Rename")
    field.fill("Birds")
    reader.press("Save")
    expect(reader.titles).to_have_text(["Ponds", "Birds"])


@pytest.mark.campaign(times=1, only=True)
def test_a_pin_lifts_a_conversation_above_the_others(reader, served):
    reader.lived(served, "Kites", "Ponds")
    reader.past(rows=2)
    reader.read("Kites")
    reader.press("Pin")
    expect(reader.titles).to_have_text(["Kites", "Ponds"])
    expect(reader.page.locator(".past h2").first).to_have_text("Pinned")
    expect(reader.rows.first.get_by_role("img", name="Pinned")).to_be_visible()
    expect(reader.rows.first).to_have_attribute("aria-current", "true")
    reader.press("Unpin")
    expect(reader.titles).to_have_text(["Ponds", "Kites"])


def test_a_deletion_is_done_at_once_and_undone_at_will(reader, served):
    reader.lived(served, "Kites", "Ponds")
    reader.past(rows=2)
    reader.read("Kites")
    reader.press("Delete")
    expect(reader.titles).to_have_text(["Ponds"])
    expect(reader.title).to_have_count(0)
    expect(reader.page.get_by_text("Deleted: Kites.")).to_be_visible()
    reader.read("Ponds")  # the way back stays
    reader.press("Undo")
    expect(reader.titles).to_have_text(["Ponds", "Kites"])
    expect(reader.title).to_have_text("Kites")
    expect(reader.page.get_by_text("Deleted: Kites.")).to_have_count(0)


def test_the_keyboard_alone_searches_walks_opens_and_deletes(reader, served):
    reader.lived(served, "Kites", "Ponds", "Hills")
    reader.past(rows=3)
    keys = reader.page.keyboard
    reader.page.get_by_role("tab").last.focus()
    keys.press("Tab")
    expect(reader.find).to_be_focused()
    keys.press("Tab")
    keys.press("Tab")
    expect(reader.rows.nth(0)).to_be_focused()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(reader.title).to_have_text("Ponds")
    keys.press("End")
    expect(reader.rows.nth(2)).to_be_focused()
    keys.press("ArrowUp")
    keys.press("Delete")
    expect(reader.titles).to_have_text(["Hills", "Kites"])
    expect(reader.rows.nth(1)).to_be_focused()
    keys.press("Delete")
    expect(reader.titles).to_have_text(["Hills"])
    expect(reader.rows.nth(0)).to_be_focused()


@pytest.mark.campaign(times=1, only=True)
def test_older_conversations_come_by_scrolling_until_all_are_there(reader, served):
    reader.lived(served, *(f"talk {n}" for n in range(70)))
    reader.past(rows=30)
    for rows in (60, 70):
        reader.page.locator("nav.past").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
        expect(reader.rows).to_have_count(rows)
    expect(reader.page.get_by_role("button", name="Show older ones")).to_have_count(0)
    reader.find.fill("talk")
    expect(reader.rows).to_have_count(30)
    reader.press("Show older ones")
    expect(reader.rows).to_have_count(60)


@pytest.mark.campaign(times=1, only=True)
def test_a_conversation_of_500_turns_opens_at_its_newest_and_reads_back(reader, served, tmp_path):
    one = kite(tmp_path)
    reader.talked(served, "Long", *(turn(f"question {n}", cites=[one]) for n in range(500)))
    reader.past(rows=1)
    reader.read("Long")
    expect(reader.questions).to_have_count(20)
    expect(reader.questions.first).to_have_text("question 480")
    reader.press("Show earlier ones (480)")
    expect(reader.questions).to_have_count(40)
    expect(reader.questions.first).to_have_text("question 460")
    expect(reader.questions.nth(20)).to_be_in_viewport()  # what was read stays in view
    reader.page.locator(".past-right button.cite").nth(20).click()
    _, places = reader.large()
    assert [place.split(";")[0] for place in places] == ["left:6.25%"]  # 40 of 640 pixels


def test_a_conversation_goes_on_in_the_ask_tab(reader, served):
    reader.lived(served, "Is it green?", "Is it red?")
    reader.past(rows=2)
    reader.read("Is it green?")
    reader.press("Continue in Ask")
    expect(reader.page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    reader.ask("And blue?")
    expect(reader.questions).to_have_text(["Is it green?", "And blue?"])
    reader.done()
    reader.past(rows=2)
    expect(reader.titles.first).to_have_text("Is it green?")
    expect(reader.questions).to_have_text(["Is it green?", "And blue?"])  # it was open here


@pytest.mark.campaign(times=1, only=True)
def test_what_is_typed_right_after_a_conversation_came_into_its_tab_stays(reader, served):
    reader.lived(served, "Is it green?")
    reader.past(rows=1)
    reader.read("Is it green?")
    reader.page.evaluate("() => {" + LATE_NEWS.replace("KIND", "process_completed") + "}")
    reader.press("Continue in Ask")
    expect(reader.questions).to_have_text(["Is it green?"])
    box = reader.page.get_by_role("textbox", name="Your question")
    box.fill("And blue?")
    reader.page.wait_for_timeout(4000)  # the late news is through
    expect(box).to_have_value("And blue?")


def test_two_browsers_never_see_each_others_past(chromium, served, tmp_path):
    one, two = Reader(chromium, served.url), Reader(chromium, served.url)
    one.talked(served, "mine", turn("secret plans"))
    two.lived(served, "theirs")
    one.past(rows=1)
    two.past(rows=1)
    expect(two.titles).to_have_text(["theirs"])
    two.find.fill("secret")
    expect(two.rows).to_have_count(0)
    number = one.rows.first.get_attribute("data-what")
    two.find.fill("")
    expect(two.rows).to_have_count(1)
    two.rows.first.evaluate(f"(row) => {{ row.dataset.what = {number}; }}")
    for key in ("Enter", "Delete"):
        two.rows.first.press(key)
        expect(two.page.get_by_role("alert").filter(has_text=f"no conversation {number} here")).to_be_visible()
    expect(two.title).to_have_count(0)
    one.read("mine")
    expect(one.questions).to_have_text(["secret plans"])


def test_on_a_telephone_the_list_gives_way_to_what_is_read_and_comes_back(chromium, served, tmp_path):
    reader = Reader(chromium, served.url, width=390, height=844)
    title = "A long talk about kites and " + "x" * 90
    reader.talked(served, title, turn("What flies?", cites=[kite(tmp_path)]), turn("long" * 60))
    reader.lived(served, "Ponds")
    reader.past(rows=2)
    states = [reader.no_sideways()]
    reader.read(title)
    expect(reader.rows).to_have_count(0)
    expect(reader.find).to_be_hidden()
    expect(reader.page.get_by_role("button", name="Back to the list")).to_be_focused()
    states.append(reader.no_sideways())
    reader.press("Rename")
    expect(reader.page.get_by_role("textbox", name="Title")).to_be_focused()
    states.append(reader.no_sideways())
    reader.page.keyboard.press("Escape")
    assert reader.export("JSON", tmp_path).suffix == ".json"
    reader.page.get_by_role("button", name="Back to the list").click()
    expect(reader.rows).to_have_count(2)
    expect(reader.rows.last).to_be_focused()  # where it was left
    reader.rows.first.click()
    reader.press("Delete")
    expect(reader.titles).to_have_text([title])
    states.append(reader.no_sideways())
    assert states == [True] * 4
    assert reader.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_what_is_pressed_before_the_last_press_is_answered_is_done_as_well(reader, served, tmp_path):
    reader.lived(served, "Kites")
    reader.past(rows=1)
    reader.read("Kites")
    press = "names => names.forEach(name => document.querySelector(`.past-head [data-act=${name}]`).click())"
    with reader.page.expect_download() as download:
        reader.page.evaluate(press, ["pin", "json", "rename"])  # in one moment
    assert download.value.suggested_filename.endswith(".json")
    expect(reader.page.get_by_role("textbox", name="Title")).to_be_focused()
    reader.page.keyboard.press("Escape")
    expect(reader.page.get_by_role("button", name="Unpin")).to_be_visible()


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.campaign(only=True)), "dark"])
def test_axe_finds_nothing_serious_on_the_tab(chromium, served, tmp_path, scheme):
    reader = Reader(chromium, served.url, color_scheme=scheme, bypass_csp=True)
    reader.talked(served, "Kites", turn("What flies?", cites=[kite(tmp_path)]), pinned=True)
    reader.talked(served, "Ponds", turn("What swims?", at=days_ago(400)))
    reader.lived(served, *(f"talk {n}" for n in range(30)))
    reader.past(rows=30)
    found = [grave(reader.page)]
    reader.read("Kites")
    reader.page.locator("button.row").nth(1).press("Delete")
    expect(reader.page.get_by_text("Deleted: ")).to_be_visible()
    found.append(grave(reader.page))
    reader.press("Rename")
    expect(reader.page.get_by_role("textbox", name="Title")).to_be_focused()
    reader.find.fill("goat")
    expect(reader.page.get_by_text("No conversation holds")).to_be_visible()
    found.append(grave(reader.page))
    assert found == [[], [], []]
