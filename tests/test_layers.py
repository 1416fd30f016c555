"""Imports point downwards. `FLOORS` is the architecture, and docs/architecture.md prints it."""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
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
    ("deepseek_mm.storage_config", "deepseek_mm.addresses"),
    (
        "deepseek_mm.errors",
        "deepseek_mm.balancer",
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


def name_at_the_end(node: ast.expr) -> str:
    """`self.assistant`, `means.assistant` and `assistant` are all "assistant"."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@dataclass(frozen=True, kw_only=True)
class ModuleFacts:
    """What is asked of a module's text. It is parsed once: four parses of all took half a minute beside other tests."""

    imports: frozenset[str]  # named in import statements
    strings: frozenset[str]
    past_services: frozenset[str]  # parts of an Assistant, and acting functions, that it names itself


def facts_of(text: str) -> ModuleFacts:
    imports, strings, past = set[str](), set[str](), set[str]()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                imports |= {each.name for each in names}
            case ast.ImportFrom(module=str() as module, names=names):
                imports |= {module, *(f"{module}.{each.name}" for each in names)}
                past |= {f"{module}.{each.name}" for each in names if each.name in ACTS}
            case ast.Attribute(value=value, attr=part) if part in PARTS and name_at_the_end(value) in ASSISTANTS:
                past.add(f"{name_at_the_end(value)}.{part}")
            case ast.Constant(value=str() as string):
                strings.add(string)
    return ModuleFacts(imports=frozenset(imports), strings=frozenset(strings), past_services=frozenset(past))


@cache
def facts() -> dict[str, ModuleFacts]:
    """Every module of ours -> what is asked of it; made when the first test asks, not by all that collect tests."""
    return {module: facts_of(text) for module, text in texts().items()}


@cache
def edges() -> list[tuple[str, str]]:
    """Who imports whom."""
    return sorted((here, there) for here, known in facts().items() for there in known.imports)


def test_every_module_has_a_floor():
    assert [m for m in facts() if unit_of(m) is None and m not in HALLWAYS] == []


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
    namers = {module for module, known in facts().items() if any(map(dotted.fullmatch, known.strings))}
    assert {m for m in namers if unit_of(m) != "laboratory"} == set()
    assert list(filter(dotted.fullmatch, facts_of('load("deepseek_mm.training.align")').strings)) == [
        "deepseek_mm.training.align"
    ]


def test_the_front_door_is_for_guests():
    """ui uses the public names only; everyone indoors imports from where a thing is defined."""
    public = {f"{FACADE}.{name}" for name in __import__("deepseek_mm").__all__}
    assert [(h, t) for h, t in edges() if inside(h, "ui") and t.startswith("deepseek_mm.") and t not in public] == []
    assert [(h, t) for h, t in edges() if h.startswith("deepseek_mm.") and t == FACADE] == []


def test_strangers_reach_what_acts_through_services_alone():
    """A service cannot be called without a caller, and checks what the caller may do."""
    modules = {m: known for m, known in facts().items() if any(inside(m, edge) for edge in EDGES_OF_THE_HOUSE)}
    assert len(modules) > 50
    assert {(module, name) for module, known in modules.items() for name in known.past_services} == JOINS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("self.assistant.library.add([path])", "assistant.library"),
        ("means.assistant.history", "assistant.history"),
        ("from deepseek_mm import keep_dropped", "deepseek_mm.keep_dropped"),
    ],
)
def test_a_way_past_the_services_is_seen(text, name):
    assert facts_of(text).past_services == {name}
    assert facts_of("self.services.library.add(caller, [path]); self.assistant.store").past_services == set()


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
