"""Writes the cache file in the background while searches go on, but never a content that the store no longer has."""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread

from index.cache import drop_index, save_index
from index.vectors import VectorIndex

log = logging.getLogger(__name__)


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
