"""Pictures of every tab, wide and narrow, light and dark, in both languages, for people to look at.

    python tests/screens.py http://127.0.0.1:7860 docs/pictures

writes docs/pictures/page-LANGUAGE-THEME.jpg: the first visit, each tab, why an answer is so, what the model did, and a
photo seen large, each twice, of a page that runs with the bundled photos. Nothing is compared: what is wrong is seen by
looking.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from browsing import Visitor, chromium_of
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ui.words import LANGUAGES, UiTexts, in_language

TABS = ("ask", "code_tab", "search", "photos_tab", "library", "learning", "history", "settings")
SIZES = ((1280, 860), (390, 860))  # wide, narrow
SCALE = 0.5
GAP_PX = 12


def shots(browser: Browser, url: str, words: UiTexts, theme: str, size: tuple[int, int]) -> list[Image.Image]:
    """One window a tab and a state, each showing something."""
    visitor = Visitor(
        browser, f"{url}/{words.language}/", width=size[0], height=size[1], photos=None, color_scheme=theme
    )
    page, taken = visitor.page, list[Image.Image]()

    def take() -> None:
        page.wait_for_timeout(2500)  # pictures
        taken.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))

    take()  # the first visit
    for question in ("Is there a cat?", "Which photos show flowers?"):
        box = page.get_by_role("textbox", name=words.question)
        box.fill(question)
        box.press("Enter")
        expect(page.locator(".answered .foot")).to_have_count(1 + (question[0] == "W"))
    for name in TABS:
        page.get_by_role("tab", name=getattr(words, name)).click()
        if name == "search":
            box = page.get_by_role("textbox", name=words.search_label)
            box.fill("red fruit in a shop")
            box.press("Enter")
            expect(page.locator(".grid .caption").first).to_be_visible()
        if name == "history" and size[0] > 800:
            page.locator(".past-list button.row").first.click()
        page.evaluate("scrollTo(0, 0)")
        take()
    take_states(page, words, take)
    visitor.context.close()
    return taken


def take_states(page: Page, words: UiTexts, take: Callable[[], None]) -> None:
    """Why an answer is so, what the model did, and a photo seen large."""
    page.get_by_role("tab", name=words.ask).click()
    box = page.get_by_role("textbox", name=words.question)
    box.fill("Is there a cat in cat.jpg?")
    box.press("Enter")
    expect(page.locator(".answered .foot").locator("visible=true")).to_have_count(3)
    why = page.locator(".evidence summary").locator("visible=true").first
    why.click()
    why.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.evidence summary').scrollIntoView()")
    take()
    page.get_by_role("button", name=words.inside).locator("visible=true").last.click()
    expect(page.get_by_text(words.inside_looked).locator("visible=true").first).to_be_visible()
    take()
    page.get_by_role("tab", name=words.library).click()
    page.locator("button.look").locator("visible=true").first.click()
    expect(page.get_by_role("dialog").locator(".stage img")).to_be_visible()
    take()


def sheet(wide: list[Image.Image], narrow: list[Image.Image]) -> Image.Image:
    """Wide windows in a column, each beside its narrow one."""
    rows = [
        [
            image.resize((round(image.width * SCALE), round(image.height * SCALE)), Image.Resampling.LANCZOS)
            for image in row
        ]
        for row in zip(wide, narrow, strict=True)
    ]
    width = sum(image.width for image in rows[0]) + 3 * GAP_PX
    height = sum(row[0].height + GAP_PX for row in rows) + GAP_PX
    made = Image.new("RGB", (width, height), "#8a8f98")
    top = GAP_PX
    for row in rows:
        left = GAP_PX
        for image in row:
            made.paste(image, (left, top))
            left += image.width + GAP_PX
        top += row[0].height + GAP_PX
    return made


def main(url: str, folder: Path) -> None:
    """A sheet for each language and theme."""
    with chromium_of() as browser:
        for language in LANGUAGES:
            for theme in ("light", "dark"):
                wide, narrow = (shots(browser, url, in_language(language), theme, size) for size in SIZES)
                sheet(wide, narrow).save(folder / f"page-{language}-{theme}.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
