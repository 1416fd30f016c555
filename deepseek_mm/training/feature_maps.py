"""Cached feature maps of training photos: an epoch then does not compute the tower again.

The lower part of the image tower is never trained, so its output for a few views of each photo (the photo itself, and
random crops with changed colours) is computed once; an epoch of the alignment costs the upper part only. Trainers over
a fixed tower use the whole tower's maps, plain and mirrored.

Shape key:  N photos, B of a batch, V views, M side of the middle map (17), P cells (81), C channels
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from deepseek_mm.embeddings.default import CELLS, CHANNELS, SpaceModel, maps_of_many
from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.towers import SIDE_PX, ImageTower, squeeze, to_pixels
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture

MIDDLE_SHAPE = (17, 17, 120)
BATCH = 32
VIEWS = ("plain", "mirrored")  # of the whole tower's maps

CROP = v2.Compose(
    [
        v2.RandomResizedCrop(SIDE_PX, scale=(0.5, 1.0), ratio=(0.7, 1.4), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25, hue=0.03),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionedViews:
    """Photos with captions, and their middle maps, one array a view."""

    rows: tuple[CaptionRow, ...]
    views: tuple[NDArray[np.int16], ...]  # each (N, M, M, C), bfloat16 bits

    def middle(self, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, C, M, M) bfloat16 of the given photos, each in the given view."""
        picked = np.stack([self.views[view][photo] for photo, view in zip(photos, views, strict=True)])
        return torch.from_numpy(picked).view(torch.bfloat16).permute(0, 3, 1, 2)


def prepare_captioned(
    tower: ImageTower, rows: Sequence[CaptionRow], images: Path, folder: Path, *, num_views: int
) -> CaptionedViews:
    """Middle maps of every view, made where `folder` does not hold them yet."""
    paths, shape = find_pictures(images, [row.image for row in rows]), (len(rows), *MIDDLE_SHAPE)
    views = (cache_rows(folder / f"view{n}.npy", shape, _lower_rows(tower, paths, n)) for n in range(num_views))
    return CaptionedViews(rows=tuple(rows), views=tuple(views))


def read_squares(paths: Sequence[Path], view: int, *, start: int = 0) -> Iterator[NDArray[np.uint8]]:
    """The photos' squares from photo `start` on.

    View 0 is the photo itself; any other is a random crop that depends on the photo's number and the view only.
    """
    for number, path in islice(enumerate(paths), start, None):
        image = read_picture(path)
        if view == 0:
            yield squeeze(image)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(view * 100_003 + number)
                cropped: Image.Image = CROP(image)
            yield squeeze(cropped)


def _lower_rows(tower: ImageTower, paths: Sequence[Path], view: int) -> Iterator[NDArray[np.int16]]:
    for squares in prefetch_batches(read_squares(paths, view), size=BATCH):
        yield from _lower(tower, squares)


@torch.inference_mode()
def _lower(tower: ImageTower, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.int16]:
    with autocast_bf16():
        middle_BCMM = tower.lower(to_pixels(squares)).bfloat16()
    return to_bf16_bits(middle_BCMM.permute(0, 2, 3, 1))


def to_bf16_bits(x: Tensor) -> NDArray[np.int16]:
    """Of bfloat16 numbers, in the same shape."""
    bits: NDArray[np.int16] = x.contiguous().view(torch.int16).numpy()
    return bits


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """Of some photos, in the order of their paths; one array a view."""

    views: tuple[NDArray[np.int16], ...]  # (N, P, C), bfloat16 bits

    def batch(self, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, P, C) bfloat16: the given photos, each in the given view."""
        picked = np.stack([self.views[view][photo] for photo, view in zip(photos, views, strict=True)])
        return torch.from_numpy(picked).view(torch.bfloat16)


def cache_feature_maps(
    model: SpaceModel, paths: Sequence[Path], folder: Path, *, views: int = 2, told: Callable[[int], object]
) -> FeatureMaps:
    """Made where `folder` does not hold them yet; `told` hears of every photo that is done."""
    return FeatureMaps(tuple(_view(model, paths, folder / f"{name}.npy", name, told) for name in VIEWS[:views]))


def _view(
    model: SpaceModel, paths: Sequence[Path], file: Path, name: str, told: Callable[[int], object]
) -> NDArray[np.int16]:
    maps = maps_of_many(model, _pictures(paths, name), batch=32)
    rows = (map_PC.view(torch.int16).numpy() for map_PC in maps)
    return cache_rows(file, (len(paths), CELLS, CHANNELS), rows, told)


def cache_rows(
    file: Path,
    shape: tuple[int, ...],
    rows: Iterator[NDArray[np.int16]],
    told: Callable[[int], object] = lambda count: None,
) -> NDArray[np.int16]:
    """The array in `file`, which is written from its rows where it is not there yet, or has another shape."""
    if not file.is_file() or np.load(file, mmap_mode="r").shape != shape:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        array = np.lib.format.open_memmap(draft, "w+", dtype=np.int16, shape=shape)
        for number, row in enumerate(rows):
            array[number] = row
            told(1)
        array.flush()
        draft.replace(file)
    loaded: NDArray[np.int16] = np.load(file, mmap_mode="r")
    return loaded


def _pictures(paths: Sequence[Path], name: str) -> Iterator[Image.Image]:
    for path in paths:
        image = read_picture(path)
        yield image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if name == "mirrored" else image
