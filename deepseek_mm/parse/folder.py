"""Which files lie below a folder or in an archive: by name, in sorted order, each once.

Links are left out and told, so neither a loop of them nor one that leads out of the folder does harm; with
`parse.follow_links` what they lead to is read where it lies, if that is in a folder that may be named. Names that begin
with a dot are left out (caches, and the notes that some systems write beside each file), so are folders that programs
fill by themselves, and so is a library of this program: its pictures came with questions. What `repository` says is not
worth reading is left out, and told with the reason. In folders and archives only files of a known ending are looked
for, and others are told to be left out; a file that is given by its own path is always taken.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse import archive
from deepseek_mm.parse.archive import Failure
from deepseek_mm.parse.document import in_archive
from deepseek_mm.parse.formats import named_format
from deepseek_mm.parse.links import MARK, link_in, refuse_link
from deepseek_mm.parse.repository import (
    INSTALLED,
    SECRET,
    LeftOut,
    Reason,
    Scope,
    in_words,
    scope_at,
    scope_below,
    why_file,
    why_folder,
)
from deepseek_mm.parse.unread import is_unread
from deepseek_mm.storage_config import ON_SERVER

LIBRARY_MARKS = ("history.db", ON_SERVER)  # a folder with one of these files is a library of this program
MACHINE_MADE = (*INSTALLED, "__pycache__", "__MACOSX")
MOST_REASONS = 3  # in one message


@dataclass(frozen=True, kw_only=True, slots=True)
class FileList:
    """What the paths hold."""

    files: tuple[str, ...]  # absolute, in the order of the paths given, sorted within each
    failed: tuple[Failure, ...]  # folders and archives that hold nothing or could not be looked into, and such members
    left_out: tuple[LeftOut, ...] = ()  # files and whole folders, with why, in the order they were met


def find_files(paths: Sequence[str | os.PathLike[str]], config: ParseConfig, *, roots: Sequence[str] = ()) -> FileList:
    """Every file that is given, or lies below a folder or in an archive given; a path has no links in it
    (`files.real_path`). With `parse.follow_links` also what links below the folders lead to, inside `roots`.

    NothingThere if a path does not exist, or if there is nothing to read in any of them.
    """
    files: dict[str, None] = {}
    failed: list[Failure] = []
    left_out: list[LeftOut] = []
    for path in map(os.path.abspath, paths):
        if not os.path.lexists(path) and in_archive(path) is None:
            raise NothingThere(f"no file or folder at {path}. Check the name")
        files.update(dict.fromkeys(files_at(path, config, failed, left_out)))
    if config.follow_links:
        follow(files, config, left_out, [os.path.realpath(root) for root in roots])
    if not files:
        reasons = "; ".join(reason for _, reason in failed[:MOST_REASONS])
        raise NothingThere(reasons or "nothing to index. Name a folder of photos and documents")
    return FileList(files=tuple(files), failed=tuple(failed), left_out=tuple(left_out))


def files_at(path: str, config: ParseConfig, failed: list[Failure], left_out: list[LeftOut]) -> list[str]:
    """What a path stands for: a file for itself, a folder or an archive for what is in it."""
    known, kept = len(failed), len(left_out)
    if link_in(path.partition(MARK)[0]):
        failed.append((path, str(refuse_link(path))))
        return []
    if os.path.isdir(path):
        names = walk(path, is_readable, failed, left_out=left_out)
        found = [file for name in names for file in expand_archive(name, config, failed, left_out)]
    else:
        found = expand_archive(path, config, failed, left_out)
    if not found and len(failed) == known:
        why = f". {in_words(left_out[kept:])} were left out" if len(left_out) > kept else ""
        reason = f"nothing to read in {path}. It has no photo, PDF, text or code by the ending of a name{why}"
        failed.append((path, reason))
    return found


def follow(files: dict[str, None], config: ParseConfig, left_out: list[LeftOut], roots: Sequence[str]) -> None:
    """Add what links lead to, inside the roots, by its own path; such a link is not left out any more."""
    seen = set[str]()
    for link in [path for path, reason in left_out if reason == "link"]:
        target = os.path.realpath(link)
        if not any(is_inside(target, root) for root in roots) or not is_wanted(target):
            continue
        left_out.remove((link, "link"))
        if target not in seen:  # a link that is met in there is left out
            seen.add(target)
            files.update(dict.fromkeys(files_at(target, config, [], left_out)))


def is_wanted(path: str) -> bool:
    """Whether a walk through its folder would take the file; any folder."""
    return os.path.isdir(path) or (
        os.path.isfile(path) and is_readable(path) and why_file(scope_at(os.path.dirname(path)), path) is None
    )


def is_inside(path: str, folder: str) -> bool:
    """Whether it is the folder, or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def expand_archive(path: str, config: ParseConfig, failed: list[Failure], left_out: list[LeftOut]) -> list[str]:
    """The members of an archive; any other file as it is."""
    form = named_format(path)
    if form is None or form.kind != "archive" or in_archive(path) is not None:
        return [path]
    try:
        listing = archive.list_members(path, config, wanted=is_readable)
    except (BadFile, NothingThere) as error:
        failed.append((path, str(error)))
        return []
    failed += listing.failed
    left_out += [(member, "unread") for member in listing.others if is_unread(member)]
    return list(listing.members)


def is_readable(name: str) -> bool:
    """True if a file of this name may be of a kind that is read."""
    return named_format(name) is not None


def walk(
    folder: str, wanted: Callable[[str], bool], failed: list[Failure], *, left_out: list[LeftOut] | None = None
) -> list[str]:
    """Sorted files with a wanted name; folders that cannot be looked into are added to `failed`."""
    left_out = [] if left_out is None else left_out
    scopes: dict[str, Scope] = {}

    def note_error(error: OSError) -> None:
        reason = f"{error.filename} cannot be looked into: {error.strerror}. Check its permissions"
        failed.append((str(error.filename), reason))

    found = []
    for here, folders, names in os.walk(folder, onerror=note_error):
        around = scopes.pop(here, None)
        scope = scope_at(here) if around is None else scope_below(around, here, [*folders, *names])
        if any(mark in names for mark in LIBRARY_MARKS):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        folders[:] = [
            name for name in folders if not note_left_out(why_folder, scope, os.path.join(here, name), left_out)
        ]
        scopes |= {os.path.join(here, name): scope for name in folders}
        paths = [os.path.join(here, name) for name in sorted(names) if is_met(name, wanted)]
        found += [path for path in paths if not note_left_out(why_file, scope, path, left_out)]
        others = [os.path.join(here, name) for name in sorted(names) if not is_met(name, wanted) and is_unread(name)]
        left_out += [(path, "unread") for path in others if why_file(scope, path) is None]
    return found


def is_hidden(folder: str) -> bool:
    """True for a folder of this name that says nothing, so that nobody asks why it was left out."""
    return folder.startswith(".") or (folder in MACHINE_MADE and folder not in INSTALLED)


def is_met(name: str, wanted: Callable[[str], bool]) -> bool:
    """True for a file of this name that is read, or that is told to be left out: a secret is, by any name."""
    return bool(SECRET.fullmatch(name)) or (not name.startswith(".") and wanted(name))


def note_left_out(why: Callable[[Scope, str], Reason | None], scope: Scope, path: str, left_out: list[LeftOut]) -> bool:
    """Whether the path is left out, which is written down with the reason."""
    reason = why(scope, path)
    if reason is not None:
        left_out.append((path, reason))
    return reason is not None
