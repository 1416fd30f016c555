"""Tiny models that see: random ones of real architectures, their processors, and heads that say what they are told."""

from pathlib import Path
from typing import Any

import torch
from tiny_lm import tiny_tokenizer
from transformers import (
    DeepseekVLConfig,
    DeepseekVLForConditionalGeneration,
    DeepseekVLImageProcessor,
    DeepseekVLProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

VOCABULARY = 310
LONGEST = 2048
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% for c in m.content %}{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LOUD = 0.4  # of random weights: so large that pictures and words make a difference
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": LONGEST,
    "vocab_size": VOCABULARY,
    "initializer_range": LOUD,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "initializer_range": LOUD,
}


def tokenizer(*marks: str, **named: str) -> PreTrainedTokenizerFast:
    """The tiny one with more special marks, some of which have a name."""
    tiny = tiny_tokenizer(None)
    tiny.add_special_tokens({"additional_special_tokens": list(marks)})
    ends = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    return PreTrainedTokenizerFast(tokenizer_object=tiny.backend_tokenizer, extra_special_tokens=named, **ends)


def smol() -> tuple[Any, Any]:
    """SmolVLM is one of these: tiles of a picture stand in the text."""
    tokens = tokenizer("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    side = {"longest_edge": 32}
    eyes = Idefics3ImageProcessor(size=side, max_image_size=side, do_image_splitting=False)
    processor = Idefics3Processor(eyes, tokens, image_seq_len=4, chat_template=TEMPLATE.replace("IMAGE", "<image>"))
    mark = tokens.convert_tokens_to_ids("<image>")
    text = {"model_type": "llama", **TEXT}
    config = Idefics3Config(
        vision_config=VISION, text_config=text, scale_factor=2, image_token_id=mark, pad_token_id=2, **loud()
    )
    return Idefics3ForConditionalGeneration(config), processor


def qwen() -> tuple[Any, Any]:
    """Positions in three dimensions, which it remembers between its own steps."""
    marks = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    tokens = tokenizer(*marks)
    template = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    eyes = Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56)
    processor = Qwen2VLProcessor(eyes, tokens, Qwen2VLVideoProcessor(), chat_template=template)
    rope = {"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0}
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    ids = {name: tokens.convert_tokens_to_ids(mark) for name, mark in zip(names, marks, strict=True)}
    config = Qwen2VLConfig(
        vision_config=vision | loud(), text_config={**TEXT, "rope_parameters": rope}, **ids, **loud()
    )
    return Qwen2VLForConditionalGeneration(config), processor


def deepseek() -> tuple[Any, Any]:
    """SigLIP and a Llama."""
    mark = "<image_placeholder>"
    tokens = tokenizer(mark, image_token=mark)
    eyes = DeepseekVLImageProcessor(size={"height": 32, "width": 32}, min_size=8)
    template = TEMPLATE.replace("IMAGE", mark)
    processor = DeepseekVLProcessor(eyes, tokens, chat_template=template, num_image_tokens=16)
    config = DeepseekVLConfig(
        vision_config=VISION,
        text_config={"model_type": "llama", **TEXT},
        image_token_id=tokens.convert_tokens_to_ids(mark),
        **loud(),
    )
    return DeepseekVLForConditionalGeneration(config), processor


def loud() -> dict[str, float]:
    """For the parts between eyes and language."""
    return {"initializer_range": LOUD}


def tiny_vlm(make: Any = smol, *, seed: int = 0) -> tuple[Any, Any]:
    """A model in evaluation mode and its processor."""
    torch.manual_seed(seed)
    model, processor = make()
    return model.eval(), processor


def save_vlm(folder: Path, make: Any = smol, *, seed: int = 0) -> Path:
    """A checkpoint folder, as a person would have it."""
    for part in tiny_vlm(make, seed=seed):
        part.save_pretrained(folder)
    return folder


class Recites(torch.nn.Module):
    """In the place of a model's last layer: says its script token by token, then the end mark for ever."""

    def __init__(self, text: str, *, pause=lambda: None) -> None:
        super().__init__()
        self.script, self.said, self.pause = tiny_tokenizer(None)(text)["input_ids"], 0, pause

    def forward(self, hidden):
        self.pause()
        token = self.script[self.said] if self.said < len(self.script) else TEXT["eos_token_id"]
        self.said += 1
        return torch.nn.functional.one_hot(torch.full(hidden.shape[:-1], token), VOCABULARY).to(hidden.dtype)


class Leans(torch.nn.Module):
    """In the place of a model's last layer: these tokens have these scores, all others none to speak of."""

    def __init__(self, scores: dict[str, float]) -> None:
        super().__init__()
        self.scores_V = torch.full((VOCABULARY,), -20.0)
        for text, score in scores.items():
            self.scores_V[tiny_tokenizer(None)(text)["input_ids"][0]] = score

    def forward(self, hidden):
        return self.scores_V.to(hidden.dtype).expand(*hidden.shape[:-1], -1)
