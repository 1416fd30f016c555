"""Counting tokens: by the language model's own tokenizer, or else by that of the space."""

from deepseek_mm.encoders.space import TokenCounter
from deepseek_mm.lm.generator import Sampled
from deepseek_mm.rag.assistant import Assistant


def count_tokens(assistant: Assistant, text: str) -> int:
    """Tokens of a text; its words where neither knows (a server's model beside a foreign space)."""
    if isinstance(assistant.lm, Sampled):
        return assistant.lm.count(text)
    space = assistant.retriever.space
    return space.count_tokens([text])[0] if isinstance(space, TokenCounter) else len(text.split())
