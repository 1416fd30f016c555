"""A conversation with pictures becomes what a model that sees takes in: tokens, with places in them for the pixels.

Its processor knows both the template and how many tokens a picture is. What people write stays text, as in `lm.chat`:
a question that contains `<image>` would otherwise take the place of a picture that nobody sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from deepseek_mm.lm.chat import escape_marks, list_special_marks, to_transcript, without_system
from deepseek_mm.lm.picture import shrink_picture
from deepseek_mm.records import Message

Inputs = Mapping[str, Any]  # name -> tensor, as the model's `generate` takes them


def encode(processor: Any, messages: Sequence[Message]) -> Inputs:
    """One conversation, up to where the answer starts. Pictures stand before the words of their message."""
    marks = [*list_special_marks(processor.tokenizer), *_image_marks(processor)]
    clean = [
        replace(m, text=escape_marks(m.text, marks), images=tuple(map(shrink_picture, m.images))) for m in messages
    ]
    template = processor.chat_template or processor.tokenizer.chat_template
    if template is None:
        return _as_a_play(processor, clean)
    try:
        return _fill_template(processor, clean, template)
    except TemplateError:  # it knows no system role
        return _fill_template(processor, without_system(clean), template)


def _fill_template(processor: Any, messages: Sequence[Message], template: Any) -> Inputs:
    """As the template wants it."""
    quiet = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
    turns = [{"role": message.role, "content": _content(message)} for message in messages]
    inputs: Inputs = processor.apply_chat_template(
        turns,
        chat_template=None if processor.chat_template else template,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        **quiet,
    )
    return inputs


def _content(message: Message) -> list[dict[str, Any]]:
    pictures = [{"type": "image", "image": image} for image in message.images]
    return [*pictures, {"type": "text", "text": message.text}]


def _as_a_play(processor: Any, messages: Sequence[Message]) -> Inputs:
    """For a model without a template: a mark for each picture, unless the processor writes its own, then the play."""
    images = [image for message in messages for image in message.images]
    marks = [] if getattr(processor, "num_query_tokens", None) else _image_marks(processor) * len(images)
    text = "".join([*marks, "\n"] if marks else []) + to_transcript(messages)
    inputs: Inputs = processor(text=[text], images=[images] if images else None, return_tensors="pt")
    return inputs


def _image_marks(processor: Any) -> list[str]:
    """What stands for a picture in a text of this model; mostly, not always, a special mark of its tokenizer."""
    mark = getattr(processor, "image_token", None)
    return [str(mark)] if mark else []
