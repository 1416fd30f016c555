"""The text tower: all-MiniLM-L6-v2, mean-pooled after several layers: early ones know words, late ones meaning.

Code reads through the same tower; only its head differs (`projection.py`).

Shape key:  N texts, T tokens, L layers that are read (4), W width of the tower (384)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_mm.encoders.image import Absent
from deepseek_mm.encoders.minilm import MiniLM, Pieces
from deepseek_mm.errors import MissingWeights

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
