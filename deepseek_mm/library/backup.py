"""A library in one file: index, history, uploads, settings, rules, watched folders. Not the photos themselves.

A backup may come from anybody, and its `config.toml` counts from the next start on.

A backup is a zip without compression: the parts, then a manifest with the SHA-256 of each. Databases are copied as of
one moment while work goes on. What was taken out is not in it, though it could still be put back.

It is written beside its name and renamed, so a name always means a whole backup: a new name, or that of an older
backup; never over anything else. What lies under the name is looked at before the work begins, and once more at its
end, by a step that fails when something else has come there meanwhile. Nothing is ever written through a link, nor into
the library's own folder but below its `backups`.

A restore first checks every part, then exchanges one after the other, each at once. It is a job: killed in the middle
it goes on with the next start and ends the same.
"""

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

from deepseek_mm.config import Config
from deepseek_mm.database_places import space_of, space_places
from deepseek_mm.errors import BadFile, ConfigError, Conflict, DeepSeekMMError, LibraryError
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs, Task
from deepseek_mm.learning.learner import FOLDER as LEARNING
from deepseek_mm.library.drives import ROOTS
from deepseek_mm.library.dropped_files import FOLDER, taken_out
from deepseek_mm.library.duplicates import APART
from deepseek_mm.library.folder_watcher import WATCH
from deepseek_mm.library.trash import Trash, sweep_drafts_of
from deepseek_mm.parse.workers.wire import DAMAGE
from deepseek_mm.settings import saved_values
from deepseek_mm.settings_file import change_values
from deepseek_mm.storage.counters import forget_note
from deepseek_mm.storage.exchange import copy_database, exchange_database
from deepseek_mm.storage.files import MOST_BYTES, parse_json
from deepseek_mm.storage.places import Place, ServerPlace, open_database
from index.database import STORE as INDEX
from index.store import RegionStore

BACKUPS = "backups"  # folder below the library's, for backups without a name
SUFFIX = ".deepseek-mm"
PAGE = "page"  # the page's own cache, which is no part of the library


def backups_in(data: Path) -> list[Path]:
    """Backups in the library's folder, the newest first: their names begin with the time."""
    return sorted((data.absolute() / BACKUPS).glob(f"*{SUFFIX}"), reverse=True)


def new_backup(data: Path) -> Path:
    """A name for the next one; its folder is there."""
    folder = data.absolute() / BACKUPS
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}{SUFFIX}"


def files_of(data: Path) -> Iterator[tuple[Path, int]]:
    """Every file below, with its size; one that goes meanwhile is passed over."""
    for here, _, names in os.walk(data):
        for name in names:
            path = Path(here, name)
            with suppress(OSError):
                yield path, path.lstat().st_size


def size_of(data: Path) -> int:
    """Bytes of everything in the library's folder but the page's cache."""
    return sum(size for path, size in files_of(data) if path.relative_to(data).parts[0] != PAGE)


MANIFEST = "manifest.json"
FORMAT = "deepseek-mm library 1"
HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # of disks that know no second names
Identity = tuple[int, int, int, int]  # device, inode, bytes, time of the last change


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupTarget:
    """The name that a backup is to have, and what lay there when it was looked at."""

    path: Path  # absolute, in a folder that is reached through no link
    older: Identity | None  # the backup that is there already

    @classmethod
    def of(cls, path: Path, data: Path) -> Self:
        """Conflict or BadFile says why no backup can be written there."""
        folder = path.parent
        if folder.resolve() != folder:
            raise BadFile(f"{folder} is reached through a link, and no backup is written through one. Name another")
        home = data.resolve()
        if folder.is_relative_to(home) and not folder.is_relative_to(home / BACKUPS):
            raise Conflict(
                f"{path} lies among the library's own files, where a backup would be in their way. "
                f"Name a file elsewhere, or none: then it is made in {home / BACKUPS}"
            )
        return cls(path=path, older=identity_of(path))

    def open_draft(self, draft: Path) -> IO[bytes]:
        """A new file beside it, for the backup to grow in; it must not be there yet, not even as a link."""
        return os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "w+b")

    def publish(self, draft: Path) -> None:
        """Give the finished draft the name. Conflict if something else has come there since; that stays as it is."""
        if self.older is None:
            name_new(draft, self.path)
            return
        if not exchange(draft, self.path):  # no such step here: look once more, then replace
            if identity_of(self.path) != self.older:
                raise conflict_at(self.path)
            os.replace(draft, self.path)
        elif is_other(draft, self.older):  # what lay there is the draft now
            exchange(draft, self.path)
            raise conflict_at(self.path)


def identity_of(path: Path) -> Identity | None:
    """Which backup lies there; None if nothing does. Conflict or BadFile if it is something else."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    kind = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder"}.get(stat.S_IFMT(status.st_mode), "no plain file")
    if not stat.S_ISREG(status.st_mode):
        raise BadFile(f"{path} is {kind}, and a backup is written as a file of its own. Name another")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        opened = os.fstat(file.fileno())
        if not stat.S_ISREG(opened.st_mode) or not is_backup(file):
            raise Conflict(
                f"there is a file at {path} already, and it is no backup of this program, so it is not overwritten. "
                "Name another, or move that one away"
            )
    return fields_of(opened)


def is_backup(file: IO[bytes]) -> bool:
    """Whether it can be read as a backup of this program."""
    try:
        with zipfile.ZipFile(file) as bundle:
            told = read_manifest(bundle)
    except (*DAMAGE, LookupError, OSError):
        return False
    return isinstance(told, dict) and told.get("format") == FORMAT


def read_manifest(bundle: zipfile.ZipFile) -> Any:
    """What an archive says of itself, which may be anything. KeyError or one of DAMAGE if it says nothing."""
    if bundle.getinfo(MANIFEST).file_size > MOST_BYTES:
        raise ValueError(f"its {MANIFEST} is larger than {MOST_BYTES:,} bytes")
    return parse_json(bundle.read(MANIFEST))


def fields_of(status: os.stat_result) -> Identity:
    """What tells one state of a file from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def is_other(path: Path, known: Identity) -> bool:
    """Whether something else lies there by now."""
    return fields_of(os.lstat(path)) != known


def conflict_at(path: Path) -> Conflict:
    """What is said when a file came there while the backup was made."""
    return Conflict(f"something else was put at {path} while the backup was made, and it was left there. Try again")


def name_new(draft: Path, path: Path) -> None:
    """Give a file a name that nothing has. Conflict if something has it."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise conflict_at(path) from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # takes the name, which then is ours
        except FileExistsError:
            raise conflict_at(path) from None
        os.replace(draft, path)
        return
    draft.unlink()


def exchange(one: Path, other: Path) -> bool:
    """Let two files exchange their names at once; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(other))


GUARDED = (
    "serve.",
    "sandbox.",
    "storage.",
    "lm.api_key_",
)  # how settings begin that no backup changes


def keep_guarded(restored: Path, own: Path) -> list[str]:
    """Give a restored settings file the guarded values of the library's own one; names of those that differed.

    BadFile if the restored file is no settings file. Either may be absent: a backup without one changes no setting.
    """
    if not restored.exists():
        return []
    mine: dict[str, Any] = {}
    with suppress(ConfigError):  # no start reads it either
        mine = guarded_values(own)
    try:
        theirs = guarded_values(restored)
        differing = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
        if differing:
            values = {name: mine.get(name) for name in differing}
            restored.write_text(change_values(restored.read_text("utf-8"), values, restored), "utf-8")
        if guarded_values(restored) != mine:
            raise ConfigError(f"{', '.join(differing)} cannot be taken out of it")
    except ConfigError as error:
        raise BadFile(f"the settings in the backup cannot be used: {error}. Use another backup") from error
    return differing


def guarded_values(file: Path) -> dict[str, Any]:
    """Dotted name -> value of the guarded settings that a file names. ConfigError if it cannot be read."""
    return {name: value for name, value in saved_values(file).items() if name.startswith(GUARDED)}


BACKUP, RESTORE = "back up", "restore"  # kinds of jobs
STORE = "store.db"
SETTINGS = "config.toml"
TEXTS = (
    SETTINGS,
    "rules.txt",
    APART,
    ROOTS,
)  # that their owner changes, on the page or by hand, and what is remembered
KEPT = ("uploads", FOLDER, LEARNING)  # folders of files that the library itself holds: with questions, dropped, learned


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Backs up one library, and restores it."""

    config: Config
    store: RegionStore
    history: History
    jobs: Jobs
    trash: Trash
    restored: Callable[[], None] = lambda: None  # told when everything is as it was

    def backup(self, task: Task) -> str:
        """Payload: file. LibraryError says why it cannot be written; then what was there is still there.

        Conflict or BadFile if something else than a backup of ours lies there, or comes there meanwhile.
        """
        place = BackupTarget.of(Path(task.job.payload["file"]), self.config.data)
        target = place.path
        draft = target.with_name(f"{target.name}.{os.getpid()}-0.draft")
        sweep_drafts_of(target)
        try:
            with place.open_draft(draft) as file:
                with self._workspace() as room, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
                    self._fill(bundle, room, task)
                if task.stopping:
                    return "stopped; no backup was made"
                file.flush()
                os.fsync(file.fileno())
            place.publish(draft)
        except OSError as error:
            if isinstance(error, DeepSeekMMError):
                raise
            raise LibraryError(
                f"the backup {target} cannot be written: {error.strerror or error}. "
                "Free some space, or name another file"
            ) from error
        finally:
            draft.unlink(missing_ok=True)
        return f"{target} holds {self.store.counts().sources} files, {target.stat().st_size / 1e6:.1f} MB"

    def _fill(self, bundle: zipfile.ZipFile, room: Path, task: Task) -> None:
        """All parts, then the manifest: a bundle without one is not whole."""
        parts = list(self._parts(room))
        sums = {}
        for done, (name, path) in enumerate(parts):
            if task.stopping:
                return
            task.report(done, len(parts), name)
            bundle.write(path, name)
            sums[name] = checksum(path)
        told: dict[str, Any] = {"format": FORMAT, "made_at": datetime.now(UTC).isoformat(), "parts": sums}
        watched = self.jobs.find(kinds=(WATCH,), states=("waiting", "running"), limit=-1)
        told["watched"] = sorted({job.payload["folder"] for job in watched})
        bundle.writestr(MANIFEST, json.dumps(told, indent=1))
        task.report(len(parts), len(parts), MANIFEST)

    def _parts(self, room: Path) -> Iterator[tuple[str, Path]]:
        """Names in the bundle and the files to take; databases are copied into `room` first."""
        data = self.config.data
        for space in space_places(self.config):
            copy = room / f"{space.name}.db"
            copy_index(space.place, copy)
            yield f"spaces/{space.name}/{STORE}", copy
        self.history.copy_to(room / "history.db")
        yield "history.db", room / "history.db"
        left_out = {data / FOLDER / name for name in taken_out(self.config)}
        for path in sorted(path for name in KEPT for path in (data / name).rglob("*")):
            if path.is_file() and path not in left_out:
                yield path.relative_to(data).as_posix(), path
        yield from ((name, data / name) for name in TEXTS if (data / name).is_file())

    def restore(self, task: Task) -> str:
        """Payload: file. BadFile says what is wrong with it; then nothing was changed."""
        source = Path(task.job.payload["file"])
        with self._workspace() as room:
            told = unpack(source, room, task)
            if told is None:
                return "stopped; nothing was changed"
            guarded = keep_guarded(room / SETTINGS, self.config.data / SETTINGS)
            self.trash.clear()
            for name in KEPT:
                self._take_files(room / name, self.config.data / name)
            self.history.exchange(room / "history.db")
            for store in sorted(room.glob(f"spaces/*/{STORE}")):
                self._take_store(store)
            for name in TEXTS:
                if (room / name).is_file():
                    os.replace(room / name, self.config.data / name)
        self.restored()
        for folder in told["watched"]:
            self.jobs.add(WATCH, {"folder": folder}, title=f"Watch {folder}", unique=True)
        stays = f"; as here stay: {', '.join(guarded)}" if guarded else ""
        return f"as it was at {told['made_at']}: {self.store.counts().sources} files{stays}"

    def _take_store(self, store: Path) -> None:
        """Into the open store, if it is of the same space; else beside it, for when that space is used again."""
        home = self.config.data / "spaces" / store.parent.name
        if home.resolve() == self.store.folder.resolve():
            self.store.exchange(store)
            return
        place = space_of(self.config, home.name).place
        if not isinstance(place, Path):
            exchange_index(place, store)
            return
        home.mkdir(parents=True, exist_ok=True)
        forget_note(home / STORE)
        if (home / STORE).exists():
            exchange_database(home / STORE, store)
        else:
            os.replace(store, home / STORE)
        (home / "vectors.faiss").unlink(missing_ok=True)

    def _take_files(self, kept: Path, there: Path) -> None:
        """The files of the backup come back; later ones, which nothing will name, go."""
        kept.mkdir(exist_ok=True)
        shutil.copytree(kept, there, dirs_exist_ok=True)
        wanted = {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
        for path in sorted(there.rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(there) not in wanted:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A folder on the library's own disk, gone at the end."""
        own = f"bundle-{os.getpid()}-"  # so that `trash.sweep` can tell it from those of the dead
        with TemporaryDirectory(prefix=own, dir=self.config.data, ignore_cleanup_errors=True) as room:
            yield Path(room)


def copy_index(place: Place, copy: Path) -> None:
    """The index that lies there as a new file."""
    if isinstance(place, Path):
        copy_database(place, copy)
        return
    with closing(open_database(place, INDEX)) as database:
        database.copy_to(copy)


def exchange_index(place: ServerPlace, by: Path) -> None:
    """An index on a server that is not searched now takes over the content of a file."""
    with closing(open_database(place, INDEX)) as database:
        database.exchange(by)
        with database.writing() as session:
            INDEX.finish(session.connection())


def unpack(source: Path, room: Path, task: Task) -> dict[str, Any] | None:
    """All parts into `room`, each checked; the manifest. None when stopped, BadFile when something is not as it was."""
    try:
        with zipfile.ZipFile(source) as bundle:
            return unpack_parts(bundle, room, task)
    except FileNotFoundError as error:
        raise BadFile(f"no backup at {source}. Check the name") from error
    except (*DAMAGE, KeyError, IndexError, OSError) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(f"{source} is no whole backup of this program: {error}. Use another one") from error


def unpack_parts(bundle: zipfile.ZipFile, room: Path, task: Task) -> dict[str, Any] | None:
    """As `unpack`, from the open file."""
    told = manifest_of(bundle)
    if told.get("format") != FORMAT:
        raise BadFile(f"{bundle.filename} is of the format {told.get('format')!r}, not {FORMAT!r}. Update the program")
    for done, (name, expected) in enumerate(sorted(told["parts"].items())):
        if task.stopping:
            return None
        task.report(done, len(told["parts"]), name)
        unpack_part(bundle, name, expected, room)
    return told


def manifest_of(bundle: zipfile.ZipFile) -> dict[str, Any]:
    """What the bundle says of itself. ValueError or KeyError if that is no manifest of ours."""
    told = read_manifest(bundle)
    if not isinstance(told, dict) or "format" not in told:
        raise ValueError(f"its {MANIFEST} is none of ours")
    parts, watched = told.get("parts"), told.get("watched")
    texts = [told.get("made_at"), *(watched if isinstance(watched, list) else [None])]
    texts += [*parts, *parts.values()] if isinstance(parts, dict) and "history.db" in parts else [None]
    if told["format"] == FORMAT and not all(isinstance(text, str) for text in texts):
        raise ValueError(f"its {MANIFEST} lacks what a restore needs")
    return told


def unpack_part(bundle: zipfile.ZipFile, name: str, expected: str, room: Path) -> None:
    """One part; a name that would leave the room is refused, and so is other content than was packed."""
    target = (room / name).resolve()
    if not target.is_relative_to(room.resolve()):
        raise BadFile(f"{bundle.filename} holds a part named {name!r}, which is none of ours. Use another backup")
    target.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open(name) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)
    if checksum(target) != expected:
        raise BadFile(f"{bundle.filename} is damaged: {name} is not what was packed. Use another backup")


def checksum(path: Path) -> str:
    """SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
