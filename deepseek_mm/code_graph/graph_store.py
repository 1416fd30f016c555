"""The graph of a library's code in one file: facts of each file by its digest, the symbols, and the links between them.

It is made of all files, whoever may see them. Whoever asks gets a `StoredGraph`, which knows of no file that the asker
may not see: a link is told only where both of its ends may be. What is deleted is overwritten with zeros. All of it can
be made anew, so a file that is damaged, or of another version, is begun anew.
"""

import json
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from deepseek_mm.code_graph.graph import CodeGraph, GraphReader
from deepseek_mm.code_graph.python_facts import VERSION
from deepseek_mm.code_graph.records import CERTAINTIES, CodeLink, CodeSymbol
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.database import Database, DatabaseOwner
from deepseek_mm.storage.places import open_readable
from deepseek_mm.storage.schema import LibraryErrors, Schema

NAME = f"code-{VERSION}.db"  # in the library's folder
OLDER = "code-*.db*"  # of any version
REMADE = "it is made anew"  # by which a damaged file is told from one that cannot be used just now
FAST = 1  # level of zlib
FAILED = "it ended the program that reads it"  # of a file that was begun and not finished
AWAY = "it could not be opened"  # of a file that is tried again with the next pass
TABLES = (
    "CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, language TEXT NOT"
    " NULL, facts BLOB, imports TEXT NOT NULL DEFAULT '[]', why TEXT NOT NULL, part TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE symbols (id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE, name"
    " TEXT NOT NULL, qualified TEXT NOT NULL, kind TEXT NOT NULL, first INTEGER NOT NULL, line INTEGER NOT NULL, last"
    " INTEGER NOT NULL, doc TEXT NOT NULL, is_test INTEGER NOT NULL)",
    "CREATE TABLE links (source INTEGER NOT NULL REFERENCES symbols (id) ON DELETE CASCADE, target INTEGER NOT NULL"
    " REFERENCES symbols (id) ON DELETE CASCADE, kind TEXT NOT NULL, certainty INTEGER NOT NULL, lines TEXT NOT NULL)",
    "CREATE TABLE outside (source INTEGER NOT NULL REFERENCES symbols (id) ON DELETE CASCADE, name TEXT NOT NULL)",
    "CREATE INDEX outside_by_source ON outside (source)",
    "CREATE INDEX symbols_of_file ON symbols (file)",
    "CREATE INDEX links_by_source ON links (source)",
    "CREATE INDEX links_by_target ON links (target)",
)
SYMBOLS = (
    "SELECT s.id, f.path, s.name, s.qualified, s.kind, s.first, s.line, s.last, s.doc, s.is_test, f.digest"
    " FROM symbols s JOIN files f ON f.id = s.file WHERE "
)
LINKS = "SELECT source, target, kind, certainty, lines FROM links WHERE {} IN (SELECT value FROM json_each(?))"
OUTSIDE = "SELECT source FROM outside WHERE name = ? AND source IN (SELECT value FROM json_each(?))"
ADD_FILE = "INSERT INTO files (path, digest, language, why) VALUES (?, ?, ?, ?)"
SET_FACTS = "UPDATE files SET facts = ?, imports = ?, why = ? WHERE path = ?"
DELETE_FILES = "DELETE FROM files WHERE path IN (SELECT value FROM json_each(?))"
DELETE_SYMBOLS = (
    "DELETE FROM symbols WHERE file IN (SELECT id FROM files WHERE path IN (SELECT value FROM json_each(?)))"
)
SET_PART = "UPDATE files SET part = ? WHERE path IN (SELECT value FROM json_each(?))"
ADD_SYMBOL = "INSERT INTO symbols VALUES (?, (SELECT id FROM files WHERE path = ?), ?, ?, ?, ?, ?, ?, ?, ?)"
Import = tuple[str, str, int]  # module, what is taken from it or "", and dots before it


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty file."""
    for statement in TABLES:
        connection.exec_driver_sql(statement)


GRAPHS = Schema(
    create=create_tables,
    oldest=str(VERSION),
    errors=LibraryErrors(noun="graph of code", if_damaged=f"Remove it and {REMADE}: rm {{path}}"),
    synced=False,
    checked=False,
    writable=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphFile:
    """What is known of a file without its facts."""

    path: str
    digest: str
    language: str
    imports: tuple[Import, ...]
    why: str  # why it could not be read; "" where it was
    part: str  # files whose links were made together have the same; "" where they were not made


class GraphStore(DatabaseOwner):
    """Facts, symbols and links of one library; threads and processes may share it. LibraryError where it refuses."""

    def __init__(self, folder: Path) -> None:
        """In the library's folder."""
        self.path = folder / NAME
        super().__init__(open_anew(self.path))

    @property
    def read_only(self) -> bool:
        """Whether nothing can be added."""
        return self._database.read_only

    def list_files(self) -> dict[str, GraphFile]:
        """Every file by its path."""
        rows = self._select("SELECT path, digest, language, imports, why, part FROM files")
        return {
            path: GraphFile(
                path=path, digest=digest, language=language, imports=read_imports(imports), why=why, part=part
            )
            for path, digest, language, imports, why, part in rows
        }

    def digests(self, *, without_away: bool = False) -> dict[str, str]:
        """Path -> digest, of all files or of those that could be opened."""
        rows = self._select("SELECT path, digest, why FROM files")
        return {path: digest for path, digest, why in rows if not (without_away and why == AWAY)}

    def is_linked(self) -> bool:
        """Whether the links of all files that could be read were made."""
        return not self._select("SELECT 1 FROM files WHERE part = '' AND why = '' LIMIT 1")

    def begin_file(self, path: str, digest: str, language: str, *, why: str = FAILED) -> None:
        """Note a file before it is read: one that ends the process is not tried again. Its symbols before are gone."""
        with self._database.writing() as session:
            session.connection().exec_driver_sql(DELETE_FILES, (json.dumps([path]),))
            session.connection().exec_driver_sql(ADD_FILE, (path, digest, language, why))

    def keep_facts(self, path: str, facts: Mapping[str, Any], imports: Sequence[Import], *, why: str = "") -> None:
        """What a file says; with `why` that it cannot be read."""
        packed = None if why else zlib.compress(json.dumps(facts, separators=(",", ":")).encode(), FAST)
        with self._database.writing() as session:
            session.connection().exec_driver_sql(SET_FACTS, (packed, json.dumps(imports), why, path))

    def read_facts(self, path: str) -> Mapping[str, Any] | None:
        """What a file says; None where nothing is known of it."""
        rows = self._select("SELECT facts FROM files WHERE path = ?", path)
        if not rows or rows[0][0] is None:
            return None
        facts: Mapping[str, Any] = json.loads(zlib.decompress(rows[0][0]))
        return facts

    def forget(self, paths: Collection[str]) -> None:
        """Drop these files with their symbols and links, so that no byte of them remains."""
        if paths:
            with self._database.writing() as session:
                session.connection().exec_driver_sql(DELETE_FILES, (json.dumps(list(paths)),))
            self._database.cut_log()

    def exchange_part(self, part: str, paths: Sequence[str], graph: CodeGraph) -> None:
        """Put the symbols and links of these files in the place of those before, all at once."""
        named = json.dumps(list(paths))
        with self._database.writing() as session:
            connection = session.connection()
            connection.exec_driver_sql(DELETE_SYMBOLS, (named,))
            base = int(connection.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM symbols").scalar() or 1)
            connection.exec_driver_sql(SET_PART, (part, named))
            if graph.symbols:
                connection.exec_driver_sql(ADD_SYMBOL, [symbol_row(one, base) for one in graph.symbols])
            if graph.links:
                rows = [link_row(one, base) for one in graph.links]
                connection.exec_driver_sql("INSERT INTO links VALUES (?, ?, ?, ?, ?)", rows)
            if graph.outside:
                names = [(number + base, name) for number, name in graph.outside]
                connection.exec_driver_sql("INSERT INTO outside VALUES (?, ?)", names)

    def open_view(self, sees: Callable[[Mapping[str, str]], Collection[str]]) -> "StoredGraph":
        """The graph as somebody sees it; `sees` is given paths with their digests, and tells which of them may be known
        and are as they were read.
        """
        return StoredGraph(self._select, sees)

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._database.reading() as session:
            return list(session.connection().exec_driver_sql(query, values))


class StoredGraph(GraphReader):
    """What one asker may know of the graph."""

    def __init__(self, select: Callable[..., list[Any]], sees: Callable[[Mapping[str, str]], Collection[str]]) -> None:
        self._select, self._sees = select, sees
        self._visible: dict[str, bool] = {}
        self._known: dict[int, CodeSymbol] = {}

    def symbols_of(self, path: str) -> list[CodeSymbol]:
        """Everything that a file defines."""
        return self._admit(self._select(f"{SYMBOLS} f.path = ? ORDER BY s.id", path))

    def symbols_in(self, paths: Collection[str]) -> list[CodeSymbol]:
        """Everything that these files define."""
        wanted = json.dumps(list(paths))
        return self._admit(self._select(f"{SYMBOLS} f.path IN (SELECT value FROM json_each(?))", wanted))

    def links_to(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links whose targets are these symbols."""
        return self._link(self._select(LINKS.format("target"), json.dumps(list(ids))))

    def links_from(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links that begin at these symbols."""
        return self._link(self._select(LINKS.format("source"), json.dumps(list(ids))))

    def find_outside(self, ids: Sequence[int], name: str) -> set[int]:
        """Those of these symbols that call something of this name, and only what is not defined here."""
        return {number for (number,) in self._select(OUTSIDE, name, json.dumps(list(ids)))}

    def _link(self, rows: Sequence[Any]) -> list[CodeLink]:
        new = {number for row in rows for number in row[:2] if number not in self._known}
        if new:
            self._admit(self._select(f"{SYMBOLS} s.id IN (SELECT value FROM json_each(?))", json.dumps(list(new))))
        return [
            CodeLink(
                source=self._known[source],
                target=self._known[target],
                kind=kind,
                certainty=CERTAINTIES[certainty],
                lines=tuple(json.loads(lines)),
            )
            for source, target, kind, certainty, lines in rows
            if source in self._known and target in self._known
        ]

    def _admit(self, rows: Sequence[Any]) -> list[CodeSymbol]:
        """Symbols of files that may be seen."""
        new = {row[1]: row[-1] for row in rows if row[1] not in self._visible}
        if new:
            seen = self._sees(new)
            self._visible |= {path: path in seen for path in new}
        found = [symbol_of(row) for row in rows if self._visible[row[1]]]
        self._known |= {symbol.id: symbol for symbol in found}
        return found


def open_anew(path: Path) -> Database:
    """The file, begun anew where it cannot be used: all of it can be made again."""
    for old in path.parent.glob(OLDER):
        if not old.name.startswith(path.name):
            old.unlink(missing_ok=True)
    try:
        return open_readable(path, GRAPHS)
    except LibraryError as error:
        if REMADE not in str(error):
            raise
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink(missing_ok=True)
        return open_readable(path, GRAPHS)


def read_imports(told: str) -> tuple[Import, ...]:
    """As they were written."""
    return tuple((str(name), str(taken), int(level)) for name, taken, level in json.loads(told))


def symbol_row(one: CodeSymbol, base: int) -> tuple[Any, ...]:
    """A symbol as a row; its number counts from `base`."""
    return (
        one.id + base,
        one.path,
        one.name,
        one.qualified,
        one.kind,
        one.first,
        one.line,
        one.last,
        one.doc,
        one.is_test,
    )


def symbol_of(row: Sequence[Any]) -> CodeSymbol:
    """And back."""
    number, path, name, qualified, kind, first, line, last, doc, is_test, _ = row
    return CodeSymbol(
        id=number, path=path, name=name, qualified=qualified, kind=kind, first=first, line=line, last=last, doc=doc,
        is_test=bool(is_test),
    )  # fmt: skip


def link_row(one: CodeLink, base: int) -> tuple[Any, ...]:
    """A link as a row."""
    certainty = CERTAINTIES.index(one.certainty)
    return (one.source.id + base, one.target.id + base, one.kind, certainty, json.dumps(one.lines))
