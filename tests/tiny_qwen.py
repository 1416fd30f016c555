"""Random Qwen2, Qwen3 and Llama models of transformers, small enough for a test."""

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

KINDS = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
SIZES = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.15, "head_dim": 32,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip


def tiny_model(kind: str, *, seed: int = 0, **more: object) -> PreTrainedModel:
    """Norms and biases are random as well: equal ones would hide one in the wrong place."""
    torch.manual_seed(seed)
    configure, make = KINDS[kind]
    sizes = {name: value for name, value in SIZES.items() if name != "head_dim" or kind == "qwen3"}
    model = make(configure(**sizes | more)).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(weight, 0.5, 1.5)
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.5)
    return model
