"""Cached feature maps of training photos: an epoch then does not compute the tower again.

The lower part of the image tower is never trained, so its output for a few views of each photo (the photo itself, and
random crops with changed colours) is computed once; an epoch of the alignment costs the upper part only. Trainers over
a fixed tower use the whole tower's maps, plain and mirrored.

Shape key:  N photos, B of a batch, V views, M side of the middle map (17), P cells (81), C channels
"""

import sys
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
from tqdm import tqdm

from deepseek_mm.embeddings.default import CELLS, CHANNELS, SpaceModel, maps_of_many
from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import SIDE_PX, ImageTower, squeeze, to_pixels
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture

MIDDLE_SHAPE = (17, 17, 120)
BATCH = 32
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
VIEWS = ("plain", "mirrored")  # of the whole tower's maps
Bits = NDArray[np.int16]  # of bfloat16 numbers

CROP = v2.Compose(
    [
        v2.RandomResizedCrop(SIDE_PX, scale=(0.5, 1.0), ratio=(0.7, 1.4), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25, hue=0.03),
    ]
)


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, by name."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def to_bf16_bits(x: Tensor) -> Bits:
    """Of bfloat16 numbers, in the same shape."""
    bits: Bits = x.contiguous().view(torch.int16).numpy()
    return bits


def pick_rows(arrays: Sequence[Bits], photos: Sequence[int], views: Sequence[int]) -> Tensor:
    """(B, ...) bfloat16 out of one array a view: the given photos, each in the given view."""
    picked = np.stack([arrays[view][photo] for photo, view in zip(photos, views, strict=True)])
    return torch.from_numpy(picked).view(torch.bfloat16)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionedViews:
    """Photos with captions, and their middle maps, one array a view."""

    rows: tuple[CaptionRow, ...]
    views: tuple[Bits, ...]  # each (N, M, M, C)

    def middle(self, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, C, M, M) bfloat16 of the given photos, each in the given view."""
        return pick_rows(self.views, photos, views).permute(0, 3, 1, 2)


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
        if view:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(view * 100_003 + number)
                image = CROP(image)
        yield squeeze(image)


def _lower_rows(tower: ImageTower, paths: Sequence[Path], view: int) -> Iterator[Bits]:
    for squares in prefetch_batches(read_squares(paths, view), size=BATCH):
        with torch.inference_mode(), autocast_bf16():
            middle_BCMM = tower.lower(to_pixels(squares)).bfloat16()
        yield from to_bf16_bits(middle_BCMM.permute(0, 2, 3, 1))


def cache_feature_maps(model: SpaceModel, paths: Sequence[Path], folder: Path) -> tuple[Bits, ...]:
    """(N, P, C) a view: the whole tower's maps, plain and mirrored, made where `folder` does not hold them yet."""
    shape = (len(paths), CELLS, CHANNELS)
    rows = ((name, map(to_bf16_bits, maps_of_many(model, _pictures(paths, name), batch=BATCH))) for name in VIEWS)
    return tuple(cache_rows(folder / f"{name}.npy", shape, of_view) for name, of_view in rows)


def _pictures(paths: Sequence[Path], name: str) -> Iterator[Image.Image]:
    for path in paths:
        image = read_picture(path)
        yield image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if name == "mirrored" else image


def cache_rows(file: Path, shape: tuple[int, ...], rows: Iterator[Bits]) -> Bits:
    """The array in `file`, which is written from its rows where it is not there yet, or has another shape."""
    if not file.is_file() or np.load(file, mmap_mode="r").shape != shape:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        array = np.lib.format.open_memmap(draft, "w+", dtype=np.int16, shape=shape)
        bar = tqdm(rows, total=len(array), unit="photo", desc=f"{file.parent.name} {file.stem}", file=sys.stderr)
        for number, row in enumerate(bar):
            array[number] = row
        array.flush()
        draft.replace(file)
    loaded: Bits = np.load(file, mmap_mode="r")
    return loaded


def cache_array(file: Path, rows: int, make: Callable[[], Floats]) -> Floats:
    """The array in `file`, which is made where it is missing or has another number of rows."""
    if not file.is_file() or len(np.load(file, mmap_mode="r")) != rows:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft.npy")
        np.save(draft, make())
        draft.replace(file)
    array: Floats = np.load(file)
    return array
