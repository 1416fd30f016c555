"""A part by TensorRT through torch-tensorrt, on an NVIDIA GPU. Not verified on hardware: none was at hand."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.errors import MissingPackage
from deepseek_mm.runtime.engines import EngineRow
from deepseek_mm.runtime.towers.parts import Opened, Part

MOST_ROWS = 64
MOST_TOKENS = 128


def open_tensorrt(part: Part, row: EngineRow, folder: Path) -> Opened:
    """The part in bfloat16, for 1 to 64 rows; nothing is kept in `folder`. MissingPackage without torch-tensorrt."""
    try:
        import torch_tensorrt
    except ImportError as error:
        raise MissingPackage("torch-tensorrt", needed_for="the engine tensorrt", extra="tensorrt") from error
    module = deepcopy(part.module).to(row.device)
    example = part.example()
    shapes = [_shapes(part, x) for x in example]
    inputs = [
        torch_tensorrt.Input(min_shape=least, opt_shape=usual, max_shape=most, dtype=x.dtype)
        for (least, usual, most), x in zip(shapes, example, strict=True)
    ]
    compiled = torch_tensorrt.compile(
        module, ir="dynamo", inputs=inputs, enabled_precisions={torch.float32, torch.bfloat16}
    )

    @torch.inference_mode()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return [y.float().cpu() for y in compiled(*(x.to(row.device) for x in inputs))]

    return Opened(run=run, size_bytes=2 * part.num_weights)


def _shapes(part: Part, x: Tensor) -> tuple[list[int], list[int], list[int]]:
    """Least, usual and most of every length."""
    if part.tower == "text":
        return [1, 2], [1, 16], [MOST_ROWS, MOST_TOKENS]
    rest = list(x.shape[1:])
    return [1, *rest], [1, *rest], [MOST_ROWS, *rest]
