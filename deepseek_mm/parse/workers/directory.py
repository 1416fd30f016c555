"""The directory of a zip archive as rows of plain values: read in a worker, made entries again where it is needed."""

import os
import struct
import zipfile
import zlib
from typing import Any

from deepseek_mm.errors import BadFile

DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError)
MOST_ENTRIES = 200_000  # of one archive
Row = tuple[Any, ...]
FIELDS = ("filename", "flag_bits", "compress_type", "compress_size", "file_size", "header_offset", "CRC")


def read_directory(descriptor: int, path: str) -> list[Row]:
    """A row for every file, in the archive's order. BadFile for what is no archive, or lists too much."""
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream, zipfile.ZipFile(stream) as archive:
            infos = [info for info in archive.infolist() if info.file_size or not info.filename.endswith("/")]
    except DAMAGE as error:
        raise BadFile(f"{path} is no zip archive, or it is damaged: {error}. Copy it again") from error
    if len(infos) > MOST_ENTRIES:
        raise BadFile(
            f"{path} lists {len(infos):,} files, and {MOST_ENTRIES:,} are the most. Unpack it, or a part of it"
        )
    return [tuple(getattr(info, field) for field in FIELDS) for info in infos]


def entry_of(row: Row) -> zipfile.ZipInfo:
    """The entry that a row stands for. ValueError for one that is none."""
    name, *numbers = row
    if not isinstance(name, str) or len(numbers) != len(FIELDS) - 1:
        raise ValueError(f"{row!r:.100} is no entry of an archive")
    info = zipfile.ZipInfo()
    info.filename = info.orig_filename = name
    for field, number in zip(FIELDS[1:], numbers, strict=True):
        if type(number) is not int or not 0 <= number < 2**64:
            raise ValueError(f"{number!r:.100} is no number of an archive")
        setattr(info, field, number)
    return info
