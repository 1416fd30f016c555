"""A model's name becomes its weights: a folder, the hub, or the package that comes along.

Only safetensors are read, and no code that lies beside them is run: a checkpoint from somewhere else is data.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from deepseek_mm.errors import BadCheckpoint, NothingThere
from deepseek_mm.lm.convert import converted, packaged_gguf
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.local import LocalModel
from deepseek_mm.lm.quiet import no_bars

PACKAGED = "smollm2"
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # of a hub repository; never pickles or code
UNWANTED = ["original/*", "consolidated*"]  # the same weights a second time
WHAT_IT_NEEDS = "A folder needs config.json, a tokenizer and *.safetensors"


def open_local(name: str, *, cache: Path, threads: int = 1, progress: Progress = silence) -> LocalModel:
    """The model called `name` in memory. NothingThere or BadCheckpoint say what it lacks."""
    folder = find_folder(name, cache=cache, progress=progress)
    progress(f"loading the language model {name}")
    model, tokenizer = read_checkpoint(folder, dtype=best_dtype())
    return LocalModel(model, tokenizer, name=_short(name), fingerprint=fingerprint(folder), threads=threads)


def find_folder(name: str, *, cache: Path, progress: Progress) -> Path:
    """Where the checkpoint lies on this machine; what is not there yet is converted or fetched."""
    if name == PACKAGED:
        return converted(packaged_gguf(), cache=cache, progress=progress)
    if name and Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    progress(f"looking for {name} on the hub")
    try:
        return Path(snapshot_download(name, allow_patterns=WANTED, ignore_patterns=UNWANTED))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise NothingThere(
            f"no language model {name!r}: it is no folder here, and the hub did not give it ({reason})."
            f" Name a folder, a hub model, {PACKAGED!r} or 'none'"
        ) from error


def read_checkpoint(folder: Path, *, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer. A checkpoint that lacks weights is refused rather than filled with random ones."""
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    try:
        with no_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            loaded: Any = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadCheckpoint(f"cannot read the language model in {folder}: {reason}. {WHAT_IT_NEEDS}") from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise BadCheckpoint(
            f"{folder} holds no whole causal language model: {len(missing)} tensors such as {missing[0]} are missing."
            " Name a model made for text generation"
        )
    return model, tokenizer


def fingerprint(folder: Path) -> str:
    """SHA-256 over the weights' files, hexadecimal, in order of their names."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def best_dtype() -> torch.dtype:
    """bfloat16 where the CPU multiplies it in hardware: more tokens a second, and a third of the wait for the first."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def _short(name: str) -> str:
    return Path(name).name if Path(name).is_dir() else name
