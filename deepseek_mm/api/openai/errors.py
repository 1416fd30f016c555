"""Errors of OpenAI's API, and the fields of a request that are refused by name.

They are what `problems` answers below PREFIX; elsewhere errors are RFC 9457 problems.
"""

from collections.abc import Mapping
from typing import Any

from deepseek_mm.errors import DeepSeekMMError

PREFIX = "/v1/"
UNPROCESSABLE, BAD_REQUEST, FAULT = 422, 400, 500  # OpenAI knows no 422: a client would not expect it
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class UnsupportedRequest(DeepSeekMMError, ValueError):
    """A request that cannot be served as it is; `param` is the field that is to be changed."""

    def __init__(self, message: str, *, param: str, code: str = "unsupported_value") -> None:
        super().__init__(message)
        self.param, self.code = param, code


class NoModel(DeepSeekMMError, LookupError):
    """A model that is not on offer."""

    param, code = "model", "model_not_found"


def status_of(status: int) -> int:
    """What a client of OpenAI is told instead of this status."""
    return BAD_REQUEST if status == UNPROCESSABLE else status


def error_body(status: int, code: str, message: str, *, param: str | None = None) -> dict[str, Any]:
    """The body that goes with it."""
    kind = TYPES.get(status, "invalid_request_error" if status < FAULT else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code.replace("-", "_")}}


HARMLESS = {  # they change no answer of ours
    "metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "reasoning_effort",
    "safety_identifier", "service_tier", "user", "verbosity",
}  # fmt: skip
NOTHING: dict[str, tuple[Any, ...]] = {  # values that ask for nothing, beside null
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "presence_penalty": (0,),
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
