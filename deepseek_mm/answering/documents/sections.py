"""The sentences of a document in reading order, each under its heading; a row, an item and a label are one each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.answering.documents.question_words import HAN
from deepseek_mm.answering.documents.quotations import ROW
from deepseek_mm.retrieval.sentences import split_sentences
from deepseek_mm.retrieval.tables import order_passages
from index import Region

SentenceKind = Literal["heading", "sentence", "label", "row"]
DIGITS = r"[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341]+"  # Chinese
NUMBERED = rf"(?:\d+(?:\.\d+)*[.)]?\s+|{DIGITS}\u3001\s*)"
TITLE = re.compile(  # a line that names what stands below it
    rf"^\s*#|^{NUMBERED}?[A-Z\u00c4\u00d6\u00dc][\w'&/-]*(?: [\w'&/-]+){{0,6}}$"
    r"|^[^.!?|:\uff1a\u3002\uff0c]{2,40}[:\uff1a]\s*$"
    rf"|^(?:{DIGITS}\u3001|\u7b2c\S{{1,3}}[\u6761\u7ae0\u8282])[^\u3002\uff0c\uff1b]{{1,20}}$"
)
LABEL = re.compile(
    r"^(?P<label>[^\W\d_][^:\uff1a|.!?,\u3002\uff0c]{0,39}?)\s*(?:\uff1a|:(?=\s))\s*(?P<value>\S.*)$", re.DOTALL
)
LABEL_WORDS, LABEL_SIGNS = 5, 12  # of what stands before a colon
WRAPPED = 50  # letters of a line, from which one that ends without a stop goes on in the next
BEGINS_LABEL = re.compile(  # in a line
    r"(?:^|(?<=[^\s:]))\s*(?=\b[A-Z][\w-]*(?: (?:[a-z][\w-]*|\d{1,2}|%)){0,3}\s?:\s+\S)"
    r"|(?<=\S)\s+(?=[\u4e00-\u9fff]{2,8}[:\uff1a]\S)"
)
BULLET = re.compile(r"^\s*(?:[-*\u2022\u00b7]|\d+[.)])\s+")
RULE = re.compile(r"^[\s|:=_*-]+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionSentence:
    """One thing that a document says, and where."""

    text: str
    region: Region
    kind: SentenceKind = "sentence"
    section: str = ""  # the heading above it
    paragraph: int = 0


def read_sentences(regions: Sequence[Region]) -> list[SectionSentence]:
    """Those of the passages of one document, in order; headings among them."""
    section, found = "", list[SectionSentence]()
    for region in order_passages([region for region in regions if region.kind == "text"]):
        for number, (kind, text) in enumerate(read_blocks(region.text), len(found)):
            if kind == "heading":
                section = text
            runs = kind in ("sentence", "label")
            for part in split_block(text) if runs else [text]:
                how: SentenceKind = kind if not runs else "label" if read_label(part) else "sentence"
                found.append(SectionSentence(text=part, region=region, kind=how, section=section, paragraph=number))
    return found


def read_blocks(text: str) -> Iterator[tuple[SentenceKind, str]]:
    """Headings, rows, lines with a label, and paragraphs whose lines were wrapped."""
    paragraph: list[str] = []
    lines, below = text.splitlines(), False
    for n, line in enumerate(lines):
        kind: SentenceKind | None = None
        if line.strip() and not RULE.match(line):
            kind = kind_of(line, paragraph, lines[n + 1] if n + 1 < len(lines) else "")
            kind = "row" if kind == "heading" and below and not line.lstrip().startswith("#") else kind
            below = kind in ("heading", "row")  # of the lines of a slide the first one is its title
        if kind == "sentence":
            paragraph.append(line.strip())
            continue
        if paragraph and kind != "label":
            yield "sentence", join_lines(paragraph)
            paragraph = []
        if kind == "label":
            if paragraph:
                yield "sentence", join_lines(paragraph)
            paragraph = [line.strip()]
        elif kind is not None:
            yield kind, plain_line(line)
    if paragraph:
        yield "sentence", join_lines(paragraph)


def kind_of(line: str, before: Sequence[str], after: str) -> SentenceKind:
    """What a line is, by itself and by its neighbours: half a sentence in capitals is no heading."""
    if BULLET.match(line) and not TITLE.match(line):
        return "row"
    if read_label(line.strip()) and "|" not in line and "\t" not in line:
        return "label"
    if ROW.search(line):
        return "row" if not TITLE.match(line) else "heading"
    goes_on = bool(before) and len(before[-1]) >= WRAPPED and not before[-1].rstrip().endswith((".", "!", "?", ":"))
    if TITLE.match(line) and not goes_on and not after.lstrip()[:1].islower():
        return "heading"
    return "sentence"


def read_label(text: str) -> tuple[str, str] | None:
    """What stands before a colon, where that is short, and what behind it."""
    match = LABEL.match(text)
    if match is None:
        return None
    label, value = match["label"].strip(), match["value"].strip()
    short = len(label.split()) <= LABEL_WORDS and sum(map(len, HAN.findall(label))) <= LABEL_SIGNS
    return (label, value) if short and not value.startswith("//") else None


def plain_line(line: str) -> str:
    """Without the marks of headings, items and frames of tables."""
    return re.sub(r"^\s*#+\s*|\*\*|__", "", BULLET.sub("", line) if "|" not in line else line).strip(" |\t")


def join_lines(lines: Sequence[str]) -> str:
    """Lines that were wrapped as one; between Chinese signs without a blank."""
    joined = ""
    for line in lines:
        wide = joined and HAN.search(joined[-1:] + line[:1]) and not joined[-1:].isascii()
        joined += ("" if not joined or wide else " ") + line
    return re.sub(r"\*\*|__", "", joined)


def split_block(text: str) -> list[str]:
    """The sentences of a paragraph, and the labels that a page's layout wrote into one line."""
    several = sum(read_label(part) is not None for part in BEGINS_LABEL.split(text)) > 1
    return [part for each in (BEGINS_LABEL.split(text) if several else [text]) for part in split_sentences(each)]
