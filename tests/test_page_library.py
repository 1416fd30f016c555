"""The Library tab as its visitors use it: every control once, in Debian's Chromium.

The page runs as a process of its own over a real library; only the towers are small (library_app).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import grave
from browsing import Visitor, chromium_of
from fakes import picture
from made_files import pdf_bytes
from playwright.sync_api import Browser, Locator, expect
from serving import ROOT, Served

from ui.words import ENGLISH, in_language

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NASTY = "${window.hit=1}{{7}}<img src=x onerror=hit=1>.png"  # a file's name
COLOURS = ("red", "green", "blue", "yellow", "orange", "purple")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_of() as browser:
        yield browser


@pytest.fixture
def serve(tmp_path):
    """Starts the page; again after it was ended, over the same library."""
    served: list[Served] = []

    def start(seconds: str = "0.02") -> Served:
        served.append(Served(tmp_path / "library", script=ROOT / "tests" / "library_app.py", SECONDS=seconds))
        return served[-1]

    yield start
    for each in served:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def photos(tmp_path) -> Path:
    """Six photos and a document."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for colour in COLOURS:
        picture(colour, size=(320, 240), patch="white").save(folder / f"{colour}.png")
    (folder / "bill.pdf").write_bytes(pdf_bytes([(50, 450, "Total amount due: 42 EUR")]))
    return folder


class Shelves(Visitor):
    """Somebody at the Library tab."""

    def name_a_path(self, path: object, button: str) -> None:
        self.page.get_by_role("textbox", name=ENGLISH.add_path).fill(str(path))
        self.press(button)

    def fill(self, folder: Path, files: int) -> None:
        self.tab("Library")
        self.name_a_path(folder, "Index")
        self.holds(files)
        self.rests()

    def holds(self, files: int) -> None:
        expect(self.page.locator(".head .state")).to_have_text(re.compile(rf"^{files} files?\b"))

    def rests(self) -> None:
        expect(self.page.get_by_text(ENGLISH.work_none)).to_be_visible()

    @property
    def names(self) -> Locator:
        return self.page.locator(".shelf .caption")

    def pick(self, *names: str) -> None:
        for name in names:
            self.page.get_by_role("checkbox", name=f"Select {name}").check()

    def said(self, text: str) -> None:
        expect(self.page.locator(".library-said").get_by_text(text).first).to_be_visible()

    def unfold(self, name: str) -> None:
        self.page.locator(".label-wrap").filter(has_text=name).click()

    def ended(self, title: str) -> Locator:
        return self.page.locator(".job").filter(has_text=title)


def test_a_folder_is_indexed_under_ones_eyes_cancelled_and_what_failed_is_mended(chromium, serve, photos):
    (photos / "broken.png").write_bytes(b"no picture")
    (photos / NASTY).write_bytes(b"")
    served = serve("0.6")
    one = Shelves(chromium, served.url, photos=0)
    page = one.page
    one.tab("Library")
    expect(page.get_by_text("The library is empty.")).to_be_visible()
    one.name_a_path(photos, "Index")
    one.said(f"Begun: Index {photos}")
    bar = page.get_by_role("progressbar", name=f"Index {photos}")
    expect(bar).to_have_attribute("max", "9")
    one.tab("Ask")  # the work is seen from everywhere
    expect(page.locator(".head")).to_contain_text(re.compile(r"at work: \d+ / 9"))
    one.tab("Library")
    page.get_by_role("button", name=f"Cancel: Index {photos}").click()
    expect(one.ended("cancelled")).to_contain_text(f"Index {photos}")
    one.rests()

    one.name_a_path(photos, "Index")
    one.holds(7)
    done = page.locator(".job.done").filter(has_text="2 could not be done")
    done.get_by_text("2 could not be done").click()
    expect(done).to_contain_text("broken.png is no picture")
    expect(done).to_contain_text(NASTY)
    picture("black", size=(320, 240)).save(photos / "broken.png")
    done.get_by_role("button", name="Retry the failed").click()
    one.holds(8)
    expect(one.names.filter(has_text="broken.png")).to_be_visible()
    assert page.evaluate("window.hit") is None
    assert one.hosts() == {served.url.split("/")[2]}
    assert one.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_files_are_looked_at_sorted_collected_asked_about_and_taken_out(chromium, serve, photos):
    one = Shelves(chromium, serve().url, photos=0)
    page = one.page
    one.fill(photos, 7)
    expect(one.names).to_have_count(7)

    page.get_by_role("button", name="green.png", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).to_have_text("green.png")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", level=2)).not_to_have_text("green.png")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.get_by_role("combobox", name="Sort").click()
    page.get_by_role("option", name="By name").click()
    expect(one.names).to_have_text(["bill.pdf", *(f"{colour}.png" for colour in sorted(COLOURS))])
    page.get_by_role("combobox", name="Kind").click()
    page.get_by_role("option", name="Documents").click()
    expect(one.names).to_have_text(["bill.pdf"])
    page.get_by_role("textbox", name="In the folder").fill("/nowhere")
    page.get_by_role("textbox", name="In the folder").press("Enter")
    expect(page.get_by_text("No file is like that.")).to_be_visible()
    one.press("Clear filters")
    expect(one.names).to_have_count(7)

    one.pick("red.png", "blue.png")
    expect(page.locator(".picked .count")).to_have_text("2 selected")
    page.get_by_role("combobox", name="Collection").fill("Warm")
    one.press("Put into it")
    one.said("2 files put into Warm.")
    one.press("Warm (2)")
    expect(one.names).to_have_text(["blue.png", "red.png"])
    name = page.get_by_role("textbox", name="Name of this collection")
    name.fill("Cold and warm")
    name.press("Enter")
    expect(page.get_by_role("button", name="Cold and warm (2)")).to_have_attribute("aria-pressed", "true")
    one.pick("red.png")
    one.press("Out of this collection")
    expect(one.names).to_have_text(["blue.png"])
    one.press("All")
    expect(one.names).to_have_count(7)

    one.pick("green.png")
    one.press("Take out")
    one.said("1 file was taken out.")
    expect(one.names).to_have_count(6)
    one.press("Select all shown")
    one.press("Take out")
    expect(page.get_by_text("The library is empty.")).to_be_visible()
    one.tab("Search")
    one.tab("Library")
    assert one.errors == []
    page.reload()
    one.tab("Library")
    one.errors.clear()  # what was under way when the page went is cut, and says so
    expect(page.locator(".library-said")).to_contain_text("1 more before that.")
    page.get_by_role("button", name="Undo: 6 files were taken out.").click()
    one.said("6 files are back.")
    page.get_by_role("button", name="Undo: 1 file was taken out.").click()
    expect(one.names).to_have_count(7)
    assert (photos / "red.png").exists()

    one.pick("red.png", "green.png")
    one.press("Clear")
    expect(page.locator(".picked")).to_be_hidden()
    one.pick("red.png", "green.png")
    one.press("Ask about these")
    expect(page.locator(".box .thumbnail-item").locator("visible=true")).to_have_count(2)
    assert one.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_the_library_is_checked_repaired_backed_up_emptied_by_path_and_restored(chromium, serve, photos):
    served = serve()
    one = Shelves(chromium, served.url, photos=0)
    page = one.page
    one.fill(photos, 7)
    one.unfold("Check and repair")
    (photos / "red.png").unlink()
    one.press("Verify")
    expect(one.ended("Check the library")).to_contain_text("1 could not be done")
    page.get_by_role("checkbox", name="Take out what is gone from the disk").check()
    one.press("Repair")
    one.holds(6)
    expect(one.ended("Repair the library")).to_contain_text("done")

    one.unfold("Back up and restore")
    one.press("Back up")
    choose = page.get_by_role("button", name=re.compile(r"^Choose: .*\.deepseek-mm$"))
    expect(choose).to_be_visible()
    one.rests()
    one.unfold("Take out of the library")
    page.get_by_role("textbox", name="A file or folder to forget").fill(str(photos))
    one.press("Take out")
    one.said("6 files were taken out.")
    one.holds(0)
    choose.click()
    expect(page.get_by_role("textbox", name="Restore from")).to_have_value(re.compile(r"backups/.*\.deepseek-mm$"))
    one.press("Restore")
    one.holds(6)
    expect(one.names).to_have_count(6)
    expect(page.get_by_role("button", name=re.compile("^Undo"))).to_have_count(0)
    assert one.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_a_page_killed_in_the_middle_of_indexing_goes_on_and_has_every_file_once(chromium, serve, photos):
    first = serve("1.5")  # on a busy machine the page looks seldom, and is to see it under way
    one = Shelves(chromium, first.url, photos=0)
    one.tab("Library")
    one.name_a_path(photos, "Index")
    expect(one.page.get_by_role("progressbar")).to_have_attribute("max", "7")
    first.process.kill()
    first.process.wait()
    again = Shelves(chromium, serve().url, photos=None)
    again.tab("Library")
    again.holds(7)
    again.rests()
    expect(again.names).to_have_count(7)
    assert sorted(again.names.all_inner_texts()) == sorted(["bill.pdf", *(f"{colour}.png" for colour in COLOURS)])
    assert again.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_dropped_files_are_kept_and_a_folder_is_watched_on_a_phone(chromium, serve, tmp_path):
    served = serve()
    one = Shelves(chromium, served.url, width=390, height=844, photos=0)
    page = one.page
    picture("red", size=(320, 240)).save(tmp_path / "Sommer (1).png")
    one.tab("Library")
    page.locator(".drop input[type=file]").set_input_files(str(tmp_path / "Sommer (1).png"))
    expect(page.get_by_text("Sommer (1)").first).to_be_visible()
    one.press("Index")
    one.holds(1)
    assert [path.name for path in (served.data / "added").glob("*/*")] == ["Sommer (1).png"]

    (tmp_path / "watched").mkdir()
    one.name_a_path(tmp_path / "watched", "Watch this folder")
    row = page.locator("ul.watched li").filter(has_text=str(tmp_path / "watched"))
    expect(row).to_be_visible()
    picture("blue", size=(320, 240)).save(tmp_path / "watched" / "new.png")
    one.holds(2)
    expect(row).to_contain_text("1 file known - last change taken in 20")
    expect(one.names).to_have_text(["new.png", "Sommer (1).png"])
    page.get_by_role("link", name=ENGLISH.to_care).click()
    expect(page.get_by_role("button", name="Index", exact=True)).to_be_in_viewport()
    one.pick("new.png")
    expect(page.locator(".picked .count")).to_have_text("1 selected")
    assert one.no_sideways()
    one.press("Clear")
    page.get_by_role("button", name="Stop watching").click()
    expect(page.get_by_text("No folder is watched.")).to_be_visible()
    assert one.errors == []


@pytest.mark.campaign(times=1, only=True)
def test_nothing_serious_is_found_in_either_theme_and_nothing_is_too_wide(chromium, serve, photos):
    served = serve()
    Shelves(chromium, served.url, photos=0).fill(photos, 7)
    found, wide = {}, []
    for language, scheme, width in (
        ("en", "light", 1280),
        ("zh", "dark", 768),
        ("zh", "light", 390),
        ("en", "dark", 390),
    ):
        words = in_language(language)
        one = Shelves(
            chromium, f"{served.url}/{language}/", color_scheme=scheme, width=width, photos=7, bypass_csp=True
        )
        one.tab(words.library)
        expect(one.names).to_have_count(7)
        for accordion in (words.care, words.keep, words.take_out):
            one.unfold(accordion)
        one.page.get_by_role("checkbox", name=words.select.format(name="red.png")).check()
        one.page.wait_for_timeout(500)  # what opens, opens slowly
        if issues := grave(one.page):
            found[language, scheme, width] = issues
        wide += [] if one.no_sideways() else [width]
    assert (found, wide) == ({}, [])
