"""The student's tower: EfficientNet-Lite0 with its weights rounded as they will lie in the file.

What is rounded before anything is learned from it costs nothing later: neck and heads know only the rounded tower.
"""

import torch

from deepseek_mm.deltas import pack_whole, unpack_whole
from deepseek_mm.embeddings.edge import COUNTED
from deepseek_mm.embeddings.image import ImageTower, load_image_tower
from deepseek_mm.embeddings.package_files import small_tower_file

NET = "tf_efficientnet_lite0"  # in timm


def rounded_tower() -> ImageTower:
    """In evaluation mode, pictures' channels last."""
    tower = load_image_tower(small_tower_file(), NET)
    state = {name: value for name, value in tower.state_dict().items() if not name.endswith(COUNTED)}
    tower.load_state_dict(unpack_whole(pack_whole(state)), strict=False)
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return tower.eval().requires_grad_(False)
