"""The files of one library in the store that all its machines reach, and what this machine keeps of it for a while.

    DATA/fetched/ab/ab12.../NAME   copies of what was read here, the latest up to `storage.files_here_gb`
    DATA/added/ab12.../NAME        what was dropped on the page or sent: its path has its checksum, so any machine with
                                   a folder of the same name can bring it before the library has looked at it

A file that this machine has by its own path is read there, and only there.
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from deepseek_mm.errors import LibraryError, OutOfReach, TransientError
from deepseek_mm.storage.absent_files import AbsentFile
from deepseek_mm.storage.file_store import FileStore

FETCHED, ADDED = "fetched", "added"  # folders of a library
BY_DIGEST = re.compile("/" + ADDED + "/([0-9a-f]{64})/[^/]+$")
MEMBER = "!/"  # between an archive and a file in it
DRAFT_S = 86_400.0  # after which a draft was left by somebody who is gone
ON_ITS_WAY_S = 86_400.0  # within which what came may be about to be known
READ_AGAIN_S = 86_400.0  # within which what was fetched may well be read again
SENDERS = 4  # files of one job that are on their way to the store at the same time
ROOM = 0.9  # of the bound, to which old copies make way
Expected = Mapping[str, Sequence[str | int]]  # path -> digest, size, time, as a job's payload has them
log = logging.getLogger(__name__)


class StoredFiles:
    """Safe in many threads, and beside other processes with the same folder."""

    def __init__(
        self,
        store: FileStore,
        data: Path,
        *,
        most_bytes: int,
        know: Callable[[str], AbsentFile | None],
        find_used: Callable[[Collection[str]], set[str]],
    ) -> None:
        """`know` says what the library knows of the file at a path, as far as whoever asks may see it; `find_used`
        those of some checksums to which anything of it refers, also what it may still bring back.
        """
        self.store, self._data, self._most_bytes = store, Path(os.path.realpath(data)), most_bytes
        self._know, self._find_used = know, find_used
        self._expected: dict[str, AbsentFile] = {}
        self._num_bytes = -1  # of what is kept here; -1 before it was counted
        self._lock = Lock()

    def keep(self, digest: str, opens: Callable[[], IO[bytes]]) -> None:
        """Have these bytes in the store; they are opened if they are not there yet. TransientError if it refuses,
        BadFile if they have another checksum.
        """
        if not self.store.has(digest):
            with opens() as data:
                self.store.write_once(digest, data)

    def find(self, path: str) -> str:
        """Where a copy with the bytes of this path lies here, fetched if need be; "" if the path is unknown."""
        facts = self.describe(path)
        if facts is None:
            return ""
        copy = self._data / FETCHED / facts.digest[:2] / facts.digest / os.path.basename(path)
        if not copy.exists():
            self.store.fetch(facts.digest, copy)
            self._count(copy.stat().st_size)
        with suppress(OSError):  # another process made room just now: whoever opens it says so
            os.utime(copy, ns=(time.time_ns(), facts.modified_ns))
        return str(copy)

    def describe(self, path: str) -> AbsentFile | None:
        """What is known of the file at this path; None if nothing is."""
        return self._expected.get(path) or self._know(path)

    @contextmanager
    def expecting(self, expected: Expected) -> Iterator[None]:
        """Know these files inside, which the library is about to look at."""
        known = {
            path: AbsentFile(digest=str(digest), size_bytes=int(size), modified_ns=int(modified))
            for path, (digest, size, modified) in expected.items()
        }
        self._expected |= known
        try:
            yield
        finally:
            for path in known:
                self._expected.pop(path, None)

    def bring(self, paths: Sequence[str]) -> None:
        """Have those of the paths in the library's folder here that tell their checksum, or that are known. OutOfReach
        if they cannot be made.
        """
        for path in (named.partition(MEMBER)[0] for named in paths):
            digest = self._find_digest(path)
            if not digest or os.path.lexists(path):
                continue
            try:
                self.store.fetch(digest, Path(path))
            except LibraryError:
                raise
            except OSError as error:
                raise OutOfReach(
                    f"{path} cannot be made here: {error.strerror}. Give this machine the right to write there"
                ) from error
            self._count(os.stat(path).st_size)

    def _find_digest(self, path: str) -> str:
        """Of a file that may be put where it is called to be; "" of any other."""
        if path != os.path.normpath(path) or not Path(path).is_relative_to(self._data):
            return ""
        if found := BY_DIGEST.search(path):
            return found[1]
        known = self.describe(path)
        return known.digest if known is not None else ""

    def drop_unused(self, digests: Collection[str]) -> int:
        """Let go of those of these bytes that nothing refers to any more, with all small copies, in the store and here;
        returns how many those were. What the store does not take off now stays until `sweep` finds it.
        """
        try:
            lost = set(digests) - (self._find_used(digests) if digests else set())
            for digest in lost:
                shutil.rmtree(self._data / FETCHED / digest[:2] / digest, ignore_errors=True)
                self.store.remove(digest)
        except TransientError as error:
            log.warning("what was deleted stays in the store of files until the library is repaired: %s", error)
            return 0
        return len(lost)

    def sweep(self) -> int:
        """Let go of everything that nothing refers to, but for what came within a day: it may be on its way in."""
        old = {digest for digest, came_s in self.store.list_kept() if time.time() - came_s > ON_ITS_WAY_S}
        here = {folder.name for folder in (self._data / FETCHED).glob("*/*")}
        return self.drop_unused(old | here)

    def expire(self) -> None:
        """Remove what was fetched and not read for a day: what another machine has deleted since is not kept here."""
        for read_s, _, path in self._list_copies():
            if path.is_relative_to(self._data / FETCHED) and time.time() - read_s > READ_AGAIN_S:
                path.unlink(missing_ok=True)
                with suppress(OSError):
                    path.parent.rmdir()
        self._num_bytes = -1

    def clear(self) -> None:
        """Let go of everything."""
        shutil.rmtree(self._data / FETCHED, ignore_errors=True)
        self.store.clear()

    def note_kept(self, size_bytes: int) -> None:
        """A file was put here whose bytes the store has."""
        self._count(size_bytes)

    def _count(self, size_bytes: int) -> None:
        """Make room once there is too much here."""
        with self._lock:
            if self._num_bytes >= 0:
                self._num_bytes += size_bytes
            if self._num_bytes < 0 or self._num_bytes > self._most_bytes:
                self._num_bytes = self._make_room()

    def _make_room(self) -> int:
        """Remove what was read longest ago; returns how many bytes are left."""
        kept = sorted(self._list_copies())
        total = sum(size for _, size, _ in kept)
        most = self._most_bytes if total <= self._most_bytes else int(self._most_bytes * ROOM)
        for _, size, path in kept[:-1]:  # the last one is about to be read
            if total <= most:
                break
            if path.is_relative_to(self._data / FETCHED) or self.store.has(path.parent.name):
                path.unlink(missing_ok=True)
                with suppress(OSError):
                    path.parent.rmdir()
                total -= size
        return total

    def _list_copies(self) -> Iterator[tuple[float, int, Path]]:
        """When each copy here was read last, its size and its path."""
        for path in (*(self._data / FETCHED).glob("*/*/*"), *(self._data / ADDED).glob("*/*")):
            with suppress(OSError):
                status = path.stat()
                if path.name.endswith(".draft") and time.time() - status.st_mtime > DRAFT_S:
                    path.unlink()
                elif path.is_relative_to(self._data / FETCHED) or BY_DIGEST.search(str(path)):
                    yield status.st_atime, status.st_size, path


class SendingAhead:
    """Sends the files of one job while others of it are looked at: a store is as far away as its network."""

    def __init__(self, files: StoredFiles) -> None:
        self._files, self._pool = files, ThreadPoolExecutor(SENDERS, thread_name_prefix="send")
        self._begun: dict[str, Future[None]] = {}

    def begin(self, digest: str, opens: Callable[[], IO[bytes]]) -> None:
        """Send these bytes some time; `finish` waits for it."""
        if digest not in self._begun:
            self._begun[digest] = self._pool.submit(self._files.keep, digest, opens)

    def finish(self, digest: str, opens: Callable[[], IO[bytes]]) -> None:
        """Have these bytes in the store. As `StoredFiles.keep` raises."""
        begun = self._begun.pop(digest, None)
        begun.result() if begun else self._files.keep(digest, opens)

    def close(self) -> None:
        """Send nothing any more, and let go of what was sent and not stored after all."""
        self._pool.shutdown(cancel_futures=True)
        self._files.drop_unused(self._begun)
