"""A head for code: a description and the code that does it, close together.

Both go through the text tower as it stands; the description's side is the finished text head and does not move, so the
code joins the space that pictures and text already share.

Shape key:  N pairs, W width of the text tower (384), D width of the space (512)
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.encoders.default import SpaceModel
from deepseek_mm.errors import NothingThere
from deepseek_mm.train.frozen import pooled
from deepseek_mm.train.losses import contrastive_loss

SCALE = 20.0  # inverse temperature
BATCH, RATE = 256, 1e-3

MOST_PAIRS = 12_000  # more are thinned out evenly

Pair = tuple[str, str]  # description, code


def read_pairs(files: Sequence[Path]) -> list[Pair]:
    """Pairs from JSONL rows `{text, code}` (MBPP) and `{examples: [[description, command], ...]}` (tldr).

    At most MOST_PAIRS of them, evenly chosen. Raises NothingThere for an absent file.
    """
    pairs: list[Pair] = []
    for file in files:
        if not file.is_file():
            raise NothingThere(f"no file {file}. Give JSONL files of descriptions with code, or leave --code out")
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            pairs += [(row["text"], row["code"])] if "code" in row else [(d, c) for d, c in row.get("examples", ())]
    return pairs[:: max(1, -(-len(pairs) // MOST_PAIRS))]


def split_pairs(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Every tenth pair is kept for testing: (train, test)."""
    return [p for n, p in enumerate(pairs) if n % 10], [p for n, p in enumerate(pairs) if n % 10 == 0]


def train_code_head(model: SpaceModel, pairs: Sequence[Pair], *, epochs: int, seed: int = 0) -> None:
    """Start from the text head, then learn the pairs."""
    model.code_head.load_state_dict(model.text_head.state_dict())
    target_ND = described(model, [description for description, _ in pairs])
    code_NW = pooled(model, [code for _, code in pairs])[:, -1].clone()
    head = model.code_head.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.05)
    steps = epochs * max(1, len(pairs) // BATCH)
    decline = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    chance = random.Random(seed)
    torch.manual_seed(seed)
    for _ in range(steps):
        rows = chance.sample(range(len(pairs)), min(BATCH, len(pairs)))
        loss = contrastive_loss(target_ND[rows], head(code_NW[rows]), torch.arange(len(rows)), torch.tensor(SCALE))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decline.step()
    head.eval().requires_grad_(False)


def described(model: SpaceModel, descriptions: Sequence[str]) -> Tensor:
    """(N, D): descriptions through the finished text head."""
    with torch.no_grad():
        vectors: Tensor = model.text_head.eval()(pooled(model, descriptions)[:, -1].clone())
    return vectors


def mean_reciprocal_rank(model: SpaceModel, pairs: Sequence[Pair], *, head: torch.nn.Module) -> float:
    """How early a description finds its own code among all codes of `pairs`; 1 is always first."""
    target_ND = described(model, [description for description, _ in pairs])
    with torch.no_grad():
        code_ND = head.eval()(pooled(model, [code for _, code in pairs])[:, -1].clone())
    cosine_NN = target_ND @ code_ND.T
    rank_N = (cosine_NN >= cosine_NN.diagonal()[:, None]).sum(dim=1)
    return float((1 / rank_N).mean())
