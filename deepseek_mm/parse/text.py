"""Text files: bytes are decoded into lines, and lines are packed into passages.

A passage never crosses a heading or a column, ends between paragraphs where it can and between lines where it must, and
has at most the wished length. Only a line that is longer than that is broken, at the end of a sentence if there is one.

Text says nothing about its encoding. A byte order mark decides; else it is UTF-8 if it can be, since other text hardly
ever is by accident; else the encoding whose letters look most like a language. Bytes that are no text are refused
rather than shown as letters without sense.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from charset_normalizer import from_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File, Piece
from index import Box, Symbol

EMPTY = -2  # length of an empty passage: the first paragraph needs no two newlines before it
SHORT = 4  # a passage of less than a fourth of the wished length takes a part of the next paragraph as well
STOPS = (re.compile(r"[.!?]\s+|[\u3002\uff01\uff1f]"), re.compile(r"[;:,]\s+"), re.compile(r"\s+"))  # best first


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """A line of text and its place: its number in a file, or its box on a page."""

    text: str
    number: int = 0
    box_px: Box = (0, 0, 0, 0)
    is_row: bool = False  # of a table: it stays a line of its own


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Lines that belong together."""

    lines: tuple[TextLine, ...]
    opens: bool = False  # a heading, or the top of a column: a passage begins here

    @property
    def length(self) -> int:
        """Letters, with a newline between lines."""
        return sum(len(line.text) + 1 for line in self.lines) - 1

    @property
    def is_bare(self) -> bool:
        """True for a heading without any text yet."""
        return self.opens and len(self.lines) == 1


Passage = tuple[tuple[TextLine, ...], ...]  # paragraphs, or the parts of them that fit


def pack(paragraphs: Iterable[Paragraph], most: int) -> Iterator[Passage]:
    """Passages of at most `most` letters, in order; every line is in exactly one, but a long line in several parts."""
    passage: list[list[TextLine]] = []
    length, bare = EMPTY, False
    for paragraph in paragraphs:
        full = length + 2 + paragraph.length > most and length >= most // SHORT
        breaks, begins = full or (paragraph.opens and not bare), True
        for line in (part for whole in paragraph.lines for part in break_line(whole, most)):
            if passage and (breaks or length + 1 + begins + len(line.text) > most):
                yield tuple(map(tuple, passage))
                passage, length, begins = [], EMPTY, True
            passage += [[]] if begins else []
            passage[-1].append(line)
            length += 1 + begins + len(line.text)
            breaks = begins = False
        bare = paragraph.is_bare
    if passage:
        yield tuple(map(tuple, passage))


def break_line(line: TextLine, most: int) -> Iterator[TextLine]:
    """The line, or its parts of at most `most` letters."""
    start, end = 0, len(line.text)
    while end - start > most:
        ends = [[stop.end() for stop in stops.finditer(line.text, start + most // 2, start + most)] for stops in STOPS]
        stop = next((found[-1] for found in ends if found), start + most)
        yield replace(line, text=line.text[start:stop].rstrip())
        start = stop
    yield replace(line, text=line.text[start:]) if start else line


MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = ["cp1252", "cp1251", "cp932", "gb18030", "big5", "cp949", "koi8_r", "cp1253", "cp1250", "euc_jp"]  # by use
SAMPLE_BYTES = 1_000_000  # enough to tell an encoding by
CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")  # bytes that no text has, but for a stray one
LEAST_ZEROS = 0.03  # of the letters of UTF-16: commas and line ends at the least
MOST_CONTROLS = 0.005  # of all bytes
HEADING = re.compile(r"#{1,6}\s+\S")
UNDERLINE = re.compile(r"[=~^-]{3,}\s*$")
UNDERLINING = tuple("=-~^")
UNDERLINES = {"=": 1, "-": 2}  # levels; others lie below
FENCE = re.compile(r"\s*(```|~~~)")
NO_LETTERS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "utf_7")
Title = tuple[int, str]  # level of a heading and its words


def read_text(file: File, config: ParseConfig) -> Contents:
    """Plain text and Markdown, in passages."""
    text, note = shorten_file(file, config)
    return Contents(pieces=passages(text, config), note=note)


def shorten_file(file: File, config: ParseConfig) -> tuple[str, str]:
    """As many letters of a file as are read, and a note if that is not all; of a large file only the first bytes are
    here.
    """
    text, note = shorten_text(decode_text(file.data, name=file.path), config)
    return text, note if file.is_in_memory else f"Only the first {len(text):,} letters are read (parse.max_chars)."


def find_encoding(name: str) -> str:
    """The name of an encoding of letters as Python has it. LookupError for any other, and for one that costs the square
    of what it decodes.
    """
    found = codecs.lookup(name[:40])
    if not found._is_text_encoding or found.name.replace("-", "_") in NO_LETTERS:
        raise LookupError(f"{name[:40]!r} is no encoding of a text")
    return found.name


def decode_text(data: bytes, *, name: str) -> str:
    """The letters, with every end of a line as one newline. BadFile if they are none."""
    text = letters(data, name=name).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise BadFile(f"{name} holds no text: {len(data):,} bytes of blanks. Leave it out, or copy it again")
    return text


def letters(data: bytes, *, name: str) -> str:
    """Bytes as letters."""
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    if marked is not None:
        return data.decode(marked, "replace").replace("\0", "")
    wide = guess_utf16(data)
    if wide:
        return data.decode(wide, "replace").replace("\0", "")
    if len(CONTROLS.findall(data[:SAMPLE_BYTES])) > MOST_CONTROLS * min(len(data), SAMPLE_BYTES):
        raise binary(data, name)
    try:
        return data.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return data.decode(guess_encoding(data, name=name), "replace").replace("\0", "")


def guess_utf16(data: bytes) -> str:
    """UTF-16 without its mark: zeros, of ASCII letters, marks and line ends, on one side of the pairs alone."""
    sample = data[: SAMPLE_BYTES // 2 * 2]
    evens, odds = sample[::2].count(0), sample[1::2].count(0)
    few = max(evens, odds) < LEAST_ZEROS * len(sample) / 2
    if few or len(data) % 2 or min(evens, odds):
        return ""
    encoding = "utf-16-le" if odds else "utf-16-be"
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return ""
    return encoding if all(letter.isprintable() or letter.isspace() for letter in text) and "\n" in text else ""


def guess_encoding(data: bytes, *, name: str) -> str:
    """The encoding whose letters look most like a language; of equals the commonest."""
    sample = data if len(data) <= SAMPLE_BYTES else data[:SAMPLE_BYTES].rpartition(b"\n")[0] or data[:SAMPLE_BYTES]
    found = [match for match in from_bytes(sample, cp_isolation=ENCODINGS) if match.encoding in ENCODINGS]
    if not found:
        raise binary(data, name)
    best = min(found, key=lambda match: (match.chaos, -match.coherence, ENCODINGS.index(match.encoding)))
    return best.encoding


def binary(data: bytes, name: str) -> BadFile:
    """The refusal of bytes that are no text."""
    return BadFile(f"{name} is no text, whatever its name says: it begins with {data[:16]!r}. Give it its right ending")


def shorten_text(text: str, config: ParseConfig) -> tuple[str, str]:
    """As much of the text as is read, and a note if that is not all."""
    return text[: config.max_chars], note_length(len(text), config)


def note_length(chars: int, config: ParseConfig) -> str:
    """What to say of a text of so many letters; "" where all of it is read."""
    if chars <= config.max_chars:
        return ""
    return f"Only the first {config.max_chars:,} of its {chars:,} letters are read (parse.max_chars)."


def part_passages(parts: Iterable[str], config: ParseConfig, *, goes_on: bool = False) -> Iterator[Piece]:
    """The passages of pages, slides or chapters, each with the number of its part, from 1; none crosses two of them.

    Where the text `goes_on` from part to part, so does the section that it is in.
    """
    left, section = config.max_chars, None
    for number, whole in enumerate(parts, 1):
        text = whole[:left]
        left -= len(text)
        for piece in passages(text, config, numbered=False) if text else ():
            section = piece.symbol or (section if goes_on else None)
            yield replace(piece, page=number, symbol=section)


def passages(text: str, config: ParseConfig, *, numbered: bool = True) -> Iterator[Piece]:
    """The text's passages, with their sections, and the lines that they stand on if the text is the file's own."""
    titles: dict[int, Title] = {}  # of the lines that were read so far

    def note_titles() -> Iterator[Paragraph]:
        for block in paragraphs(text):
            if block.opens:
                titles[block.lines[0].number] = title_of(block)
            yield block

    above: tuple[Title, ...] = ()
    for passage in pack(note_titles(), config.chunk_chars):
        first, last = passage[0][0].number, passage[-1][-1].number
        for level, name in (titles[line.number] for part in passage for line in part if line.number in titles):
            above = (*(title for title in above if title[0] < level), (level, name))
        lines = (first, last) if numbered else (0, 0)
        yield Piece(kind="text", text=join_passage(passage), lines=lines, symbol=section(above))


def title_of(block: Paragraph) -> Title:
    """The level of a heading, 1 the highest, and its words."""
    first, under = block.lines[0].text, block.lines[1].text[:1] if len(block.lines) > 1 else ""
    marks = len(first) - len(first.lstrip("#"))
    words = first.strip("# ") if HEADING.match(first) else first.strip()
    return marks if HEADING.match(first) else UNDERLINES.get(under, len(UNDERLINES) + 1), words


def section(titles: Sequence[Title]) -> Symbol | None:
    """The section below these headings, the highest first; None before the first heading."""
    if not titles:
        return None
    return Symbol(name=titles[-1][1], parent=".".join(name for _, name in titles[:-1]), kind="section")


def join_passage(passage: Passage) -> str:
    """The passage as it is read, with an empty line between paragraphs."""
    return "\n\n".join("\n".join(line.text for line in lines) for lines in passage)


def paragraphs(text: str) -> Iterator[Paragraph]:
    """Lines between empty ones; a heading begins a paragraph. Between fences is code, which has no headings."""
    block: list[TextLine] = []
    opens = fenced = False
    for number, (line, following) in enumerate(pairwise(chain(split_lines(text), ("",))), 1):
        starts = not fenced and is_heading(line, following)
        if block and (starts or not line):
            yield Paragraph(lines=tuple(block), opens=opens)
            block, opens = [], False
        fenced ^= bool(FENCE.match(line))
        opens |= starts
        block += [TextLine(text=line, number=number)] if line else []
    if block:
        yield Paragraph(lines=tuple(block), opens=opens)


def split_lines(text: str) -> Iterator[str]:
    """The lines without blanks at their ends, one after the other: of some million a list would be large."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].rstrip()
        start = end + 1
    yield text[start:].rstrip()


def is_heading(line: str, following: str) -> bool:
    """A line with number signs before it, or underlined."""
    if line[:1] == "#" and HEADING.match(line):
        return True
    if following[:1] not in UNDERLINING or not UNDERLINE.match(following):
        return False
    return 0 < len(line.strip()) <= len(following.strip()) + 3 and not UNDERLINE.match(line)
