"""Slides and OpenDocument texts: their order, titles, tables, notes and pages, and files that are damaged or locked."""

import pytest
from made_documents import encrypted, grid, odt_bytes, odt_xml, pptx_bytes, shape
from made_files import docx_bytes, read, refusal, written, zip_bytes

from deepseek_mm.config import ParseConfig


def test_slides_come_in_the_order_they_are_shown_with_titles_tables_and_notes(tmp_path):
    data = pptx_bytes(
        shape("A raft\nand an oar") + shape("Boats", "title") + shape("7", "sldNum") + shape("2024", "dt"),
        shape("Prices", "ctrTitle") + grid(("what", "price"), ("oar", "12")),
        shape("The end"),
        notes={2: shape("", "sldImg") + shape("Say that oars are cheap.", "body")},
    )
    source, pieces = read(written(tmp_path / "a.pptx", data))
    assert (source.kind, source.format, source.note) == ("document", "pptx", "")
    assert [(piece.page, piece.text.split("\n\n")) for piece in pieces] == [
        (1, ["# Boats", "A raft\nand an oar"]),
        (2, ["# Prices", "what | price\noar | 12", "Notes: Say that oars are cheap."]),
        (3, ["The end"]),
    ]
    assert [piece.symbol and piece.symbol.name for piece in pieces] == ["Boats", "Prices", None]
    assert {(piece.kind, piece.box_px, piece.lines) for piece in pieces} == {("text", (0, 0, 0, 0), (0, 0))}


def test_what_is_written_twice_for_old_programs_is_read_once(tmp_path):
    twice = f"<mc:AlternateContent><mc:Choice>{shape('new')}</mc:Choice><mc:Fallback>{shape('old')}</mc:Fallback>"
    _, (piece,) = read(written(tmp_path / "a.pptx", pptx_bytes(f"{twice}</mc:AlternateContent>")))
    assert piece.text == "new"


def test_of_too_many_slides_the_first_are_read_and_of_too_many_letters_too(tmp_path):
    path = written(tmp_path / "a.pptx", pptx_bytes(*(shape(f"Slide {n}") for n in range(1, 10))))
    source, pieces = read(path, ParseConfig(max_pages=3))
    assert [piece.text for piece in pieces] == ["Slide 1", "Slide 2", "Slide 3"]
    assert source.note == "Only the first 3 of its 9 slides are read (parse.max_pages)."
    source, pieces = read(path, ParseConfig(max_chars=20))
    assert "".join(piece.text for piece in pieces) == "Slide 1Slide 2Slide"
    assert source.note == "Only the first 20 of its 63 letters are read (parse.max_chars)."


HEADED = '<text:h text:outline-level="2">Costs</text:h>'


def test_a_text_is_read_with_headings_lists_tables_and_notes_without_what_was_deleted(tmp_path):
    cells = "".join(f"<table:table-cell><text:p>{word}</text:p></table:table-cell>" for word in ("oar", "12"))
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:table-of-content><text:p>Costs 1</text:p></text:table-of-content>"
        f"{HEADED}<text:p>Forty<text:s text:c='3'/><text:span>euros</text:span><text:line-break/>a month"
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Paid late.</text:p>"
        "</text:note-body></text:note></text:p><text:p/>"
        "<text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p>"
        "</text:list-item></text:list>"
        f"<table:table><table:table-header-rows><table:table-row>{cells}</table:table-row></table:table-header-rows>"
        f"<table:table-row>{cells}</table:table-row></table:table>"
    )
    source, (piece,) = read(written(tmp_path / "a.odt", odt_bytes(body)))
    assert (source.kind, source.format) == ("document", "odt")
    assert piece.text.split("\n\n") == [
        "## Costs", "Forty euros\na month (Paid late.)", "- one\n- two", "oar | 12\noar | 12",
    ]  # fmt: skip
    assert (piece.page, piece.symbol.name) == (0, "Costs")


def test_pages_of_a_text_are_those_that_were_noted_and_its_section_goes_on(tmp_path):
    body = f"{HEADED}<text:p>Forty.</text:p><text:soft-page-break/><text:p>Fifty<text:soft-page-break/>!</text:p>"
    _, pieces = read(written(tmp_path / "a.odt", odt_bytes(f"{body}<text:p>Sixty.</text:p>")))
    assert [(piece.page, piece.text) for piece in pieces] == [(1, "## Costs\n\nForty."), (2, "Fifty!"), (3, "Sixty.")]
    assert {piece.symbol.name for piece in pieces} == {"Costs"}


def test_text_from_right_to_left_keeps_the_order_in_which_it_is_read(tmp_path):
    words = "\u05d4\u05e1\u05e4\u05d9\u05e0\u05d4 \u05e2\u05d5\u05dc\u05d4 42 \u05e9\u05e7\u05dc"
    made = {
        "a.odt": odt_bytes(f"<text:p>{words}</text:p>"),
        "a.pptx": pptx_bytes(shape(words)),
        "a.docx": docx_bytes(words),
        "a.txt": words.encode("utf-8"),
        "a.html": f'<p dir="rtl">{words}</p>'.encode(),
    }
    for name, data in made.items():
        assert [piece.text for piece in read(written(tmp_path / name, data))[1]] == [words]


def test_a_text_or_a_presentation_with_a_password_is_told_to_be_locked(tmp_path):
    manifest = {"META-INF/manifest.xml": encrypted("content.xml")["META-INF/encryption.xml"].replace(
        b"CipherData", b"encryption-data"
    )}  # fmt: skip
    path = written(tmp_path / "a.odt", odt_bytes("", more=manifest))
    assert refusal(path) == f"{path} is locked with a password. Save it without one and try again"
    path = written(tmp_path / "a.pptx", b"\xd0\xcf\x11\xe0" + bytes(600))
    assert refusal(path) == (
        f"{path} is locked with a password, or an old .ppt file. Save it as .pptx without a password"
    )


@pytest.mark.parametrize(
    ("name", "title", "saver"),
    [
        ("a.odt", "OpenDocument text", "in LibreOffice"),
        ("a.pptx", "PowerPoint presentation", "in PowerPoint"),
        ("a.epub", "EPUB book", "in the program that made it"),
    ],
)
def test_another_zip_and_one_that_was_cut_say_what_they_are_not(tmp_path, name, title, saver):
    whole = {"a.odt": odt_bytes("<text:p>words</text:p>"), "a.pptx": pptx_bytes(shape("words"))}
    for data in (zip_bytes({"a.txt": b"words"}), whole.get(name, zip_bytes({"a": b"b"}))[:-40]):
        said = refusal(written(tmp_path / name, data))
        assert said.startswith(f"{tmp_path / name} is no {title}, or it is damaged: ")
        assert said.endswith(f". Save it again {saver}")


@pytest.mark.parametrize(
    ("name", "data"), [("a.odt", odt_bytes("<text:p> </text:p>")), ("a.pptx", pptx_bytes(shape(" "), shape("")))]
)
def test_a_document_of_blanks_is_refused_with_another_way(tmp_path, name, data):
    path = written(tmp_path / name, data)
    assert refusal(path) == f"{path} holds no text. Save it as PDF to have its pictures read"


@pytest.mark.parametrize("name", ["a.odt", "a.pptx", "a.epub"])
def test_a_document_that_would_unpack_to_far_more_is_a_bomb(tmp_path, name):
    path = written(tmp_path / name, zip_bytes({"content.xml": b" " * 30_000_000}))
    assert f"{path} would unpack to 30,000,000 bytes, as only a bomb does. Save it again in " in refusal(path)


def test_words_that_are_defined_by_words_do_not_grow_in_memory(tmp_path):
    """A "billion laughs": ten levels of entities, each ten of the one below. They are never written out."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    for name in ("e0", "e9"):
        content = f'<!DOCTYPE x [<!ENTITY e0 "ha">{levels}]>{odt_xml(f"<text:p>a raft &{name}; there</text:p>")}'
        path = written(tmp_path / "a.odt", zip_bytes({"content.xml": content.encode()}))
        if name == "e0":
            assert [piece.text for piece in read(path)[1]] == ["a raft there"]
        else:
            assert "is no OpenDocument text, or it is damaged: Maximum entity" in refusal(path)
