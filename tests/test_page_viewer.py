"""The viewer as its visitors use it, at both widths: it zooms, drags, turns, plays, shows boxes and keeps words."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from axe import grave
from browsing import Visitor
from fakes import picture
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from playwright.sync_api import Locator, expect
from rag_house import build, put
from serving import ROOT, Served, serving

from index import Label, Region
from ui.words import ENGLISH, UiTexts, in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
BOX = (16, 12, 48, 36)  # of a photo of 64 x 48: from a quarter of the sides to three quarters


def notes() -> Image.Exif:
    exif = Image.Exif()
    exif.update({0x010F: "Nikon", 0x0110: "Z 6"})
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 250), 0x9003: "2023:06:17 18:30:05"})
    exif.get_ifd(0x8825).update({1: "N", 2: (41, 53, 24), 3: "E", 4: (12, 29, 24)})
    return exif


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """Three photos: one with a date, a place and a thing in it, a very wide one, and a tiny one that says nothing."""
    home = tmp_path_factory.mktemp("served")
    picture("green", size=(9, 9)).save(home / "a tiny.png")
    picture("blue", size=(4000, 200)).save(home / "b wide.jpg")
    picture("red", size=(64, 48)).save(home / "c rome.jpg", exif=notes())
    with build(home / "library", home="spaces/colours") as assistant:
        put(assistant, *(home / name for name in ("a tiny.png", "b wide.jpg", "c rome.jpg")))
        (source,) = (source for source in assistant.store.sources(limit=9) if source.name == "c rome.jpg")
        kite = Region(source=source, box_px=BOX, labels=(Label(name="kite", score=0.93),))
        assistant.store.extend(source.id, [kite], np.eye(1, assistant.eyes.index_space.dim, dtype=np.float32), mark="x")
    with serving(home / "library", script=ROOT / "tests" / "library_app.py", SECONDS="0") as server:
        yield server


class Looker(Visitor):
    """Somebody who looks at photos of the library, the one with a place first."""

    words: UiTexts = ENGLISH

    def look(self, words: UiTexts) -> None:
        self.words = words
        self.tab(words.library)
        self.page.get_by_role("button", name="c rome.jpg", exact=True).click()
        expect(self.title).to_have_text("c rome.jpg")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def title(self) -> Locator:
        return self.dialog.get_by_role("heading", level=2)

    @property
    def shot(self) -> Locator:
        return self.dialog.locator(".stage .shot")

    def push(self, name: str) -> None:
        self.dialog.get_by_role("button", name=name, exact=True).click()

    def part(self) -> list[float]:
        """Where the box lies on the photo, as shares of its sides."""
        return self.page.evaluate(
            """() => { const of = (s) => document.querySelector(`dialog .stage ${s}`).getBoundingClientRect();
            const a = of(".shot img"), b = of(".box");
            return [b.left - a.left, b.top - a.top, b.right - a.left, b.bottom - a.top]
              .map((at, n) => at / (n % 2 ? a.height : a.width)); }"""
        )

    def wide(self) -> float:
        return self.shot.bounding_box()["width"]


def open_viewer(chromium, served, language: str, width: int, **options: object) -> Looker:
    one = Looker(
        chromium, f"{served.url}/{language}/", width=width, height=800 if width > 400 else 844, photos=3,
        reduced_motion="reduce", **options,
    )  # fmt: skip
    one.look(in_language(language))
    return one


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 1280, "light"), ("zh", 390, "dark")])
def test_a_photo_is_looked_at_closely_with_its_boxes_and_described(chromium, served, language, width, scheme):
    one = open_viewer(chromium, served, language, width, color_scheme=scheme, bypass_csp=True)
    page, words, dialog = one.page, one.words, one.dialog
    expect(dialog.locator(".facts")).to_contain_text("Nikon Z 6")
    expect(dialog.locator(".facts")).to_contain_text("1/250")
    expect(dialog.get_by_role("img", name=words.map_close)).to_be_visible()
    fit = one.wide()
    assert fit == pytest.approx(4 * 64, abs=1)  # a small photo is scaled up, but not without end

    kite = dialog.get_by_role("checkbox", name=re.compile("93 %"))
    expect(dialog.locator(".stage .box")).to_be_hidden()
    kite.check()
    expect(dialog.locator(".stage .box")).to_be_visible()
    for press in ("in", "in", "out", "key", "wheel"):
        if press == "wheel":
            one.shot.hover()
            page.mouse.wheel(0, -200)
        elif press == "key":
            one.title.click()
            page.keyboard.press("+")
        else:
            one.push(words.zoom_in if press == "in" else words.zoom_out)
        assert one.part() == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.01)
    assert one.wide() > 2 * fit

    if width > 400:  # a drag with the mouse moves what is zoomed
        one.push(words.zoom_in)
        one.push(words.zoom_in)
        before = one.shot.bounding_box()
        page.mouse.move(400, 300)
        page.mouse.down()
        page.mouse.move(440, 320, steps=4)
        page.mouse.up()
        after = one.shot.bounding_box()
        assert (after["x"] - before["x"], after["y"] - before["y"]) == (
            pytest.approx(40, abs=1),
            pytest.approx(20, abs=1),
        )
        assert one.part() == pytest.approx([0.25, 0.25, 0.75, 0.75], abs=0.01)
    page.keyboard.press("0")
    assert one.wide() == pytest.approx(fit, abs=1)
    kite.uncheck()
    expect(dialog.locator(".stage .box")).to_be_hidden()
    assert grave(page) == []

    field = dialog.get_by_role("textbox", name=words.description)
    field.fill("my old kite over Rome")
    one.push(words.description_save)
    expect(dialog.get_by_role("status").first).to_have_text(words.description_saved)
    expect(dialog.get_by_text(words.description_own)).to_be_visible()
    one.push(words.description_undo)
    expect(dialog.get_by_role("status").first).to_have_text(words.description_undone)
    expect(field).to_have_value("")
    assert dialog.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert one.no_sideways()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="c rome.jpg", exact=True)).to_be_focused()
    assert one.errors == []
    one.context.close()


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("zh", 390)])
def test_photos_are_turned_and_played_until_the_viewer_is_closed(chromium, served, language, width):
    one = open_viewer(chromium, served, language, width)
    page, words, dialog = one.page, one.words, one.dialog
    one.push(words.following)
    expect(one.title).to_have_text("b wide.jpg")
    expect(dialog.get_by_role("button", name=words.following, exact=True)).to_be_focused()
    stage = dialog.locator(".stage").bounding_box()
    assert one.wide() == pytest.approx(stage["width"], abs=1)
    page.keyboard.press("Enter")
    expect(one.title).to_have_text("a tiny.png")
    expect(dialog.locator(".facts")).to_contain_text(words.no_date)
    assert one.wide() == pytest.approx(36, abs=1)
    page.keyboard.press("ArrowLeft")
    expect(one.title).to_have_text("b wide.jpg")

    dialog.get_by_role("combobox", name=words.slideshow_pause).select_option("3")
    one.push(words.slideshow)
    expect(dialog.locator(".info")).to_be_hidden()
    expect(one.title).to_have_text("a tiny.png")
    expect(one.title).to_have_text("c rome.jpg")
    one.push(words.slideshow_stop)
    expect(dialog.locator(".info")).to_be_visible()
    one.push(words.slideshow)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.wait_for_timeout(4000)  # longer than a pause: a closed viewer plays no more
    expect(dialog).to_be_hidden()
    one.look(words)
    expect(dialog.get_by_role("button", name=words.slideshow, exact=True)).to_be_visible()
    assert one.errors == []
    one.context.close()


def test_fingers_pinch_drag_and_swipe(chromium, served):
    one = open_viewer(chromium, served, "en", 390, has_touch=True, is_mobile=True)
    page, fit = one.page, one.wide()
    touch = page.context.new_cdp_session(page)

    def move(*steps: list[tuple[int, int]]) -> None:
        for n, points in enumerate(steps):
            told = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove" if n else "touchStart", "touchPoints": told})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    move(*([(195 - far, 260), (195 + far, 260)] for far in (30, 50, 70, 90)))
    assert one.wide() == pytest.approx(3 * fit, rel=0.1)
    before = one.shot.bounding_box()["x"]
    move(*([(x, 260)] for x in (200, 220, 240, 260)))
    assert one.shot.bounding_box()["x"] > before + 30
    expect(one.title).to_have_text("c rome.jpg")  # what is zoomed is dragged, not turned
    one.push(ENGLISH.zoom_fit)
    move(*([(x, 260)] for x in (300, 220, 140, 60)))
    expect(one.title).to_have_text("b wide.jpg")
    move(*([(x, 260)] for x in (60, 140, 220, 300)))
    expect(one.title).to_have_text("c rome.jpg")
    assert one.errors == []
    one.context.close()
