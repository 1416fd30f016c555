"""Requests to every route about one person's things, made from the routes' own schemas: a new route has them by itself.

Where a route takes a thing by one of the NAMES it is given that of the one who owns it; what else it needs comes from
the examples that its schema has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from people_house import SECRET, Things

Json = dict[str, Any]
NAMES: Mapping[str, str] = {  # of a parameter or a field -> what it is, as `Things` calls it; the second form is a list
    **dict.fromkeys(("source", "of", "cover", "sources", "first"), "source"),
    **dict.fromkeys(("person", "other"), "person"),
    **dict.fromkeys(("turn", "after"), "turn"),
    **dict.fromkeys(("path", "paths", "links"), "path"),
    **dict.fromkeys(("collection", "name", "new_name"), "collection"),
    **{each: each for each in ("album", "conversation", "job", "saved", "folder")},
    "task_id": "task",
}
WORDS = ("text", "question", "texts", "input", "prompt", "q", "query", "prefix")  # what is asked for
VIEWS = (f'album:"{SECRET} album"', f'person:"{SECRET} person"', f'collection:"{SECRET} collection"', SECRET)


@dataclass(frozen=True, kw_only=True)
class RouteCase:
    """One request."""

    method: str
    path: str
    about: str  # which of the things it names
    query: Json = field(default_factory=dict)
    body: Json | None = None
    form: Json | None = None

    @property
    def name(self) -> str:
        """For a message."""
        return f"{self.method} {self.path} {self.about} {self.query} {self.body or self.form or ''}"


def list_cases(document: Json, things: Things) -> Iterator[RouteCase]:
    """Every route once with each thing that it can be asked about, and once with all of them."""
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            yield from cases_of(path, method.upper(), route, things, document)


def cases_of(path: str, method: str, route: Json, things: Things, document: Json) -> Iterator[RouteCase]:
    """Those of one route."""
    parameters = route.get("parameters", ())
    kind, schema = _body_schema(route, document)
    fields = schema.get("properties", {})
    places = {each["name"]: each["schema"] for each in parameters if each["in"] == "path"}
    queries = {each["name"]: each for each in parameters if each["in"] == "query"}
    known = [name for name in (*queries, *fields) if name in NAMES or name in (*WORDS, "view", "where", "filters")]
    address = path
    for name, own in places.items():
        address = address.replace(f"{{{name}}}", str(_value(name, own, things, document)))
    for chosen in [*([each] for each in known), known] if known else [[]]:
        query = {
            name: _value(name, each["schema"], things, document)
            for name, each in queries.items()
            if name in chosen or each.get("required")
        }
        body = {
            name: _value(name, own, things, document) if name in chosen else _example(own, document)
            for name, own in fields.items()
            if name in chosen or name in schema.get("required", ())
        }
        case = RouteCase(method=method, path=address, about="+".join([*places, *chosen]) or "nothing", query=query)
        for view in VIEWS if "view" in chosen else ("",):
            shown = {**query, "view": view} if view else query
            sent = {"form": body} if kind.startswith("multipart") else {"body": body}
            yield RouteCase(method=case.method, path=case.path, about=case.about, query=shown, **(sent if kind else {}))


def _body_schema(route: Json, document: Json) -> tuple[str, Json]:
    content = route.get("requestBody", {}).get("content", {})
    for kind, each in content.items():
        return kind, _resolve(each["schema"], document)
    return "", {}


def _resolve(schema: Json, document: Json) -> Json:
    """The schema itself, of a choice of several the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif options := schema.get("anyOf") or schema.get("oneOf"):
            schema = next(each for each in options if each.get("type") != "null")
        else:
            return schema


def _value(name: str, schema: Json, things: Things, document: Json) -> Any:
    """What a parameter or field of this name is given."""
    own = _resolve(schema, document)
    if name in ("where", "filters"):
        return {"collection": things.collection} if "collection" in str(own) else {}
    if name in NAMES and (NAMES[name] != "path" or name != "links"):
        value = getattr(things, NAMES[name])
    elif name in WORDS:
        value = things.word
    else:
        return _example(schema, document)
    return [value] if own.get("type") == "array" else value


def _example(schema: Json, document: Json) -> Any:
    """Something that the schema allows."""
    own = _resolve(schema, document)
    for place in (schema, own):
        if place.get("examples"):
            return place["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "enum" in own:
        return own["enum"][0]
    if own.get("type") == "object":
        return {name: _example(each, document) for name, each in own.get("properties", {}).items()
                if name in own.get("required", ())}  # fmt: skip
    return {"array": [], "integer": 1, "number": 1.0, "boolean": False}.get(own.get("type", ""), "x")
