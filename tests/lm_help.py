"""Small decoders and small corpora for the tests of their training."""

import numpy as np
import torch

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape, ExpertSpec, MoEShape, Reach, tiny
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import Shard, TokenDocument

NEAR = Reach(kind="window", window=8, sinks=2)


def experts(**more: object) -> MoEShape:
    """One small expert for each domain, in the last two of four layers."""
    specs = tuple(ExpertSpec(name=name, domain=name, width=32) for name in DOMAINS)
    return MoEShape(**{"layers": (2, 3), "experts": specs, "gate_width": 32, **more})


def decoder(shape: DecoderShape | None = None, *, seed: int = 0) -> Decoder:
    """Random, but not so sure of itself as torch's own embeddings would make it."""
    torch.manual_seed(seed)
    made = Decoder(shape or tiny())
    torch.nn.init.normal_(made.embedding.weight, std=0.2)
    return made


def shard(domain: str, lengths: list[int], *, seed: int = 0, learn: bool = True) -> Shard:
    """Documents of these lengths, of random tokens from a stretch of the vocabulary that is the domain's own."""
    draw = np.random.default_rng(seed)
    start = 64 * DOMAINS.index(domain)
    made = [
        TokenDocument(
            ids_T=draw.integers(start, start + 64, length).astype(np.uint16),
            learn_T=np.full(length, learn),
        )
        for length in lengths
    ]
    return Shard(
        ids_N=np.concatenate([d.ids_T for d in made]),
        learn_N=np.concatenate([d.learn_T for d in made]),
        ends_M=np.cumsum(lengths),
    )
