"""Imports point downwards. `FLOORS` is the architecture, and docs/architecture.md prints it."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from printed_tables import check_table, floors_table, path_of, with_table

ROOT = Path(__file__).parent.parent

# Highest floor first. A unit may import any lower floor; units that share a floor are strangers.
FLOORS = (
    ("app", "deepseek_mm.__main__"),
    ("deepseek_mm.cli", "laboratory"),
    ("ui", "deepseek_mm.api", "deepseek_mm.terminal"),
    ("deepseek_mm.services", "deepseek_mm.factory"),
    ("deepseek_mm.assistant",),
    ("deepseek_mm.library", "deepseek_mm.models", "deepseek_mm.shapes"),
    ("deepseek_mm.learning",),
    ("deepseek_mm.answering", "deepseek_mm.ingest"),
    ("deepseek_mm.retrieval", "deepseek_mm.runtime", "deepseek_mm.sharing", "deepseek_mm.imports"),
    ("deepseek_mm.vision",),
    (
        "deepseek_mm.code_graph",
        "deepseek_mm.embeddings",
        "deepseek_mm.lm",
        "deepseek_mm.logic",
        "deepseek_mm.history",
        "deepseek_mm.settings_file",
    ),
    ("deepseek_mm.language",),
    ("deepseek_mm.types", "deepseek_mm.parse", "deepseek_mm.read_only", "deepseek_mm.accounts"),
    (
        "index",
        "deepseek_mm.hub",
        "deepseek_mm.jobs",
        "deepseek_mm.sandbox",
        "deepseek_mm.settings",
        "deepseek_mm.database_places",
        "deepseek_mm.start_notices",
    ),
    ("deepseek_mm.config", "deepseek_mm.storage", "deepseek_mm.batcher"),
    (
        "deepseek_mm.errors",
        "deepseek_mm.addresses",
        "deepseek_mm.bundled_files",
        "deepseek_mm.chance",
        "deepseek_mm.dates",
        "deepseek_mm.deltas",
        "deepseek_mm.machine",
        "deepseek_mm.stage_clock",
        "deepseek_mm.threads",
    ),
)
HEIGHT = {unit: height for height, floor in enumerate(reversed(FLOORS)) for unit in floor}
FACADE = "deepseek_mm"  # its __init__ re-exports the public names
LABORATORY = (  # one unit: its packages may import each other and the product, never the command line
    "deepseek_mm.benchmarks",
    "deepseek_mm.evaluation",
    "deepseek_mm.experiments",
    "deepseek_mm.training",
)
EXPERIMENTS = "deepseek_mm.experiments"  # which nothing imports at all
HALLWAYS = (FACADE,)  # packages whose files live on different floors: their __init__ has no floor


EDGES_OF_THE_HOUSE = ("deepseek_mm.api", "ui")  # what strangers reach: it acts through services alone
ASSISTANTS = ("assistant", "_assistant", "house")  # what an Assistant is called there
PARTS = ("library", "history", "learning")  # of it, that check no caller
ACTS = {
    "keep_dropped",
    "keep_rules",
    "new_backup",
    "models_at",
    "open_sandbox",
    "SettingsFile",
}  # functions that check none either
JOINS = {  # of the module that joins the parts
    ("deepseek_mm.api.app", "assistant.library"),  # whose table of jobs holds the callers' own tasks as well
    ("deepseek_mm.api.app", "deepseek_mm.settings_file.SettingsFile"),
}


def inside(module: str, unit: str) -> bool:
    return module == unit or module.startswith(unit + ".")


def unit_of(module: str) -> str | None:
    if any(inside(module, package) for package in LABORATORY):
        return "laboratory"
    return max((unit for unit in HEIGHT if inside(module, unit)), key=len, default=None)


def texts() -> dict[str, str]:
    """Every module of ours -> its text."""
    paths = [ROOT / "app.py", *(p for top in ("deepseek_mm", "ui", "index") for p in (ROOT / top).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: path.read_text() for name, path in zip(names, paths, strict=True)}


TEXTS = texts()


def strings_in(text: str) -> list[str]:
    nodes = ast.walk(ast.parse(text))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@cache
def imports() -> dict[str, set[str]]:
    """Every module of ours -> the modules it names in import statements."""
    found = {}
    for module, text in TEXTS.items():
        nodes = list(ast.walk(ast.parse(text)))
        found[module] = {
            name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
        found[module] |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found


@cache
def edges() -> list[tuple[str, str]]:
    """Who imports whom; made when the first test asks, not by every process that collects tests."""
    return sorted((here, there) for here, targets in imports().items() for there in targets)


def test_every_module_has_a_floor():
    assert [m for m in imports() if unit_of(m) is None and m not in HALLWAYS] == []


def packages_on(floor: tuple[str, ...]) -> list[str]:
    """Modules and packages; the laboratory is several."""
    return [package for unit in floor for package in (LABORATORY if unit == "laboratory" else (unit,))]


def test_the_page_of_the_architecture_prints_these_floors():
    check_table(ROOT / "docs" / "architecture.md", floors_table([packages_on(floor) for floor in FLOORS]))


def test_a_table_takes_the_place_of_the_one_with_its_heading_and_of_nothing_else():
    page = "a\n\n| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n| z |\n"
    assert with_table(page, "| x | y |\n|---|---|\n| 5 | 6 |") == "a\n\n| x | y |\n|---|---|\n| 5 | 6 |\n\n| z |\n"
    with pytest.raises(ValueError, match="no table is headed"):
        with_table(page, "| w |\n|---|\n")


def test_every_floor_holds_what_is_there():
    assert [unit for floor in FLOORS for unit in packages_on(floor) if not (ROOT / path_of(unit)).exists()] == []


def test_imports_point_downwards():
    assert [
        f"{here} must not import {there}"
        for here, there in edges()
        if (a := unit_of(here)) and (b := unit_of(there)) and a != b and HEIGHT[b] >= HEIGHT[a]
    ] == []


def test_only_the_start_of_the_command_line_knows_the_laboratory():
    users = {here for here, there in edges() if unit_of(there) == "laboratory" and unit_of(here) != "laboratory"}
    assert users == {"deepseek_mm.__main__"}


def test_no_text_of_the_product_names_a_module_of_the_laboratory():
    """So nothing is imported from it by its name either."""
    dotted = re.compile(rf"({'|'.join(map(re.escape, LABORATORY))})(\.\w+)+")
    namers = {module for module, text in TEXTS.items() if any(map(dotted.fullmatch, strings_in(text)))}
    assert {m for m in namers if unit_of(m) != "laboratory"} == set()
    assert list(filter(dotted.fullmatch, strings_in('load("deepseek_mm.training.align")'))) == [
        "deepseek_mm.training.align"
    ]


def test_the_front_door_is_for_guests():
    """ui uses the public names only; everyone indoors imports from where a thing is defined."""
    public = {f"{FACADE}.{name}" for name in __import__("deepseek_mm").__all__}
    assert [(h, t) for h, t in edges() if inside(h, "ui") and t.startswith("deepseek_mm.") and t not in public] == []
    assert [(h, t) for h, t in edges() if h.startswith("deepseek_mm.") and t == FACADE] == []


def name_at_the_end(node: ast.expr) -> str:
    """`self.assistant`, `means.assistant` and `assistant` are all "assistant"."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def reached_past_the_services(text: str) -> set[str]:
    """Parts of an Assistant, and acting functions, that the text of a module names itself."""
    nodes = list(ast.walk(ast.parse(text)))
    ends = [(name_at_the_end(node.value), node.attr) for node in nodes if isinstance(node, ast.Attribute)]
    names = [(node.module, each.name) for node in nodes if isinstance(node, ast.ImportFrom) for each in node.names]
    parts = {f"{of}.{part}" for of, part in ends if of in ASSISTANTS and part in PARTS}
    return parts | {f"{module}.{name}" for module, name in names if name in ACTS}


def test_strangers_reach_what_acts_through_services_alone():
    """A service cannot be called without a caller, and checks what the caller may do."""
    folders = [ROOT / Path(*edge.split(".")) for edge in EDGES_OF_THE_HOUSE]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(paths) > 50
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text() for path in paths}
    found = {(module, name) for module, text in modules.items() for name in reached_past_the_services(text)}
    assert found == JOINS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("self.assistant.library.add([path])", "assistant.library"),
        ("means.assistant.history", "assistant.history"),
        ("from deepseek_mm import keep_dropped", "deepseek_mm.keep_dropped"),
    ],
)
def test_a_way_past_the_services_is_seen(text, name):
    assert reached_past_the_services(text) == {name}
    assert reached_past_the_services("self.services.library.add(caller, [path]); self.assistant.store") == set()


def test_nothing_imports_an_experiment():
    assert [(h, t) for h, t in edges() if inside(t, EXPERIMENTS) and not inside(h, EXPERIMENTS)] == []


def test_the_index_knows_storage_and_nothing_else_of_ours():
    """No model, no setting: regions and vectors only."""
    known = ("deepseek_mm.storage", "index")
    ours = [(h, t) for h, t in edges() if inside(h, "index") and t.split(".")[0] in ("torch", "deepseek_mm", "ui")]
    assert [(h, t) for h, t in ours if not any(inside(t, unit) for unit in known) and t != FACADE] == []


@pytest.mark.parametrize(
    "module",
    [
        "deepseek_mm",
        "deepseek_mm.config",
        "deepseek_mm.types",
        "deepseek_mm.accounts.permissions",
        "deepseek_mm.storage.database",
        "index",
        "index.store",
    ],
)
def test_importing_the_ground_floors_does_not_load_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
