"""Closed questions about one picture, answered with calibrated probabilities, and one verdict of all that answer.

Every predictor's probabilities are calibrated by itself. Where two speak of the same yes or no, their log-odds are
added with weights that were fitted on photos that were held out. What is sure is told, what is likely is told with its
doubt and the runner-up, and where guessing would do as well nothing is told.

A question belongs to a family by its words; whether a thing is there that was asked for often is a family of its own.
Of each family a temperature, and for yes or no a weight towards yes, were fitted on photos that were held out.

Shape key:  Q questions, B pictures, P cells, V answers, D width of the space, G cells a side
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.chance import EDGE
from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.inference import autocast_bf16, to_autocast_dtype
from deepseek_mm.embeddings.towers import GRID
from deepseek_mm.language.words import singular
from deepseek_mm.stage_clock import note_model
from deepseek_mm.threads import single_threaded_for
from deepseek_mm.types import Outcome, Said, Verdict
from deepseek_mm.vision.box_reader import BoxBatch, BoxReader
from deepseek_mm.vision.pipeline import ImageAnalysis, VqaPrediction, add_features
from deepseek_mm.vision.presence import Weights, add_log_odds
from deepseek_mm.vision.small_nets import AttentionMap, read_weights, weights_for, write_weights
from deepseek_mm.vision.visual_prompt import LateVisualPrompt, VisualPrompt
from deepseek_mm.vision.vocabulary import word_cache
from deepseek_mm.vision.vqa_net import (
    MultiLabelTagger,
    PictureBatch,
    QuestionBatch,
    ReaderConfig,
    ReaderNet,
    VqaQuestion,
    read_questions,
)

SURE = 0.8  # probability from which an answer is told without its doubt
TOLD_CLOSED, TOLD_OPEN = 0.58, 0.2  # from which it is told at all: yes or no is right half of the time unseen
DISPUTE = 0.75  # witnesses that are so sure of different answers contradict each other
YES, NO = CLOSED = ("yes", "no")


EVEN = Weights(by={"reader": 0.5, "likeness": 0.5, "labels": 0.5})
GLANCED = 0.2  # weight of a language model's glance beside the reader: best on photos that were held out, docs/log/
TINTED = 0.4  # weight of the colours that are measured where the reader looked, likewise
FAINT = 0.03  # share of a colour that may be there unmeasured


def combine(
    chances: Mapping[str, float],
    there: Mapping[str, float],
    *,
    weights: Weights = EVEN,
    why: str = "",
    glanced: Mapping[str, float] | None = None,
    colours: Mapping[str, float] | None = None,
) -> Verdict:
    """The reader's probabilities of its likeliest answers, and how probable others find the thing that is asked for.

    `there` is empty where the question does not ask whether one thing is there. Without a reader `chances` is empty.
    `glanced` are a language model's probabilities of the reader's answers, where it looked; `colours` are the shares of
    those that are measured, where one is asked for.
    """
    closed = bool(there) or set(chances) <= {YES, NO}
    glanced, colours = glanced or {}, colours or {}
    said = [
        *likeliest_answer("reader", chances),
        *likeliest_answer("glance", glanced),
        *likeliest_answer("colours", colours),
    ]
    chances = blend_colours(blend_glance(chances, glanced), colours)
    if there:
        said += [one for by, p in there.items() for one in likeliest_answer(by, {YES: p, NO: 1 - p}, why=why)]
        read = chances.get(YES, 1 - chances[NO] if NO in chances else None)
        p_yes = add_log_odds({"reader": read, **there}, weights)
        chances = {YES: p_yes, NO: 1 - p_yes}
    if not chances:
        return Verdict(answer="", chance=0.0, outcome="unknown")
    (answer, chance), *others = sorted(chances.items(), key=lambda item: -item[1])
    runner_up, runner_chance = others[0] if others else ("", 0.0)
    return Verdict(
        answer=answer,
        chance=chance,
        outcome=outcome_of(chance, closed=closed),
        runner_up=runner_up,
        runner_chance=runner_chance,
        said=tuple(said),
        disputed=is_disputed(said),
    )


def blend_glance(chances: Mapping[str, float], glanced: Mapping[str, float]) -> dict[str, float]:
    """The reader's answers with what a glance makes of them; together they stay as probable as they were."""
    if not chances or not all(glanced.get(answer) for answer in chances):
        return dict(chances)
    both = {a: max(p, EDGE) ** (1 - GLANCED) * max(glanced[a], EDGE) ** GLANCED for a, p in chances.items()}
    return as_probable(both, chances)


def blend_colours(chances: Mapping[str, float], colours: Mapping[str, float]) -> dict[str, float]:
    """Answers of colours, with what is measured; together they stay as probable as they were."""
    if not chances or not colours:
        return dict(chances)
    both = {answer: p * (colours.get(answer, 0.0) + FAINT) ** TINTED for answer, p in chances.items()}
    return as_probable(both, chances)


def as_probable(both: Mapping[str, float], chances: Mapping[str, float]) -> dict[str, float]:
    """The same shares, together as probable as these."""
    scale = sum(chances.values()) / sum(both.values())
    return {answer: scale * each for answer, each in both.items()}


def likeliest_answer(by: str, chances: Mapping[str, float], *, why: str = "") -> list[Said]:
    """The likeliest answer of a witness; nothing from one that is silent."""
    if not chances:
        return []
    answer, chance = max(chances.items(), key=lambda item: item[1])
    return [Said(by=by, answer=answer, chance=chance, why=why)]


def outcome_of(chance: float, *, closed: bool) -> Outcome:
    """Told, told with its doubt, or not told."""
    if chance >= SURE:
        return "sure"
    return "unsure" if chance >= (TOLD_CLOSED if closed else TOLD_OPEN) else "unknown"


def is_disputed(said: Sequence[Said]) -> bool:
    """Are two witnesses sure of different answers?"""
    return len({one.answer for one in said if one.chance >= DISPUTE}) > 1


YES_NO_QUESTION = re.compile(r"(is|are|was|were|do|does|did|can|could|has|have|will|would|should|am)\b(?!.*\bor\b)")
INSIDE = re.compile(r" (in|visible in) (the|this) (photo|picture|image)$")
THERE = "there"  # the family of questions whether a thing is there that was asked for often
COLOUR = "colour"
FAMILIES = (THERE, "closed", "count", COLOUR, "open")
MOST_BEFORE = 5  # words before the thing that a question asks for: "does the photo show a dog"
STEPS, RATE = 200, 0.05


def family_of(question: str, nouns: Collection[str] = ()) -> str:
    """By its words; `nouns` are the things that were asked for often."""
    line = question.strip(" ?.!").lower()
    if YES_NO_QUESTION.match(line):
        *before, last = INSIDE.sub("", line).split()
        return THERE if before and singular(last) in nouns and len(before) <= MOST_BEFORE else "closed"
    if line.startswith("how many"):
        return "count"
    return COLOUR if re.match(r"(what|which) colou?r", line) else "open"


@dataclass(frozen=True, slots=True)
class AnswerCalibration:
    """Of each family, what its scores are multiplied with, and what is added to yes."""

    told: dict[str, tuple[float, float]]
    nouns: frozenset[str] = frozenset()  # things that were asked for often
    weights: Weights = EVEN  # of the reader's yes or no beside likeness

    def family(self, question: str) -> str:
        """Of a question."""
        return family_of(question, self.nouns)

    def chances(self, scores_V: Tensor, family: str, answers: Sequence[str]) -> Tensor:
        """(V,): probabilities of all answers; of yes and no alone where the question is closed."""
        factor, to_yes = self.told.get(family, (1.0, 0.0))
        return chances_of(scores_V[None], family, answers, torch.tensor(factor), torch.tensor(to_yes))[0]


def chances_of(scores_QV: Tensor, family: str, answers: Sequence[str], factor: Tensor, to_yes: Tensor) -> Tensor:
    """(Q, V)."""
    scores_QV = scores_QV * factor
    yes_no = [answers.index(word) for word in CLOSED]
    if family in (THERE, "closed"):
        fitting = torch.full((scores_QV.shape[1],), -torch.inf)
        fitting[yes_no] = torch.stack([to_yes, torch.zeros(())])
        return (scores_QV + fitting).softmax(-1)
    return scores_QV.softmax(-1)


def fit_calibration(
    families: Sequence[str],
    scores_QV: Tensor,
    right_Q: Tensor,
    answers: Sequence[str],
    *,
    nouns: Collection[str] = (),
) -> AnswerCalibration:
    """By maximum likelihood; a family without questions stays as it is."""
    told = {}
    for family in FAMILIES:
        own = torch.tensor([n for n, name in enumerate(families) if name == family and right_Q[n] >= 0])
        if not len(own):
            continue
        factor, to_yes = torch.ones((), requires_grad=True), torch.zeros((), requires_grad=True)
        optimiser = torch.optim.Adam([factor, to_yes], lr=RATE)
        for _ in range(STEPS):
            chance_QV = chances_of(scores_QV[own], family, answers, factor, to_yes)
            loss = F.nll_loss(chance_QV.clamp_min(1e-9).log(), right_Q[own])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        told[family] = (round(factor.item(), 4), round(to_yes.item(), 4))
    return AnswerCalibration(told, frozenset(nouns))


LIKELIEST = 5  # answers that are told
STRANGE = Weights(
    by={"reader": 1.0, "likeness": 0.0, "labels": 1.0, "notice": 1.0}
)  # for want of anything fitted for them
STRANGE_NAME = Weights(by={"reader": 0.6, "likeness": 0.5, "labels": 1.0})
AT_ONCE = 32  # pictures whose questions are answered together


@dataclass(frozen=True, slots=True, eq=False)
class AnswerHead:
    """The answers that are known, and the layer that scores them: what can be learned while all below stays."""

    answers: tuple[str, ...]
    out: nn.Linear


class VqaModel:
    """Pictures and questions to readings."""

    def __init__(
        self,
        space: SeeingSpace,
        net: ReaderNet,
        answers: Sequence[str],
        sure: AnswerCalibration,
        noticer: MultiLabelTagger | None = None,
        glance: VisualPrompt | LateVisualPrompt | None = None,
    ) -> None:
        """A `noticer` says beside each reading which things are there, a `glance` what else the answer may be."""
        self.space, self.sure = space, sure
        self.noticer, self.glance, self.is_glancing = noticer, glance, True
        self.boxes: BoxReader | None = None  # who reads what was detected, in pictures that have detections
        self.words = word_cache(space)
        self.net = net.eval().requires_grad_(False)
        self.shipped = self.head = AnswerHead(tuple(answers), net.out)

    @property
    def answers(self) -> Sequence[str]:
        """That it knows."""
        return self.head.answers

    def adopt(self, answers: Sequence[str], weight_VW: Tensor, bias_V: Tensor) -> None:
        """Answer with another last layer from the next question on; the shipped one stays at hand, see `put_back`."""
        out = nn.Linear(weight_VW.shape[1], len(answers)).requires_grad_(False)
        out.load_state_dict({"weight": weight_VW, "bias": bias_V})
        self.head = AnswerHead(tuple(answers), out.to(self.net.out.weight.dtype))

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

    def read_many(self, asked: Sequence[tuple[VqaQuestion, ImageAnalysis]]) -> list[VqaPrediction]:
        """One for each question and its picture; what was read before, by the same head, is not read again."""
        note_model("reader")
        head = self.head
        keys = [(head, self.is_glancing, question.text.lower(), question.things) for question, _ in asked]
        known = [picture.reading(key) for (_, picture), key in zip(asked, keys, strict=True)]
        found = {row: reading for row, reading in enumerate(known) if reading}
        new = [row for row in range(len(asked)) if row not in found]
        for some, photo_Q, pictures in self._by_picture([asked[row][1] for row in new]):
            rows = [new[n] for n in some]
            readings = self._read_maps([asked[row][0] for row in rows], photo_Q, pictures, head)
            for row, reading in zip(rows, readings, strict=True):
                asked[row][1].add_reading(keys[row], reading)
                found[row] = reading
        return [found[row] for row in range(len(asked))]

    @torch.inference_mode()
    def look_by_layer(self, question: VqaQuestion, picture: ImageAnalysis) -> AttentionMap:
        """Where it looks for the answer, layer by layer, as `read_many` looked."""
        ((_, photo_Q, pictures),) = self._by_picture([picture])
        shown, whole = self._prepare([question], pictures)
        with autocast_bf16():
            _, looked_LQP = self.net.read_by_layer(shown, photo_Q, whole)
        return AttentionMap(layers_LGG=looked_LQP[:, 0].float().view(-1, GRID, GRID).numpy())

    @torch.inference_mode()
    def features_many(self, asked: Sequence[tuple[VqaQuestion, ImageAnalysis]]) -> Tensor:
        """(Q, W) float32: of each question and its picture what the last layer makes its scores of."""
        found: dict[int, Tensor] = {}
        for rows, photo_Q, pictures in self._by_picture([picture for _, picture in asked]):
            shown, whole = self._prepare([asked[row][0] for row in rows], pictures)
            with autocast_bf16():
                read_QW = self.net.read(shown, photo_Q, whole).float()
            found |= dict(zip(rows, read_QW, strict=True))
        return torch.stack([found[row] for row in range(len(asked))])

    def chances_of_names(self, asked: VqaQuestion, picture: ImageAnalysis, names: Sequence[str]) -> list[float]:
        """Of each name, how probable it is as the answer, among all answers; 0 of one that is none."""
        head = self.head
        score_V = head.out(self.features_many([(asked, picture)]).to(head.out.weight.dtype))[0].float().detach()
        chance_V = score_V.softmax(-1).tolist()
        best: dict[str, float] = {}
        for answer, chance in zip(head.answers, chance_V, strict=True):
            best[singular(answer)] = max(best.get(singular(answer), 0.0), chance)
        return [best.get(singular(name), 0.0) for name in names]

    def glance_at_names(self, question: str, picture: ImageAnalysis, names: Sequence[str]) -> list[float]:
        """Of each name, how probable it is as the answer to the language model that looks; [] where none does."""
        if self.glance is None or not self.is_glancing:
            return []
        found = self.glance.weigh([question.lower()], torch.tensor([0]), cells_of([picture]), [names])[0]
        return [found[name] for name in names] if found else []

    def _by_picture(self, asked: Sequence[ImageAnalysis]) -> Iterator[tuple[list[int], Tensor, list[ImageAnalysis]]]:
        """Some pictures at a time: the rows that ask about them, the picture of each row, and the pictures."""
        rows_of: dict[ImageAnalysis, list[int]] = {}
        for row, picture in enumerate(asked):
            rows_of.setdefault(picture, []).append(row)
        seen = add_features(self.space, rows_of)
        while some := list(islice(seen, AT_ONCE)):
            rows = [row for picture in some for row in rows_of[picture]]
            yield rows, torch.tensor([n for n, picture in enumerate(some) for _ in rows_of[picture]]), some

    def _prepare(
        self, questions: Sequence[VqaQuestion], pictures: Sequence[ImageAnalysis]
    ) -> tuple[PictureBatch, QuestionBatch]:
        """Pictures and questions as the net takes them."""
        vectors_BD = torch.from_numpy(np.stack([picture.look.vector_D for picture in pictures]))
        grid_BPD = torch.from_numpy(np.stack([picture.look.grid_HWD for picture in pictures])).flatten(1, 2)
        lower = [replace(question, text=question.text.lower()) for question in questions]
        whole = read_questions(self.space, lower, self.words).rows(torch.arange(len(questions)))
        whole = QuestionBatch(to_autocast_dtype(whole.words_QTW), whole.there_QT, to_autocast_dtype(whole.vectors_QAD))
        return PictureBatch(
            cells_of(pictures).float(), to_autocast_dtype(vectors_BD), to_autocast_dtype(grid_BPD)
        ), whole

    @torch.inference_mode()
    def _read_maps(
        self, questions: Sequence[VqaQuestion], photo_Q: Tensor, pictures: Sequence[ImageAnalysis], head: AnswerHead
    ) -> list[VqaPrediction]:
        """The same from what the tower made of the pictures; `photo_Q` says which one each question is about."""
        texts = [question.text for question in questions]
        with single_threaded_for(len(questions)):
            shown, whole = self._prepare(questions, pictures)
            with autocast_bf16():
                read_QW, looked_QP = self.net.read_with_attention(shown, photo_Q, whole)
                scores_QV = head.out(read_QW)
            chances = self._chances(scores_QV.float(), texts, photo_Q, pictures, whole, head.answers)
            self._add_noticed(pictures)
        readings = [
            self._reading(text, chance_V, looked_P, head.answers, pictures[n])
            for text, chance_V, looked_P, n in zip(texts, chances, looked_QP.float(), photo_Q.tolist(), strict=True)
        ]
        return self._add_glances(texts, photo_Q, cells_of(pictures), readings)

    def _add_noticed(self, pictures: Sequence[ImageAnalysis]) -> None:
        """See that each picture has what the noticer makes of it."""
        new = [picture for picture in pictures if picture.noticed is None]
        if self.noticer is None or not new:
            return
        note_model("notice")
        vectors_BD = torch.from_numpy(np.stack([picture.look.vector_D for picture in new]))
        for picture, noticed in zip(new, self.noticer.notice(cells_of(new).float(), vectors_BD), strict=True):
            picture.noticed = noticed

    def _add_glances(
        self, questions: Sequence[str], photo_Q: Tensor, cells_BPC: Tensor, readings: list[VqaPrediction]
    ) -> list[VqaPrediction]:
        """With a glance at the answers of each, but whether a thing is there: others know that better."""
        asked = [n for n, reading in enumerate(readings) if reading.family != THERE]
        if self.glance is None or not self.is_glancing or not asked:
            return readings
        note_model("glance")
        options = [list(readings[n].chances) for n in asked]
        found = self.glance.weigh([questions[n] for n in asked], photo_Q[asked], cells_BPC, options)
        for n, glanced in zip(asked, found, strict=True):
            readings[n] = replace(readings[n], glanced=glanced)
        return readings

    def _chances(
        self,
        scores_QV: Tensor,
        texts: Sequence[str],
        photo_Q: Tensor,
        pictures: Sequence[ImageAnalysis],
        asked: QuestionBatch,
        answers: Sequence[str],
    ) -> list[Tensor]:
        """(V,) for each question: probabilities of all answers, with what boxes tell where there are any."""
        families = [self.sure.family(text) for text in texts]
        boxed = [
            row
            for row, n in enumerate(photo_Q.tolist())
            if self.boxes and pictures[n].detections and self.boxes.weight_of(families[row])
        ]
        sure = dict.fromkeys(range(len(texts)), self.sure)
        if self.boxes and boxed:
            read_QV = read_boxes(
                self.boxes, [pictures[n] for n in photo_Q[boxed].tolist()], asked.rows(torch.tensor(boxed)), answers
            )
            weight_Q1 = torch.tensor([[self.boxes.weight_of(families[row])] for row in boxed])
            scores_QV[boxed] = scores_QV[boxed].log_softmax(-1) + weight_Q1 * read_QV
            together = AnswerCalibration({family: own[1:] for family, own in self.boxes.sure.items()})
            sure |= dict.fromkeys(boxed, together)
        return [sure[row].chances(scores_QV[row], families[row], answers) for row in range(len(texts))]

    def _reading(
        self, question: str, chance_V: Tensor, looked_P: Tensor, answers: Sequence[str], picture: ImageAnalysis
    ) -> VqaPrediction:
        best = chance_V.topk(min(LIKELIEST, len(answers)))
        chances = {answers[n]: c for n, c in zip(best.indices.tolist(), best.values.tolist(), strict=True) if c > 0}
        heat_GG, family = looked_P.view(GRID, GRID).numpy(), self.sure.family(question)
        return VqaPrediction(family, chances, heat_GG, noticed=picture.noticed or {})


def read_boxes(
    boxes: BoxReader, pictures: Sequence[ImageAnalysis], asked: QuestionBatch, answers: Sequence[str]
) -> Tensor:
    """(Q, V): log-probabilities of the answers to each question about its picture, which has detections."""
    found = [picture.detections for picture in pictures if picture.detections]
    shown = BoxBatch.of(found, np.stack([picture.look.vector_D for picture in pictures]))
    return boxes.log_chances(shown, torch.arange(len(pictures)), asked, answers)


def cells_of(pictures: Sequence[ImageAnalysis]) -> Tensor:
    """(B, P, C) bfloat16."""
    cells = [picture.features.cells_PC for picture in pictures if picture.features]
    return torch.stack([each for each in cells if each is not None])


WEIGHTS = Path(__file__).parents[1] / "weights" / "reader.safetensors"
MAKE = "python -m deepseek_mm train reader --help"


def write_reader(
    file: Path,
    state: Mapping[str, Tensor],
    *,
    answers: Sequence[str],
    sure: AnswerCalibration,
    config: ReaderConfig,
    fingerprint: str,
) -> None:
    """Weights as int8 with a scale a row; `fingerprint` is that of the space whose maps it was trained on."""
    told = {
        "answers": list(answers),
        "sure": sure.told,
        "nouns": sorted(sure.nouns),
        "weights": asdict(sure.weights),
        "config": asdict(config),
        "fingerprint": fingerprint,
    }
    write_weights(file, state, told)


def read_reader(
    space: SeeingSpace,
    file: Path | None = None,
    *,
    noticer: MultiLabelTagger | None = None,
    glance: VisualPrompt | LateVisualPrompt | None = None,
    boxes: BoxReader | None = None,
) -> VqaModel:
    """Ready to answer. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_weights(file or weights_for(space, WEIGHTS), space, make=MAKE)
    net = ReaderNet(len(told["answers"]), ReaderConfig(**told["config"]))
    net.load_state_dict(state)
    families = {family: tuple(pair) for family, pair in told["sure"].items()}
    sure = AnswerCalibration(families, frozenset(told["nouns"]), Weights(**told["weights"]))
    reader = VqaModel(space, net, told["answers"], sure, noticer, glance)
    reader.boxes = boxes
    return reader
