"""Which modules may decode what a stranger wrote: those that run in worker processes, and no other of the product."""

import ast
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class ModuleFacts:
    """What is asked of a module: whatever it imports, by its whole name, and whether it calls `open` of Pillow's."""

    imports: frozenset[str]
    opens_pictures: bool


def facts_of(text: str) -> ModuleFacts:
    """The tree is let go of: searches for garbage among those of all modules take longer than to parse them."""
    imports, opens = set[str](), False
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                imports |= {each.name for each in names}
            case ast.ImportFrom(module=str() as module, names=names):
                imports |= {module, *(f"{module}.{each.name}" for each in names)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id="Image" | "PILImage"), attr="open")):
                opens = True
    return ModuleFacts(imports=frozenset(imports), opens_pictures=opens)


PATHS = [ROOT / "app.py", *(path for top in ("deepseek_mm", "ui", "index") for path in (ROOT / top).rglob("*.py"))]


@pytest.fixture(scope="module")
def product() -> dict[str, ModuleFacts]:
    """Every module of the product."""
    paths = {module_of(path): path for path in PATHS}
    return {module: facts_of(path.read_text()) for module, path in paths.items() if not within(module, LABORATORY)}


def test_only_what_runs_in_workers_imports_decoders(product):
    outside = {module: known.imports for module, known in product.items() if not within(module, INSIDE)}
    assert [(module, name) for module, names in outside.items() for name in names if within(name, DECODERS)] == []


def test_nobody_outside_calls_what_runs_in_workers(product):
    outside = {module: known.imports for module, known in product.items() if not within(module, INSIDE)}
    assert [(module, name) for module, names in outside.items() for name in names if within(name, INSIDE)] == []


def test_pictures_are_opened_nowhere_but_in_workers(product):
    allowed = (*OWN_PICTURES, f"{PARSE}.picture_texts")
    assert [module for module, known in product.items() if known.opens_pictures and module not in allowed] == []


def test_archives_are_opened_by_few_and_for_a_reason(product):
    found = {module for module, known in product.items() if within("zipfile", tuple(known.imports))}
    assert found == set(ZIPS)


@pytest.mark.parametrize("unit", INSIDE)
def test_every_unit_that_is_named_here_exists(product, unit):
    assert any(within(module, (unit,)) for module in product)
