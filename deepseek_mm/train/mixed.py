"""Photos and questions of all albums, drawn by chance: what a step of the reader's training reads.

Shape key:  B photos, Q questions of a step, V answers
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from random import Random

import torch
from torch import Tensor

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.train.asking import Pair
from deepseek_mm.train.bank import ASKED, CAPTIONED, INDOOR, Bank
from deepseek_mm.vision.vqa_net import PictureBatch, QuestionBatch, VqaQuestion, read_questions


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """What a step reads."""

    captioned: int = 26  # photos of each album
    asked: int = 14
    indoor: int = 4
    captioned_each: int = 8  # questions about each of them, at most
    asked_each: int = 3
    indoor_each: int = 6
    smooth: float = 0.05  # of the right answer's share goes to all answers
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("captioned", self.captioned, 1, 10_000)
        between("smooth", self.smooth, 0, 0.9)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Photos and questions of all albums, drawn by chance."""

    banks: Sequence[Bank]
    photos: Sequence[Sequence[int]]  # of each bank, those that may be drawn
    counts: Sequence[tuple[int, int]]  # photos of a step from each bank, and questions about each
    asked: QuestionBatch
    row_of: Mapping[str, int]  # question -> row of asked
    class_of: Mapping[str, int]

    @classmethod
    def of(
        cls,
        space: DefaultSpace,
        banks: Sequence[Bank],
        class_of: Mapping[str, int],
        batch: BatchConfig,
        *,
        held_out: bool,
    ) -> "Mixed":
        """Of the photos that are held out, or of all others."""
        photos = [bank.album.part(held_out) for bank in banks]
        pairs = (bank.album.pairs[n] for bank, some in zip(banks, photos, strict=True) for n in some)
        questions = sorted({pair.question for own in pairs for pair in own})
        counts = {CAPTIONED: (batch.captioned, batch.captioned_each), ASKED: (batch.asked, batch.asked_each)}
        counts[INDOOR] = (batch.indoor, batch.indoor_each)
        row_of = {question: row for row, question in enumerate(questions)}
        each = [counts[bank.album.name] for bank in banks]
        return cls(
            banks,
            photos,
            each,
            read_questions(space, [VqaQuestion.of(question) for question in questions]),
            row_of,
            class_of,
        )

    def batch(self, chance: Random) -> tuple[PictureBatch, Tensor, QuestionBatch, Tensor]:
        """Photos, the photo of each question, the questions, and the numbers of the right answers."""
        shown: list[PictureBatch] = []
        photo_Q, rows_Q, right_Q = list[int](), list[int](), list[int]()
        for bank, photos, (count, each) in zip(self.banks, self.photos, self.counts, strict=True):
            some = chance.sample(photos, min(count, len(photos)))
            views = [chance.randrange(len(bank.vectors)) for _ in some]
            before = sum(len(part.vectors_BD) for part in shown)
            for place, (n, view) in enumerate(zip(some, views, strict=True), start=before):
                pairs = self.fitting(bank.album.pairs[n], mirrored=bool(view))
                for pair in chance.sample(pairs, min(each, len(pairs))):
                    photo_Q.append(place)
                    rows_Q.append(self.row_of[pair.question])
                    right_Q.append(self.class_of[pair.answer])
            shown.append(bank.shown(some, views))
        every = PictureBatch(
            *(torch.cat([getattr(part, item.name) for part in shown]) for item in fields(PictureBatch))
        )
        return every, torch.tensor(photo_Q), self.asked.rows(torch.tensor(rows_Q)), torch.tensor(right_Q)

    def fitting(self, pairs: Sequence[Pair], *, mirrored: bool) -> list[Pair]:
        """Those whose answer is learned, and that hold for a mirrored photo too."""
        known = [pair for pair in pairs if pair.answer in self.class_of]
        return [pair for pair in known if pair.holds_mirrored or not mirrored]
