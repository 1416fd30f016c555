"""The weights of finder and answerer in one file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from deepseek_mm.errors import MissingWeights
from deepseek_mm.see.scene.answerer import AnswererConfig, AnswerNet, SceneAnswerer
from deepseek_mm.see.scene.finder import FinderNet, SceneFinder

WEIGHTS = Path(__file__).parents[2] / "weights" / "scenes.safetensors"
FINDER, ANSWERER = "finder.", "answerer."


def write_scene_weights(
    file: Path,
    finder: Mapping[str, Tensor],
    answerer: Mapping[str, Tensor],
    *,
    vocabulary: Sequence[str],
    config: AnswererConfig,
) -> None:
    """Both in bfloat16."""
    tensors = {FINDER + name: value for name, value in finder.items()}
    tensors |= {ANSWERER + name: value for name, value in answerer.items()}
    told = json.dumps({"vocabulary": list(vocabulary), "config": asdict(config)})
    save_file({n: t.bfloat16().contiguous() for n, t in tensors.items()}, file, metadata={"told": told})
    file.chmod(0o644)


def read_scene_weights(file: Path = WEIGHTS) -> tuple[SceneFinder, SceneAnswerer]:
    """Both, ready to look and to answer. MissingWeights without the file."""
    if not file.is_file():
        raise MissingWeights(file, make="python -m deepseek_mm train scenes --stage pack")
    with safe_open(file, framework="pt") as opened:
        told = json.loads(opened.metadata()["told"])
        tensors = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118
    finder, answerer = FinderNet(), AnswerNet(len(told["vocabulary"]) + 1, AnswererConfig(**told["config"]))
    nets: dict[str, nn.Module] = {FINDER: finder, ANSWERER: answerer}
    for prefix, net in nets.items():
        net.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    return SceneFinder(finder), SceneAnswerer(answerer, told["vocabulary"])
