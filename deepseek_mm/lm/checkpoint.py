"""A folder becomes a transformers model: the way of every architecture that is not our own decoder's.

Only safetensors are read, and no code that lies beside them is run: a checkpoint from somewhere else is data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.find import fingerprint, first_line, unreadable_error
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.local import LocalModel
from deepseek_mm.lm.quiet import hide_progress_bars
from deepseek_mm.model_sizes import check_sizes

# What transformers raises for a checkpoint that is not whole:
UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, StrictDataclassError)


def open_local(folder: Path, *, name: str, threads: int = 1, progress: Progress = silence) -> LocalModel:
    """The model in `folder`, called `name`. BadCheckpoint says what it lacks."""
    progress(f"loading the language model {name}")
    model, tokenizer = read_checkpoint(folder, dtype=best_dtype())
    return LocalModel(model, tokenizer, name=name, fingerprint=fingerprint(folder), threads=threads)


def read_checkpoint(folder: Path, *, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer. A checkpoint that lacks weights is refused rather than filled with random ones."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except UNREADABLE as error:
        raise unreadable_error(folder, first_line(error)) from error
    return read_whole(folder, AutoModelForCausalLM, made_for="text generation", dtype=dtype), tokenizer


def read_whole(folder: Path, kind: Any, *, made_for: str, dtype: torch.dtype) -> Any:
    """The model that the Auto class `kind` makes of it. BadCheckpoint if weights are missing or cannot be read."""
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    try:
        check_sizes(folder, sorted(folder.glob("*.safetensors")))
        with hide_progress_bars():
            model, report = kind.from_pretrained(folder, trust_remote_code=False, **options)
    except UNREADABLE as error:
        raise unreadable_error(folder, first_line(error)) from error
    if missing := sorted(report["missing_keys"]):
        raise BadCheckpoint(
            f"{folder} holds no whole model: {len(missing)} tensors such as {missing[0]} are missing."
            f" Name a model made for {made_for}"
        )
    return model


@contextmanager
def no_bars() -> Iterator[None]:
    """transformers' own progress bars are off inside, and as they were afterwards: ours is the one that is shown."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def best_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it in hardware: more tokens a second, and a third of the wait for the first."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
