"""The packaged tower as an encoder of sentences, opened once for all tests of a process."""

from collections.abc import Sequence
from functools import cache

import torch

from deepseek_mm.embeddings.multilingual import PREFIX, load_multilingual_tower
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import TextTower


@cache
def tower() -> TextTower:
    return load_multilingual_tower()


@cache
def encode_one(text: str) -> Floats:
    """(1, 384): tests ask for the same phrase again."""
    return encode_all([text])


def encode(texts: Sequence[str]) -> Floats:
    """(N, 384) of length 1."""
    return encode_one(texts[0]) if len(texts) == 1 else encode_all(texts)


def encode_all(texts: Sequence[str]) -> Floats:
    with torch.inference_mode():
        pooled_NW = tower()([PREFIX + text for text in texts])[:, -1]
        return torch.nn.functional.normalize(pooled_NW, dim=-1).numpy()
