"""Our decoder for the bench: the product's shape, weights and packed layers, or the same with full attention.

What training made is taken where it is there. Where not, the experts are fresh: they cost what trained ones cost, and
say nothing yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.config import OUR_LM
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import Over, Progress
from deepseek_mm.lm.model_folders import find_folder, fingerprint
from deepseek_mm.lm.shape import DecoderShape, to_product_shape
from deepseek_mm.lm.weights import WEIGHTS, build, read_folder, with_changes
from deepseek_mm.runtime.fast_decoder import make_fast
from deepseek_mm.runtime.quantization import WIDE, pack_linears


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What all cases of one run begin with."""

    folder: Path  # of the base
    changes: Path | None  # what training made of it

    @property
    def says(self) -> str:
        """Which weights, in words."""
        return f"{self.folder.name}, " + ("trained" if self.changes else "experts not trained")


def find_model(name: str, cache: Path, progress: Progress, *, changes: Path = WEIGHTS) -> Model:
    """The model called `name`. Training's changes belong to ours."""
    folder = find_folder(name, cache=cache, progress=progress)
    return Model(folder=folder, changes=changes if name == OUR_LM and changes.is_file() else None)


def open_decoder(model: Model, *, full: bool = False, device: str = "cpu") -> Decoder:
    """In bf16, with the layers that the product reads prompts by; with `full` every layer sees everything."""
    decoder = _built(model, full=full).to(device)
    if device == "cpu":
        pack_linears(decoder, bits=WIDE)
    return decoder


def open_fast(model: Model) -> tuple[Decoder, Over]:
    """As the product opens it, and its way to the next token."""
    decoder = _built(model)
    return decoder, make_fast(decoder)


def open_plain(model: Model) -> Decoder:
    """In 32 bits, with torch's own layers."""
    return _built(model, dtype=torch.float32)


def _built(model: Model, *, full: bool = False, dtype: torch.dtype = torch.bfloat16) -> Decoder:
    shape, weights = read_ours(model)
    decoder = build(replace(shape, reaches=()) if full else shape, weights, dtype=dtype)
    return decoder.eval().requires_grad_(False)


def read_ours(model: Model) -> tuple[DecoderShape, Mapping[str, Tensor]]:
    """Shape and weights."""
    base, weights = read_folder(model.folder)
    if model.changes is not None:
        _, weights = with_changes(base, weights, model.changes, base=fingerprint(model.folder))
    return to_product_shape(base), weights
