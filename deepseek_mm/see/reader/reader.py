"""Answers closed questions about pictures, with a probability for every answer it knows.

Shape key:  Q questions, B pictures, P cells, V answers, D width of the space, G cells a side
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from deepseek_mm.encoders.default import SeeingSpace
from deepseek_mm.encoders.image import GRID
from deepseek_mm.encoders.quick import narrow, quick
from deepseek_mm.encoders.recent import Seen
from deepseek_mm.encoders.space import Floats, Look
from deepseek_mm.rag.judge import Weights
from deepseek_mm.see.notice.notice import Noticer
from deepseek_mm.see.reader.asked import Asked, read_questions
from deepseek_mm.see.reader.net import ReaderNet, Shown
from deepseek_mm.see.reader.sure import THERE, Sure
from deepseek_mm.see.vocabulary import Words
from deepseek_mm.threads import alone_with

LIKELIEST = 5  # answers that are told
STRANGE = Weights(
    by={"reader": 1.0, "likeness": 0.0, "labels": 1.0, "notice": 1.0}
)  # for want of anything fitted for them
STRANGE_NAME = Weights(by={"reader": 0.6, "likeness": 0.5, "labels": 1.0})
AT_ONCE = 32  # pictures whose questions are answered together


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off a picture for one question."""

    family: str  # of the question
    chances: Mapping[str, float]  # answer -> probability, the likeliest first
    heat_GG: Floats  # how much was looked at each cell; sums to 1
    look: Look  # what the space sees in the picture
    noticed: Mapping[str, float] = field(default_factory=dict)  # thing -> how probable it is that it is there
    glanced: Mapping[str, float] = field(default_factory=dict)  # the same answers, by a language model that looked


class Glances(Protocol):
    """A language model that looks, and says how probable it finds answers."""

    def weigh(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, options: Sequence[Sequence[str]]
    ) -> list[Mapping[str, float]]:
        """Of each question, about the picture of its number, how probable each of its options is; they sum to 1."""


@dataclass(frozen=True, slots=True)
class Head:
    """The answers that are known, and the layer that scores them: what can be learned while all below stays."""

    answers: tuple[str, ...]
    out: nn.Linear


class Reader:
    """Pictures and questions to readings."""

    def __init__(
        self,
        space: SeeingSpace,
        net: ReaderNet,
        answers: Sequence[str],
        sure: Sure,
        noticer: Noticer | None = None,
        glance: Glances | None = None,
    ) -> None:
        """A `noticer` says beside each reading which things are there, a `glance` what else the answer may be."""
        self.space, self.sure = space, sure
        self.noticer, self.glance = noticer, glance
        self.words = Words(space)
        self.net = net.eval().requires_grad_(False)
        self.shipped = self.head = Head(tuple(answers), net.out)

    @property
    def answers(self) -> Sequence[str]:
        """That it knows."""
        return self.head.answers

    def adopt(self, answers: Sequence[str], weight_VW: Tensor, bias_V: Tensor) -> None:
        """Answer with another last layer from the next question on; the shipped one stays at hand, see `put_back`."""
        out = nn.Linear(weight_VW.shape[1], len(answers)).requires_grad_(False)
        out.load_state_dict({"weight": weight_VW, "bias": bias_V})
        self.head = Head(tuple(answers), out.to(self.net.out.weight.dtype))

    def put_back(self) -> None:
        """Answer with the shipped layer again."""
        self.head = self.shipped

    def weights_for(self, thing: str, *, named: bool = False) -> Weights:
        """Of its word beside that of others. Where it was hardly ever asked for the thing, likeness says as little, but
        of what is `named` by one word.
        """
        if thing in self.sure.nouns:
            return self.sure.weights
        return STRANGE_NAME if named else STRANGE

    def read_many(self, asked: Sequence[tuple[str, Image]]) -> list[Reading]:
        """One for each question and its picture; a picture object that comes again is looked at once."""
        found: dict[int, Reading] = {}
        for rows, photo_Q, seen in self._by_picture(asked):
            readings = self._read_maps([asked[row][0] for row in rows], photo_Q, seen)
            found |= dict(zip(rows, readings, strict=True))
        return [found[row] for row in range(len(asked))]

    @torch.inference_mode()
    def features_many(self, asked: Sequence[tuple[str, Image]]) -> Tensor:
        """(Q, W) float32: of each question and its picture what the last layer makes its scores of."""
        found: dict[int, Tensor] = {}
        for rows, photo_Q, seen in self._by_picture(asked):
            shown, whole = self._prepared([asked[row][0] for row in rows], seen)
            with quick():
                read_QW = self.net.read(shown, photo_Q, whole).float()
            found |= dict(zip(rows, read_QW, strict=True))
        return torch.stack([found[row] for row in range(len(asked))])

    def _by_picture(self, asked: Sequence[tuple[str, Image]]) -> Iterator[tuple[list[int], Tensor, list[Seen]]]:
        """Some pictures at a time: the rows that ask about them, the picture of each row, and what was seen."""
        pictures = list({id(image): image for _, image in asked}.values())
        number = {id(image): n for n, image in enumerate(pictures)}
        by_picture: list[list[int]] = [[] for _ in pictures]
        for row, (_, image) in enumerate(asked):
            by_picture[number[id(image)]].append(row)
        seen = self.space.see_many(pictures)
        for start in range(0, len(pictures), AT_ONCE):
            some = by_picture[start : start + AT_ONCE]
            shown = [next(seen) for _ in some]
            rows = [row for own in some for row in own]
            yield rows, torch.tensor([n for n, own in enumerate(some) for _ in own]), shown

    def _prepared(self, questions: Sequence[str], seen: Sequence[Seen]) -> tuple[Shown, Asked]:
        """Pictures and questions as the net takes them."""
        cells_BPC, looks = torch.stack([one.cells_PC for one in seen]), [one.look for one in seen]
        vectors_BD = torch.from_numpy(np.stack([look.vector_D for look in looks]))
        grid_BPD = torch.from_numpy(np.stack([look.grid_HWD for look in looks])).flatten(1, 2)
        asked = read_questions(self.space, [question.lower() for question in questions], self.words)
        whole = asked.rows(torch.arange(len(questions)))
        whole = Asked(narrow(whole.words_QTW), whole.there_QT, narrow(whole.vectors_QAD))
        return Shown(cells_BPC.float(), narrow(vectors_BD), narrow(grid_BPD)), whole

    @torch.inference_mode()
    def _read_maps(self, questions: Sequence[str], photo_Q: Tensor, seen: Sequence[Seen]) -> list[Reading]:
        """The same from what the tower made of the pictures; `photo_Q` says which one each question is about."""
        head, looks = self.head, [one.look for one in seen]
        vectors_BD = torch.from_numpy(np.stack([look.vector_D for look in looks]))
        with alone_with(len(questions)):
            shown, whole = self._prepared(questions, seen)
            with quick():
                read_QW, looked_QP = self.net.looked(shown, photo_Q, whole)
                scores_QV = head.out(read_QW)
            noticed = self.noticer.notice(shown.cells_BPC, vectors_BD) if self.noticer else [{}] * len(looks)
        told = zip(questions, scores_QV.float(), looked_QP.float(), photo_Q.tolist(), strict=True)
        readings = [
            replace(
                self._reading(question, scores_V, looked_P=looked_P, look=looks[n], answers=head.answers),
                noticed=noticed[n],
            )
            for question, scores_V, looked_P, n in told
        ]
        return self._glanced(questions, photo_Q, torch.stack([one.cells_PC for one in seen]), readings)

    def _glanced(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, readings: list[Reading]
    ) -> list[Reading]:
        """With a glance at the answers of each, but whether a thing is there: others know that better."""
        asked = [n for n, reading in enumerate(readings) if reading.family != THERE]
        if self.glance is None or not asked:
            return readings
        options = [list(readings[n].chances) for n in asked]
        found = self.glance.weigh([questions[n] for n in asked], photo_Q[asked], cells_BPC, options)
        for n, glanced in zip(asked, found, strict=True):
            readings[n] = replace(readings[n], glanced=glanced)
        return readings

    def _reading(
        self, question: str, scores_V: Tensor, *, looked_P: Tensor, look: Look, answers: Sequence[str]
    ) -> Reading:
        family = self.sure.family(question)
        chance_V = self.sure.chances(scores_V, family, answers)
        best = chance_V.topk(min(LIKELIEST, len(answers)))
        chances = {answers[n]: c for n, c in zip(best.indices.tolist(), best.values.tolist(), strict=True) if c > 0}
        return Reading(family, chances, looked_P.view(GRID, GRID).numpy(), look)
