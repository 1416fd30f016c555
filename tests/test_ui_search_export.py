"""An export: original bytes, names that differ, a table that names what is gone."""

import csv
import io
import os
import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from fakes import picture

from deepseek_mm.errors import NothingThere
from deepseek_mm.sharing.zip_export import OLD_S, as_text_cell, clean
from deepseek_mm.types import Citation
from index import Label, Region, Source
from ui.edges import BadPath
from ui.region_html import EvidenceItem
from ui.search.search_handlers import pack
from ui.words import ENGLISH


def exhibit(number: int, path: Path | str, **source) -> EvidenceItem:
    region = Region(
        source=Source(path=str(path), **source), box_px=(1, 2, 30, 40), labels=(Label(name="dog", score=0.9),)
    )
    return EvidenceItem(citation=Citation(number=number, region=region, score=0.5), caption=f"[{number}] dog")


def nothing(source: Source, page: int) -> object:
    raise NothingThere(f"{source.path} is gone")


def export(
    chosen: list[EvidenceItem], folder: Path, read=nothing
) -> tuple[zipfile.ZipFile, list[dict[str, str]], list]:
    """The archive, its table, and what was told on the way."""
    told_ = list(pack(chosen, folder, picture=read, words=ENGLISH))
    archive = zipfile.ZipFile(told_[-1].file)
    rows = csv.DictReader(io.StringIO(archive.read("found.csv").decode("utf-8-sig")))
    return archive, list(rows), told_


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_files_are_the_originals_and_the_table_says_what_they_were_found_for(tmp_path):
    path = write(tmp_path, "dog.jpg", b"exactly these bytes")
    archive, rows, told_ = export([exhibit(1, path, taken_at=datetime(2024, 5, 1, 12))], tmp_path / "out")
    assert archive.read("dog.jpg") == b"exactly these bytes"
    assert rows == [
        {
            "path": "dog.jpg", "file": "dog.jpg", "label": "dog", "score": "0.5000", "left": "1", "top": "2",
            "right": "30", "bottom": "40", "page": "", "taken": "2024-05-01 12:00:00", "problem": "",
        }
    ]  # fmt: skip
    assert [(each.done, each.gone) for each in told_] == [(1, 0), (1, 0)]
    assert told_[-1].file.name == "found-1.zip"


def test_files_of_one_name_get_names_that_differ_also_for_systems_without_capitals(tmp_path):
    paths = [
        write(tmp_path, f"{n}/{name}", b"%d" % n) for n, name in enumerate(["a.jpg", "A.jpg", "a.jpg", "found.csv"])
    ]
    archive, rows, _ = export([exhibit(n, path) for n, path in enumerate(paths, start=1)], tmp_path / "out")
    names = [row["file"] for row in rows]
    assert names == ["a.jpg", "A (2).jpg", "a (3).jpg", "found (2).csv"]
    assert [archive.read(name) for name in names] == [b"0", b"1", b"2", b"3"]


def test_a_file_that_is_gone_is_named_in_the_table_and_the_others_are_packed(tmp_path):
    there = write(tmp_path, "there.jpg", b"x")
    archive, rows, told_ = export([exhibit(1, tmp_path / "gone.jpg"), exhibit(2, there)], tmp_path / "out")
    assert [(row["file"], row["problem"]) for row in rows] == [("", ENGLISH.export_gone), ("there.jpg", "")]
    assert sorted(archive.namelist()) == ["found.csv", "there.jpg"]
    assert told_[-1].gone == 1


def test_what_lies_in_an_archive_is_packed_as_its_picture(tmp_path):
    inside = exhibit(1, tmp_path / "all.zip!/inner/dog.jpg")
    archive, rows, _ = export([inside], tmp_path / "out", lambda source, page: picture("red"))
    assert rows[0]["file"] == "dog.png"
    assert archive.read("dog.png").startswith(b"\x89PNG")


def test_a_file_older_than_archives_can_say_is_packed(tmp_path):
    path = write(tmp_path, "old.jpg", b"x")
    os.utime(path, (0, 0))
    assert export([exhibit(1, path)], tmp_path / "out")[1][0]["problem"] == ""


def test_a_name_leads_nowhere_else_and_a_cell_is_no_formula(tmp_path):
    assert clean("..\\..\\evil.jpg") == "_.._evil.jpg"
    assert clean("a:b?.jpg") == "a_b_.jpg"
    assert clean("..") == "file"
    assert as_text_cell("=1+1") == "'=1+1"
    assert as_text_cell("/photos/a.jpg") == "/photos/a.jpg"


def test_a_name_that_is_no_text_is_packed_all_the_same(tmp_path):
    path = write(tmp_path, os.fsdecode(b"caf\xe9.jpg"), b"x")
    archive, rows, _ = export([exhibit(1, path)], tmp_path / "out")
    assert archive.read(rows[0]["file"]) == b"x"


def test_a_disk_that_takes_nothing_is_told_with_what_to_do(tmp_path):
    blocked = write(tmp_path, "out", b"a file, where a folder should be")
    with pytest.raises(BadPath, match="Make room on the disk"):
        list(pack([exhibit(1, tmp_path / "x.jpg")], blocked, picture=nothing, words=ENGLISH))


def test_an_earlier_export_is_removed_when_it_is_old(tmp_path):
    old, young = tmp_path / "out" / "old", tmp_path / "out" / "young"
    for home in (old, young):
        write(home, "found-1.zip", b"x")
    os.utime(old, (time.time() - OLD_S - 60,) * 2)
    export([], tmp_path / "out")
    assert not old.exists()
    assert young.exists()
