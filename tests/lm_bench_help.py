"""A six-layer model in a folder, deep enough for three stages of attention, and sizes that take a moment."""

from pathlib import Path

import torch
from tiny_lm import save_tiny, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.benchmarks.lm_models import BenchModel
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes, LMSizes
from deepseek_mm.config import Config, LMConfig

FEW = LMSizes(
    lengths=(64, 128),
    longest=192,
    chunk=32,
    busy=64,
    context=40,
    long_context=70,
    steps=3,
    first=50,
    requests=3,
    rounds=2,
    expected=(32, 64),
)
FEW_MOE = BenchSizes(moe_times=1, moe_layers=1, moe_tokens=8, moe_steps=2, moe_rounds=1)


def save_deep(folder: Path) -> BenchModel:
    """Its experts are not trained."""
    torch.manual_seed(0)
    config = tiny_llama().config.to_dict() | {"num_hidden_layers": 6, "hidden_size": 64, "head_dim": 16}
    return BenchModel(folder=save_tiny(folder, LlamaForCausalLM(LlamaConfig(**config)).bfloat16()), changes=None)


def setting_of(folder: Path, **more: object) -> BenchSetting:
    """Notes go into `folder`/notes."""

    def note(line: str) -> None:
        with (folder / "notes").open("a") as file:
            file.write(f"{line}\n")

    config = Config(lm=LMConfig(name=str(folder / "model")))
    return BenchSetting(
        folder=folder,
        note=note,
        config=config,
        sizes=FEW_MOE,
        lm=FEW,
        out=folder / "out",
        cache=folder / "cache",
        **more,
    )
