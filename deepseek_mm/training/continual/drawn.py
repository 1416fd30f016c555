"""Screenshots and documents drawn here, with questions that whoever drew them can answer.

The text is this project's own code and licence (Apache-2.0), the letters are matplotlib's DejaVu. A screen is an
editor, a terminal, a browser, a chat or a sheet; a document is a letter, an invoice, an article, a form or a receipt.

Units: px of a picture of 480 x 360 (screens) or 360 x 480 (documents)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

COLOURS = {
    "red": (205, 40, 40),
    "blue": (40, 80, 205),
    "green": (40, 150, 70),
    "orange": (235, 140, 30),
    "purple": (130, 50, 160),
    "black": (25, 25, 25),
}
SCREENS = ("editor", "terminal", "browser", "chat", "sheet")
DOCUMENTS = ("letter", "invoice", "article", "form", "receipt")
DARK, LIGHT, PAPER = (30, 32, 40), (250, 250, 250), (252, 250, 244)
YES_NO = ("yes", "no")
Ink = tuple[int, int, int]


@dataclass(slots=True)
class DrawnSheet:
    """A picture in the making, and what can be asked about it."""

    draw: ImageDraw.ImageDraw
    chance: Random
    lines: Sequence[str]  # to write
    ink: Ink
    answers: dict[str, str] = field(default_factory=dict)

    def write(self, left: int, top: int, right: int, bottom: int, *, px: int = 10) -> None:
        """Lines of text that fill a box, each cut to its width."""
        font, start = load_font(px), self.chance.randrange(max(1, len(self.lines) - 60))
        for n, y in enumerate(range(top, bottom - px, px + 4)):
            text = self.lines[(start + n) % len(self.lines)]
            self.draw.text((left, y), text[: int((right - left) / (0.61 * px))], fill=self.ink, font=font)

    def grid(self, left: int, top: int, right: int, bottom: int) -> None:
        """A table of lines."""
        for x in range(left, right + 1, max(1, (right - left) // 4)):
            self.draw.line((x, top, x, bottom), fill=self.ink)
        for y in range(top, bottom + 1, 18):
            self.draw.line((left, y, right, y), fill=self.ink)

    def pick_answer(self, question: str, choices: Sequence[str]) -> str:
        """One of the choices, which is the question's right answer."""
        self.answers[question] = self.chance.choice(choices)
        return self.answers[question]


Drawing = tuple[Image.Image, dict[str, str]]  # and questions with their answers


def draw_screen(number: int, lines: Sequence[str], *, seed: int = 0) -> Drawing:
    """A screenshot."""
    chance = Random(f"screen {seed} {number}")
    dark = chance.choice(YES_NO)
    image = Image.new("RGB", (480, 360), DARK if dark == "yes" else LIGHT)
    sheet = DrawnSheet(ImageDraw.Draw(image), chance, lines, (225, 225, 225) if dark == "yes" else (40, 40, 40))
    sheet.answers["is the theme dark?"] = dark
    kind = sheet.pick_answer("what program is this?", SCREENS)
    tabs = int(sheet.pick_answer("how many tabs are open?", ("1", "2", "3", "4")))
    for n in range(tabs):
        sheet.draw.rounded_rectangle((6 + 84 * n, 4, 84 + 84 * n, 26), 4, outline=sheet.ink)
    side = sheet.pick_answer("where is the side bar?", ("left", "right"))
    left, right = (90, 474) if side == "left" else (6, 390)
    sheet.draw.rectangle((4, 32, 80, 354) if side == "left" else (400, 32, 476, 354), fill=(128, 132, 140))
    _fill(sheet, kind, left, right)
    colour = sheet.pick_answer("what colour is the button?", tuple(COLOURS))
    sheet.draw.rounded_rectangle((right - 92, 318, right - 8, 346), 6, fill=COLOURS[colour])
    if sheet.pick_answer("does it show an error?", YES_NO) == "yes":
        sheet.draw.rectangle((left + 30, 120, right - 30, 190), fill=(255, 225, 225), outline=(200, 0, 0), width=3)
        sheet.draw.text((left + 44, 144), "Error: it failed", fill=(160, 0, 0), font=load_font(14))
    return image, sheet.answers


def _fill(sheet: DrawnSheet, kind: str, left: int, right: int) -> None:
    """What the program shows."""
    if kind == "sheet":
        sheet.grid(left, 40, right, 310)
    elif kind == "browser":
        sheet.draw.rounded_rectangle((left, 36, right, 58), 8, outline=sheet.ink)
        sheet.draw.rectangle((left, 66, right, 150), fill=COLOURS[sheet.chance.choice(tuple(COLOURS))])
        sheet.write(left, 160, right, 310, px=12)
    elif kind == "chat":
        for n, y in enumerate(range(44, 290, 50)):
            x = left + 10 if n % 2 else left + 120
            sheet.draw.rounded_rectangle((x, y, x + 240, y + 38), 12, outline=sheet.ink, width=2)
    else:
        if kind == "terminal":
            sheet.draw.rectangle((left, 34, right, 312), fill=(0, 0, 0))
            sheet.ink = (90, 230, 110)
        sheet.write(left + 4, 38, right, 310)


def draw_document(number: int, lines: Sequence[str], *, seed: int = 0) -> Drawing:
    """A scanned page."""
    chance = Random(f"document {seed} {number}")
    image = Image.new("RGB", (360, 480), PAPER)
    sheet = DrawnSheet(ImageDraw.Draw(image), chance, lines, (35, 35, 35))
    kind = sheet.pick_answer("what kind of document is this?", DOCUMENTS)
    corner = sheet.pick_answer("where is the date?", ("left", "right"))
    sheet.draw.text((20 if corner == "left" else 260, 16), "12 May 2024", fill=sheet.ink, font=load_font(12))
    sheet.draw.text((110, 36), kind.upper(), fill=sheet.ink, font=load_font(18))
    columns = int(sheet.pick_answer("how many columns of text are there?", ("1", "2", "3")))
    bottom = 250 if sheet.pick_answer("is there a table?", YES_NO) == "yes" else 390
    for n in range(columns):
        wide = 320 // columns
        sheet.write(20 + wide * n, 70, 12 + wide * (n + 1), bottom, px=8)
    _shape(sheet, kind)
    if bottom == 250:
        sheet.grid(20, 262, 340, 388)
    if sheet.pick_answer("is it signed?", YES_NO) == "yes":
        points = [(30 + 6 * n, 440 + chance.randint(-14, 14)) for n in range(20)]
        sheet.draw.line(points, fill=(20, 30, 140), width=3)
    colour = sheet.pick_answer("what colour is the stamp?", tuple(COLOURS))
    sheet.draw.ellipse((250, 400, 330, 470), outline=COLOURS[colour], width=9)
    return image, sheet.answers


def _shape(sheet: DrawnSheet, kind: str) -> None:
    """What tells a kind of document from afar."""
    if kind == "invoice":
        sheet.draw.rectangle((0, 56, 360, 68), fill=(60, 70, 90))
    elif kind == "article":
        sheet.draw.rectangle((130, 90, 230, 170), fill=(150, 160, 150))
    elif kind == "receipt":
        for x in (0, 300):
            sheet.draw.rectangle((x, 70, x + 60, 480), fill=(70, 60, 50))
    elif kind == "form":
        for y in range(80, 240, 32):
            sheet.draw.rectangle((30, y, 330, y + 20), fill=(255, 255, 255), outline=sheet.ink)


def load_font(px: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, of that height."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"), px)


def read_own_lines() -> list[str]:
    """Lines of this project's code, for screens and pages to show."""
    folder = Path(__file__).parents[2]
    files = sorted((folder / "rag").glob("*.py")) + sorted((folder / "lm").glob("*.py"))
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
