"""Tiny named stand-ins: a space that knows colours, a model that says what it is told. No weights, no network."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
from PIL import Image

from deepseek_mm.embeddings.space import Floats, ImageEmbedding, unit
from deepseek_mm.types import Message
from deepseek_mm.vision.detector.detector import NAMES, Detection, Detections
from deepseek_mm.vision.ocr import TextBlock, TextReader

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 60),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
    "orange": (250, 140, 20),
    "purple": (130, 40, 160),
}
THINGS = {"kite": "red", "grass": "green", "sky": "blue", "sun": "yellow"}  # things named after their colour


class ColourSpace:
    """Width 32: a picture is its colours, a text is the colours and things it names, anything else is noise."""

    name, dim, fingerprint = "colours", 32, hashlib.sha256(b"colours").hexdigest()
    GRID = 4  # cells a side

    def look_many(self, images: Iterable[Image.Image]) -> Iterator[ImageEmbedding]:
        for image in images:
            small = np.asarray(image.convert("RGB").resize((self.GRID, self.GRID), Image.Resampling.BOX), np.float32)
            distance = np.linalg.norm(small[:, :, None] - np.array(list(COLOURS.values()), np.float32), axis=-1)
            grid = np.zeros((self.GRID, self.GRID, self.dim), np.float32)
            grid[..., : len(COLOURS)] = np.exp(-distance / 30)
            grid[..., -1] = 1e-3
            yield ImageEmbedding(vector_D=unit(grid.mean(axis=(0, 1))[None])[0], grid_HWD=unit(grid))

    def embed_images(self, images: Iterable[Image.Image]) -> Floats:
        vectors = [look.vector_D for look in self.look_many(images)]
        return np.array(vectors, np.float32).reshape(len(vectors), self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        return np.array([look_up_words(text, self.dim) for text in texts], np.float32).reshape(len(texts), self.dim)

    embed_code = embed_code_questions = embed_texts
    code_fingerprint, languages_fingerprint = hashlib.sha256(b"colours of code").hexdigest(), ""


@cache
def look_up_words(text: str, dim: int) -> Floats:
    """The colours of what a text names; of a vocabulary the same words come again in every house."""
    words = [w.strip(".,?!'\"").lower() for w in text.split()]
    known = [THINGS.get(word, word) for word in words if THINGS.get(word, word) in COLOURS]
    vector = np.zeros(dim, np.float32)
    for colour in known:
        vector[list(COLOURS).index(colour)] += 1
    if not known:  # noise in the dimensions that no picture uses
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        vector[len(COLOURS) : -1] = np.random.default_rng(seed).normal(size=dim - len(COLOURS) - 1)
    return unit(vector[None])[0]


class BlankPaper(TextReader):
    """A reader for pictures without writing; takes no time."""

    def lines(self, image: Image.Image) -> list[TextBlock]:
        return []


class Parrot:
    """A language model that says one thing, word by word; with `wait` it pauses for that event."""

    name, fingerprint, sees = "parrot", "parrot-1", False

    def __init__(self, text: str = "", *, wait: threading.Event | None = None, pause_after: int = 1) -> None:
        self.text, self.wait, self.pause_after = text, wait, pause_after
        self.heard: list[tuple[Message, ...]] = []

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        self.heard.append(tuple(messages))
        for n, word in enumerate(self.text.split(" ")):
            if self.wait is not None and n == self.pause_after:
                while not self.wait.wait(0.01) and not stop.is_set():
                    pass
            if stop.is_set():
                return
            yield word if n == 0 else f" {word}"


def picture(colour: str = "red", *, size: tuple[int, int] = (64, 48), patch: str = "") -> Image.Image:
    """A plain picture; with `patch`, its top left quarter has another colour."""
    image = Image.new("RGB", size, COLOURS[colour])
    if patch:
        image.paste(COLOURS[patch], (0, 0, size[0] // 2, size[1] // 2))
    return image


class PaintedDetector:
    """Finds the same boxes in every picture: (box, name, score) each, of COCO's names."""

    def __init__(self, *boxes: tuple[tuple[float, float, float, float], str, float]) -> None:
        self.boxes = boxes

    def detect_many(self, images: Iterable[Image.Image], *, tiled_px: int = 0) -> Iterator[Detections]:
        for _ in images:
            chances_NC = np.full((len(self.boxes), len(NAMES)), 0.01, np.float32)
            for n, (_, name, score) in enumerate(self.boxes):
                chances_NC[n, NAMES.index(name)] = score
            found = [
                Detection(box=box, chances_C=chances_C)
                for (box, *_), chances_C in zip(self.boxes, chances_NC, strict=True)
            ]
            yield Detections(boxes=tuple(found), most_C=chances_NC.max(axis=0, initial=0))
