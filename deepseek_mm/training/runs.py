"""What a run of `train lm` has made, as a decoder, and the held-out texts that it is measured with.

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
from deepseek_mm.training.dense import make_dense
from deepseek_mm.training.journal import learned, learned_of, recorded
from deepseek_mm.training.rows import Rows, mix, pack

LONG = {"text": "english", "code": "code"}  # kind of long text -> its domain


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The packaged model that training began with."""

    shape: DecoderShape
    weights: dict[str, Tensor]
    known_by: str = ""  # fingerprint of its weights

    def decoder(self, *, scale: float = 1.0, progressive: bool = False) -> Decoder:
        """With full attention, its rotations slowed down `scale` times; or with ours, and nothing learned."""
        shape = (
            replace(to_product_shape(self.shape), moe=None) if progressive else replace(self.shape, rope_scale=scale)
        )
        return opened(shape, self.weights)


def open_base(name: str, cache: Path) -> Base:
    """The model called `name`, as `read_decoder` finds it."""
    shape, weights = read_decoder(name, cache)
    return Base(shape=shape, weights=weights, known_by=fingerprint(find_folder(name, cache=cache, progress=silence)))


def open_shipped(base: Base, file: Path = WEIGHTS) -> Decoder:
    """The decoder of the weights that come along; without experts where none have been trained yet."""
    return opened(*with_changes(base.shape, base.weights, file, base=base.known_by))


def open_run(folder: Path, base: Base, *, reach: Path | None = None) -> Decoder:
    """The decoder that the run in `folder` has made of the base. `reach`: the run, or file of weights, it stands on, if
    not the run beside it.

    NothingThere without a checkpoint, ConfigError if it was made for another table of layers.
    """
    saved = recorded(folder)
    trained, settings, shape = learned_of(saved), saved["settings"], to_product_shape(base.shape)
    table = table_of(full=bool(settings.get("full")))
    if base.shape.num_layers == OURS.num_layers and settings.get("shape", table) != table:
        raise ConfigError(f"{folder} was trained for another table of layers. Train it again, or use that version")
    if any(name.endswith(THIN) for name in trained):
        return opened(replace(shape, moe=None), merge_changes(base.weights, trained))
    if settings.get("full"):
        shape, before = replace(shape, reaches=()), base.weights
    else:
        changes = reach_of(reach or folder.parent / "reach", shape, known_by=base.known_by)
        before = merge_changes(base.weights, changes)
    if any(".moe.expert." in name for name in trained):
        decoder = make_dense(opened(shape, before))
        decoder.load_state_dict(trained, strict=False)
        return decoder.to(torch.bfloat16)
    return opened(shape, merge_changes(before, trained))


def table_of(*, full: bool) -> str:
    """What a run is trained for, as it is recorded; with full attention it is the same whatever our layers see."""
    return repr(replace(OURS, reaches=()) if full else OURS)


def reach_of(path: Path, shape: DecoderShape, *, known_by: str) -> dict[str, Tensor]:
    """What the stage reach learned, from its run's folder or from a file of weights, whatever else that may hold.

    `known_by` is the base's fingerprint. Raises what `learned` and `read_changes` raise.
    """
    changes = read_changes(path, base=known_by, shape=shape) if path.is_file() else learned(path)
    return {name: value for name, value in changes.items() if name.endswith((THIN, TALL))}


def opened(shape: DecoderShape, weights: dict[str, Tensor]) -> Decoder:
    """As the product has it."""
    return build(shape, weights, dtype=torch.bfloat16).eval().requires_grad_(False)


def held_rows(corpus: Path, *, rows: int, length: int = 512) -> Rows:
    """Up to `rows` packed rows of held-out documents of each domain, numbered as in DOMAINS."""
    parts = [
        pack(read_shard(corpus, name, "held"), length, domain=number, limit=rows) for number, name in enumerate(DOMAINS)
    ]
    return mix(parts, 0)


def long_texts(corpus: Path, *, texts: int, length: int) -> dict[str, list[list[int]]]:
    """Up to `texts` held-out texts of `length` tokens, prose and code; joined ones where none is as long."""
    return {kind: _long(corpus, domain, length)[:texts] for kind, domain in LONG.items()}


def _long(corpus: Path, domain: str, length: int) -> list[list[int]]:
    shard = read_shard(corpus, domain, "long_held")
    whole: Sequence[list[int]] = [document.ids_T[:length].tolist() for document in shard if len(document) >= length]
    joined = np.asarray(shard.ids_N).tolist()
    return list(whole) or [joined[at : at + length] for at in range(0, len(joined) - length + 1, length)]
