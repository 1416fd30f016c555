"""The image tower: EfficientNet-Lite2, cut where training begins.

The lower part (stem and the first five stages) stays as ImageNet left it; the upper part (the last two stages and the
closing convolution) may be tuned. What lies between them can be kept on disk, so that a training epoch pays for the
upper part only. A picture is squeezed to a square, whatever its shape: a cell of the map is then the same share of
every picture's width and height.

Shape key:  B pictures, C channels, S side of the picture (260 px), M side of the middle map (17), G side of the map (9)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.errors import MissingWeights

NET = "tf_efficientnet_lite2"  # in timm
SIDE_PX = 260  # the resolution that EfficientNet-Lite2 was trained at
GRID = 9  # cells a side of the feature map
MAP_CHANNELS = 1280
MIDDLE_CHANNELS = 120
MIDDLE_SIDE = 17  # cells a side of the middle map
NUM_CLASSES = 1000  # ImageNet's
NUM_LOWER = 5  # stages below the cut


class LowerTower(nn.Module):
    """Pixels (B, 3, S, S) to the middle map (B, 120, M, M)."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stem, self.norm = net.conv_stem, net.bn1
        self.stages = net.blocks[:NUM_LOWER]

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        middle_BCMM: Tensor = self.stages(self.norm(self.stem(pixels_BCSS)))
        return middle_BCMM


class UpperTower(nn.Module):
    """The middle map to the feature map (B, 1280, G, G)."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stages = net.blocks[NUM_LOWER:]
        self.close, self.norm = net.conv_head, net.bn2

    def forward(self, middle_BCMM: Tensor) -> Tensor:
        map_BCGG: Tensor = self.norm(self.close(self.stages(middle_BCMM)))
        return map_BCGG


class ImageTower(nn.Module):
    """Both parts and ImageNet's classifier."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.lower, self.upper = LowerTower(net), UpperTower(net)
        self.classifier: nn.Linear = net.classifier

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        map_BCGG: Tensor = self.upper(self.lower(pixels_BCSS))
        return map_BCGG


class Absent(nn.Module):
    """Stands in a model where an engine is to be put; it has no weights and computes nothing."""

    def forward(self, *inputs: Tensor, **more: object) -> Tensor:
        """RuntimeError: the engine is missing."""
        raise RuntimeError("this part of the model was left to an engine, and none was put in its place")


class EngineTower(ImageTower):
    """An image tower whose two parts are left to engines; only ImageNet's classifier is there."""

    def __init__(self, classifier: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.lower, self.upper = Absent(), Absent()  # type: ignore[assignment]
        self.classifier = classifier


def load_engine_tower(file: Path) -> EngineTower:
    """The tower for engines, its classifier from the package's weights: the last two tensors of the file.

    Raises MissingWeights when the file is absent.
    """
    if not file.is_file():
        raise MissingWeights(file, make="make setup")
    *_, weight_KC, bias_K = torch.load(file, map_location="cpu", weights_only=True).values()
    classifier = nn.Linear(MAP_CHANNELS, NUM_CLASSES, device="meta")
    classifier.load_state_dict({"weight": weight_KC, "bias": bias_K}, assign=True)
    return EngineTower(classifier).eval()


def load_image_tower(file: Path, net_name: str = NET) -> ImageTower:
    """The tower with the package's weights, in evaluation mode; `net_name` is what timm calls it.

    The file names its tensors otherwise than timm does; both list them in the same order, so they are matched by order
    and checked by shape. Raises MissingWeights when the file is absent.
    """
    if not file.is_file():
        raise MissingWeights(file, make="make setup")
    import timm  # seconds and 110 MB, which the edge space does without

    given = torch.load(file, map_location="cpu", weights_only=True)
    net = timm.create_model(net_name, pretrained=False)
    names = [name for name in net.state_dict() if not name.endswith("num_batches_tracked")]
    values = [value for name, value in given.items() if not name.endswith("num_batches_tracked")]
    net.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    return ImageTower(net).eval()


def squeeze(image: Image.Image, side_px: int = SIDE_PX) -> np.ndarray:
    """An RGB picture of any shape as a square, (S, S, 3) bytes."""
    image = image if image.mode == "RGB" else image.convert("RGB")  # which would copy all of it
    square = image.resize((side_px, side_px), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(square, dtype=np.uint8)


def to_pixels(squares: Sequence[np.ndarray]) -> Tensor:
    """Squares as the tower wants them: (B, 3, S, S), `(x - 127) / 128`, channels last in memory."""
    stacked = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float()
    return ((stacked - 127) / 128).contiguous(memory_format=torch.channels_last)
