"""Can it be asked? Questions and queries in printable letters."""

import re
from collections.abc import Collection
from dataclasses import replace

from deepseek_mm.config import RagConfig
from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.search_filters import merge_filters
from deepseek_mm.language.search_syntax import check_collection, read_box
from deepseek_mm.language.words import printable
from deepseek_mm.types import Check, Picture, Query, Question
from index import Filter
from index.region import UPLOADS

PHOTO_ASKED, CODE_ASKED = "What is in this photo?", "Which code shows or makes this?"  # where a picture has no words
MOST_WEIGHT = 10.0  # of a picture beside words: beyond it the words say nothing any more


def validate_question(question: Question, config: RagConfig) -> Question:
    """The question in printable letters; pictures without words are described. BadQuestion if it cannot be asked."""
    name = "max_code_chars" if question.about == "code" else "max_question_chars"
    if len(question.text) > (most := getattr(config, name)):
        raise BadQuestion(
            f"the question has {len(question.text):,} characters, and rag.{name} allows {most:,}. "
            f"Shorten it, or raise rag.{name}"
        )
    text, pictures = printable(question.text), question.pictures
    if len(pictures) > config.max_pictures:
        raise BadQuestion(
            f"the question brings {len(pictures)} pictures, and rag.max_pictures allows {config.max_pictures}. "
            "Leave some out, or add them to the library and ask there"
        )
    if not text and not pictures:
        example = "Who calls load?" if question.about == "code" else "Is there a dog on the beach?"
        raise BadQuestion(f"the question is empty. Type one, for example: {example}")
    if question.request is not None and not question.request.acts:
        raise BadQuestion(
            "the question is understood as nothing at all. Name one act at least, or none to have it read"
        )
    first, *more = pictures or [Picture(name=question.image_name)]
    text = text or (CODE_ASKED if question.about == "code" else "What is in these pictures?" if more else PHOTO_ASKED)
    return replace(
        question,
        text=text,
        request=question.request and question.request.with_words(text),
        image=first.image,
        image_name=printable(first.name),
        image_path=first.path,
        more=tuple(more),
    )


def validate_query(query: Query) -> Query:
    """The query in printable letters. BadQuestion for a query of nothing."""
    clean = replace(query, text=printable(query.text))
    if not 0 <= query.image_weight <= MOST_WEIGHT:  # NaN is not
        raise BadQuestion(
            f"the picture's weight {query.image_weight} must be a number from 0 to {MOST_WEIGHT:g}. 1 counts it as "
            "much as the words, 2 twice as much"
        )
    if clean.image is not None and not clean.image_weight:
        clean = replace(clean, image=None)
    if not clean.text and clean.image is None and not clean.like:
        raise BadQuestion("the search is empty. Type some words, for example: a dog on a beach, or add a picture")
    return clean


def parse_query_box(query: Query, where: Filter, collections: Collection[str]) -> tuple[Query, Filter]:
    """The query as the search box's language means it, and what it may find besides what `where` bounds it to.

    BadQuestion for a query of nothing, one that contradicts itself or `where`, a collection that there is not, and
    what the language does not know.
    """
    clean = validate_query(query)
    if where.collection != UPLOADS:
        check_collection(where, collections)
    box = read_box(clean.text, collections=collections)
    return replace(clean, text=box.text, terms=box.terms), merge_filters(where, box.where)


def failure_check(error: BaseException) -> Check:
    """Why there is no answer, where the answer would be."""
    return Check(claim="the answer failed", numbers=(), kept=False, reason=str(error) or type(error).__name__)


MOST = 4  # questions of one text; what comes after them belongs to the last
ASKS = r"what|which|where|who|whose|when|how|why"
ENDED = re.compile(r"(?<=[?\uff1f])\s+(?=\w)")
ADDED = re.compile(rf",?\s+and\s+(?=(?:{ASKS})\b)", re.IGNORECASE)
BEGUN = re.compile(rf"(?:{ASKS}|is|are|was|were|do|does|did|can|could|has|have)\b", re.IGNORECASE)


def split_questions(text: str) -> tuple[str, ...]:
    """The questions of a text, in order: "Is there a dog? What colour is it?", "Is there a dog, and where is it?".

    A text that is one question, or whose parts are none, is left whole.
    """
    ended = [part for part in ENDED.split(text) if part.strip()]
    parts = [more for part in ended for more in (ADDED.split(part) if BEGUN.match(part.strip()) else [part])]
    parts = [part.strip() for part in parts]
    if len(parts) > MOST:
        parts = [*parts[: MOST - 1], " ".join(parts[MOST - 1 :])]
    whole = len(parts) < 2 or not all(BEGUN.match(part) and len(part.split()) > 1 for part in parts)
    return (text,) if whole else tuple(part if part[-1] in "?\uff1f" else f"{part}?" for part in parts)
