"""The files of an export, in folders and in ZIP archives: what lies in the same folder of several parts lies together.

An export is often cut into archives of some gigabytes, and what is said of a photo may lie in another one than the
photo: so a folder is known by its path inside the part. Links are not followed, hidden files are nobody's.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.imports.records import LeftOutFile
from deepseek_mm.parse import archive
from deepseek_mm.parse.folder import is_hidden
from deepseek_mm.parse.formats import named_format
from deepseek_mm.parse.links import MARK
from deepseek_mm.parse.unread import SYSTEM
from deepseek_mm.parse.xmp.sidecars import open_sidecar

ZIP = ".zip"
PACKED = (".tgz", ".tar.gz", ".7z", ".rar", ".tar")
UNPACK = "is an archive of another kind than ZIP. Unpack it, and import the folder"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFile:
    """One file."""

    path: str  # absolute, through an archive if it lies in one
    folder: str  # inside the export, without a slash at its ends; "" is its top
    name: str

    @property
    def is_photo(self) -> bool:
        """Whether its name is one of a photo or a video that is read."""
        form = named_format(self.name)
        return form is not None and form.kind == "photo"

    @property
    def stem(self) -> str:
        """Its name without the last ending."""
        return os.path.splitext(self.name)[0]


@dataclass(frozen=True, kw_only=True)
class ExportTree:
    """All files of an export."""

    roots: tuple[str, ...]  # the folders and archives that were given
    files: tuple[ExportFile, ...]  # by path
    links: tuple[ExportFile, ...] = ()  # in folders, to be looked at by who knows what they mean
    left_out: tuple[LeftOutFile, ...] = ()

    @cached_property
    def folders(self) -> dict[str, list[ExportFile]]:
        """Folder inside the export -> its files."""
        found: dict[str, list[ExportFile]] = {}
        for file in self.files:
            found.setdefault(file.folder, []).append(file)
        return found

    @cached_property
    def photos(self) -> tuple[ExportFile, ...]:
        """Those that are photos or videos by their names."""
        return tuple(file for file in self.files if file.is_photo)


def list_export(paths: Sequence[str | os.PathLike[str]], config: ParseConfig) -> ExportTree:
    """Every file below these folders and in these archives. NothingThere if one of them does not exist."""
    roots = tuple(map(os.path.abspath, paths))
    for root in roots:
        if not os.path.lexists(root):
            raise NothingThere(f"no file or folder at {root}. Check the name")
    files, links, left_out = list[ExportFile](), list[ExportFile](), list[LeftOutFile]()
    for root in roots:
        for file in walk_folder(root) if os.path.isdir(root) else [at_top(root)]:
            if os.path.islink(file.path):
                links.append(file)
            elif file.name.lower().endswith(PACKED):
                left_out.append((file.path, UNPACK))
            elif file.name.lower().endswith(ZIP):
                files += list_archive(file.path, left_out)
            else:
                files.append(file)
    by_path = {file.path: file for file in files}
    return ExportTree(
        roots=roots,
        files=tuple(by_path[path] for path in sorted(by_path)),
        links=tuple(links),
        left_out=tuple(left_out),
    )


def at_top(path: str) -> ExportFile:
    """A file that was given itself."""
    return ExportFile(path=path, folder="", name=os.path.basename(path))


def walk_folder(root: str) -> Iterator[ExportFile]:
    """Every file below a folder, in order of their names."""
    for here, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        inside = os.path.relpath(here, root).replace(os.sep, "/")
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in SYSTEM:
                yield ExportFile(path=os.path.join(here, name), folder="" if inside == "." else inside, name=name)


def list_archive(path: str, left_out: list[LeftOutFile]) -> list[ExportFile]:
    """The members of an archive that may be read by their names."""
    try:
        members = sorted(archive.directory(path))
    except (BadFile, NothingThere) as error:
        left_out.append((path, str(error).removeprefix(f"{path} ")))
        return []
    found = []
    for member in members:
        folder, _, name = member.rpartition("/")
        if archive.is_seen(member) and not archive.is_reported(member) and name.lower() not in SYSTEM:
            found.append(ExportFile(path=path + MARK + member, folder=folder, name=name))
    return found


def read_json(path: str, config: ParseConfig) -> dict[str, Any] | None:
    """The object that a small JSON file holds; None where it holds none, or cannot be read."""
    try:
        file = open_sidecar(path, config)
        value = json.loads(file.data) if file is not None else None
    except (BadFile, NothingThere, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
