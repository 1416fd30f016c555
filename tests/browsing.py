"""A visitor in Debian's Chromium: one browser profile with one page, and what it asked for and complained about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)  # a busy machine is no fault of the page
LEAVING = "the visitor leaves this page"  # told by the page, before Gradio complains that its streams are cut off


@contextmanager
def chromium_of(*more: str) -> Iterator[Browser]:
    """A browser without a window; `more` are its further flags."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGS, *more])
        yield browser
        browser.close()


class Visitor:
    """One browser profile; `options` are Playwright's: color_scheme, locale, bypass_csp, ..."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        photos: int | None = 3,
        **options: object,
    ) -> None:
        options = {"service_workers": "block"} | options  # one would stand between the page and what tests reroute
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.photos = "" if photos is None else f"{photos} "
        self.asked_for: list[str] = []
        self.errors: list[str] = []
        self.expected = 1  # answers, once the question that was asked last is answered
        self.leaving = False  # the next page is on its way: what this one complains of is that it is left
        self.page.add_init_script(f"addEventListener('beforeunload', () => console.info('{LEAVING}'))")
        self.page.on("request", lambda request: self.asked_for.append(request.url))
        self.page.on("framenavigated", self._arrived)
        self.page.on("download", self._arrived)
        self.page.on("pageerror", lambda error: self._heard("error", str(error)))
        self.page.on("console", lambda line: self._heard(line.type, line.text))
        self.open(url)

    def open(self, url: str) -> None:
        try:
            self.page.goto(url)
        except Error as error:
            if "ERR_ABORTED" not in error.message:
                raise
            self.page.goto(url)  # a page whose server came back reloads by itself, and may be just about to
        expect(self.page.get_by_role("tab").first).to_be_visible()
        expect(self.page.locator(".head")).to_contain_text(self.photos)
        expect(self.page.locator(".head[data-ready]")).to_be_attached()  # the load event is through

    def _heard(self, kind: str, text: str) -> None:
        self.leaving = self.leaving or text == LEAVING
        if kind == "error" and not self.leaving:
            self.errors.append(text)

    def _arrived(self, _: object) -> None:
        self.leaving = False

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def press(self, name: str, *, exact: bool = True) -> None:
        self.page.get_by_role("button", name=name, exact=exact).locator("visible=true").first.click()

    def ask(self, text: str, *files: Path) -> None:
        self.expected = self.answers.count() + 1
        self.attach(*files)
        box = self.page.get_by_role("textbox", name="Your question")
        box.fill(text)
        box.press("Enter")

    def attach(self, *files: Path) -> None:
        if files:
            self.page.locator(".box input[type=file]").first.set_input_files([str(file) for file in files])
            thumbs = self.page.locator(".box .thumbnail-item")
            expect(thumbs).to_have_count(len(files))

    def done(self, answers: int | None = None) -> None:
        """Wait until that many answers are there (one more than before the question), and the last one is whole."""
        expect(self.answers).to_have_count(answers or self.expected)
        expect(self.answers.last.locator(".foot")).to_contain_text("Answered in")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".answered").locator("visible=true")

    @property
    def questions(self) -> Locator:
        return self.page.locator(".question").locator("visible=true")

    def said(self, n: int = -1) -> Locator:
        return self.answers.nth(n).locator(".say")

    def hosts(self) -> set[str]:
        return {url.split("/")[2] for url in self.asked_for if url.startswith("http")}

    def no_sideways(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
