"""Photos and their captions for training, with the lower tower's work kept on disk.

The lower part of the image tower is never trained, so its output for a few views of each photo (the photo itself, and
random crops with changed colours) is computed once and read back in every epoch: an epoch costs the upper part only.

Shape key:  N photos, V views, M side of the middle map (17), C its channels (120)
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

from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.image import SIDE_PX, ImageTower, squeeze, to_pixels
from deepseek_mm.embeddings.prefetch import prefetch_batches
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture

MIDDLE_SHAPE = (17, 17, 120)
BATCH = 32

CROP = v2.Compose(
    [
        v2.RandomResizedCrop(SIDE_PX, scale=(0.5, 1.0), ratio=(0.7, 1.4), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25, hue=0.03),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Captioned:
    """Photos with captions, and their middle maps, one array a view."""

    rows: tuple[CaptionRow, ...]
    views: tuple[NDArray[np.int16], ...]  # each (N, M, M, C), bfloat16 bits

    def middle(self, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, C, M, M) bfloat16 of the given photos, each in the given view."""
        picked = np.stack([self.views[view][photo] for photo, view in zip(photos, views, strict=True)])
        return torch.from_numpy(picked).view(torch.bfloat16).permute(0, 3, 1, 2)


def prepare(tower: ImageTower, rows: Sequence[CaptionRow], images: Path, folder: Path, *, num_views: int) -> Captioned:
    """Middle maps of every view, made where `folder` does not hold them yet."""
    views = Views(
        folder=folder, paths=tuple(find_pictures(images, [row.image for row in rows])), shape_of_one=MIDDLE_SHAPE
    )
    return Captioned(rows=tuple(rows), views=views.kept(lambda squares: _lower(tower, squares), num_views))


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """What a tower makes of every view of some photos, an array a view, on disk."""

    folder: Path
    paths: tuple[Path, ...]
    shape_of_one: tuple[int, ...]  # of what is made of one photo
    side_px: int = SIDE_PX

    def kept(
        self, look: Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.int16]], num_views: int
    ) -> tuple[NDArray[np.int16], ...]:
        """Each (N, *shape_of_one), made by `look` where the folder does not hold it yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return tuple(self._view(look, view) for view in range(num_views))

    def _view(self, look: Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.int16]], view: int) -> NDArray[np.int16]:
        file, shape = self.folder / f"view{view}.npy", (len(self.paths), *self.shape_of_one)
        if not file.is_file() or np.load(file, mmap_mode="r").shape != shape:
            draft = file.with_suffix(".draft")
            maps = np.lib.format.open_memmap(draft, "w+", dtype=np.int16, shape=shape)
            done = 0
            for squares in prefetch_batches(self.squares(view), size=BATCH):
                maps[done : done + len(squares)] = look(squares)
                done += len(squares)
            maps.flush()
            draft.replace(file)
        loaded: NDArray[np.int16] = np.load(file, mmap_mode="r")
        return loaded

    def squares(self, view: int, *, start: int = 0) -> Iterator[NDArray[np.uint8]]:
        """From photo `start` on. View 0 is the photo itself; any other is a random crop that depends on the photo and
        the view only.
        """
        for number, path in islice(enumerate(self.paths), start, None):
            image = read_picture(path)
            if view == 0:
                yield squeeze(image, self.side_px)
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(view * 100_003 + number)
                    cropped: Image.Image = CROP(image)
                yield squeeze(cropped, self.side_px)


@torch.inference_mode()
def _lower(tower: ImageTower, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.int16]:
    with autocast_bf16():
        middle_BCMM = tower.lower(to_pixels(squares)).bfloat16()
    return bits_of(middle_BCMM.permute(0, 2, 3, 1))


def bits_of(x: Tensor) -> NDArray[np.int16]:
    """Of bfloat16 numbers, in the same shape."""
    bits: NDArray[np.int16] = x.contiguous().view(torch.int16).numpy()
    return bits
