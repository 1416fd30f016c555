"""The cached features of teacher and student: an epoch then costs no tower.

The student's tower is EfficientNet-Lite0 with its weights rounded as they are stored in the file: neck and heads are
trained on the rounded tower only, so the rounding costs nothing later.

Shape key:  N photos, B of a batch, P cells (81), C channels, D width of the space, W width of the small models (256),
            K classes of ImageNet
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
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
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    RetrievalReport,
    find_pictures,
    read_caption_rows,
    score_vectors,
)
from deepseek_mm.training.feature_maps import Bits, cache_array, read_squares, to_bf16_bits
from deepseek_mm.training.question_albums import CAPTIONED, QuestionAlbum, read_albums
from deepseek_mm.vision.vqa import VqaModel, read_reader
from deepseek_mm.vision.vqa_net import MultiLabelTagger, read_noticer

BATCH = 16
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
Looks = Mapping[str, Bits]  # arrays (N, ...) of some photos, by the names of SHAPES


def take(looks: Looks, name: str, photos: Sequence[int] | slice) -> Tensor:
    """(B, ...) bfloat16: one of the arrays, of the given photos."""
    return torch.from_numpy(looks[name][photos]).view(torch.bfloat16)


def compute_attention_shares(head: ImageHead, map_BPC: Tensor) -> Tensor:
    """(B, heads, P): how much a head looks at each cell; each row sums to 1."""
    share_BPH: Tensor = head.weight(head.norm(map_BPC)).float().softmax(dim=1)
    return share_BPH.transpose(1, 2)


def cache_features(
    look: Callable[[list[NDArray[np.uint8]]], dict[str, Tensor]], paths: Sequence[Path], folder: Path
) -> Looks:
    """What `look` makes of the photos, made where `folder` does not hold it yet; a stopped call is gone on with."""
    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "done"  # how many photos are in the arrays
    done = int(progress.read_text()) if progress.is_file() else 0
    arrays = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", "r+" if done else "w+", dtype=np.int16, shape=(len(paths), *shape)
        )
        for name, shape in SHAPES.items()
    }
    batches = prefetch_batches(read_squares(paths, view=0, start=done), size=BATCH) if done < len(paths) else ()
    for some in tqdm(batches, total=math.ceil((len(paths) - done) / BATCH), desc=folder.name, file=sys.stderr):
        for name, value in look(some).items():
            arrays[name][done : done + len(some)] = to_bf16_bits(value)
        done += len(some)
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
    """Folders of the data and of the run, teacher and student's tower; what is opened is opened once."""

    data: Path
    out: Path

    @cached_property
    def space(self) -> DefaultSpace:
        """The teacher."""
        return DefaultSpace()

    @cached_property
    def tower(self) -> ImageTower:
        """The student's."""
        return rounded_tower()

    @cached_property
    def reader(self) -> VqaModel:
        """The teacher's."""
        return read_reader(self.space)

    @cached_property
    def noticer(self) -> MultiLabelTagger:
        """The teacher's."""
        return read_noticer(self.space)

    @cached_property
    def albums(self) -> list[QuestionAlbum]:
        """Photos and questions that are learned from."""
        return read_albums(self.data, seed=0)

    def rows(self, split: str) -> list[CaptionRow]:
        """Photos with captions."""
        return read_caption_rows(self.data / CAPTIONED / "captions.jsonl", split=split)

    def open_features(self, album: QuestionAlbum) -> Looks:
        """What both make of the album's photos, made where it is not kept yet."""
        return cache_features(self.look, find_pictures(album.images, album.photos), self.out / "looks" / album.name)

    def open_dev_features(self) -> Looks:
        """The same of the dev photos."""
        paths = find_pictures(self.data / CAPTIONED / "images", [row.image for row in self.rows(DEV)])
        return cache_features(self.look, paths, self.out / "looks" / DEV)

    def embed_captions(self, split: str) -> list[Floats]:
        """Of each photo the vectors of its captions, by the teacher."""
        rows = self.rows(split)
        captions = [caption for row in rows for caption in row.captions]
        file = self.out / "looks" / f"texts-{split}.npy"
        vectors = cache_array(file, len(captions), lambda: self.space.embed_texts(captions))
        return np.split(vectors, np.cumsum([len(row.captions) for row in rows])[:-1])

    @torch.inference_mode()
    def look(self, squares: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """By the names of SHAPES, bfloat16."""
        model = self.space.model
        with autocast_bf16():
            maps = model.maps(squares)
            vectors_BD, grid_BPD = model.look_at(maps.main_BPC, maps.side_BPC)
            cells_BPC = maps.cells().float()
            looked = ((model.image_head, maps.main_BPC), (model.side.image, maps.side_BPC))
            middle_BCMM = self.tower.lower(to_pixels(squares))
            found = {
                "map": positions(self.tower.upper(middle_BCMM)),
                "middle": shrink_map(middle_BCMM),
                "vectors": torch.cat([vectors_BD[:, None].float(), grid_BPD.float()], dim=1),
                "shares": torch.cat([compute_attention_shares(head, map_BPC) for head, map_BPC in looked], dim=1),
                "read": self.reader.net.bring(cells_BPC),
                "noticed": self.noticer.nets[0].bring(cells_BPC),
                "classes": self.space.namer.classifier(maps.packaged_BCGG.float().mean(dim=(2, 3))),
            }
        return {name: value.bfloat16() for name, value in found.items()}


def score_recalls(photos_ND: Tensor, texts: Sequence[Floats]) -> RetrievalReport:
    """How well photos and captions find each other; `texts` holds the vectors of each photo's captions."""
    owner_T = np.repeat(np.arange(len(texts)), [len(own) for own in texts])
    return score_vectors(photos_ND.float().numpy(), np.concatenate(texts), owner_T)
