"""Books: chapters in order with their titles, and books that are locked by their seller."""

import pytest
from made_documents import encrypted, epub_bytes
from made_files import read, refusal, written

from deepseek_mm.config import ParseConfig

NIGHT = {"one.xhtml": "<p>It was dark.</p>", "two.xhtml": "<h2>Wind</h2><p>The storm came.</p><h2>Rain</h2><p>Wet.</p>"}
TITLES = {"one.xhtml": "Night &amp; fog", "two.xhtml": "Chapter 2. The Storm"}


def test_chapters_come_in_the_order_they_are_read_with_number_title_and_section(tmp_path):
    source, pieces = read(written(tmp_path / "a.epub", epub_bytes(NIGHT, contents=TITLES)))
    assert (source.kind, source.format, source.note) == ("document", "epub", "")
    assert [(piece.page, piece.text, piece.symbol.signature, piece.symbol.name) for piece in pieces] == [
        (1, "It was dark.", "Night & fog", "Night & fog"),
        (2, "## Wind\n\nThe storm came.", "Chapter 2. The Storm", "Wind"),
        (2, "## Rain\n\nWet.", "Chapter 2. The Storm", "Rain"),
    ]
    assert {piece.symbol.kind for piece in pieces} == {"chapter"}


def test_a_chapter_that_the_contents_do_not_name_is_called_by_its_first_heading(tmp_path):
    chapters = {"cover.xhtml": "", "one.xhtml": "<p>No title.</p>", "two.xhtml": "<h1>The Sea</h1><p>Blue.</p>"}
    _, pieces = read(written(tmp_path / "a.epub", epub_bytes(chapters)))
    assert [(piece.page, piece.symbol and piece.symbol.signature) for piece in pieces] == [(1, None), (2, "The Sea")]


def test_elements_that_close_themselves_hide_nothing_of_a_chapter(tmp_path):
    chapters = {"one.xhtml": '<p><a id="page1"/>Before <span/>the <script src="x"/>storm.</p><title/><p>After it.</p>'}
    _, (piece,) = read(written(tmp_path / "a.epub", epub_bytes(chapters)))
    assert piece.text.split() == ["Before", "the", "storm.", "After", "it."]


def test_a_book_of_the_older_kind_names_its_chapters_too(tmp_path):
    points = "<navPoint><navLabel><text>Old title</text></navLabel><content src='one.xhtml#a'/></navPoint>"
    package = (
        b'<package><manifest><item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        b'<item id="c" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        b'<spine toc="ncx"><itemref idref="c"/></spine></package>'
    )
    more = {"OEBPS/book.opf": package, "OEBPS/toc.ncx": f"<ncx><navMap>{points}</navMap></ncx>".encode()}
    path = written(tmp_path / "a.epub", epub_bytes({"one.xhtml": "<p>Words.</p>"}, more=more))
    assert [piece.symbol.signature for piece in read(path)[1]] == ["Old title"]


@pytest.mark.parametrize(
    "lock", [encrypted("OEBPS/two.xhtml"), {"META-INF/rights.xml": b"<rights/>"}, {"META-INF/sinf.xml": b"<sinf/>"}]
)
def test_a_book_that_its_seller_has_locked_says_so(tmp_path, lock):
    path = written(tmp_path / "a.epub", epub_bytes(NIGHT, more=lock))
    assert refusal(path) == (
        f"{path} is locked by whoever sold it (DRM). Read it in the seller's program, or index a copy without a lock"
    )


def test_a_book_whose_fonts_alone_are_disguised_is_read(tmp_path):
    path = written(tmp_path / "a.epub", epub_bytes(NIGHT, more=encrypted("OEBPS/fonts/a.otf")))
    assert len(read(path)[1]) == 3


def test_of_a_long_book_the_beginning_is_read_and_a_book_of_pictures_is_refused(tmp_path):
    chapters = {f"{n}.xhtml": f"<p>{'boat ' * 100}</p>" for n in range(5)}
    source, pieces = read(written(tmp_path / "a.epub", epub_bytes(chapters)), ParseConfig(max_chars=600))
    assert [piece.page for piece in pieces] == [1, 2]
    assert source.note == "Only the first 600 of its 2,495 letters are read (parse.max_chars)."
    path = written(tmp_path / "b.epub", epub_bytes({"one.xhtml": '<img src="a.png"/>'}))
    assert refusal(path) == f"{path} holds no text. Save it as PDF to have its pictures read"
