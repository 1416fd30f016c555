"""A conversation becomes the tokens that a model was trained to answer.

Every chat model has a template of its own, kept beside its weights. What people write must stay text: a question that
contains `<|im_end|>` would otherwise close its own message and open one in the system's name.
"""

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from deepseek_mm.records import Message

Turn = dict[str, str]  # as the templates want it: role and content


def encode_chat(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of the prompt, up to where the answer starts. Pictures are left out."""
    marks = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    turns = [{"role": message.role, "content": plain(message.text, marks)} for message in messages]
    if tokenizer.chat_template is None:
        return list(tokenizer(_transcript(turns))["input_ids"])
    text = _render(tokenizer, turns)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has put them in already


def plain(text: str, marks: Sequence[str]) -> str:
    """`text` with a space inside every special mark, so that none of them is read as one."""
    for mark in sorted(marks, key=len, reverse=True):
        if len(mark) > 1:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _render(tokenizer: Any, turns: list[Turn]) -> str:
    """The template filled in. A model that knows no system role hears those words from the user."""
    settings = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}  # Qwen3 would think aloud
    try:
        return str(tokenizer.apply_chat_template(turns, **settings))
    except TemplateError:
        return str(tokenizer.apply_chat_template(_without_system(turns), **settings))


def _without_system(turns: list[Turn]) -> list[Turn]:
    rules = [turn["content"] for turn in turns if turn["role"] == "system"]
    said = [turn for turn in turns if turn["role"] != "system"]
    if not said:
        return [{"role": "user", "content": "\n\n".join(rules)}]
    first = {"role": said[0]["role"], "content": "\n\n".join([*rules, said[0]["content"]])}
    return [first, *said[1:]]


def _transcript(turns: list[Turn]) -> str:
    """For a model that never learned to chat: the conversation as a play, with the answer to come."""
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "\n\n".join([*(names[turn["role"]] + turn["content"] for turn in turns), "Assistant:"])
