"""What the stages of `train distill` share: the photos, what was kept of them, and where things lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.image import ImageTower
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows
from deepseek_mm.train.bank import CAPTIONED, Album, photo_albums
from deepseek_mm.train.distill.look import Both, Kept, keep
from deepseek_mm.train.distill.tower import rounded_tower

DEV = "dev"  # folder of the photos that only judge


@dataclass(frozen=True)
class House:
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
    def albums(self) -> list[Album]:
        """Photos and questions that are learned from."""
        return photo_albums(self.data, seed=self.seed)

    @cached_property
    def both(self) -> Both:
        """Teacher and student side by side."""
        return Both(DefaultSpace(), rounded_tower(), self.out / "engines")

    def rows(self, split: str) -> list[CaptionRow]:
        """Photos with captions."""
        return read_caption_rows(self.data / CAPTIONED / "captions.jsonl", split=split)

    def looks(self, album: Album) -> Kept:
        """What both make of the album's photos, made where it is not kept yet."""
        paths = find_pictures(album.images, album.photos)
        return keep(lambda some: self.both.look(some), paths, self.maps / album.name, views=self.views, name=album.name)

    def dev_looks(self) -> Kept:
        """The same of the dev photos, one view."""
        paths = find_pictures(self.data / CAPTIONED / "images", [row.image for row in self.rows(DEV)])
        return keep(lambda some: self.both.look(some), paths, self.maps / DEV, views=1, name=DEV)

    def texts(self, split: str) -> list[Floats]:
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


def owners(texts: Sequence[Floats]) -> np.ndarray:
    """(captions,): the number of each caption's photo."""
    return np.repeat(np.arange(len(texts)), [len(own) for own in texts])
