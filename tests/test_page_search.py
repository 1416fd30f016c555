"""The Search tab as its visitors use it: every control once, in Debian's Chromium, over a real library of colours."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from axe import grave
from browsing import WAIT_MS, Visitor
from fakes import COLOURS, picture
from playwright.sync_api import Locator, Page, expect
from rag_house import build, paint, put
from serving import ROOT, Served, serving
from starters_help import tell_starters

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHOTOS = len(COLOURS) * (len(COLOURS) - 1)
LIKELY = 2 * (len(COLOURS) - 1)  # photos of one colour, or with a corner of it
EVERY = "type:png"  # a search that all photos answer


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """A library of 56 photos, each of one colour with a corner of another."""
    home = tmp_path_factory.mktemp("served")
    with build(home / "library", home="spaces/colours") as assistant:
        put(assistant, *(paint(home / "photos", f"{a}-{b}.png", a, b) for a, b in permutations(COLOURS, 2)))
        tell_starters(assistant.library.jobs, assistant.store, searches=["red fruit"])
    with serving(home / "library", script=ROOT / "tests" / "library_app.py", SECONDS="0") as server:
        yield server


@pytest.fixture
def visitor(chromium, served) -> Iterator[Visitor]:
    visitor = Visitor(chromium, served.url, photos=PHOTOS, permissions=["clipboard-read", "clipboard-write"])
    visitor.tab("Search")
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


def search(page: Page, text: str, *files: Path) -> None:
    if files:
        page.locator(".search-box input[type=file]").set_input_files([str(file) for file in files])
        expect(page.locator(".search-box .thumbnail-item")).to_have_count(len(files))
    box = page.get_by_role("textbox", name="What to look for")
    box.fill(text)
    box.press("Enter")


def tiles(page: Page) -> Locator:
    return page.locator("ul.grid button.look")


def first(page: Page, name: str | re.Pattern[str]) -> None:
    expect(page.locator("ul.grid .caption").first).to_have_text(name)


def pick(page: Page, n: int) -> None:
    """Choose a result as a hand does: once it stands still."""
    page.locator("ul.grid li").nth(n).hover()
    page.locator(".pick").nth(n).check()


def to_the_end(page: Page) -> int:
    """Scroll until all is shown; how many that is."""
    for _ in range(20):
        page.mouse.wheel(0, 4000)
        if page.get_by_text("That is all").is_visible():
            break
        page.wait_for_timeout(200)
    expect(page.get_by_text(re.compile(r"^That is all: \d+\.$"))).to_be_visible()
    return tiles(page).count()


def test_a_first_visit_offers_searches_and_one_click_makes_one(visitor):
    page = visitor.page
    visitor.press("red fruit")
    expect(page.get_by_role("textbox", name="What to look for")).to_have_value("red fruit")
    expect(tiles(page).first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="% needed")).to_be_visible()


def test_more_come_while_one_scrolls_until_there_are_no_more(visitor):
    page = visitor.page
    search(page, EVERY)
    expect(tiles(page)).to_have_count(24)
    pick(page, 1)
    names = page.locator("ul.grid .caption").all_text_contents()
    num = to_the_end(page)
    assert num > 40
    all_names = page.locator("ul.grid .caption").all_text_contents()
    assert all_names[:24] == names
    assert len(set(all_names)) == num
    labels = [tile.get_attribute("aria-label") for tile in tiles(page).all()]
    assert [label.split()[0] for label in labels] == [f"[{n}]" for n in range(1, num + 1)]
    expect(page.locator(".pick").nth(1)).to_be_checked()  # what was chosen stays chosen
    expect(page.locator(".picked .count")).to_have_text("1 selected")


@pytest.mark.campaign(times=1, only=True)
def test_more_come_also_when_the_button_is_pressed(visitor):
    page = visitor.page
    page.evaluate("IntersectionObserver.prototype.observe = () => {}")  # nothing comes by itself
    search(page, EVERY)
    expect(tiles(page)).to_have_count(24)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(tiles(page)).to_have_count(48)


def test_what_is_unlikely_comes_only_when_it_is_asked_for(visitor):
    page = visitor.page
    search(page, "green")
    expect(tiles(page)).to_have_count(LIKELY)
    page.mouse.wheel(0, 4000)
    page.wait_for_timeout(500)
    expect(tiles(page)).to_have_count(LIKELY)
    page.get_by_role("button", name=re.compile(r"^\d+ more that are unlikely$")).click()
    expect(tiles(page)).not_to_have_count(LIKELY)


def test_the_grid_is_used_with_the_keyboard_alone(visitor):
    page = visitor.page
    page.keyboard.press("Control+k")
    expect(page.get_by_role("textbox", name="What to look for")).to_be_focused()
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    first(page, re.compile(r"blue"))
    tiles(page).first.focus()
    page.keyboard.press("ArrowRight")
    expect(tiles(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("[...document.querySelectorAll('ul.grid button.look')].indexOf(document.activeElement)")
    assert below > 1
    above, under = tiles(page).nth(1).bounding_box(), tiles(page).nth(below).bounding_box()
    assert under["y"] > above["y"] + above["height"] / 2
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    expect(tiles(page).first).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".pick").first).to_be_checked()
    expect(page.get_by_role("dialog")).not_to_be_visible()
    page.keyboard.press("End")
    expect(tiles(page).nth(LIKELY - 1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tiles(page).nth(LIKELY - 1)).to_be_focused()


@pytest.mark.campaign(times=1, only=True)
def test_boxes_appear_under_the_pointer_and_with_the_focus(visitor):
    page = visitor.page
    search(page, "red")
    boxed = page.locator("ul.grid li").filter(has=page.locator(".box")).first
    expect(boxed.locator(".box")).to_have_css("opacity", "0")
    boxed.hover()
    expect(boxed.locator(".box")).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    boxed.locator("button.look").focus()
    expect(boxed.locator(".box")).to_have_css("opacity", "1")


def test_what_is_selected_is_asked_about_copied_and_exported(visitor):
    page = visitor.page
    search(page, "yellow")
    expect(tiles(page)).to_have_count(LIKELY)
    names = page.locator("ul.grid .caption").all_text_contents()
    for n in (0, 2):
        pick(page, n)
    expect(page.locator(".picked .count")).to_have_text("2 selected")

    visitor.press("Copy paths")
    expect(page.get_by_role("button", name="Paths copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [Path(path).name for path in copied] == [names[0], names[2]]

    with page.expect_download(timeout=WAIT_MS) as begun:
        visitor.press("Export")
    archive = zipfile.ZipFile(begun.value.path())
    rows = list(csv.DictReader(io.StringIO(archive.read("found.csv").decode("utf-8-sig"))))
    assert [row["path"] for row in rows] == [names[0], names[2]]  # no folder of this machine
    assert [archive.read(row["file"]) for row in rows] == [Path(path).read_bytes() for path in copied]
    expect(page.get_by_text("2 packed")).to_be_visible()

    visitor.press("Ask about these")
    expect(page.locator(".box .thumbnail-item").locator("visible=true")).to_have_count(2)
    expect(page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")


@pytest.mark.campaign(times=1, only=True)
def test_all_shown_are_selected_too_many_to_ask_and_let_go(visitor):
    page = visitor.page
    search(page, "white")
    pick(page, 0)
    visitor.press("Select all shown")
    expect(page.locator(".picked .count")).to_have_text(f"{LIKELY} selected")
    expect(page.get_by_role("button", name="Ask about these (at most 8)")).to_be_disabled()
    visitor.press("Clear")
    expect(page.locator(".picked")).not_to_be_visible()
    expect(page.locator(".pick:checked")).to_have_count(0)
    pick(page, 0)
    search(page, "black")  # another search chooses anew
    expect(page.locator(".pick:checked")).to_have_count(0)


def test_filters_stand_in_the_box_search_again_are_told_and_can_be_cleared(visitor):
    page = visitor.page
    box, kind = page.get_by_role("textbox", name="What to look for"), page.get_by_role("combobox", name="Kind")
    search(page, "orange")
    expect(tiles(page).first).to_be_visible()
    page.get_by_role("button", name="Filters").first.click()
    kind.click()
    page.get_by_role("option", name="Documents").click()
    expect(page.get_by_text("Nothing found. Try other words, or another picture.")).to_be_visible()
    expect(page.get_by_text("Only what the filters allow.")).to_be_visible()
    expect(box).to_have_value("orange is:document")
    page.get_by_role("button", name="Take is:document out of the search").press("Enter")
    expect(tiles(page).first).to_be_visible()
    expect(box).to_have_value("orange")
    expect(kind).to_have_value("Any")

    since = page.get_by_role("textbox", name="Taken from")
    since.fill("soon")
    since.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="soon is no date")).to_be_visible()
    expect(tiles(page).first).to_be_visible()  # what was there stays
    page.get_by_role("button", name="Clear filters").first.click()
    expect(since).to_have_value("")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="red", exact=True).click()
    expect(box).to_have_value("orange colour:red")
    box.press_sequentially(" type:png")
    expect(page.locator(".chips li")).to_have_count(2)
    expect(page.get_by_role("button", name="red", exact=True)).to_have_attribute("aria-pressed", "true")


@pytest.mark.campaign(times=1, only=True)
def test_results_are_sorted_by_name_and_best_first_again(visitor):
    page = visitor.page
    search(page, "purple")
    expect(tiles(page)).to_have_count(LIKELY)
    best = page.locator("ul.grid .caption").all_text_contents()
    page.get_by_role("combobox", name="Sort").click()
    page.get_by_role("option", name="By name").click()
    expect(page.get_by_text(re.compile(r"nearest, by name\."))).to_be_visible()
    names = page.locator("ul.grid .caption").all_text_contents()
    assert names == sorted(names)
    page.get_by_role("combobox", name="Sort").click()
    page.get_by_role("option", name="Best first").click()
    first(page, best[0])


def test_a_picture_is_searched_with_and_without_words_and_more_like_a_result(visitor, tmp_path):
    page, mine = visitor.page, tmp_path / "mine.png"
    picture("orange", size=(300, 200)).save(mine)
    search(page, "", mine)
    first(page, re.compile(r"^orange-"))
    search(page, "red")
    first(page, re.compile(r"red|orange"))
    tiles(page).first.click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_role("heading", level=2).inner_text()
    dialog.get_by_role("button", name="More like this").click()
    expect(page.get_by_text(re.compile(r"^Like \[1\]"))).to_be_visible()
    expect(page.locator("ul.grid .caption").first).not_to_have_text(name)


@pytest.mark.campaign(times=1, only=True)
def test_of_searches_sent_at_once_none_is_lost_and_the_last_one_stays(visitor):
    page = visitor.page
    colours = ("red", "green", "blue", "yellow", "white")
    for colour in colours:
        search(page, colour)
    first(page, re.compile(r"white"))
    page.wait_for_timeout(1000)
    first(page, re.compile(r"white"))


def test_a_phone_searches_scrolls_opens_and_turns(chromium, served):
    visitor = Visitor(chromium, served.url, width=390, height=844, photos=PHOTOS, has_touch=True, is_mobile=True)
    page = visitor.page
    visitor.tab("Search")
    search(page, EVERY)
    expect(tiles(page)).to_have_count(24)
    assert visitor.no_sideways()
    tiles(page).nth(1).tap()
    title = page.get_by_role("dialog").get_by_role("heading", level=2)
    expect(title).to_contain_text("[2]")
    page.keyboard.press("ArrowRight")
    expect(title).to_contain_text("[3]")
    page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    page.wait_for_timeout(500)  # two taps at once are a double tap, which is no press
    page.locator(".pick").first.tap()
    expect(page.locator(".picked .count")).to_have_text("1 selected")
    assert visitor.no_sideways()
    for _ in range(30):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        if page.get_by_text("That is all").count():
            break
        page.wait_for_timeout(200)
    assert tiles(page).count() > 40
    assert visitor.errors == []
    visitor.context.close()


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.campaign(only=True)), "dark"])
def test_axe_finds_nothing_grave_among_results_that_are_chosen(chromium, served, scheme):
    visitor = Visitor(chromium, served.url, photos=PHOTOS, color_scheme=scheme, bypass_csp=True)
    page = visitor.page
    visitor.tab("Search")
    assert grave(page) == []
    search(page, "zeppelin")
    expect(page.get_by_text("Nothing found that is certain")).to_be_visible()
    page.get_by_role("button", name="Filters").first.click()
    pick(page, 0)
    tiles(page).nth(1).focus()
    assert grave(page) == []
    visitor.context.close()
