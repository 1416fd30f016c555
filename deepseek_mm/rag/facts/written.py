"""What is written: passages of documents, and the text in pictures, quoted with the place where they stand."""

from collections.abc import Sequence

from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import clean, quote_title
from deepseek_mm.rag.facts.shots import MAX_NAME
from deepseek_mm.rag.facts.wording import answers, excerpt
from deepseek_mm.records import Evidence
from index import Region

WRITTEN = ("text", "code")  # kinds of regions
MAX_QUOTE = 300  # characters of one quotation
MAX_QUOTED = 3  # passages of one answer
SEEN = ("describe", "exist", "which", "count")  # kinds of questions that photos answer first


def is_written(entry: Evidence) -> bool:
    """Is it a passage rather than something to look at?"""
    return entry.region.kind in WRITTEN


def quote_passages(
    entries: Sequence[Evidence], *, named: bool, question: str = "", whole: bool = False
) -> tuple[Claim, ...]:
    """One claim a passage, in the order given: where it stands, unless the question has `named` that, and its words.

    Those that the question asks for; all of them where it wants to read the `whole`, as far as that is short enough.
    """
    return tuple(
        Claim(
            f'{place(entry.region, named=named)} says: "{quote(entry.region, question, whole=whole)}"',
            (entry.number,),
            1.0,
        )
        for entry in entries[:MAX_QUOTED]
    )


def is_told(program: Act, entry: Evidence) -> bool:
    """Does this passage answer the question in one sentence, so that no photo needs to be looked at?"""
    return program.kind not in SEEN and answers(entry.region, program.text)


def place(region: Region, *, named: bool) -> str:
    """notes.md, lines 3 to 9; report.pdf, page 2; in a photo that is at hand just "It"."""
    if named and not region.page and region.source.kind == "photo":
        return "It"
    name = quote_title(region.source.name, MAX_NAME)
    if region.page:
        return f"{name}, page {region.page},"
    first, last = region.lines
    return f"{name}, lines {first} to {last}," if last else name


def quote(region: Region, question: str = "", *, whole: bool = False) -> str:
    """The passage, or a part of it, on one line, cut where it is long; its own quotation marks are single ones."""
    return clean(excerpt(region, question, MAX_QUOTE, whole=whole), MAX_QUOTE).replace('"', "'")


def unread(number: int) -> Claim:
    """What to say of a picture without text."""
    return Claim("I find no text in it", (number,), 1.0)
