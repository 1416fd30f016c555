"""The directory of a zip archive as rows of plain values: read in a worker, made entries again where it is needed."""

import os
import zipfile
from typing import Any

Row = tuple[Any, ...]
FIELDS = ("filename", "flag_bits", "compress_type", "compress_size", "file_size", "header_offset", "CRC")


def read_directory(descriptor: int) -> list[Row]:
    """A row for every file, in the archive's order; what zipfile raises of one that is damaged."""
    with os.fdopen(os.dup(descriptor), "rb") as stream, zipfile.ZipFile(stream) as archive:
        return [tuple(getattr(info, field) for field in FIELDS) for info in archive.infolist() if not info.is_dir()]


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
