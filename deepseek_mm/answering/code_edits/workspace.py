"""The copy of files that a model changes: it reads what its asker may see, and writes nothing but this copy.

A file is named by its path below the folder that all code of the library lies in. Whatever the library does not show to
the asker is not there for the model either; a new file may only be made in a folder that holds code already, under a
name that is no hidden one. Bytes that are no UTF-8 are not changed, and every line keeps its end.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deepseek_mm.answering.code_edits.patches import apply_parts, draw_diffs, read_patch
from deepseek_mm.answering.code_edits.records import FileChange
from deepseek_mm.errors import BadFile, BadQuestion, Forbidden
from deepseek_mm.parse.formats import named_format
from deepseek_mm.parse.links import link_in, open_plain
from index import Filter
from index.store import RegionStore

MOST_FILES = 5_000  # of a library that are listed
MOST_CHANGED, MOST_BYTES = 20, 500_000  # files of one change, and bytes of one of them
MOST_NAME, SHOWN = 400, 120  # characters of a file's name
EDITED = frozenset(["markdown", "text"])  # documents that are changed like code
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # Boucher, Anderson: Trojan Source (2021)
SOURCES = Filter(source_kinds=("code", "document"))


class RefusedPath(Forbidden):
    """A path that a model may not name."""


@dataclass(kw_only=True, slots=True)
class EditWorkspace:
    """Files as they were when they were read first, and as the model has changed them since."""

    root: Path  # what names are below
    known: frozenset[str]  # absolute paths that the asker may see
    before: dict[str, bytes | None] = field(default_factory=dict)  # of those that were opened; None: not there
    after: dict[str, bytes] = field(default_factory=dict)  # of those that were changed

    def read(self, name: str) -> str:
        """A file's text as it is in the copy. RefusedPath, BadFile."""
        path = self.resolve(name)
        return self._text(path, name) or ""

    def apply(self, patch: str) -> list[str]:
        """Change files of the copy by a patch, all that it names or none; their names. BadPatch, RefusedPath, BadFile:
        nothing was changed.
        """
        made: dict[str, bytes] = {}
        files = read_patch(patch)
        for each in files:
            path = self.resolve(each.name, new=True)
            text = apply_parts(self._text(path, each.name), each)
            data = with_ends(text, self.before.get(path))
            if len(data) > MOST_BYTES:
                raise BadQuestion(f"{each.name} would have {len(data):,} bytes, and {MOST_BYTES:,} are taken")
            made[path] = data
        if len(self.after.keys() | made.keys()) > MOST_CHANGED:
            raise BadQuestion(f"{MOST_CHANGED} files may be changed at once, and no more. Change fewer")
        self.after |= made
        return [each.name for each in files]

    def resolve(self, name: str, *, new: bool = False) -> str:
        """The absolute path of a file that may be read; of a `new` one, that may be made. RefusedPath says why not."""
        parts = PurePosixPath(name).parts
        if not name or len(name) > MOST_NAME or not name.isprintable() or "\\" in name:
            raise RefusedPath(f"{ascii(name)[:SHOWN]} is no name of a file")
        if PurePosixPath(name).is_absolute() or ".." in parts or name.startswith("~"):
            raise RefusedPath(f"{name[:SHOWN]} leads out of the code. Name files as search and grep list them")
        path = str(self.root.joinpath(*parts))
        if path in self.known or path in self.after:
            return path
        if not new:
            raise RefusedPath(f"{name[:SHOWN]} is no file of this code. Name one as search and grep list them")
        self._check_new(path, name)
        return path

    def _check_new(self, path: str, name: str) -> None:
        """Whether a new file may be made there."""
        form = named_format(path)
        folder = os.path.dirname(path)
        holds_code = any(os.path.dirname(each) == folder for each in (*self.known, *self.after))
        if any(part.startswith(".") for part in PurePosixPath(name).parts):
            raise RefusedPath(f"{name[:SHOWN]} is hidden, and hidden files are not made here")
        if form is None or not (form.kind == "code" or form.name in EDITED):
            raise RefusedPath(f"{name[:SHOWN]} is no kind of code or text that is made here")
        if not holds_code or link_in(folder):
            raise RefusedPath(f"{name[:SHOWN]} lies in no folder that has code of this library. Choose one that has")
        if os.path.lexists(path):
            raise RefusedPath(f"{name[:SHOWN]} cannot be made: its name is taken, by a file that is not known here")
        self.before.setdefault(path, None)

    def _text(self, path: str, name: str) -> str | None:
        """As it is in the copy, lines ended by one newline; None where there is no such file yet."""
        if path not in self.before:
            self.before[path] = read_whole(path, name)
        data = self.after.get(path, self.before[path])
        return None if data is None else text_of(data, name)

    def names(self) -> Iterator[str]:
        """Of all files, sorted."""
        for path in sorted({*self.known, *self.after}):
            yield self.name_of(path)

    def name_of(self, path: str) -> str:
        """As the model names it."""
        return Path(path).relative_to(self.root).as_posix()

    def list_changes(self) -> tuple[FileChange, ...]:
        """What differs from what lies on the disk."""
        return tuple(
            FileChange(path=path, name=self.name_of(path), before=self.before[path], after=data)
            for path, data in self.after.items()
            if data != self.before[path]
        )


def draw_changes(changes: Sequence[FileChange]) -> str:
    """The changes as one unified diff."""
    return draw_diffs(
        [
            (
                each.name,
                None if each.before is None else text_of(each.before, each.name),
                text_of(each.after or b"", ""),
            )
            for each in changes
        ]
    )


def open_workspace(store: RegionStore) -> EditWorkspace:
    """Over the code and texts that the current viewer sees. BadQuestion where there is no code."""
    found = store.sources(SOURCES, order="name", limit=MOST_FILES)
    usable = [each for each in found if "!/" not in each.path and (each.kind == "code" or each.format in EDITED)]
    folders = [os.path.dirname(each.path) for each in usable if each.kind == "code"]
    if not folders:
        raise BadQuestion("there is no code in this library that could be changed. Add a folder with code first")
    root = Path(os.path.commonpath(folders))
    near = {each.path for each in usable if Path(each.path).is_relative_to(root)}
    return EditWorkspace(root=root, known=frozenset(near))


def read_whole(path: str, name: str) -> bytes:
    """The bytes on the disk, of a file that no link leads to. BadFile."""
    try:
        with open_plain(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{name} cannot be read: {error.strerror}. See whether it is still there") from error
    if len(data) > MOST_BYTES:
        raise BadFile(f"{name} has more than {MOST_BYTES:,} bytes, and such a file is not changed here")
    return data


def text_of(data: bytes, name: str) -> str:
    """Letters of UTF-8, each line ended by one newline. BadFile for what is no text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadFile(f"{name} is no text in UTF-8, and such a file is not changed here")
    return text.replace("\r\n", "\n") if has_crlf(data) else text


def with_ends(text: str, before: bytes | None) -> bytes:
    """The text as bytes, with the ends of lines that the file has. BadQuestion: it is none."""
    turning = len(TURNING.findall(text)) - (len(TURNING.findall(before.decode("utf-8", "replace"))) if before else 0)
    if turning > 0:
        raise BadQuestion(
            "the patch holds signs that turn the direction of text, so it would read otherwise than it runs"
        )
    if "\0" in text:
        raise BadQuestion("the patch holds a character of code 0, and text has none. Leave it out")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadQuestion(f"the patch holds half a character ({error.reason}). Leave it out") from error
    return data.replace(b"\n", b"\r\n") if before is not None and has_crlf(before) else data


def has_crlf(data: bytes) -> bool:
    """Whether every line ends as on Windows."""
    return b"\r\n" in data and data.count(b"\n") == data.count(b"\r\n")
