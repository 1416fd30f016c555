"""Files of the page, each under a random id that only the browser session it belongs to can use.

A browser never learns where a file lies, and nothing it says is taken for a path. Uploads are removed from the disk
when their session holds too many or has not used them for long; copies that belong to Gradio's cache are only
forgotten.
"""

import os
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm import DeepSeekMMError

ID_BYTES = 24  # random ones in an id


class NoSuchFile(DeepSeekMMError):
    """No file of this browser session has this id, or it is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileLimits:
    """How much one browser session may hold, and for how long."""

    files: int = 5_000
    size_bytes: int = 20_000_000_000
    idle_s: float = 86_400.0  # since an id was made or used last


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFile:
    """One file of one browser session."""

    id: str
    path: Path
    name: str  # as the user knows it
    size_bytes: int
    is_upload: bool  # so nobody else uses it, and it is removed from the disk when it is forgotten


@dataclass(slots=True)
class _Session:
    """What one browser session holds, that which was used longest ago first."""

    files: OrderedDict[str, tuple[PageFile, float]] = field(default_factory=OrderedDict)  # and when it was used
    ids: dict[Path, str] = field(default_factory=dict)
    size_bytes: int = 0

    def keep(self, file: PageFile, now_s: float) -> None:
        self.files[file.id] = file, now_s
        self.ids[file.path] = file.id
        self.size_bytes += file.size_bytes

    def pop_first(self) -> PageFile:
        return self.forget(next(iter(self.files)))

    def forget(self, number: str) -> PageFile:
        file, _ = self.files.pop(number)
        del self.ids[file.path]
        self.size_bytes -= file.size_bytes
        return file

    def use(self, number: str, now_s: float) -> PageFile:
        file, _ = self.files[number]
        self.files[number] = file, now_s
        self.files.move_to_end(number)
        return file

    def has_idle(self, until_s: float) -> bool:
        return bool(self.files) and next(iter(self.files.values()))[1] < until_s


class FileRegistry:
    """Every file that a browser may name to an event, or fetch."""

    def __init__(
        self, root: Path, limits: FileLimits | None = None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Only files below `root` are registered."""
        self.root, self.limits, self._now_s = Path(os.path.realpath(root)), limits or FileLimits(), now_s
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def make_folder(self) -> Path:
        """A new folder below the root for what one request uploads."""
        folder = self.root / "uploads" / secrets.token_urlsafe(ID_BYTES)
        folder.mkdir(parents=True)
        return folder

    def add(self, session: str, path: Path, *, name: str = "", is_upload: bool = False) -> PageFile:
        """Give a file an id; one that the session has already keeps its id. NoSuchFile if it may not be registered.

        The session's files that were used longest ago make room.
        """
        size_bytes = self._size_bytes(path)
        with self._lock:
            held = self._sessions.setdefault(session, _Session())
            if (known := held.ids.get(path)) is not None:
                return held.use(known, self._now_s())
            number = secrets.token_urlsafe(ID_BYTES)
            file = PageFile(id=number, path=path, name=name or path.name, size_bytes=size_bytes, is_upload=is_upload)
            held.keep(file, self._now_s())
            gone = [*self._drop_idle(), *self._drop_over(held)]
        remove(gone)
        return file

    def find(self, session: str, number: object) -> PageFile:
        """The file with this id. NoSuchFile if this session has none, or it cannot be read any more."""
        with self._lock:
            gone = list(self._drop_idle())
            held = self._sessions.get(session)
            here = held is not None and isinstance(number, str) and number in held.files
            file = held.use(str(number), self._now_s()) if held is not None and here else None
        remove(gone)
        if file is None:
            raise NoSuchFile("this file was not uploaded by this browser, or too long ago. Upload it again")
        self._size_bytes(file.path)
        return file

    def _drop_idle(self) -> Iterator[PageFile]:
        """Whatever nobody has used for long."""
        until_s = self._now_s() - self.limits.idle_s
        for session, held in list(self._sessions.items()):
            while held.has_idle(until_s):
                yield held.pop_first()
            if not held.files:
                del self._sessions[session]

    def _drop_over(self, held: _Session) -> Iterator[PageFile]:
        """The first of a session that holds too much; the newest always stays."""
        limits = self.limits
        while len(held.files) > 1 and (len(held.files) > limits.files or held.size_bytes > limits.size_bytes):
            yield held.pop_first()

    def _size_bytes(self, path: Path) -> int:
        """Bytes of a plain file below the root; a link is none."""
        with suppress(OSError, ValueError):
            state = os.lstat(path)
            inside = path.is_absolute() and Path(os.path.realpath(path)).is_relative_to(self.root)
            if inside and stat.S_ISREG(state.st_mode):
                return state.st_size
        raise NoSuchFile("this file is not here any more. Upload it again")


def remove(files: Iterable[PageFile]) -> None:
    """Remove uploads from the disk, with the folders that were made for them."""
    for file in files:
        if file.is_upload:
            with suppress(OSError):
                file.path.unlink(missing_ok=True)
                file.path.parent.rmdir()
                file.path.parent.parent.rmdir()
