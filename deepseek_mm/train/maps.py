"""What the tower makes of the photos that are trained on, kept on disk: an epoch then costs no tower at all.

Shape key:  N photos, B of a batch, P cells (81), C channels of a cell
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from deepseek_mm.embeddings.default import CELLS, CHANNELS, SpaceModel, maps_of_many
from deepseek_mm.evaluation.retrieval import read_picture

VIEWS = ("plain", "mirrored")


@dataclass(frozen=True, slots=True)
class Maps:
    """Of some photos, in the order of their paths; one array a view."""

    views: tuple[NDArray[np.int16], ...]  # (N, P, C), bfloat16 bits

    def batch(self, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, P, C) bfloat16: the given photos, each in the given view."""
        picked = np.stack([self.views[view][photo] for photo, view in zip(photos, views, strict=True)])
        return torch.from_numpy(picked).view(torch.bfloat16)


def keep_maps(
    model: SpaceModel, paths: Sequence[Path], folder: Path, *, views: int = 2, told: Callable[[int], object]
) -> Maps:
    """Made where `folder` does not hold them yet; `told` hears of every photo that is done."""
    return Maps(tuple(_view(model, paths, folder / f"{name}.npy", name, told) for name in VIEWS[:views]))


def _view(
    model: SpaceModel, paths: Sequence[Path], file: Path, name: str, told: Callable[[int], object]
) -> NDArray[np.int16]:
    maps = maps_of_many(model, _pictures(paths, name), batch=32)
    rows = (map_PC.view(torch.int16).numpy() for map_PC in maps)
    return kept_rows(file, (len(paths), CELLS, CHANNELS), rows, told)


def kept_rows(
    file: Path, shape: tuple[int, ...], rows: Iterator[NDArray[np.int16]], told: Callable[[int], object]
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
