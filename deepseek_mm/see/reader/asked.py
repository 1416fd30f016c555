"""Questions about pictures, as the reader reads them: word by word, and as vectors of the space.

The words come from the text tower's last layer. The vectors are the whole question's, and those of the first things
that it names: likeness to the picture's cells says where to look before anything is learned.

Shape key:  Q questions, T pieces of words, W width of the text tower, A vectors of a question (3), D width of the space
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import TEXT_BATCH, SeeingSpace
from deepseek_mm.encoders.space import Floats
from deepseek_mm.encoders.text import WIDTH, in_order_of_length
from deepseek_mm.encoders.vector_cache import VectorCache
from deepseek_mm.rag.program.parse import parse
from deepseek_mm.see.vocabulary import word_cache

MOST_WORDS = 20
THINGS = 2  # of a question that have a vector
VECTORS = 1 + THINGS


@dataclass(frozen=True, slots=True)
class VqaQuestion:
    """A question about a picture, and the things that it asks for, as far as these are known already."""

    text: str
    things: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "VqaQuestion":
        """A question as people type it."""
        return cls(text, parse(text).thing_phrases)


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """Some questions."""

    words_QTW: Tensor  # bfloat16
    there_QT: Tensor  # bool
    vectors_QAD: Tensor  # bfloat16; the question's own stands in where it names fewer things

    def rows(self, rows_N: Tensor) -> "QuestionBatch":
        """Some of them, no wider than they need to be."""
        there_NT = self.there_QT[rows_N]
        most = int(there_NT.sum(dim=1).max())
        return QuestionBatch(self.words_QTW[rows_N, :most], there_NT[:, :most], self.vectors_QAD[rows_N])


@torch.inference_mode()
def read_questions(space: SeeingSpace, asked: Sequence[VqaQuestion], words: VectorCache | None = None) -> QuestionBatch:
    """All of them, in order; at least one."""
    questions = [question.text for question in asked]
    words_QTW = torch.zeros(len(questions), MOST_WORDS, WIDTH, dtype=torch.bfloat16)
    there_QT = torch.zeros(len(questions), MOST_WORDS, dtype=torch.bool)
    own_QD = torch.zeros(len(questions), space.dim)
    ordered, back_Q = in_order_of_length(questions)
    place_Q = back_Q.argsort()
    tower = space.model.text_tower
    for start in range(0, len(ordered), TEXT_BATCH):
        own = place_Q[start : start + TEXT_BATCH]
        told = tower.tokenizer(
            ordered[start : start + TEXT_BATCH],
            padding=True,
            truncation=True,
            max_length=MOST_WORDS,
            return_tensors="pt",
        )
        mask_BT = told["attention_mask"]
        with autocast_bf16():
            states = tower.states(told["input_ids"], mask_BT)
            own_QD[own] = space.model.read_pooled(tower.pool(states, mask_BT)).float()
        length = mask_BT.shape[1]
        words_QTW[own, :length], there_QT[own, :length] = states[-1].bfloat16(), mask_BT.bool()
    if cut := torch.nonzero(there_QT.all(dim=1)).flatten().tolist():  # perhaps: a vector is of all of a question
        own_QD[cut] = torch.from_numpy(space.embed_texts([questions[n] for n in cut]))
    vectors_QAD = vectors_of(own_QD.numpy(), [question.things for question in asked], words or word_cache(space))
    return QuestionBatch(words_QTW, there_QT, torch.from_numpy(vectors_QAD).bfloat16())


def vectors_of(own_QD: Floats, things: Sequence[Sequence[str]], words: VectorCache) -> Floats:
    """(Q, A, D): of each question its own and those of the first things it names."""
    named = [each[:THINGS] for each in things]
    phrases = sorted({phrase for each in named for phrase in each})
    vector_of = dict(zip(phrases, words.vectors(phrases), strict=True))
    vectors_QAD: Floats = np.repeat(own_QD[:, None], VECTORS, axis=1)
    for row, each in enumerate(named):
        for place, phrase in enumerate(each, start=1):
            vectors_QAD[row, place] = vector_of[phrase]
    return vectors_QAD
