"""The table of formats: every row can be told from the others."""

import pytest
from made_files import docx_bytes, many_pages, picture_bytes, zip_bytes

from deepseek_mm.parse.formats import FORMATS, format_of, named_format
from deepseek_mm.parse.video import CONTAINERS
from deepseek_mm.parse.workers.loop import READERS


def test_no_two_formats_share_a_name_or_an_ending():
    names = [row.name for row in FORMATS]
    endings = [ending for row in FORMATS for ending in row.endings]
    assert len(names) == len(set(names))
    assert len(endings) == len(set(endings))
    assert all(ending == ending.lower() for ending in endings)


def test_every_format_but_an_archive_has_something_that_reads_it():
    assert sorted([*READERS, *CONTAINERS]) == sorted(row.name for row in FORMATS if row.kind != "archive")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.JPG", "jpeg"),
        ("/a/b.HEIC", "heic"),
        ("/a/b.tar.gz", None),
        ("/a/notes.md", "markdown"),
        ("/a/x.zip!/y/z.Py", "python"),
        ("/a/Makefile", "make"),
        ("/a/README", "text"),
        ("/a/.md", None),  # a hidden file without an ending
        ("/a.md/b", None),
        ("/a/b.", None),
        ("", None),
    ],
)
def test_a_name_tells_a_format_by_its_ending_in_any_case(path, name):
    row = named_format(path)
    assert (row and row.name) == name


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heif"])
@pytest.mark.parametrize("path", ["a", "a.txt", "a.py", "a.pdf", "a.zip"])
def test_the_bytes_of_a_picture_come_before_its_name(form, path):
    assert format_of(picture_bytes(form), path).name == {"heif": "heic"}.get(form, form)


def test_an_avif_file_that_calls_itself_by_the_common_name_is_known_by_the_names_beside_it():
    data = picture_bytes("avif")
    assert data[4:12] == b"ftypavif"
    assert format_of(data[:8] + b"mif1" + data[12:], "a").name == "avif"
    assert format_of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a").name == "heic"


def test_a_pdf_is_known_by_its_bytes_and_packed_files_by_bytes_and_name():
    assert format_of(many_pages(1), "a.jpg").name == "pdf"
    assert format_of(docx_bytes("words"), "a.docx").name == "docx"
    assert format_of(zip_bytes({}), "a.zip").name == "zip"  # an empty one begins with its end
    assert format_of(zip_bytes({"a": b"b"}), "a.jar") is None
    assert format_of(b"words", "a.zip") is None


@pytest.mark.parametrize(
    "words", ["BMW", "BM" + "x" * 50, "II*", "RIFF and RAFF WEBP", "see %PDF-1.7", "ftypheic", "PK"]
)
def test_words_are_not_taken_for_another_format(words):
    assert format_of(words.encode(), "a.txt").name == "text"
