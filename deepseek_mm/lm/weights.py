"""Weights of a Llama's or Qwen's checkpoint by the decoder's names, and the low-rank changes that training added.

Queries, keys and values are one matrix here, and so are the two halves of the feed-forward's entrance: one wide
product is faster than three narrow ones. Everything is compared before it is taken: a tensor that is missing, foreign,
of another shape or not a number is refused with its name. Nothing is ever unpickled.

The changes are merged into the matrices when the model is opened, so they cost nothing when it speaks. A file of
changes belongs to one base and one shape, and says which; on another base it would only make noise.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deepseek_mm.deltas import pack_changes, unpack_whole
from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import Progress, silence
from deepseek_mm.lm.model_folders import find_folder, first_line, read_json, read_shape, unreadable_error
from deepseek_mm.lm.moe import MoE
from deepseek_mm.lm.shape import DecoderShape, to_product_shape

Part = tuple[str, tuple[int, ...]]  # a tensor of the checkpoint: its name and shape

NUMBERS = ("F64", "F32", "F16", "BF16")  # what safetensors calls the formats that weights come in
DRAWN = (nn.init.normal_, nn.init.kaiming_uniform_)
WORDS = "embedding.weight"
_words: WeakValueDictionary[tuple[object, ...], Tensor] = WeakValueDictionary()
_opening = Lock()
IDLE = (".rotary_emb.inv_freq",)  # tensors of old checkpoints that can be worked out, and are


def read_decoder(name: str, cache: Path, progress: Progress = silence) -> tuple[DecoderShape, dict[str, Tensor]]:
    """The shape and the weights of the model called `name`, by the names of `Decoder`, in the format of the file.

    NothingThere, MissingWeights, LibraryError or BadCheckpoint say what it lacks.
    """
    return read_folder(find_folder(name, cache=cache, progress=progress))


def read_folder(folder: Path) -> tuple[DecoderShape, dict[str, Tensor]]:
    """As `read_decoder`, of a folder. What needs no copy is mapped, not read: leave the files in place meanwhile."""
    shape = read_shape(folder)
    weights = dict(read_parts(folder, shape))
    try:
        return shape, weights | {WORDS: _share_words(folder, weights[WORDS])}
    except (OSError, ValueError) as error:
        raise unreadable_error(folder, first_line(error)) from error


def read_parts(folder: Path, shape: DecoderShape) -> Iterator[tuple[str, Tensor]]:
    """Each weight by its name in `Decoder`, one after the other: whoever drops them needs memory for one at a time."""
    with ExitStack() as stack:
        try:
            held = _open_tensors(folder, stack)
            if shape.num_layers > len(held):
                raise ValueError(f"config.json speaks of {shape.num_layers} layers, and {len(held)} tensors are there")
            _compare(held, shape)
            for ours, parts in parts_of(shape).items():
                yield ours, _stack(held, parts)
        except (OSError, ValueError, SafetensorError) as error:
            raise unreadable_error(folder, first_line(error)) from error


def _share_words(folder: Path, words_VD: Tensor) -> Tensor:
    """The matrix of words, the same one for all models that are open of this folder's files; nobody writes to it."""
    key = (str(folder), *((file.name, file.stat().st_ino, file.stat().st_mtime_ns) for file in _files(folder)))
    with _opening:
        words = _words.get(key)
        if words is None:
            words = _words[key] = words_VD.clone()  # else it would keep the whole file mapped
        return words


def build(shape: DecoderShape, weights: Mapping[str, Tensor], *, dtype: torch.dtype) -> Decoder:
    """A decoder with these weights. Experts that are not among them are fresh; the rest must be."""
    with torch.device("meta"), _SkipInit():
        decoder = Decoder(shape)
    for layer in decoder.layers:
        if shape.moe and layer.moe is not None:
            layer.moe = MoE(shape.width, shape.moe)
    extra = decoder.load_state_dict(weights, strict=False, assign=True).unexpected_keys
    if shape.tied:
        decoder.head.weight = decoder.embedding.weight
    if (words_VD := weights.get(WORDS)) is not None and words_VD.dtype == dtype:
        vars(decoder)["words_VD"] = words_VD  # as long as this lives, other models of the folder share it
    odd = [*extra, *(name for name, weight in decoder.named_parameters() if weight.is_meta)]
    assert not odd, f"weights of another decoder: {odd[0]}"
    return decoder.to(dtype)


class _SkipInit(TorchFunctionMode):
    """Modules are made without random numbers, which take a second for a hundred million weights."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Everything as usual, only nothing is drawn."""
        return None if func in DRAWN else func(*args, **(kwargs or {}))


def parts_of(shape: DecoderShape) -> dict[str, tuple[Part, ...]]:
    """Our name -> the checkpoint's tensors that are stacked, rows on rows, to make it. Experts are not among them."""
    width, queries, keys = shape.width, shape.num_heads * shape.head_width, shape.num_kv_heads * shape.head_width
    entrance, norm = (shape.ffn_width, width), (width,)
    layer: dict[str, tuple[Part, ...]] = {
        "attention_norm": (("input_layernorm", norm),),
        "qkv": tuple(
            (f"self_attn.{x}_proj", (rows, width)) for x, rows in zip("qkv", (queries, keys, keys), strict=True)
        ),
        "out": (("self_attn.o_proj", (width, queries)),),
        "ffn_norm": (("post_attention_layernorm", norm),),
        "up": (("mlp.gate_proj", entrance), ("mlp.up_proj", entrance)),
        "down": (("mlp.down_proj", (width, shape.ffn_width)),),
    }
    words = (shape.vocab_size, width)
    found: dict[str, tuple[Part, ...]] = {"embedding.weight": (("model.embed_tokens.weight", words),)}
    for number in range(shape.num_layers):
        for ours, parts in layer.items():
            found[f"layers.{number}.{ours}.weight"] = _name_parts(number, parts, "weight")
        found |= _qwen_parts(number, shape)
    found["norm.weight"] = (("model.norm.weight", norm),)
    return found if shape.tied else found | {"head.weight": (("lm_head.weight", words),)}


def _name_parts(number: int, parts: tuple[Part, ...], end: str) -> tuple[Part, ...]:
    return tuple((f"model.layers.{number}.{theirs}.{end}", size) for theirs, size in parts)


def _qwen_parts(number: int, shape: DecoderShape) -> dict[str, tuple[Part, ...]]:
    """What layer `number` has beside a Llama's: biases (Qwen2), or norms of heads (Qwen3), repeated for each head."""
    found: dict[str, tuple[Part, ...]] = {}
    heads = {"q": shape.num_heads, "k": shape.num_kv_heads, "v": shape.num_kv_heads}
    if shape.qkv_bias:
        biases = tuple((f"self_attn.{x}_proj", (count * shape.head_width,)) for x, count in heads.items())
        found[f"layers.{number}.qkv.bias"] = _name_parts(number, biases, "bias")
    if shape.head_norm:
        norms = tuple((f"self_attn.{x}_norm", (shape.head_width,)) for x in "qk" for _ in range(heads[x]))
        found[f"layers.{number}.head_norm.weight"] = _name_parts(number, norms, "weight")
    return found


def _open_tensors(folder: Path, stack: ExitStack) -> dict[str, Any]:
    """Every tensor's name -> the open file that has it."""
    held: dict[str, Any] = {}
    for path in _files(folder):
        file = stack.enter_context(safe_open(path, framework="pt"))
        names: list[str] = file.keys()
        for name in names:
            if name in held:
                raise ValueError(f"{name} is there twice, in {path.name} as well")
            held[name] = file
    return held


def _files(folder: Path) -> list[Path]:
    """Those that the index names; without one, the usual file; without that, all there are."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        listed = read_json(index).get("weight_map")
        if not isinstance(listed, dict) or any(Path(str(name)).name != name for name in listed.values()):
            raise ValueError(f"{index.name} does not list files of this folder")
        return [folder / name for name in sorted(set(listed.values()))]
    usual = folder / "model.safetensors"
    found = [usual] if usual.is_file() else sorted(folder.glob("*.safetensors"))
    if not found:
        raise ValueError("it has no *.safetensors (pickled weights are never read)")
    return found


def _compare(held: Mapping[str, Any], shape: DecoderShape) -> None:
    """ValueError unless the tensors are those of `shape`, no more and no less, all of them of floating point."""
    wanted = dict(part for parts in parts_of(shape).values() for part in parts)
    idle = {name for name in held if name.endswith(IDLE) or (shape.tied and name == "lm_head.weight")}
    for names, state in (
        (wanted.keys() - held.keys(), "missing"),
        (held.keys() - wanted.keys() - idle, "unknown"),
    ):
        if names:
            raise ValueError(f"{len(names)} tensors such as {min(names)} are {state}")
    for name, size in wanted.items():
        found = held[name].get_slice(name)
        if tuple(found.get_shape()) != size:
            raise ValueError(f"{name} has the shape {tuple(found.get_shape())}, and config.json says {size}")
        if found.get_dtype() not in NUMBERS:
            raise ValueError(f"{name} is in the format {found.get_dtype()}; take the model before it was quantised")


def _stack(held: Mapping[str, Any], parts: tuple[Part, ...]) -> Tensor:
    """The tensors of `parts`, rows on rows. ValueError if one holds something that is no finite number."""
    tensors: list[Tensor] = []
    for name, _ in parts:
        tensor = held[name].get_tensor(name)
        if not tensor.sum(dtype=torch.float32).isfinite():  # one infinity or NaN among them makes the sum one
            raise ValueError(f"{name} holds values that are no finite numbers")
        tensors.append(tensor)
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


WEIGHTS = Path(__file__).parent.parent / "weights" / "lm.safetensors"
MAKE = "python -m deepseek_mm train lm --stage pack"
THIN, TALL = ".thin", ".tall"  # ends of the names of a change's two factors: tall @ thin is the change


def merge_changes(weights: Mapping[str, Tensor], changes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with the changes of low rank added, in their own format, and with whatever else was learned."""
    whole = {**weights, **{name: value for name, value in changes.items() if not name.endswith((THIN, TALL))}}
    for name in (name.removesuffix(THIN) for name in changes if name.endswith(THIN)):
        before = whole[f"{name}.weight"]
        change = changes[name + TALL].float() @ changes[name + THIN].float()
        whole[f"{name}.weight"] = (before.float() + change).to(before.dtype)
    return whole


def write_changes(file: Path, changes: Mapping[str, Tensor], *, base: str, shape: DecoderShape) -> None:
    """Matrices as int8 with a scale a row, vectors as bfloat16. `base` is the fingerprint of the base's weights."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    save_file(pack_changes({}, changes, new=("",)), draft, metadata=_metadata(base, shape))
    draft.replace(file)


def read_changes(file: Path, *, base: str, shape: DecoderShape) -> dict[str, Tensor]:
    """What `write_changes` wrote, float32. MissingWeights or BadCheckpoint if it is not there or not for this base."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    try:
        with safe_open(file, framework="pt") as opened:
            if opened.metadata() != _metadata(base, shape):
                raise BadCheckpoint(
                    f"{file} was trained on another base model or for another shape of it. Get the one that belongs to"
                    f" this version with: git checkout -- {file.name}, or train it: {MAKE}"
                )
            changes = unpack_whole({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"cannot read {file}: {error}. Get it again with: git checkout -- {file.name}") from error
    for name, value in changes.items():
        if not value.isfinite().all():
            raise BadCheckpoint(f"{file}: {name} holds values that are no finite numbers. Train it again: {MAKE}")
    return changes


def fingerprint_with(base: str, file: Path) -> str:
    """That of a base model, by its own, with what the file has: SHA-256 over both, hexadecimal."""
    return hashlib.sha256(base.encode() + file.read_bytes()).hexdigest()


def with_changes(
    shape: DecoderShape, weights: Mapping[str, Tensor], file: Path, *, base: str
) -> tuple[DecoderShape, dict[str, Tensor]]:
    """Our shape of a base model, and its weights with what the file has; without experts if it has none.

    Raises what `read_changes` raises.
    """
    shape = to_product_shape(shape)
    changes = read_changes(file, base=base, shape=shape)
    if not any(".moe." in name for name in changes):
        shape = replace(shape, moe=None)
    return shape, merge_changes(weights, changes)


def _metadata(base: str, shape: DecoderShape) -> dict[str, str]:
    return {"base": base, "shape": repr(shape)}
