"""Which modules may decode what a stranger wrote: those that run in worker processes, and no other of the product."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DECODERS = (
    "pypdfium2", "docx", "lxml", "selectolax", "striprtf", "openpyxl", "tree_sitter", "charset_normalizer",
    "pillow_heif", "av", "rawpy", "PIL.ImageFile", "PIL.ImageCms", "PIL.PngImagePlugin", "PIL.JpegImagePlugin",
    "PIL.TiffImagePlugin", "PIL.GifImagePlugin", "PIL.BmpImagePlugin", "PIL.WebPImagePlugin",
    "PIL.AvifImagePlugin",
)  # fmt: skip
PARSE = "deepseek_mm.parse"
READERS = (
    "picture", "picture_texts", "pdf", "page_tables", "markup", "zip_parts", "office", "spreadsheet", "epub", "mail",
    "text", "word", "code", "video", "raw", "xmp.packet", "xmp.editor", "workers.loop",
)  # fmt: skip
INSIDE = tuple(f"{PARSE}.{name}" for name in READERS)
LABORATORY = tuple(f"deepseek_mm.{name}" for name in ("benchmarks", "training", "evaluation", "experiments"))
OWN_PICTURES = (
    "deepseek_mm.runtime.towers.parts",
    "deepseek_mm.training.int8_space",
)  # those that come along
ZIPS = {  # who opens archives as such, and what for
    "deepseek_mm.parse.archive": "unpacks one member, no more bytes than its entry says",
    "deepseek_mm.parse.document": "names the type of such a stream",
    "deepseek_mm.parse.spreadsheet": "in a worker",
    "deepseek_mm.parse.zip_parts": "in a worker",
    "deepseek_mm.parse.workers.wire": "in a worker",
    "deepseek_mm.library.backup": "backups of this program, checked by their manifest; tells whether a file is one",
    "deepseek_mm.sandbox.repository_tests": "writes one",
    "deepseek_mm.sandbox.pytest_program": "in the sandbox",
    "deepseek_mm.sharing.replay_bundle": "bundles of this program, without compression, checked before they are read",
    "deepseek_mm.sharing.zip_export": "writes one",
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def within(module: str, units: tuple[str, ...]) -> bool:
    return any(module == unit or module.startswith(f"{unit}.") for unit in units)


def names_in(tree: ast.AST) -> set[str]:
    """Whatever the module imports, by its whole name."""
    nodes = list(ast.walk(tree))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def opens_pictures(tree: ast.AST) -> bool:
    """Whether it calls `open` of Pillow's module."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [call.value for call in calls if isinstance(call, ast.Attribute) and call.attr == "open"]
    return any(isinstance(value, ast.Name) and value.id in ("Image", "PILImage") for value in found)


PATHS = [ROOT / "app.py", *(path for top in ("deepseek_mm", "ui", "index") for path in (ROOT / top).rglob("*.py"))]


@pytest.fixture(scope="module")
def product() -> dict[str, ast.AST]:
    """Every module of the product -> its tree."""
    paths = {module_of(path): path for path in PATHS}
    return {module: ast.parse(path.read_text()) for module, path in paths.items() if not within(module, LABORATORY)}


def test_only_what_runs_in_workers_imports_decoders(product):
    outside = {module: names_in(tree) for module, tree in product.items() if not within(module, INSIDE)}
    assert [(module, name) for module, names in outside.items() for name in names if within(name, DECODERS)] == []


def test_nobody_outside_calls_what_runs_in_workers(product):
    outside = {module: names_in(tree) for module, tree in product.items() if not within(module, INSIDE)}
    assert [(module, name) for module, names in outside.items() for name in names if within(name, INSIDE)] == []


def test_pictures_are_opened_nowhere_but_in_workers(product):
    allowed = (*OWN_PICTURES, f"{PARSE}.picture_texts")
    assert [module for module, tree in product.items() if opens_pictures(tree) and module not in allowed] == []


def test_archives_are_opened_by_few_and_for_a_reason(product):
    found = {module for module, tree in product.items() if within("zipfile", tuple(names_in(tree)))}
    assert found == set(ZIPS)


@pytest.mark.parametrize("unit", INSIDE)
def test_every_unit_that_is_named_here_exists(product, unit):
    assert any(within(module, (unit,)) for module in product)
