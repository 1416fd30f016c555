"""A conversation becomes the tokens that a model was trained to answer.

Every chat model has a template of its own, kept beside its weights. What people write must stay text: a question that
contains `<|im_end|>` would otherwise close its own message and open one in the system's name.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from deepseek_mm.records import Message


def encode_chat(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of the prompt, up to where the answer starts. Pictures are left out."""
    clean = [replace(message, text=escape_marks(message.text, list_special_marks(tokenizer))) for message in messages]
    if tokenizer.chat_template is None:
        return list(tokenizer(to_transcript(clean))["input_ids"])
    text = _render(tokenizer, clean)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has put them in already


def list_special_marks(tokenizer: Any) -> list[str]:
    """The texts that mean something to the model which no letters could say."""
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]


def escape_marks(text: str, marks: Sequence[str]) -> str:
    """`text` with a space inside every special mark, so that none of them is read as one."""
    for mark in sorted(marks, key=len, reverse=True):
        if len(mark) > 1:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The template filled in. A model that knows no system role hears those words from the user."""
    settings = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}  # Qwen3 would think aloud
    try:
        return str(tokenizer.apply_chat_template(_turns(messages), **settings))
    except TemplateError:
        return str(tokenizer.apply_chat_template(_turns(without_system(messages)), **settings))


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    """As the templates want them."""
    return [{"role": message.role, "content": message.text} for message in messages]


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The same conversation; what the system says, the first speaker says before anything else."""
    rules = [message.text for message in messages if message.role == "system"]
    said = [message for message in messages if message.role != "system"]
    if not said:
        return [Message(role="user", text="\n\n".join(rules))]
    return [replace(said[0], text="\n\n".join([*rules, said[0].text])), *said[1:]]


def to_transcript(messages: Sequence[Message]) -> str:
    """For a model that never learned to chat: the conversation as a play, with the answer to come."""
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "\n\n".join([*(names[message.role] + message.text for message in messages), "Assistant:"])
