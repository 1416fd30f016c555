"""Fields of OpenAI's that stand in no model of ours: harmless, harmless while they say nothing, or refused by name."""

from collections.abc import Mapping
from typing import Any

from deepseek_mm.serve.openai.errors import UnsupportedRequest

HARMLESS = frozenset(  # they change no answer of ours
    [
        "metadata",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "service_tier",
        "user",
        "verbosity",
    ]
)
NOTHING: dict[str, tuple[Any, ...]] = {  # values that ask for nothing, beside null
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "web_search_options": (),
}


def check_fields(extra: Mapping[str, Any] | None) -> None:
    """Refused names the first field that would change the answer, or that nobody knows."""
    for name, value in (extra or {}).items():
        if value is None or name in HARMLESS:
            continue
        if name not in NOTHING:
            raise UnsupportedRequest(
                f"{name} is no field that is known here. Leave it out; what there is stands at /docs",
                param=name,
                code="unknown_parameter",
            )
        if value not in NOTHING[name]:
            raise UnsupportedRequest(
                f"{name}={_brief(value)} is not supported here. Leave {name} out",
                param=name,
                code="unsupported_parameter",
            )


def _brief(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."
