"""Chosen files as one ZIP: the originals, streamed from disk to disk, and a table of what each was found for."""

import csv
import io
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.document import stat_known
from deepseek_mm.parse.links import MARK, open_plain
from deepseek_mm.sharing.files import Picture
from deepseek_mm.sharing.privacy import remove_coordinates
from deepseek_mm.types import Citation

TABLE = "found.csv"
FIELDS = ("path", "file", "label", "score", "left", "top", "right", "bottom", "page", "taken", "problem")
OLD_S = 3600.0  # an export that was made longer ago is removed by the next one


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """How far it has come."""

    done: int  # of the chosen
    gone: int = 0  # of them, could not be read any more
    file: Path | None = None  # when it is ready


def pack_chosen(
    chosen: Sequence[Citation],
    folder: Path,
    *,
    picture: Picture,
    gone: str,
    places: bool = False,
    coordinates: bool = True,
) -> Iterator[Packed]:
    """Write them into a new file below `folder`, one after the other. OSError if the disk does not take it.

    A photo or page that lies in an archive is packed as its picture. `gone` is what the table says of a file that
    cannot be read any more; with `places` it names the folders that files lie in. Without `coordinates` nothing in a
    photo says any more where it was taken.
    """
    _tidy(folder)
    home = folder / f"{time.time_ns():x}-{os.getpid()}"
    home.mkdir(parents=True)
    part, missing = home / "part", 0
    with zipfile.ZipFile(part, "w", strict_timestamps=False) as archive:
        table = _Table(places)
        for done, each in enumerate(chosen, start=1):
            name = table.name_for(each)
            problem = "" if _add(archive, name, each, picture, coordinates) else gone
            missing += bool(problem)
            table.add(each, "" if problem else name, problem)
            yield Packed(done=done, gone=missing)
        archive.writestr(TABLE, table.text())
    file = home / f"found-{len(chosen)}.zip"
    os.replace(part, file)
    yield Packed(done=len(chosen), gone=missing, file=file)


class _Table:
    """The rows, and the names that are taken."""

    def __init__(self, places: bool) -> None:
        self._places = places
        self._out = io.StringIO()
        self._writer = csv.writer(self._out)
        self._writer.writerow(FIELDS)
        self._names = {TABLE}

    def name_for(self, each: Citation) -> str:
        """A name in the archive that no other has: "dog.jpg", then "dog (2).jpg"."""
        region = each.region
        plain = clean(region.source.name)
        if not is_whole_file(region.source.path):
            plain = f"{Path(plain).stem}.png"
        name, count = plain, 1
        while name.casefold() in self._names:
            count += 1
            name = f"{Path(plain).stem} ({count}){Path(plain).suffix}"
        self._names.add(name.casefold())
        return name

    def add(self, each: Citation, name: str, problem: str) -> None:
        """One row."""
        region = each.region
        taken = region.source.taken_at.isoformat(sep=" ") if region.source.taken_at else ""
        score = f"{each.score:.4f}"
        texts = (region.source.path if self._places else region.source.name, name, region.label)
        page = region.page or ""
        self._writer.writerow([*map(as_text_cell, texts), score, *region.box_px, page, taken, problem])

    def text(self) -> bytes:
        """The table, as spreadsheets read it."""
        return self._out.getvalue().encode("utf-8-sig", "replace")


def clean(name: str) -> str:
    """A file's name that every system can unpack, and that leads nowhere else."""
    safe = "".join("_" if letter in '\\/:*?"<>|' or ord(letter) < 32 else letter for letter in name)
    return safe.encode("utf-8", "replace").decode().strip(". ") or "file"


def as_text_cell(text: str) -> str:
    """A cell that a spreadsheet takes for text, whatever a file is called."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _add(archive: zipfile.ZipFile, name: str, each: Citation, picture: Picture, coordinates: bool) -> bool:
    """Put one file in, as it lies on the disk but for its coordinates; False if it cannot be read any more."""
    region = each.region
    path = region.source.path
    source: IO[bytes]
    try:
        if is_whole_file(path):
            source = open_plain(path)
            is_here = os.path.isfile(path)
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False) if is_here else _name_entry(name)
        elif region.is_drawn:
            entry, source = _name_entry(name), _draw_region(each, picture)
        else:
            return False
    except (DeepSeekMMError, OSError, ValueError):  # gone or damaged since it was indexed
        return False
    with source, archive.open(entry, "w", force_zip64=True) as target:
        if coordinates or region.source.kind != "photo":
            shutil.copyfileobj(source, target)
        else:
            target.write(remove_coordinates(source.read()))
    return True


def is_whole_file(path: str) -> bool:
    """Whether a file of its own lies there, or on another machine; not one in an archive."""
    return os.path.isfile(path) or (MARK not in path and stat_known(path) is not None)


def _name_entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, time.localtime()[:6])


def _draw_region(each: Citation, picture: Picture) -> io.BytesIO:
    data = io.BytesIO()
    region = each.region
    picture(region.source, region.view).save(data, "PNG")
    data.seek(0)
    return data


def _tidy(folder: Path) -> None:
    """Remove earlier exports: the browser has long fetched them."""
    for home in folder.glob("*"):
        if time.time() - home.stat().st_mtime > OLD_S:
            shutil.rmtree(home, ignore_errors=True)
