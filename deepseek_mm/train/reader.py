"""`train reader`: learn to answer closed questions by looking at photos.

`maps` keeps what the tower makes of all photos, plain and mirrored. `read` learns from questions that captions answer
and from those that people asked. `pack` asks about photos that were held out, fits how sure answers may be, and writes
the weights. Stages can be stopped and go on.

Shape key:  B photos, Q questions of a step, V answers
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from deepseek_mm.config import SeeConfig, between
from deepseek_mm.encoders.default import DefaultSpace, quick
from deepseek_mm.encoders.maps import looks_of
from deepseek_mm.evaluate.presence import NOUNS
from deepseek_mm.rag.decider import by_labels
from deepseek_mm.rag.judge import YES, Weights, log_odds
from deepseek_mm.rag.program.parse import parse
from deepseek_mm.see.eyes import Eyes
from deepseek_mm.see.kept import read_kept
from deepseek_mm.see.reader.asked import Asked, read_questions
from deepseek_mm.see.reader.net import ReaderConfig, ReaderNet, Shown
from deepseek_mm.see.reader.sure import Sure, family_of, fit_sure
from deepseek_mm.see.reader.weights import MAKE, WEIGHTS, write_reader
from deepseek_mm.train.asking import PRESENCE, Pair
from deepseek_mm.train.bank import (
    ASKED,
    CAPTIONED,
    DRAWN,
    INDOOR,
    Album,
    Bank,
    asked_about,
    captioned,
    drawn,
    open_bank,
)
from deepseek_mm.train.certainty import logistic
from deepseek_mm.train.journal import Journal, learned
from deepseek_mm.train.loop import Loss, add_configs, chosen, gathered, train_steps
from deepseek_mm.train.steps import StepsConfig

LABELS = 0.6  # at least so much: other people's photos are less like those that the reader knows than these are
WITNESSES = ("reader", "likeness", "labels")
STAGES = ("maps", "read", "pack")
SIDES = ("left", "right")  # of questions that are not asked about a mirrored photo
FEWEST = 3  # questions that an answer answers, or it is not learned


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """What a step reads."""

    captioned: int = 26  # photos of each album
    asked: int = 14
    indoor: int = 4
    drawn: int = 12
    captioned_each: int = 8  # questions about each of them, at most
    asked_each: int = 3
    indoor_each: int = 6
    drawn_each: int = 6
    smooth: float = 0.05  # of the right answer's share goes to all answers
    every: int = 100  # steps between two checkpoints

    def __post_init__(self) -> None:
        between("captioned", self.captioned, 1, 10_000)
        between("smooth", self.smooth, 0, 0.9)


STEPS = StepsConfig(steps=2_600, rate=7e-4, decay=0.05, average=0.998)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train reader`."""
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with flickr8k, coco_vqa and daquar")
    parser.add_argument("--out", type=Path, default=Path("runs/reader"), help="maps and the run lie in it")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that the stage pack writes")
    parser.add_argument("--begin", type=Path, help="weights that the stage read begins with, instead of chance")
    add_configs(parser, BatchConfig, StepsConfig, ReaderConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space = DefaultSpace()
    steps = chosen(STEPS, args)
    banks = open_banks(space, args.data, args.out / "maps", seed=steps.seed)
    if args.stage == "maps":
        return 0
    answers = answers_of(banks)
    batch, config = chosen(BatchConfig(), args), chosen(ReaderConfig(), args)
    torch.manual_seed(steps.seed)
    net = ReaderNet(len(answers), config)
    class_of = {answer: n for n, answer in enumerate(answers)}
    if args.stage == "pack":
        net.load_state_dict(learned(args.out / "read"))
        return pack(args.weights, space, net, banks, answers)
    if args.begin:
        net.load_state_dict(begun(args.begin, space, answers, net.state_dict()))
    journal = Journal(args.out / "read", {**asdict(batch), **asdict(steps), **asdict(config)})
    mixed = Mixed.of(space, banks, class_of, batch, held_out=False)
    net.train()
    train_steps(
        dict(net.named_parameters()), gathered(reading(net, mixed, steps, batch)), journal, steps, every=batch.every
    )
    journal.plot("loss", "right")
    return 0


def open_banks(space: DefaultSpace, data: Path, folder: Path, *, seed: int) -> list[Bank]:
    """All albums."""
    albums = [captioned(data, seed=seed), *(asked_about(data, name) for name in (ASKED, INDOOR)), drawn()]
    return [open_bank(space.model, album, folder / album.name) for album in albums]


def begun(file: Path, space: DefaultSpace, answers: Sequence[str], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an earlier reader: of the answers that it did not know, those of `fresh`."""
    state, told = read_kept(file, space, make=MAKE)
    row_of = {answer: row for row, answer in enumerate(told["answers"])}
    both = [(new, row_of[answer]) for new, answer in enumerate(answers) if answer in row_of]
    for name in ("out.weight", "out.bias"):
        rows = fresh[name].clone()
        rows[[new for new, _ in both]] = state[name][[old for _, old in both]]
        state[name] = rows
    return state


def answers_of(banks: Sequence[Bank]) -> tuple[str, ...]:
    """Those that answer a few questions at least, the most frequent first."""
    counts = Counter(pair.answer for bank in banks for pairs in bank.album.pairs for pair in pairs)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(answer for answer, count in ranked if count >= FEWEST)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Photos and questions of all albums, drawn by chance."""

    banks: Sequence[Bank]
    photos: Sequence[Sequence[int]]  # of each bank, those that may be drawn
    counts: Sequence[tuple[int, int]]  # photos of a step from each bank, and questions about each
    asked: Asked
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
        counts |= {INDOOR: (batch.indoor, batch.indoor_each), DRAWN: (batch.drawn, batch.drawn_each)}
        row_of = {question: row for row, question in enumerate(questions)}
        each = [counts[bank.album.name] for bank in banks]
        return cls(banks, photos, each, read_questions(space, questions), row_of, class_of)

    def batch(self, chance: Random) -> tuple[Shown, Tensor, Asked, Tensor]:
        """Photos, the photo of each question, the questions, and the numbers of the right answers."""
        shown: list[Shown] = []
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
        every = Shown(*(torch.cat([getattr(part, item.name) for part in shown]) for item in fields(Shown)))
        return every, torch.tensor(photo_Q), self.asked.rows(torch.tensor(rows_Q)), torch.tensor(right_Q)

    def fitting(self, pairs: Sequence[Pair], *, mirrored: bool) -> list[Pair]:
        """Those whose answer is learned, and that hold for a mirrored photo too."""
        known = [pair for pair in pairs if pair.answer in self.class_of]
        return [p for p in known if not mirrored or not any(side in f"{p.question} {p.answer}" for side in SIDES)]


def reading(net: ReaderNet, mixed: Mixed, steps: StepsConfig, batch: BatchConfig) -> Loss:
    """Surprise at the right answers."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        shown, photo_Q, asked, right_Q = mixed.batch(chance)
        with quick():
            scores_QV = net(shown, photo_Q, asked)
        scores_QV = scores_QV.float()
        right = (scores_QV.argmax(-1) == right_Q).float().mean()
        return {"loss": F.cross_entropy(scores_QV, right_Q, label_smoothing=batch.smooth), "right": right}

    return loss


def pack(file: Path, space: DefaultSpace, net: ReaderNet, banks: Sequence[Bank], answers: Sequence[str]) -> int:
    """Fit how sure answers may be on the photos that were held out, and write everything."""
    class_of = {answer: n for n, answer in enumerate(answers)}
    mixed = Mixed.of(space, banks, class_of, BatchConfig(), held_out=True)
    sure = fit_sure(*judged(net.eval(), mixed), answers, nouns=NOUNS)
    weights = fit_weights(space, net, mixed, sure, answers)
    tqdm.write(f"weights: {weights}", file=sys.stderr)
    for family, told in sure.told.items():
        tqdm.write(f"{family}: {told}", file=sys.stderr)
    sure = replace(sure, weights=weights)
    write_reader(file, net.state_dict(), answers=answers, sure=sure, config=net.config, fingerprint=space.fingerprint)
    tqdm.write(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
    return 0


@torch.inference_mode()
def fit_weights(space: DefaultSpace, net: ReaderNet, mixed: Mixed, sure: Sure, answers: Sequence[str]) -> Weights:
    """How much reader, likeness and labels count where they say whether a thing is there (logistic regression)."""
    eyes, (bank, *_), (photos, *_) = Eyes(space, SeeConfig()), mixed.banks, mixed.photos
    shown = bank.shown(photos, [0] * len(photos))
    presence_NL = eyes.presence(NOUNS, shown.vectors_BD.float().numpy())
    labels = [eyes.labels(look) for look in looks_of(space, shown.cells_BPC)]
    said, there = [], []
    for row, n in enumerate(photos):
        pairs = [pair for pair in bank.album.pairs[n] if pair.kind == PRESENCE and noun_of(pair)]
        if not pairs:
            continue
        asked = mixed.asked.rows(torch.tensor([mixed.row_of[pair.question] for pair in pairs]))
        with quick():
            scores_QV = net(bank.shown([n], [0]), torch.zeros(len(pairs), dtype=torch.int64), asked).float()
        for pair, scores_V in zip(pairs, scores_QV, strict=True):
            p_yes = float(sure.chances(scores_V, "there", answers)[answers.index(YES)])
            likeness = float(presence_NL[row, NOUNS.index(noun_of(pair))])
            labelled = by_labels(labels[row], noun_of(pair)).get("labels", 0.5)  # even odds add nothing
            said.append([log_odds(p_yes), log_odds(likeness), log_odds(labelled)])
            there.append(pair.answer == YES)
    weights_W, offset = logistic(np.array(said), np.array(there), np.ones(len(there)))
    by = {name: round(float(w), 4) for name, w in zip(WITNESSES, weights_W, strict=True)}
    by["labels"] = max(by["labels"], LABELS)
    return Weights(by, round(offset, 4))


def noun_of(pair: Pair) -> str:
    """The thing that a presence question asks for; empty where it is not one of NOUNS."""
    wanted = parse(pair.question).wanted
    return wanted[0] if len(wanted) == 1 and wanted[0] in NOUNS else ""


def told_by_people(album: Album, pair: Pair) -> bool:
    """Whether it is asked as people ask."""
    return pair.kind == PRESENCE if album.name == CAPTIONED else album.name != DRAWN


@torch.inference_mode()
def judged(net: ReaderNet, mixed: Mixed) -> tuple[list[str], Tensor, Tensor]:
    """Family, scores (Q, V) and number of the right answer of every question; -1 where it was not learned.

    Of those that captions answer only the ones for things count, and of drawings none: people ask otherwise.
    """
    families, scores, rights = [], [], []
    for bank, photos in zip(mixed.banks, mixed.photos, strict=True):
        for n in photos:
            pairs = [pair for pair in bank.album.pairs[n] if told_by_people(bank.album, pair)]
            if not pairs:
                continue
            asked = mixed.asked.rows(torch.tensor([mixed.row_of[pair.question] for pair in pairs]))
            with quick():
                scores.append(net(bank.shown([n], [0]), torch.zeros(len(pairs), dtype=torch.int64), asked).float())
            families += [family_of(pair.question, NOUNS) for pair in pairs]
            rights += [mixed.class_of.get(pair.answer, -1) for pair in pairs]
    return families, torch.cat(scores), torch.tensor(rights)
