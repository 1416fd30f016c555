"""A whole library as this program exports it: a folder with "library.json", which names all that lies beside it.

`write_listing` and `read_own` are the two sides of one format. Files are named by their paths inside the folder, and
photos in albums by the SHA-256 of their bytes. What the program itself has seen in photos is not in it: a fresh library
sees it again.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.dates import parse_moment
from deepseek_mm.errors import BadFile
from deepseek_mm.imports.export_tree import ExportTree
from deepseek_mm.imports.records import (
    ExportedAlbum,
    ExportedConversation,
    ImportedPhoto,
    ImportPlan,
    LeftOutFile,
    OwnExport,
)
from deepseek_mm.imports.values import MOST_DESCRIPTION, list_names, one_line, read_place
from deepseek_mm.parse.folder import is_inside
from deepseek_mm.storage.files import parse_json, read_small
from index.region import LIBRARY, MOST_STARS, StatedFacts

KIND = "export"
LISTING = "library.json"
FORMAT, VERSION = "deepseek-mm library", 1
MOST_BYTES = 1_000_000_000  # of the listing: a photo has about 500
ListingRow = Mapping[str, Any]
GONE = "is named in the listing and is not there"


def is_own(tree: ExportTree, config: ParseConfig) -> bool:
    """Whether its listing lies at the top."""
    return bool(find_listings(tree))


def find_listings(tree: ExportTree) -> list[str]:
    """The listings at the top of the folders that were given."""
    paths = [os.path.join(root, LISTING) for root in tree.roots]
    return [path for path in paths if os.path.isfile(path) and not os.path.islink(path) and is_listing(path)]


def is_listing(path: str) -> bool:
    """Whether a file begins as a listing does."""
    with open(path, "rb") as stream:
        return FORMAT.encode() in stream.read(200)


def make_listing(
    files: Sequence[ListingRow], albums: Sequence[ListingRow], conversations: Sequence[ListingRow]
) -> bytes:
    """The listing of an export."""
    whole = {"format": FORMAT, "version": VERSION, "files": files, "albums": albums, "conversations": conversations}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def facts_row(facts: StatedFacts) -> dict[str, Any]:
    """Facts as a listing writes them; what is not said is left out, parts with names become names."""
    row = {name: value for name, value in asdict(facts).items() if value not in ("", (), None, 0, False)}
    row.pop("boxes", None)
    people = {"people": list(facts.names)} if facts.names else {}
    taken = {"taken_at": facts.taken_at.isoformat()} if facts.taken_at else {}
    return row | people | taken


def read_own(tree: ExportTree, config: ParseConfig) -> ImportPlan:
    """All that the listing names. BadFile if it cannot be read, or is of a later version."""
    listings = find_listings(tree)
    if not listings:
        raise BadFile(f"there is no {LISTING} in {', '.join(tree.roots)}. Name the folder that was exported")
    listing = listings[0]
    told = read_listing(listing)
    home, left_out = os.path.dirname(listing), list[LeftOutFile]()
    rows = {path: row for row in told["files"] if (path := find_file(home, row.get("file"), left_out))}
    photos = [read_photo(path, row, listing) for path, row in sorted(rows.items()) if row.get("kind") == "photo"]
    by_digest = {str(row.get("sha256")): path for path, row in rows.items()}
    own = OwnExport(
        words={path: words for path, row in rows.items() if (words := one_line(row.get("words"), MOST_DESCRIPTION))},
        collections={path: name for path, row in rows.items() if (name := one_line(row.get("collection"))) != LIBRARY},
        documents=tuple(sorted(path for path, row in rows.items() if row.get("kind") != "photo")),
        albums=tuple(read_album(row, by_digest) for row in told["albums"]),
        conversations=tuple(
            ExportedConversation(path=path, title=str(row.get("title")), last_at=str(row.get("last_at")))
            for row in told["conversations"]
            if (path := find_file(home, row.get("file"), left_out))
        ),
    )
    return ImportPlan(kind=KIND, photos=tuple(photos), left_out=tuple(left_out), own=own)


def read_listing(path: str) -> dict[str, list[dict[str, Any]]]:
    """Its lists of objects. BadFile."""
    try:
        told = parse_json(read_small(Path(path), most_bytes=MOST_BYTES))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path} cannot be read: {error}. Copy the whole export again") from error
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise BadFile(f"{path} was written by a later version of this program. Update the program")
    lists = {name: told.get(name) for name in ("files", "albums", "conversations")}
    return {
        name: [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for name, rows in lists.items()
    }


def find_file(home: str, name: Any, left_out: list[LeftOutFile]) -> str:
    """The path of a file of the export; "" of one that is not there, or would lie outside."""
    if not isinstance(name, str) or not name:
        return ""
    path = os.path.normpath(os.path.join(home, name))
    if not is_inside(path, home) or not os.path.isfile(path):
        left_out.append((path, GONE))
        return ""
    return path


def read_photo(path: str, row: Mapping[str, Any], listing: str) -> ImportedPhoto:
    """A photo with what is said of it."""
    told = row.get("facts")
    facts: dict[str, Any] = told if isinstance(told, dict) else {}
    place, taken, stars = read_place(facts) or (None, None), facts.get("taken_at"), facts.get("stars")
    stated = StatedFacts(
        title=one_line(facts.get("title"), MOST_DESCRIPTION),
        description=one_line(facts.get("description"), MOST_DESCRIPTION),
        keywords=list_names(facts.get("keywords")),
        people=list_names(facts.get("people")),
        albums=list_names(facts.get("albums")),
        taken_at=parse_moment(taken) if isinstance(taken, str) else None,
        latitude=place[0],
        longitude=place[1],
        stars=stars if type(stars) is int and 0 <= stars <= MOST_STARS else 0,
        is_favourite=facts.get("is_favourite") is True,
    )
    return ImportedPhoto(path=path, told_by=listing if stated != StatedFacts() else "", facts=stated)


def read_album(row: Mapping[str, Any], by_digest: Mapping[str, str]) -> ExportedAlbum:
    """An album, with the paths of its photos."""
    digests = row.get("photos")
    paths = [by_digest[each] for each in (digests if isinstance(digests, list) else []) if each in by_digest]
    return ExportedAlbum(
        name=one_line(row.get("name")), cover=by_digest.get(str(row.get("cover")), ""), paths=tuple(paths)
    )


def when(moment: datetime) -> str:
    """A moment as a conversation is known by."""
    return moment.isoformat()
