"""The student of the language model: four bits a weight on the disk, sixteen in memory, where it is small enough.

Its folder holds what a Llama's does, but for the weights: `fp4.safetensors`, as `tensors_of_fp4` names them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from deepseek_mm.errors import MissingWeights
from deepseek_mm.lm.backends.own_model import ModelCheckpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.llama_config import read_shape
from deepseek_mm.lm.model_folders import fingerprint, first_line, unreadable_error
from deepseek_mm.lm.weights import build
from deepseek_mm.runtime.quantization.fp4 import Fp4, quantise, restore
from deepseek_mm.runtime.quantization.lm_files import (
    CODES,
    DTYPE,
    HEAD,
    SCALES,
    WHOLE,
    WORDS,
    linears,
    tensors_of_fp4,
)
from deepseek_mm.storage.files import atomic_write

STUDENT_FILE = "fp4.safetensors"
ROWS = 1_024  # of a matrix that are restored at once
MAKE = "python -m deepseek_mm train distill --help"


def write_student(folder: Path, decoder: Decoder) -> Path:
    """The weights beside what already lies there; the file."""
    matrices = {name: quantise(linear.weight.detach()) for name, linear in linears(decoder)}
    atomic_write(folder / STUDENT_FILE, save(tensors_of_fp4(decoder, matrices)))
    return folder / STUDENT_FILE


def open_student(checkpoint: ModelCheckpoint) -> tuple[Decoder, str]:
    """The decoder, and the fingerprint that its answers are known by. MissingWeights or BadCheckpoint."""
    folder = checkpoint.folder
    if not (folder / STUDENT_FILE).is_file():
        raise MissingWeights(folder / STUDENT_FILE, make=MAKE)
    try:
        weights = restore_weights(load_file(folder / STUDENT_FILE))
    except (OSError, KeyError, SafetensorError) as error:
        raise unreadable_error(folder, first_line(error)) from error
    return build(read_shape(folder), weights, dtype=torch.bfloat16).requires_grad_(False), fingerprint(folder)


def restore_rows(held: Mapping[str, Tensor], name: str) -> Iterator[Tensor]:
    """A matrix, some rows at a time: what is worked out meanwhile takes sixteen bytes a weight."""
    codes_FD, scales_FN = held[name + CODES], held[name + SCALES]
    for start in range(0, len(codes_FD), ROWS):
        some = slice(start, start + ROWS)
        yield restore(Fp4(codes_FD[some], scales_FN[some], held[name + WHOLE]), DTYPE)


def restore_weights(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every weight by the decoder's names; words that are read in two ways have one matrix."""
    names = {name.removesuffix(CODES) for name in held if name.endswith(CODES)}
    weights = {f"{name}.weight": torch.cat(list(restore_rows(held, name))) for name in names}
    weights[f"{WORDS}.weight"] = weights.pop(f"{HEAD}.weight")
    return weights | {name: value for name, value in held.items() if not name.endswith((CODES, SCALES, WHOLE))}
