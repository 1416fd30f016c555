"""A schema is filled with what an answer says and cites; what it does not say is null, or refused by name."""

import jsonschema
import pytest

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.filled_schemas import fill_schema
from deepseek_mm.types import Answer

YES = Answer(text="Yes, two photos show a red kite [1][2].", found=True, confidence=0.91)
NONE = Answer(text="I found no photo for kite.", found=False, confidence=0.8)
CITED = [
    {"source": "kite.jpg", "page": 0, "label": "kite", "number": 1},
    {"source": "beach.jpg", "page": 0, "label": "kite", "number": 2},
    {"source": "kite.jpg", "page": 0, "label": "kite", "number": 3},
]
NULLABLE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
FILLED = [
    ({"type": "boolean"}, YES, True),
    ({"type": "boolean"}, NONE, False),
    ({"type": "integer"}, YES, 2),
    ({"type": "number"}, Answer(text="It costs 3,50 euro [1].", found=True), 3.5),
    ({"type": ["integer", "null"]}, NONE, None),
    (NULLABLE, NONE, None),
    (NULLABLE, YES, 2),
    ({"enum": ["green", "red", "red kite"]}, YES, "red kite"),
    ({"type": "string", "maxLength": 3}, YES, "Yes"),
    ({"type": "array", "items": {"type": "string"}}, YES, ["kite.jpg", "beach.jpg"]),
    ({"const": 7}, NONE, 7),
    ({"$ref": "#/$defs/thing", "$defs": {"thing": {"type": "boolean"}}}, YES, True),
    (
        {
            "type": "object",
            "properties": {
                "answer": {"type": "string"}, "found": {"type": "boolean"}, "confidence": {"type": "number"},
                "places": {"type": "array", "items": {"properties": {"source": {}, "label": {}}}},
            },
        },
        NONE,
        {"answer": "I found no photo for kite.", "found": False, "confidence": 0.8,
         "places": [{"source": each["source"], "label": "kite"} for each in CITED]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "answer", "value"), FILLED)
def test_a_field_is_filled_by_its_name_or_its_type(schema, answer, value):
    found = fill_schema(schema, answer, CITED)
    assert found == value
    jsonschema.validate(found, schema)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "properties": {"age": {"type": "integer"}}}, "'age' is no integer that the answer says"),
        ({"properties": {"colour": {"enum": ["green", "blue"]}}}, "'colour' is no string"),
        ({"properties": {"word": {"type": "string"}}}, "'word' is no string"),
        ({"$ref": "#/$defs/nowhere"}, "refers to '#/$defs/nowhere'"),
        ({"$ref": "https://example.org/schema.json"}, "which is not in the schema"),
        ({"$ref": "#/a", "a": {"$ref": "#/a"}}, "lies deeper than 8 levels"),
        ({"type": "object", "properties": [1]}, "a schema that is none"),
        ({"anyOf": 3}, "a schema that is none"),
        ({"type": {"x": 1}}, ""),
    ],
)
def test_what_the_answer_does_not_say_is_refused_with_the_fields_name(schema, said):
    with pytest.raises(UnsupportedRequest) as caught:
        fill_schema(schema, Answer(text="I cannot tell.", found=False, confidence=0.5), [])
    assert said in str(caught.value)
    assert caught.value.param == "response_format"
