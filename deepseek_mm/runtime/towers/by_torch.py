"""A part by torch itself, in one kind of numbers whatever autocast says, on a device, in one layout of pictures."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_mm.errors import MissingPackage
from deepseek_mm.runtime.engines import EngineRow
from deepseek_mm.runtime.towers.parts import OpenedPart, TowerPart

BYTES = {"fp32": 4, "bf16": 2, "int8": 1}  # of a weight
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}


def open_torch(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """A copy of the part; nothing is kept in `folder`."""
    dtype = DTYPES[row.numbers]
    layout = torch.channels_last if row.channels_last else torch.contiguous_format
    module = deepcopy(part.module).to(device=row.device, dtype=dtype)
    if part.tower == "image":
        module = module.to(memory_format=layout)  # type: ignore[call-overload]
    if row.numbers == "int8":
        module = quantize_torchao(module)

    @torch.inference_mode()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(row.device, enabled=False):
            moved = [_convert_input(x, row.device, dtype, layout) for x in inputs]
            return [y.cpu() for y in module(*moved)]

    return OpenedPart(run=run, size_bytes=part.num_weights * BYTES[row.numbers])


def _convert_input(x: Tensor, device: str, dtype: torch.dtype, layout: torch.memory_format) -> Tensor:
    """Whole numbers stay what they are."""
    if not x.is_floating_point():
        return x.to(device)
    return x.to(device=device, dtype=dtype, memory_format=layout)


def quantize_torchao(module: nn.Module) -> nn.Module:
    """Linear layers in eight bits, weights and what comes in, by torchao. MissingPackage without it."""
    try:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ImportError as error:
        raise MissingPackage("torchao", needed_for="the engine torchao-int8", extra="engines") from error
    config: Any = Int8DynamicActivationInt8WeightConfig()
    quantize_(module, config)
    return module
