"""Installed packages as reading matter: their Python files and their descriptions, where the licence allows it.

Allowed are MIT, BSD, Apache-2.0 and PSF. The package's own word counts: its licence expression if it has one, else its
classifiers, else a short licence field; what says nothing, or names any other licence, is left out. What a package has
copied from others is left out too, for it has a licence of its own. Python's library itself is PSF.
"""

import ast
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

ALLOWED = frozenset(["MIT", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "PSF-2.0", "Python-2.0"])
CLASSIFIERS = ("MIT License", "BSD License", "Apache Software License", "Python Software Foundation License")
FIELD = re.compile(
    r"(?:the )?(?:MIT|BSD|(?:new|modified|[23]-clause) BSD|BSD[ -][23]-clause|Apache|PSF)", re.IGNORECASE
)
SHORT = 60  # characters; a longer licence field holds a text, which this does not read
SKIPPED = frozenset(
    ["test", "tests", "testing", "_vendor", "vendor", "vendored", "_vendored", "third_party", "extern", "externals"]
)
LEAST_CHARS, MOST_CHARS = 600, 400_000  # of a file
PROSE = 200  # characters of a docstring that is worth reading


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledPackage:
    """One installed package, or one module of Python's own library."""

    name: str
    description: str
    files: tuple[Path, ...]  # Python sources
    licence: str = "PSF-2.0"  # as the package names it

    @property
    def source(self) -> str:
        return f"package {self.name.lower()}"


@lru_cache(maxsize=2)
def packages(limit: int = 100_000) -> tuple[InstalledPackage, ...]:
    """At most `limit` of those that may be read, by name, Python's own modules among them. Looked for once."""
    found = {package.name: package for package in (*_installed_packages(), *_builtin())}
    return tuple(found[name] for name in sorted(found))[:limit]


def is_allowed(expression: str, classifiers: list[str], field: str) -> bool:
    """Does what a package says of its licence allow it?"""
    if expression:
        if "(" in expression or (" AND " in expression and " OR " in expression):
            return False  # which of them applies to which file is not for a program to say
        each = [name in ALLOWED for name in re.split(r" AND | OR ", expression)]
        return any(each) if " OR " in expression else all(each)
    if named := _licences(classifiers):
        return all(name in CLASSIFIERS for name in named)
    return len(field) < SHORT and bool(FIELD.match(field)) and " AND " not in field


def _licences(classifiers: list[str]) -> list[str]:
    named = [line.split("::")[-1].strip() for line in classifiers if line.startswith("License")]
    return [name for name in named if name != "OSI Approved"]


def _installed_packages() -> Iterator[InstalledPackage]:
    for package in distributions():
        told = package.metadata
        expression, field = ((told.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
        classifiers = told.get_all("Classifier") or []
        if is_allowed(expression, classifiers, field):
            named = expression or ", ".join(_licences(classifiers)) or field
            yield InstalledPackage(
                name=told["Name"], description=_description(package), files=_files(package), licence=named
            )


def _description(package: Distribution) -> str:
    text = package.metadata.get_payload()  # type: ignore[attr-defined]
    return text if isinstance(text, str) else ""


def _files(package: Distribution) -> tuple[Path, ...]:
    paths = [file for file in package.files or [] if file.suffix == ".py" and SKIPPED.isdisjoint(file.parts)]
    return tuple(sorted(Path(str(package.locate_file(path))) for path in paths))


def _builtin() -> Iterator[InstalledPackage]:
    """Every module or folder of Python's library counts as a package: they have little in common."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).iterdir()):
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py")) if path.is_dir() else []
        kept = [file for file in files if SKIPPED.isdisjoint(file.parts) and "site-packages" not in file.parts]
        if kept:
            yield InstalledPackage(name=f"python {path.stem}", description="", files=tuple(kept))


def read_source(path: Path) -> str:
    """A file's text; empty if it is too short, too long, no UTF-8, or has lines that no person wrote."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    written = max(map(len, text.splitlines()), default=0) <= 200
    return text if LEAST_CHARS <= len(text) <= MOST_CHARS and written else ""


def prose_of(text: str) -> str:
    """The longer docstrings of a Python file, one after the other."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return ""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = [(ast.get_docstring(node) or "").strip() for node in nodes if isinstance(node, kinds)]
    return "\n\n".join(dict.fromkeys(each for each in told if len(each) >= PROSE and ">>>" not in each))
