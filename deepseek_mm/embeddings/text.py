"""The text tower: MiniLM, and its token states per layer as the heads read them.

It has transformers' names and does its arithmetic, so the packaged weights fit; but importing a model of transformers
takes 130 MB of memory, which is more than a small machine has to spare.

Shape key:  N texts, T tokens, W width, H heads

Code reads through the same tower; only its head differs (`projection.py`).

Shape key:  N texts, T tokens, L layers that are read (4), W width of the tower (384)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from deepseek_mm.embeddings.image import Absent
from deepseek_mm.errors import MissingWeights

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


WIDTH = 384
LAYERS = (0, 2, 4, 6)  # read after the embedding and after every second layer; the last is the tower's own output
MAX_TOKENS = 128  # the rest of a longer text is not read


class TextTower(nn.Module):
    """Texts to pooled states (N, L, W), not normalised."""

    def __init__(self, model: nn.Module, tokenizer: Any, layers: Sequence[int] = LAYERS) -> None:
        super().__init__()
        self.model, self.tokenizer, self.layers = model, tokenizer, tuple(layers)

    def forward(self, texts: Sequence[str]) -> Tensor:
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return self.pool_tokens(tokens["input_ids"], tokens["attention_mask"])

    def pool_tokens(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """The same of token numbers, and of where there are any."""
        return self.pool(self.states(ids_NT, mask_NT), mask_NT)

    def states(self, ids_NT: Tensor, mask_NT: Tensor) -> tuple[Tensor, ...]:
        """(N, T, W) after the embedding and after each layer."""
        found: tuple[Tensor, ...] = self.model(
            input_ids=ids_NT, attention_mask=mask_NT, output_hidden_states=True
        ).hidden_states
        return found

    def pool(self, states: Sequence[Tensor], mask_NT: Tensor) -> Tensor:
        """(N, L, W): the means of what there is."""
        mask_NT1 = mask_NT[..., None].to(states[0].dtype)
        return torch.stack([(states[n] * mask_NT1).sum(dim=1) / mask_NT1.sum(dim=1) for n in self.layers], dim=1)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each, none left out."""
        return [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]] if texts else []


def load_text_tower(folder: Path) -> TextTower:
    """The packaged tower in evaluation mode; MissingWeights when its folder is not whole."""
    if not (folder / "model.safetensors").is_file():
        raise MissingWeights(folder / "model.safetensors", make="make setup")
    from transformers import AutoModel, AutoTokenizer  # 130 MB, which the edge space does without
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()  # it reports the packaged pooling layer, which is not used
    hf_logging.disable_progress_bar()
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False)
    return TextTower(model, AutoTokenizer.from_pretrained(folder, local_files_only=True)).eval()


def load_engine_text_tower(folder: Path) -> TextTower:
    """The packaged tower's tokenizer, and nothing that computes: an engine is to be put there."""
    return TextTower(Absent(), Pieces(folder / "tokenizer.json")).eval()


def blank_text_tower(folder: Path, layers: int, *, read_after: Sequence[int]) -> TextTower:
    """A tower of so many layers without weights, read after these of them (0 is the embedding), with the folder's
    tokenizer.
    """
    return TextTower(MiniLM(layers), Pieces(folder / "tokenizer.json"), read_after).eval()


def in_order_of_length(texts: Sequence[str]) -> tuple[list[str], Tensor]:
    """Texts sorted by length, and the index that puts results back: `sorted_rows[index]` is in the given order.

    Texts of like length share a batch, so that little is spent on padding.
    """
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    back_N = torch.empty(len(texts), dtype=torch.long)
    back_N[torch.tensor(order, dtype=torch.long)] = torch.arange(len(texts))
    return [texts[n] for n in order], back_N
