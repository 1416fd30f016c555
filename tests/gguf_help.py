"""Writes transformers' models as GGUF files, with blocks of few bits packed by hand from the format's description."""

from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter, quantize
from tiny_lm import _write_tokenizer

SUPER = 256  # numbers of a block of the k-quants, which has 8 groups of 32, or 16 of 16
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def to_gguf_name(name: str) -> str:
    stem, end = name.rsplit(".", 1)
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{end}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.{end}"


def size_of(step: np.ndarray, most: int) -> np.ndarray:
    """What a group's step is a multiple of, as a 16-bit float; a block of zeros has one too."""
    return np.maximum(step.max(-1, keepdims=True) / most, 1e-6).astype(np.float16).astype(np.float32)


def halves_of(numbers: np.ndarray) -> np.ndarray:
    """As bytes of 16-bit floats, (blocks, 2)."""
    return numbers.astype(np.float16).reshape(-1, 1).view(np.uint8)


def grouped(values: np.ndarray, size: int, most: int) -> tuple[np.ndarray, ...]:
    """Scales and minima of groups in six bits, what they are multiplied with, and levels from 0 to `most`."""
    x = values.reshape(-1, SUPER // size, size)
    low = np.minimum(x.min(-1), 0)
    step = (x.max(-1) - low) / most
    d = size_of(step, 63)
    m = size_of(-low, 63)
    scale, least = np.ceil(step / d).clip(1, 63), np.round(-low / m).clip(0, 63)
    levels = np.round((x + (m * least)[..., None]) / (d * scale)[..., None]).clip(0, most)
    exact = (d * scale)[..., None] * levels - (m * least)[..., None]
    return d, m, scale.astype(np.uint8), least.astype(np.uint8), levels.astype(np.uint8), exact.astype(np.float32)


def in_twelve_bytes(scale: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Eight scales and eight minima of six bits: four of each in a byte's lower six, the others' parts spread."""
    first = scale[:, :4] | (scale[:, 4:] >> 4) << 6
    second = least[:, :4] | (least[:, 4:] >> 4) << 6
    return np.concatenate([first, second, scale[:, 4:] & 15 | (least[:, 4:] & 15) << 4], 1)


def pack_k(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Q4_K or Q5_K: the bytes of all blocks, and the numbers that they stand for."""
    d, m, scale, least, levels, exact = grouped(values, 32, 2**bits - 1)
    pairs = levels.reshape(-1, 4, 2, 32)
    low = (pairs[:, :, 0] & 15 | (pairs[:, :, 1] & 15) << 4).reshape(-1, 128)
    high = np.zeros((len(low), 32), np.uint8)
    for group in range(8):
        high |= (levels[:, group] >> 4) << group
    parts = [halves_of(d), halves_of(m), in_twelve_bytes(scale, least), *([high] if bits == 5 else []), low]
    return np.concatenate(parts, 1), exact


def pack_six(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q6_K: 16 groups, a signed byte of scale each; levels from -32 to 31."""
    x = values.reshape(-1, 16, 16)
    step = np.abs(x).max(-1) / 31
    d = size_of(step, 127)
    scale = np.ceil(step / d).clip(1, 127)
    levels = np.round(x / (d * scale)[..., None]).clip(-32, 31)
    q = (levels + 32).astype(np.uint8).reshape(-1, 2, 4, 32)  # of each half of the block four quarters
    low = np.stack([q[:, :, 0] & 15 | (q[:, :, 2] & 15) << 4, q[:, :, 1] & 15 | (q[:, :, 3] & 15) << 4], 2)
    high = q[:, :, 0] >> 4 | q[:, :, 1] >> 4 << 2 | q[:, :, 2] >> 4 << 4 | q[:, :, 3] >> 4 << 6
    parts = [low.reshape(-1, 128), high.reshape(-1, 64), scale.astype(np.int8).view(np.uint8), halves_of(d)]
    return np.concatenate(parts, 1), ((d * scale)[..., None] * levels).astype(np.float32)


def pack(values: np.ndarray, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Rows of bytes in this kind of blocks, and the numbers that they stand for."""
    if kind in (Kind.Q4_K, Kind.Q5_K):
        packed, exact = pack_k(values, 4 if kind == Kind.Q4_K else 5)
    elif kind == Kind.Q6_K:
        packed, exact = pack_six(values)
    elif kind == Kind.Q8_0:
        x = values.reshape(-1, 32)
        d = size_of(np.abs(x), 127)
        levels = np.round(x / d).clip(-127, 127)
        packed, exact = np.concatenate([halves_of(d), levels.astype(np.int8).view(np.uint8)], 1), d * levels
    else:
        packed = quantize(values, kind)
        exact = values.astype(np.float16) if kind == Kind.F16 else torch.from_numpy(values).bfloat16().float().numpy()
    return packed.reshape(len(values), -1), exact.reshape(values.shape).astype(np.float32)


def neighbours(rows: np.ndarray, heads: int) -> np.ndarray:
    """A Llama's rows in llama.cpp's order: row n of a head and row n + K/2 stand side by side."""
    return rows.reshape(heads, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_model(path: Path, model, kinds: dict[str, Kind] | None = None, more=lambda writer: None) -> Path:
    """The model as a GGUF file; matrices whose name has a word of `kinds` are packed so, and the model is given the
    numbers that they stand for."""
    config, arch = model.config, model.config.model_type
    writer = GGUFWriter(path, arch)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for add, value in (
        (writer.add_block_count, config.num_hidden_layers),
        (writer.add_context_length, config.max_position_embeddings),
        (writer.add_embedding_length, config.hidden_size),
        (writer.add_feed_forward_length, config.intermediate_size),
        (writer.add_head_count, config.num_attention_heads),
        (writer.add_head_count_kv, config.num_key_value_heads),
        (writer.add_layer_norm_rms_eps, config.rms_norm_eps),
        (writer.add_rope_freq_base, config.rope_parameters["rope_theta"]),
    ):
        add(value)
    if arch == "llama":
        writer.add_rope_dimension_count(width)
    if arch == "qwen3":
        writer.add_key_length(width)
        writer.add_value_length(width)
    _write_tokenizer(writer)
    for name, weight in model.named_parameters():
        add_tensor(writer, name, weight, kinds or {}, config)
    more(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@torch.no_grad()
def add_tensor(writer: GGUFWriter, name: str, weight: torch.Tensor, kinds: dict[str, Kind], config) -> None:
    kind = next((kind for word, kind in kinds.items() if word in name and weight.dim() > 1), None)
    values = weight.detach().float().numpy().copy()
    packed, exact = pack(values, kind) if kind is not None else (values, values)
    weight.copy_(torch.from_numpy(exact))
    if config.model_type == "llama" and ("q_proj" in name or "k_proj" in name):
        packed = neighbours(packed, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
    plain = kind in (None, Kind.F16)
    writer.add_tensor(to_gguf_name(name), packed, raw_dtype=None if plain else kind)
