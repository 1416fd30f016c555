"""The detector of things: pictures to boxes, each with how much it looks like each of COCO's 80 names.

A box is a place first: what is found under a wrong name (a coin as a clock) is found. So boxes that coincide are one
whatever they are called, and all 80 scores go with it. A picture is put into the middle of a black square; of a large
one, tiles that overlap are looked at as well, so that small things are found, and what a tile's inner edge cuts is
left to the others.

Shape key:  B pictures, S side of a square (416), C names (80), N boxes, P cells of all levels (3,549), K distances,
            O what comes out for a cell, V values of a pixel
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image, Resampling
from safetensors.torch import load_file
from torch import Tensor, nn

from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.space import Floats, Share
from deepseek_mm.embeddings.towers import fingerprint
from deepseek_mm.errors import MissingWeights
from deepseek_mm.stage_clock import note_model
from deepseek_mm.threads import single_threaded
from deepseek_mm.vision.detector.net import NUM_DISTANCES, NUM_NAMES, SIDE_PX, STRIDES, load_net

WEIGHTS = Path(__file__).parents[2] / "weights" / "detector.safetensors"
NAMES_FILE = Path(__file__).with_name("coco_names.txt")
NAMES = tuple(NAMES_FILE.read_text(encoding="utf-8").split("\n")[:NUM_NAMES])  # in the network's order
WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
MEAN = np.array([103.53, 116.28, 123.675], np.float32)  # of blue, green and red: the package's own
DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)
DEVIATIONS_CV = (np.arange(256, dtype=np.float32) - MEAN[:, None]) / DEVIATION[:, None]  # of each value of a pixel
LEAST = 0.05  # score below which a cell is no box
LEAST_LOGIT = math.log(LEAST / (1 - LEAST))
SAME = 0.6  # intersection over union from which two boxes are one
MOST_BOXES = 100  # of one picture
BATCH = 8
TILE_OVERLAP = 0.2  # share of a tile's side
TILED_PX = 624  # longer side from which tiles show more than the whole picture does: one and a half squares
EDGE = 0.01  # share of a tile's side within which a box touches its edge


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """A box, and how much what is in it looks like each name."""

    box: Share
    chances_C: Floats  # scores of COCO's names, 0 to 1 each; not calibrated

    @property
    def name(self) -> str:
        """The likeliest of COCO's names."""
        return NAMES[int(self.chances_C.argmax())]

    @property
    def score(self) -> float:
        """Of that name."""
        return float(self.chances_C.max())


@dataclass(frozen=True, kw_only=True, slots=True)
class Detections:
    """What was found in one picture."""

    boxes: tuple[Detection, ...]  # surest first; none coincide
    most_C: Floats  # the best score of each name anywhere in the picture
    views: int = 1  # the picture, and its tiles where these were looked at


class Detector:
    """Runs the network over pictures."""

    def __init__(self, net: nn.Module, *, fingerprint: str = "", batch: int = BATCH) -> None:
        """`net` gives what NanoDet gives, and an engine may take its place; the fingerprint is of its weights."""
        self.model, self.fingerprint, self.batch = nn.ModuleDict({"net": net}), fingerprint, batch

    def detect_many(self, images: Iterable[Image], *, tiled_px: int = TILED_PX) -> Iterator[Detections]:
        """Of each picture, in order; in tiles as well where a side is as long as `tiled_px`, never where that is 0."""
        note_model("detector")
        for some in prefetch_batches((views_of(image, tiled_px) for image in images), size=self.batch):
            yield from self._detect(some)

    def _detect(self, pictures: Sequence[Sequence["PictureView"]]) -> Iterator[Detections]:
        every = [view for views in pictures for view in views]
        found = [
            cells
            for start in range(0, len(every), self.batch)
            for cells in self._run([view.square for view in every[start : start + self.batch]])
        ]
        at, merged = 0, []
        with single_threaded():  # what is left is small
            for views in pictures:
                merged.append(merge_views(views, found[at : at + len(views)]))
                at += len(views)
        yield from merged

    @torch.inference_mode()
    def _run(self, squares: Sequence[NDArray[np.uint8]]) -> list[Tensor]:
        """(O, P): what comes out for the cells of all levels, for each of them."""
        with autocast_bf16():
            levels = self.model["net"](to_input(squares))
        return list(torch.cat([map_BOHW.float().flatten(2) for map_BOHW in levels], dim=2))


@dataclass(frozen=True, slots=True)
class PictureView:
    """The picture or a tile of it, as the network sees it."""

    square: NDArray[np.uint8]  # (S, S, 3) RGB
    inside: tuple[float, float, float, float]  # where in the square it lies, in pixels
    share: Share  # what of the picture it shows


def read_samples(images: Iterable[Image]) -> list[tuple[Tensor]]:
    """Batches of one as the network sees these pictures, for whoever sets the scales of eight bits."""
    return [(to_input([make_view(image, WHOLE).square]),) for image in images]


def views_of(image: Image, tiled_px: int) -> list[PictureView]:
    """The whole picture, then its tiles where it is large."""
    large = tiled_px and max(image.size) >= max(tiled_px, TILED_PX)
    shares = tile_shares(image.width, image.height) if large else []
    return [make_view(image, share) for share in [WHOLE, *shares]]


def has_tiles(image: Image) -> bool:
    """Is it so large that tiles show more of it than the whole does?"""
    return max(image.size) >= TILED_PX


def tile_shares(width: int, height: int) -> list[Share]:
    """Tiles that overlap, two along each side that is long enough."""
    across, down = (
        [(0.0, 1.0)] if side < TILED_PX else [(0.0, 0.5 + TILE_OVERLAP / 2), (0.5 - TILE_OVERLAP / 2, 1.0)]
        for side in (width, height)
    )
    return [(left, top, right, bottom) for top, bottom in down for left, right in across]


def make_view(image: Image, share: Share) -> PictureView:
    """That part of the picture in the middle of a black square."""
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(share, (*image.size, *image.size), strict=True)
    )
    wide, high = max(1, right - left), max(1, bottom - top)
    scale = min(SIDE_PX / wide, SIDE_PX / high)
    width, height = max(1, round(wide * scale)), max(1, round(high * scale))
    box = (left, top, left + wide, top + high)
    small = image.convert("RGB").resize((width, height), Resampling.BICUBIC, box=box)
    x, y = (SIDE_PX - width) // 2, (SIDE_PX - height) // 2
    square = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    square[y : y + height, x : x + width] = np.asarray(small)
    return PictureView(square, (x, y, x + width, y + height), share)


def to_input(squares: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(B, 3, S, S): blue, green and red in deviations from their means."""
    pixels = np.empty((len(squares), 3, SIDE_PX, SIDE_PX), np.float32)
    for n, square in enumerate(squares):
        for channel, values in enumerate(DEVIATIONS_CV):
            np.take(values, square[..., 2 - channel], out=pixels[n, channel])
    return torch.from_numpy(pixels)


@cache
def locate_cells() -> tuple[Tensor, Tensor]:
    """Middles (P, 4), x and y twice, and strides (P, 1) of the cells of all levels, in pixels of the square."""
    middles, strides = [], []
    for stride in STRIDES:
        cells = (torch.arange(SIDE_PX // stride) + 0.5) * stride
        y, x = (grid.flatten() for grid in torch.meshgrid(cells, cells, indexing="ij"))
        middles.append(torch.stack([x, y, x, y], dim=-1))
        strides.append(torch.full((len(x), 1), float(stride)))
    return torch.cat(middles), torch.cat(strides)


def merge_views(views: Sequence[PictureView], found: Sequence[Tensor]) -> Detections:
    """Boxes of all views of one picture, those that coincide once."""
    kept = [keep_sure(view, told_OP) for view, told_OP in zip(views, found, strict=True)]
    chances_NC, box_N4 = (torch.cat(each) for each in zip(*kept, strict=True))
    order = list_distinct(box_N4, chances_NC.amax(dim=1))
    boxes = tuple(
        Detection(box=(box[0], box[1], box[2], box[3]), chances_C=chances_C)
        for box, chances_C in zip(box_N4[order].tolist(), chances_NC[order].numpy(), strict=True)
    )
    most_C = torch.stack([told_OP[:NUM_NAMES].amax(dim=1) for told_OP in found]).amax(dim=0).sigmoid()
    return Detections(boxes=boxes, most_C=most_C.numpy(), views=len(views))


def list_distinct(box_N4: Tensor, chance_N: Tensor) -> list[int]:
    """Numbers of the surest boxes, the surest first, without those that coincide with a surer one.

    By OpenCV: torchvision's own costs every start 1.7 s of processor time and 85 MB, which it imports.
    """
    if not len(box_N4):
        return []
    sized_N4 = torch.cat([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], dim=1)
    kept = cv2.dnn.NMSBoxes(sized_N4.tolist(), chance_N.tolist(), score_threshold=0.0, nms_threshold=SAME)
    return [int(number) for number in kept][:MOST_BOXES]


def keep_sure(view: PictureView, told_OP: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N, C) and boxes (N, 4), as shares of the picture, of the cells that are sure enough; none that an inner
    edge of a tile cuts.
    """
    sure = (told_OP[:NUM_NAMES].amax(dim=0) > LEAST_LOGIT).nonzero()[:, 0]
    told_NO, (middle_P4, stride_P1) = told_OP[:, sure].T, locate_cells()
    logits_N4K = told_NO[:, NUM_NAMES:].unflatten(-1, (4, NUM_DISTANCES))
    reach_N4 = (logits_N4K.softmax(-1) @ torch.arange(NUM_DISTANCES, dtype=torch.float32)) * stride_P1[sure]
    box_N4 = middle_P4[sure] + reach_N4 * torch.tensor([-1.0, -1.0, 1.0, 1.0])
    left, top, right, bottom = view.inside
    origin, size = torch.tensor([left, top, left, top]), torch.tensor([right - left, bottom - top] * 2)
    inside_N4 = ((box_N4 - origin) / size).clamp(0, 1)
    inner = torch.tensor([edge > 0 for edge in view.share[:2]] + [edge < 1 for edge in view.share[2:]])
    touches_N4 = torch.cat([inside_N4[:, :2] < EDGE, inside_N4[:, 2:] > 1 - EDGE], dim=1)
    whole = ~(touches_N4 & inner).any(dim=1)
    across, down = view.share[2] - view.share[0], view.share[3] - view.share[1]
    shares_N4 = inside_N4[whole] * torch.tensor([across, down] * 2) + torch.tensor([*view.share[:2]] * 2)
    return told_NO[whole, :NUM_NAMES].sigmoid(), shares_N4


def read_detector(file: Path = WEIGHTS) -> Detector:
    """The detector that is shipped. MissingWeights without its file."""
    if not file.is_file():
        raise MissingWeights(file, make="python -m deepseek_mm train detector --package FOLDER")
    return Detector(load_net(load_file(file)), fingerprint=fingerprint([file]))
