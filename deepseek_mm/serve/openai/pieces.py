"""What both kinds of models say, whatever becomes of it on the wire."""

from dataclasses import dataclass, field
from typing import Any

from deepseek_mm.serve.openai.schemas import Usage
from deepseek_mm.serve.openai.text_limits import Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How an answer ended."""

    text: str  # the whole of it
    reason: Reason
    usage: Usage | None  # None where nobody counted
    fields: dict[str, Any] = field(default_factory=dict)  # of our own, beside the message's


def usage_of(read: int, written: int) -> Usage:
    """Tokens of question and answer."""
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)
