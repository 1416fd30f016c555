"""How much memory a language model by name needs here, and the way of holding it that fits; before any of it is loaded.

Our decoder knows three ways. "fast" keeps a weight in bfloat16 for prompts and in a byte for the next token, "plain" in
bfloat16 alone, "tiles" in a byte alone: as fast as "fast" for the next token, and slower with prompts. Whoever asks
for a model that fits in no way is told before it is unpacked how much it needs, how much is free, and what would fit.

What the keys of long conversations may take is bounded as well: they stay for whoever begins alike, and fill all that
they are given.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepseek_mm.errors import NotEnoughMemory
from deepseek_mm.hub.sizes import weights_of
from deepseek_mm.lm.model_folders import converted_folder, read_json, read_shape, shape_of, why_not
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.runtime.hardware import read_cpu, read_free_memory

Way = Literal["fast", "plain", "tiles", "transformers"]

MB, GB = 10**6, 10**9
SPARE_BYTES = 400 * MB  # a prompt's numbers between two layers, the tokenizer, and what others want meanwhile
LEAST_TOKENS = 2_048  # of a prompt with its answer: the least that is worth opening a model for
ROOM = 2  # times the longest text for whose keys there is memory, where memory allows
MOST_KEY_BYTES = 2 * GB  # for keys and values of all answers, and at most half of what the weights leave free
FAST_PART = 1 / 3  # of what is free: the most that is taken for speed
GROUP = 32  # inputs of a matrix that lie together in a tile
BYTES: dict[Way, float] = {"fast": 3.8, "plain": 2.1, "tiles": 1.05}  # of a weight, measured (docs/log/)
BF16_FLAG = "avx512_bf16"  # of processors on which transformers computes in bfloat16, else in 32 bits


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelMemory:
    """What a model needs."""

    title: str
    weights: int  # how many
    weight_bytes: dict[Way, int]  # by the way of holding them; the preferred way first
    token_bytes: int = 0  # keys and values of a token
    longest: int = 0  # tokens that it can read; 0 where nobody knows
    speaks: bool = True  # it is a language model, else one that orders what was found

    @property
    def least_bytes(self) -> int:
        """With which it can be opened at all."""
        return min(self.weight_bytes.values()) + LEAST_TOKENS * self.token_bytes + SPARE_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryFit:
    """How a model is held here."""

    way: Way
    tokens: int  # of all answers under way, for which there is memory; 0 leaves it to the model


def memory_needed(source: Path, *, cache: Path, title: str = "", plain: bool = False) -> ModelMemory:
    """What the GGUF file or the checkpoint's folder needs. BadCheckpoint for one that cannot be read.

    Of a GGUF that was unpacked before, the settings are read, else the file's. `plain` asks for bfloat16 alone.
    """
    title = title or source.stem
    if source.is_dir():
        if why_not(read_json(source / "config.json")):
            return _of_transformers(source, title)
        return _of_shape(read_shape(source), title, plain=plain)
    folder = converted_folder(source, cache)
    if (folder / "config.json").is_file():
        return _of_shape(read_shape(folder), title, plain=plain)
    from deepseek_mm.lm.backends.gguf_reader import Gguf

    return _of_shape(shape_of(Gguf(source).settings(), source), title, plain=plain)


def memory_of_ranker(folder: Path, *, title: str, weight_bytes: int) -> ModelMemory:
    """What a model in this folder needs that orders what was found, with so many bytes for a weight."""
    weights = count_weights(folder)
    size_bytes = weights * weight_bytes
    return ModelMemory(title=title, weights=weights, weight_bytes={"transformers": size_bytes}, speaks=False)


def fit_memory(need: ModelMemory, free_bytes: int | None = None) -> MemoryFit:
    """The way that fits into what is free. NotEnoughMemory where none does."""
    free_bytes = read_free_memory() if free_bytes is None else free_bytes
    if need.least_bytes > free_bytes:
        raise _refuse(need, free_bytes)
    usable = {way: size for way, size in need.weight_bytes.items() if _leaves_room(way, size, need, free_bytes)}
    way = next(iter(usable))
    if not need.token_bytes:
        return MemoryFit(way=way, tokens=0)
    left = min(MOST_KEY_BYTES, (free_bytes - usable[way] - SPARE_BYTES) // 2)
    return MemoryFit(way=way, tokens=min(ROOM * need.longest, max(LEAST_TOKENS, left // need.token_bytes)))


def _leaves_room(way: Way, size: int, need: ModelMemory, free_bytes: int) -> bool:
    """Whether the weights fit so; for speed alone not more than a part of the memory is taken."""
    room = free_bytes * FAST_PART if way == "fast" else free_bytes
    return size + LEAST_TOKENS * need.token_bytes + SPARE_BYTES <= room or size == min(need.weight_bytes.values())


def _of_shape(shape: DecoderShape, title: str, *, plain: bool) -> ModelMemory:
    """Of our own decoder."""
    attention = (shape.num_heads + 2 * shape.num_kv_heads + shape.num_heads) * shape.head_width
    layer = shape.width * (attention + 3 * shape.ffn_width)
    weights = shape.num_layers * layer + shape.vocab_size * shape.width * (1 if shape.tied else 2)
    inputs = (shape.width, shape.ffn_width, shape.num_heads * shape.head_width)
    ways: tuple[Way, ...] = ("plain" if plain else "fast",)
    ways = ways if any(number % GROUP for number in inputs) else (*ways, "tiles")
    return ModelMemory(
        title=title,
        weights=weights,
        weight_bytes={way: int(BYTES[way] * weights) for way in ways},
        token_bytes=2 * shape.num_layers * shape.num_kv_heads * shape.head_width * 2,
        longest=shape.longest,
    )


def _of_transformers(folder: Path, title: str) -> ModelMemory:
    """Of another architecture, which transformers runs in bfloat16 or in 32 bits."""
    weights = count_weights(folder)
    _, flags, _ = read_cpu(Path("/"))
    size_bytes = weights * (2 if BF16_FLAG in flags else 4)
    return ModelMemory(title=title, weights=weights, weight_bytes={"transformers": size_bytes})


def count_weights(folder: Path) -> int:
    """How many the checkpoint there has; 0 where that cannot be read: whoever opens it says what is wrong."""
    try:
        return weights_of(sorted(folder.glob("*.safetensors"))).numbers
    except (OSError, ValueError):
        return 0


def _refuse(need: ModelMemory, free_bytes: int) -> NotEnoughMemory:
    """The error, with what would fit."""
    if not need.speaks:
        return NotEnoughMemory(
            f"the model {need.title} needs {need.least_bytes / GB:.1f} GB of memory, and {free_bytes / GB:.1f} GB are "
            "free. Close other programs, or choose a smaller one: python -m deepseek_mm models list tells which fit"
        )
    most = max(0, int((free_bytes - SPARE_BYTES) / BYTES["tiles"])) // MB
    return NotEnoughMemory(
        f"the language model {need.title} needs {need.least_bytes / GB:.1f} GB of memory, and {free_bytes / GB:.1f} GB"
        f" are free. Close other programs, or choose one of at most {most} million weights as GGUF:"
        " python -m deepseek_mm models list tells which fit"
    )
