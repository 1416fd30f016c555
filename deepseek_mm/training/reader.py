"""`train reader`: train the reader of closed questions on photos with questions.

`maps` caches the tower's maps of all photos, plain and mirrored. `read` trains on questions that captions answer and on
those that people asked. `pack` asks about photos that were held out, fits the calibration of answers and the weights of
the predictors beside the reader, and writes the weights. Stages can be resumed.

Shape key:  B photos, Q questions of a step or of a photo, V answers, L nouns, W predictors
"""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.answering.closed_vqa import by_labels
from deepseek_mm.chance import log_odds
from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.default import DefaultSpace, looks_of
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.evaluation.vqa import NOUNS
from deepseek_mm.language.parser import parse
from deepseek_mm.training.loop import (
    StepLoss,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_stage,
)
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.training.question_albums import (
    CAPTIONED,
    PRESENCE,
    AlbumFeatures,
    AlbumQuestion,
    QuestionAlbum,
    QuestionBatchConfig,
    QuestionSampler,
    open_features,
    read_albums,
)
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.presence import Weights
from deepseek_mm.vision.small_nets import read_weights
from deepseek_mm.vision.vqa import (
    MAKE,
    WEIGHTS,
    YES,
    AnswerCalibration,
    family_of,
    fit_calibration,
    write_reader,
)
from deepseek_mm.vision.vqa_net import MultiLabelTagger, PictureBatch, ReaderConfig, ReaderNet, read_noticer

LABELS = 0.6  # at least so much: other people's photos are less like those that the reader knows than these are
WITNESSES = ("reader", "likeness", "labels", "notice")


def pack_reader(file: Path, space: DefaultSpace, net: ReaderNet, mixed: QuestionSampler, answers: Sequence[str]) -> int:
    """Fit how sure answers may be on the photos of `mixed`, which were held out, and write everything."""
    noticer = read_noticer(space)
    nouns = tuple(dict.fromkeys((*NOUNS, *noticer.names)))
    sure = fit_calibration(*score_questions(net.eval(), mixed, nouns), answers, nouns=nouns)
    eyes = VisionPipeline(space, SeeConfig())
    weights = WitnessWeighing(space, eyes, noticer, net, mixed, sure, answers).fit_weights()
    tqdm.write(f"weights: {weights}", file=sys.stderr)
    for family, told in sure.told.items():
        tqdm.write(f"{family}: {told}", file=sys.stderr)
    sure = replace(sure, weights=weights)
    write_reader(file, net.state_dict(), answers=answers, sure=sure, config=net.config, fingerprint=space.fingerprint)
    tell_written(file)
    return 0


@dataclass(frozen=True, slots=True)
class WitnessWeighing:
    """The four witnesses, heard about photos that were held out."""

    space: DefaultSpace
    eyes: VisionPipeline
    noticer: MultiLabelTagger
    net: ReaderNet
    mixed: QuestionSampler
    sure: AnswerCalibration
    answers: Sequence[str]

    def fit_weights(self) -> Weights:
        """How much each counts where they say whether a thing is there (logistic regression)."""
        said: list[list[float]] = []
        there: list[bool] = []
        for bank, photos in zip(self.mixed.banks, self.mixed.photos, strict=True):
            for photo in photos:
                pairs = [p for p in bank.album.pairs[photo] if p.kind == PRESENCE and find_noun(p, self.sure.nouns)]
                if pairs:
                    said += self.weigh_photo(bank.select([photo], [0]), pairs)
                    there += [pair.answer == YES for pair in pairs]
        weights_W, offset = fit_logistic(np.array(said), np.array(there), np.ones(len(there)))
        by = {name: round(float(w), 4) for name, w in zip(WITNESSES, weights_W, strict=True)}
        return Weights(by | {"labels": max(by["labels"], LABELS)}, round(offset, 4))

    @torch.inference_mode()
    def weigh_photo(self, shown: PictureBatch, pairs: Sequence[AlbumQuestion]) -> list[list[float]]:
        """The log-odds of reader, likeness, labels and what is noticed, question by question."""
        vectors_BD, nouns = shown.vectors_BD.float(), self.sure.nouns
        things = [find_noun(pair, nouns) for pair in pairs]
        names = sorted(set(things))
        (presence_L,) = self.eyes.presence(names, vectors_BD.numpy())
        (noticed,) = self.noticer.notice(shown.cells_BPC, vectors_BD)
        labels = self.eyes.labels_of(looks_of(self.space, shown.cells_BPC)[0])
        scores_QV = score_pairs(self.net, self.mixed, shown, pairs)
        heard = []
        for thing, scores_V in zip(things, scores_QV, strict=True):
            read = float(self.sure.chances(scores_V, "there", self.answers)[self.answers.index(YES)])
            labelled = by_labels(labels, thing).get("labels", 0.5)  # even odds add nothing
            chances = (read, float(presence_L[names.index(thing)]), labelled, noticed.get(thing, 0.5))
            heard.append([log_odds(chance) for chance in chances])
        return heard


def find_noun(pair: AlbumQuestion, nouns: Collection[str]) -> str:
    """The thing that a presence question asks for; empty where it is not one of these."""
    wanted = parse(pair.question).thing_phrases
    return wanted[0] if len(wanted) == 1 and wanted[0] in nouns else ""


def is_asked_by_people(album: QuestionAlbum, pair: AlbumQuestion, nouns: Collection[str]) -> bool:
    """Whether it is asked as people ask."""
    return bool(find_noun(pair, nouns)) if pair.kind == PRESENCE else album.name != CAPTIONED


def score_pairs(net: ReaderNet, mixed: QuestionSampler, shown: PictureBatch, pairs: Sequence[AlbumQuestion]) -> Tensor:
    """(Q, V): what the net says to questions about one photo."""
    asked = mixed.asked.rows(torch.tensor([mixed.row_of[pair.question] for pair in pairs]))
    with autocast_bf16():
        scores_QV: Tensor = net(shown, torch.zeros(len(pairs), dtype=torch.int64), asked)
    return scores_QV.float()


@torch.inference_mode()
def score_questions(net: ReaderNet, mixed: QuestionSampler, nouns: Collection[str]) -> tuple[list[str], Tensor, Tensor]:
    """Family, scores (Q, V) and number of the right answer of every question; -1 where it was not learned.

    Of those that captions answer only the ones for things count: people ask otherwise.
    """
    families, scores, rights = [], [], []
    for bank, photos in zip(mixed.banks, mixed.photos, strict=True):
        for n in photos:
            pairs = [pair for pair in bank.album.pairs[n] if is_asked_by_people(bank.album, pair, nouns)]
            if not pairs:
                continue
            scores.append(score_pairs(net, mixed, bank.select([n], [0]), pairs))
            families += [family_of(pair.question, nouns) for pair in pairs]
            rights += [mixed.class_of.get(pair.answer, -1) for pair in pairs]
    return families, torch.cat(scores), torch.tensor(rights)


STAGES = ("maps", "read", "pack")
FEWEST = 3  # questions that an answer answers, or it is not learned
STEPS = StepsConfig(steps=2_600, rate=7e-4, decay=0.05, average=0.998)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train reader`."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/reader"), help="maps and the run lie in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    parser.add_argument("--begin", type=Path, help="weights that read begins with, and that pack fits anew")
    add_config_flags(parser, QuestionBatchConfig, StepsConfig, ReaderConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space = DefaultSpace()
    steps = choose_config(STEPS, args)
    albums = read_albums(args.data, seed=steps.seed)
    banks = open_features(space.model, albums, args.out / "maps")
    if args.stage == "maps":
        return 0
    answers = list_answers(banks)
    batch, config = choose_config(QuestionBatchConfig(), args), choose_config(ReaderConfig(), args)
    torch.manual_seed(steps.seed)
    net = ReaderNet(len(answers), config)
    class_of = {answer: n for n, answer in enumerate(answers)}
    if args.begin:
        net.load_state_dict(load_earlier_reader(args.begin, space, answers, net.state_dict()))
    if args.stage == "pack":
        if not args.begin:
            net.load_state_dict(read_learned(args.out / "read"))
        held = QuestionSampler.of(space, banks, class_of, batch, held_out=True)
        return pack_reader(args.weights, space, net, held, answers)
    mixed = QuestionSampler.of(space, banks, class_of, batch, held_out=False)
    loss = make_reading_loss(net.train(), mixed, steps, batch)
    train_stage(args.out / "read", net, loss, steps, batch, config, every=batch.every, plots=("loss", "right"))
    return 0


def load_earlier_reader(
    file: Path, space: DefaultSpace, answers: Sequence[str], fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weights of an earlier reader: of the answers that it did not know, those of `fresh`."""
    state, told = read_weights(file, space, make=MAKE)
    row_of = {answer: row for row, answer in enumerate(told["answers"])}
    both = [(new, row_of[answer]) for new, answer in enumerate(answers) if answer in row_of]
    for name in ("out.weight", "out.bias"):
        rows = fresh[name].clone()
        rows[[new for new, _ in both]] = state[name][[old for _, old in both]]
        state[name] = rows
    return state


def list_answers(banks: Sequence[AlbumFeatures]) -> tuple[str, ...]:
    """Those that answer a few questions at least, the most frequent first."""
    counts = Counter(pair.answer for bank in banks for pairs in bank.album.pairs for pair in pairs)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(answer for answer, count in ranked if count >= FEWEST)


def make_reading_loss(
    net: nn.Module, mixed: QuestionSampler, steps: StepsConfig, batch: QuestionBatchConfig
) -> StepLoss:
    """Surprise at the right answers."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        shown, photo_Q, asked, right_Q = mixed.draw_batch(chance)
        with autocast_bf16():
            scores_QV = net(shown, photo_Q, asked)
        scores_QV = scores_QV.float()
        right = (scores_QV.argmax(-1) == right_Q).float().mean()
        return {"loss": F.cross_entropy(scores_QV, right_Q, label_smoothing=batch.smooth), "right": right}

    return loss
