"""Rules on the Library tab as visitors use them, in Debian's Chromium."""

import re
from collections.abc import Iterator

import pytest
from axe import grave
from browsing import Visitor
from playwright.sync_api import expect
from serving import ROOT, Served, serving

from ui.words import ENGLISH, UiTexts, in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BARE = 200
WARN, NOTE = 'near(cup, laptop) -> warn "<b>careful</b>"', 'exist(cup) and not exist(laptop) -> note "no laptop"'


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("served") / "library"
    with serving(data, script=ROOT / "tests" / "rules_app.py", BARE=str(BARE), SECONDS="0.01") as server:
        yield server


class Inspector(Visitor):
    """Somebody who checks rules."""

    def check(self, rules: str, words: UiTexts = ENGLISH) -> None:
        self.page.get_by_role("textbox", name=words.rules_label).fill(rules)
        self.press(words.rules_check)

    def unfold(self, words: UiTexts = ENGLISH) -> None:
        self.tab(words.library)
        self.page.locator(".rules .label-wrap").click()

    def says(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator(".ruled .hint").first).to_contain_text(text)


@pytest.fixture
def visit(chromium, served):
    one = Inspector(chromium, served.url, photos=BARE + 4, bypass_csp=True)
    one.unfold()
    yield one
    assert one.errors == []
    one.context.close()


@pytest.mark.campaign(times=1, only=True)
def test_the_photos_in_which_a_rule_holds_are_shown_and_open_with_its_boxes(visit):
    visit.check(f"{WARN}\n{NOTE}")
    visit.says(f"{BARE + 4} photos checked. As far as boxes tell")
    ruled = visit.page.locator(".ruled")
    expect(ruled.locator("h3")).to_have_text(
        ["warning <b>careful</b> 1 photo", "note no laptop 1 photo · as far as boxes tell"]
    )
    expect(ruled.locator(".caption")).to_have_text(["desk.png", "cups.png"])
    assert grave(visit.page) == []
    ruled.get_by_role("button", name="desk.png: <b>careful</b>").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("[1] cup - desk.png - <b>careful</b>")
    expect(dialog.locator(".box:not([hidden])")).to_have_count(2)  # those of the rule; others are hidden
    dialog.get_by_role("button", name=ENGLISH.following).click()
    expect(dialog.get_by_role("heading", level=2)).to_have_text("[2] laptop - desk.png - <b>careful</b>")


@pytest.mark.campaign(times=1, only=True)
def test_a_wrong_rule_is_pointed_at_and_what_was_right_stays_for_the_next_visit(visit):
    visit.check(NOTE)
    visit.says("checked. As far")
    visit.check(f"{NOTE}\nexist(cup) and fly(cup) -> warn 'x'".replace("'", '"'))
    wrong = visit.page.get_by_role("alert").filter(has_text="line 2 of the rules")
    expect(wrong).to_contain_text("there is no 'fly'")
    place, caret = wrong.inner_text().splitlines()[1:]
    assert place[caret.index("^") :].startswith("fly")
    visit.page.reload()
    visit.unfold()
    expect(visit.page.get_by_role("textbox", name=ENGLISH.rules_label)).to_have_value(NOTE)


@pytest.mark.campaign(times=1, only=True)
def test_a_collection_is_checked_alone_where_one_is_shown(visit):
    visit.press("Trip (1)")
    expect(visit.page.locator(".shelf .caption")).to_have_count(1)
    visit.check(f"{WARN}\n{NOTE}")
    visit.says("1 photo of Trip checked.")
    expect(visit.page.locator(".ruled .caption")).to_have_text(["cups.png"])


@pytest.mark.campaign(times=1, only=True)
def test_a_long_check_says_how_far_it_is_and_can_be_stopped(visit):
    visit.check(WARN)
    visit.says(re.compile(r"^\d+ of 204 photos checked"))
    visit.press(ENGLISH.stop)
    visit.page.wait_for_timeout(1500)
    said = visit.page.locator(".ruled .hint").first.inner_text()
    visit.page.wait_for_timeout(2500)
    assert visit.page.locator(".ruled .hint").first.inner_text() == said
    assert "204 photos checked" in said
    assert not said.startswith("204 ")
    expect(visit.page.locator(".ruled .caption")).to_have_text(["desk.png"])  # what was found until then
    visit.press(ENGLISH.rules_check)
    visit.says(re.compile("^204 photos checked"))


@pytest.mark.campaign(times=1, only=True)
def test_the_rules_are_there_in_chinese_on_a_phone(chromium, served):
    words = in_language("zh")
    one = Inspector(chromium, f"{served.url}/zh/", width=390, photos=None, color_scheme="dark", bypass_csp=True)
    one.unfold(words)
    one.check(f"{WARN}\n{NOTE}", words)
    expect(one.page.locator(".ruled .caption")).to_have_text(["desk.png", "cups.png"])
    assert one.no_sideways()
    assert grave(one.page) == []
    assert one.errors == []
