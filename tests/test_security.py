"""docs/security.md names a test for each threat: each of them is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| (?P<threat>[^|]+) \| (?P<done>[^|]+) \| (?P<test>[^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"(test_\w+\.py)::(test_\w+)")


def rows() -> list[tuple[str, ...]]:
    text = (ROOT / "docs" / "security.md").read_text()
    found = [row.groups() for row in ROW.finditer(text.partition("## Threats")[2].partition("\n## ")[0])]
    return [row for row in found if row[0] != "threat"]


def names_in(file: str) -> set[str]:
    nodes = ast.walk(ast.parse((ROOT / "tests" / file).read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_names_a_test_that_exists():
    assert len(rows()) > 30
    missing = []
    for threat, _, test in rows():
        named = NAMED.fullmatch(test.strip())
        if named is None or named[2] not in names_in(named[1]):
            missing.append((threat, test))
    assert missing == []


def test_no_threat_is_named_without_what_is_done():
    assert [row for row in rows() if not row[1].strip()] == []
