"""`eval regions`: the pointing game (arXiv:1608.00507, section 4.1) for people, and a sheet of photos with their
regions.

Each photo is seen as the application sees it. Of its regions the surest one that is called a person, or a kind of
person, is taken; the photo counts as a hit if the middle of that region lies in one of the boxes that people drew. A
photo without such a region counts by its own middle, which is also what the result is compared with. On the sheet
every photo is scaled into a square; its parts are outlined and named, the surest last, and its own words stand below.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.retrieval import find_pictures, percent, read_picture, read_rows
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from deepseek_mm.vision.regions import PEOPLE
from index import Region, Source

BoxShares = tuple[float, float, float, float]  # left, top, right, bottom as shares of a picture's width and height
Point = tuple[float, float]  # across and down, as shares of the picture
MIDDLE: Point = (0.5, 0.5)
SPLITS = "qa.jsonl"  # beside the boxes: rows {image, split}, for boxes that name no split


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRow:
    """One photo and the people in it, as far as somebody drew boxes around them."""

    image: str  # file name
    boxes: tuple[BoxShares, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionReport:
    """Percent of photos that were pointed at rightly, and that their middle points at rightly."""

    pointing: float
    centre_baseline: float
    n: int  # photos

    def table(self) -> str:
        """A table for people."""
        return (
            f"the best region for a person   {self.pointing:5.1f} %\n"
            f"the middle of the photo        {self.centre_baseline:5.1f} %\n{self.n} photos"
        )

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(asdict(self))


def read_box_rows(file: Path, *, split: str = "") -> list[BoxRow]:
    """Rows `{image, person_boxes}` of a JSONL file, those of one split where `split` is given.

    A row's split is its field `split`, else what `qa.jsonl` beside the file says of its image; a row of which nobody
    says it belongs to every split. Raises NothingThere for an absent file, a row of another shape, and no row at all.
    """
    splits = read_splits(file) if split else {}

    def make_row(row: Any) -> BoxRow | None:
        if split and row.get("split", splits.get(row["image"], split)) != split:
            return None
        return BoxRow(image=row["image"], boxes=tuple(parse_box(box) for box in row["person_boxes"]))

    return read_rows(file, make_row, shape="{image, person_boxes}", split=split)


def parse_box(box: Sequence[float]) -> BoxShares:
    """Four numbers from 0 to 1, left before right and top before bottom; ValueError for others."""
    left, top, right, bottom = (float(side) for side in box)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"{list(box)} is no box [left, top, right, bottom] in shares of the picture")
    return (left, top, right, bottom)


def read_splits(file: Path) -> dict[str, str]:
    """Image to split, from the questions that lie beside the boxes; empty where there are none."""
    questions = file.with_name(SPLITS)
    if not questions.is_file():
        return {}
    rows = map(json.loads, questions.read_text(encoding="utf-8").splitlines())
    return {row["image"]: row["split"] for row in rows if "image" in row and "split" in row}


def evaluate_regions(
    eyes: VisionPipeline, rows: Sequence[BoxRow], images: Path, *, told: Callable[[int], None] = lambda done: None
) -> RegionReport:
    """See every photo and play the game; `told` is called with the number of photos done."""
    points = []
    for sight in eyes.see_many(open_sources(find_pictures(images, [row.image for row in rows]))):
        points.append(point_at_person(sight))
        told(len(points))
    return score_points(points, rows)


def score_points(points: Sequence[Point], rows: Sequence[BoxRow]) -> RegionReport:
    """Hits in percent; point n belongs to row n."""
    hits = [is_inside(point, row.boxes) for point, row in zip(points, rows, strict=True)]
    middles = [is_inside(MIDDLE, row.boxes) for row in rows]
    return RegionReport(pointing=percent(hits), centre_baseline=percent(middles), n=len(rows))


def open_sources(paths: Sequence[Path]) -> Iterator[ImageAnalysis]:
    """What `VisionPipeline.see_many` takes."""
    for path in paths:
        image = read_picture(path)
        source = Source(path=str(path.absolute()), width_px=image.width, height_px=image.height)
        yield ImageAnalysis(image, source)


def point_at_person(sight: ImageAnalysis) -> Point:
    """The middle of the region that is surest to be a person, or of the picture; the smaller of two equally sure."""
    best = max(sight.regions, key=lambda region: (person_score(region), -area_px(region)))
    if not person_score(best):
        return MIDDLE
    left, top, right, bottom = best.box_px
    return ((left + right) / 2 / best.source.width_px, (top + bottom) / 2 / best.source.height_px)


def person_score(region: Region) -> float:
    """The best score of a label that means a person, 0 if none does."""
    return max((label.score for label in region.labels if label.name in PEOPLE), default=0.0)


def area_px(region: Region) -> int:
    """The area of a region in square pixels."""
    left, top, right, bottom = region.box_px
    return (right - left) * (bottom - top)


def is_inside(point: Point, boxes: Sequence[BoxShares]) -> bool:
    """Whether a point lies in one of the boxes, edges included."""
    across, down = point
    return any(left <= across <= right and top <= down <= bottom for left, top, right, bottom in boxes)


SIDE_PX, GAP_PX, WORDS_PX = 340, 10, 40  # of a photo's square, between squares, and for the words below
COLUMNS = 5
LETTER_PX, LINE_PX = 15, 3
PAPER, INK = "#ffffff", "#24292f"
COLOURS = ("#d1243f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989")  # all carry white letters
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
