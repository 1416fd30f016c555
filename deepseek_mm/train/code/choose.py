"""How much of a code vector's cosine is the tower's, and how much the table's: what ranks best on the dev part.

Shape key:  N functions, W width of the tower, K width of the table
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.code import BATCH, CodeSide
from deepseek_mm.embeddings.code_text import broken_up, code_text
from deepseek_mm.embeddings.text import in_order_of_length
from deepseek_mm.evaluation.code_search import Function, rank_by_cosine, score_rankings

SHARES = tuple(n / 20 for n in range(0, 21))


def choose_share(side: CodeSide, functions: Sequence[Function]) -> tuple[float, dict[str, float]]:
    """The best share of the tower, and MRR@10 of the table alone, of the tower alone and of both."""
    asked = halves(side, [broken_up(function.question) for function in functions], asks=True)
    given = halves(side, [code_text(replace(f.symbol, doc=""), f.text, f.path) for f in functions], asks=False)
    found = {share: mrr(asked, given, share) for share in SHARES}
    best = max(found, key=lambda share: found[share])
    return best, {"table": found[0.0], "tower": found[1.0], f"both, {best:.2f} of it the tower": found[best]}


def mrr(asked: tuple[Tensor, Tensor], given: tuple[Tensor, Tensor], share: float) -> float:
    """MRR@10 with this share of the tower."""
    tower_NW, table_NK = (torch.cat([a, g]) for a, g in zip(asked, given, strict=True))
    vectors = torch.cat([tower_NW * share**0.5, table_NK * (1 - share) ** 0.5], dim=-1).numpy()
    return score_rankings(rank_by_cosine(*(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :]))).mrr10


@torch.inference_mode()
def halves(side: CodeSide, texts: Sequence[str], *, asks: bool) -> tuple[Tensor, Tensor]:
    """(N, W) and (N, K): what the tower and what the table makes of texts."""
    ordered, back_N = in_order_of_length(texts)
    towers, tables = [], []
    for start in range(0, len(ordered), BATCH):
        ids_NT, mask_NT = side.tokens(ordered[start : start + BATCH])
        with autocast_bf16():
            towers.append(side.tower(ids_NT, mask_NT))
        tables.append(side.table(ids_NT, mask_NT, asks=asks))
    return torch.cat(towers)[back_N], torch.cat(tables)[back_N]
