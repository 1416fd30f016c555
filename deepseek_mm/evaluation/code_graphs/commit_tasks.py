"""Tasks from a repository's own commits: what a message wants, and which functions it changed, as they were before.

Commits that merge, rename, add nothing but new functions, or touch many files are left out. A hash of the commit says
whether a task is one to choose by or one to report.
"""

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from deepseek_mm.code_graph.commit_log import ATTRIBUTES, LOG, CommitRecord, follow_renames, read_records
from deepseek_mm.code_graph.git_history import read_new_lines
from deepseek_mm.code_graph.pieces import CodePiece
from deepseek_mm.errors import ConfigError

FOLDERS = ("deepseek_mm", "ui", "index")
MOST_FILES = 10
LEAST_WORDS = 4
AREA = re.compile(r"^[\w ,./-]{1,40}:\s+")
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+")
PATIENCE_S = 120
DEV_SHARE = 128  # of 256
RECENT, HALF_LIFE = 120, 15  # commits that are looked at, and after which one counts half


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitTask:
    """A commit, asked for by its message."""

    commit: str
    parent: str
    text: str
    changed: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]  # path -> runs of old lines (first, last)


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeFile:
    """One file of a tree."""

    path: str
    digest: str  # git's own


def run_git(repository: Path, *words: str) -> str:
    """What git says. ConfigError where there is no repository."""
    done = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *words],
        cwd=repository,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"git {words[0]} fails in {repository}: {done.stderr.decode(errors='replace')[-200:]}. "
                          "Name a clone with its history by --repository")  # fmt: skip
    return done.stdout.decode("utf-8", "replace")


def is_dev(commit: str) -> bool:
    """Whether a commit is one to choose by."""
    return hashlib.sha256(commit.encode()).digest()[0] < DEV_SHARE


def list_tasks(repository: Path, split: str, most: int, *, until: str = "HEAD") -> list[CommitTask]:
    """At most so many tasks of a part, spread over the history. ConfigError for another part."""
    if split not in ("dev", "test"):
        raise ConfigError(f"code-context has no split {split!r}. Use dev or test")
    text = run_git(
        repository, "log", "--no-merges", "-M", "--format=%x01%H %P%x02%B%x03", "-U0", "--no-ext-diff",
        "--no-textconv", "--no-color", until, "--", *FOLDERS,
    )  # fmt: skip
    tasks = [
        task for task in map(read_commit, text.split("\x01")[1:]) if task and is_dev(task.commit) == (split == "dev")
    ]
    tasks.sort(key=lambda task: hashlib.sha256(f"draw {task.commit}".encode()).digest())
    return tasks[:most]


def read_commit(text: str) -> CommitTask | None:
    """A commit of git's log; None for one that makes no task."""
    head, _, rest = text.partition("\x02")
    message, _, diff = rest.partition("\x03")
    commit, _, parent = head.partition(" ")
    said = AREA.sub("", " ".join(message.split()))
    if not parent or " " in parent.strip() or len(said.split()) < LEAST_WORDS:
        return None
    files = list(read_files(diff))
    if not files or len(files) > MOST_FILES or any(kind == "renamed" for kind, _, _ in files):
        return None
    changed = tuple((path, runs) for kind, path, runs in files if kind == "changed" and path.endswith(".py") and runs)
    return CommitTask(commit=commit, parent=parent.strip(), text=said, changed=changed) if changed else None


def read_files(diff: str) -> Iterator[tuple[str, str, tuple[tuple[int, int], ...]]]:
    """("changed", "added", "removed" or "renamed", old path, runs of old lines) of each file."""
    for part in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        path = lines[0].split(" b/")[0].removeprefix("a/")
        kinds = {"rename from": "renamed", "new file": "added", "deleted file": "removed"}
        kind = next((kinds[key] for line in lines[1:6] for key in kinds if line.startswith(key)), "changed")
        runs = []
        for line in lines:
            if found := HUNK.match(line):
                first, count = int(found[1]), int(found[2] or 1)
                runs.append((first, first + max(count, 1) - 1))
        yield kind, path, tuple(runs)


def list_tree(repository: Path, commit: str) -> list[TreeFile]:
    """The Python files of a commit."""
    rows = run_git(repository, "ls-tree", "-r", commit, "--", *FOLDERS).splitlines()
    split = [row.split(maxsplit=3) for row in rows]
    return [
        TreeFile(path=path, digest=digest) for _, kind, digest, path in split if kind == "blob" and path.endswith(".py")
    ]


def read_blobs(repository: Path, digests: Sequence[str]) -> dict[str, str]:
    """Texts by digest."""
    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=repository,
        input="".join(f"{digest}\n" for digest in digests).encode(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    found, at = {}, 0
    for digest in digests:
        end = done.stdout.index(b"\n", at)
        size = int(done.stdout[at:end].split()[2])
        found[digest] = done.stdout[end + 1 : end + 1 + size].decode("utf-8", "replace")
        at = end + size + 2
    return found


def changed_pieces(task: CommitTask, pieces: Sequence[CodePiece]) -> set[int]:
    """Numbers of the pieces whose own lines a commit changed."""
    runs = dict(task.changed)
    found = set()
    for number, piece in enumerate(pieces):
        if piece.path in runs and any(first <= row <= last for first, last in runs[piece.path] for row in piece.own):
            found.add(number)
    return found


def measure_activity(repository: Path, commit: str) -> dict[str, float]:
    """How much files changed in the commits up to this one, the latest most."""
    text = run_git(
        repository, "log", "--no-merges", f"-{RECENT}", "--format=%x01", "--name-only", commit, "--", *FOLDERS
    )
    found: dict[str, float] = {}
    for age, names in enumerate(text.split("\x01")[1:]):
        for name in names.split():
            found[name] = found.get(name, 0.0) + 0.5 ** (age / HALF_LIFE)
    return found


def find_fresh_lines(repository: Path, commit: str, back: int) -> dict[str, set[int]]:
    """Lines of a commit's files that changed in so many commits before it; none where there are not so many."""
    try:
        words = ["diff", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", f"{commit}~{back}", commit]
        return read_new_lines(run_git(repository, *words, "--", *FOLDERS))
    except ConfigError:
        return {}


def read_history(repository: Path, until: str) -> tuple[CommitRecord, ...]:
    """What all commits up to one said and changed, the latest first, by the paths that they had."""
    with NamedTemporaryFile("w", suffix=".attributes") as attributes:
        attributes.write(ATTRIBUTES)
        attributes.flush()
        text = run_git(repository, "-c", f"core.attributesFile={attributes.name}", *LOG, until, "--", *FOLDERS)
    return tuple(read_records(text.split("\n")))


def find_earlier(repository: Path, commit: str, history: Sequence[CommitRecord]) -> list[CommitRecord]:
    """Those that a commit rests on, itself among them, by the paths of its tree; nothing of what came later."""
    before = set(run_git(repository, "rev-list", commit).split())
    return follow_renames([record for record in history if record.commit in before])
