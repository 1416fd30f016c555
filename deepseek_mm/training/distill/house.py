"""What the stages of `train distill` share: the photos, what was kept of them, and where things lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.encoders.image import ImageTower
from deepseek_mm.encoders.space import Floats
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.evaluation.retrieval import find_pictures
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.training.bank import CAPTIONED
from deepseek_mm.training.bank import QuestionAlbum
from deepseek_mm.training.bank import read_albums
from deepseek_mm.training.distill.look import DistillationFeatures
from deepseek_mm.training.distill.look import TeacherAndStudent
from deepseek_mm.training.distill.look import cache_features
from deepseek_mm.training.distill.tower import rounded_tower
from deepseek_mm.training.small import kept

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
        vectors = kept(file, lambda: self.both.space.embed_texts(captions))
        return np.split(vectors, np.cumsum([len(row.captions) for row in rows])[:-1])

    @property
    def maps(self) -> Path:
        """Where what was made of photos lies."""
        return self.out / "looks"


def kept(file: Path, make: Callable[[], Floats]) -> Floats:
    """What lies in the file, which is made where it is missing."""
    if not file.is_file():
        draft = file.with_suffix(".draft.npy")
        np.save(draft, make())
        draft.replace(file)
    held: Floats = np.load(file)
    return held


def list_owners(texts: Sequence[Floats]) -> np.ndarray:
    """(captions,): the number of each caption's photo."""
    return np.repeat(np.arange(len(texts)), [len(own) for own in texts])
