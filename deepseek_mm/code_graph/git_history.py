"""Who changed lines last, in which commit and why: asked of git, in a repository that a stranger may have written.

Git runs nothing that the repository names: no hooks, monitors, filters, text conversions, pagers, signatures or
fetches. Only what is committed is asked about, since looking at files in the working tree may run filters. The
repository is the folder `.git` of a folder at or below one that may be read; one that is a file or a link, or borrows
objects from elsewhere, leads out of it and is left alone.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock, Timer

from cachetools import LRUCache

from deepseek_mm.code_graph.commit_log import ATTRIBUTES, LOG, CommitRecord, follow_renames, read_records

GIT = ".git"
PATIENCE_S = 10.0
LOG_PATIENCE_S = 4.0  # for changes of commits at one ask; the next one goes on
MOST_BYTES = 4_000_000  # of what git says
MOST_LOG = 150_000_000  # bytes of changes that are read through, of which names are kept
MOST_READ, MOST_LINE = 1_000_000, 2_000  # bytes of a line of it that are read at once, and kept
MOST_COMMITS = 2_000
MOST_LINES = 400  # of a definition that are asked about
MOST_BODY = 600  # letters of a message
LEADS_OUT = ("commondir", "objects/info/alternates", "objects/info/http-alternates")
PLAIN = {  # before what the repository's own configuration says
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.bare": "false",
    "protocol.allow": "never",
    "diff.external": "",
    "log.showSignature": "false",
    "log.mailmap": "false",
    "mailmap.file": "",
    "mailmap.blob": "",
    "submodule.recurse": "false",
    "core.quotePath": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")  # variables of this process that git sees
NEW_LINES = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))?", re.MULTILINE)
MOST_FRESH = 100_000  # lines of one hunk
FRESH_WINDOWS = ((5, 0.12), (20, 0.29), (60, 0.59))  # commits back, and what a change in them counts
HEAD = re.compile(r"^([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?$")
CommitLog = tuple[CommitRecord, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeChange:
    """A commit that changed lines."""

    commit: str  # full hash
    author: str
    at: datetime
    subject: str
    body: str = ""
    lines: int = 0  # of those asked about that it wrote last

    @property
    def short(self) -> str:
        """Enough of the hash to find it."""
        return self.commit[:9]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownLog:
    """What was read of a repository's commits."""

    head: str  # its latest commit then
    records: CommitLog  # the latest first
    is_whole: bool  # or there are older ones


KNOWN_LOGS: LRUCache[Path, KnownLog] = LRUCache(maxsize=8)  # of the repositories that were asked about last
KNOWN_LOGS_LOCK = Lock()


class GitHistory:
    """Asks the repositories below folders that may be read."""

    def __init__(self, roots: Sequence[str | os.PathLike[str]]) -> None:
        self._roots = [Path(os.path.realpath(root)) for root in roots]

    def find_last_changes(self, path: str, first: int, last: int) -> list[CodeChange]:
        """The commits that wrote these lines last, the latest first; none where no repository is, or it knows none.

        Lines are those of the file as it lies there; where it was changed since the last commit, they are looked for
        by their text.
        """
        place = self._place(path)
        if place is None or first < 1:
            return []
        top, inner = place
        lines = self._committed_lines(top, inner, path, first, min(last, first + MOST_LINES))
        if lines is None:
            return []
        words = [
            "blame",
            "--porcelain",
            "--no-progress",
            "--no-ignore-revs-file",
            "--no-textconv",
            "-L",
            f"{lines[0]},{lines[1]}",
            "HEAD",
            "--",
            inner,
        ]
        return read_blame(self._ask(top, words) or "")

    def find_changes(self, path: str, most: int = 10) -> list[CodeChange]:
        """The last commits that changed a file, the latest first."""
        place = self._place(path)
        if place is None:
            return []
        top, inner = place
        form = "--format=%x01%H%x02%an%x02%at%x02%s%x02%b"
        words = ["log", f"-{most}", form, "--no-ext-diff", "--no-textconv", "--no-show-signature", "HEAD", "--", inner]
        return [change for row in (self._ask(top, words) or "").split("\x01")[1:] if (change := read_log(row))]

    def measure_activity(self, folder: str, most: int = 120, half_life: float = 15.0) -> dict[str, float]:
        """How much files below a repository's folder changed lately: absolute path -> the latest commits count most."""
        place = self._place(os.path.join(folder, "."))
        if place is None:
            return {}
        top, _ = place
        words = [
            "log",
            f"-{most}",
            "--no-merges",
            "--format=%x01",
            "--name-only",
            "--no-renames",
            "--no-ext-diff",
            "HEAD",
        ]
        found: dict[str, float] = {}
        for age, names in enumerate((self._ask(top, words) or "").split("\x01")[1:]):
            for name in names.strip().split("\n"):
                path = str(top / name)
                found[path] = found.get(path, 0.0) + 0.5 ** (age / half_life)
        return found

    def find_fresh_lines(self, folder: str) -> list[tuple[float, dict[str, set[int]]]]:
        """For each window of the last commits its weight, and absolute path -> lines that changed in it."""
        place = self._place(os.path.join(folder, "."))
        if place is None:
            return []
        top, _ = place
        found = []
        for back, weight in FRESH_WINDOWS:
            words = ["diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", f"HEAD~{back}", "HEAD"]
            lines = read_new_lines(self._ask(top, words) or "")
            found.append((weight, {str(top / path): rows for path, rows in lines.items()}))
        return found

    def find_top(self, path: str) -> str:
        """The folder of the repository of a file; "" where there is none that may be read."""
        place = self._place(path)
        return str(place[0]) if place is not None else ""

    def read_commits(self, folder: str) -> CommitLog:
        """What the commits of the repository of a folder said and changed, the latest first, with absolute paths.

        As many as can be read in time. They are kept in memory; the next time new ones are read, and older ones.
        """
        place = self._place(os.path.join(folder, "."))
        head = (self._ask(place[0], ["rev-parse", "HEAD"]) or "").strip() if place is not None else ""
        if place is None or not head:
            return ()
        top, _ = place
        with KNOWN_LOGS_LOCK:
            known = KNOWN_LOGS.get(top)
        known = self._renew_log(top, head, known)
        with KNOWN_LOGS_LOCK:
            KNOWN_LOGS[top] = known
        return tuple(name_absolutely(record, top) for record in follow_renames(known.records))

    def _renew_log(self, top: Path, head: str, known: KnownLog | None) -> KnownLog:
        """New commits before those that are known, then older ones, as far as the time goes; anew where history is."""
        if known is not None and known.head != head:
            grown = self._ask(top, ["merge-base", "--is-ancestor", known.head, "HEAD"]) is not None
            new, is_whole = self._read_log(top, [f"{known.head}..HEAD"]) if grown else ((), False)
            known = KnownLog(head=head, records=(*new, *known.records), is_whole=known.is_whole) if is_whole else None
        records = known.records if known is not None else ()
        if known is not None and (known.is_whole or len(records) >= MOST_COMMITS):
            return known
        more, is_whole = self._read_log(top, [f"--skip={len(records)}", f"-{MOST_COMMITS}", "HEAD"])
        return KnownLog(head=head, records=(*records, *more), is_whole=is_whole or not more)

    def _read_log(self, top: Path, words: Sequence[str]) -> tuple[CommitLog, bool]:
        """What comes of git's log in time, and whether it is all; a commit that is cut off is left out."""
        with NamedTemporaryFile("w", suffix=".attributes") as attributes:
            attributes.write(ATTRIBUTES)
            attributes.flush()
            try:
                with self._open(top, ["-c", f"core.attributesFile={attributes.name}", *LOG, *words]) as process:
                    lines = LogLines(process)
                    found = tuple(read_records(lines))
            except OSError:
                return (), True
        return found if lines.is_whole else found[:-1], lines.is_whole

    def _place(self, path: str) -> tuple[Path, str] | None:
        """The repository's folder and the path in it; None outside of what may be read."""
        real = Path(os.path.realpath(path))
        for folder in (real, *real.parents):
            if not any(folder == root or root in folder.parents for root in self._roots):
                return None
            if os.path.lexists(folder / GIT):
                return (folder, real.relative_to(folder).as_posix()) if is_plain_repository(folder) else None
        return None

    def _committed_lines(self, top: Path, inner: str, path: str, first: int, last: int) -> tuple[int, int] | None:
        """The lines of the last commit that say what these lines of the file say."""
        said = self._ask(top, ["cat-file", "blob", f"HEAD:{inner}"])
        if said is None:
            return None
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                here = file.read(MOST_BYTES).split("\n")
        except OSError:
            return None
        there = said.replace("\r\n", "\n").split("\n")
        wanted = here[first - 1 : last]
        if not wanted:
            return None
        starts = [n for n in range(len(there)) if there[n] == wanted[0]]
        same = [n for n in starts if there[n : n + len(wanted)] == wanted] or starts
        if not same:
            return None
        begin = min(same, key=lambda n: abs(n - first + 1)) + 1
        return begin, min(begin + len(wanted) - 1, len(there))

    def _ask(self, top: Path, words: Sequence[str]) -> str | None:
        """What git says; None if it fails, takes long, or says too much."""
        try:
            with self._open(top, words) as process:
                return read_bounded(process)
        except OSError:
            return None

    @contextmanager
    def _open(self, top: Path, words: Sequence[str]) -> "Iterator[subprocess.Popen[bytes]]":
        """Git at work. OSError where there is none."""
        settings = [word for name, value in PLAIN.items() for word in ("-c", f"{name}={value}")]
        command = ["git", f"--git-dir={top / GIT}", f"--work-tree={top}", "--no-pager", *settings, *words]
        own = {name: os.environ[name] for name in KEPT if name in os.environ}
        with subprocess.Popen(
            command,
            cwd=top,
            env=own | QUIET,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            yield process


def read_bounded(process: "subprocess.Popen[bytes]") -> str | None:
    """The output of a process that ends in time with little of it; else it is killed."""
    timer = Timer(PATIENCE_S, process.kill)
    timer.start()
    try:
        data = process.stdout.read(MOST_BYTES + 1) if process.stdout else b""
        if len(data) > MOST_BYTES:
            process.kill()
            return None
        return data.decode("utf-8", "replace") if process.wait() == 0 else None
    finally:
        timer.cancel()
        process.kill()


class LogLines:
    """The lines of a process as they come, without their ends; it is killed where it takes long or says too much."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.is_whole = False  # once all lines were read

    def __iter__(self) -> Iterator[str]:
        timer = Timer(LOG_PATIENCE_S, self._process.kill)
        timer.start()
        left = MOST_LOG
        try:
            while self._process.stdout and left > 0 and (line := self._process.stdout.readline(MOST_READ)):
                left -= len(line)
                line = line if len(line) <= MOST_LINE else line[: MOST_LINE // 2] + line[-MOST_LINE // 2 :]
                yield line.rstrip(b"\n").decode("utf-8", "replace")
            self.is_whole = left > 0 and self._process.wait() == 0
        finally:
            timer.cancel()
            self._process.kill()


def name_absolutely(record: CommitRecord, top: Path) -> CommitRecord:
    """With the paths that files have on the disk."""
    return replace(record, files=tuple(replace(file, path=str(top / file.path)) for file in record.files))


def read_new_lines(diff: str) -> dict[str, set[int]]:
    """Path -> lines that a diff without context adds or changes; where it only removes, the line before."""
    found: dict[str, set[int]] = {}
    for part in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        path = part.partition("\n")[0].rpartition(" b/")[2]
        for hunk in NEW_LINES.finditer(part):
            first, count = int(hunk[1]), min(int(hunk[2] or 1), MOST_FRESH)
            found.setdefault(path, set()).update(range(first, first + max(count, 1)))
    return found


def is_plain_repository(folder: Path) -> bool:
    """Whether `.git` is a folder of its own that leads nowhere else."""
    inside = folder / GIT
    if inside.is_symlink() or not inside.is_dir() or (inside / "objects").is_symlink():
        return False
    return not any(os.path.lexists(inside / name) for name in LEADS_OUT)


def read_blame(text: str) -> list[CodeChange]:
    """Commits of `git blame --porcelain`, the latest first."""
    told: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    commit = ""
    for row in text.split("\n"):
        if found := HEAD.match(row):
            commit = found[1]
            told.setdefault(commit, {})
            lines[commit] = lines.get(commit, 0) + 1
        elif commit and not row.startswith("\t"):
            name, _, value = row.partition(" ")
            told[commit].setdefault(name, value)
    made = [
        CodeChange(
            commit=commit,
            author=said.get("author", ""),
            at=date_of(said.get("author-time", "")),
            subject=said.get("summary", "")[:MOST_BODY],
            lines=lines[commit],
        )
        for commit, said in told.items()
    ]
    return sorted(made, key=lambda one: one.at, reverse=True)


def read_log(row: str) -> CodeChange | None:
    """A commit of `git log`."""
    parts = row.split("\x02")
    if len(parts) < 5:
        return None
    commit, author, at, subject, body = parts[0], parts[1], parts[2], parts[3], parts[4]
    return CodeChange(
        commit=commit, author=author, at=date_of(at), subject=subject[:MOST_BODY], body=body.strip()[:MOST_BODY]
    )


def date_of(seconds: str) -> datetime:
    """Seconds since 1970; the beginning of time where they are none."""
    number = int(seconds) if seconds.isdigit() and len(seconds) < 12 else 0
    return datetime.fromtimestamp(number, tz=UTC)
