"""What training made of a packaged model, in few bytes: changes of low rank, experts and gates, and nothing else.

The changes are merged into the matrices when the model is opened, so they cost nothing when it speaks. A file of
changes belongs to one base and one shape, and says which; on another base it would only make noise.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepseek_mm.deltas import pack_changes, unpack_whole
from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.lm.ours import to_product_shape
from deepseek_mm.lm.shape import DecoderShape

WEIGHTS = Path(__file__).parent.parent / "weights" / "lm.safetensors"
MAKE = "python -m deepseek_mm train lm --stage pack"
THIN, TALL = ".thin", ".tall"  # ends of the names of a change's two factors: tall @ thin is the change


def merge_changes(weights: Mapping[str, Tensor], changes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with the changes of low rank added, in their own format, and with whatever else was learned."""
    whole = {**weights, **{name: value for name, value in changes.items() if not name.endswith((THIN, TALL))}}
    for name in (name.removesuffix(THIN) for name in changes if name.endswith(THIN)):
        before = whole[f"{name}.weight"]
        change = changes[name + TALL].float() @ changes[name + THIN].float()
        whole[f"{name}.weight"] = (before.float() + change).to(before.dtype)
    return whole


def write_changes(file: Path, changes: Mapping[str, Tensor], *, base: str, shape: DecoderShape) -> None:
    """Matrices as int8 with a scale a row, vectors as bfloat16. `base` is the fingerprint of the base's weights."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    save_file(pack_changes({}, changes, new=("",)), draft, metadata=_metadata(base, shape))
    draft.replace(file)


def read_changes(file: Path, *, base: str, shape: DecoderShape) -> dict[str, Tensor]:
    """What `write_changes` wrote, float32. MissingWeights or BadCheckpoint if it is not there or not for this base."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    try:
        with safe_open(file, framework="pt") as opened:
            if opened.metadata() != _metadata(base, shape):
                raise BadCheckpoint(
                    f"{file} was trained on another base model or for another shape of it. Get the one that belongs to"
                    f" this version with: git checkout -- {file.name}, or train it: {MAKE}"
                )
            changes = unpack_whole({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"cannot read {file}: {error}. Get it again with: git checkout -- {file.name}") from error
    for name, value in changes.items():
        if not value.isfinite().all():
            raise BadCheckpoint(f"{file}: {name} holds values that are no finite numbers. Train it again: {MAKE}")
    return changes


def fingerprint_with(base: str, file: Path) -> str:
    """That of a base model, by its own, with what the file has: SHA-256 over both, hexadecimal."""
    return hashlib.sha256(base.encode() + file.read_bytes()).hexdigest()


def with_changes(
    shape: DecoderShape, weights: Mapping[str, Tensor], file: Path, *, base: str
) -> tuple[DecoderShape, dict[str, Tensor]]:
    """Our shape of a base model, and its weights with what the file has; without experts if it has none.

    Raises what `read_changes` raises.
    """
    shape = to_product_shape(shape)
    changes = read_changes(file, base=base, shape=shape)
    if not any(".moe." in name for name in changes):
        shape = replace(shape, moe=None)
    return shape, merge_changes(weights, changes)


def _metadata(base: str, shape: DecoderShape) -> dict[str, str]:
    return {"base": base, "shape": repr(shape)}
