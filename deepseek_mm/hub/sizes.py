"""The sizes that a model's config asks for, held against the weights beside it before anything is built.

A model is built to the sizes that are written there, whatever the files hold: one absurd number fills the memory, or
takes hours. So no width may be larger than the largest side of a tensor, there may be no more layers than tensors, and
the matrices that the sizes ask for may hold no more numbers than the files do, with room for weights that were packed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from deepseek_mm.storage.files import parse_json, read_small

MOST_HEADER_BYTES = 100_000_000  # as safetensors itself has it
MOST_CONFIG_BYTES = 10_000_000
PACKED = 16  # times: numbers of 2 bits in words of 32
USUAL = 4_096  # a width that some settings have which nothing uses
SMALL = 10_000_000  # numbers that a model may have whatever its files hold
WIDTHS = ("hidden_size", "d_model", "n_embd", "embed_dim", "projection_dim", "intermediate_size", "ffn_dim", "d_ff",
          "mlp_dim", "vocab_size", "head_dim")  # fmt: skip
LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "depth", "encoder_layers", "decoder_layers")
HEADS = ("num_attention_heads", "num_key_value_heads", "n_head")
BOUNDS = {"image_size": 1 << 16, "patch_size": 1 << 12, "num_channels": 1 << 12, "max_position_embeddings": 1 << 24}
Section = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightSummary:
    """What the files hold, by their headers."""

    tensors: int
    longest: int  # side of a tensor
    numbers: int


def check_sizes(folder: Path, files: Sequence[Path]) -> None:
    """ValueError says which size is absurd, and what the files hold. A config that cannot be read is left to others."""
    config = folder / "config.json"
    if not config.is_file() or not files:
        return
    weights = weights_of(files)
    try:
        written = parse_json(read_small(config, most_bytes=MOST_CONFIG_BYTES))
    except ValueError as error:
        raise ValueError(f"{config} holds no settings: {error}") from error
    for section in sections(written):
        for name, value, most in bounds_of(section, weights):
            if not isinstance(value, int) or not 0 <= value <= most:
                raise ValueError(
                    f"{config} says {name}={value!r:.40}, and the weights beside it allow at most {most:,}"
                )
        needed = numbers_of(section)
        if needed > PACKED * weights.numbers + SMALL:
            raise ValueError(
                f"{config} describes a model of {needed:,} numbers or more, and the weights beside it hold "
                f"{weights.numbers:,}"
            )


def weights_of(files: Sequence[Path]) -> WeightSummary:
    """What the headers say. ValueError for a file that has none."""
    shapes = [shape for file in files for shape in shapes_in(file)]
    longest = max((side for shape in shapes for side in shape), default=0)
    return WeightSummary(tensors=len(shapes), longest=longest, numbers=sum(map(prod, shapes)))


def shapes_in(file: Path) -> list[tuple[int, ...]]:
    """The shapes of a safetensors file: 8 bytes of length, little-endian, then JSON. ValueError if it is none."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > MOST_HEADER_BYTES:
            raise ValueError(f"{file} is no safetensors file: its header claims {size:,} bytes")
        try:
            header = parse_json(stream.read(size))
            return [tuple(map(int, row["shape"])) for name, row in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"{file} is no safetensors file: {type(error).__name__}, {error}") from error


def sections(written: Any, depth: int = 0) -> Iterator[Section]:
    """Every object of a config, the outermost first."""
    if isinstance(written, dict) and depth < 8:
        yield written
        for value in written.values():
            yield from sections(value, depth + 1)


def bounds_of(section: Section, weights: WeightSummary) -> Iterator[tuple[str, Any, int]]:
    """(name, value, most) of every size in one object."""
    widest = max(weights.longest, USUAL)
    limits = dict.fromkeys(WIDTHS, widest) | dict.fromkeys(LAYERS, weights.tensors)
    limits |= dict.fromkeys(HEADS, widest) | BOUNDS
    for name, most in limits.items():
        if section.get(name) is not None and not isinstance(section[name], list | dict):
            yield name, section[name], most


def numbers_of(section: Section) -> int:
    """How many numbers a model of these sizes has at least: one matrix a layer, the words, the places in a picture."""

    def size(*names: str, otherwise: int = 0) -> int:
        return next((section[name] for name in names if isinstance(section.get(name), int)), otherwise)

    width = size("hidden_size", "d_model", "n_embd", "embed_dim")
    inner = size("intermediate_size", "ffn_dim", "d_ff", "mlp_dim", otherwise=width)
    patches = (size("image_size") // max(1, size("patch_size", otherwise=16))) ** 2
    return width * (size(*LAYERS, otherwise=1) * inner + size("vocab_size") + patches)
