"""What the tower and the table of words learn from pairs: a question picks its code among all codes of the batch.

A batch holds pairs of one kind, several of a file, so that the wrong answers are near ones. Chance depends on the seed
and the step alone.

Shape key:  B pairs in the batch, T tokens, D width of the vectors
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.code import CodeSide
from deepseek_mm.train.code.pairs import Pair
from deepseek_mm.train.loop import Loss
from deepseek_mm.train.losses import contrastive_loss

LAYER = "model.encoder.layer."
COUNTED = 8_000  # codes in which pieces are counted
LEAST = 0.05  # that a piece weighs at first, one that is in every code


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
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


class Batches:
    """Draws pairs."""

    def __init__(self, pairs: Sequence[Pair], config: BatchConfig) -> None:
        self.config = config
        self.by_kind: dict[str, list[Pair]] = defaultdict(list)
        self.by_group: dict[tuple[str, str], list[Pair]] = defaultdict(list)
        for pair in pairs:
            self.by_kind[pair.kind].append(pair)
            self.by_group[pair.kind, pair.group].append(pair)

    def draw(self, step: int) -> list[Pair]:
        """Pairs of one kind with different questions and different codes; fewer only if there are fewer."""
        config, draw = self.config, Random(f"{self.config.chance} {step}")
        kinds = sorted(self.by_kind)
        kind = draw.choices(kinds, weights=[getattr(config, kind) for kind in kinds])[0]
        chosen: dict[str, Pair] = {}
        asked = set[str]()
        for first in draw.sample(self.by_kind[kind], min(len(self.by_kind[kind]), config.batch)):
            group = self.by_group[kind, first.group]
            others = draw.sample(group, min(len(group), config.alike - 1))
            for pair in (first, *others):
                if len(chosen) < config.batch and pair.code not in chosen and pair.question not in asked:
                    chosen[pair.code] = pair
                    asked.add(pair.question)
        return list(chosen.values())


def upper_layers(side: CodeSide, count: int) -> dict[str, nn.Parameter]:
    """The weights of the last layers, which may change; nothing else of the tower does."""
    last = len(side.model.encoder.layer)  # type: ignore[union-attr, arg-type]
    wanted = tuple(f"{LAYER}{n}." for n in range(last - count, last))
    for name, weight in side.named_parameters():
        weight.requires_grad_(name.startswith(wanted))
    return {name: weight for name, weight in side.named_parameters() if name.startswith(wanted)}


def tower_loss(side: CodeSide, batches: Batches) -> Loss:
    """Of a step: what the tower makes of questions and codes."""
    config = batches.config

    def loss(step: int) -> dict[str, Tensor]:
        pairs = batches.draw(step)
        with autocast_bf16():
            asked_BD = side.tower(*side.tokens([pair.question for pair in pairs], config.tokens))
            code_BD = side.tower(*side.tokens([pair.code for pair in pairs], config.tokens))
        return told(asked_BD, code_BD, config)

    return loss


def table_loss(side: CodeSide, batches: Batches) -> Loss:
    """Of a step: what the table makes of them."""
    config = batches.config

    def loss(step: int) -> dict[str, Tensor]:
        pairs = batches.draw(step)
        asked_BD = side.table(*side.tokens([pair.question for pair in pairs], config.tokens), asks=True)
        code_BD = side.table(*side.tokens([pair.code for pair in pairs], config.tokens), asks=False)
        return told(asked_BD, code_BD, config)

    return loss


def told(asked_BD: Tensor, code_BD: Tensor, config: BatchConfig) -> dict[str, Tensor]:
    """The loss, and how often the right code came first."""
    owner_B = torch.arange(len(asked_BD))
    first = ((asked_BD @ code_BD.T).argmax(dim=1) == owner_B).float().mean()
    return {"loss": contrastive_loss(code_BD, asked_BD, owner_B, torch.tensor(config.scale)), "first": first}


def first_table(side: CodeSide, pairs: Sequence[Pair]) -> None:
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
