"""`train fp4`: train the language model for four-bit weights.

`quantize lm-fp4` rounds each matrix for itself. Here the rounded decoder as a whole is trained on the whole-precision
one's next words (KL divergence, Hinton et al. 2015, arXiv 1503.02531), mostly in answers from evidence. Behind every
code stands a float weight, which moves as if nothing were rounded (straight-through, Bengio et al. 2013, arXiv
1308.3432), and its code follows. It begins at the whole weight as far as the code allows. Scales and norms stay, so the
file keeps its size.

Shape key:  B rows, T tokens of a row, P positions whose words are compared, V vocabulary, F outputs, D inputs, N blocks
            of a row (D / 16), G weights of a block (16)
"""

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import cache_folder
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.runtime.quantization.fp4 import (
    BLOCK,
    LARGEST,
    MAGNITUDES,
    MIDDLES,
    Fp4,
    codes_of,
    pack,
    restore,
    unpack,
)
from deepseek_mm.runtime.quantization.lm_files import CODES, FP4, SCALES, WHOLE, linears, others, read_lm
from deepseek_mm.runtime.quantization.weight_files import cache_file, write_quantized
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.language_model import LmStageConfig, draw_in_turn, read_training_rows
from deepseek_mm.training.loop import (
    RunFolder,
    StepsConfig,
    add_config_flags,
    choose_config,
    read_learned,
    tell_written,
    train_steps,
)

FIRM = 0.8  # of the way to the next code, as near as a float begins
LOWS = (-MIDDLES[0], *MIDDLES)  # where the numbers of a magnitude begin
HIGHS = (*MIDDLES, LARGEST)  # and end: beyond the largest nothing is gained


def make_latent(weight_FD: Tensor, matrix: Fp4) -> Tensor:
    """Float weights (F, D) whose codes are the matrix's, as near to `weight_FD` as that goes."""
    codes_FD, sizes_FN1 = unpack(matrix.codes_FD), compute_block_sizes(matrix)
    magnitude_FD, negative_FD = (codes_FD & 7).int(), codes_FD > 7
    level_FD, low_FD, high_FD = (
        codes_FD.new_tensor(t, dtype=torch.float32)[magnitude_FD] for t in (MAGNITUDES, LOWS, HIGHS)
    )
    wanted_FD = (weight_FD.float().unflatten(1, (-1, BLOCK)) / sizes_FN1).flatten(1)
    wanted_FD = torch.where(negative_FD, -wanted_FD, wanted_FD)
    moved_FD = (wanted_FD - level_FD).clamp(FIRM * (low_FD - level_FD), FIRM * (high_FD - level_FD))
    float_FD = torch.where(negative_FD, -1.0, 1.0) * (level_FD + moved_FD)
    behind_FD: Tensor = (float_FD.unflatten(1, (-1, BLOCK)) * sizes_FN1).flatten(1)
    return behind_FD


def update_codes(float_FD: Tensor, matrix: Fp4) -> Fp4:
    """The matrix with the codes that its floats have by now."""
    codes_FD = codes_of((float_FD.unflatten(1, (-1, BLOCK)) / compute_block_sizes(matrix)).flatten(1))
    return Fp4(pack(codes_FD), matrix.scales_FN, matrix.whole)


def round_to_fp4(float_FD: Tensor, sizes_FN1: Tensor) -> Tensor:
    """What `restore(followed(...))` gives, without packing: (F, D)."""
    units_FNG = float_FD.unflatten(1, (-1, BLOCK)) / sizes_FN1
    size_FNG = units_FNG.abs()
    per_FNG = torch.where(size_FNG < 2, 2.0, torch.where(size_FNG < 4, 1.0, 0.5))  # numbers in each whole one
    level_FNG = (size_FNG.mul_(per_FNG).round_() / per_FNG).clamp_(max=LARGEST)
    rounded_FD: Tensor = (level_FNG.copysign_(units_FNG) * sizes_FN1).flatten(1)
    return rounded_FD


def compute_block_sizes(matrix: Fp4) -> Tensor:
    """What one is, of each block: (F, N, 1)."""
    return (matrix.scales_FN.float() * matrix.whole)[..., None]


STEPS = StepsConfig(steps=30, rate=2e-4, warm=0.1)
ROWS = LmStageConfig(limit=400)
EVERY = 10  # steps after which a checkpoint is kept
EVIDENCE = DOMAINS.index("evidence")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fp4Config:
    """What a step reads, and what of it is compared."""

    evidence: int = 3  # rows of 512 tokens
    others: int = 1  # rows of all other domains, in turn
    some: float = 0.15  # share of the positions outside of answers whose words are compared
    some_weight: float = 0.5  # of those, beside the answers'


class Fp4Recovery:
    """A whole teacher that stands still, and a student in four bits that follows."""

    def __init__(self, teacher: Decoder, student: Decoder, matrices: Mapping[str, Fp4], config: Fp4Config) -> None:
        self.teacher, self.student, self.config = teacher, student.requires_grad_(False), config
        whole, self.linears = dict(linears(teacher)), dict(linears(student))
        self.sizes = {name: compute_block_sizes(matrix) for name, matrix in matrices.items()}
        self.trained = {n: nn.Parameter(make_latent(whole[n].weight, matrices[n])) for n in self.linears}

    def backward(self, rows: PackedRows, chance: torch.Generator) -> dict[str, float]:
        """Gathers the gradients of a batch; returns what was lost, in nats a word."""
        self.follow()
        for linear in self.linears.values():
            linear.weight.requires_grad_(True)
        answers, some = self.losses(rows, chance)
        (answers + self.config.some_weight * some).backward()
        for name, linear in self.linears.items():
            grad_FD, linear.weight.grad = linear.weight.grad, None
            self.trained[name].grad = None if grad_FD is None else grad_FD.float()  # none: an expert nobody visited
        return {"answers": float(answers.detach()), "some": float(some.detach())}

    def losses(self, rows: PackedRows, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """KL of answers from evidence, and of some other words."""
        answer_BT = rows.learn_NT[:, 1:] & (rows.domains_N == EVIDENCE)[:, None]
        drawn_BT = torch.rand(answer_BT.shape, generator=chance) < self.config.some
        other_BT = drawn_BT & (rows.segments_NT[:, 1:] > 0) & ~answer_BT
        with torch.no_grad():
            right_BTD = compute_states(self.teacher, rows)
        said_BTD = compute_states(self.student, rows)
        answers, others = (self._measure_divergence(right_BTD, said_BTD, at_BT) for at_BT in (answer_BT, other_BT))
        return answers, others

    def _measure_divergence(self, right_BTD: Tensor, said_BTD: Tensor, at_BT: Tensor) -> Tensor:
        with torch.no_grad():
            right_PV = self.teacher.logits(right_BTD[at_BT]).float().log_softmax(-1)
        said_PV = self.student.logits(said_BTD[at_BT]).float().log_softmax(-1)
        apart: Tensor = F.kl_div(said_PV, right_PV, log_target=True, reduction="sum") / at_BT.sum().clamp_min(1)
        return apart

    @torch.no_grad()
    def follow(self) -> None:
        """The student's weights are what the floats are rounded to."""
        for name, linear in self.linears.items():
            linear.weight.copy_(round_to_fp4(self.trained[name], self.sizes[name]))


def compute_states(decoder: Decoder, rows: PackedRows) -> Tensor:
    """Hidden states in front of every token but the first, (B, T - 1, D)."""
    hidden: Tensor = decoder(decoder.embed(rows.ids_NT), FullTextAttention(decoder.shape, rows.segments_NT))[0]
    return hidden[:, :-1]


def read_matrices(held: Mapping[str, Tensor]) -> dict[str, Fp4]:
    """By the names of their layers."""
    names = [name.removesuffix(CODES) for name in held if name.endswith(CODES)]
    return {name: Fp4(*(held[name + end] for end in (CODES, SCALES, WHOLE))) for name in names}


@torch.no_grad()
def restore_weights(decoder: Decoder, held: Mapping[str, Tensor]) -> Decoder:
    """The decoder with the numbers that its file means, in place: it can be trained."""
    matrices, parameters = read_matrices(held), dict(decoder.named_parameters())
    for name, linear in linears(decoder):
        linear.weight.copy_(restore(matrices[name]))
    for name in others(decoder):
        parameters[name].copy_(held[name])
    return decoder


def choose_batch(step: int, rows: PackedRows, config: Fp4Config, seed: int) -> PackedRows:
    """The rows of one step, by seed and step alone."""
    evident_N = rows.domains_N == EVIDENCE
    numbers: list[int] = []
    for its_N, size in ((evident_N, config.evidence), (~evident_N, config.others)):
        its_M = its_N.nonzero().flatten()
        numbers += its_M[draw_in_turn(step, len(its_M), size, str(seed))].tolist()
    return rows.take(numbers)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train fp4`."""
    file = cache_file(cache_folder(), FP4)
    parser.add_argument("--begin", type=Path, default=file, help="made by: quantize lm-fp4 (the cache folder's)")
    parser.add_argument("--file", type=Path, default=file, help="where the trained one is written (the cache folder)")
    parser.add_argument("--corpus", type=Path, default=cache_folder() / "corpus", help="made by: train corpus")
    parser.add_argument("--out", type=Path, default=Path("runs/fp4"), help="folder of this run: log, plot, checkpoint")
    add_config_flags(parser, StepsConfig, Fp4Config)


def run(args: argparse.Namespace) -> int:
    """Train, and write the file; goes on where an earlier call stopped."""
    steps, config = choose_config(STEPS, args), choose_config(Fp4Config(), args)
    checkpoint = our_checkpoint()
    kept = read_lm(checkpoint, args.begin, scheme=FP4)
    matrices = read_matrices(kept.tensors)
    teacher, student = (open_decoder(checkpoint)[0].eval().requires_grad_(False) for _ in range(2))
    recovery = Fp4Recovery(teacher, restore_weights(student, kept.tensors), matrices, config)
    settings = {"steps": repr(steps), "fp4": repr(config), "scales": hash_scales(matrices)}
    journal, rows = RunFolder(args.out, settings), read_training_rows(args.corpus, ROWS, seed=steps.seed)

    def gather(step: int) -> dict[str, float]:
        chance = torch.Generator().manual_seed(step)
        return recovery.backward(choose_batch(step, rows, config, steps.seed), chance)

    train_steps(recovery.trained, gather, journal, steps, every=EVERY)
    journal.plot("answers", "some")
    found = {name: update_codes(float_FD, matrices[name]) for name, float_FD in read_learned(args.out).items()}
    codes = {name + CODES: matrix.codes_FD for name, matrix in found.items()}
    command = f"python -m deepseek_mm train fp4 --begin {args.begin} --out {args.out} --file {args.file}"
    told = replace(kept.info, made=f"{kept.info.made}; {command}", note=f"{kept.info.note}; then trained as a whole")
    write_quantized(args.file, {**kept.tensors, **codes}, told)
    tell_written(args.file)
    return 0


def hash_scales(matrices: Mapping[str, Fp4]) -> str:
    """Of the scales, which training leaves as they are: the floats of a run belong to them."""
    digest = hashlib.sha256()
    for matrix in matrices.values():
        digest.update(matrix.scales_FN.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
