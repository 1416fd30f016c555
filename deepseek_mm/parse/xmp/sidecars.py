"""Sidecars: files beside photos in which other programs keep what is said of them, as XMP (`packet` reads it).

"x.jpg.xmp" belongs to "x.jpg"; "x.xmp" to every photo that is called x, whatever its ending, unless that has one of the
first kind.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse import archive
from deepseek_mm.parse.document import absolute, in_archive, plain_file, stat_file
from deepseek_mm.parse.formats import BY_NAME, File
from deepseek_mm.parse.workers.client import edit_sidecar, read_facts
from deepseek_mm.storage.files import atomic_write
from index.region import StatedFacts

ENDING = ".xmp"
MOST_BYTES = 4_000_000  # of one file


@dataclass(frozen=True, kw_only=True, slots=True)
class Sidecar:
    """One file beside a photo."""

    path: str
    size_bytes: int
    modified_ns: int
    facts: StatedFacts = StatedFacts()


def is_sidecar(path: str) -> bool:
    """Whether a file of this name keeps what is said of a photo beside it."""
    return path.lower().endswith(ENDING) and not os.path.basename(path).startswith(".")


def find_sidecar(path: str) -> Sidecar | None:
    """The sidecar of a photo that is to lie at `path`, not read yet; None if it has none."""
    stem = os.path.splitext(path)[0]
    for name in (path + ENDING, path + ENDING.upper(), stem + ENDING, stem + ENDING.upper()):
        if (status := stat_file(name)) is not None:
            return Sidecar(path=name, size_bytes=status[0], modified_ns=status[1])
    return None


def read_sidecar(path: str, config: ParseConfig, *, turn: int = 1) -> Sidecar | None:
    """The sidecar of the photo at `path`, which has to be turned so; None if it has none that can be read now.

    One that is too large or no XMP says nothing.
    """
    found = find_sidecar(path)
    if found is None:
        return None
    try:
        file = open_sidecar(found.path, config)
        facts = read_facts(file, config, turn=turn) if file is not None else StatedFacts()
    except NothingThere:
        return None
    except BadFile:
        facts = StatedFacts()
    return Sidecar(path=found.path, size_bytes=found.size_bytes, modified_ns=found.modified_ns, facts=facts)


def write_sidecar(
    photo: str, facts: StatedFacts, config: ParseConfig, *, shared: bool = False, dry_run: bool = False
) -> bool:
    """Write these facts into the sidecar of a photo, which is made if there is none; False if they stand there already.

    All else in it stays. With `shared` other photos have the photo's name without its ending: then it gets a sidecar of
    its own, which begins as the common one. BadFile, NothingThere or LibraryError says why it cannot be written.
    """
    if in_archive(photo) is not None:
        raise BadFile(f"{photo} lies in an archive, beside which nothing can be written. Unpack the archive")
    if not os.path.isfile(photo):
        raise NothingThere(f"no file at {photo}. Its drive may be away: connect it, and try again")
    found = find_sidecar(photo)
    is_common = found is not None and not found.path.lower().startswith(photo.lower())
    target = photo + ENDING if found is None or (shared and is_common) else found.path
    before = open_sidecar(found.path, config) if found is not None else empty_file(target)
    if before is None or os.path.islink(target):
        raise BadFile(f"{target} is too large, or a link, and stays as it is. Move it away, and a new one is written")
    after = edit_sidecar(before, facts, config)
    if not after and target == before.path:
        return False
    if not dry_run:
        atomic_write(Path(target), after or before.data)
    return True


def empty_file(path: str) -> File:
    """A sidecar that is not there yet."""
    return File(path=path, data=b"", digest="", size_bytes=0, modified_ns=0, format=BY_NAME["xml"])


def open_sidecar(path: str, config: ParseConfig) -> File | None:
    """A small file of any name, or a member of an archive; None if it is too large. BadFile or NothingThere."""
    name = absolute(path)
    inside = in_archive(name)
    if inside is None:
        with plain_file(name) as (stream, modified_ns):
            data = stream.read(MOST_BYTES + 1)
    else:
        modified_ns = (archive.member_status(*inside) or (0, 0))[1]
        with archive.member(*inside, config) as stream:
            data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        return None
    digest = hashlib.sha256(data).hexdigest()
    form = BY_NAME["xml"]
    return File(path=name, data=data, digest=digest, size_bytes=len(data), modified_ns=modified_ns, format=form)
