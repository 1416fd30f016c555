"""A grounded answer in the shape that the caller asks for: every field is filled from what the answer says and cites.

A field is filled by its name where it is one of ours (answer, found, confidence), else by its type: a truth value by
yes or no, a number by the first one of the answer, an enumeration by the choice that the answer names, a list by the
files that are cited. No model guesses: what the answer does not say is null where the schema allows it, or the request
is refused with the field's name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.language.words import NUMBERS, lead
from deepseek_mm.types import Answer

DEEPEST = 8  # levels of objects and lists
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?(?!\w)")
CITED = re.compile(r"\s*\[\d{1,4}\]")
TEXTS = frozenset(["answer", "text", "content", "message", "reply", "summary"])
Schema = Mapping[str, Any]


def fill_schema(schema: Schema, answer: Answer, cited: Sequence[Mapping[str, Any]]) -> Any:
    """The value that fits the schema; `cited` are the citations as they are shown. UnsupportedRequest names the first
    field that the answer does not fill.
    """
    try:
        return _fill(schema, "answer", Filling(answer, cited, schema), 0)
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        if isinstance(error, UnsupportedRequest):
            raise
        raise _refuse_field("answer", f"has a schema that is none ({type(error).__name__})") from error


class Filling:
    """What fields are filled from."""

    def __init__(self, answer: Answer, cited: Sequence[Mapping[str, Any]], root: Schema) -> None:
        self.answer, self.cited, self.root = answer, cited, root
        self.text = CITED.sub("", answer.text).strip()

    def find_number(self) -> float | None:
        """The first number that the answer says, in digits or as a word."""
        if found := NUMBER.search(self.text):
            return float(found[0].replace(",", "."))
        words = (NUMBERS.get(word) for word in re.findall(r"[a-z]+", self.text.lower()))
        return next((float(word) for word in words if word is not None), None)

    def decide(self) -> bool:
        """Yes or no; of another answer whether the library had it."""
        said = lead(self.text)
        return said == "yes" if said else bool(self.answer.found)

    def choose(self, options: Sequence[Any]) -> Any | None:
        """The option that the answer names first, the longest of those that begin there; None where it names none."""
        said = [(match.start(), -len(str(option)), option) for option in options if (match := self._name(option))]
        return min(said, key=lambda each: each[:2])[2] if said else None

    def _name(self, option: Any) -> re.Match[str] | None:
        return re.search(rf"(?<!\w){re.escape(str(option))}(?!\w)", self.text, re.IGNORECASE)


def _fill(schema: Schema, name: str, filling: Filling, depth: int) -> Any:
    """The value of one field."""
    if depth > DEEPEST:
        raise _refuse_field(name, f"lies deeper than {DEEPEST} levels")
    if "$ref" in schema:
        return _fill(_resolve(str(schema["$ref"]), filling.root, name), name, filling, depth + 1)
    if ways := schema.get("anyOf") or schema.get("oneOf"):
        return _fill_one_of(ways, name, filling, depth)
    if "const" in schema:
        return schema["const"]
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    value = _value_of(schema, [kind for kind in kinds if kind != "null"][:1], name, filling, depth)
    if value is None and "null" not in kinds:
        raise _refuse_field(name, f"is no {' or '.join(map(str, kinds))} that the answer says: {filling.text[:120]!r}")
    return value


def _fill_one_of(ways: Sequence[Schema], name: str, filling: Filling, depth: int) -> Any:
    """By the first way that can be filled; null comes last."""
    last: UnsupportedRequest | None = None
    for way in sorted(ways, key=lambda each: each.get("type") == "null"):
        if way.get("type") == "null":
            return None
        try:
            return _fill(way, name, filling, depth + 1)
        except UnsupportedRequest as error:
            last = error
    raise last or _refuse_field(name, "has no shape")


def _value_of(schema: Schema, kinds: Sequence[str], name: str, filling: Filling, depth: int) -> Any:
    kind = kinds[0] if kinds else "null"
    if "enum" in schema:
        return filling.choose(schema["enum"])
    if kind == "object":
        fields = schema.get("properties", {})
        return {field: _fill(of, field, filling, depth + 1) for field, of in fields.items()}
    if kind == "array":
        return _list_of(schema.get("items", {}), filling)
    if kind == "boolean":
        return bool(filling.answer.found) if name == "found" else filling.decide()
    if kind in ("number", "integer"):
        return _number_of(kind, name, filling)
    if kind == "string":
        text = filling.text if name in TEXTS or filling.answer.found else None
        return text[: schema["maxLength"]] if text and "maxLength" in schema else text
    return None


def _number_of(kind: str, name: str, filling: Filling) -> float | int | None:
    sure = filling.answer.confidence
    number = sure if name in ("confidence", "probability", "chance") else filling.find_number()
    if number is None or (kind == "integer" and number != int(number)):
        return None
    return int(number) if kind == "integer" else round(float(number), 4)


def _list_of(items: Schema, filling: Filling) -> list[Any]:
    """What is cited, each file or region once: objects with the fields of a citation, or names of files."""
    fields = items.get("properties")
    if not fields:
        return list(dict.fromkeys(each["source"] for each in filling.cited))
    return [{field: each.get(field) for field in fields} for each in filling.cited]


def _resolve(ref: str, root: Schema, name: str) -> Schema:
    """The schema of a reference into the same document."""
    found: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    if not ref.startswith("#/") or not isinstance(found, Mapping):
        raise _refuse_field(name, f"refers to {ref[:80]!r}, which is not in the schema")
    return found


def _refuse_field(name: str, why: str) -> UnsupportedRequest:
    return UnsupportedRequest(
        f"the field {name[:80]!r} {why}. Allow null for it, ask for one thing at a time, or take"
        ' {"type": "json_object"}, which gives answer, citations, found and confidence',
        param="response_format",
    )
