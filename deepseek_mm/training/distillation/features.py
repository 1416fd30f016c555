"""The cached features of teacher and student: an epoch then costs no tower.

The student's tower is EfficientNet-Lite0 with its weights rounded as they are stored in the file: neck and heads are
trained on the rounded tower only, so the rounding costs nothing later.

Shape key:  N photos, B of a batch, P cells (81), C channels, D width of the space, W width of the small models (256),
            K classes of ImageNet
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.deltas import pack_whole, unpack_whole
from deepseek_mm.embeddings.default import DefaultSpace, positions
from deepseek_mm.embeddings.edge import CELLS, COUNTED, MIDDLE_CHANNELS, shrink_map
from deepseek_mm.embeddings.heads import HEADS, SPACE_DIM, ImageHead
from deepseek_mm.embeddings.inference import autocast_bf16, prefetch_batches
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import (
    MAP_CHANNELS,
    NUM_CLASSES,
    ImageTower,
    load_image_tower,
    small_tower_file,
    to_pixels,
)
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows
from deepseek_mm.runtime.engines import BY_NAME
from deepseek_mm.runtime.towers.backends import install
from deepseek_mm.runtime.towers.parts import image_parts, text_parts
from deepseek_mm.training.feature_maps import read_squares, to_bf16_bits
from deepseek_mm.training.question_albums import CAPTIONED, QuestionAlbum, read_albums
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import NoticeNet, ReaderNet, read_noticer

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
ComputeFeatures = Callable[[Squares], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class DistillationFeatures:
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


class TeacherAndStudent:
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
            shares = [
                compute_attention_shares(self.model.image_head, maps.main_BPC),
                compute_attention_shares(self.model.side.image, maps.side_BPC),
            ]
            own = compute_student_maps(self.tower, squares)
            told = {
                "vectors": torch.cat([vectors_BD[:, None].float(), grid_BPD.float()], dim=1),
                "shares": torch.cat(shares, dim=1),
                "read": self.reader.bring(cells_BPC),
                "noticed": self.noticer.bring(cells_BPC),
                "classes": self.namer.classifier(maps.packaged_BCGG.float().mean(dim=(2, 3))),
            }
        return {name: value.bfloat16() for name, value in (own | told).items()}


def compute_student_maps(tower: ImageTower, squares: Squares) -> dict[str, Tensor]:
    """The student's maps."""
    middle_BCMM = tower.lower(to_pixels(squares))
    return {"map": positions(tower.upper(middle_BCMM)), "middle": shrink_map(middle_BCMM)}


def compute_attention_shares(head: ImageHead, map_BPC: Tensor) -> Tensor:
    """(B, heads, P): how much a head looks at each cell; each row sums to 1."""
    share_BPH: Tensor = head.weight(head.norm(map_BPC)).float().softmax(dim=1)
    return share_BPH.transpose(1, 2)


def cache_features(
    looks: ComputeFeatures, paths: Sequence[Path], folder: Path, *, views: int, name: str
) -> DistillationFeatures:
    """Made where `folder` does not hold it yet; a call that was stopped is gone on with."""
    return DistillationFeatures(
        tuple(_cache_view(looks, paths, folder / f"view{view}", view, name) for view in range(views))
    )


def _cache_view(
    looks: ComputeFeatures, paths: Sequence[Path], folder: Path, view: int, name: str
) -> Mapping[str, NDArray[np.int16]]:
    folder.mkdir(parents=True, exist_ok=True)
    done_file = folder / "done"
    done = int(done_file.read_text()) if done_file.is_file() else 0
    arrays = {
        key: _open_array(folder / f"{key}.npy", (len(paths), *shape), new=not done) for key, shape in SHAPES.items()
    }
    squares = read_squares(paths, view, start=done)
    bar = tqdm(total=len(paths), initial=done, unit="photo", desc=f"{name} {view}", file=sys.stderr, mininterval=20)
    with bar:
        for some in prefetch_batches(squares, size=BATCH) if done < len(paths) else ():
            for key, value in looks(some).items():
                arrays[key][done : done + len(some)] = to_bf16_bits(value)
            done += len(some)
            bar.update(len(some))
            if done % (BATCH * 16) == 0 or done == len(paths):
                _flush(arrays, done_file, done)
    return arrays


def _flush(arrays: Mapping[str, np.memmap], done_file: Path, done: int) -> None:
    for array in arrays.values():
        array.flush()
    done_file.write_text(str(done))


def _open_array(file: Path, shape: tuple[int, ...], *, new: bool) -> np.memmap:
    if new:
        return np.lib.format.open_memmap(file, "w+", dtype=np.int16, shape=shape)
    return np.lib.format.open_memmap(file, "r+")


NET = "tf_efficientnet_lite0"  # in timm


def rounded_tower() -> ImageTower:
    """In evaluation mode, pictures' channels last."""
    tower = load_image_tower(small_tower_file(), NET)
    state = {name: value for name, value in tower.state_dict().items() if not name.endswith(COUNTED)}
    tower.load_state_dict(unpack_whole(pack_whole(state)), strict=False)
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return tower.eval().requires_grad_(False)


DEV = "dev"  # folder of the photos that only judge


@dataclass(frozen=True)
class DistillationRun:
    """Folders of the data and of the run; what is opened is opened once."""

    data: Path
    out: Path
    seed: int = 0
    views: int = 1  # of each photo: itself, then random crops

    @cached_property
    def space(self) -> DefaultSpace:
        """The teacher."""
        return DefaultSpace()

    @cached_property
    def tower(self) -> ImageTower:
        """The student's."""
        return rounded_tower()

    @cached_property
    def albums(self) -> list[QuestionAlbum]:
        """Photos and questions that are learned from."""
        return read_albums(self.data, seed=self.seed)

    @cached_property
    def both(self) -> TeacherAndStudent:
        """Teacher and student side by side."""
        return TeacherAndStudent(DefaultSpace(), rounded_tower(), self.out / "engines")

    def rows(self, split: str) -> list[CaptionRow]:
        """Photos with captions."""
        return read_caption_rows(self.data / CAPTIONED / "captions.jsonl", split=split)

    def open_features(self, album: QuestionAlbum) -> DistillationFeatures:
        """What both make of the album's photos, made where it is not kept yet."""
        paths = find_pictures(album.images, album.photos)
        return cache_features(
            lambda some: self.both.look(some), paths, self.maps / album.name, views=self.views, name=album.name
        )

    def open_dev_features(self) -> DistillationFeatures:
        """The same of the dev photos, one view."""
        paths = find_pictures(self.data / CAPTIONED / "images", [row.image for row in self.rows(DEV)])
        return cache_features(lambda some: self.both.look(some), paths, self.maps / DEV, views=1, name=DEV)

    def embed_captions(self, split: str) -> list[Floats]:
        """Of each photo the vectors of its captions, by the teacher."""
        rows = self.rows(split)
        captions = [caption for row in rows for caption in row.captions]
        file = self.maps / f"texts-{split}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        vectors = cache_array(file, lambda: self.both.space.embed_texts(captions))
        return np.split(vectors, np.cumsum([len(row.captions) for row in rows])[:-1])

    @property
    def maps(self) -> Path:
        """Where what was made of photos lies."""
        return self.out / "looks"


def cache_array(file: Path, make: Callable[[], Floats]) -> Floats:
    """What lies in the file, which is made where it is missing."""
    if not file.is_file():
        draft = file.with_suffix(".draft.npy")
        np.save(draft, make())
        draft.replace(file)
    array: Floats = np.load(file)
    return array


def list_owners(texts: Sequence[Floats]) -> np.ndarray:
    """(captions,): the number of each caption's photo."""
    return np.repeat(np.arange(len(texts)), [len(own) for own in texts])
