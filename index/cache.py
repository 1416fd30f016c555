"""The file that saves a start from reading every vector out of the database; losing it costs seconds, never data.

Layout: FAISS's own file, the ids, one line of JSON (whose store it is, how many ids), then a fixed end: checksum of all
before it, length of the JSON, magic bytes. What FAISS reads stands first, so plain `faiss.read_index` opens it too. The
end is written last: a torn file has none. It is written in the background while searches go on, but never a content
that the store no longer has.
"""

import json
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import faiss
import numpy as np

from deepseek_mm.storage.exchange import draft_beside
from deepseek_mm.storage.files import sync_folder
from index.database import CacheUnusable
from index.vectors import Codes, VectorIndex

lib: Any = faiss  # FAISS's own type stubs lag behind its code
END = struct.Struct("<II8s")  # checksum of all before it, length of the JSON, magic
MAGIC = b"DSMMVEC2"
ID = np.dtype("<i8")
CHUNK_BYTES = 1 << 22
ABANDONED_S = 3600.0  # age at which a draft belongs to a process that was killed
log = logging.getLogger(__name__)


def save_index(index: VectorIndex, path: Path, *, store: str) -> None:
    """Write beside `path`, fsync, rename: a reader sees the old file or the new one. OSError if the disk refuses."""
    _sweep(path)
    with draft_beside(path) as draft:
        try:
            lib.write_index(_pack(index), str(draft))
        except RuntimeError as error:  # FAISS's way to report a failed write
            raise OSError(f"cannot write {draft}: {error}") from error
        note = json.dumps({"store": store, "ids": len(index)}).encode()
        rest = index.ids_N.astype(ID).tobytes() + note
        checksum = zlib.crc32(rest, _checksum(draft, draft.stat().st_size))
        with draft.open("ab") as file:
            file.write(rest + END.pack(checksum, len(note), MAGIC))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    sync_folder(path.parent)


def load_index(path: Path, *, store: str, dim: int) -> VectorIndex:
    """The index in the file; CacheUnusable says why it cannot be trusted."""
    if not path.is_file():
        raise CacheUnusable(path, "there is no such file")
    note, ids_at = _verify(path)
    if note["store"] != store:
        raise CacheUnusable(path, f"it belongs to the store {note['store']}, not to {store}")
    ids_N = np.fromfile(path, ID, count=note["ids"], offset=ids_at).astype(np.int64, copy=False)
    try:
        index = _unpack(ids_N, lib.read_index(str(path)))
    except RuntimeError as error:  # whole, but of a FAISS that we do not understand
        raise CacheUnusable(path, str(error)) from error
    if index.dim != dim:
        raise CacheUnusable(path, f"its vectors are {index.dim} wide, not {dim}")
    return index


def drop_index(path: Path) -> None:
    """Delete the file if that is possible: a folder that cannot be written keeps it, and it is not used."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _pack(index: VectorIndex) -> Any:
    return index.flat if index.codes is None else lib.IndexRefine(index.codes.held, index.flat)


def _unpack(ids_N: Any, held: Any) -> VectorIndex:
    """The vectors, or codes and vectors, which go when their owner goes."""
    if not isinstance(held, lib.IndexRefine):
        return VectorIndex(ids_N, held)
    codes = Codes(lib.downcast_index(held.base_index))
    return VectorIndex(ids_N, lib.downcast_index(held.refine_index), codes, owner=held)


def _verify(path: Path) -> tuple[dict[str, Any], int]:
    """The note of the file and where its ids begin, once its checksum is right."""
    size = path.stat().st_size
    if size < END.size:
        raise CacheUnusable(path, f"it ends after {size} bytes")
    with path.open("rb") as file:
        file.seek(size - END.size)
        checksum, note_bytes, magic = END.unpack(file.read(END.size))
        if magic != MAGIC or note_bytes > size - END.size:
            raise CacheUnusable(path, "its end is missing, or of another version")
        note_at = size - END.size - note_bytes
        file.seek(note_at)
        note = file.read(note_bytes)
    if _checksum(path, size - END.size) != checksum:
        raise CacheUnusable(path, "its checksum is wrong")
    known = json.loads(note)
    return known, note_at - ID.itemsize * known["ids"]


def _checksum(path: Path, length: int) -> int:
    """CRC-32 of the first `length` bytes."""
    checksum = 0
    with path.open("rb") as file:
        while length > 0 and (piece := file.read(min(CHUNK_BYTES, length))):
            checksum = zlib.crc32(piece, checksum)
            length -= len(piece)
    return checksum


def _sweep(path: Path) -> None:
    """Remove drafts that a killed process left behind."""
    for draft in path.parent.glob(f"{path.name}.*.draft"):
        if time.time() - draft.stat().st_mtime > ABANDONED_S:
            draft.unlink(missing_ok=True)


class CacheWriter:
    """Writes one file, in one thread at most; knows no SQL."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path, self._writes = path, writes
        self._void = set[str]()  # identities of contents that the store no longer has
        self._worker: Thread | None = None
        self._lock = Lock()
        self.last_id = 0  # the highest id on file; 0 without a file

    def start(self, identity: str, make: Callable[[], VectorIndex]) -> None:
        """Write what `make` returns, in the background; nothing is done while another file is being written."""
        with self._lock:
            busy = self._worker is not None and self._worker.is_alive()
            if self._writes and not busy and identity not in self._void:
                self._worker = Thread(target=self._write, args=(identity, make), name="index", daemon=True)
                self._worker.start()

    def drop(self, *, void: str = "") -> None:
        """Delete the file, also one that is just being written; the identity `void` is never written again."""
        with self._lock:
            self._void.add(void)
            self.settle()
            self.last_id = 0
            if self._writes:
                drop_index(self._path)

    def is_void(self, identity: str) -> bool:
        """Whether the store no longer has this content."""
        return identity in self._void

    def settle(self) -> None:
        """Wait until nothing is being written."""
        if self._worker is not None:
            self._worker.join()

    def _write(self, identity: str, make: Callable[[], VectorIndex]) -> None:
        index = make()
        try:
            save_index(index, self._path, store=identity)
        except OSError as error:  # a full disk costs the next start some seconds, nothing else
            log.warning("no cache of the vectors was written: %s", error)
        self.last_id = index.last_id  # after a failure too: it is tried again when as much has come again
