"""The OpenAPI document, made exact where the framework says less, or something else, than what is sent."""

from typing import Any

from fastapi import FastAPI

from deepseek_mm.serve.openai.errors import PREFIX
from deepseek_mm.serve.problems import MEDIA_TYPE
from deepseek_mm.serve.shutdown import EVENTS

PROBLEM = {"$ref": "#/components/schemas/Problem"}
EVENT = {  # one of a stream
    "type": "object",
    "properties": {"event": {"type": "string"}, "id": {"type": "string"}, "data": {"type": "string"}},
    "required": ["data"],
}
TEXT, BINARY = {"type": "string"}, {"type": "string", "format": "binary"}
UNUSED = ("HTTPValidationError", "ValidationError")  # the framework's own errors: `problems` answers in their place


def describe_exactly(app: FastAPI) -> None:
    """From now on `app.openapi()` gives the exact document."""
    plain = app.openapi

    def exact() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = make_exact(plain())
        return app.openapi_schema

    app.openapi = exact  # type: ignore[method-assign]  # as FastAPI has it done


def make_exact(document: dict[str, Any]) -> dict[str, Any]:
    """Every answer's body with its schema, and no schema that nothing is sent by."""
    for path, routes in document["paths"].items():
        for route in routes.values():
            describe_answers(route["responses"], path)
    for name in UNUSED:
        document["components"]["schemas"].pop(name, None)
    return document


def describe_answers(responses: dict[str, Any], path: str) -> None:
    """Every answer of one route."""
    if path.startswith(PREFIX):
        responses.pop("422", None)  # told as 400
    for response in responses.values():
        if content := response.get("content"):
            response["content"] = exact_content(content)


def exact_content(content: dict[str, Any]) -> dict[str, Any]:
    """A problem has one type alone; a file's bytes and a stream's events are no JSON."""
    if MEDIA_TYPE in content:
        return {MEDIA_TYPE: {"schema": PROBLEM}}
    for kind, body in content.items():
        if not body.get("schema"):
            body["schema"] = EVENT if kind == EVENTS else TEXT if kind.startswith("text/") else BINARY
    return content
