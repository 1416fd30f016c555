"""Reading what is written in a picture: PP-OCR through rapidocr, whose models lie inside its package.

The reader finds lines; lines that stand close below each other at about the same height of letters are one paragraph,
since nobody looks for half a sentence. What the recogniser doubts, and single letters, which are mostly ornaments taken
for writing, are left out.

A page is cut at the gap between two columns that the fewest lines cross (a cut of the recursive X-Y cut of Nagy and
Seth 1984). Lines that cross it, such as a title, part the page into zones; in each zone the left side is read before
the right one, and each side may have columns of its own. What stands beside one another in short words, as in a table
or a price list, is read row by row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL.Image import Image, Resampling

from deepseek_mm.errors import MissingPackage
from deepseek_mm.stage_clock import note_model
from deepseek_mm.vision.misreadings import Lexicon, mend_text
from index import Box

MIN_SCORE = 0.75  # the recogniser's own, 0 to 1
MIN_LETTERS = 2  # letters or digits of a paragraph
GAP = 0.9  # of a line's height: how far below it the next line of its paragraph may begin
SIZES = 1.6  # how many times higher the letters of neighbours may be
DOUBTED = 0.95  # the recogniser's own score, from which a line's words stay as they are
SMALL_PX = 640  # a picture whose longer side is no longer is read twice
FAINT_SCORE = 0.5  # the recogniser's own, from which a line counts that is made of known words
SINGLE_SCORE = 0.9  # the same of a single letter or digit
LARGE = 0.1  # share of the picture beyond which one or two letters are no writing
WORD_LETTERS = 3
KNOWN = 0.4  # of score that known words are worth
MENDED = 0.15  # of score that a mended word costs
TOGETHER = 0.5  # of the smaller box
LETTERS = re.compile(r"[^\W\d_]+")
SHARED = 0.3  # of the narrower line's width that two lines of a paragraph have above each other


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBlock:
    """Some lines of writing."""

    text: str  # lines joined by spaces
    box_px: Box  # in pixels of the picture that was read
    score: float  # of the least sure line, 0 to 1


class BoxedText(Protocol):
    """Some writing and where it stands."""

    @property
    def text(self) -> str:
        """Its letters."""

    @property
    def box_px(self) -> Box:
        """Left, top, right, bottom."""


Placed = TypeVar("Placed", bound=BoxedText)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRules:
    """What columns of running text look like."""

    lines: int = 3  # on each side of the gap at the least
    letters: float = 16.0  # of a line there, on average: those of a table are shorter; a Chinese one counts twice
    gap: float = 0.5  # of a line's height, that the gap is wide at the least
    crossing: float = 0.34  # share of the lines that may cross the gap
    beside: float = 0.5  # share of the lower side that has the other one beside it


class TextReader:
    """Finds the writing in pictures; any number of threads may ask, one is served at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._engine: Any = None

    def read(self, image: Image) -> list[TextBlock]:
        """Paragraphs of an RGB picture, in reading order. MissingPackage when rapidocr is not installed."""
        return [block for block in paragraphs(self.lines(image)) if sum(map(str.isalnum, block.text)) >= MIN_LETTERS]

    def lines(self, image: Image) -> list[TextBlock]:
        """Line by line, as the engine finds them. MissingPackage."""
        return [line for line in self._find_lines(image) if line.score >= MIN_SCORE]

    def lines_closely(self, image: Image, lexicon: Lexicon) -> list[TextBlock]:
        """The same with more care: a small picture is read twice, and of two readings of a line the better one counts,
        which is the one that is made of known words. MissingPackage.
        """
        found = self._find_lines(image)
        if max(image.size) <= SMALL_PX:
            twice = image.resize((2 * image.width, 2 * image.height), Resampling.LANCZOS)
            found += [replace(line, box_px=halve_box(line.box_px)) for line in self._find_lines(twice)]
        area_px = image.width * image.height
        readings = [(line, mend_line(line, lexicon)) for line in found]
        fitting = [(worth_of(*pair, lexicon), pair[1]) for pair in readings if is_writing(pair[1], area_px, lexicon)]
        return choose_readings(fitting)

    def _find_lines(self, image: Image) -> list[TextBlock]:
        """All that the engine finds, whatever it thinks of it."""
        note_model("text")
        with self._lock:
            self._engine = self._engine or _open_engine()
            found = self._engine(np.asarray(image.convert("RGB"))[:, :, ::-1], use_cls=False)
        if found.txts is None:
            return []
        return [
            TextBlock(text=text.strip(), box_px=_box(corners_42), score=float(score))
            for text, corners_42, score in zip(found.txts, found.boxes, found.scores, strict=True)
        ]


def mend_line(line: TextBlock, lexicon: Lexicon) -> TextBlock:
    """With its misread words mended, unless it was read without doubt."""
    return line if line.score >= DOUBTED else replace(line, text=mend_text(line.text, lexicon))


def halve_box(box: Box) -> Box:
    """A box of a picture twice as large."""
    left, top, right, bottom = box
    return left // 2, top // 2, max(left // 2 + 1, right // 2), max(top // 2 + 1, bottom // 2)


def is_writing(line: TextBlock, area_px: int, lexicon: Lexicon) -> bool:
    """Likely writing: what was doubted counts where it is a word, and one or two large letters are mostly ornaments."""
    left, top, right, bottom = line.box_px
    letters = sum(map(str.isalnum, line.text))
    if letters <= MIN_LETTERS and (right - left) * (bottom - top) > LARGE * area_px:
        return False
    alone = letters < MIN_LETTERS and line.score < SINGLE_SCORE
    is_known = line.score >= FAINT_SCORE and known_share(line.text, lexicon) == 1
    return bool(letters) and not alone and (line.score >= MIN_SCORE or is_known)


def known_share(text: str, lexicon: Lexicon) -> float:
    """Share of its words of three letters and more that the lexicon has; 0 of a text without any."""
    words = [word for word in LETTERS.findall(text.lower()) if len(word) >= WORD_LETTERS]
    return sum(word in lexicon for word in words) / len(words) if words else 0.0


def worth_of(read: TextBlock, mended: TextBlock, lexicon: Lexicon) -> float:
    """Of a reading beside others of the same line: by its score, its known words, and how many had to be mended."""
    changed = sum(one != other for one, other in zip(read.text.split(), mended.text.split(), strict=True))
    return read.score + KNOWN * known_share(mended.text, lexicon) - MENDED * changed


def choose_readings(readings: Sequence[tuple[float, TextBlock]]) -> list[TextBlock]:
    """Of lines that lie on each other the one that is worth most; in the order in which they are read."""
    kept: list[TextBlock] = []
    for _, line in sorted(readings, key=lambda pair: -pair[0]):
        if not any(lie_together(line.box_px, other.box_px) for other in kept):
            kept.append(line)
    return order_lines(kept)


def lie_together(one: Box, other: Box) -> bool:
    """Does one cover most of the smaller of both?"""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide > 0 and high > 0 and wide * high > TOGETHER * max(smaller, 1)


def order_lines(lines: Sequence[Placed]) -> list[Placed]:
    """As they are read."""
    return [line for zone in split_zones(lines) for line in zone]


def split_zones(lines: Sequence[Placed], rules: ColumnRules | None = None) -> list[list[Placed]]:
    """The columns of a page and what stands above, between and below them, as they are read; each from above."""
    rules = rules or ColumnRules()
    down = sorted(lines, key=lambda line: (line.box_px[1], line.box_px[0]))
    cut = find_gap(down, rules)
    if cut is None:
        return [down]
    zones: list[list[Placed]] = []
    for is_crossing, grouped in groupby(down, key=lambda line: crosses(line.box_px, cut)):
        run = list(grouped)
        zones += [run] if is_crossing else [zone for side in split_at(run, cut) for zone in split_zones(side, rules)]
    return [zone for zone in zones if zone]


def find_gap(lines: Sequence[Placed], rules: ColumnRules) -> float | None:
    """Where two columns part, from the left; None where there are none. Of several gaps the one that least cross."""
    if len(lines) < 2 * rules.lines:
        return None
    heights = sorted(line.box_px[3] - line.box_px[1] for line in lines)
    narrow = rules.gap * heights[len(heights) // 2]
    lefts = sorted({line.box_px[0] for line in lines})
    found: list[tuple[int, float]] = []
    for left in lefts[1:]:
        before = [line.box_px[2] for line in lines if line.box_px[2] <= left]
        if not before or left - max(before) < narrow:
            continue
        at = (max(before) + left) / 2
        crossing = sum(crosses(line.box_px, at) for line in lines)
        if crossing <= rules.crossing * len(lines) and are_columns(*split_at(lines, at), rules):
            found.append((crossing, at))
    return min(found)[1] if found else None


def crosses(box: Box, at: float) -> bool:
    """Whether a box lies on both sides."""
    return box[0] < at < box[2]


def split_at(lines: Sequence[Placed], at: float) -> tuple[list[Placed], list[Placed]]:
    """Those left and right of a place, without those that cross it."""
    return [line for line in lines if line.box_px[2] <= at], [line for line in lines if line.box_px[0] >= at]


def are_columns(left: Sequence[Placed], right: Sequence[Placed], rules: ColumnRules) -> bool:
    """Whether both sides are running text, and stand beside one another."""
    for side in (left, right):
        letters = sum(len(line.text) + sum(letter > "\u2e80" for letter in line.text) for line in side)
        if len(side) < rules.lines or letters < rules.letters * len(side):
            return False
    (top, bottom), (other_top, other_bottom) = extent_of(left), extent_of(right)
    shared = min(bottom, other_bottom) - max(top, other_top)
    return shared >= rules.beside * min(bottom - top, other_bottom - other_top)


def extent_of(lines: Sequence[BoxedText]) -> tuple[int, int]:
    """Top and bottom of them all."""
    return min(line.box_px[1] for line in lines), max(line.box_px[3] for line in lines)


def paragraphs(lines: Sequence[TextBlock]) -> list[TextBlock]:
    """Lines that belong together as one, in the order in which their first lines are read: column by column."""
    return [_join_lines(group) for zone in split_zones(lines) for group in group_lines(zone)]


def group_lines(lines: Sequence[TextBlock]) -> list[list[TextBlock]]:
    """Those that belong together, of one column or of a page without columns."""
    groups: list[list[TextBlock]] = []
    for line in lines:
        home = next((group for group in groups if follows(group[-1].box_px, line.box_px)), None)
        if home is None:
            groups.append([line])
        else:
            home.append(line)
    return groups


def follows(above: Box, below: Box) -> bool:
    """Do lines with these boxes stand one below the other, close enough and alike enough to be read in one go?"""
    high, next_high = above[3] - above[1], below[3] - below[1]
    gap = below[1] - above[3]
    shared = min(above[2], below[2]) - max(above[0], below[0])
    narrower = min(above[2] - above[0], below[2] - below[0])
    alike = max(high, next_high) <= SIZES * min(high, next_high)
    return alike and -0.5 * high <= gap <= GAP * high and shared >= SHARED * narrower


def _join_lines(lines: Sequence[TextBlock]) -> TextBlock:
    corners = list(zip(*(line.box_px for line in lines), strict=True))
    return TextBlock(
        text=" ".join(line.text for line in lines),
        box_px=(min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3])),
        score=min(line.score for line in lines),
    )


def _box(corners_42: Any) -> Box:
    """The upright box around four corners."""
    (left, top), (right, bottom) = np.floor(np.min(corners_42, axis=0)), np.ceil(np.max(corners_42, axis=0))
    return max(0, int(left)), max(0, int(top)), max(1, int(right)), max(1, int(bottom))


def _open_engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingPackage(error.name or "rapidocr", needed_for="reading text in pictures") from error
    runtime = "EngineConfig.onnxruntime"
    numbers = {f"{runtime}.intra_op_num_threads": 1, f"{runtime}.inter_op_num_threads": 1}
    return RapidOCR(params={"Global.log_level": "critical", **numbers})
