"""Files that are made to do harm cost what a limit allows, and are told; what only nests is read as plain lines."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from bombs import NESTED, docx_bomb, pdf_bomb, png_bomb
from made_files import CONFIG, docx_bytes, read, refusal, written, zip_bytes

from deepseek_mm.errors import BadFile, Cancelled, LimitReached
from deepseek_mm.parse.code import outline
from deepseek_mm.parse.code.pieces import split
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.markup import is_too_deep, text_of
from deepseek_mm.parse.workers import wire

SMALL = replace(CONFIG, worker_memory_mb=200)
PATIENT = replace(CONFIG, worker_seconds=45)  # far more than a linear walk needs, far less than a quadratic one


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("size", [60_000, pytest.param(500_000, marks=pytest.mark.campaign(times=1, only=True))])
def test_code_that_nests_as_nobody_does_is_read_in_linear_time(tmp_path, name, size):
    """Of marks alone nothing is kept; what stands among them is."""
    text = NESTED[name] * (size // len(NESTED[name])) + ("\nwords_at_the_end = 1\n" if name != "a.ipynb" else "")
    path = written(tmp_path / name, text)
    if name == "a.ipynb":
        assert "is no Jupyter notebook" in refusal(path, PATIENT)
    else:
        assert any("words_at_the_end" in piece.text for piece in read(path, PATIENT)[1])


def test_half_a_megabyte_of_brackets_is_read_in_linear_time(tmp_path):
    path = written(tmp_path / "a.json", "[" * 500_000 + '\n"word"')
    assert [piece.text for piece in read(path, PATIENT)[1]] == ['"word"']


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("(" * 1_001, "python"),
        (")" * 500 + "(" * 1_001, "python"),
        ("a:\n" + "- " * 101 + "x", "yaml"),
    ],
)
def test_what_nests_beyond_measure_shows_before_it_is_parsed(text, language):
    with pytest.raises(outline.Tangled):
        outline.check_text(text.encode(), language)


def test_code_as_people_write_it_nests_within_measure():
    outline.check_text(b"f(a[{1}])\n" * 5_000 + b"(" * 900 + b")" * 900, "python")
    outline.check_text(b"a:\n  - b:\n      - c\n" * 500 + b"# " + b"-" * 300, "yaml")


def test_many_functions_on_one_line_are_told_by_their_heads():
    text = ("function a(){" * 9 + "}" * 9) * 900
    pieces = list(split(text, "javascript", name="m", most=2_000))
    assert sum(len(piece.text) for piece in pieces) < 20 * len(text)


def test_calls_on_one_long_line_are_told_once_and_not_without_end():
    pieces = list(split("f(a);g(b);" * 5_000, "javascript", name="m", most=2_000))
    assert {piece.symbol.calls for piece in pieces} == {("f", "g")}


def test_comments_on_one_long_line_cost_what_they_are_long():
    assert list(split("/**/" * 50_000 + "a", "c", name="m", most=2_000))[-1].text.endswith("a")


def test_a_page_of_three_hundred_thousand_elements_inside_one_another_is_read_as_words(tmp_path):
    path = written(tmp_path / "a.html", "<div>" * 300_000 + "words &amp; more<p>end")
    assert [piece.text for piece in read(path, PATIENT)[1]] == ["words &amp; more\n\nend"]


@pytest.mark.parametrize(
    "html",
    [
        "<p>a" * 2_000,
        "<li>a" * 2_000,
        "<div>a</div>" * 2_000,
        "<script>" + "<div>" * 2_000 + "</script>",
        "<!--" + "<div>" * 2_000 + "-->",
        "<br>" * 2_000,
        "<div>" * 400 + "</div>" * 400,
        "<!-- " * 2_000,
    ],
)
def test_pages_that_leave_out_ends_are_not_taken_for_deep_ones(html):
    assert not is_too_deep(html)


def test_deep_elements_show_whatever_stands_between_them():
    assert is_too_deep("<div><!-- x --><b><p>" * 300)
    assert text_of("<div>" * 501 + "a<b>c") == "a\n\nc"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", lambda: pdf_bomb(3_000_000)),
        ("a.png", lambda: png_bomb(8_000)),
    ],
)
def test_what_grows_beyond_its_memory_is_given_up_with_the_setting(tmp_path, name, data):
    path = written(tmp_path / name, data())
    with pytest.raises(LimitReached, match=r"parse\.worker_memory_mb"):
        read(path, SMALL)
    assert path.stat().st_size < 400_000


def test_a_document_of_deep_elements_is_refused_and_a_sound_one_after_it_is_read(tmp_path):
    path = written(tmp_path / "a.docx", docx_bomb(docx_bytes("words"), 100_000))
    with pytest.raises(BadFile):
        read(path, SMALL)
    assert read(written(tmp_path / "b.docx", docx_bytes("words")), SMALL)[1][0].text == "words"


def test_a_notebook_nested_beyond_all_measure_is_refused(tmp_path):
    text = json.dumps({"cells": [], "a": 0}).replace("0", "[" * 100_000 + "]" * 100_000)
    assert "is no Jupyter notebook" in refusal(written(tmp_path / "a.ipynb", text))


def test_an_archive_that_lists_more_than_anybody_reads_is_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.zip", zip_bytes({f"{n}.txt": b"" for n in range(5)}))
    monkeypatch.setattr(wire, "MOST_ENTRIES", 4)
    with path.open("rb") as file, pytest.raises(BadFile, match="lists 5 files, and 4 are the most"):
        wire.read_directory(file.fileno(), str(path))


@pytest.mark.campaign(times=1, only=True)
def test_an_archive_of_a_quarter_of_a_million_entries_is_refused_by_a_worker(tmp_path):
    path = written(tmp_path / "a.zip", zip_bytes({f"{n}.txt": b"" for n in range(250_000)}, compression=0))
    with pytest.raises(FileNotFoundError, match="lists 250,000 files"):
        find_files([path], CONFIG)


def test_other_threads_go_on_while_a_file_is_taken_apart(tmp_path):
    """The outline of such a file once held the lock of the interpreter for minutes."""
    path = written(tmp_path / "a.pdf", pdf_bomb(3_000_000))
    stop = threading.Event()

    def work() -> None:
        with pytest.raises(Cancelled):
            list(parse_file(open_file(path, CONFIG), CONFIG, stopping=stop.is_set).pieces)

    thread = threading.Thread(target=work)
    thread.start()
    late_s = 0.0
    for _ in range(40):
        before = time.monotonic()
        time.sleep(0.02)
        late_s = max(late_s, time.monotonic() - before)
    stop.set()
    thread.join()
    assert late_s < 5


def test_nothing_that_decodes_is_imported_where_files_are_only_handed_on():
    code = """
import sys, deepseek_mm.parse.document, deepseek_mm.parse.folder, deepseek_mm.parse.document
foreign = ("pypdfium2", "docx", "lxml", "selectolax", "tree_sitter", "charset_normalizer", "pillow_heif", "torch")
print([name for name in foreign if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
