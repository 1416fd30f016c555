"""Errors as clients of OpenAI read them: `{"error": {"message", "type", "param", "code"}}`, with their statuses.

It is what `problems` answers below PREFIX; elsewhere errors are RFC 9457 problems.
"""

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
