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
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace, positions
from deepseek_mm.embeddings.edge import CELLS, COUNTED, MIDDLE_CHANNELS, shrink_map
from deepseek_mm.embeddings.image import MAP_CHANNELS, NUM_CLASSES, ImageTower, load_image_tower, to_pixels
from deepseek_mm.embeddings.package_files import small_tower_file
from deepseek_mm.embeddings.prefetch import prefetch_batches
from deepseek_mm.embeddings.projection import HEADS, SPACE_DIM, ImageHead
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    RetrievalReport,
    find_pictures,
    read_caption_rows,
    score_vectors,
)
from deepseek_mm.runtime.engines import BY_NAME
from deepseek_mm.runtime.towers.backends import install
from deepseek_mm.runtime.towers.parts import image_parts, text_parts
from deepseek_mm.training.feature_maps import Bits, cache_array, pick_rows, read_squares, to_bf16_bits
from deepseek_mm.training.question_albums import CAPTIONED, QuestionAlbum, read_albums
from deepseek_mm.vision.tagger import read_noticer
from deepseek_mm.vision.vqa import read_reader

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

    views: tuple[Mapping[str, Bits], ...]

    def __len__(self) -> int:
        return len(self.views[0]["map"])

    def batch(self, name: str, photos: Sequence[int], views: Sequence[int]) -> Tensor:
        """(B, ...) bfloat16: the given photos, each in the given view."""
        return pick_rows([view[name] for view in self.views], photos, views)


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
        self.reader, self.noticer = read_reader(space), read_noticer(space)

    @torch.inference_mode()
    def look(self, squares: Squares) -> dict[str, Tensor]:
        """By the names of SHAPES, bfloat16."""
        with autocast_bf16():
            maps = self.model.maps(squares)
            vectors_BD, grid_BPD = self.model.look_at(maps.main_BPC, maps.side_BPC)
            cells_BPC = maps.cells().float()
            looked = ((self.model.image_head, maps.main_BPC), (self.model.side.image, maps.side_BPC))
            middle_BCMM = self.tower.lower(to_pixels(squares))
            found = {
                "map": positions(self.tower.upper(middle_BCMM)),
                "middle": shrink_map(middle_BCMM),
                "vectors": torch.cat([vectors_BD[:, None].float(), grid_BPD.float()], dim=1),
                "shares": torch.cat([compute_attention_shares(head, map_BPC) for head, map_BPC in looked], dim=1),
                "read": self.reader.net.bring(cells_BPC),
                "noticed": self.noticer.nets[0].bring(cells_BPC),
                "classes": self.namer.classifier(maps.packaged_BCGG.float().mean(dim=(2, 3))),
            }
        return {name: value.bfloat16() for name, value in found.items()}


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
) -> Mapping[str, Bits]:
    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "done"  # how many photos are in the arrays
    done = int(progress.read_text()) if progress.is_file() else 0
    how = {"mode": "r+"} if done else {"mode": "w+", "dtype": np.int16}
    arrays = {
        key: np.lib.format.open_memmap(folder / f"{key}.npy", **how, shape=None if done else (len(paths), *shape))
        for key, shape in SHAPES.items()
    }
    squares = read_squares(paths, view, start=done)
    with tqdm(total=len(paths), initial=done, unit="photo", desc=f"{name} {view}", file=sys.stderr) as bar:
        for some in prefetch_batches(squares, size=BATCH) if done < len(paths) else ():
            for key, value in looks(some).items():
                arrays[key][done : done + len(some)] = to_bf16_bits(value)
            done += len(some)
            bar.update(len(some))
            if done % (BATCH * 16) == 0 or done == len(paths):
                for array in arrays.values():
                    array.flush()
                progress.write_text(str(done))
    return arrays


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
        return read_albums(self.data, seed=0)

    @cached_property
    def both(self) -> TeacherAndStudent:
        """Teacher and student side by side."""
        return TeacherAndStudent(DefaultSpace(), rounded_tower(), self.out / "engines")

    def rows(self, split: str) -> list[CaptionRow]:
        """Photos with captions."""
        return read_caption_rows(self.data / CAPTIONED / "captions.jsonl", split=split)

    def open_features(self, album: QuestionAlbum) -> DistillationFeatures:
        """What both make of the album's photos, made where it is not kept yet."""
        return self._open(album.name, find_pictures(album.images, album.photos), self.views)

    def open_dev_features(self) -> DistillationFeatures:
        """The same of the dev photos, one view."""
        paths = find_pictures(self.data / CAPTIONED / "images", [row.image for row in self.rows(DEV)])
        return self._open(DEV, paths, 1)

    def _open(self, name: str, paths: Sequence[Path], views: int) -> DistillationFeatures:
        return cache_features(lambda some: self.both.look(some), paths, self.maps / name, views=views, name=name)

    def embed_captions(self, split: str) -> list[Floats]:
        """Of each photo the vectors of its captions, by the teacher."""
        rows = self.rows(split)
        captions = [caption for row in rows for caption in row.captions]
        file = self.maps / f"texts-{split}.npy"
        vectors = cache_array(file, len(captions), lambda: self.both.space.embed_texts(captions))
        return np.split(vectors, np.cumsum([len(row.captions) for row in rows])[:-1])

    @property
    def maps(self) -> Path:
        """Where what was made of photos lies."""
        return self.out / "looks"


def score_recalls(photos_ND: Tensor, texts: Sequence[Floats]) -> RetrievalReport:
    """How well photos and captions find each other; `texts` holds the vectors of each photo's captions."""
    owner_T = np.repeat(np.arange(len(texts)), [len(own) for own in texts])
    return score_vectors(photos_ND.float().numpy(), np.concatenate(texts), owner_T)
