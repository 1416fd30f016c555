"""What is measured: whether a photo has colours, how sharp it is, which way it lies; and what its file itself says."""

import re
from collections.abc import Callable

import numpy as np
from PIL.Image import Image

from deepseek_mm.answering.skills import photo
from deepseek_mm.answering.skills.photo import Fact, Teller
from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.config import Config
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.types import Claim, Draft
from deepseek_mm.vision.colours import is_colourless

BLURRED = 25.0  # variance of the Laplacian, below which edges are soft
SQUARE = 0.05  # of a side: how far width and height may differ
MEASURED = 0.93  # how often such a measure is what people say, an estimate


def measure_edges(image: Image) -> float:
    """Variance of the Laplacian of its greys: small where all edges are soft."""
    grey = np.asarray(image.convert("L").resize((256, 256)), np.float32)
    edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(edges.var())


def tell_colourful(turn: PhotoTurn) -> tuple[str, float]:
    """Whether it is black and white."""
    grey = is_colourless(turn.picture.image)
    asks_grey = re.search(r"black (?:and|&|n) white|monochrome|gr[ae]y ?scale", turn.text)
    lead = "" if turn.act.form != "yes_no" else "Yes, " if grey == bool(asks_grey) else "No, "
    return f"{lead}the picture is {'black and white' if grey else 'in colour'}", 0.98 if grey else MEASURED


def tell_sharpness(turn: PhotoTurn) -> tuple[str, float]:
    """Whether it is blurred."""
    blurred = measure_edges(turn.picture.image) < BLURRED
    asks_blur = re.search(r"blur|out of focus|fuzzy", turn.text)
    lead = "Yes, " if blurred == bool(asks_blur) else "No, "
    return f"{lead}the picture is {'blurred' if blurred else 'sharp'} as a whole", 0.75


def tell_orientation(turn: PhotoTurn) -> tuple[str, float]:
    """Upright, wide or square, by the file's own pixels."""
    wide, high = turn.shot.source.width_px, turn.shot.source.height_px
    square = abs(wide - high) <= SQUARE * max(wide, high)
    name = "square" if square else "in landscape format" if wide > high else "in portrait format"
    return f"the picture is {name}: {wide} x {high} pixels", 1.0


THE_PICTURE = r"(?:picture|photo|image|photograph|pic|shot|it|this)"
ROWS: tuple[tuple[str, Callable[[PhotoTurn], tuple[str, float]]], ...] = (
    (
        rf"\b(?:in|a) colou?r\b(?!.*\bof\b)|black (?:and|&|n) white {THE_PICTURE}?\b|monochrome|gr[ae]y ?scale"
        rf"|{THE_PICTURE} (?:is )?colou?red\b",
        tell_colourful,
    ),
    (
        r"\bblurr?(?:y|ed)\b|\bout of focus\b|\bin focus\b|\bsharp\b(?=.*\b(?:photo|picture|image)\b)|"
        r"\b(?:photo|picture|image)\b.*\bsharp\b",
        tell_sharpness,
    ),
    (r"\b(?:portrait|landscape) (?:format|or|mode|orientation)\b|\borientation\b", tell_orientation),
)
TABLE = tuple((re.compile(words), tell) for words, tell in ROWS)


FILE_ROWS: tuple[tuple[str, Fact], ...] = (  # words of a question -> what the file says
    (r"\bfile ?name\b|\b(?:what|how) is (?:this|the|it)(?: \w+)? (?:called|named)$", photo.name),
    (
        r"\b(?:file )?size\b|\bpixels\b|\bresolution\b|"
        r"\bhow (?:big|large) is (?:this|the|it)(?: (?:file|photo|picture|image))?$",
        photo.size,
    ),
    (r"\bwhen (?:was|were|did)\b|\bwhat (?:date|day|year|month)\b|\bdate\b", photo.when),
    (
        r"\bgps\b|\bcoordinates\b|"
        r"\bwhere (?:was|were) (?:this|it|these|the (?:photo|picture|image))(?: \w+)? (?:taken|shot|made)\b",
        photo.place,
    ),
)
FILE_TABLE = tuple((re.compile(words), fact) for words, fact in FILE_ROWS)
TAKEN_WHERE = re.compile(  # which the file answers if it knows; else what can be seen does
    r"\bwhere (?:was|were|is|did) .{0,80}?(?:taken|shot|made|take|shoot)\b"
    r"|\b(?:which|what) (?:city|town|village|country|place)\b.{0,80}\b(?:taken|shot|from)\b",
    re.I,
)
OF_FILES = ("file", "date", "size", "place", "time")  # attributes that files may say


def answer_measured(turn: PhotoTurn, config: Config) -> Draft | None:
    """What pixels or the file tell, where that is what is asked; None of other questions."""
    for words, tell in TABLE:
        if words.search(turn.text):
            text, chance = tell(turn)
            claim = Claim(text[0].upper() + text[1:], (turn.shot.whole,), chance)
            return turn.draft(claim, grounds="measured")
    if turn.act.attribute not in OF_FILES or turn.act.kind == "read":
        return None
    program = PhotoQuestion(kind="other", text=turn.act.text)
    facts = [fact for words, fact in FILE_TABLE if words.search(turn.text)][:1]
    if not facts and turn.shot.source.latitude is not None and TAKEN_WHERE.search(turn.text):
        facts = [photo.place]
    claims = [claim for fact in facts for claim in fact(program, turn.shot, Teller(program, config))]
    return turn.draft(*claims, grounds="measured") if claims else None
