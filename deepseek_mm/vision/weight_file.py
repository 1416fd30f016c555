"""Small weights in one file: int8 with a scale a row, and beside them, as JSON, what they go with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepseek_mm.deltas import pack_changes, unpack_whole
from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.space import known_as
from deepseek_mm.errors import MissingWeights


def write_weights(file: Path, state: Mapping[str, Tensor], told: Mapping[str, Any]) -> None:
    """`told` holds the "fingerprint" of the space that the weights look at."""
    save_file(pack_changes({}, state, new=("",)), file, metadata={"told": json.dumps(told)})
    file.chmod(0o644)


def read_weights(
    file: Path, space: SeeingSpace, *, make: str, vectors_only: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights, float32, and what was told. MissingWeights without the file, or where it is for another space.

    What looks at vectors only is also for a space that learned those vectors from the one that it is for.
    """
    state, told = read_any_weights(file, make=make)
    if told["fingerprint"] not in (known_as(space) if vectors_only else (space.fingerprint,)):
        raise MissingWeights(file, make=make)
    return state, told


def weights_for(space: SeeingSpace, file: Path) -> Path:
    """The file of this space: `reader.safetensors` is `edge_reader.safetensors` for the edge space."""
    return file.with_name(space.prefix + file.name)


def read_any_weights(file: Path, *, make: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The same, whatever space it is for. MissingWeights without the file."""
    if not file.is_file():
        raise MissingWeights(file, make=make)
    with safe_open(file, framework="pt") as opened:
        told: dict[str, Any] = json.loads(opened.metadata()["told"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return unpack_whole(tensors), told
