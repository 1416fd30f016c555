"""Sidecars: files beside photos in which other programs keep what is said of them, as XMP (`packet` reads it).

"x.jpg.xmp" belongs to "x.jpg"; "x.xmp" to every photo that is called x, whatever its ending, unless that has one of the
first kind.
"""

import hashlib
import os
from dataclasses import dataclass

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse import archive
from deepseek_mm.parse.document import absolute, in_archive, plain_file, stat_file
from deepseek_mm.parse.formats import BY_NAME, File
from deepseek_mm.parse.workers.client import read_facts
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
