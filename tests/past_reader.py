"""A visitor of the History tab in Chromium, whose past is written down beforehand."""

from pathlib import Path

from browsing import Visitor
from past_help import keep
from playwright.sync_api import Locator, expect
from serving import Served

from deepseek_mm.history import History

FIND = "Search your conversations"
LOOKS = """async (all) => { const seen = [];
  for (const image of all) {
    await image.decode();
    const canvas = new OffscreenCanvas(4, 4), pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0, 4, 4);
    const rough = pen.getImageData(0, 0, 4, 4).data.map((value) => value >> 4);
    seen.push([image.naturalWidth, image.naturalHeight, ...rough].join());
  }
  return seen; }"""
PLACES = "(all) => all.map((box) => box.getAttribute('style') + box.textContent)"


class Reader(Visitor):
    """One browser, and what it sees of its past."""

    def secret(self) -> str:
        return self.page.evaluate("localStorage.getItem('deepseek-mm-session')")

    def lived(self, served: Served, *titles: str, **more) -> None:
        """One conversation a title, the first is the oldest."""
        history = History(served.data / "history.db")
        for title in titles:
            keep(history, self.secret(), title, **more)
        history.close()

    def talked(self, served: Served, title: str, *turns, **more) -> None:
        history = History(served.data / "history.db")
        keep(history, self.secret(), title, *turns, **more)
        history.close()

    def past(self, *, rows: int) -> None:
        """Go to the tab, by the menu where it does not fit."""
        if self.page.get_by_role("button", name="More tabs").is_visible():
            self.page.get_by_role("button", name="More tabs").click()
            self.page.locator(".overflow-dropdown button", has_text="History").click()
        else:
            self.tab("History")
        expect(self.rows).to_have_count(rows)

    @property
    def rows(self) -> Locator:
        return self.page.locator("button.row").locator("visible=true")

    @property
    def titles(self) -> Locator:
        return self.rows.locator(".title")

    @property
    def title(self) -> Locator:
        return self.page.locator(".past-head h2")

    @property
    def find(self) -> Locator:
        return self.page.get_by_role("textbox", name=FIND)

    def read(self, title: str) -> None:
        self.rows.filter(has_text=title).click()
        expect(self.title).to_have_text(title)

    def export(self, kind: str, folder: Path) -> Path:
        with self.page.expect_download() as download:
            self.press(f"Export as {kind}")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def take_in(self, path: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.press("Import")
        chooser.value.set_files(str(path))

    def shown(self) -> list[object]:
        """What can be seen of the open conversation: words, sizes and colours of pictures, boxes over them."""
        said = [self.questions.all_inner_texts(), self.answers.locator(".say").all_inner_texts()]
        cites = self.page.locator(".past-right button.cite")
        boxes = []
        for n in range(cites.count()):
            cites.nth(n).click()
            boxes.append(self.large())
        return [*said, self.page.locator(".past-right img.upload").evaluate_all(LOOKS), boxes]

    def large(self) -> object:
        """The photo in the dialog, and its boxes; then the dialog is closed."""
        dialog = self.page.get_by_role("dialog")
        expect(dialog.locator(".stage img")).to_be_visible()
        seen = dialog.locator(".stage img").evaluate_all(LOOKS), dialog.locator(".box").evaluate_all(PLACES)
        self.press("Close")
        expect(dialog).to_be_hidden()
        return seen
