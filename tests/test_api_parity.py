"""What the page can do, the API can: docs/api.md says how, and this file keeps it true.

The page's acts are read from its code: whatever it calls of the house, and every public function that it imports. A new
call without a row, a row whose route or command is gone, and a route that no row names all fail.
"""

import ast
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_origin, get_type_hints

import pytest
from rag_house import build

import deepseek_mm
from deepseek_mm.__main__ import list_commands
from deepseek_mm.api.app import build_api
from deepseek_mm.assistant import Assistant
from deepseek_mm.cli.history import WORDS as HISTORY
from deepseek_mm.cli.library import WORDS as LIBRARY
from deepseek_mm.services import Services
from deepseek_mm.settings_file import SettingsFile
from index.store import RegionStore

ROOT = Path(__file__).parent.parent
HOUSE = {  # by what the page calls them; what acts is a service
    "assistant": Assistant,
    "store": RegionStore,
    **{field.name: get_type_hints(Services)[field.name] for field in fields(Services)},
}
ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`")
OURS = (
    "/ask",
    "/search",
    "/library",
    "/history",
    "/feedback",
    "/settings",
    "/models",
    "/about",
    "/accounts",
)  # as the page does


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    act: str
    routes: frozenset[tuple[str, str]]
    commands: tuple[str, ...]
    calls: frozenset[str]


def rows() -> list[Row]:
    lines = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [
        Row(act, frozenset(ROUTE.findall(http)), tuple(re.findall(r"`([^`]+)`", cli)), frozenset(quoted(calls)))
        for act, http, cli, calls in cells[1:]
    ]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def called(tree: ast.AST) -> set[str]:
    """What a file of the page calls of the house, as "library.add", and the functions that it imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            name = getattr(owner, "attr", getattr(owner, "id", ""))
            if name in HOUSE and callable(getattr(HOUSE[name], node.attr, None)):
                found.add(f"{name}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module == "deepseek_mm":
            found |= {alias.name for alias in node.names if not is_noun(getattr(deepseek_mm, alias.name))}
    return found


def is_noun(value: object) -> bool:
    return isinstance(value, type) or get_origin(value) is Literal


def page_calls() -> set[str]:
    return {
        call for path in (ROOT / "ui").rglob("*.py") for call in called(ast.parse(path.read_text(encoding="utf-8")))
    }


@pytest.fixture(scope="module")
def openapi(tmp_path_factory) -> dict:
    with build(tmp_path_factory.mktemp("parity") / "library") as assistant:
        return build_api(assistant, SettingsFile.of(assistant.config)).app.openapi()


@pytest.fixture
def routes(openapi) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, each in openapi["paths"].items() for method in each}


def schema_of(openapi: dict, route: str, status: str) -> dict:
    """What a route answers with, as the OpenAPI describes it."""
    method, path = route.split()
    responses = openapi["paths"][path][method.lower()]["responses"]
    contents = responses[status if status in responses else f"{status[0]}XX"]["content"]
    (schema,) = (content["schema"] for kind, content in contents.items() if "json" in kind)
    return schema


def unknown_fields(openapi: dict, value: object, schema: dict) -> list[str]:
    """Names in a value that its schema has not, at any depth."""
    schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, list):
        return [name for each in value for name in unknown_fields(openapi, each, schema.get("items", {}))]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    deeper = [name for key in value if key in known for name in unknown_fields(openapi, value[key], known[key])]
    return [key for key in value if key not in known] + deeper


def test_whatever_the_page_calls_stands_in_the_table():
    assert page_calls() - {call for row in rows() for call in row.calls} == set()


def test_the_table_names_no_call_that_the_page_does_not_make():
    assert {call for row in rows() for call in row.calls} - page_calls() == set()


def test_every_route_of_the_table_is_one_of_the_api(routes):
    assert [row.act for row in rows() if not row.routes] == []
    assert {route for row in rows() for route in row.routes} - routes == set()


def test_every_route_that_does_what_the_page_does_stands_in_the_table(routes):
    mine = {(method, path) for method, path in routes if path.startswith(OURS)}
    assert mine - {route for row in rows() for route in row.routes} == set()


def test_every_command_of_the_table_can_be_typed():
    words = {command.name for command in list_commands()}
    words |= {f"library {word}" for word in LIBRARY} | {f"history {word}" for word in HISTORY}
    assert {command for row in rows() for command in row.commands} - words == set()
    assert {f"library {word}" for word in LIBRARY} - {command for row in rows() for command in row.commands} == set()


def test_the_examples_with_curl_go_to_routes_that_exist(routes):
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    paths = {re.sub(r"/\d+", "/*", path) for path in re.findall(r"\$H(/[\w/-]+)", text)}
    assert len(paths) > 10
    assert paths - {re.sub(r"\{\w+\}", "*", path) for _, path in routes} == set()


def test_the_examples_of_answers_have_the_fields_that_their_routes_answer_with(openapi):
    examples = re.findall(
        r"^```json (\w+ \S+)\n(.+?)^```$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.M | re.S
    )
    assert len(examples) == 3
    for route, text in examples:
        value = json.loads(text)
        schema = schema_of(openapi, route, str(value.get("status", 200)))
        assert unknown_fields(openapi, value, schema) == [], route
        assert unknown_fields(openapi, value | {"nothing": 1}, schema) == ["nothing"]


def test_the_readers_of_the_pages_code_see_calls_by_any_way():
    source = "from deepseek_mm import rules_of\nself.services.library.add(x)\nhistory().export(1)\nmodels.list_models()"
    assert called(ast.parse(source)) == {"rules_of", "library.add", "history.export", "models.list_models"}
