"""A folder or a hub's name becomes a model that sees: any kind that transformers knows as image-text-to-text.

As with other checkpoints only safetensors are read, no code that lies beside them is run, and missing weights are not
made up.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, AutoModelForImageTextToText, AutoProcessor, __version__
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from deepseek_mm.errors import BadCheckpoint, MissingPackage
from deepseek_mm.hub import is_hub_name, without_revision
from deepseek_mm.lm.checkpoint import UNREADABLE, best_dtype, read_whole
from deepseek_mm.lm.find import find_or_fetch, fingerprint, first_line
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.llama import read_json
from deepseek_mm.lm.vlm.model import VisionLanguageModel

EXAMPLES = "HuggingFaceTB/SmolVLM-256M-Instruct, Qwen/Qwen2.5-VL-3B-Instruct, deepseek-community/deepseek-vl-1.3b-chat"
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "tekken.json", "*.tiktoken")
OPTIONAL = {  # packages that some processors want -> how they are imported
    "sentencepiece": "sentencepiece",
    "num2words": "num2words",
    "tiktoken": "tiktoken",
    "protobuf": "google.protobuf",
}


def open_vlm(name: str, *, threads: int = 1, progress: Progress = silence) -> VisionLanguageModel:
    """The model `name`. NothingThere, BadCheckpoint and MissingPackage say what it lacks."""
    plain = without_revision(name)
    fetch = f"Where there is a network: hf download {plain} --local-dir FOLDER, then here: --vlm FOLDER"
    choose = f"Name a folder that is there, or a hub's model such as {EXAMPLES}"
    folder = find_or_fetch(name, progress, otherwise=fetch if is_hub_name(plain) else choose)
    called = folder.resolve().name if Path(name).expanduser().is_dir() else plain
    check_kind(folder)
    progress(f"loading the language model {called}, which sees")
    processor = read_processor(folder)
    model = read_whole(folder, AutoModelForImageTextToText, made_for="pictures and text", dtype=best_dtype())
    return VisionLanguageModel(model, processor, name=called, fingerprint=fingerprint(folder), threads=threads)


def check_kind(folder: Path) -> None:
    """BadCheckpoint unless transformers can make a model of it that takes pictures and text and writes text."""
    kind = read_json(folder / "config.json").get("model_type")
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return
    if kind in CONFIG_MAPPING:
        why = "looks at no pictures. If it is a language model, name it with --model"
    else:
        why = f"transformers {__version__} does not know; code beside the weights is never run. Update transformers"
    raise BadCheckpoint(f"the model in {folder} is of kind {kind!r}, which {why}, or choose one such as {EXAMPLES}")


def read_processor(folder: Path) -> Any:
    """What turns pictures and words into the model's inputs. BadCheckpoint or MissingPackage says what it lacks."""
    if not any(file for name in VOCABULARIES for file in folder.glob(name)):
        raise _no_processor(folder, "it has no tokenizer")
    try:
        processor: Any = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (*UNREADABLE, ImportError, TypeError, AttributeError) as error:
        if package := _absent(str(error).lower()):
            raise MissingPackage(package, needed_for=f"the processor in {folder}", extra="vlm") from error
        raise _no_processor(folder, first_line(error)) from error
    for part in ("image_processor", "tokenizer"):
        if getattr(processor, part, None) is None:
            raise _no_processor(folder, f"it has no {part.replace('_', ' ')}")
    return processor


def _absent(message: str) -> str:
    """The package of which an error speaks, if it is not installed; "" for any other error."""
    return next((name for name, module in OPTIONAL.items() if name in message and not find_spec(module)), "")


def _no_processor(folder: Path, reason: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"cannot read the processor in {folder}: {reason}. A folder needs preprocessor_config.json or"
        " processor_config.json and its tokenizer's files beside the weights, all whole: copy or fetch it again"
    )
