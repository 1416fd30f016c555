"""What the row of a document says of a photo besides what it shows: who took it, under which licence."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import say_cell, silent_photo
from deepseek_mm.answering.photo_lists import UNTOLD
from deepseek_mm.answering.skills.photo_text import quote_texts
from deepseek_mm.language.words import clean, tokens
from deepseek_mm.parse.descriptions import DescribedFile
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act, Claim, Draft
from index import Region

SURE_OF_ROW = 0.85
COLUMNS = {  # what is asked -> how the column of a table may be called
    **{
        re.compile(
            r"\b(?:took|taken by|shot|photograph(?:ed|er)?|author|credits?|painted|drew|made|by whom)\b", re.I
        ): (*("author", "photographer", "credit", "creator", "by", "artist", "photo"),)
    },
    re.compile(r"\b(?:licen[cs]e[ds]?|copyright|rights|allowed to use)\b", re.I): (
        "licence",
        "license",
        "rights",
        "copyright",
    ),
    re.compile(r"\b(?:source|origin|come from|downloaded|website)\b", re.I): ("source", "origin", "from", "url"),
    re.compile(r"\bbrand|\bmaker\b|\bmanufacturer\b", re.I): ("brand", "maker", "make"),
}
OF_PICTURES = re.compile(r"\b(?:photo|picture|pic|image|shot|photograph|painting|drawing)s?\b|\.\w{3,4}\b", re.I)
WHO_TOOK = re.compile(
    r"\b(?:took|taken by|shot|photographed|author|photographer|credits?|painted|drew)\b"
    r"|\b(?:made|by)\b.*\b(?:photos?|pictures?|pics?|images?)\b",
    re.I,
)


def asks_for_row(act: Act) -> bool:
    """Does it ask for what no picture shows?"""
    if act.form == "yes_no" or act.kind in ("find", "count", "compare", "locate"):
        return False
    return bool(names_of(act)) and (bool(WHO_TOOK.search(act.text)) or not is_made(act))


def is_made(act: Act) -> bool:
    """ "What is it made of" asks for no author."""
    return bool(re.search(r"\bmade\b", act.text, re.I))


def names_of(act: Act) -> tuple[str, ...]:
    """How the column that answers may be called; empty where none would."""
    return next((names for asked, names in COLUMNS.items() if asked.search(act.text)), ())


def answer_from_row(
    act: Act, match: PhotoMatch, rows: Sequence[tuple[Region, DescribedFile]], header: Sequence[str]
) -> Draft | None:
    """The cell that answers; the whole row where no column is called so; that the photo does not say it, else."""
    numbered = EvidenceList()
    number = numbered.add_photo(match)
    texts = quote_texts(act, match) if act.kind == "read" and match.read else None
    claims = numbered.add_draft(texts) if texts else []
    for region, line in rows:
        said = cell_called(line, header, names_of(act))
        claims.append(say_cell(region, match, said, clean(" | ".join(line.cells), 200), numbered.add(region)))
    claims = claims if texts else [*claims, Claim(silent_photo(match), (number,), 1.0)]
    return Draft(
        claims=tuple(claims),
        evidence=tuple(numbered.entries),
        chance=SURE_OF_ROW if rows else UNTOLD,
        grounds="described",
        refused=not rows and not texts,
    )


def cell_called(line: DescribedFile, header: Sequence[str], names: Sequence[str]) -> tuple[str, str]:
    """Name and content of the cell under one of these names; both empty where the table has none, or an empty one."""
    columns = [name for name in header if name]
    if len(columns) != len(line.cells) + 1:  # the file's name is no cell
        return "", ""
    there = dict(zip(columns[1:], line.cells, strict=True))
    return next(((name, said) for name, said in there.items() if set(tokens(name)) & set(names)), ("", ""))
