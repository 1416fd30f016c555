"""A part of the image tower in eight bits as `train qat` left it: weights that learned to be rounded, run by torch.

The file lies among the quantised ones in the cache. The heads above the tower stay as they are: what they make of it is
measured like that of every other engine.
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepseek_mm.runtime.engines import EngineRow
from deepseek_mm.runtime.quantization.int8_space import QAT, TRAINED
from deepseek_mm.runtime.quantization.towers import put_chains
from deepseek_mm.runtime.quantization.weight_files import cache_file, read_quantized
from deepseek_mm.runtime.towers.engine_files import cache_of
from deepseek_mm.runtime.towers.parts import OpenedPart, TowerPart


def open_trained(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """A copy of the part with the file's layers. MissingWeights and BadCheckpoint name the command that makes it."""
    kept = read_quantized(cache_file(cache_of(folder), QAT), scheme=QAT, base=part.space, make=TRAINED)
    bare: Any = deepcopy(part.module)
    put_chains(bare.module, part.path, kept.tensors)

    @torch.inference_mode()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(bare(*inputs))

    return OpenedPart(run=run, size_bytes=part.num_weights)
