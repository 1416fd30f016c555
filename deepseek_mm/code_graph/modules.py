"""Which file an import means: names of modules by the packages that files lie in.

A folder with `__init__.py` is a package, and the folder above the topmost one is where imports begin. Where several
files have one name, as in a library with many projects, the one nearest to the importing file is meant.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

PACKAGE = "__init__"


class ModuleTable:
    """The modules among files. Files are numbered as given."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = list(paths)
        files = set(self.paths)
        self.names = [name_module(path, files) for path in self.paths]
        self._by_name: dict[str, list[int]] = {}
        for number, path in enumerate(self.paths):
            for name in {self.names[number], *alias_modules(path, self.names[number])}:
                self._by_name.setdefault(name, []).append(number)

    def is_package(self, number: int) -> bool:
        """Whether it is the `__init__` of a package."""
        return PurePosixPath(self.paths[number]).stem == PACKAGE

    def find(self, name: str, importer: int) -> int | None:
        """The file of an absolute name; None for what is not here."""
        found = self._by_name.get(name)
        if not found:
            return None
        if name.partition(".")[0] in sys.stdlib_module_names:
            found = [number for number in found if self._is_beside(number, name, importer)]
        here = self.paths[importer].split("/")
        primary = [number for number in found if self.names[number] == name] or found
        return max(
            primary, key=lambda number: (shared_parts(self.paths[number].split("/"), here), -number), default=None
        )

    def _is_beside(self, number: int, name: str, importer: int) -> bool:
        """Whether a file that has the name of one of Python's own modules lies where the importer would find it."""
        depth = name.count(".") + 1 + self.is_package(number)
        root = self.paths[number].split("/")[:-depth]
        return self.paths[importer].split("/")[: len(root)] == root

    def find_imported(self, imports: Iterable[tuple[str, str, int]], importer: int) -> Iterator[int]:
        """The files that a file imports: names of modules, what is taken from each or "", and dots before it."""
        for name, taken, level in imports:
            full = self.absolute(name, level, importer)
            inner = self.find(f"{full}.{taken}", importer) if taken else None
            target = self.find(full, importer) if inner is None else inner
            if target is not None and target != importer:
                yield target

    def absolute(self, name: str, level: int, importer: int) -> str:
        """The absolute name of a relative import."""
        if not level:
            return name
        parts = self.names[importer].split(".")
        kept = parts[: len(parts) - level + (1 if self.is_package(importer) else 0)]
        return ".".join([*kept, *([name] if name else [])])


def name_module(path: str, files: set[str]) -> str:
    """ "src/click/core.py" -> "click.core", if src/click has an `__init__.py` and src has none."""
    file = PurePosixPath(path)
    parts = [] if file.stem == PACKAGE else [file.stem]
    folder = file.parent
    while folder.name and str(folder / f"{PACKAGE}.py") in files:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or file.parent.name or PACKAGE


def alias_modules(path: str, name: str) -> list[str]:
    """Every name that it may have where folders above its package, or without `__init__.py`, are packages, too."""
    file = PurePosixPath(path)
    parts = [part for part in (*file.parent.parts, *(() if file.stem == PACKAGE else (file.stem,))) if part != "/"]
    least = name.count(".") + 1
    return [".".join(parts[n:]) for n in range(max(0, len(parts) - 6), max(0, len(parts) - least) + 1)]


def shared_parts(path: list[str], other: list[str]) -> int:
    """How many folders two paths have in common, from the beginning."""
    return next((n for n, (a, b) in enumerate(zip(path, other, strict=False)) if a != b), min(len(path), len(other)))
