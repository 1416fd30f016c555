"""One model brought whole into the cache of the hub: what is there already stays, what was begun goes on.

The bytes of a file go into blobs/HASH.incomplete without a buffer between, so that a process that is killed loses
none; the next one asks for the rest. A file is renamed to blobs/HASH when its bytes have that hash. Names are given to
the files (snapshots/COMMIT) only when all of them are there, config.json last, and then it is written down what was
fetched: no program finds half a model.

One process at a time works on a model, and on a file, under the same lock files as huggingface_hub: another one waits
and finds the work done.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from deepseek_mm.config import HubConfig
from deepseek_mm.errors import (
    BadCheckpoint,
    Cancelled,
    DeepSeekMMError,
    LibraryError,
    NothingThere,
    ServerError,
    is_storage_full,
)
from deepseek_mm.hub import MAIN, UNWANTED, HubFile
from deepseek_mm.hub.cache import (
    CONFIG,
    Files,
    choose_files,
    commit_of,
    has_size,
    list_file,
    read_files,
    receipt_file,
    repository_folder,
    snapshot_folder,
    write_files,
)
from deepseek_mm.models.hub_client import COMMIT, HubClient, HubTrouble, RepositoryListing
from deepseek_mm.storage.files import atomic_write, explain_write_error, read_json, sync_folder

HARMLESS = (".safetensors", ".gguf", ".json", ".txt", ".model", ".jinja", ".spm", ".tiktoken")  # endings; data, no code
WEIGHT_ENDINGS = (".safetensors", ".gguf")
UNDER_WAY = "downloading.json"  # which commit was chosen for a download that has not ended
PART = ".incomplete"  # behind the name of a blob
LOOK_S = 0.2  # between two looks for a stop, and for a lock to be free
READ_BYTES = 1 << 20
MEGABYTE = 1e6
TRIES_OF_A_FILE = 2  # that come with a wrong hash: the first may hold bytes that a power cut spoiled
RESUME = "What has come stays, and the download goes on from there when it is resumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferWatch:
    """Whoever looks on."""

    report: Callable[[int, int, str], None]  # bytes that are here, bytes in all, and the file at hand
    say: Callable[[str], None]  # what else is at hand
    stopping: Callable[[], bool]

    def check(self) -> None:
        """Cancelled if it is to end."""
        if self.stopping():
            raise Cancelled("the download was stopped")

    def sleep(self, seconds: float) -> None:
        """Wait, and raise Cancelled meanwhile if it is to end."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self.check()
            time.sleep(min(LOOK_S, left_s))
        self.check()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRequest:
    """Which files of which model."""

    name: str  # OWNER/MODEL
    revision: str = MAIN  # a branch, or a commit
    wanted: tuple[str, ...]  # patterns of paths
    newest: bool = False  # go over to what the branch has now, though there is a whole commit


class Patience:
    """Waits between attempts, longer and longer while nothing comes."""

    def __init__(self, config: HubConfig, watch: TransferWatch) -> None:
        self._config, self._watch, self._fruitless = config, watch, 0

    def wait(self, trouble: HubTrouble, *, came: bool) -> None:
        """Until the next attempt. ServerError where there is to be none, Cancelled."""
        config, self._fruitless = self._config, 0 if came else self._fruitless + 1
        if self._fruitless > config.retries:
            raise ServerError(f"{trouble}, {self._fruitless} times in a row. {RESUME}") from None
        if trouble.retry_after_s > config.longest_wait_s:
            raise ServerError(f"{trouble}, for {trouble.retry_after_s:.0f} s more. {RESUME}") from None
        backoff_s = min(config.longest_wait_s, config.backoff_s * 2 ** min(self._fruitless, 30))
        self._watch.sleep(max(trouble.retry_after_s, backoff_s if self._fruitless else 0.0))


class ModelTransfer:
    """Brings one model. Everything it uses is handed in."""

    def __init__(self, client: HubClient, request: ModelRequest, config: HubConfig, watch: TransferWatch) -> None:
        self._client, self._request, self._config, self._watch = client, request, config, watch
        self._repository = repository_folder(request.name)
        self._blobs = self._repository / "blobs"
        self._commit = ""
        self._here_bytes = self._all_bytes = 0

    def run(self) -> Path:
        """The folder of the model, whole. Cancelled, or any DeepSeekMMError that says why it is not and what to do.

        Whoever is stopped, or fails, leaves what has come to the next attempt.
        """
        with explain_full_disk(self._repository), hold_lock(lock_file(self._request.name, "model"), self._watch):
            listing = self._choose_commit()
            self._commit = listing.commit
            files = self._choose_files(listing)
            missing = self._list_missing(files)
            self._all_bytes = sum(file.size_bytes for file in files.values())
            self._here_bytes = self._all_bytes - sum(file.size_bytes for file in missing)
            self._check_room(missing)
            for file in missing:
                self._fetch(file)
            return self._put_up(files)

    def _choose_commit(self) -> RepositoryListing:
        """The commit that was begun, or that is here, or else what the hub has now; with its files."""
        known = [each for each in (self._begun(), self._commit_here()) if COMMIT.fullmatch(each)]
        for commit in known:
            if (listed := read_files(list_file(self._repository, commit))) is not None:
                return RepositoryListing(commit=commit, files=listed)
        self._watch.say("asking the hub")
        listing = self._ask_for(known[-1] if known else self._request.revision)
        write_files(list_file(self._repository, listing.commit), listing.files)
        note = {"asked": self._request.revision, "commit": listing.commit}
        atomic_write(self._repository / UNDER_WAY, json.dumps(note).encode())
        return listing

    def _begun(self) -> str:
        """The commit of an earlier attempt at the same; empty where there was none."""
        try:
            note = read_json(self._repository / UNDER_WAY)
            return str(note["commit"]) if note["asked"] == self._request.revision else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def _commit_here(self) -> str:
        """The commit that the branch had here; empty where a newer one is wanted."""
        return "" if self._request.newest else commit_of(self._repository, self._request.revision)

    def _ask_for(self, revision: str) -> RepositoryListing:
        """What the hub lists of it; where it has no such commit any more, of the branch."""
        try:
            return self._ask(revision)
        except NothingThere:
            if revision == self._request.revision:
                raise
            return self._ask(self._request.revision)

    def _ask(self, revision: str) -> RepositoryListing:
        patience = Patience(self._config, self._watch)
        while True:
            try:
                return self._client.list_files(self._request.name, revision)
            except HubTrouble as trouble:
                patience.wait(trouble, came=False)

    def _choose_files(self, listing: RepositoryListing) -> Files:
        """Those that are wanted. BadCheckpoint where there are no weights that could be read without running code."""
        chosen = choose_files(listing.files, self._request.wanted, UNWANTED)
        chosen = {path: file for path, file in chosen.items() if path.endswith(HARMLESS)}
        if any(path.endswith(WEIGHT_ENDINGS) for path in chosen):
            return chosen
        others = [path for path in listing.files if path.endswith((".bin", ".pt", ".pth", ".ckpt", ".h5", ".onnx"))]
        has = f"only {others[0]}, and such weights are never read, since they can run code" if others else "none at all"
        raise BadCheckpoint(
            f"{self._request.name} has no weights as safetensors or GGUF that are wanted ({has}). Choose another model"
        )

    def _list_missing(self, files: Files) -> list[HubFile]:
        """What has to be fetched or compared, small files first."""
        known = read_files(receipt_file(self._repository, self._commit)) or {}
        folder = snapshot_folder(self._repository, self._commit)
        missing = [
            file
            for file in files.values()
            if file.path not in known or not has_size(folder / file.path, file.size_bytes)
        ]
        return sorted(missing, key=lambda file: (file.size_bytes, file.path))

    def _check_room(self, missing: Sequence[HubFile]) -> None:
        """LibraryError if the disk cannot take what is missing."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        needed = sum(file.size_bytes - self._held_bytes(file) for file in missing)
        free = shutil.disk_usage(self._blobs).free
        if needed and needed + self._config.spare_mb * MEGABYTE > free:
            raise LibraryError(
                f"{self._request.name} needs {needed / MEGABYTE:,.0f} MB more in {self._blobs.parents[1]}, where "
                f"{free / MEGABYTE:,.0f} MB are free and {self._config.spare_mb} MB (hub.spare_mb) have to stay so. "
                "Free some, or name a folder on a larger disk in HF_HOME"
            )

    def _held_bytes(self, file: HubFile) -> int:
        """Of a file, in its blob or the part of one."""
        blob = self._blobs / file.digest
        return file.size_bytes if has_size(blob, file.size_bytes) else size_of(self._part_of(file))

    def _part_of(self, file: HubFile) -> Path:
        return self._blobs / f"{file.digest}{PART}"

    def _fetch(self, file: HubFile) -> None:
        """Have the blob of a file, with the hash that the hub tells. ServerError if it gives another one again."""
        blob, part = self._blobs / file.digest, self._part_of(file)
        with hold_lock(lock_file(self._request.name, file.digest), self._watch):
            for _ in range(TRIES_OF_A_FILE):
                if has_size(blob, file.size_bytes) and self._is_right(blob, file):
                    break
                blob.unlink(missing_ok=True)
                self._fill(part, file)
                if self._is_right(part, file):
                    os.replace(part, blob)
                    sync_folder(self._blobs)
                    break
                part.unlink()
            else:
                raise ServerError(
                    f"the hub gives {file.path} of {self._request.name} with other bytes than it says, so it was not "
                    "kept. Try again later, or without a mirror (HF_ENDPOINT)"
                )
        self._here_bytes += file.size_bytes

    def _fill(self, part: Path, file: HubFile) -> None:
        """Append until the part has the size of the file."""
        if size_of(part) > file.size_bytes:
            part.unlink()
        part.touch()
        patience = Patience(self._config, self._watch)
        while (before := size_of(part)) < file.size_bytes:
            try:
                self._append(part, file, before)
            except HubTrouble as trouble:
                patience.wait(trouble, came=size_of(part) > before)
            except NothingThere:
                (self._repository / UNDER_WAY).unlink(missing_ok=True)  # this commit cannot be had any more
                raise

    def _append(self, part: Path, file: HubFile, start: int) -> None:
        """Ask once for the rest. HubTrouble if it breaks off, or nothing comes."""
        name = self._request.name
        with (
            self._client.open_file(name, self._commit, file.path, start) as stream,
            part.open("r+b", buffering=0) as out,
        ):
            out.seek(stream.start)
            out.truncate()
            for chunk in stream.chunks:
                self._watch.check()
                write_all(out.fileno(), chunk)
                if out.tell() > file.size_bytes:
                    out.truncate(0)
                    raise ServerError(f"the hub gives more of {file.path} of {name} than it says. Try again later")
                self._watch.report(self._here_bytes + out.tell(), self._all_bytes, file.path)
        if size_of(part) <= start:
            raise HubTrouble(f"{self._client.address} gave nothing of {file.path}")

    def _is_right(self, path: Path, file: HubFile) -> bool:
        """Whether the bytes on the disk have the hash that the hub tells."""
        self._watch.say(f"checking {file.path}")
        with path.open("rb") as opened:
            os.fsync(opened.fileno())
            total = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % file.size_bytes)
            while piece := opened.read(READ_BYTES):
                self._watch.check()
                total.update(piece)
        return total.hexdigest() == file.digest

    def _put_up(self, files: Files) -> Path:
        """Give the files their names, and write down that they are whole."""
        folder = snapshot_folder(self._repository, self._commit)
        receipt = receipt_file(self._repository, self._commit)
        for file in sorted(files.values(), key=lambda file: (file.path == CONFIG, file.path)):
            link_blob(self._blobs / file.digest, folder / file.path, file.size_bytes)
        write_files(receipt, {**(read_files(receipt) or {}), **files})
        named = self._request.revision != self._commit
        branch = self._repository / "refs" / (self._request.revision if named else MAIN)
        if named or not branch.exists():  # without a network the name alone is to lead to what is here
            atomic_write(branch, self._commit.encode())
        (self._repository / UNDER_WAY).unlink(missing_ok=True)
        self._watch.report(self._all_bytes, self._all_bytes, "")
        return folder


def size_of(file: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def write_all(handle: int, data: bytes) -> None:
    """Write all of it: the system may take less at a time."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def link_blob(blob: Path, name: Path, size_bytes: int) -> None:
    """Let a file's name lead to its content, as huggingface_hub does; on a disk without links the content moves."""
    if not has_size(blob, size_bytes):  # it was moved to its name before
        return
    name.parent.mkdir(parents=True, exist_ok=True)
    draft = name.with_name(f".{name.name}.{os.getpid()}")
    try:
        draft.symlink_to(os.path.relpath(blob, name.parent))
        os.replace(draft, name)
    except OSError as error:
        if is_storage_full(error):
            raise
        os.replace(blob, name)


def lock_file(name: str, what: str) -> Path:
    """The lock file of a model, or of one of its blobs."""
    repository = repository_folder(name)
    return repository.parent / ".locks" / repository.name / f"{PurePosixPath(what).name}.lock"


@contextmanager
def hold_lock(file: Path, watch: TransferWatch) -> Iterator[None]:
    """Be the only process that has this lock; Cancelled while waiting for it. One that dies lets go of it."""
    with explain_write_error(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, mode=0o664)
    while True:
        watch.check()
        try:
            lock.acquire(timeout=LOOK_S, poll_interval=LOOK_S / 4)
            break
        except Timeout:
            watch.say("another process downloads this; waiting for it")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def explain_full_disk(repository: Path) -> Iterator[None]:
    """LibraryError for a disk that refuses, with the next step."""
    try:
        yield
    except DeepSeekMMError:
        raise
    except OSError as error:
        what = "the disk is full" if is_storage_full(error) else f"it cannot be written ({error.strerror or error})"
        raise LibraryError(
            f"cannot keep the model in {repository}: {what}. Free some space or allow writing there, or name another "
            f"folder in HF_HOME. {RESUME}"
        ) from error


def discard_parts(name: str) -> None:
    """Remove what an unfinished download has left, unless another process is at it."""
    lock = FileLock(lock_file(name, "model"), mode=0o664)
    repository = repository_folder(name)
    if not repository.is_dir():
        return
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    try:
        for part in (repository / "blobs").glob(f"*{PART}"):
            part.unlink(missing_ok=True)
        (repository / UNDER_WAY).unlink(missing_ok=True)
    finally:
        lock.release()
