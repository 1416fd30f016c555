"""Photos of digiKam: its database "digikam4.db" says where they lie, and what was said of them.

The tables are those of schema 5 and later (core/data/database/dbconfig.xml.cmake.in in KDE's repository digikam): a
photo (Images) lies in an album (Albums), which is a folder below a root (AlbumRoots); title and caption are
ImageComments of type 3 and 1, stars and time stand in ImageInformation, the place in ImagePositions. Tags are a tree:
below "People" are names, below "_Digikam_Internal_Tags_" the program's own, of which "Pick Label Accepted" makes a
favourite. The file is opened to be read only, and its views and functions are not trusted.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from deepseek_mm.config import ParseConfig
from deepseek_mm.dates import parse_moment
from deepseek_mm.errors import BadFile
from deepseek_mm.imports.export_tree import ExportTree
from deepseek_mm.imports.records import ImportedPhoto, ImportPlan, LeftOutFile
from deepseek_mm.imports.values import MOST_DESCRIPTION, list_names, one_line, read_place
from deepseek_mm.parse.folder import is_inside
from deepseek_mm.parse.formats import named_format
from index.region import MOST_STARS, StatedFacts

KIND = "digikam"
DATABASE = "digikam4.db"
TABLES = ("AlbumRoots", "Albums", "Images", "ImageInformation", "ImagePositions", "ImageComments", "Tags", "ImageTags")
VISIBLE = 1  # status of an image that is neither hidden, in the trash nor gone
CAPTION, TITLE = 1, 3  # types of comments
PEOPLE, INTERNAL, ACCEPTED = "People", "_Digikam_Internal_Tags_", "Pick Label Accepted"
MOST_LEVELS = 20  # of tags
LOOKED_AT = 50  # photos that are looked for to find out where a root lies
ABSENT = "is not in the folders that were named: its drive may be away, or its folder is to be named as well"
HIDDEN = "is hidden or in the trash there"
NOT_READ = "is of no kind that is read"
IMAGES = """
    SELECT i.id, a.albumRoot, a.relativePath, i.name, i.status, f.rating, f.creationDate, p.latitudeNumber,
        p.longitudeNumber
    FROM Images i JOIN Albums a ON a.id = i.album LEFT JOIN ImageInformation f ON f.imageid = i.id
    LEFT JOIN ImagePositions p ON p.imageid = i.id ORDER BY a.albumRoot, a.relativePath, i.name
"""
COMMENTS = "SELECT imageid, type, comment FROM ImageComments WHERE type IN (1, 3) ORDER BY id DESC"


@dataclass(frozen=True, kw_only=True, slots=True)
class TagTree:
    """Every tag with what it lies below."""

    names: Mapping[int, str]
    parents: Mapping[int, int]

    def trace(self, tag: int) -> tuple[str, ...]:
        """The names from the top down to a tag."""
        found = list[str]()
        while tag in self.names and len(found) < MOST_LEVELS:
            found.append(self.names[tag])
            tag = self.parents.get(tag, 0)
        return tuple(reversed(found))


def is_digikam(tree: ExportTree, config: ParseConfig) -> bool:
    """Whether its database lies there."""
    return any(file.name == DATABASE and os.path.isfile(file.path) for file in tree.files)


def read_digikam(tree: ExportTree, config: ParseConfig) -> ImportPlan:
    """All photos that the databases of the export know. BadFile if one cannot be read, or digiKam has it open."""
    photos, left_out = dict[str, ImportedPhoto](), list(tree.left_out)
    for file in tree.files:
        if file.name == DATABASE and os.path.isfile(file.path):
            for photo in read_database(file.path, tree.roots, left_out):
                photos.setdefault(photo.path, photo)
    return ImportPlan(kind=KIND, photos=tuple(photos[path] for path in sorted(photos)), left_out=tuple(left_out))


def read_database(path: str, named: Sequence[str], left_out: list[LeftOutFile]) -> list[ImportedPhoto]:
    """The photos that one database knows and that lie in the named folders; the others are added to `left_out`."""
    log = f"{path}-wal"
    if os.path.isfile(log) and os.path.getsize(log):
        raise BadFile(f"{path} is in use: {log} holds changes. Close digiKam, and import it again")
    try:
        with closing(open_database(path)) as connection:
            return list(read_photos(connection, path, named, left_out))
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        raise BadFile(f"{path} is no database of digiKam that can be read: {error}. Copy it again") from error


def open_database(path: str) -> sqlite3.Connection:
    """The file, to be read as it is. sqlite3.Error if a table is missing, or is none."""
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if missing := [name for name in TABLES if name not in known]:
        raise sqlite3.DatabaseError(f"it has no table {missing[0]}")
    return connection


def read_photos(
    connection: sqlite3.Connection, path: str, named: Sequence[str], left_out: list[LeftOutFile]
) -> Iterator[ImportedPhoto]:
    """Every photo with what is said of it."""
    rows = connection.execute(IMAGES).fetchall()
    roots, albums = find_roots(connection, path, rows, named), name_albums({row[2] for row in rows})
    tags, comments = read_tags(connection), read_comments(connection)
    for image, root, folder, name, status, *facts in rows:
        file = join_path(roots.get(root, ""), folder, name)
        form = named_format(str(name))
        if form is None or form.kind != "photo":
            left_out.append((file, NOT_READ))
        elif status != VISIBLE:
            left_out.append((file, HIDDEN))
        elif not os.path.isfile(file):
            left_out.append((file, ABSENT))
        else:
            told = state_facts(facts, tags.get(image, ()), comments.get(image, {}), albums[folder])
            yield ImportedPhoto(path=file, told_by=path, facts=told)


def state_facts(
    facts: Sequence[Any], tags: Iterable[tuple[str, ...]], comments: Mapping[int, str], album: str
) -> StatedFacts:
    """What its rows say of one photo."""
    rating, made_at, latitude, longitude = facts
    place = read_place({"latitude": latitude, "longitude": longitude}) or (None, None)
    plain = [levels for levels in tags if levels and levels[0] != INTERNAL]
    return StatedFacts(
        title=one_line(comments.get(TITLE), MOST_DESCRIPTION),
        description=one_line(comments.get(CAPTION), MOST_DESCRIPTION),
        keywords=list_names([levels[-1] for levels in plain if levels[0] != PEOPLE]),
        people=list_names([levels[-1] for levels in plain if levels[0] == PEOPLE and len(levels) > 1]),
        albums=(album,) if album else (),
        taken_at=parse_moment(made_at) if isinstance(made_at, str) else None,
        latitude=place[0],
        longitude=place[1],
        stars=rating if isinstance(rating, int) and 0 <= rating <= MOST_STARS else 0,
        is_favourite=any(levels[0] == INTERNAL and levels[-1] == ACCEPTED for levels in tags if levels),
    )


def read_tags(connection: sqlite3.Connection) -> dict[int, list[tuple[str, ...]]]:
    """Image -> its tags, each with what it lies below."""
    rows = connection.execute("SELECT id, pid, name FROM Tags").fetchall()
    tree = TagTree(names={tag: str(name) for tag, _, name in rows}, parents={tag: above for tag, above, _ in rows})
    found: dict[int, list[tuple[str, ...]]] = {}
    for image, tag in connection.execute("SELECT imageid, tagid FROM ImageTags ORDER BY imageid, tagid"):
        found.setdefault(image, []).append(tree.trace(tag))
    return found


def read_comments(connection: sqlite3.Connection) -> dict[int, dict[int, str]]:
    """Image -> type of comment -> the first of it."""
    found: dict[int, dict[int, str]] = {}
    for image, kind, text in connection.execute(COMMENTS):
        found.setdefault(image, {})[kind] = text
    return found


def name_albums(folders: Iterable[str]) -> dict[str, str]:
    """Folder of an album -> its name: the last part, or all of them where two albums would be called the same."""
    parts = {folder: tuple(part for part in folder.split("/") if part) for folder in folders}
    last = [names[-1] for names in parts.values() if names]
    return {
        folder: "" if not names else names[-1] if last.count(names[-1]) == 1 else " / ".join(names)
        for folder, names in parts.items()
    }


def find_roots(
    connection: sqlite3.Connection, path: str, rows: Sequence[Sequence[Any]], named: Sequence[str]
) -> dict[int, str]:
    """Root -> the folder, in one of those that were named, where its first photos lie; the folder of the database where
    none of them is there.

    What the file says is looked for in the named folders only: it may be a stranger's.
    """
    found = {}
    for root, identifier, inside in connection.execute("SELECT id, identifier, specificPath FROM AlbumRoots"):
        told = [*parse_qs(str(identifier or "").partition("?")[2]).get("path", []), str(inside or "")]
        allowed = [os.path.normpath(each) for each in told if any(is_inside(os.path.normpath(each), n) for n in named)]
        some = [row for row in rows if row[1] == root][:LOOKED_AT]
        places = [*allowed, os.path.dirname(path), *named]
        there = (each for each in places if any(os.path.isfile(join_path(each, row[2], row[3])) for row in some))
        found[root] = next(there, os.path.dirname(path))
    return found


def join_path(root: str, folder: str, name: str) -> str:
    """The path of a photo; one that would lead out of its root stays in it."""
    inside = os.path.normpath(f"/{folder}/{name}").lstrip("/")
    return os.path.join(root or "/", inside)
