"""From a path to a source and its pieces, whatever the file is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_files import CONFIG, docx_bytes, many_pages, pdf_bytes, picture_bytes, read, scene, written, zip_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture, NothingThere
from deepseek_mm.parse.document import open_file, parse_file, read_page

FILES = {  # name -> bytes, kind of the source, kinds of its pieces
    "a.jpg": (picture_bytes("jpeg"), "photo", ["whole"]),
    "a.heic": (picture_bytes("heif"), "photo", ["whole"]),
    "a.pdf": (pdf_bytes([(50, 400, "words")]), "document", ["page", "text"]),
    "a.docx": (docx_bytes("words"), "document", ["text"]),
    "a.html": (b"<p>words</p>", "document", ["text"]),
    "a.md": (b"# Head\n\nwords\n\n# Head\n\nwords", "document", ["text", "text"]),
    "a.txt": (b"words", "document", ["text"]),
    "a.py": (b"x = 1", "code", ["code"]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_file_has_its_kinds_of_pieces_in_a_folder_and_in_an_archive(tmp_path, name, packed):
    data, kind, pieces = FILES[name]
    path = str(written(tmp_path / name, data))
    if packed:
        path = f"{written(tmp_path / 'a.zip', zip_bytes({f'in/{name}': data}))}!/in/{name}"
    source, found = read(path)
    assert (source.path, source.kind, source.name, source.size_bytes) == (path, kind, name, len(data))
    assert [piece.kind for piece in found] == pieces
    assert all(piece.image is not None or piece.text for piece in found)


def test_a_source_belongs_to_the_collection_it_is_read_for(tmp_path):
    file = open_file(written(tmp_path / "a.txt", "words"), CONFIG)
    assert parse_file(file, CONFIG).source.collection == "library"
    assert parse_file(file, CONFIG, collection="uploads").source.collection == "uploads"


def test_the_same_bytes_have_the_same_digest_wherever_they_lie(tmp_path):
    data = picture_bytes()
    paths = [str(written(tmp_path / name, data)) for name in ("a.png", "b.jpg")]
    paths.append(f"{written(tmp_path / 'c.zip', zip_bytes({'d.png': data}))}!/d.png")
    assert len({read(path)[0].digest for path in paths}) == 1


def test_page_zero_is_the_photo_itself_also_in_an_archive(tmp_path):
    path = written(tmp_path / "a.zip", zip_bytes({"a.png": picture_bytes()}))
    np.testing.assert_array_equal(np.asarray(read_page(f"{path}!/a.png", 0, CONFIG)), np.asarray(scene()))


def test_a_page_of_a_pdf_in_an_archive_is_drawn(tmp_path):
    path = written(tmp_path / "a.zip", zip_bytes({"a.pdf": many_pages(2)}))
    assert read_page(f"{path}!/a.pdf", 2, CONFIG).size == (1280, 1600)


@pytest.mark.parametrize("page", [0, 1])
def test_what_has_no_pages_has_none_to_draw(tmp_path, page):
    path = written(tmp_path / "a.txt", "words")
    with pytest.raises(BadFile) as caught:
        read_page(str(path), page, CONFIG)
    assert str(caught.value) == f"{path} has no page {page} to draw: it is text. Show its text instead"


def test_a_file_that_is_gone_or_damaged_is_named_when_its_page_is_asked_for(tmp_path):
    with pytest.raises(NothingThere, match=r"no file at .*gone\.png"):
        read_page(str(tmp_path / "gone.png"), 0, CONFIG)
    with pytest.raises(BadPicture, match="damaged or cut short"):
        read_page(str(written(tmp_path / "a.png", picture_bytes()[:80])), 0, CONFIG)


def test_the_limits_are_those_of_the_configuration(tmp_path):
    path = written(tmp_path / "a.png", picture_bytes())
    with pytest.raises(BadPicture, match="parse.max_pixels allows 100"):
        read(path, ParseConfig(max_pixels=100))


def test_reading_any_file_does_not_load_torch():
    code = "import sys, deepseek_mm.parse.document, deepseek_mm.parse.folder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0
