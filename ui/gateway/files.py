"""Files of the page, each under a random id that only its browser session can use, and event data that names them.

A browser never learns where a file lies, and nothing it says is taken for a path. Uploads are removed from the disk
when their session holds too many or has not used them for long; copies that belong to Gradio's cache are only
forgotten.

A browser names a file by an object with `path`, perhaps with `url`, `orig_name` and others; of such an object nothing
but the id in `path` counts. What an event returns names files in the same way.
"""

import os
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

    def forget_owner(self, owner: str) -> int:
        """Remove every file of every browser of this caller; returns how many there were."""
        with self._lock:
            mine = [session for session in self._sessions if session.partition(" ")[0] == owner]
            gone = [file for session in mine for file, _ in self._sessions.pop(session).files.values()]
        remove(gone)
        return sum(file.is_upload for file in gone)

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


META = {"_type": "gradio.FileData"}  # how Gradio marks an object that names a file
MARKS = frozenset(("path", "url", "meta", "orig_name", "is_stream"))  # one of these, and it is taken for one
DEPTH = 20  # objects and lists within each other that a browser may send

Find = Callable[[object], PageFile]  # by an id; NoSuchFile where it is none
Keep = Callable[[Path, str], PageFile]  # gives a file of this name an id


def resolve_files(sent: Any, find: Find, *, depth: int = 0) -> Any:
    """What a browser sent, each file by where it lies. NoSuchFile if it names one in another way than by an id.

    No address is fetched and no path is read: whatever else the browser says of a file is left out.
    """
    if depth > DEPTH:
        raise NoSuchFile(f"what was sent is nested more than {DEPTH} levels deep. Reload the page")
    if isinstance(sent, Mapping):
        if MARKS & sent.keys():
            return to_file_data(find(sent.get("path")))
        return {key: resolve_files(each, find, depth=depth + 1) for key, each in sent.items()}
    if isinstance(sent, (list, tuple)):
        return [resolve_files(each, find, depth=depth + 1) for each in sent]
    return sent


def register_files(returned: Any, keep: Keep) -> Any:
    """What an event returns, each file by an id instead of where it lies."""
    if isinstance(returned, Mapping):
        if returned.get("meta") == META and isinstance(returned.get("path"), str):
            return _with_id(returned, keep)
        return {key: register_files(each, keep) for key, each in returned.items()}
    if isinstance(returned, (list, tuple)):
        return [register_files(each, keep) for each in returned]
    return returned


def to_file_data(file: PageFile) -> dict[str, Any]:
    """The object that names a file to Gradio."""
    return {
        "path": str(file.path),
        "orig_name": file.name,
        "size": file.size_bytes,
        "is_stream": False,
        "meta": dict(META),
    }


def _with_id(returned: Mapping[str, Any], keep: Keep) -> dict[str, Any]:
    file = keep(Path(returned["path"]), str(returned.get("orig_name") or ""))
    before, found, _ = str(returned.get("url") or "").partition("file=")
    return {**returned, "path": file.id, "url": f"{before}file={file.id}" if found else None}
