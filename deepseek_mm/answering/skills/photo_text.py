"""What is written in a photo, as an answer: a price, the texts themselves, or the one sentence that answers."""

import re
from collections.abc import Sequence
from typing import TypeVar

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import note_of, quote_text, title
from deepseek_mm.answering.notes import MONEY
from deepseek_mm.language.words import content, is_negated, quotable
from deepseek_mm.retrieval.evidence import pieces
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act, Claim, Draft
from deepseek_mm.vision.ocr import TextBlock
from index import Region

SURE_OF_READING, SURE_OF_PRICE = 0.7, 0.6  # how often such an answer is right
MOST_TEXTS = 6  # texts of a photo that are quote_text
SMALL_COINS = re.compile(r"(?<!\d)(\d{1,3})(\d[05])(?!\d)")  # of a price they are printed small: 3490 is 34.90
TWO_DIGITS = re.compile(r"\d{1,3}")


Line = TypeVar("Line", Region, TextBlock)


def price_in(texts: Sequence[Line]) -> tuple[str, Line] | None:
    """The amount of money that is written in a photo, and where; small coins stand apart or beside: 79 95, 3490."""
    for region in texts:
        if found := MONEY.search(region.text):
            return found[0], region
    for one, other in zip(texts, texts[1:], strict=False):
        if TWO_DIGITS.fullmatch(one.text.strip()) and re.fullmatch(r"\d[05]", other.text.strip()):
            return f"{one.text.strip()}.{other.text.strip()}", one
    for region in texts:
        if found := SMALL_COINS.search(region.text):
            return f"{found[1]}.{found[2]}", region
    return None


def quote_texts(act: Act, match: PhotoMatch) -> Draft:
    """What is written in the photo; where a number is asked for, the texts that have one."""
    numbered = EvidenceList()
    numeric = [region for region in match.read if re.search(r"\d", region.text)]
    texts = (numeric if act.form == "number" else []) or list(match.read)
    numbers = tuple(numbered.add(region, siblings=match.regions) for region in texts[:MOST_TEXTS])
    words = "; ".join(dict.fromkeys(quote_text(region) for region in texts[:MOST_TEXTS]))
    claim = Claim(f'{title(match)}{note_of(match)} says: "{words}"', numbers, SURE_OF_READING)
    return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_READING, grounds="read")


LONG_TEXT = 4  # words from which a text can answer a question
LEAST_SHARE = 0.3  # of the question's words that a sentence must carry
LOOKS_RIGHT = 0.3  # what it is worth that a sentence has a number, a name or a price where that is asked for
ASKED_FOR = {  # attribute -> what its answer looks like
    "place": re.compile(r"\b\d{1,4}[a-z]? [A-Z]\w+|\b[A-Z]\w+ (?:street|road|lane|avenue|square|stra\u00dfe)\b", re.I),
    "person": re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+\b"),
    "price": MONEY,
    "date": re.compile(r"\b\d{4}\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.I),
    "time": re.compile(r"\b\d{1,2}[:.]\d{2}\b"),
    "number": re.compile(r"\d"),
}


def sentence_for(act: Act, texts: Sequence[Region]) -> tuple[str, Region] | None:
    """The sentence of a photo's text that answers: it has words of the question, and looks like what is asked for."""
    wanted, shape = set(content(act.text)), ASKED_FOR.get(act.attribute)
    sentences = [(piece, region) for region in texts for piece in pieces(region.text, region.kind)]
    long = [each for each in sentences if len(each[0].split()) >= LONG_TEXT]
    worths = [
        len(wanted & set(content(said))) / max(1, len(wanted)) + LOOKS_RIGHT * bool(shape and shape.search(said))
        for said, _ in long
    ]
    best = max(range(len(long)), key=worths.__getitem__, default=None)
    return long[best] if best is not None and worths[best] > LEAST_SHARE else None


def quote_sentence(act: Act, match: PhotoMatch, sentence: str, region: Region) -> Draft:
    """The sentence, after a no where it denies what was asked."""
    numbered = EvidenceList()
    number = numbered.add(region, siblings=match.regions)
    lead = "No: " if act.form == "yes_no" and is_negated(sentence) else ""
    text = quotable(sentence, 300).rstrip(".")
    claim = Claim(f'{lead}{title(match)} says: "{text}"', (number,), SURE_OF_READING)
    return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_READING, grounds="read")
