"""The decoder of a run of `train lm`, and the held-out texts that it is measured on.

A run keeps only what it trained. Low-rank changes are merged into the base; experts, or the dense adapter, are put on
the base with the changes of the stage reach, unless they were trained with full attention.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import find_folder, fingerprint
from deepseek_mm.lm.shape import OURS, DecoderShape, to_product_shape
from deepseek_mm.lm.weights import TALL, THIN, WEIGHTS, build, merge_changes, read_changes, read_decoder, with_changes
from deepseek_mm.training.corpus import DOMAINS, read_shard
from deepseek_mm.training.corpus.token_shards import PackedRows, mix_rows, pack_documents
from deepseek_mm.training.language_model.experts import make_dense
from deepseek_mm.training.loop import get_learned, read_checkpoint, read_learned

LONG = {"text": "english", "code": "code"}  # kind of long text -> its domain


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseModel:
    """The packaged model that training began with."""

    shape: DecoderShape
    weights: dict[str, Tensor]
    known_by: str = ""  # fingerprint of its weights

    def decoder(self, *, scale: float = 1.0, progressive: bool = False) -> Decoder:
        """With full attention, its rotations slowed down `scale` times; or with ours, and nothing learned."""
        shape = (
            replace(to_product_shape(self.shape), moe=None) if progressive else replace(self.shape, rope_scale=scale)
        )
        return open_decoder(shape, self.weights)


def open_base(name: str, cache: Path) -> BaseModel:
    """The model called `name`, as `read_decoder` finds it."""
    shape, weights = read_decoder(name, cache)
    return BaseModel(
        shape=shape, weights=weights, known_by=fingerprint(find_folder(name, cache=cache, progress=silence))
    )


def open_shipped(base: BaseModel, file: Path = WEIGHTS) -> Decoder:
    """The decoder of the weights that come along; without experts where none have been trained yet."""
    return open_decoder(*with_changes(base.shape, base.weights, file, base=base.known_by))


def open_run(folder: Path, base: BaseModel, *, reach: Path | None = None) -> Decoder:
    """The decoder that the run in `folder` has made of the base. `reach`: the run, or file of weights, it stands on, if
    not the run beside it.

    NothingThere without a checkpoint, ConfigError if it was made for another table of layers.
    """
    saved = read_checkpoint(folder)
    trained, settings, shape = get_learned(saved), saved["settings"], to_product_shape(base.shape)
    table = describe_layers(full=bool(settings.get("full")))
    if base.shape.num_layers == OURS.num_layers and settings.get("shape", table) != table:
        raise ConfigError(f"{folder} was trained for another table of layers. Train it again, or use that version")
    if any(name.endswith(THIN) for name in trained):
        return open_decoder(replace(shape, moe=None), merge_changes(base.weights, trained))
    if settings.get("full"):
        shape, before = replace(shape, reaches=()), base.weights
    else:
        changes = read_reach(reach or folder.parent / "reach", shape, known_by=base.known_by)
        before = merge_changes(base.weights, changes)
    if any(".moe.expert." in name for name in trained):
        decoder = make_dense(open_decoder(shape, before))
        decoder.load_state_dict(trained, strict=False)
        return decoder.to(torch.bfloat16)
    return open_decoder(shape, merge_changes(before, trained))


def describe_layers(*, full: bool) -> str:
    """What a run is trained for, as it is recorded; with full attention it is the same whatever our layers see."""
    return repr(replace(OURS, reaches=()) if full else OURS)


def read_reach(path: Path, shape: DecoderShape, *, known_by: str) -> dict[str, Tensor]:
    """What the stage reach learned, from its run's folder or from a file of weights, whatever else that may hold.

    `known_by` is the base's fingerprint. Raises what `learned` and `read_changes` raise.
    """
    changes = read_changes(path, base=known_by, shape=shape) if path.is_file() else read_learned(path)
    return {name: value for name, value in changes.items() if name.endswith((THIN, TALL))}


def open_decoder(shape: DecoderShape, weights: dict[str, Tensor]) -> Decoder:
    """As the product has it."""
    return build(shape, weights, dtype=torch.bfloat16).eval().requires_grad_(False)


def read_held_rows(corpus: Path, *, rows: int, length: int = 512) -> PackedRows:
    """Up to `rows` packed rows of held-out documents of each domain, numbered as in DOMAINS."""
    parts = [
        pack_documents(read_shard(corpus, name, "held"), length, domain=number, limit=rows)
        for number, name in enumerate(DOMAINS)
    ]
    return mix_rows(parts, 0)


def read_long_texts(corpus: Path, *, texts: int, length: int) -> dict[str, list[list[int]]]:
    """Up to `texts` held-out texts of `length` tokens, prose and code; joined ones where none is as long."""
    return {kind: _read_long(corpus, domain, length)[:texts] for kind, domain in LONG.items()}


def _read_long(corpus: Path, domain: str, length: int) -> list[list[int]]:
    shard = read_shard(corpus, domain, "long_held")
    whole: Sequence[list[int]] = [document.ids_T[:length].tolist() for document in shard if len(document) >= length]
    joined = np.asarray(shard.ids_N).tolist()
    return list(whole) or [joined[at : at + length] for at in range(0, len(joined) - length + 1, length)]
