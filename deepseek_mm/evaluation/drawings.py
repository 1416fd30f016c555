"""Pictures: tables as panels of colours, and a sheet of photos with their regions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.pointing_game import open_sources
from deepseek_mm.evaluation.retrieval import find_pictures
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Region

SIDE_PX, GAP_PX, WORDS_PX = 340, 10, 40  # of a photo's square, between squares, and for the words below
COLUMNS = 5
LETTER_PX, LINE_PX = 15, 3
PAPER, INK = "#ffffff", "#24292f"
COLOURS = ("#d1243f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989")  # all carry white letters
QUALITY = 68  # of JPEG
SHADES = 256  # colours of the sheet: a third of the bytes
MOST_WORDS = 6  # of the whole picture
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def draw_sheet(eyes: VisionPipeline, folder: Path, names: Sequence[str], file: Path) -> int:
    """Draw the named photos of a folder, or all of them by name, into a picture file; returns their number."""
    names = names or sorted(path.name for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    paths = find_pictures(folder, names)
    if not paths:
        raise NothingThere(f"no picture in {folder}. Give a folder with photos with --images")
    sights = eyes.see_many(open_sources(paths))
    squares = [draw_square(sight) for sight in sights]
    step_x, step_y = SIDE_PX + GAP_PX, SIDE_PX + GAP_PX + WORDS_PX
    columns = min(COLUMNS, len(squares))
    rows = -(-len(squares) // columns)
    sheet = Image.new("RGB", (columns * step_x + GAP_PX, rows * step_y + GAP_PX), PAPER)
    for number, square in enumerate(squares):
        sheet.paste(square, (GAP_PX + number % columns * step_x, GAP_PX + number // columns * step_y))
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() in (".jpg", ".jpeg"):
        sheet.save(file, quality=QUALITY)
    else:
        sheet.quantize(SHADES).save(file)
    return len(squares)


def draw_square(sight: ImageAnalysis) -> Image.Image:
    """One photo with its parts, and the words of the whole below it."""
    whole, *parts = sight.regions
    square = Image.new("RGB", (SIDE_PX, SIDE_PX + WORDS_PX), PAPER)
    with Image.open(whole.source.path) as image:
        scale = SIDE_PX / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        square.paste(image.convert("RGB").resize(size), (0, 0))
    pen, font = ImageDraw.Draw(square), ImageFont.load_default(LETTER_PX)
    for number, part in reversed(list(enumerate(parts))):
        draw_outline(pen, font, part, scale, COLOURS[number % len(COLOURS)])
    words = ", ".join(label.name for label in whole.labels[:MOST_WORDS]) or "(no words)"
    below = size[1] + LINE_PX
    pen.text((0, below), f"{whole.source.name}", fill=INK, font=font)
    pen.text((0, below + LETTER_PX + LINE_PX), f"{words}; {' and '.join(whole.colours)}", fill=INK, font=font)
    return square


def draw_outline(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    part: Region,
    scale: float,
    colour: str,
) -> None:
    """A part's box with its first word, how sure it is in percent, and its first colour."""
    left, top, right, bottom = (edge * scale for edge in part.box_px)
    pen.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=LINE_PX)
    first = part.labels[0]
    words = f"{first.name} {100 * first.score:.0f} {part.colours[0]}"
    high = min(top, SIDE_PX - LETTER_PX)
    x = min(left, SIDE_PX - pen.textlength(words, font=font) - LINE_PX)
    pen.rectangle(pen.textbbox((x + LINE_PX, high + 1), words, font=font), fill=colour)
    pen.text((x + LINE_PX, high + 1), words, fill="white", font=font)


INCHES = 0.55  # of a square


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One table, its first row at the top. What is marked gets a ring."""

    title: str
    values: Sequence[Sequence[float]]
    marked: Sequence[Sequence[bool]] = ()


def draw_panels(panels: Sequence[Panel], file: Path, *, rows: Sequence[str], columns: Sequence[str], unit: str) -> Path:
    """Draw the panels into a picture file, in as few lines of up to four as they need; returns the file."""
    from matplotlib.figure import Figure

    across = min(4, len(panels))
    down = -(-len(panels) // across)
    width, height = (INCHES * len(columns) + 1) * across + 2, (INCHES * len(rows) + 1) * down
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    numbers = [value for panel in panels for row in panel.values for value in row]
    for axes, panel in zip(grid, panels, strict=False):
        image = axes.imshow(panel.values, vmin=min(numbers), vmax=max(numbers), cmap="viridis", aspect="auto")
        axes.set_title(panel.title, fontsize=10)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        ringed = [(x, y) for y, row in enumerate(panel.marked) for x, marked in enumerate(row) if marked]
        axes.scatter([x for x, _ in ringed], [y for _, y in ringed], s=90, facecolors="none", edgecolors="#d1243f")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=list(grid), label=unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    return file
