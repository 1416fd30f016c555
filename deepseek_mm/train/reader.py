"""`train reader`: learn to answer closed questions by looking at photos.

`maps` keeps what the tower makes of all photos, plain and mirrored. `read` learns from questions that captions answer
and from those that people asked. `pack` asks about photos that were held out, fits how sure answers may be, and writes
the weights. Stages can be stopped and go on.

Shape key:  B photos, Q questions of a step, V answers
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.train.bank import Bank, open_banks, photo_albums
from deepseek_mm.train.journal import Journal, learned
from deepseek_mm.train.loop import Loss, add_configs, chosen, gathered, train_steps
from deepseek_mm.train.mixed import BatchConfig, Mixed
from deepseek_mm.train.reader_pack import pack
from deepseek_mm.train.steps import StepsConfig
from deepseek_mm.vision.vqa import MAKE, WEIGHTS
from deepseek_mm.vision.vqa_net import ReaderConfig, ReaderNet
from deepseek_mm.vision.weight_file import read_weights

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
    add_configs(parser, BatchConfig, StepsConfig, ReaderConfig)


def run(args: argparse.Namespace) -> int:
    """Do one stage to its end; goes on where an earlier call stopped."""
    space = DefaultSpace()
    steps = chosen(STEPS, args)
    albums = photo_albums(args.data, seed=steps.seed)
    banks = open_banks(space.model, albums, args.out / "maps")
    if args.stage == "maps":
        return 0
    answers = answers_of(banks)
    batch, config = chosen(BatchConfig(), args), chosen(ReaderConfig(), args)
    torch.manual_seed(steps.seed)
    net = ReaderNet(len(answers), config)
    class_of = {answer: n for n, answer in enumerate(answers)}
    if args.begin:
        net.load_state_dict(begun(args.begin, space, answers, net.state_dict()))
    if args.stage == "pack":
        if not args.begin:
            net.load_state_dict(learned(args.out / "read"))
        return pack(args.weights, space, net, Mixed.of(space, banks, class_of, batch, held_out=True), answers)
    journal = Journal(args.out / "read", {**asdict(batch), **asdict(steps), **asdict(config)})
    mixed = Mixed.of(space, banks, class_of, batch, held_out=False)
    net.train()
    train_steps(
        dict(net.named_parameters()), gathered(reading(net, mixed, steps, batch)), journal, steps, every=batch.every
    )
    journal.plot("loss", "right")
    return 0


def begun(file: Path, space: DefaultSpace, answers: Sequence[str], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an earlier reader: of the answers that it did not know, those of `fresh`."""
    state, told = read_weights(file, space, make=MAKE)
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


def reading(net: ReaderNet, mixed: Mixed, steps: StepsConfig, batch: BatchConfig) -> Loss:
    """Surprise at the right answers."""

    def loss(step: int) -> dict[str, Tensor]:
        chance = Random(f"{steps.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))  # of what is dropped
        shown, photo_Q, asked, right_Q = mixed.batch(chance)
        with autocast_bf16():
            scores_QV = net(shown, photo_Q, asked)
        scores_QV = scores_QV.float()
        right = (scores_QV.argmax(-1) == right_Q).float().mean()
        return {"loss": F.cross_entropy(scores_QV, right_Q, label_smoothing=batch.smooth), "right": right}

    return loss
