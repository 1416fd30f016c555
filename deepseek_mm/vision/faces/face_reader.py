"""Faces in a picture: where they are, and a vector of each by which people are told apart.

A picture and its tiles are looked at once for small faces as well. Every place that may show a face is then turned
upright and looked at again by itself: fruit and labels hardly ever pass twice, and the eyes are found more exactly. By
these the face is put where the second network expects it.

Shape key:  B pictures, S side of a square, A anchors, N faces, V numbers of an anchor, P points of a face (6), D 128
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image, Resampling, Transform
from safetensors.torch import load_file
from torch import Tensor

from deepseek_mm.embeddings.space import Floats, Share
from deepseek_mm.embeddings.towers import fingerprint
from deepseek_mm.errors import MissingWeights
from deepseek_mm.stage_clock import note_model
from deepseek_mm.vision.faces import finder_net, identity_net
from deepseek_mm.vision.faces.finder_net import FaceFinderNet, load_finder, locate_anchors
from deepseek_mm.vision.faces.identity_net import IdentityNet, load_identity

FINDER = Path(__file__).parents[2] / "weights" / "face_finder.safetensors"
IDENTITY = Path(__file__).parents[2] / "weights" / "face_identity.safetensors"
MAKE = "python -m deepseek_mm train faces --package FOLDER --identity FOLDER"
WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
BATCH = 8
EYES_AT = ((0.3182, 0.3143), (0.6685, 0.3141))  # in the square that is compared, as the network was trained
Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceLimits:
    """What counts as a face."""

    first: float = 0.7  # score at which a place is looked at again, 0 to 1
    second: float = 0.6  # score that it must have then
    together: float = 1.45  # that both must have
    least_px: int = 32  # side of the smallest face, of a picture whose long side is 1,600 at most
    same: float = 0.3  # intersection over union from which two places are one
    tiled_px: int = 384  # longer side from which tiles are looked at as well
    tiles: int = 3  # along the longer side, each overlapping the next by half
    around: float = 2.0  # times its box, what is seen of a face when it is looked at again
    astray: float = 0.16  # share of that view's side by which the face may lie beside its middle
    most: int = 60  # faces of one picture


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFace:
    """A face in a picture."""

    box: Share
    score: float  # 0 to 1; not calibrated
    vector_D: Floats  # faces of one person are within 0.6 or so of each other


@dataclass(frozen=True, kw_only=True, slots=True)
class FacePlace:
    """Where a face may be, in pixels of the picture."""

    score: float
    box_px: tuple[float, float, float, float]
    points_P2: NDArray[np.float32]  # the eye on the left, the eye on the right, nose, mouth, ears

    @property
    def side_px(self) -> float:
        """Of its box."""
        return max(self.box_px[2] - self.box_px[0], self.box_px[3] - self.box_px[1])


class FaceReader:
    """Runs both networks over pictures."""

    def __init__(
        self, finder: FaceFinderNet, identity: IdentityNet, *, limits: FaceLimits | None = None, fingerprint: str = ""
    ) -> None:
        self._finder, self._identity, self._limits = finder, identity, limits or FaceLimits()
        self.fingerprint, self._anchors_A2 = fingerprint, locate_anchors()

    def read(self, image: Image) -> list[FoundFace]:
        """The faces of one picture, the surest first."""
        note_model("faces")
        picture = image.convert("RGB")
        places = self.find(picture)
        vectors_ND = self.embed([cut_face(picture, place.points_P2) for place in places])
        size = (*picture.size, *picture.size)
        return [
            FoundFace(box=shares_of(place.box_px, size), score=place.score, vector_D=vector_D)
            for place, vector_D in zip(places, vectors_ND, strict=True)
        ]

    def find(self, picture: Image) -> list[FacePlace]:
        """Where faces are; what does not look like one a second time is left out."""
        limits = self._limits
        views: list[Share] = [(0.0, 0.0, picture.width, picture.height), *tiles_of(picture.size, limits)]
        seen = [place for view, told in self._look(picture, views) for place in place_in(view, told)]
        places = list_distinct([place for place in seen if place.score >= limits.first], limits.same)
        return [again for place in places[: limits.most] if (again := self._look_again(picture, place)) is not None]

    def embed(self, squares: Sequence[NDArray[np.uint8]]) -> Floats:
        """(N, D): of squares with an upright face each, RGB."""
        rows = [torch.zeros(0, identity_net.DIM)]
        with torch.inference_mode():
            for start in range(0, len(squares), BATCH):
                pixels = np.stack(squares[start : start + BATCH]).astype(np.float32)
                rows.append(self._identity(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
        found: Floats = torch.cat(rows).numpy()
        return found

    def _look(self, picture: Image, views: Sequence[Share]) -> Iterator[tuple["SquareView", list[FacePlace]]]:
        """What each view shows, in pixels of its square."""
        for start in range(0, len(views), BATCH):
            some = [make_view(picture, box) for box in views[start : start + BATCH]]
            yield from zip(some, self._run([view.square for view in some]), strict=True)

    @torch.inference_mode()
    def _run(self, squares: Sequence[NDArray[np.uint8]]) -> list[list[FacePlace]]:
        """Of each square its places, whatever they score above a half or so."""
        pixels = torch.from_numpy(np.stack(squares).astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        logits_BA, values_BAV = self._finder(pixels)
        return [self._decode(logits_A, values_AV) for logits_A, values_AV in zip(logits_BA, values_BAV, strict=True)]

    def _decode(self, logits_A: Tensor, values_AV: Tensor) -> list[FacePlace]:
        chance_A = logits_A.sigmoid()
        likely = (chance_A >= min(self._limits.first, self._limits.second)).nonzero()[:, 0]
        anchors, values = self._anchors_A2[likely], values_AV[likely]
        middle, half = values[:, :2] + anchors, values[:, 2:4] / 2
        boxes = torch.cat([middle - half, middle + half], dim=1).tolist()
        points = (values[:, 4:].unflatten(1, (-1, 2)) + anchors[:, None]).numpy()
        scores = chance_A[likely].tolist()
        return [
            FacePlace(score=score, box_px=tuple(box), points_P2=place)
            for score, box, place in zip(scores, boxes, points, strict=True)
        ]

    def _look_again(self, picture: Image, place: FacePlace) -> FacePlace | None:
        """The same face, turned upright and seen by itself; None if it is none then, or too small."""
        limits, side = self._limits, finder_net.SIDE_PX
        back = turn_upright(place, limits.around)
        square = picture.transform((side, side), Transform.AFFINE, back, Resampling.BILINEAR)
        near = [
            each
            for each in self._run([np.asarray(square)])[0]
            if max(abs((each.box_px[n] + each.box_px[n + 2]) / 2 - side / 2) for n in (0, 1)) < limits.astray * side
        ]
        best = max(near, key=lambda each: each.score, default=None)
        if best is None or best.score < limits.second or best.score + place.score < limits.together:
            return None
        points, scale = move_points(best.points_P2, back), math.hypot(back[0], back[3])
        half = best.side_px * scale / 2
        middle = move_points(np.array([[(best.box_px[n] + best.box_px[n + 2]) / 2 for n in (0, 1)]], np.float32), back)
        (x, y), score = middle[0].tolist(), (best.score + place.score) / 2
        if 2 * half < limits.least_px:
            return None
        return FacePlace(score=score, box_px=(x - half, y - half, x + half, y + half), points_P2=points)


@dataclass(frozen=True, slots=True)
class SquareView:
    """A part of the picture in the middle of a black square."""

    square: NDArray[np.uint8]  # (S, S, 3) RGB
    origin: tuple[float, float]  # where in the picture the square begins, in its pixels
    scale: float  # pixels of the picture for one of the square


def make_view(picture: Image, box: Share) -> SquareView:
    """That part of the picture, in its own shape."""
    side = finder_net.SIDE_PX
    left, top, right, bottom = map(round, box)
    wide, high = max(1, right - left), max(1, bottom - top)
    scale = max(wide, high) / side
    width, height = max(1, round(wide / scale)), max(1, round(high / scale))
    small = picture.resize((width, height), Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    square, x, y = np.zeros((side, side, 3), np.uint8), (side - width) // 2, (side - height) // 2
    square[y : y + height, x : x + width] = np.asarray(small)
    return SquareView(square, (left - x * scale, top - y * scale), scale)


def tiles_of(size: tuple[int, int], limits: FaceLimits) -> list[Share]:
    """Squares that overlap by half and show small faces larger; none of a small picture."""
    longer = max(size)
    if longer < limits.tiled_px:
        return []
    side = 2 * longer / (limits.tiles + 1)
    edges = [
        [(max(0.0, (length - side) * n / max(1, count - 1)), min(length, side)) for n in range(count)]
        for length, count in ((length, max(1, round(2 * length / side - 1))) for length in size)
    ]
    return [(x, y, x + wide, y + high) for x, wide in edges[0] for y, high in edges[1]]


def place_in(view: SquareView, told: Sequence[FacePlace]) -> list[FacePlace]:
    """What was seen in a square, in pixels of the picture."""
    x, y = view.origin
    shift = np.array([x, y], np.float32)
    found = []
    for place in told:
        left, top, right, bottom = (edge * view.scale for edge in place.box_px)
        box = (left + x, top + y, right + x, bottom + y)
        found.append(FacePlace(score=place.score, box_px=box, points_P2=place.points_P2 * view.scale + shift))
    return found


def list_distinct(places: Sequence[FacePlace], same: float) -> list[FacePlace]:
    """The surest first, without those that show the place of a surer one. By OpenCV, as the detector does it."""
    if not places:
        return []
    sized = [
        (place.box_px[0], place.box_px[1], *(place.box_px[n + 2] - place.box_px[n] for n in (0, 1))) for place in places
    ]
    kept = cv2.dnn.NMSBoxes(sized, [place.score for place in places], score_threshold=0.0, nms_threshold=same)
    return [places[int(number)] for number in kept]


def turn_upright(place: FacePlace, around: float) -> Affine:
    """Where in the picture the pixels of an upright square come from that shows the face and what is around it."""
    (x0, y0), (x1, y1) = place.points_P2[:2].tolist()
    angle, step = math.atan2(y1 - y0, x1 - x0), place.side_px * around / finder_net.SIDE_PX
    across, down = math.cos(angle) * step, math.sin(angle) * step
    half, (left, top, right, bottom) = finder_net.SIDE_PX / 2, place.box_px
    x, y = (left + right) / 2, (top + bottom) / 2
    return (across, -down, x - across * half + down * half, down, across, y - down * half - across * half)


def move_points(points_P2: NDArray[np.float32], back: Affine) -> NDArray[np.float32]:
    """From a square into the picture that it was cut from."""
    turn, shift = np.array([back[0:2], back[3:5]], np.float32), np.array([back[2], back[5]], np.float32)
    moved: NDArray[np.float32] = points_P2 @ turn.T + shift
    return moved


def cut_face(picture: Image, points_P2: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(S, S, 3): the face upright, its eyes where the network expects them."""
    side = identity_net.SIDE_PX
    wanted = np.array(EYES_AT) * side
    have, want = points_P2[1] - points_P2[0], wanted[1] - wanted[0]
    turn = complex(*map(float, have)) / complex(*want)  # scale and turn in one number
    start = complex(*map(float, points_P2[0])) - turn * complex(*wanted[0])
    if (factor := int(abs(turn))) > 1:  # of a large face every pixel counts, not one of many
        picture = picture.reduce(factor)
        turn, start = turn / factor, start / factor
    back = (turn.real, -turn.imag, start.real, turn.imag, turn.real, start.imag)
    return np.asarray(picture.transform((side, side), Transform.AFFINE, back, Resampling.BICUBIC))


def shares_of(box_px: Share, size: tuple[int, int, int, int]) -> Share:
    """A box as shares of the picture, within it."""
    left, top, right, bottom = (min(1.0, max(0.0, edge / side)) for edge, side in zip(box_px, size, strict=True))
    return left, top, right, bottom


def read_face_reader(finder: Path = FINDER, identity: Path = IDENTITY, limits: FaceLimits | None = None) -> FaceReader:
    """The networks that are shipped. MissingWeights without their files."""
    for file in (finder, identity):
        if not file.is_file():
            raise MissingWeights(file, make=MAKE)
    nets = load_finder(load_file(finder)), load_identity(load_file(identity))
    return FaceReader(*nets, limits=limits, fingerprint=fingerprint([finder, identity]))
