"""The weights of finder and answerer in one file, and the direction in which pictures of scenes lie."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_mm.encoders.default import SeeingSpace
from deepseek_mm.encoders.space import Floats
from deepseek_mm.see.scene.answerer import AnswererConfig, AnswerNet, SceneAnswerer
from deepseek_mm.see.scene.finder import FinderNet, SceneFinder
from deepseek_mm.see.scene.paper import DrawingFinder
from deepseek_mm.see.weight_file import read_any_weights, read_weights, write_weights

WEIGHTS = Path(__file__).parents[2] / "weights" / "scenes.safetensors"
MAKE = "python -m deepseek_mm train scenes --stage pack"
FINDER, ANSWERER, LOOKS = "finder.", "answerer.", "looks"


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneWeightsHeader:
    """What stands beside the weights."""

    vocabulary: Sequence[str]
    config: AnswererConfig
    fingerprint: str  # of the space that `looks` is a direction of


def write_scene_weights(
    file: Path,
    finder: Mapping[str, Tensor],
    answerer: Mapping[str, Tensor],
    *,
    told: SceneWeightsHeader,
    looks: tuple[Floats, float],
) -> None:
    """Weights as int8 with a scale a row. `looks`: the direction (D,) that tells scenes from other pictures, and what
    is added.
    """
    tensors = {FINDER + name: value for name, value in finder.items()}
    tensors |= {ANSWERER + name: value for name, value in answerer.items()}
    tensors[LOOKS] = torch.from_numpy(np.append(*looks).astype(np.float32))
    write_weights(file, tensors, asdict(told))


def read_scene_weights(file: Path = WEIGHTS) -> tuple[SceneFinder, SceneAnswerer]:
    """Both, ready to look and to answer. MissingWeights without the file."""
    return nets_of(*read_any_weights(file, make=MAKE))


def nets_of(tensors: Mapping[str, Tensor], told: Mapping[str, Any]) -> tuple[SceneFinder, SceneAnswerer]:
    """Both, of what a file holds."""
    finder, answerer = FinderNet(), AnswerNet(len(told["vocabulary"]) + 1, AnswererConfig(**told["config"]))
    nets: dict[str, nn.Module] = {FINDER: finder, ANSWERER: answerer}
    for prefix, net in nets.items():
        net.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    return SceneFinder(finder), SceneAnswerer(answerer, told["vocabulary"])


def read_paper(space: SeeingSpace, file: Path = WEIGHTS) -> DrawingFinder:
    """The same, and how scenes are known among other pictures. MissingWeights too where another space looked."""
    tensors, told = read_weights(file, space, make=MAKE, vectors_only=True)
    looks = tensors[LOOKS].numpy()
    return DrawingFinder(*nets_of(tensors, told), looks[:-1], float(looks[-1]))
