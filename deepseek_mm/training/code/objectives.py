"""The losses of the code tower and the word table, and the choice of their weights on the dev part.

A question picks its code among all codes of the batch. A batch holds pairs of one kind, several of a file, so that the
wrong answers are near ones. Randomness depends on the seed and the step alone.

Shape key:  B pairs in the batch, T tokens, D width of the vectors, N functions, W width of the tower, K of the table
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.code import BATCH, CodeSide
from deepseek_mm.encoders.code_text import broken_up, code_text
from deepseek_mm.encoders.text import in_order_of_length
from deepseek_mm.evaluate.code_search import nearest, score
from deepseek_mm.evaluate.functions import Function
from deepseek_mm.training.code.pairs import CodePair
from deepseek_mm.training.loop import StepLoss
from deepseek_mm.training.losses import contrastive_loss

LAYER = "model.encoder.layer."
COUNTED = 8_000  # codes in which pieces are counted
LEAST = 0.05  # that a piece weighs at first, one that is in every code


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeBatchConfig:
    """What a step learns from."""

    batch: int = 128  # pairs
    alike: int = 4  # of them from one file
    tokens: int = 80  # that are read of each text
    scale: float = 20.0  # inverse temperature
    doc: float = 0.6  # share of the batches that are docstrings, and so on
    name: float = 0.13
    call: float = 0.1
    shell: float = 0.12
    task: float = 0.05
    chance: int = 0  # seed

    def __post_init__(self) -> None:
        between("batch", self.batch, 2, 65_536)
        between("alike", self.alike, 1, 65_536)
        between("tokens", self.tokens, 8, 512)


class CodeBatches:
    """Draws pairs."""

    def __init__(self, pairs: Sequence[CodePair], config: CodeBatchConfig) -> None:
        self.config = config
        self.by_kind: dict[str, list[CodePair]] = defaultdict(list)
        self.by_group: dict[tuple[str, str], list[CodePair]] = defaultdict(list)
        for pair in pairs:
            self.by_kind[pair.kind].append(pair)
            self.by_group[pair.kind, pair.group].append(pair)

    def draw(self, step: int) -> list[CodePair]:
        """Pairs of one kind with different questions and different codes; fewer only if there are fewer."""
        config, draw = self.config, Random(f"{self.config.chance} {step}")
        kinds = sorted(self.by_kind)
        kind = draw.choices(kinds, weights=[getattr(config, kind) for kind in kinds])[0]
        chosen: dict[str, CodePair] = {}
        asked = set[str]()
        for first in draw.sample(self.by_kind[kind], min(len(self.by_kind[kind]), config.batch)):
            group = self.by_group[kind, first.group]
            others = draw.sample(group, min(len(group), config.alike - 1))
            for pair in (first, *others):
                if len(chosen) < config.batch and pair.code not in chosen and pair.question not in asked:
                    chosen[pair.code] = pair
                    asked.add(pair.question)
        return list(chosen.values())


def unfreeze_upper_layers(side: CodeSide, count: int) -> dict[str, nn.Parameter]:
    """The weights of the last layers, which may change; nothing else of the tower does."""
    last = len(side.model.encoder.layer)  # type: ignore[union-attr, arg-type]
    wanted = tuple(f"{LAYER}{n}." for n in range(last - count, last))
    for name, weight in side.named_parameters():
        weight.requires_grad_(name.startswith(wanted))
    return {name: weight for name, weight in side.named_parameters() if name.startswith(wanted)}


def make_tower_loss(side: CodeSide, batches: CodeBatches) -> StepLoss:
    """Of a step: what the tower makes of questions and codes."""
    config = batches.config

    def loss(step: int) -> dict[str, Tensor]:
        pairs = batches.draw(step)
        with autocast_bf16():
            asked_BD = side.tower(*side.tokens([pair.question for pair in pairs], config.tokens))
            code_BD = side.tower(*side.tokens([pair.code for pair in pairs], config.tokens))
        return compute_pair_loss(asked_BD, code_BD, config)

    return loss


def make_table_loss(side: CodeSide, batches: CodeBatches) -> StepLoss:
    """Of a step: what the table makes of them."""
    config = batches.config

    def loss(step: int) -> dict[str, Tensor]:
        pairs = batches.draw(step)
        asked_BD = side.table(*side.tokens([pair.question for pair in pairs], config.tokens), asks=True)
        code_BD = side.table(*side.tokens([pair.code for pair in pairs], config.tokens), asks=False)
        return compute_pair_loss(asked_BD, code_BD, config)

    return loss


def compute_pair_loss(asked_BD: Tensor, code_BD: Tensor, config: CodeBatchConfig) -> dict[str, Tensor]:
    """The loss, and how often the right code came first."""
    owner_B = torch.arange(len(asked_BD))
    first = ((asked_BD @ code_BD.T).argmax(dim=1) == owner_B).float().mean()
    return {"loss": contrastive_loss(code_BD, asked_BD, owner_B, torch.tensor(config.scale)), "first": first}


def initialise_table(side: CodeSide, pairs: Sequence[CodePair]) -> None:
    """The table before it learns: the tower's word pieces turned to their strongest directions, rare ones heavier."""
    pieces = side.model.embeddings.word_embeddings.weight.detach().float()  # type: ignore[union-attr, operator]
    pieces = pieces - pieces.mean(dim=0)
    _, directions = torch.linalg.eigh(pieces.T @ pieces)
    vectors = pieces @ directions[:, -side.table.vectors.embedding_dim :]
    seen, pairs = torch.zeros(len(pieces)), pairs[:: -(-len(pairs) // COUNTED)]
    for start in range(0, len(pairs), 512):
        ids_NT, mask_NT = side.tokens([pair.code for pair in pairs[start : start + 512]])
        for ids_T, mask_T in zip(ids_NT, mask_NT, strict=True):
            seen[ids_T[mask_T.bool()].unique()] += 1
    rarity = -((seen + 1) / (len(pairs) + 1)).log()
    with torch.no_grad():
        side.table.vectors.weight.copy_(nn.functional.normalize(vectors, dim=-1))
        for weights in (side.table.asked, side.table.told):
            weights.copy_(rarity.clamp_min(LEAST).log())


SHARES = tuple(n / 20 for n in range(0, 21))


def choose_share(side: CodeSide, functions: Sequence[Function]) -> tuple[float, dict[str, float]]:
    """The best share of the tower, and MRR@10 of the table alone, of the tower alone and of both."""
    asked = embed_halves(side, [broken_up(function.question) for function in functions], asks=True)
    given = embed_halves(side, [code_text(replace(f.symbol, doc=""), f.text, f.path) for f in functions], asks=False)
    found = {share: compute_mrr(asked, given, share) for share in SHARES}
    best = max(found, key=lambda share: found[share])
    return best, {"table": found[0.0], "tower": found[1.0], f"both, {best:.2f} of it the tower": found[best]}


def compute_mrr(asked: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor], share: float) -> float:
    """MRR@10 with this share of the tower."""
    tower_NW, table_NK = (torch.cat([a, g]) for a, g in zip(asked, given, strict=True))
    vectors = torch.cat([tower_NW * share**0.5, table_NK * (1 - share) ** 0.5], dim=-1).numpy()
    return score(nearest(*(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :]))).mrr10


@torch.inference_mode()
def embed_halves(side: CodeSide, texts: Sequence[str], *, asks: bool) -> tuple[Tensor, Tensor]:
    """(N, W) and (N, K): what the tower and what the table makes of texts."""
    ordered, back_N = in_order_of_length(texts)
    towers, tables = [], []
    for start in range(0, len(ordered), BATCH):
        ids_NT, mask_NT = side.tokens(ordered[start : start + BATCH])
        with quick():
            towers.append(side.tower(ids_NT, mask_NT))
        tables.append(side.table(ids_NT, mask_NT, asks=asks))
    return torch.cat(towers)[back_N], torch.cat(tables)[back_N]
