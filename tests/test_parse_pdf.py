"""PDF: pages as pictures, their text with boxes, and files that are locked, damaged or endless."""

import io
import threading

import numpy as np
import pypdfium2 as pdfium
import pytest
from made_files import CONFIG, PAGE_PT, many_pages, pdf_bytes, read, refusal, written
from PIL import Image, ImageChops
from reportlab.pdfgen import canvas

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.document import open_file, parse_file, read_page
from deepseek_mm.parse.pdf import begins, follows

SCALE = 1600 / PAGE_PT[1]  # pixels of a point
TWO_COLUMNS = [
    *((30, 400 - 14 * n, f"Left column, line {n}.") for n in range(3)),
    *((220, 400 - 14 * n, f"Right column, line {n}.") for n in range(3)),
]


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """The box around everything that is not white."""
    return ImageChops.invert(image.convert("L")).point(lambda value: 255 * (value > 60)).getbbox()


def test_each_page_is_a_picture_and_its_words_are_passages_on_it(tmp_path):
    path = written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "A red boat")], [(50, 300, "A blue sail")]))
    source, pieces = read(path)
    assert (source.kind, source.format, source.note, source.width_px) == ("document", "pdf", "", 0)
    assert [(piece.kind, piece.page, piece.text) for piece in pieces] == [
        ("page", 1, ""),
        ("text", 1, "A red boat"),
        ("page", 2, ""),
        ("text", 2, "A blue sail"),
    ]
    assert pieces[0].image.size == (1280, 1600)
    assert pieces[0].image.mode == "RGB"
    assert pieces[0].box_px == (0, 0, 1280, 1600)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_box_of_words_lies_around_their_ink_however_the_page_is_turned(tmp_path, turned):
    path = written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "A red boat")], turned=turned))
    _, (page, words) = read(path)
    assert page.image.size == ((1280, 1600) if turned in (0, 180) else (1600, 1280))
    np.testing.assert_allclose(words.box_px, ink(page.image), atol=14)
    assert words.text == "A red boat"


def test_the_box_of_words_is_where_the_points_say(tmp_path):
    """The baseline is 400 points above the lower edge of 500, so 100 points below the upper one: 320 px."""
    _, (_, words) = read(written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "Hxxx")])))
    assert words.box_px[0] == pytest.approx(50 * SCALE, abs=5)
    assert words.box_px[3] == pytest.approx(100 * SCALE, abs=5)
    assert words.box_px[1] == pytest.approx((100 - 0.72 * 12) * SCALE, abs=5)  # capitals of Helvetica are 0.72 high


def test_lines_that_follow_are_one_paragraph_and_columns_are_apart(tmp_path):
    _, (_, *words) = read(written(tmp_path / "a.pdf", pdf_bytes(TWO_COLUMNS)))
    assert [piece.text for piece in words] == [
        "Left column, line 0. Left column, line 1. Left column, line 2.",
        "Right column, line 0. Right column, line 1. Right column, line 2.",
    ]
    assert words[0].box_px[2] < words[1].box_px[0]


def test_paragraphs_share_a_passage_up_to_the_wished_length(tmp_path):
    lines = [(30, 480 - 12 * n - 20 * (n // 3), f"Line {n:02d} of a text with some words in it.") for n in range(12)]
    path = written(tmp_path / "a.pdf", pdf_bytes(lines))
    whole = read(path)[1][1:]
    parts = read(path, ParseConfig(chunk_chars=300))[1][1:]
    assert len(whole) == 1
    assert whole[0].text.count("\n\n") == 3  # four paragraphs of three lines
    assert [len(piece.text) <= 300 for piece in parts] == [True, True]
    assert " ".join(piece.text for piece in parts).split() == whole[0].text.split()
    assert parts[0].box_px[3] < parts[1].box_px[1]


@pytest.mark.parametrize(
    ("box", "follow", "begin"),
    [
        ((10, 25, 90, 35), True, False),  # the next line
        ((10, 60, 90, 70), False, False),  # the next paragraph
        ((200, 25, 290, 35), False, False),  # beside it
        ((10, 0, 90, 8), False, True),  # higher up
        ((10, 25, 90, 45), False, True),  # letters of twice the size
    ],
)
def test_a_line_follows_another_if_it_is_close_below_and_as_high(box, follow, begin):
    before = (10, 10, 100, 20)
    assert follows(before, box) is follow
    assert begins(before, box) is begin


def test_words_outside_of_the_page_are_left_out(tmp_path):
    _, pieces = read(written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "here"), (900, 300, "far away")])))
    assert [piece.text for piece in pieces] == ["", "here"]


def test_a_scan_is_a_page_without_words(tmp_path):
    Image.effect_noise((300, 400), 90).convert("RGB").save(tmp_path / "scan.pdf")
    _, (page,) = read(tmp_path / "scan.pdf")
    assert page.image.size == (1200, 1600)


def test_what_was_filled_into_a_form_is_drawn(tmp_path):
    paper = canvas.Canvas(str(tmp_path / "a.pdf"), pagesize=PAGE_PT)
    paper.acroForm.textfield(name="who", value="Ada", x=100, y=300, width=200, height=24)
    paper.showPage()
    paper.save()
    _, (page, *_) = read(tmp_path / "a.pdf")
    np.testing.assert_allclose(ink(page.image), np.array([100, 176, 300, 200]) * SCALE, atol=8)


def test_a_page_is_drawn_when_its_piece_is_asked_for(tmp_path):
    document = parse_file(open_file(written(tmp_path / "a.pdf", many_pages(400)), CONFIG), CONFIG)
    assert [next(document.pieces).page for _ in range(3)] == [1, 2, 3]
    document.close()
    assert list(document.pieces) == []


def test_of_three_thousand_pages_the_first_are_read_and_that_is_said(tmp_path):
    path = written(tmp_path / "a.pdf", many_pages(3_000))
    config = ParseConfig(max_pages=3)
    source, pieces = read(path, config)
    assert source.note == "Only the first 3 of its 3,000 pages are read (parse.max_pages)."
    assert [piece.page for piece in pieces] == [1, 2, 3]
    assert read_page(str(path), 3_000, config).size == (1280, 1600)


def test_a_page_can_be_drawn_again_for_the_screen(tmp_path):
    path = written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "one")], [(50, 300, "two")]))
    _, pieces = read(path)
    np.testing.assert_array_equal(np.asarray(read_page(str(path), 2, CONFIG)), np.asarray(pieces[2].image))
    for page in (3, -1):
        with pytest.raises(BadFile, match=rf"a\.pdf has no page {page}: it has 2\. Name one of them"):
            read_page(str(path), page, CONFIG)


def test_a_locked_pdf_is_refused_and_one_that_only_forbids_copying_is_read(tmp_path):
    path = written(tmp_path / "a.pdf", pdf_bytes([(50, 400, "secret")], password="open sesame"))
    assert refusal(path) == f"{path} is locked with a password. Save it without one and try again"
    path = written(tmp_path / "b.pdf", pdf_bytes([(50, 400, "shown")], owner="open sesame"))
    assert read(path)[1][1].text == "shown"


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n" + b"junk " * 500, pdf_bytes([(0, 0, "a")])[:300]])
def test_a_damaged_pdf_is_refused(tmp_path, data):
    path = written(tmp_path / "a.pdf", data)
    assert refusal(path).startswith(f"{path} is damaged")
    assert refusal(path).endswith("Copy it again from where it came")


def test_a_page_that_is_damaged_costs_only_itself(tmp_path):
    """The second page's object is overwritten: PDFium then has nothing to load there."""
    whole = pdf_bytes([(50, 400, "one")], [(50, 400, "two")], [(50, 400, "three")])
    pages = [at for at in range(len(whole)) if whole.startswith(b"/Type /Page\n", at)]
    assert len(pages) == 3
    bad = whole[: pages[1]] + b"/Type /Nope\n" + whole[pages[1] + 12 :]
    _, pieces = read(written(tmp_path / "a.pdf", bad))
    assert {piece.text for piece in pieces} >= {"one", "three"}


def test_random_damage_of_a_pdf_is_refused_or_survived(tmp_path):
    random, whole, outcomes = np.random.default_rng(0), pdf_bytes([(50, 400, "words")], [(50, 300, "more")]), set()
    for _ in range(60):
        bad = bytearray(whole)
        for at in random.integers(8, len(bad), size=12):
            bad[at] = random.integers(256)
        try:
            outcomes.add(len(read(written(tmp_path / "a.pdf", bytes(bad)))[1]) > 0)
        except BadFile:
            outcomes.add("refused")
    assert outcomes == {True, "refused"}


def test_a_page_of_any_shape_fits_the_picture(tmp_path):
    pdf, file = pdfium.PdfDocument.new(), io.BytesIO()
    for size in ((14_400, 3), (3, 14_400), (1, 1), (20_000, 20_000)):
        pdf.new_page(*size)
    pdf.save(file)
    _, pieces = read(written(tmp_path / "a.pdf", file.getvalue()))
    assert [max(piece.image.size) for piece in pieces] == [1600] * 4


def test_many_threads_may_read_at_once(tmp_path):
    """PDFium crashes the process when two threads are inside it."""
    path = written(tmp_path / "a.pdf", pdf_bytes(*([(50, 400, f"page {n}")] for n in range(6))))
    seen: list[int] = []

    def work() -> None:
        for _ in range(3):
            seen.append(len(read(path)[1]))
            seen.append(read_page(str(path), 2, CONFIG).width)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [12] * 18 + [1280] * 18


def test_labels_with_their_values_stay_in_lines_of_their_own(tmp_path):
    lines = (
        "Net total: 410.00 EUR",
        "VAT 20 %: 82.00 EUR",
        "Total: 492.00 EUR",
        "Thank you for your order, which",
        "we send to: Leeds.",
    )
    file = written(tmp_path / "bill.pdf", pdf_bytes([(40, 400 - 14 * n, line) for n, line in enumerate(lines)]))
    texts = [piece.text for piece in read(file)[1] if piece.kind == "text"]
    assert texts == ["\n".join(lines[:3]) + " Thank you for your order, which we send to: Leeds."]
