"""Where a file of code belongs: the package around it, where its imports start, and the files that it needs."""

import ast
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.workers.client import read_letters
from index import Filter
from index.store import RegionStore

MOST_FILES, MOST_BYTES = 2_000, 12_000_000  # of a package that are copied
MOST_DEEP = 4  # folders between a file and where imports start
MOST_OWNERS = 8  # classes that define a method
COPIED = frozenset([".py", ".json", ".toml", ".yaml", ".yml", ".txt", ".csv", ".ini", ".cfg", ".html", ".xml"])
MOST_CALLERS = 40  # of a class, whose calls are read
INIT = "__init__.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePackage:
    """The files that a function needs of its own project."""

    module: str  # as it is imported: "shop.money"
    root: PurePosixPath | None  # the folder that imports start from; None where the program's Python has it
    files: dict[str, str] = field(default_factory=dict)  # path from there on -> text; read only for a run


def read_text(path: str) -> str:
    """A file as it is now. BadFile or NothingThere."""
    return read_letters(open_file(path, ParseConfig()), ParseConfig())


def package_of(path: str, source: str, store: RegionStore) -> CodePackage:
    """Where a file belongs."""
    file, installed = PurePosixPath(path), PurePosixPath(sysconfig.get_paths()["purelib"])
    if file.is_relative_to(installed):
        return CodePackage(module=module_of(file, installed), root=None)
    root = root_of(file, source, store)
    return CodePackage(module=module_of(file, root), root=root)


def files_of(package: CodePackage, path: str, source: str, store: RegionStore) -> dict[str, str]:
    """The file with its package, texts that it may read too, as far as the library knows it; large ones incomplete."""
    file, root = PurePosixPath(path), package.root
    if root is None:
        return {}
    top = root / file.relative_to(root).parts[0] if file.parent != root else root
    files, size = {str(file.relative_to(root)): source}, len(source)
    where = Filter(folder=str(top), source_kinds=("code", "document"))
    for other in store.sources(where, order="name", limit=MOST_FILES):
        name = PurePosixPath(other.path)
        if other.path == path or "!/" in other.path or name.suffix not in COPIED or (top == root != name.parent):
            continue
        try:
            text = read_text(other.path)
        except (BadFile, NothingThere, OSError):
            continue
        size += len(text)
        if size <= MOST_BYTES:
            files[str(PurePosixPath(other.path).relative_to(root))] = text
    return files


def module_of(file: PurePosixPath, root: PurePosixPath) -> str:
    """What it is imported as."""
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def root_of(file: PurePosixPath, source: str, store: RegionStore) -> PurePosixPath:
    """The folder that imports start from: above the packages around a file, else above the folder that it imports from
    or that others import it by, else the file's own.
    """
    folder = file.parent
    while len(folder.parts) > 1 and Path(folder / INIT).is_file():
        folder = folder.parent
    if folder != file.parent:
        return folder
    named = {name.partition(".")[0] for node in ast.walk(ast.parse(source)) for name in imported_modules(node)}
    for parent in file.parents[:MOST_DEEP]:
        words = " ".join(file.relative_to(parent.parent).with_suffix("").parts)
        by_others = store.count_phrase(f"from {words} import") + store.count_phrase(f"import {words}")
        if parent.name in named or by_others:
            return parent.parent
    return folder


def imported_modules(node: ast.AST) -> list[str]:
    """Modules that a statement imports by their whole names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def open_definitions(package: CodePackage, path: str, source: str, store: RegionStore) -> Definitions:
    """What names mean in a file; modules that it imports are read where the library knows them. SyntaxError."""
    installed = PurePosixPath(sysconfig.get_paths()["purelib"])
    root = package.root if package.root is not None else installed

    def find(module: str) -> tuple[str, bool] | None:
        base = root.joinpath(*module.split("."))
        for file, is_package in ((base.with_name(f"{base.name}.py"), False), (base / INIT, True)):
            if module and store.source_at(str(file)) is not None:
                try:
                    return read_text(str(file)), is_package
                except (BadFile, NothingThere, OSError):
                    return None
        return None

    def find_owners(method: str) -> list[tuple[str, str]]:
        found = list[tuple[str, str]]()
        for region in store.symbols(method):
            file = PurePosixPath(region.source.path)
            holder = region.symbol.parent if region.symbol else ""
            if holder and "." not in holder and file.is_relative_to(root) and file.suffix == ".py":
                found.append((module_of(file, root), holder))
        return found[:MOST_OWNERS]

    def find_callers(name: str) -> list[str]:
        return [region.text for region in store.callers(name, where=CODE)[:MOST_CALLERS]]

    is_package = PurePosixPath(path).name == INIT
    return Definitions(source, package.module, find, find_owners, find_callers, is_package=is_package)
