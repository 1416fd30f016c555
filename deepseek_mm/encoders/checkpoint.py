"""A checkpoint in transformers' format: found by folder or hub name, looked at before it is trusted.

Only safetensors are read: a pickle can run code, and nobody vouches for a stranger's. A weight that the file lacks is
refused as well, since transformers would fill it with noise and go on.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import SafetensorError, safe_open
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from deepseek_mm.errors import ConfigError, MissingPackage, NothingThere
from deepseek_mm.hub import fetch, next_step, without_revision
from deepseek_mm.model_sizes import check_sizes
from deepseek_mm.storage.files import read_json

WANTED = ("*.json", "*.txt", "*.model", "model.safetensors", "model-*.safetensors")  # of a repository on the hub
VOCABULARIES = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
AGAIN = "Download the checkpoint again, whole"
SAFE = {"local_files_only": True, "trust_remote_code": False}


def find(name: str) -> Path:
    """The folder of a checkpoint; a name that is no folder is fetched from the hub, or from the hub's cache offline."""
    folder, plain = Path(name).expanduser(), without_revision(name)
    if folder.is_dir():
        return folder
    try:
        return fetch(name, WANTED)
    except HFValidationError as error:
        raise NothingThere(f"no folder at {name}, and it is no hub name. Name a folder, or OWNER/MODEL") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise NothingThere(
            f"no folder at {name}, and the hub does not give it ({type(error).__name__}). Where there is a network: "
            f"hf download {plain} --local-dir FOLDER, then here: --encoder FOLDER{next_step(name)}"
        ) from error


def model_type(folder: Path, known: Collection[str]) -> str:
    """What config.json says the model is; ConfigError unless that is one of `known`."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds no readable config.json ({error}). {_types_hint(known)}") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in known:
        raise ConfigError(f"the model in {folder} is of type {kind!r}. {_types_hint(known)}")
    return str(kind)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files, in order of name; ConfigError if there are none."""
    files = sorted(folder.glob("model.safetensors")) or sorted(folder.glob("model-*.safetensors"))
    if not files:
        raise ConfigError(
            f"no model.safetensors in {folder}; pickled weights are not read, since they can run code. "
            "Choose a checkpoint with safetensors, or have its author convert it"
        )
    return files


def load_model(folder: Path) -> Any:
    """The model in float32, ready to be used; ConfigError if its file is damaged or a weight is missing."""
    files = weight_files(folder)
    try:
        check_sizes(folder, files)
        model, report = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **SAFE
        )
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"cannot load {files[0]}: {error}. {AGAIN}") from error
    absent = sorted(report["missing_keys"])
    if absent:
        raise ConfigError(f"{files[0]} lacks {len(absent)} weights, first {absent[0]}. {AGAIN}")
    return model.eval().requires_grad_(False)


def load_processors(folder: Path) -> tuple[Any, Any]:
    """(image processor, tokenizer)."""
    if not any((folder / file).is_file() for file in VOCABULARIES):  # some tokenizers would start empty
        raise ConfigError(f"{folder} lacks its tokenizer: none of {', '.join(VOCABULARIES)}. {AGAIN}")
    try:
        return AutoImageProcessor.from_pretrained(folder, **SAFE), AutoTokenizer.from_pretrained(folder, **SAFE)
    except ImportError as error:
        raise MissingPackage("sentencepiece", needed_for=f"the tokenizer in {folder}", extra="siglip") from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"{folder} lacks its image processor or its tokenizer: {error}. {AGAIN}") from error


def fingerprint(files: list[Path]) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors, by name, however they are spread over files."""
    places = {name: file for file in files for name in _names(file)}
    digest = hashlib.sha256()
    for name in sorted(places):
        with safe_open(places[name], framework="pt") as tensors:
            tensor = tensors.get_tensor(name).contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as tensors:
        return list(tensors.keys())


def _types_hint(known: Collection[str]) -> str:
    return f"Name a folder or hub name of one of these types: {', '.join(known)}"
