"""What earlier commits said that they did, and which files and functions they changed.

Git's log is read line by line as it comes, the latest commit first, and nothing but names is kept of a change. A commit
is a sign of what a task is about where its message has the task's words: of the functions that it changed, and of their
files under the names that they have today.

Shape key:  P pieces, C commits
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

MARK, SPLIT, END = "\x01", "\x02", "\x03"
LOG = (
    "log", "--no-merges", "-M", "-U0", "-p", f"--format={MARK}%H{SPLIT}%B{END}", "--no-color",
    "--no-ext-diff", "--no-textconv", "--no-show-signature", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip
ATTRIBUTES = "".join(
    f"*.{ending} diff={driver}\n"
    for driver, endings in {
        "python": "py pyi", "cpp": "c cc cpp cxx h hh hpp", "java": "java", "golang": "go", "rust": "rs", "php": "php",
        "csharp": "cs", "ruby": "rb", "kotlin": "kt kts", "bash": "sh bash",
    }.items()
    for ending in endings.split()
)  # fmt: skip
MOST_MESSAGE = 2_000  # letters that are read
MOST_ROWS = 200  # of a message
MOST_NAMES = 200  # of one file in one commit
MOST_FILES = 2_000  # of one commit that are read
MANY_FILES = 100  # beyond which only what was renamed is kept, without the message
TRAILER = re.compile(r"^[A-Z][\w-]+-[Bb]y: .*$", re.MULTILINE)
DEFINITION = re.compile(
    r"^[+-]\s*(?:(?:export|default|public|private|static|async|pub|abstract|final)\s+)*"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait|impl)\s+(\w+)"
)
HEADING = re.compile(r"\b(?:def|class|function|func|fn|interface|struct|enum|trait|impl)\s+(\w+)|(\w+)\s*\(")
DECORATOR = re.compile(r"^[+-]\s*@\w")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRecord:
    """What a commit did to one file."""

    path: str  # after the commit, below the repository's folder
    before: str  # its path before; "" where the commit added it
    names: frozenset[str]  # of functions and classes that it changed


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitRecord:
    """A commit's message with what it changed."""

    commit: str
    message: str
    files: tuple[FileRecord, ...]


@dataclass(kw_only=True, slots=True)
class FileReader:
    """Takes the lines of one file's diff."""

    path: str
    before: str
    names: set[str] = field(default_factory=set)
    heading: str = ""  # of the hunk, until its first line is seen
    is_inside: bool = False  # of a hunk

    def take(self, line: str) -> None:
        """One line."""
        if line.startswith("@@"):
            self.is_inside = True
            self.heading = line[2:].partition("@@")[2][:200]
        elif self.is_inside and line[:1] in "+-":
            self._take_change(line[:300])
        elif line.startswith("new file"):
            self.before = ""
        elif line.startswith("rename from "):
            self.before = line.removeprefix("rename from ")
        elif line.startswith("rename to "):
            self.path = line.removeprefix("rename to ")

    def _take_change(self, line: str) -> None:
        """A definition that changes is named itself; else it is what the hunk stands in."""
        found = DEFINITION.match(line)
        if self.heading and not found and not DECORATOR.match(line) and (named := HEADING.search(self.heading)):
            self._add(named[1] or named[2])
        self.heading = ""
        if found:
            self._add(found[1])

    def _add(self, name: str) -> None:
        if len(self.names) < MOST_NAMES:
            self.names.add(name)

    def close(self) -> FileRecord:
        """What was read."""
        return FileRecord(path=self.path, before=self.before, names=frozenset(self.names))


@dataclass(kw_only=True, slots=True)
class RecordReader:
    """Takes the lines of one commit."""

    commit: str
    message: list[str]
    is_message: bool = True
    files: list[FileReader] = field(default_factory=list)

    def take(self, line: str) -> None:
        """One line."""
        if self.is_message:
            self.message += [line.removesuffix(END)] if len(self.message) < MOST_ROWS else []
            self.is_message = not line.endswith(END)
        elif line.startswith("diff --git ") and len(self.files) < MOST_FILES:
            path = line[len("diff --git a/") :][: (len(line) - len("diff --git a/ b/")) // 2]
            self.files.append(FileReader(path=path, before=path))
        elif self.files:
            self.files[-1].take(line)

    def close(self) -> CommitRecord:
        """What was read."""
        files = [file.close() for file in self.files]
        if len(files) > MANY_FILES:
            moved = [replace(file, names=frozenset()) for file in files if file.before not in ("", file.path)]
            return CommitRecord(commit=self.commit, message="", files=tuple(moved))
        message = TRAILER.sub("", "\n".join(self.message))[:MOST_MESSAGE].strip()
        return CommitRecord(commit=self.commit, message=message, files=tuple(files))


def read_records(lines: Iterable[str]) -> Iterator[CommitRecord]:
    """Commits of git's log as `LOG` asks for it, in its order."""
    reader: RecordReader | None = None
    for line in lines:
        if line.startswith(MARK) and SPLIT in line:
            if reader is not None:
                yield reader.close()
            commit, _, message = line[1:].partition(SPLIT)
            reader = RecordReader(commit=commit, message=[])
            reader.take(message)
        elif reader is not None:
            reader.take(line)
    if reader is not None:
        yield reader.close()


def follow_renames(records: Sequence[CommitRecord]) -> list[CommitRecord]:
    """The same commits, the latest first, with the paths that their files have after the latest."""
    today: dict[str, str] = {}
    found = []
    for record in records:
        files = []
        for file in record.files:
            path = today.get(file.path, file.path)
            files.append(FileRecord(path=path, before=file.before, names=file.names))
            if file.before and file.before != file.path:
                today[file.before] = path
        found.append(CommitRecord(commit=record.commit, message=record.message, files=tuple(files)))
    return found
