"""A library in one file: index, history, uploads, settings, rules, watched folders. Not the photos themselves.

A backup may come from anybody, and its `config.toml` counts from the next start on.

A backup is a zip without compression: the parts, then a manifest with the SHA-256 of each. Databases are copied as of
one moment while work goes on. What was taken out is not in it, though it could still be put back. It is written beside
its name and renamed, so a name always means a whole backup.

A restore first checks every part, then exchanges one after the other, each at once. It is a job: killed in the middle
it goes on with the next start and ends the same.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, ConfigError, DeepSeekMMError, LibraryError
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs, Task
from deepseek_mm.learning.learner import FOLDER as LEARNING
from deepseek_mm.library.backup_target import FORMAT, MANIFEST, BackupTarget, read_manifest
from deepseek_mm.library.dropped_files import FOLDER, taken_out
from deepseek_mm.library.duplicates import APART
from deepseek_mm.library.folder_watcher import WATCH
from deepseek_mm.library.trash import Trash, sweep_drafts_of
from deepseek_mm.parse.workers.wire import DAMAGE
from deepseek_mm.settings import saved_values
from deepseek_mm.settings_file import change_values
from deepseek_mm.storage.counters import forget_note
from deepseek_mm.storage.exchange import copy_database, exchange_database
from index.store import RegionStore

GUARDED = ("serve.", "sandbox.", "lm.api_key_")  # beginnings of the names of settings that no backup changes


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
TEXTS = (SETTINGS, "rules.txt", APART)  # that their owner changes, on the page or by hand
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
        for store in sorted(data.glob(f"spaces/*/{STORE}")):
            copy = room / f"{store.parent.name}.db"
            copy_database(store, copy)
            yield f"spaces/{store.parent.name}/{STORE}", copy
        self.history.copy_to(room / "history.db")
        yield "history.db", room / "history.db"
        left_out = {data / FOLDER / name for name in taken_out(data)}
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
        own = f"bundle-{os.getpid()}-"  # so that `leftovers` can tell it from those of the dead
        with TemporaryDirectory(prefix=own, dir=self.config.data, ignore_cleanup_errors=True) as room:
            yield Path(room)


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
