"""Files of quantized language models: the decoder in FP4 or int8, and its student in FP4.

"fp4" has every matrix in four bits, those of words and experts included; "int8" has eight bits with a scale for every
output, and multiplies integers. Norms stay in bfloat16: they are a thousandth of it. The base's weights are never
unpacked, so memory stays small. A file belongs to one base and one set of changes, whose fingerprint it carries.

The student has four bits a weight on disk and sixteen in memory. Its folder holds what a Llama's does, except for the
weights: `fp4.safetensors`, as `tensors_of_fp4` names them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from deepseek_mm.errors import MissingWeights
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, Opens
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import fingerprint, first_line, read_shape, unreadable_error
from deepseek_mm.lm.shape import DecoderShape, to_product_shape
from deepseek_mm.lm.weights import build, fingerprint_with
from deepseek_mm.runtime.quantization.fp4 import BLOCK, Fp4, Fp4Embedding, Fp4Linear, quantise, restore
from deepseek_mm.runtime.quantization.int8_layers import (
    DynamicLinear,
    Int8Embedding,
    eight_bits_of,
    smooth_of,
)
from deepseek_mm.runtime.quantization.weight_files import QuantizedFile, Wanted, cache_file, read_quantized
from deepseek_mm.storage.files import atomic_write

FP4, INT8 = "lm-fp4", "lm-int8"
SCHEMES = {"fp4": FP4, "int8": INT8}  # by the word of lm.bits
CODES, SCALES, WHOLE = ".codes", ".scales", ".whole"  # ends of an FP4 matrix's names
LEVELS, SCALE, SMOOTH = ".levels", ".scale", ".smooth"  # of one in int8
HEAD, WORDS = "head", "embedding"
FINE = ("qkv", "down", HEAD)  # ends of the names of layers whose inputs need more than eight bits
DTYPE = torch.bfloat16
EVEN = 0.5  # strength of smoothing (docs/log/)


def tensors_of_fp4(decoder: Decoder, matrices: Mapping[str, Fp4]) -> dict[str, Tensor]:
    """What a file holds."""
    held = {
        name + end: value
        for name, matrix in matrices.items()
        for end, value in zip((CODES, SCALES, WHOLE), matrix, strict=True)
    }
    return held | others(decoder)


def tensors_of_int8(decoder: Decoder, usual: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a file holds: weights rounded to the nearest of 255 levels, their inputs made even before.

    `usual` is how large each input of a layer usually is, (D,): one that is far larger than the others would leave them
    few levels.
    """
    held: dict[str, Tensor] = {}
    for name, linear in linears(decoder):
        weight_FD = linear.weight.float()
        if not is_fine(name):
            smooth_D = held[name + SMOOTH] = smooth_of(usual[name], weight_FD, EVEN).to(DTYPE)
            weight_FD = weight_FD * smooth_D.float()
        held[name + LEVELS], held[name + SCALE] = eight_bits_of(weight_FD)
    return held | others(decoder)


def is_fine(name: str) -> bool:
    """Whether a layer of this name has its inputs in twice eight bits, and its weights as they are.

    A few of their inputs are so much larger than others that eight bits lose the small ones, or the weights that would
    make them even. The head's weights are vectors of words too. Measured in docs/log/.
    """
    return name.endswith(FINE) and ".experts." not in name


def linears(decoder: Decoder) -> list[tuple[str, nn.Linear]]:
    """Every matrix, the words' last; a tied embedding is its head."""
    return [(name, module) for name, module in decoder.named_modules() if isinstance(module, nn.Linear)]


def others(decoder: Decoder) -> dict[str, Tensor]:
    """Norms, and whatever else is no matrix."""
    matrices = {f"{name}.weight" for name, _ in linears(decoder)} | {f"{WORDS}.weight"}
    return {name: p.detach().to(DTYPE) for name, p in decoder.named_parameters() if name not in matrices}


def open_fp4(shape: DecoderShape, held: Mapping[str, Tensor]) -> Decoder:
    """A decoder whose matrices stay in four bits. `held` as `tensors_of_fp4` gives it."""
    decoder = empty(shape)
    for name, _ in linears(decoder):
        matrix = Fp4(held[name + CODES], held[name + SCALES], held[name + WHOLE])
        decoder.set_submodule(name, Fp4Linear(matrix))
    decoder.embedding = Fp4Embedding(decoder.head.matrix, DTYPE)  # type: ignore[assignment,arg-type]
    return _load_norms(decoder, held)


def open_int8(shape: DecoderShape, held: Mapping[str, Tensor]) -> Decoder:
    """A decoder that multiplies whole numbers. `held` as `tensors_of_int8` gives it."""
    decoder = empty(shape)
    for name, _ in linears(decoder):
        levels_FD, scale_F = held[name + LEVELS], held[name + SCALE]
        made = DynamicLinear(levels_FD, scale_F, smooth_D=held.get(name + SMOOTH), fine=is_fine(name))
        decoder.set_submodule(name, made)
    words = Int8Embedding(held[HEAD + LEVELS], held[HEAD + SCALE], dtype=DTYPE)
    decoder.embedding = words  # type: ignore[assignment]
    return _load_norms(decoder, held)


OPENERS = {FP4: open_fp4, INT8: open_int8}


def open_quantised_lm(checkpoint: ModelCheckpoint, file: Path, *, scheme: str) -> tuple[Decoder, str]:
    """The decoder of a file, and the fingerprint by which its answers are known: that of scheme and base together.

    MissingWeights or BadCheckpoint say why there is none.
    """
    shape, base = shape_of(checkpoint), known_by(checkpoint)
    kept = read_quantized(file, scheme=scheme, base=base, wanted=wanted_of(shape, scheme))
    return OPENERS[scheme](shape, kept.tensors), fingerprint_with(base, file)


def opens_in(bits: str, cache: Path) -> Opens:
    """What opens a checkpoint in these bits ("fp4" or "int8"), from the file in the cache."""
    scheme = SCHEMES[bits]
    return lambda checkpoint: open_quantised_lm(checkpoint, cache_file(cache, scheme), scheme=scheme)


def read_lm(checkpoint: ModelCheckpoint, file: Path, *, scheme: str) -> QuantizedFile:
    """The file alone. Raises as `open_quantised_lm`."""
    wanted = wanted_of(shape_of(checkpoint), scheme)
    return read_quantized(file, scheme=scheme, base=known_by(checkpoint), wanted=wanted)


def known_by(checkpoint: ModelCheckpoint) -> str:
    """The fingerprint of the weights that a file is made of."""
    base = fingerprint(checkpoint.folder)
    return fingerprint_with(base, checkpoint.changes) if checkpoint.changes else base


def shape_of(checkpoint: ModelCheckpoint) -> DecoderShape:
    """The decoder's shape, without reading a weight."""
    shape = read_shape(checkpoint.folder)
    if checkpoint.changes is None:
        return shape
    with safe_open(checkpoint.changes, framework="pt") as opened:
        experts = any(".moe." in name for name in opened.keys())  # noqa: SIM118
    return to_product_shape(shape) if experts else replace(to_product_shape(shape), moe=None)


def empty(shape: DecoderShape) -> Decoder:
    """A decoder on the meta device, without weights."""
    with torch.device("meta"):
        return Decoder(shape)


def full_bytes(shape: DecoderShape) -> int:
    """Bytes of its weights in float32; tied embeddings count once."""
    return 4 * sum(p.numel() for p in empty(shape).parameters())


def wanted_of(shape: DecoderShape, scheme: str) -> Wanted:
    """What a file must hold."""
    decoder = empty(shape)
    wanted = {name: (DTYPE, tuple(value.shape)) for name, value in others(decoder).items()}
    for name, linear in linears(decoder):
        outputs, inputs = linear.weight.shape
        if scheme == FP4:
            wanted[name + CODES] = torch.uint8, (outputs, inputs // 2)
            wanted[name + SCALES] = torch.float8_e4m3fn, (outputs, inputs // BLOCK)
            wanted[name + WHOLE] = torch.float32, ()
        else:
            wanted[name + LEVELS], wanted[name + SCALE] = (torch.int8, (outputs, inputs)), (torch.float32, (outputs,))
            wanted |= {} if is_fine(name) else {name + SMOOTH: (DTYPE, (inputs,))}
    return wanted


def _load_norms(decoder: Decoder, held: Mapping[str, Tensor]) -> Decoder:
    """Load the norms into the decoder."""
    named = dict(decoder.named_parameters())
    decoder.load_state_dict({name: held[name] for name in named}, strict=False, assign=True)
    assert not any(p.is_meta for p in decoder.parameters()), "a weight without numbers"
    return decoder.eval().requires_grad_(False)


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
