"""A PDF page by page: each as a picture, and its letters, if it has more than a scan of them, as passages with boxes.

PDFium draws and reads. It is one library for the whole process and no two threads may be inside it, so every call is
made under one lock, page by page, and everything that it hands out is closed before the lock is let go.

PDF counts from the lower left in points, and a page may be turned or cropped; boxes here are in pixels of the picture.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import LONG_SIDE_PX, Contents, File, Piece
from deepseek_mm.parse.page_tables import join_cells
from deepseek_mm.parse.text import Paragraph, Passage, TextLine, pack
from index import Box

INSIDE = threading.RLock()  # a collector of garbage may close a document while the same thread is inside
HYPHENS = dict.fromkeys(map(ord, "\x02\xad\ufffe"))  # how PDFium says that a word goes on in the next line
NEWLINES = "\r\n"
ATTACHED_PAGES = 200  # of a PDF in a mail, all of which are read in one step
Span = tuple[int, int]  # the first letter, and the one after the last
APART = 0.7  # of a line's height: paragraphs are further apart than this
WIDE_APART = 1.6  # the same of Chinese lines whose sentence goes on
LONG_LINE = 15  # times its height: a shorter line was not full
WITHIN_SENTENCE = re.compile(r"[\u3400-\u9fff\u3001\uff0c\uff08\u201c]$")  # how a line ends whose sentence goes on
HAN = re.compile(r"[\u3400-\u9fff\u3001-\u301f\uff00-\uffef]")
LABEL_WORD = r"[^:\uff1a|.!?,\u3002\uff0c\s]"
LABEL = re.compile(  # "Total: 410.00"
    rf"(?![a-z])[^\W\d_]{LABEL_WORD}{{0,24}}(?: {LABEL_WORD}{{1,24}}){{0,4}}\s?[:\uff1a]\s*[^\s/]"
)
SHORT_LINE = 40  # letters of a line, after which a label begins anew
BLANK = ord(" ")
GAP = 0.8  # of a line's height: cells of a table are further apart than this, words are not
TALLER = 1.35  # times: letters of another size begin a paragraph, larger ones a passage


def read_pdf(file: File, config: ParseConfig) -> Contents:
    """The pages of a PDF, drawn and read when their pieces are asked for."""
    with open_pdf(file) as pdf:
        count = len(pdf)
    note = f"Only the first {config.max_pages:,} of its {count:,} pages are read (parse.max_pages)."
    pieces = pages(file, min(count, config.max_pages), config)
    return Contents(pieces=pieces, note=note if count > config.max_pages else "")


def read_pdf_page(file: File, page: int) -> Image:
    """The picture of one page, from 1."""
    with open_pdf(file) as pdf:
        if not 1 <= page <= len(pdf):
            raise BadFile(f"{file.path} has no page {page}: it has {len(pdf):,}. Name one of them")
        try:
            return render_page(pdf[page - 1])[0]
        except pdfium.PdfiumError as error:
            raise BadFile(f"page {page} of {file.path} is damaged: {error} Copy it again") from error


@contextmanager
def open_pdf(file: File) -> Iterator[pdfium.PdfDocument]:
    """The document, for this thread alone."""
    with INSIDE:
        try:
            pdf = pdfium.PdfDocument(file.data)
        except pdfium.PdfiumError as error:
            if error.err_code == raw.FPDF_ERR_PASSWORD:
                raise BadFile(f"{file.path} is locked with a password. Save it without one and try again") from error
            raise BadFile(f"{file.path} is damaged or no PDF: {error} Copy it again from where it came") from error
        try:
            pdf.init_forms()
            yield pdf
        finally:
            pdf.close()


def pages(file: File, count: int, config: ParseConfig) -> Iterator[Piece]:
    """Each page as a picture, then its passages. A page that is damaged is left out; BadFile if all are."""
    good = 0
    for number in range(1, count + 1):
        try:
            with open_pdf(file) as pdf:
                found = tuple(page_pieces(pdf[number - 1], number, config))
        except pdfium.PdfiumError:
            continue
        good += 1
        yield from found
    if not good:
        raise BadFile(f"{file.path} is damaged: none of its {count:,} pages can be drawn. Copy it again")


def read_pdf_texts(file: File, config: ParseConfig) -> Contents:
    """The passages of a PDF that is attached, without its pictures. BadFile if it has none, as a scan."""
    found: list[Piece] = []
    with open_pdf(file) as pdf:
        count, most = len(pdf), min(config.max_pages, ATTACHED_PAGES)
        for number in range(min(count, most)):
            with suppress(pdfium.PdfiumError):  # a damaged page is left out
                found += [piece for piece in page_pieces(pdf[number], number + 1, config) if piece.kind == "text"]
    if not found:
        raise BadFile(f"{file.path} holds no text but pictures of pages")
    note = f"only the first {most:,} of its {count:,} pages are read" if count > most else ""
    return Contents(pieces=iter(found), note=note)


def page_pieces(page: pdfium.PdfPage, number: int, config: ParseConfig) -> Iterator[Piece]:
    """One page."""
    image, place = render_page(page)
    yield Piece(kind="page", image=image, box_px=(0, 0, *image.size), page=number)
    for passage in pack(paragraphs(lines_of(page, place, image.size)), config.chunk_chars):
        yield Piece(kind="text", text=running_text(passage), box_px=around(passage), page=number)


def render_page(page: pdfium.PdfPage) -> tuple[Image, pdfium.PdfPosConv]:
    """The page's picture, and what turns a place on the page into one in the picture."""
    bitmap = page.render(scale=LONG_SIDE_PX / max(*page.get_size(), 1))
    image: Image = bitmap.to_pil().convert("RGB")
    image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX))  # sizes are rounded up
    place = bitmap.get_posconv(page)
    bitmap.close()
    return image, place


def lines_of(page: pdfium.PdfPage, place: pdfium.PdfPosConv, size: tuple[int, int]) -> Iterator[TextLine]:
    """The lines of letters as PDFium orders them, each with its box; rows of tables with their cells apart."""
    letters = page.get_textpage()
    codes = [raw.FPDFText_GetUnicode(letters, at) for at in range(letters.count_chars())]
    ends = [at for at, code in enumerate([*codes, ord("\n")]) if chr(code) in NEWLINES]
    starts = [0, *(at + 1 for at in ends)]
    lines = [
        [line for part in parts if (line := segment(letters, codes, part, place, size)) is not None]
        for parts in (split_at_gaps(letters, codes, span, place) for span in zip(starts, ends, strict=False))
    ]
    letters.close()
    yield from join_cells(line for line in lines if line)


def segment(
    letters: pdfium.PdfTextPage, codes: Sequence[int], span: Span, place: pdfium.PdfPosConv, size: tuple[int, int]
) -> TextLine | None:
    """Letters from one place to another, as a line with its box; None where nothing is seen."""
    text = readable(codes[slice(*span)])
    box = box_of(letters, span[0], span[1] - span[0], place, size) if text else None
    return TextLine(text=text, box_px=box) if box is not None else None


def split_at_gaps(
    letters: pdfium.PdfTextPage, codes: Sequence[int], span: Span, place: pdfium.PdfPosConv
) -> list[Span]:
    """The parts of a line that are further apart than words are."""
    blanks = [at for at in range(span[0] + 1, span[1] - 1) if codes[at] == BLANK and codes[at - 1] != BLANK]
    cuts = [at for at in blanks if is_gap(letters, codes, at, span[1], place)]
    return list(zip([span[0], *cuts], [*cuts, span[1]], strict=True))


def is_gap(letters: pdfium.PdfTextPage, codes: Sequence[int], at: int, end: int, place: pdfium.PdfPosConv) -> bool:
    """Whether the blank at a place is wider than one between words."""
    after = next((n for n in range(at, end) if codes[n] != BLANK), at)
    left, right = letters.get_charbox(at - 1, loose=True), letters.get_charbox(after, loose=True)
    (_, low), (ends, high) = place.to_bitmap(*left[:2]), place.to_bitmap(*left[2:])
    begins = min(place.to_bitmap(*right[:2])[0], place.to_bitmap(*right[2:])[0])
    ends = max(ends, place.to_bitmap(*left[:2])[0])
    return bool(begins - ends > GAP * abs(low - high))


def readable(codes: Sequence[int]) -> str:
    """The letters of a line; a word that goes on in the next one is put together."""
    text = "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.translate(HYPHENS).replace("\0", "").split())


def box_of(
    letters: pdfium.PdfTextPage, start: int, count: int, place: pdfium.PdfPosConv, size: tuple[int, int]
) -> Box | None:
    """The box around some letters, within the picture; None if they are outside of it."""
    corners = [
        place.to_bitmap(x, y)
        for rectangle in map(letters.get_rect, range(letters.count_rects(start, count)))
        for x, y in (rectangle[:2], rectangle[2:])
    ]
    if not corners:
        return None
    xs, ys = zip(*corners, strict=True)
    left, right = (min(max(x, 0), size[0]) for x in (min(xs), max(xs) + 1))
    top, bottom = (min(max(y, 0), size[1]) for y in (min(ys), max(ys) + 1))
    return (left, top, right, bottom) if left < right and top < bottom else None


def paragraphs(lines: Iterator[TextLine]) -> Iterator[Paragraph]:
    """Lines that follow closely, in letters of one size."""
    block: list[TextLine] = []
    opens = False
    for line in lines:
        before = block[-1] if block else None
        if before is not None and not is_continued(before, line):
            yield Paragraph(lines=tuple(block), opens=opens)
            block, opens = [], begins(before.box_px, line.box_px)
        block.append(line)
    if block:
        yield Paragraph(lines=tuple(block), opens=opens)


def is_continued(before: TextLine, line: TextLine) -> bool:
    """Whether a line belongs to the same paragraph or table as the one before it."""
    if (before.is_row and line.is_row) or follows(before.box_px, line.box_px):
        return True
    return not (before.is_row or line.is_row) and is_wrapped(before, line)


def is_wrapped(before: TextLine, line: TextLine) -> bool:
    """Whether a line of Chinese, which is set with more room, was full before its sentence ended."""
    (left, _, right, bottom), (next_left, top, next_right, next_bottom) = before.box_px, line.box_px
    height = bottom - before.box_px[1]
    near = 0 < top - bottom < WIDE_APART * height and abs(next_bottom - top - height) < 0.35 * height
    full = next_right <= right + height and abs(next_left - left) < 3 * height
    return near and full and WITHIN_SENTENCE.search(before.text) is not None and right - left > LONG_LINE * height


def follows(before: Box, box: Box) -> bool:
    """True if a line is the next one of the same paragraph: just below, overlapping in width, of the same height."""
    height, next_height = before[3] - before[1], box[3] - box[1]
    near = -0.5 * height < box[1] - before[3] < APART * height
    beside = box[0] < before[2] and before[0] < box[2]
    return near and beside and max(height, next_height) < TALLER * min(height, next_height)


def begins(before: Box, box: Box) -> bool:
    """True if a line opens something new: it is much taller, or stands higher up, as the top of a column does."""
    return box[3] - box[1] > TALLER * (before[3] - before[1]) or box[3] <= before[1]


def running_text(passage: Passage) -> str:
    """The passage as running text, with an empty line between paragraphs."""
    return "\n\n".join(join_lines(lines) for lines in passage)


def join_lines(lines: Sequence[TextLine]) -> str:
    """The lines of a paragraph in a row; those of a table, and labels with their values, below one another."""
    text = lines[0].text
    for before, line in pairwise(lines):
        chinese = HAN.search(before.text[-1:]) and HAN.search(line.text[:1])
        labelled = LABEL.match(line.text) and (LABEL.match(before.text) or len(before.text) < SHORT_LINE)
        text += ("\n" if before.is_row or line.is_row or labelled else "" if chinese else " ") + line.text
    return text


def around(passage: Passage) -> Box:
    """The box around all lines."""
    lefts, tops, rights, bottoms = zip(*(line.box_px for lines in passage for line in lines), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
