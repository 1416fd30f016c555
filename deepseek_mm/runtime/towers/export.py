"""The edge space as two ONNX files, for devices without torch: pictures to vectors, texts to vectors. `make edge`.

`picture.onnx` takes squares as `embeddings.image` makes them, (B, 3, 260, 260), and gives vectors (B, 512), the
cells' vectors (B, 81, 512) and the map that the classifier reads (B, 1280, 9, 9). `text.onnx` takes the tokenizer's
`input_ids` and `attention_mask` (N, T) and gives vectors (N, 512).
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.default import positions
from deepseek_mm.embeddings.edge import EdgeModel, EdgeSpace, shrink_map
from deepseek_mm.embeddings.towers import SIDE_PX
from deepseek_mm.runtime.towers.backends import write_onnx
from deepseek_mm.runtime.towers.parts import two_texts

PICTURE, TEXT = "picture.onnx", "text.onnx"
OUT = Path("build/edge")


class ImageExport(nn.Module):
    """The image tower as ONNX: pixels to vectors, cells and map."""

    def __init__(self, model: EdgeModel) -> None:
        super().__init__()
        self.tower, self.sight = model.image_tower, model.sight

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As the space's model does."""
        middle_BCMM = self.tower.lower(pixels)
        map_BCGG = self.tower.upper(middle_BCMM)
        cells_BPN = self.sight.neck(positions(map_BCGG), shrink_map(middle_BCMM))
        vector_BD, grid_BPD = self.sight.image_head.both(cells_BPN)
        return vector_BD, grid_BPD, map_BCGG


class TextExport(nn.Module):
    """The text tower as ONNX: tokens to vectors."""

    def __init__(self, model: EdgeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """As the space's model does."""
        return self.model.read_pooled(self.model.text_tower.pool_tokens(input_ids, attention_mask))


def export_edge(model: EdgeModel, folder: Path) -> list[Path]:
    """Write both files, float32, for any number of rows. MissingPackage without onnx."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, text = folder / PICTURE, folder / TEXT
    rows, tokens, why = {0: "rows"}, {0: "rows", 1: "tokens"}, "ONNX files of the edge space"
    looks = {"pixels": rows, "vectors": rows, "cells": rows, "map": rows}
    pixels = (torch.zeros(2, 3, SIDE_PX, SIDE_PX),)
    write_onnx(ImageExport(model), pixels, picture, inputs=["pixels"], axes=looks, needed_for=why)
    reads = {"input_ids": tokens, "attention_mask": tokens, "vectors": rows}
    write_onnx(TextExport(model), two_texts(), text, inputs=list(reads)[:2], axes=reads, needed_for=why)
    return [picture, text]


def main() -> int:
    """Write both files and print their paths."""
    parser = argparse.ArgumentParser(prog="python -m deepseek_mm.runtime.towers.export", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder of the files ({OUT})")
    for file in export_edge(EdgeSpace().model, parser.parse_args().out):
        sys.stdout.write(f"{file} ({file.stat().st_size / 1e6:.1f} MB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
