"""Photos whose regions are written down, and acts about them: what the skills of one photo are tested with."""

from PIL import Image

from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.retrieval.evidence import PhotoEvidence
from deepseek_mm.types import Act, Evidence
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Box, Label, Region, Source

SIDE_PX = 200


def region(name: str = "", box_px: Box = (0, 0, SIDE_PX, SIDE_PX), *, score: float = 0.9) -> Region:
    """The whole picture, or a part of it that has a name."""
    source = Source(path="/photos/here.jpg", kind="photo", width_px=SIDE_PX, height_px=SIDE_PX, size_bytes=1000)
    labels = (Label(name=name, score=score),) if name else ()
    whole = box_px == (0, 0, SIDE_PX, SIDE_PX)
    return Region(source=source, kind="whole" if whole else "part", box_px=box_px, labels=labels, colours=("red",))


def turn_of(text: str, *parts: Region, image: Image.Image | None = None, **act: str) -> PhotoTurn:
    """An act about a photo with these parts; `act` are its further fields."""
    regions = (region(), *parts)
    evidence = tuple(
        Evidence(number=n, region=each, score=1.0, siblings=regions) for n, each in enumerate(regions, start=1)
    )
    fields = {"kind": "look", "scope": "picture"} | act
    return PhotoTurn(
        act=Act(text=text, **fields),  # type: ignore[arg-type]
        picture=ImageAnalysis(image or Image.new("RGB", (SIDE_PX, SIDE_PX), "red"), regions[0].source),
        shot=PhotoEvidence(evidence, 0.3),
        evidence=evidence,
    )


def line(text: str, box_px: Box = (10, 10, 60, 30), score: float = 0.99) -> TextBlock:
    """A line of writing."""
    return TextBlock(text=text, box_px=box_px, score=score)
