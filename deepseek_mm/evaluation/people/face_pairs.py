"""`eval people`: whether faces are found, and whether their vectors tell people apart.

Pairs are made, since photos of known people may seldom be kept: the same person is a photo beside what becomes of it
(mirrored, turned, darker, smaller, blurred, squeezed), other people are faces of other photos. So the first kind is
easier than life, where years, light and expression change; the second kind is as in life.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from PIL.Image import Resampling, Transpose

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.vision.faces.face_reader import FaceReader, FoundFace

COUNTED = Path("examples/faces.json")  # photo -> how many faces a person sees in it; of others none
PICTURES = (".jpg", ".jpeg", ".png")
FEW = 20  # people of whom the changed photos are compared as well
FALSE_SHARE = 0.01  # of pairs of different people that may pass as one person
Change = Callable[[Image.Image], Image.Image]


def resize_by(across: float, down: float) -> Change:
    """To these shares of its width and height."""
    return lambda image: image.resize((round(image.width * across), round(image.height * down)), Resampling.BICUBIC)


def rotate_by(degrees: float) -> Change:
    """Around its middle; the corners become black."""
    return lambda image: image.rotate(degrees, Resampling.BICUBIC)


def crop_edges(image: Image.Image) -> Image.Image:
    """Without a twentieth of each side."""
    wide, high = image.width // 20, image.height // 20
    return image.crop((wide, high, image.width - wide, image.height - high))


CHANGES: dict[str, Change] = {
    "mirrored": lambda image: image.transpose(Transpose.FLIP_LEFT_RIGHT),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.55),
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "turned left": rotate_by(12),
    "turned right": rotate_by(-12),
    "cropped": crop_edges,
    "smaller": resize_by(0.7, 0.7),
    "half": resize_by(0.5, 0.5),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "squeezed": resize_by(0.88, 1.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleReport:
    """What was found, and how well distances tell people apart."""

    photos: int
    counted: int  # faces that a person sees; 0 where nobody has counted
    found: int  # of these
    wrong: int  # places that were taken for a face and were none, where somebody has counted
    people: int  # faces that pairs were made of
    lost: int  # changed photos in which the face was not found again
    same: int  # pairs
    other: int
    auc: float  # percent of (same, other) in which the same person is nearer
    caught: float  # percent of pairs of the same person at the distance that 1 % of the others pass
    limit: float  # distance that the product joins faces at
    same_within: float  # percent of pairs
    other_within: float
    seconds_per_photo: float

    def table(self) -> str:
        """For people."""
        counted = f"faces found {self.found} of {self.counted}, {self.wrong} places that are none\n"
        return (
            f"{self.photos} photos, {self.seconds_per_photo:.2f} s each\n{counted if self.counted else ''}"
            f"{self.people} people; {self.same} pairs of the same person, {self.other} of different ones, "
            f"{self.lost} changed photos without a face\n"
            f"AUC {self.auc:.2f} %; {self.caught:.1f} % of the same person where {FALSE_SHARE:.0%} of the others pass\n"
            f"within {self.limit}: {self.same_within:.1f} % of the same person, {self.other_within:.2f} % of the others"
        )

    def json(self) -> str:
        """One line."""
        return json.dumps({"people_auc": round(self.auc, 2)} | asdict(self))


def read_counts(images: Path, file: Path = COUNTED) -> dict[str, int]:
    """How many faces are counted in each photo, where the file stands for this folder; {} elsewhere."""
    counts = {str(name): int(count) for name, count in json.loads(file.read_text(encoding="utf-8")).items()}
    return counts if all((images / name).is_file() for name in counts) else {}


def evaluate_people(reader: FaceReader, images: Path, counts: dict[str, int], *, limit: float) -> PeopleReport:
    """Faces of every photo of a folder, then pairs. `limit` is the product's distance."""
    files = sorted(file for file in images.iterdir() if file.suffix.lower() in PICTURES)
    faces: dict[str, list[FoundFace]] = {}
    began = time.perf_counter()
    for file in files:
        faces[file.name] = reader.read(read_picture(file))
    seconds = (time.perf_counter() - began) / max(1, len(files))
    shown = {file: faces[file.name][0] for file in files if faces[file.name] and (not counts or counts.get(file.name))}
    found = sum(min(counts.get(name, 0), len(told)) for name, told in faces.items())
    variants = {file: list(change_face(reader, file, face)) for file, face in shown.items()}
    same_S, other_O = pair_distances(variants)
    return PeopleReport(
        photos=len(files),
        counted=sum(counts.values()),
        found=found,
        wrong=sum(max(0, len(told) - counts.get(name, 0)) for name, told in faces.items()) if counts else 0,
        people=len(shown),
        lost=sum(1 + len(CHANGES) - len(rows) for rows in variants.values()),
        same=len(same_S),
        other=len(other_O),
        auc=100 * area_under_curve(same_S, other_O),
        caught=100 * float((same_S <= np.quantile(other_O, FALSE_SHARE)).mean()),
        limit=limit,
        same_within=100 * float((same_S <= limit).mean()),
        other_within=100 * float((other_O <= limit).mean()),
        seconds_per_photo=seconds,
    )


def change_face(reader: FaceReader, file: Path, face: FoundFace) -> Iterator[Floats]:
    """Vectors of the face, and of the surest face of what becomes of its photo, where one is found."""
    yield face.vector_D
    image = read_picture(file)
    for change in CHANGES.values():
        if again := reader.read(change(image)):
            yield again[0].vector_D


def pair_distances(variants: dict[Path, list[Floats]]) -> tuple[Floats, Floats]:
    """Of pairs of one photo with its changes, and of pairs of two photos: of few photos, of their changes as well."""
    same = [distance(rows[0], other) for rows in variants.values() for other in rows[1:]]
    shown = [rows[: None if len(variants) <= FEW else 1] for rows in variants.values()]
    others = [distance(one, other) for left, right in combinations(shown, 2) for one in left for other in right]
    return np.array(same, np.float32), np.array(others, np.float32)


def distance(one_D: Floats, other_D: Floats) -> float:
    """Euclidean."""
    return float(np.linalg.norm(one_D - other_D))


def area_under_curve(near: Floats, far: Floats) -> float:
    """How probable it is that one of the first is nearer than one of the second; equals count half."""
    order = np.sort(far)
    above = len(far) - np.searchsorted(order, near, side="right")
    equal = np.searchsorted(order, near, side="right") - np.searchsorted(order, near, side="left")
    return float((above + equal / 2).mean() / len(far))
