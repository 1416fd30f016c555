"""MiniLM (Wang et al. 2020, arXiv:2002.10957; BERT's arithmetic) and its word pieces, without transformers.

It has transformers' names and does its arithmetic, so the packaged weights fit; but importing a model of transformers
takes 130 MB of memory, which is more than a small machine has to spare.

Shape key:  N texts, T tokens, W width, H heads
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

STATE_WIDTH, HEADS, INSIDE = 384, 12, 1536
PIECES, PLACES, KINDS = 30_522, 512, 2  # word pieces, positions, kinds of tokens (all are of the first)
EPS = 1e-12  # of norms
LONG = 1 << 30  # tokens: nothing is cut


@dataclass(slots=True)
class States:
    """What transformers' models return, as far as it is read: the states after each layer, the embedding first."""

    hidden_states: tuple[Tensor, ...]

    @property
    def last_hidden_state(self) -> Tensor:
        """(N, T, W)."""
        return self.hidden_states[-1]


class TokenEmbeddings(nn.Module):
    """Pieces and their places to vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(PIECES, STATE_WIDTH)
        self.position_embeddings = nn.Embedding(PLACES, STATE_WIDTH)
        self.token_type_embeddings = nn.Embedding(KINDS, STATE_WIDTH)
        self.LayerNorm = nn.LayerNorm(STATE_WIDTH, eps=EPS)

    def forward(self, ids_NT: Tensor) -> Tensor:
        """(N, T, W)."""
        places_TW = self.position_embeddings.weight[: ids_NT.shape[1]] + self.token_type_embeddings.weight[0]
        normed_NTW: Tensor = self.LayerNorm(self.word_embeddings(ids_NT) + places_TW)
        return normed_NTW


class Ending(nn.Module):
    """A layer, what it is added to, and a norm."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inside, STATE_WIDTH), nn.LayerNorm(STATE_WIDTH, eps=EPS)

    def forward(self, x: Tensor, before_NTW: Tensor) -> Tensor:
        normed_NTW: Tensor = self.LayerNorm(self.dense(x) + before_NTW)
        return normed_NTW


class Looks(nn.Module):
    """What each token asks, is, and gives."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(STATE_WIDTH, STATE_WIDTH) for _ in range(3))

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> Tensor:
        """(N, T, W): what each takes of those that are there."""
        q, k, v = (
            part(x_NTW).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(q, k, v, attn_mask=there_N11T).transpose(1, 2).flatten(2)


class TransformerLayer(nn.Module):
    """Tokens look at each other, then think."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Looks(), "output": Ending(STATE_WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(STATE_WIDTH, INSIDE)})
        self.output = Ending(INSIDE)

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> Tensor:
        x_NTW = self.attention["output"](self.attention["self"](x_NTW, there_N11T), x_NTW)
        out_NTW: Tensor = self.output(F.gelu(self.intermediate["dense"](x_NTW)), x_NTW)
        return out_NTW


class Layers(nn.Module):
    """One after the other."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(TransformerLayer() for _ in range(count))

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> tuple[Tensor, ...]:
        """What went in, and what comes out of each."""
        states = [x_NTW]
        for layer in self.layer:
            states.append(layer(states[-1], there_N11T))
        return tuple(states)


class MiniLM(nn.Module):
    """Of so many layers."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embeddings, self.encoder = TokenEmbeddings(), Layers(layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: object) -> States:
        """The states after every layer, whether they are asked for or not; token types are all the same here."""
        return States(self.encoder(self.embeddings(input_ids), attention_mask[:, None, None].bool()))


class Pieces:
    """The tokenizer, called as transformers' are. From any thread."""

    def __init__(self, file: Path) -> None:
        self._backend = Tokenizer.from_file(str(file))
        self._backend.no_truncation()
        self._backend.no_padding()

    def __call__(
        self, texts: Sequence[str], *, max_length: int = LONG, return_tensors: str = "", **_: Any
    ) -> Mapping[str, Any]:
        """ "input_ids" and "attention_mask": lists, or with `return_tensors="pt"` tensors (N, T)."""
        rows = [each.ids for each in self._backend.encode_batch(list(texts))]
        rows = [ids if len(ids) <= max_length else [*ids[: max_length - 1], ids[-1]] for ids in rows]
        there = [[1] * len(ids) for ids in rows]
        if return_tensors:
            return {"input_ids": pad_rows(rows), "attention_mask": pad_rows(there)}
        return {"input_ids": rows, "attention_mask": there}


def pad_rows(rows: Sequence[Sequence[int]]) -> Tensor:
    """(N, T), the shorter ones filled up with 0."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
