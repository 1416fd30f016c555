"""The small space: EfficientNet-Lite0 looks at pictures; texts and code are read as in the default space.

For machines with little memory. Its head was trained into the default space's text vectors, so both spaces read a text
to the same vector; pictures lie elsewhere, and no index mixes the two. What else was trained on the default tower's
maps (the reader of questions, the describer, the finder of people) has nothing to look at here.

Shape key:  B pictures, P positions of the map (49), C channels, G cells a side (7), D width of the space (512),
            H width inside the head
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import torch
from PIL.Image import Image
from safetensors import safe_open
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import WEIGHTS as TEXT_WEIGHTS
from deepseek_mm.encoders.default import PackagedSpace, TextSide, positions
from deepseek_mm.encoders.image import MAP_CHANNELS, load_image_tower, squeeze, to_pixels
from deepseek_mm.encoders.packaged import fingerprint, small_tower_file, text_tower_folder
from deepseek_mm.encoders.prefetch import prefetch_batches
from deepseek_mm.encoders.projection import MAIN_DIM, SPACE_DIM, ImageHead, LayersHead, TextHead
from deepseek_mm.encoders.space import ImageEmbedding
from deepseek_mm.encoders.tags import ImageNetTagger, read_groups
from deepseek_mm.encoders.text import LAYERS, load_text_tower
from deepseek_mm.errors import MissingWeights

WEIGHTS = Path(__file__).parent.parent / "weights" / "small.safetensors"
NET = "tf_efficientnet_lite0"  # in timm
SIDE_PX = 224  # the resolution that EfficientNet-Lite0 was trained at
GRID = 7  # cells a side of the feature map
HIDDEN = 240  # width inside the head
TEXT_PARTS = ("text_tower.", "text_head.", "side.text.", "narrow")  # of the default space's weights


class TextsOnly(nn.Module):
    """The half of the side heads that reads."""

    def __init__(self) -> None:
        super().__init__()
        self.text = LayersHead(len(LAYERS), SPACE_DIM - MAIN_DIM)


class SmallModel(TextSide):
    """A tower with one head, and the default space's text side."""

    def __init__(self, *, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.image_tower = load_image_tower(small_tower_file(), NET)
        self.image_tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.image_head = ImageHead(MAP_CHANNELS, SPACE_DIM, hidden=hidden)
        self.text_tower = load_text_tower(text_tower_folder())
        self.text_head, self.side = TextHead(), TextsOnly()
        self.narrow = nn.Parameter(torch.eye(SPACE_DIM, MAIN_DIM), requires_grad=False)

    def read_as(self, weights: Path) -> "SmallModel":
        """Takes over how the default space of this file reads."""
        with safe_open(weights, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(TEXT_PARTS)]  # noqa: SIM118
            add_deltas(self, {name: file.get_tensor(name) for name in names})
        return self

    def map_of(self, pixels_BCSS: Tensor) -> Tensor:
        """(B, C, G, G)."""
        return cast(Tensor, self.image_tower(pixels_BCSS))


class SmallSpace(PackagedSpace):
    """EfficientNet-Lite0 and MiniLM with trained heads; fills the `Space` protocol."""

    name, side_px = "small", SIDE_PX
    model: SmallModel

    def __init__(self, weights: Path = WEIGHTS, *, text_weights: Path = TEXT_WEIGHTS, batch: int = 16) -> None:
        if not weights.is_file():
            raise MissingWeights(weights, make="python -m deepseek_mm train small")
        super().__init__()
        self.batch = batch
        with safe_open(weights, framework="pt") as file:
            head = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.model = SmallModel(hidden=head["image_head.value.bias"].numel()).read_as(text_weights)
        add_deltas(self.model, head)
        self.model.eval().requires_grad_(False)
        self.namer = ImageNetTagger(self.model.image_tower.classifier, read_groups())
        text_tower = text_tower_folder() / "model.safetensors"
        self.fingerprint = fingerprint((weights, small_tower_file(), text_weights, text_tower))

    @torch.inference_mode()
    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order; pictures are drawn and squeezed in a thread while the tower works."""
        for squares in prefetch_batches((squeeze(image, SIDE_PX) for image in images), size=self.batch):
            with torch.inference_mode(), autocast_bf16():
                map_BCGG = self.model.map_of(to_pixels(squares))
                map_BPC = positions(map_BCGG)
                vectors_BD, cells_BPD = (x.float().numpy() for x in self.model.image_head.both(map_BPC))
                tags_B = self.namer(map_BCGG)
            for vector_D, cells_PD, tags in zip(vectors_BD, cells_BPD, tags_B, strict=True):
                yield ImageEmbedding(vector_D=vector_D, grid_HWD=cells_PD.reshape(GRID, GRID, -1), tags=tags)
