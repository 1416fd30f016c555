"""How surprised a decoder is by a text: the nats that each token costs, read as the product reads, chunk by chunk.

The keys lie in pages and every layer runs its own kernel, so a long text needs no matrix over all pairs of its tokens,
and what is measured is what people will get. The scores come in the decoder's own precision; half a step of bfloat16
moves a mean by less than a thousandth, the same for all decoders.

Shape key:  T tokens of a text, D width, V vocabulary
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass, open_memory

CHUNK = 512  # tokens that are read at once


@torch.inference_mode()
def nats_of_text(decoder: Decoder, ids: Sequence[int], *, chunk: int = CHUNK) -> Tensor:
    """Nats that each token but the first costs, (T - 1,) float32."""
    assert len(ids) > 1, "nothing is expected of a text of one token"
    parts, at = [], 1
    for hidden_TD in read_hidden(decoder, ids, chunk=chunk):
        next_T = torch.tensor(ids[at : at + len(hidden_TD)], dtype=torch.int64)
        parts.append(nats_of_tokens(decoder, hidden_TD[: len(next_T)], next_T))
        at += len(hidden_TD)
    return torch.cat(parts)


def nats_of_tokens(decoder: Decoder, hidden_TD: Tensor, next_T: Tensor) -> Tensor:
    """Nats of the tokens that follow these hidden states, (T,) float32."""
    return F.cross_entropy(decoder.logits(hidden_TD).float(), next_T, reduction="none")


def read_hidden(decoder: Decoder, ids: Sequence[int], *, chunk: int) -> Iterator[Tensor]:
    """Normed hidden states of one text, (up to `chunk`, D) at a time."""
    like = decoder.embedding.weight
    memory = open_memory(decoder.shape, tokens=len(ids), sequences=1, chunk=chunk, like=like)
    text = memory.start(ids, most=len(ids))
    while text.length < len(ids):
        paged = PagedPass(memory, [text], memory.blocks.step(text, len(ids) - text.length))
        hidden_1TD, _ = decoder(decoder.embed(paged.ids_BT), paged)
        memory.blocks.advance(text, hidden_1TD.shape[1])
        yield hidden_1TD[0]


def perplexity(nats: float, tokens: int) -> float:
    """Among how many equally likely tokens the model might as well have guessed."""
    return math.exp(nats / tokens) if tokens else math.nan


def perplexity_of(nats: Sequence[Tensor]) -> float:
    """Of all tokens of some texts, each counted once."""
    return perplexity(math.fsum(float(each.double().sum()) for each in nats), sum(map(len, nats)))
