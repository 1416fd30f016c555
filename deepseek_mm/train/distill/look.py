"""What teacher and student make of the photos that are learned from, kept on disk: an epoch then costs no tower.

Shape key:  N photos, B of a batch, P cells (81), C channels, D width of the space, W width of the small models (256),
            K classes of ImageNet
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace, positions
from deepseek_mm.embeddings.edge import CELLS, MIDDLE_CHANNELS, shrink_map
from deepseek_mm.embeddings.image import MAP_CHANNELS, NUM_CLASSES, ImageTower, to_pixels
from deepseek_mm.embeddings.prefetch import prefetch_batches
from deepseek_mm.embeddings.projection import HEADS, SPACE_DIM, ImageHead
from deepseek_mm.runtime.engines import BY_NAME
from deepseek_mm.runtime.towers.install import install
from deepseek_mm.runtime.towers.parts import image_parts, text_parts
from deepseek_mm.train.captions import Views, bits_of
from deepseek_mm.vision.tagger import NoticeNet, read_noticer
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import ReaderNet

BATCH = 16
ENGINE = "openvino-bf16"  # that computes the towers here
SMALL = 256  # width of reader and noticer
SHAPES: Mapping[str, tuple[int, ...]] = {
    "map": (CELLS, MAP_CHANNELS),  # the student's tower
    "middle": (CELLS, MIDDLE_CHANNELS),
    "vectors": (1 + CELLS, SPACE_DIM),  # the teacher's: the picture, then its cells
    "shares": (2 * HEADS, CELLS),  # how much its two heads look at each cell
    "read": (CELLS, SMALL),  # what its reader makes of cells, before it looks at a question
    "noticed": (CELLS, SMALL),  # what its noticer does
    "classes": (NUM_CLASSES,),  # what its packaged tower says they are
}
Squares = Sequence[NDArray[np.uint8]]
Looks = Callable[[Squares], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of some photos, arrays (N, ...) of bfloat16 bits by the names of SHAPES; one mapping a view."""

    views: tuple[Mapping[str, NDArray[np.int16]], ...]

    def __len__(self) -> int:
        return len(self.views[0]["map"])

    def batch(self, name: str, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, ...) bfloat16: the given photos, each in the given view."""
        picked = np.stack([self.views[view][name][photo] for photo, view in zip(photos, views, strict=True)])
        return torch.from_numpy(picked).view(torch.bfloat16)


class OneTower(nn.Module):
    """A tower where engines look for one."""

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.image_tower = tower


class Both:
    """Teacher and student's tower look at the same squares."""

    def __init__(self, space: DefaultSpace, tower: ImageTower, engines: Path | None = None) -> None:
        """Both towers are computed by engines in this folder, in place, where one is named: three times as fast."""
        self.space, self.model, self.tower, self.namer = space, space.model, tower, space.namer
        if engines:
            own, one = space.model, OneTower(tower)
            parts = [*image_parts(own, lambda: ()), *text_parts(own, lambda: ())]
            install(own, parts, BY_NAME[ENGINE], engines / "teacher")
            install(one, image_parts(one, lambda: ()), BY_NAME[ENGINE], engines / "student")
        self.whole_noticer = read_noticer(space)
        self.whole_reader = read_reader(space)
        self.reader: ReaderNet = self.whole_reader.net
        self.noticer: NoticeNet = self.whole_noticer.nets[0]

    @torch.inference_mode()
    def look(self, squares: Squares) -> dict[str, Tensor]:
        """By the names of SHAPES, bfloat16."""
        with autocast_bf16():
            maps = self.model.maps(squares)
            vectors_BD, grid_BPD = self.model.look_at(maps.main_BPC, maps.side_BPC)
            cells_BPC = maps.cells().float()
            shares = [shares_of(self.model.image_head, maps.main_BPC), shares_of(self.model.side.image, maps.side_BPC)]
            own = seen_by(self.tower, squares)
            told = {
                "vectors": torch.cat([vectors_BD[:, None].float(), grid_BPD.float()], dim=1),
                "shares": torch.cat(shares, dim=1),
                "read": self.reader.bring(cells_BPC),
                "noticed": self.noticer.bring(cells_BPC),
                "classes": self.namer.classifier(maps.packaged_BCGG.float().mean(dim=(2, 3))),
            }
        return {name: value.bfloat16() for name, value in (own | told).items()}


def seen_by(tower: ImageTower, squares: Squares) -> dict[str, Tensor]:
    """The student's maps."""
    middle_BCMM = tower.lower(to_pixels(squares))
    return {"map": positions(tower.upper(middle_BCMM)), "middle": shrink_map(middle_BCMM)}


def shares_of(head: ImageHead, map_BPC: Tensor) -> Tensor:
    """(B, heads, P): how much a head looks at each cell; each row sums to 1."""
    share_BPH: Tensor = head.weight(head.norm(map_BPC)).float().softmax(dim=1)
    return share_BPH.transpose(1, 2)


def keep(looks: Looks, paths: Sequence[Path], folder: Path, *, views: int, name: str) -> Kept:
    """Made where `folder` does not hold it yet; a call that was stopped is gone on with."""
    return Kept(tuple(_view(looks, paths, folder / f"view{view}", view, name) for view in range(views)))


def _view(looks: Looks, paths: Sequence[Path], folder: Path, view: int, name: str) -> Mapping[str, NDArray[np.int16]]:
    folder.mkdir(parents=True, exist_ok=True)
    done_file = folder / "done"
    done = int(done_file.read_text()) if done_file.is_file() else 0
    arrays = {key: _opened(folder / f"{key}.npy", (len(paths), *shape), new=not done) for key, shape in SHAPES.items()}
    squares = Views(folder=folder, paths=tuple(paths), shape_of_one=()).squares(view, start=done)
    bar = tqdm(total=len(paths), initial=done, unit="photo", desc=f"{name} {view}", file=sys.stderr, mininterval=20)
    with bar:
        for some in prefetch_batches(squares, size=BATCH) if done < len(paths) else ():
            for key, value in looks(some).items():
                arrays[key][done : done + len(some)] = bits_of(value)
            done += len(some)
            bar.update(len(some))
            if done % (BATCH * 16) == 0 or done == len(paths):
                _flush(arrays, done_file, done)
    return arrays


def _flush(arrays: Mapping[str, np.memmap], done_file: Path, done: int) -> None:
    for array in arrays.values():
        array.flush()
    done_file.write_text(str(done))


def _opened(file: Path, shape: tuple[int, ...], *, new: bool) -> np.memmap:
    if new:
        return np.lib.format.open_memmap(file, "w+", dtype=np.int16, shape=shape)
    return np.lib.format.open_memmap(file, "r+")
