"""Tiny language models: random ones of real architectures, one that recites a script, and a GGUF file."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # tokens 0, 1, 2
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXTS = ["a black dog runs over the green grass [1].", "system user assistant two cups are on the table [2]"] * 4


def tiny_tokenizer(template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    """Byte-level, so that every character can be written; 300 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    names = {"bos_token": MARKS[1], "eos_token": MARKS[2], "pad_token": MARKS[2]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template, **names)


def tiny_llama(context: int = 256, *, seed: int = 0) -> LlamaForCausalLM:
    """Random, with weights so large that it does not say one word for ever."""
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=300,
            num_key_value_heads=2,
            max_position_embeddings=context,
            initializer_range=0.4,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            **sizes,
        )
    ).eval()


def tiny_gpt2(*, seed: int = 0) -> GPT2LMHeadModel:
    """Random, with learned positions: the cache's length must reach it."""
    torch.manual_seed(seed)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=300, bos_token_id=1, eos_token_id=2, pad_token_id=2, initializer_range=0.4, **sizes)
    ).eval()


class Reciter(torch.nn.Module):
    """Says the tokens of its script, one a step, and counts the steps. Its cache is how often it was asked."""

    def __init__(self, script: list[int], *, context: int = 10_000, pause=lambda: None) -> None:
        super().__init__()
        self.script, self.pause, self.steps = script, pause, 0
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(max_position_embeddings=context))
        self.generation_config = SimpleNamespace(eos_token_id=None)
        self.device = torch.device("cpu")

    def forward(self, input_ids, cache, use_cache):
        self.steps += 1
        self.pause()
        said = 0 if cache is None else cache
        logits = torch.zeros(1, input_ids.shape[1], 300)
        logits[0, -1, self.script[said % len(self.script)]] = 1
        return SimpleNamespace(logits=logits, cache=said + 1)


def save_tiny(folder: Path, model=None, *, template: str | None = TEMPLATE) -> Path:
    """A checkpoint folder, as a person would have it."""
    (model or tiny_llama()).save_pretrained(folder)
    tiny_tokenizer(template).save_pretrained(folder)
    return folder


def write_gguf(path: Path, *, seed: int = 0, kind: str = "llama", more=lambda writer: None) -> Path:
    """A Llama of two layers in 32-bit floats, with its tokenizer, as llama.cpp's tools would write it."""
    writer = GGUFWriter(path, kind)
    for add, value in (
        (writer.add_block_count, 2),
        (writer.add_context_length, 256),
        (writer.add_embedding_length, 32),
        (writer.add_feed_forward_length, 64),
        (writer.add_head_count, 4),
        (writer.add_head_count_kv, 2),
        (writer.add_layer_norm_rms_eps, 1e-5),
        (writer.add_rope_freq_base, 10_000.0),
        (writer.add_rope_dimension_count, 8),
        (writer.add_vocab_size, 300),
    ):
        add(value)
    _write_tokenizer(writer)
    _write_tensors(writer, np.random.default_rng(seed))
    more(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_tokenizer(writer: GGUFWriter) -> None:
    model = json.loads(tiny_tokenizer().backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if token in MARKS else TokenType.NORMAL for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)


def _write_tensors(writer: GGUFWriter, random: np.random.Generator) -> None:
    shapes = {"token_embd": (300, 32), "output_norm": (32,)}
    for layer in range(2):
        block = {"attn_q": (32, 32), "attn_k": (16, 32), "attn_v": (16, 32), "attn_output": (32, 32)}
        block |= {"ffn_gate": (64, 32), "ffn_up": (64, 32), "ffn_down": (32, 64), "attn_norm": (32,), "ffn_norm": (32,)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    for name, shape in shapes.items():
        values = np.ones(shape) if len(shape) == 1 else random.normal(0, 0.4, shape)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))
