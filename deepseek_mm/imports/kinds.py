"""Which program an export is of, and the plan that its reader makes of it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.imports import apple, digikam, immich, own_export, takeout
from deepseek_mm.imports.export_tree import ExportTree, list_export
from deepseek_mm.imports.records import ImportPlan
from index.statements import PROGRAM_NAMES


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportKind:
    """How the export of one program is told from others, and read."""

    is_it: Callable[[ExportTree, ParseConfig], bool]
    read: Callable[[ExportTree, ParseConfig], ImportPlan]


READERS = {  # asked in this order
    own_export.KIND: ExportKind(is_it=own_export.is_own, read=own_export.read_own),
    digikam.KIND: ExportKind(is_it=digikam.is_digikam, read=digikam.read_digikam),
    takeout.KIND: ExportKind(is_it=takeout.is_takeout, read=takeout.read_takeout),
    immich.KIND: ExportKind(is_it=immich.is_immich, read=immich.read_immich),
    apple.KIND: ExportKind(is_it=apple.is_apple, read=apple.read_apple),
}
KINDS = tuple(READERS)


def find_kind(tree: ExportTree, config: ParseConfig) -> str:
    """The program whose export this is. BadFile where it is nobody's."""
    for name, kind in READERS.items():
        if kind.is_it(tree, config):
            return name
    programs = ", ".join(PROGRAM_NAMES[name] for name in KINDS if name != own_export.KIND)
    raise BadFile(
        f"{', '.join(tree.roots)} is no export of {programs} by what lies in it. Say what it is with --kind, or take "
        "the folder in as it is: python -m deepseek_mm index FOLDER"
    )


def read_plan(paths: Sequence[str | os.PathLike[str]], config: ParseConfig, *, kind: str = "") -> ImportPlan:
    """All that the export in these folders and archives holds; without a `kind` it is found out.

    NothingThere if a path does not exist, BadFile if it is nobody's export, or cannot be read.
    """
    check_kind(kind)
    tree = list_export(paths, config)
    return READERS[kind or find_kind(tree, config)].read(tree, config)


def find_export(paths: Sequence[str | os.PathLike[str]], config: ParseConfig, *, kind: str = "") -> str:
    """The program whose export lies there, or the one that is named. Raises as `read_plan`."""
    check_kind(kind)
    tree = list_export(paths, config)
    return kind or find_kind(tree, config)


def check_kind(kind: str) -> None:
    """BadFile for a name that is none of a program, "" left out."""
    if kind and kind not in READERS:
        raise BadFile(f"kind={kind!r} is no program whose export is read. Name one of: {', '.join(KINDS)}")
