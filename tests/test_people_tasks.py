"""Ten things that people come for, carried out through the page alone, with the shipped models and bundled photos.

One server for all of them, started as a stranger starts it; every task is somebody else's browser.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import grave
from past_reader import Reader
from PIL import Image
from playwright.sync_api import Locator, expect
from serving import ROOT, Served

from ui.words import CHINESE, ENGLISH

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
PHOTOS = ROOT / "examples" / "photos"
SLOW_MS = 240_000  # for work that models do on a busy machine
RECEIPTS = {
    "receipt-books.txt": "City Bookshop\nDate: 2026-10-03\nAtlas of birds  34.90\nTotal  41.40 EUR\n",
    "receipt-hardware.txt": "Miller Hardware\nDate: 2026-10-12\nDrill  59.00\nTotal  63.20 EUR\n",
    "receipt-cafe.txt": "Cafe Lindner\nDate: 2026-10-15\n2 Coffee  7.00\nTotal  11.80 EUR\n",
}
CORRECTIONS = {"otters.jpg": "otter", "crocodile.jpg": "crocodile", "moose.jpg": "moose", "panda.jpg": "panda"}


class Person(Reader):
    """Somebody with a task."""

    def index(self, folder: Path) -> None:
        """Take a folder in, and wait until its files are there."""
        before = self.num_files()
        self.tab(ENGLISH.library)
        self.unfold(ENGLISH.add_path)
        self.page.get_by_role("textbox", name=ENGLISH.add_path).fill(str(folder))
        self.press("Index")
        more = before + len(list(folder.iterdir()))
        expect(self.page.locator(".head .state")).to_contain_text(f"{more} files", timeout=SLOW_MS)

    def num_files(self) -> int:
        """In the library, as the head of the page says."""
        return int(self.page.locator(".head .state").inner_text().split()[0])

    def unfold(self, name: str) -> None:
        """Open the section in which something of this name lies, if it is folded."""
        field = self.page.get_by_label(name).locator("visible=true")
        if not field.count():
            for head in self.page.locator(".label-wrap").locator("visible=true").all():
                if head.get_attribute("aria-expanded") == "false" and not field.count():
                    head.click()
                    self.page.wait_for_timeout(300)

    def search(self, text: str) -> Locator:
        """The tiles that a search shows."""
        self.tab(ENGLISH.search)
        box = self.page.get_by_role("textbox", name=ENGLISH.search_label)
        box.fill(text)
        box.press("Enter")
        tiles = self.page.locator("ul.grid button.look").locator("visible=true")
        expect(tiles.first).to_be_visible(timeout=SLOW_MS)
        return tiles

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    server = Served(
        tmp_path_factory.mktemp("home") / "library", "--port", "0", "--set", "lm.name=none", script=ROOT / "app.py"
    )
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def person(chromium, served) -> Iterator[Person]:
    one = Person(chromium, served.url, photos=None, locale="en-US")
    yield one
    assert one.errors == []
    one.context.close()


def test_the_price_on_a_shelf_is_read(person):
    person.ask("How much do the melons cost?", PHOTOS / "shop-melons-price.jpg")
    person.done()
    expect(person.said()).to_contain_text("34.90")


def test_the_receipt_above_50_is_found(person, tmp_path):
    for name, text in RECEIPTS.items():
        (tmp_path / name).write_text(text)
    person.index(tmp_path)
    person.tab(ENGLISH.ask)
    person.ask("Which receipt is above 50?")
    person.done()
    expect(person.said()).to_contain_text("receipt-hardware.txt: 63.20 EUR")
    expect(person.said()).not_to_contain_text("receipt-books")


def test_wrong_answers_are_put_right_and_learned(person):
    for name, right in CORRECTIONS.items():
        person.ask("What animal is this?", PHOTOS / name)
        person.done()
        last = person.answers.last
        last.get_by_role("button", name=re.compile(f"^{ENGLISH.bad}")).click()
        field = last.get_by_role("textbox", name=ENGLISH.right_answer)
        field.fill(right)
        field.press("Enter")
        expect(last.get_by_text(ENGLISH.right_kept)).to_be_visible()
    person.tab(ENGLISH.learning)
    person.press(ENGLISH.learn_now)
    version = person.page.locator("section.lesson").first
    expect(version).to_be_visible(timeout=SLOW_MS)
    version.locator("[data-act=accept]").click()
    accepted, refused = version.get_by_text(ENGLISH.learn_is_now), person.page.get_by_role("alert")
    expect(accepted.or_(refused.locator("visible=true")).first).to_be_visible(timeout=SLOW_MS)
    if not accepted.is_visible():  # its report says something against it: pressed again
        version.locator("[data-act=accept]").click()
    expect(accepted).to_be_visible()
    person.tab(ENGLISH.ask)
    person.press(ENGLISH.new)
    person.ask("What animal is this?", PHOTOS / "otters.jpg")
    person.done(1)
    expect(person.said()).to_contain_text("otter")


def test_yesterdays_conversation_goes_on_and_is_sent_to_a_friend(person, tmp_path):
    person.ask("Is there a banana?")
    person.done()
    person.page.reload()
    person.past(rows=1)
    person.read("Is there a banana?")
    person.press("Continue in Ask")
    person.ask("What colour is it?")
    person.done()
    expect(person.said()).to_contain_text("yellow")
    person.past(rows=1)
    person.read("Is there a banana?")
    file = person.export("HTML", tmp_path)
    friend = person.context.new_page()
    friend.goto(file.as_uri())
    expect(friend.get_by_text("What colour is it?")).to_be_visible()
    expect(friend.locator("img").first).to_be_visible()
    assert not re.search(r"(?:src|href)=\"https?:", file.read_text())  # nothing of it comes from elsewhere


def test_a_photo_is_found_by_words_then_by_its_like_and_asked_about(person):
    person.search("a snowy mountain above a lake").first.click()
    expect(person.dialog.get_by_role("heading", level=2)).to_contain_text("lake-mountains.jpg")
    person.press("More like this")
    expect(person.page.locator(".grid .caption").locator("visible=true").first).to_contain_text("mountains")
    person.page.wait_for_timeout(2000)  # results that come while a box is pressed begin anew
    person.page.locator("ul.grid .pick").locator("visible=true").first.check()
    person.press(ENGLISH.ask_selected)
    expect(person.page.locator(".box .thumbnail-item").locator("visible=true")).to_have_count(1)


def test_own_words_for_a_photo_find_it(person):
    person.search("wine-and-drum").first.click()
    field = person.dialog.get_by_role("textbox", name=ENGLISH.description)
    field.fill("the drum that grandma played on her birthday")
    person.press(ENGLISH.description_save)
    expect(person.dialog.get_by_text(ENGLISH.description_saved)).to_be_visible()
    person.page.keyboard.press("Escape")
    person.search("grandma played on her birthday")
    expect(person.page.locator(".grid .caption").locator("visible=true").first).to_contain_text("wine-and-drum.jpg")


def test_a_photo_is_taken_out_and_comes_back(person):
    person.tab(ENGLISH.library)
    name = "windmill.jpg"
    person.page.get_by_role("checkbox", name=f"Select {name}").check()
    person.press("Take out")
    undo = person.page.get_by_role("button", name="Undo: 1 file was taken out.")
    expect(undo).to_be_visible()
    undo.click()
    expect(person.page.get_by_text("1 file is back.").first).to_be_visible()


def test_of_a_photo_that_is_there_twice_the_larger_one_is_kept(person, tmp_path):
    with Image.open(PHOTOS / "rocket.jpg") as image:
        for name, share in (("rocket-large.jpg", 1.25), ("rocket-small.jpg", 0.5)):
            image.resize((int(share * image.width), int(share * image.height))).save(tmp_path / name)
    person.index(tmp_path)
    person.unfold(ENGLISH.twins_keep_which)
    person.press(ENGLISH.twins_look)
    group = person.page.locator(".twin-group").filter(has_text="rocket-small.jpg")
    expect(group).to_be_visible(timeout=SLOW_MS)
    group.get_by_role("button", name=re.compile("^Keep rocket-large")).first.click()
    expect(person.page.locator(".twin-group").filter(has_text="rocket-small.jpg")).to_have_count(0)


def test_on_a_chinese_phone_a_question_is_asked_and_its_evidence_opened(chromium, served):
    phone = Person(chromium, served.url, photos=None, width=390, height=844, locale="zh-CN", has_touch=True)
    box = phone.page.get_by_role("textbox", name=CHINESE.question)
    box.fill("有香蕉吗？")
    box.press("Enter")
    expect(phone.said()).to_contain_text("有", timeout=SLOW_MS)
    phone.page.locator("button.cite").first.tap()
    expect(phone.dialog.locator(".stage img")).to_be_visible()
    assert phone.no_sideways()
    phone.page.get_by_role("button", name=CHINESE.close).locator("visible=true").first.tap()
    expect(phone.dialog).to_be_hidden()
    assert phone.errors == []
    phone.context.close()


def test_what_happened_inside_an_answer_is_looked_at_and_kept_as_a_picture(person, tmp_path):
    person.ask("Is there a cat in cat.jpg?")
    person.done()
    person.answers.last.get_by_role("button", name=re.compile(f"^{ENGLISH.inside}")).click()
    expect(person.page.get_by_text(ENGLISH.inside_looked).first).to_be_visible(timeout=SLOW_MS)
    with person.page.expect_download() as download:
        person.page.get_by_text(ENGLISH.inside_save).first.click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert "<svg" in saved.read_text()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_an_answer_is_looked_into_meant_otherwise_and_given_again(chromium, served, words, width):
    one = Person(chromium, f"{served.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    page = one.page
    page.locator(".starters .offers button").first.click(timeout=SLOW_MS)
    foot = page.locator(".answered .foot").locator("visible=true")
    expect(foot).to_have_count(1, timeout=SLOW_MS)

    why = page.locator(".evidence details.timeline > summary").locator("visible=true")
    why.click()
    expect(page.locator(".stages > li").locator("visible=true").nth(4)).to_be_visible()
    assert one.no_sideways()
    page.locator("summary", has_text=words.meant).locator("visible=true").click()
    one.press(words.meant_ask)
    expect(page.locator("section.changed").locator("visible=true")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name=re.compile(f"^{words.inside}")).locator("visible=true").first.click()
    expect(page.get_by_text(words.inside_looked).locator("visible=true").first).to_be_visible(timeout=SLOW_MS)
    assert one.no_sideways()
    assert grave(page) == []

    one.tab(words.history)
    one.rows.first.click()
    one.press(words.replay)
    same = re.escape(words.replay_all_same.partition("{")[0]) or "."
    expect(page.get_by_text(re.compile(same)).locator("visible=true").first).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".mark.same").locator("visible=true").first).to_be_visible(timeout=SLOW_MS)
    assert one.no_sideways()
    assert grave(page) == []
    assert one.errors == []
    one.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_speed_is_chosen_and_measured_and_certainty_held_against_thumbs(chromium, served, words, width):
    one = Person(chromium, f"{served.url}/{words.language}/", photos=None, width=width, height=844, bypass_csp=True)
    page = one.page
    one.tab(words.settings)
    expect(page.get_by_role("heading", name=words.reliability)).to_be_visible()
    expect(page.get_by_role("button", name=words.dial_measure)).to_be_visible()
    for preset in (words.dial_fast, words.dial_balanced):
        page.get_by_role("radio", name=re.compile(f"^{preset}")).check()
        expect(page.get_by_text(words.set_saved).first).to_be_visible()
    one.press(words.dial_measure)
    expect(page.get_by_role("progressbar", name=words.dial_measure)).to_be_visible(timeout=SLOW_MS)
    one.press(words.stop)
    expect(page.get_by_role("button", name=words.dial_measure)).to_be_visible(timeout=SLOW_MS)
    assert one.no_sideways()
    assert grave(page) == []
    assert one.errors == []
    one.context.close()
