"""The OpenAPI document leaves nothing open: whoever reads it knows what to send and what comes."""

import pytest
from fake_app import paper

from deepseek_mm.api.app import build_api
from deepseek_mm.config import Config
from deepseek_mm.settings_file import SettingsFile

FREE = {
    "InfillRequest": "options of llama.cpp that change nothing here; the reply names them",
    "JsonSchema.schema": "a JSON schema of the caller's, which may be any",
    "OfferedFunction.parameters|0": "the same",
    "ChatRequest.tool_choice|1": "names one tool, as servers of larger models have it",
    "ChatRequest": "clients of OpenAI send fields that are new there; each is looked at, and refused if it counts",
    "EmbeddingRequest": "the same",
    "AssistantMessage": "the same",
    "TextRequest": "the same",
}
ABOUT = {"title", "description", "default", "examples", "deprecated"}
CHOICES = ("anyOf", "oneOf", "allOf")


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    assistant = paper(Config(data=tmp_path_factory.mktemp("openapi") / "library"))
    yield build_api(assistant, SettingsFile.of(assistant.config)).app.openapi()
    assistant.close()


def loose(schema, place):
    """Every place in it whose type is left open."""
    if "$ref" in schema:
        return
    kind, parts = schema.get("type"), [each for word in CHOICES for each in schema.get(word, ())]
    values, items = schema.get("additionalProperties", schema.get("patternProperties")), schema.get("items")
    open_object = kind == "object" and "properties" not in schema and not isinstance(values, dict)
    open_list = kind == "array" and not items and not schema.get("prefixItems")
    if not set(schema) - ABOUT or open_object or open_list or values is True or values == {}:
        yield place
    for n, part in enumerate(parts):
        yield from loose(part, f"{place}|{n}")
    for name, part in schema.get("properties", {}).items():
        yield from loose(part, f"{place}.{name}")
    for part in (values, items):
        if isinstance(part, dict) and part:
            yield from loose(part, f"{place}[]")


def bodies(document):
    """Every body and parameter of every route, with where it is."""
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            for parameter in route.get("parameters", ()):
                yield f"{method} {path} {parameter['name']}", parameter["schema"]
            sent = {"request": route["requestBody"]} if "requestBody" in route else {}
            for status, body in (route["responses"] | sent).items():
                for kind, content in body.get("content", {}).items():
                    yield f"{method} {path} {status} {kind}", content.get("schema", {})


def test_no_field_of_any_schema_is_left_open(document):
    schemas = document["components"]["schemas"]
    found = [place for name, schema in schemas.items() for place in loose(schema, name)]
    assert sorted(found) == sorted(FREE)


def test_no_parameter_and_no_body_is_left_open(document):
    assert [place for name, schema in bodies(document) for place in loose(schema, name)] == []


def references(part):
    """Every name that is referred to."""
    if isinstance(part, dict):
        yield from [part["$ref"].rpartition("/")[2]] if "$ref" in part else ()
        yield from (name for each in part.values() for name in references(each))
    elif isinstance(part, list):
        yield from (name for each in part for name in references(each))


def test_every_schema_is_there_and_used(document):
    assert set(references(document)) == set(document["components"]["schemas"])


def test_a_problem_is_told_as_what_it_is_sent_as(document):
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert document["paths"]["/ask"]["post"]["responses"]["4XX"]["content"] == problem
    assert "422" not in document["paths"]["/v1/chat/completions"]["post"]["responses"]


def test_what_work_brings_is_typed_by_its_kinds(document):
    schemas = document["components"]["schemas"]
    names = set(references(schemas["TaskOut"]["properties"]["result"]))
    assert names == {"AnswerOut", "FoundOut", "VectorsOut", "CaptionsOut", "IndexedOut"}
    brought = schemas["JobOut"]["properties"]["result"]
    assert brought["additionalProperties"] is False
    assert {"added", "vanished", "left_out", "pairs", "version"} <= set(brought["properties"])
    assert schemas["ExpertsOut"]["properties"]["layers"]["items"] == {"type": "integer"}
