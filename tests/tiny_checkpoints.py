"""A tiny random checkpoint of each architecture of the catalogue, as its owner would put it on a hub."""

from collections.abc import Callable
from pathlib import Path

from test_embeddings_clip import make_clip, make_siglip, make_siglip2
from tiny_lm import save_tiny, tiny_llama, write_gguf
from tiny_vlm import save_vlm, smol
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
    "initializer_range": 0.4,
    "max_position_embeddings": 256,
}


def save_space(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        make(folder).save_pretrained(folder)

    return save


MAKERS: dict[str, Callable[[Path], object]] = {
    "tiny/clip": save_space(make_clip),
    "tiny/siglip": save_space(make_siglip),
    "tiny/siglip2": save_space(make_siglip2),
    "tiny/llama": lambda folder: save_tiny(folder, tiny_llama()),
    "tiny/qwen2": lambda folder: save_tiny(folder, Qwen2ForCausalLM(Qwen2Config(**SIZES))),
    "tiny/qwen3": lambda folder: save_tiny(folder, Qwen3ForCausalLM(Qwen3Config(head_dim=8, **SIZES))),
    "tiny/smolvlm": lambda folder: save_vlm(folder, smol),
    "tiny/gguf": lambda folder: write_gguf(folder / "tiny-Q8_0.gguf"),
}


def make_checkpoint(name: str, folder: Path) -> dict[str, bytes]:
    """Its files, by their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    MAKERS[name](folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
