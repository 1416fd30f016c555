"""How sure a trained reader may be: fitted on photos that were held out, and written with its weights.

Shape key:  B photos, Q questions of a photo, V answers, L nouns, W witnesses
"""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.answering.closed_vqa import by_labels
from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace, looks_of
from deepseek_mm.evaluation.question_sets import NOUNS
from deepseek_mm.language.parser import parse
from deepseek_mm.train.asking import PRESENCE, Pair
from deepseek_mm.train.bank import CAPTIONED, Album
from deepseek_mm.train.certainty import logistic
from deepseek_mm.train.mixed import Mixed
from deepseek_mm.vision.ensemble import YES, Weights, log_odds
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.tagger import MultiLabelTagger, read_noticer
from deepseek_mm.vision.vqa import AnswerCalibration, family_of, fit_calibration, write_reader
from deepseek_mm.vision.vqa_net import PictureBatch, ReaderNet

LABELS = 0.6  # at least so much: other people's photos are less like those that the reader knows than these are
WITNESSES = ("reader", "likeness", "labels", "notice")


def pack(file: Path, space: DefaultSpace, net: ReaderNet, mixed: Mixed, answers: Sequence[str]) -> int:
    """Fit how sure answers may be on the photos of `mixed`, which were held out, and write everything."""
    noticer = read_noticer(space)
    nouns = tuple(dict.fromkeys((*NOUNS, *noticer.names)))
    sure = fit_calibration(*judged(net.eval(), mixed, nouns), answers, nouns=nouns)
    weights = Hearing(space, VisionPipeline(space, SeeConfig()), noticer, net, mixed, sure, answers).weights()
    tqdm.write(f"weights: {weights}", file=sys.stderr)
    for family, told in sure.told.items():
        tqdm.write(f"{family}: {told}", file=sys.stderr)
    sure = replace(sure, weights=weights)
    write_reader(file, net.state_dict(), answers=answers, sure=sure, config=net.config, fingerprint=space.fingerprint)
    tqdm.write(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
    return 0


@dataclass(frozen=True, slots=True)
class Hearing:
    """The four witnesses, heard about photos that were held out."""

    space: DefaultSpace
    eyes: VisionPipeline
    noticer: MultiLabelTagger
    net: ReaderNet
    mixed: Mixed
    sure: AnswerCalibration
    answers: Sequence[str]

    def weights(self) -> Weights:
        """How much each counts where they say whether a thing is there (logistic regression)."""
        parts = [self.of_album(number) for number in range(len(self.mixed.banks))]
        said = np.array([row for own, _ in parts for row in own])
        there = np.array([each for _, own in parts for each in own])
        weights_W, offset = logistic(said, there, np.ones(len(there)))
        by = {name: round(float(w), 4) for name, w in zip(WITNESSES, weights_W, strict=True)}
        return Weights(by | {"labels": max(by["labels"], LABELS)}, round(offset, 4))

    def of_album(self, number: int) -> tuple[list[list[float]], list[bool]]:
        """Of every question whether a thing is there: the log-odds of the witnesses, and whether it is."""
        bank = self.mixed.banks[number]
        said: list[list[float]] = []
        there: list[bool] = []
        for photo in self.mixed.photos[number]:
            pairs = [p for p in bank.album.pairs[photo] if p.kind == PRESENCE and noun_of(p, self.sure.nouns)]
            if pairs:
                said += self.of_photo(bank.shown([photo], [0]), pairs)
                there += [pair.answer == YES for pair in pairs]
        return said, there

    @torch.inference_mode()
    def of_photo(self, shown: PictureBatch, pairs: Sequence[Pair]) -> list[list[float]]:
        """The log-odds of reader, likeness, labels and what is noticed, question by question."""
        vectors_BD, nouns = shown.vectors_BD.float(), self.sure.nouns
        things = [noun_of(pair, nouns) for pair in pairs]
        names = sorted(set(things))
        (presence_L,) = self.eyes.presence(names, vectors_BD.numpy())
        (noticed,) = self.noticer.notice(shown.cells_BPC, vectors_BD)
        labels = self.eyes.labels_of(looks_of(self.space, shown.cells_BPC)[0])
        asked = self.mixed.asked.rows(torch.tensor([self.mixed.row_of[pair.question] for pair in pairs]))
        with autocast_bf16():
            scores_QV = self.net(shown, torch.zeros(len(pairs), dtype=torch.int64), asked).float()
        heard = []
        for thing, scores_V in zip(things, scores_QV, strict=True):
            read = float(self.sure.chances(scores_V, "there", self.answers)[self.answers.index(YES)])
            labelled = by_labels(labels, thing).get("labels", 0.5)  # even odds add nothing
            chances = (read, float(presence_L[names.index(thing)]), labelled, noticed.get(thing, 0.5))
            heard.append([log_odds(chance) for chance in chances])
        return heard


def noun_of(pair: Pair, nouns: Collection[str]) -> str:
    """The thing that a presence question asks for; empty where it is not one of these."""
    wanted = parse(pair.question).thing_phrases
    return wanted[0] if len(wanted) == 1 and wanted[0] in nouns else ""


def told_by_people(album: Album, pair: Pair, nouns: Collection[str]) -> bool:
    """Whether it is asked as people ask."""
    return bool(noun_of(pair, nouns)) if pair.kind == PRESENCE else album.name != CAPTIONED


@torch.inference_mode()
def judged(net: ReaderNet, mixed: Mixed, nouns: Collection[str]) -> tuple[list[str], Tensor, Tensor]:
    """Family, scores (Q, V) and number of the right answer of every question; -1 where it was not learned.

    Of those that captions answer only the ones for things count: people ask otherwise.
    """
    families, scores, rights = [], [], []
    for bank, photos in zip(mixed.banks, mixed.photos, strict=True):
        for n in photos:
            pairs = [pair for pair in bank.album.pairs[n] if told_by_people(bank.album, pair, nouns)]
            if not pairs:
                continue
            asked = mixed.asked.rows(torch.tensor([mixed.row_of[pair.question] for pair in pairs]))
            with autocast_bf16():
                scores.append(net(bank.shown([n], [0]), torch.zeros(len(pairs), dtype=torch.int64), asked).float())
            families += [family_of(pair.question, nouns) for pair in pairs]
            rights += [mixed.class_of.get(pair.answer, -1) for pair in pairs]
    return families, torch.cat(scores), torch.tensor(rights)
