"""The folder where all programs of this user keep what came from a hub, and whether a model lies there whole.

    models--OWNER--NAME/
      blobs/HASH             content, under the hash that the hub tells of it
      snapshots/COMMIT/FILE  links to blobs
      refs/main              the commit that a branch had when it was asked last
      trees/COMMIT.json      what the hub lists of a commit
      whole/COMMIT.json      ours: what was fetched of a commit, written when every file was there and compared

Where nothing of ours is written down another program fetched the files: then the hub's list tells what has to be there,
or else the index beside the weights.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from deepseek_mm.storage.files import atomic_write, read_json

TREE_FORMAT = 1  # of trees/COMMIT.json
WEIGHTS = ("*.safetensors", "*.gguf")
INDEX = "*.safetensors.index.json"  # names the files over which weights are spread
CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file of a repository, as the hub lists it."""

    path: str
    size_bytes: int
    sha1: str  # as git has it: over b"blob SIZE\0" and the content
    sha256: str = ""  # over the content of a large file; of a small one the hub tells none

    @property
    def digest(self) -> str:
        """What names its content among the blobs, and is compared."""
        return self.sha256 or self.sha1


Files = Mapping[str, HubFile]


def cache_root() -> Path:
    """Where models of hubs are kept, as HF_HUB_CACHE or HF_HOME say."""
    return Path(constants.HF_HUB_CACHE)


def repository_folder(name: str) -> Path:
    """Where OWNER/MODEL is kept, whether it is there or not."""
    return cache_root() / f"models--{name.replace('/', '--')}"


def snapshot_folder(repository: Path, commit: str) -> Path:
    """Where the files of a commit are found by their names."""
    return repository / "snapshots" / commit


def commit_of(repository: Path, revision: str) -> str:
    """The commit that a branch is known to have; a revision of no such branch is a commit itself."""
    try:
        return (repository / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return revision


def list_file(repository: Path, commit: str) -> Path:
    """Where it is kept what the hub lists of a commit."""
    return repository / "trees" / f"{commit}.json"


def receipt_file(repository: Path, commit: str) -> Path:
    """Where it is kept what was fetched of a commit."""
    return repository / "whole" / f"{commit}.json"


def read_files(file: Path) -> Files | None:
    """The files that such a list names; None where there is no list, or none that can be read."""
    try:
        told = read_json(file)
        if told["format_version"] != TREE_FORMAT:
            return None
        return {str(path): _file_of(str(path), row) for path, row in told["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write_files(file: Path, files: Files) -> None:
    """Keep a list as huggingface_hub does, which reads it as well. LibraryError says why it cannot be kept."""
    rows = {path: _row_of(each) for path, each in sorted(files.items())}
    atomic_write(file, json.dumps({"format_version": TREE_FORMAT, "files": rows}, indent=1).encode())


def _file_of(path: str, row: Mapping[str, Any]) -> HubFile:
    return HubFile(
        path=path, size_bytes=int(row["size"]), sha1=str(row["blob_id"]), sha256=str(row.get("lfs_sha256") or "")
    )


def _row_of(file: HubFile) -> dict[str, object]:
    large = {"lfs_sha256": file.sha256, "lfs_size": file.size_bytes} if file.sha256 else {}
    return {"size": file.size_bytes, "blob_id": file.sha1, **large}


def choose_files(files: Files, wanted: Sequence[str], unwanted: Sequence[str]) -> dict[str, HubFile]:
    """Those that one of the wanted patterns fits, and none of the unwanted."""
    return {path: file for path, file in files.items() if _fits(path, wanted) and not _fits(path, unwanted)}


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def list_missing(repository: Path, commit: str, wanted: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """Names of files that a commit needs and that are not here in their full size; empty if it is whole."""
    snapshot = snapshot_folder(repository, commit)
    needed = read_files(receipt_file(repository, commit))
    if needed is None and (listed := read_files(list_file(repository, commit))) is not None:
        needed = choose_files(listed, wanted, unwanted)
    if needed is None:
        return _missing_parts(snapshot)
    missing = [file.path for file in needed.values() if not has_size(snapshot / file.path, file.size_bytes)]
    return missing or ([] if _has_weights(needed) else [WEIGHTS[0]])


def has_size(file: Path, size_bytes: int) -> bool:
    """Whether a file is there with so many bytes."""
    try:
        return file.stat().st_size == size_bytes
    except OSError:
        return False


def _has_weights(paths: Sequence[str] | Files) -> bool:
    return any(_fits(path, WEIGHTS) for path in paths)


def _missing_parts(snapshot: Path) -> list[str]:
    """The same where nobody has listed the files: by the index of the weights, or by there being any."""
    present = sorted(path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file())
    needed = {CONFIG} if not any(fnmatch(path, "*.gguf") for path in present) else set[str]()
    for index in snapshot.glob(INDEX):
        needed |= _parts_in(index)
    missing = sorted(needed - set(present))
    return missing or ([] if _has_weights(present) else [WEIGHTS[0]])


def _parts_in(index: Path) -> set[str]:
    try:
        return {str(part) for part in read_json(index)["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {index.name}
