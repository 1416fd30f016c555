"""What gives the language model its eyes, in one file: the net, and small changes of the model's matrices."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.encoders.default import DefaultSpace
from deepseek_mm.errors import MissingWeights
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.tokenizer import read_tokenizer
from deepseek_mm.lm.weights import TALL, THIN, build, fingerprint_with, merge_changes, read_folder, with_changes
from deepseek_mm.lm.weights import WEIGHTS as SPEAKS
from deepseek_mm.see.glance.glance import VisualPrompt
from deepseek_mm.see.glance.net import GlanceConfig, GlanceNet
from deepseek_mm.see.weight_file import read_weights, write_weights

WEIGHTS = Path(__file__).parents[2] / "weights" / "glance.safetensors"
MAKE = "python -m deepseek_mm train see --help"
NET = "net."  # begins the names of the net's weights; the others are the model's


def model_of(folder: Path, changes: Path = SPEAKS) -> str:
    """The fingerprint of the model that speaks: the base's weights, and what our training made of them."""
    return fingerprint_with(fingerprint(folder), changes)


def write_glance(
    file: Path, state: Mapping[str, Tensor], config: GlanceConfig, *, space: DefaultSpace, model: str
) -> None:
    """Weights as int8 with a scale a row; `space` is what it looks at, `model` the fingerprint of what speaks."""
    write_weights(file, state, {"config": asdict(config), "fingerprint": space.fingerprint, "model": model})


def read_glance(space: DefaultSpace, folder: Path, file: Path = WEIGHTS) -> VisualPrompt:
    """The model in `folder` with our changes and with eyes. MissingWeights where they are not there, or for others."""
    state, told = read_weights(file, space, make=MAKE)
    if told["model"] != model_of(folder):
        raise MissingWeights(file, make=MAKE)
    shape, weights = read_folder(folder)
    shape, weights = with_changes(shape, weights, SPEAKS, base=fingerprint(folder))
    changes = {name: value for name, value in state.items() if name.endswith((THIN, TALL))}
    decoder = build(shape, merge_changes(weights, changes), dtype=torch.bfloat16).requires_grad_(False)
    net = GlanceNet(shape.width, GlanceConfig(**told["config"]))
    net.load_state_dict({name.removeprefix(NET): value for name, value in state.items() if name.startswith(NET)})
    return VisualPrompt(decoder, net, read_tokenizer(folder))
