"""Moves a library's index, history, jobs and accounts between files and a server, or between two servers.

Each database is copied beside the place that it is to have, while the old one goes on to be read and written: on a
server into a schema of another name, else into DATA/moving. What is there after a kill is kept, compared and completed
(`storage.replication`). At the end nobody may write to the old place: the last changes are brought up, all tables of
both are compared, and only then does everything take its place, on a server in one transaction. The old one stays as it
is. The trash and what can be made again stay in the library's folder either way, and so do uploads without a store of
files (`storage.files`). With one, the way to a server sends it what this machine can read, and the way back brings what
was uploaded.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread

from deepseek_mm.accounts.accounts import ACCOUNTS
from deepseek_mm.accounts.shared_access import open_key_ring
from deepseek_mm.config import Config
from deepseek_mm.database_places import SpacePlace, place_of, space_places
from deepseek_mm.errors import BadFile, BadQuestion, Conflict, LibraryError, NothingThere
from deepseek_mm.history.log import HISTORY
from deepseek_mm.jobs.table import JOBS
from deepseek_mm.parse.document import open_original, stat_file
from deepseek_mm.parse.links import MARK
from deepseek_mm.storage.counters import forget_note
from deepseek_mm.storage.database import Database
from deepseek_mm.storage.file_store import FileStore
from deepseek_mm.storage.files import ENDINGS, sync_file, sync_folder
from deepseek_mm.storage.places import Place, ServerPlace, open_database, open_readable
from deepseek_mm.storage.postgres_database import wait_long
from deepseek_mm.storage.replication import TableCopy, replicate, settle_replica
from deepseek_mm.storage.schema import Schema
from deepseek_mm.storage.server_schemas import ServerSchemas
from deepseek_mm.storage.stored_files import BY_DIGEST
from index.database import STORE
from index.places import files_in

SCHEMAS = {"history": HISTORY, "jobs": JOBS, "accounts": ACCOUNTS}
MOVING, ASIDE = "moving", "before-moving"  # what is being copied, and what was there before, in DATA or on a server
READY = "ready"  # a file in DATA/moving: all in it is whole, and on its way to its place
MOST_ROUNDS, FEW = 4, 1_000  # over what is written meanwhile; changes that the last round may have to bring up
Told = Callable[[str, str, int, float | None], None]  # database, what is done with it, rows by now, share if known
EVERY_S = 2.0  # between two looks at how far a server is


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseMove:
    """One database, from where to where."""

    name: str  # "history", "jobs", "accounts", or the folder of an index
    schema: Schema
    origin: Place
    draft: Place  # where it is until all of the library is whole
    target: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseCopy:
    """What was found of a database that was copied."""

    name: str
    tables: tuple[TableCopy, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCounts:
    """What became of the files that a library knows, each once."""

    moved: int = 0  # sent to the store, or brought from it
    there: int = 0  # where they are to be already
    absent: int = 0  # that this machine does not have, or that the store does not


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrationReport:
    """What became of it."""

    copies: tuple[DatabaseCopy, ...]  # of the last comparison, in which all were equal
    waits_for: str = ""  # why not everything took its place yet, with a next step; empty once it has
    aside: str = ""  # where that lies which was there before
    files: FileCounts | None = None  # None without a store of files
    seconds: float

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for copy in self.copies for table in copy.tables)


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryMove:
    """Moves one library. Of the two settings the one says where it lies, the other where it is to lie."""

    origin: Config
    target: Config
    set_aside: bool = False  # what is there already makes room
    hold: Callable[[Path], AbstractContextManager[object]]  # keeps the page out; LibraryError if one is open
    told: Told = field(default=lambda database, what, rows, share: None)

    def run(self) -> MigrationReport:
        """BadQuestion, NothingThere or Conflict says why there is nothing to do or no room; LibraryError or an
        IndexProblem why it broke off: the next run goes on from there.
        """
        began = time.monotonic()
        with self._alone(), ExitStack() as stack:
            moves = self._plan()
            pairs = [(move, *self._open(move, stack)) for move in moves]
            copies = tuple(self._copy(*pair) for pair in pairs)
            files = self._move_files()
            try:
                if os.access(self.origin.data, os.W_OK):
                    stack.enter_context(self.hold(self.origin.data))
                self._refuse_used(moves)
            except LibraryError as error:
                seconds = time.monotonic() - began
                return MigrationReport(copies=copies, waits_for=str(error), files=files, seconds=seconds)
            for _, origin, _ in pairs:
                stack.enter_context(_keep_still(origin))
            copies = tuple(self._compare(*pair) for pair in pairs)
            for move, _, draft in pairs:
                draft.empty_log() if isinstance(move.draft, Path) else None
                draft.close()
            aside = self._publish(moves)
            with open_key_ring(self.origin) as keys, open_key_ring(self.target) as there:
                there.take_over(keys.all())
        return MigrationReport(copies=copies, aside=aside, files=files, seconds=time.monotonic() - began)

    def _move_files(self) -> FileCounts | None:
        """To the store, or what was uploaded from it; what is there is passed over, so this goes on after a kill."""
        store = FileStore.of(self.target.storage)
        if store is None:
            return None
        is_to_send, kept = bool(self.target.storage.url), {digest for digest, _ in store.list_kept()}
        wanted = self._list_files() if is_to_send else self._list_uploads()
        found = Counter[str]()
        for number, (digest, path) in enumerate(sorted(wanted.items()), start=1):
            is_there = digest in kept if is_to_send else stat_file(path) is not None
            found["there" if is_there else self._move_file(store, digest, path)] += 1
            self.told("files", "sent" if is_to_send else "brought", number, number / len(wanted))
        return FileCounts(**found)

    def _list_files(self) -> dict[str, str]:
        """Checksum of each file that the library knows, and a path of it."""
        return {digest: path for space in space_places(self.origin) for path, digest in files_in(space.place)}

    def _list_uploads(self) -> dict[str, str]:
        """The same of those that lie in the library's folder, archives whole."""
        own = str(self.target.data.absolute()) + os.sep
        found = {digest: path for digest, path in self._list_files().items() if path.startswith(own)}
        whole = {path: path.partition(MARK)[0] for path in found.values()}
        return {
            (in_name[1] if MARK in path and (in_name := BY_DIGEST.search(whole[path])) else digest): whole[path]
            for digest, path in found.items()
        }

    def _move_file(self, store: FileStore, digest: str, path: str) -> str:
        """One file to the store, or from it: "moved", or "absent" where it is not to be had."""
        try:
            if not self.target.storage.url:
                store.fetch(digest, Path(path))
                return "moved"
            with open_original(path, self.origin.parse) as stream:
                store.write_once(digest, stream)
            return "moved"
        except (BadFile, NothingThere):
            return "absent"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse what makes no sense, and keep other processes out that would do the same."""
        one, other = self.origin.storage, self.target.storage
        if one == other or not (one.url or other.url):
            raise BadQuestion(
                f"the library lies {_describe(self.origin)} already. Name another place: library migrate --to URL, or "
                f"say with --set storage.url=URL (or storage.url= for files) where it lies now"
            )
        server = self.target if other.url else self.origin
        with ServerSchemas(server.storage.url) as schemas:
            refusal = "another process is moving this library just now. Wait until it has ended"
            with schemas.hold(f"{server.storage.prefix}_{MOVING}", refusal):
                yield

    def _plan(self) -> list[DatabaseMove]:
        """What there is to be copied. NothingThere, or Conflict if something is in its place."""
        known = [(name, schema, place_of(self.origin, name)) for name, schema in SCHEMAS.items()]
        found = [(name, schema, place) for name, schema, place in known if self._exists(place)]
        spaces = [(each.name, STORE, each.place) for each in space_places(self.origin) if _is_usual(each)]
        if not (found or spaces):
            raise NothingThere(
                f"no library lies {_describe(self.origin)}. Say where it lies: --data FOLDER, --set storage.url=URL"
            )
        moves = [
            DatabaseMove(
                name=name, schema=schema, origin=origin, draft=self._place(name, draft=True), target=self._place(name)
            )
            for name, schema, origin in (*found, *spaces)
        ]
        occupied = self._list_occupants()
        if self._is_ready():  # a kill came while they took their places: some have
            return [move if self._exists(move.draft) else replace(move, draft=move.target) for move in moves]
        if occupied and not self.set_aside:
            raise Conflict(
                f"a library lies {_describe(self.target)} already ({', '.join(occupied)}). Have it make room with "
                "--set-aside, which deletes nothing, or name another place: --set storage.prefix=NAME"
            )
        return moves

    def _refuse_used(self, moves: list[DatabaseMove]) -> None:
        """LibraryError where processes, on whatever machine, use the server that the library lies on."""
        if not self.origin.storage.url:
            return
        with ServerSchemas(self.origin.storage.url) as schemas:
            names = [move.origin.name for move in moves if isinstance(move.origin, ServerPlace)]
            used = max(schemas.count_processes(name) for name in names)
        if used:
            raise LibraryError(f"{used} processes use the library at {schemas.place}. End them: servers and workers")

    def _place(self, name: str, *, draft: bool = False) -> Place:
        """Where a database is to lie, or is copied to before."""
        storage = self.target.storage
        if storage.url:
            short = name if name in SCHEMAS else f"space_{name.rpartition('-')[2]}"
            middle = f"{MOVING}_" if draft else ""
            return ServerPlace(url=storage.url, name=f"{storage.prefix}_{middle}{short}")
        folder = self.target.data / MOVING if draft else self.target.data
        return folder / f"{name}.db" if name in SCHEMAS else folder / "spaces" / name / "store.db"

    def _open(self, move: DatabaseMove, stack: ExitStack) -> tuple[Database, Database]:
        origin = stack.enter_context(closing(open_readable(move.origin, move.schema)))
        return origin, stack.enter_context(closing(open_database(move.draft, move.schema)))

    def _copy(self, move: DatabaseMove, origin: Database, draft: Database) -> DatabaseCopy:
        """Until little is written meanwhile; then what a server makes of rows."""
        for _ in range(MOST_ROUNDS):
            tables = replicate(origin, draft, partial(self.told, move.name))
            if sum(table.written for table in tables) <= FEW:
                break
        if isinstance(move.draft, ServerPlace):
            settle_replica(draft, partial(self.told, move.name))
            with self._follow_index(move), draft.writing(synced=False) as session:
                wait_long(session.connection())
                move.schema.finish(session.connection())
                for table in move.schema.tables:
                    session.connection().exec_driver_sql(f'ANALYZE "{table}"')
        return DatabaseCopy(name=move.name, tables=tuple(tables))

    @contextmanager
    def _follow_index(self, move: DatabaseMove) -> Iterator[None]:
        """Tell how far the server is with an index that it makes."""
        ended = Event()

        def follow() -> None:
            with suppress(LibraryError), ServerSchemas(self.target.storage.url) as schemas:
                while not ended.wait(EVERY_S):
                    for done, total in schemas.list_built():
                        self.told(move.name, "index of vectors", done, done / total if total else None)

        thread = Thread(target=follow, name="follow index", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _tell_compared(self, name: str, what: str, rows: int, share: float | None) -> None:
        self.told(name, f"compared {what}", rows, share)

    def _compare(self, move: DatabaseMove, origin: Database, draft: Database) -> DatabaseCopy:
        """Bring up the last changes and see that both are equal. LibraryError if they do not become so."""
        for _ in range(MOST_ROUNDS):
            tables = replicate(origin, draft, partial(self._tell_compared, move.name))
            if all(table.equal for table in tables):
                if isinstance(move.draft, ServerPlace):
                    settle_replica(draft, lambda what, rows, share: None)
                return DatabaseCopy(name=move.name, tables=tuple(tables))
        unlike = ", ".join(table.name for table in tables if not table.equal)
        raise LibraryError(
            f"the copy of {move.name} does not become like the old one ({unlike}); the old one stays in use. "
            "Check the library with: python -m deepseek_mm library verify"
        )

    def _list_occupants(self) -> list[str]:
        """What lies where the library is to lie: names of schemas, or of files."""
        if not self.target.storage.url:
            return [str(path.relative_to(self.target.data)) for path in self._files_there()]
        with ServerSchemas(self.target.storage.url) as schemas:
            return [name for name in self._schemas_there(schemas) if not schemas.is_empty(name)]

    def _schemas_there(self, schemas: ServerSchemas) -> list[str]:
        prefix = f"{self.target.storage.prefix}_"
        ours = tuple(f"{prefix}{name}" for name in (*SCHEMAS, "space_"))
        return [name for name in schemas.list_names(prefix) if name.startswith(ours)]

    def _files_there(self) -> list[Path]:
        data = self.target.data
        files = [data / f"{name}.db" for name in SCHEMAS]
        return [*(file for file in files if file.exists()), *sorted(data.glob("spaces/*/store.db"))]

    def _is_ready(self) -> bool:
        return not self.target.storage.url and (self.target.data / MOVING / READY).exists()

    def _exists(self, place: Place) -> bool:
        if isinstance(place, Path):
            return place.exists()
        with ServerSchemas(place.url) as schemas:
            return place.name in schemas.list_names(place.name)

    def _publish(self, moves: list[DatabaseMove]) -> str:
        """Everything takes its place; returns where that lies which was there."""
        if self.target.storage.url:
            return self._publish_on_server(moves)
        return self._publish_in_files(moves)

    def _publish_on_server(self, moves: list[DatabaseMove]) -> str:
        prefix = f"{self.target.storage.prefix}_"
        with ServerSchemas(self.target.storage.url) as schemas:
            there = self._schemas_there(schemas)
            empty = [name for name in there if schemas.is_empty(name)]
            full = [name for name in there if name not in empty]
            if full and not self.set_aside:
                raise Conflict(f"a library came to {schemas.place} meanwhile ({', '.join(full)}). Try again")
            number = next(n for n in count(1) if not schemas.list_names(f"{prefix}aside_{n}_"))
            aside = {name: f"{prefix}aside_{number}_{name.removeprefix(prefix)}" for name in full}
            drafts = {move.draft.name: move.target.name for move in moves if isinstance(move.draft, ServerPlace)
                      and isinstance(move.target, ServerPlace)}  # fmt: skip
            stale = [name for name in schemas.list_names(f"{prefix}{MOVING}_") if name not in drafts]
            schemas.rename(aside | drafts, drop=[*empty, *stale])
        return f"schemas {prefix}aside_{number}_*" if full else ""

    def _publish_in_files(self, moves: list[DatabaseMove]) -> str:
        data, room = self.target.data, self.target.data / MOVING
        aside = ""
        if not self._is_ready():
            aside = self._make_room()
            (room / READY).touch()
            sync_folder(room)
        for move in moves:
            if isinstance(move.draft, Path) and isinstance(move.target, Path) and move.draft != move.target:
                move.target.parent.mkdir(parents=True, exist_ok=True)
                sync_file(move.draft)
                forget_note(move.target)
                move.draft.replace(move.target)
                sync_folder(move.target.parent)
        sync_folder(data)
        (room / READY).unlink(missing_ok=True)
        _remove_empty(room)
        return aside

    def _make_room(self) -> str:
        """Databases of the library's folder that are in the way go into a folder beside; its name, or ""."""
        data, files = self.target.data, self._files_there()
        if not files:
            return ""
        if not self.set_aside:
            raise Conflict(f"a library came to {data} meanwhile. Try again")
        home = next(home for n in count(1) if not (home := data / f"{ASIDE}-{n}").exists())
        home.mkdir()
        for file in files:
            if file.parent == data:
                for ending in (*ENDINGS, "-counters"):
                    beside = file.with_name(file.name + ending)
                    beside.rename(home / beside.name) if beside.exists() else None
        if (data / "spaces").exists():
            (data / "spaces").rename(home / "spaces")
        sync_folder(home)
        return str(home)


@contextmanager
def _keep_still(origin: Database) -> Iterator[None]:
    """Nobody writes there as long as this lasts; of what can only be read nobody can."""
    if origin.read_only:
        yield
        return
    with origin.writing() as session:
        wait_long(session.connection())
        yield


def _is_usual(space: SpacePlace) -> bool:
    """Whether an index is one that is opened by its name, not one that was set aside."""
    return len(space.name.rpartition("-")[2]) == 8


def _describe(config: Config) -> str:
    """Where a library lies, in words."""
    storage = config.storage
    return f"at {storage.url} (prefix {storage.prefix})" if storage.url else f"in files of {config.data}"


def _remove_empty(folder: Path) -> None:
    """A folder and those in it, where no file is left."""
    for here, _, _ in os.walk(folder, topdown=False):
        if not os.listdir(here):
            os.rmdir(here)
